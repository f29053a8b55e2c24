"The first frame of a stream: one comment that no request can break, with any middleware around it"
import json
from urllib.parse import quote

import pytest


def body(stream):
    "Return the body so far, without the chunked encoding"
    rest, plain = stream.data.partition(b'\r\n\r\n')[2], b''
    while rest:
        size, _, rest = rest.partition(b'\r\n')
        plain, rest = plain + rest[:int(size or b'0', 16)], rest[int(size or b'0', 16) + 2:]
    return plain


def opening(stream):
    "Return the facts in the first frame of a manager's stream"
    stream.read(b'\nid: ')
    line, end, _ = body(stream).partition(b'\n\n')
    assert end and line.isascii() and not {*b'\r\n'} & {*line}
    return json.loads(line.removeprefix(b': connected '))


WAYS = [{}, *(dict(middleware=name) for name in ('gzip', 'base', 'counting', 'all')),
    *(dict(mounted=name) for name in ('starlette', 'fasthtml', 'base'))]


@pytest.mark.sample(3)
@pytest.mark.parametrize('way', WAYS, ids=lambda way: next(iter(way.values()), 'own'))
def test_the_opening_is_the_same_with_any_middleware(shared, stream, way):
    server = shared(**way)
    one = stream(server, '/sse/broadcast?topic=b&topic=a', headers='Last-Event-ID: a1-7\r\nAccept-Encoding: gzip\r\n')
    assert opening(one) == {'heartbeat': 15, 'from': 'a1-7', 'asked': 2, 'topics': ['a', 'b']}
    assert body(one).count(b'connected') == 1


@pytest.mark.parametrize('query', ['', '?' + '&'.join(f'topic={quote("é" * 60)}{n}' for n in range(50))])
def test_the_stream_bypasses_the_middleware_with_an_opening_of_any_length(shared, stream, query):
    "The opening is compared as a whole, with all its facts"
    server = shared(middleware='counting')
    one = stream(server, f'/sse/broadcast{query}')
    assert opening(one)['asked'] == query.count('topic')
    before = server.debug()['seen']['bodies']
    for n in range(3):
        server.get(f'/say?text=event-{n}')
        one.read(b'event-%d' % n)
    assert server.debug()['seen']['bodies'] == before


def test_other_streams_open_as_they_did(shared, stream):
    one = stream(shared(), '/frames/ends')
    one.rest()
    assert body(one).startswith(b': connected\n\n')


HOSTILE = ['a\n\ndata: forged\n\n', 'a\r\rdata: forged\r\r', 'a\r\nid: forged\r\n', '\x00', '\u2028data: forged\u2028',
    '</script><script>alert(1)</script>', '"}\n\n', '\\', '\U0001f600']


@pytest.mark.parametrize('seen', HOSTILE, ids=ascii)
def test_no_id_breaks_the_comment(shared, stream, seen):
    one = stream(shared(), f'/sse/broadcast?last_event_id={quote(seen)}')
    assert opening(one)['from'] == seen
    plain = body(one)
    assert not {line for line in plain.splitlines() if line.startswith((b'data: forged', b'id: forged'))}
    assert b'<' not in plain.partition(b'\n\n')[0]


@pytest.mark.parametrize('seen', [b'\xff\xfe\x80', 'é'.encode(), b'\xed\xa0\x80', b'a\tb"\\'], ids=ascii)
def test_no_bytes_of_a_header_break_it(shared, stream, seen):
    one = stream(shared(), '/plain')
    one.read(b'ok')
    one.data = b''
    one.sock.sendall(b'GET /sse/broadcast HTTP/1.1\r\nHost: x\r\nLast-Event-ID: ' + seen + b'\r\n\r\n')
    assert opening(one)['from'] == seen.decode('utf-8', 'replace')


@pytest.mark.parametrize('topic', ['a"}', "a'b\\", '<b>&', 'room/é\U0001f600', 'a: b'])
def test_no_topic_breaks_it(shared, stream, topic):
    assert opening(stream(shared(), f'/sse/broadcast?topic={quote(topic)}'))['topics'] == [topic]


def test_an_id_of_60_kb_is_not_given_back(shared, stream):
    "Of a text that is no id, only as much is returned as a client needs to compare"
    one = stream(shared(), headers=f'Last-Event-ID: {"9" * 60_000}\r\n')
    assert opening(one)['from'] == '9' * 200 and len(body(one)) < 1_000


def test_of_two_ids_the_opening_names_the_one_that_counts(shared, stream):
    server = shared()
    one = stream(server, '/sse/broadcast?last_event_id=query', headers='Last-Event-ID: header\r\n')
    two = stream(server, '/sse/broadcast?last_event_id=query', headers='Last-Event-ID: \r\n')
    three = stream(server, '/sse/broadcast?last_event_id=')
    assert [opening(each)['from'] for each in (one, two, three)] == ['header', 'query', None]
