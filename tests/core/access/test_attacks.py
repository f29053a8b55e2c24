"Attacks, one test each; `nbs/explains/security.ipynb` has a row for each of them"
import asyncio
import html.parser
import inspect
import itertools
import json
import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import httpx2
import pytest
from cjm_fasthtml_sse.core.admission import open_stream
from cjm_fasthtml_sse import BroadcastManager, FrameError
from cjm_fasthtml_sse.browser import elements
from cjm_fasthtml_sse.core.access import sign_topics, signed_only
from cjm_fasthtml_sse.events.mailbox import Renderer
from fasthtml.common import Div, to_xml

from .nodes import SECRET, blocks, closing, events, last_id, open_sockets, received, session_cookie, until

BREAKS = ['\n', '\r', '\r\n', '\n\n', '\r\r']
FORGED = [f'x{end}data: forged{end}{end}event: forged{end}id: forged{end}data: forged{end}{end}' for end in BREAKS]


def test_an_id_does_not_give_access_to_a_stream(two):
    one, other = two
    with closing(one.subscribe('connection_id=tab', 'ana'), one.subscribe('', 'ana')) as (named, plain):
        ours = next(id for id in one.manager.connections if id != 'tab')
        for node, id, who in itertools.product(two, ('tab', ours, ours.partition('@')[0]), ('ben', None)):
            assert node.refusal(f'/sse/broadcast?connection_id={quote(id)}', who) == 409
        assert one.refusal('/sse/broadcast?connection_id=tab', Cookie='session_=forged') == 409
        assert one.do(one.manager.send_to, 'tab', 'hint', {'for': 'ana'})
        named.read(b'"for": "ana"')
        assert received(one, plain) == []


NEAR = ['{start}', '{epoch}-0', '{epoch}-{before}', '{epoch}--1', 'forged-1', '0', "' OR 1=1", '%00', 'x' * 5000]
AHEAD = ['{epoch}-99999999']  # such a request waits, because another process may be ahead


@pytest.mark.parametrize('ids', [NEAR, pytest.param(AHEAD, marks=pytest.mark.sample(1))], ids=['near', 'ahead'])
def test_a_forged_event_id_replays_no_events_of_others(two, ids):
    one, other = two
    one.rights.granted |= {'ana': {'room/ana'}, 'ben': {'room/ben'}}
    with closing(one.subscribe('topic=room/ana', 'ana')) as (stream,):
        start = last_id(stream)
        one.do(one.manager.send_to_user, 'ana', 'hint', {'secret': 1}, key='k', retain=True)
        one.send(data={'secret': 2}, topic='room/ana', key='k', retain=True)
        one.send(data={'ben': 3}, topic='room/ben')
        received(one, stream)
        epoch, _, seen = last_id(stream).rpartition('-')
    ids = [id.format(start=start, epoch=epoch, before=int(seen) - 1) for id in ids]

    def reconnect(node, id): return node.subscribe(f'topic=room/ben&topic=room/ana&last_event_id={quote(id)}', 'ben')

    cases = list(itertools.product(two, ids))
    with ThreadPoolExecutor(len(cases)) as pool: streams = list(pool.map(reconnect, *zip(*cases, strict=True)))
    with closing(*streams):
        for (_, id), stream in zip(cases, streams, strict=True):
            assert all('secret' not in each for each in received(one, stream)), id


def test_no_spelling_of_a_topic_bypasses_authorize(two):
    one, other = two
    one.rights.granted['ben'] = {'room/1'}
    odd = ['*', 'room/2', 'room/1/../2', 'room/1%2F..%2F2', 'room%2F2', '/room/2', 'room//2', 'ROOM/2', 'room/2/']
    odd += ['./room/2', 'room/１', 'room/＊', 'room/%FF']
    bad = ['room/1%0Atopic:room/2', 'room/1%0D', 'room/2%00', '%00', 'room/%E2%80%8B2', '', 'x' * 201, 'a*', '*/2']
    bad += ['%EE%80%80user:x']
    for node in two:
        assert {node.refusal(f'/sse/broadcast?topic={quote(topic, safe="/%")}', 'ben') for topic in odd} == {403}
        assert {node.refusal(f'/sse/broadcast?topic={quote(topic, safe="/%")}', 'ben') for topic in bad} == {400}
        query = '&'.join(f'topic={quote(topic, safe="/%")}' for topic in odd)
        with closing(node.subscribe(f'{query}&topic=room/1&topic=room/*&topic=**', 'ben')) as (stream,):
            for topic in ('room/2', 'room/1/x', '/room/2'): one.send(data={'secret': topic}, topic=topic)
            assert received(one, stream) == []


def test_a_pattern_cannot_be_signed_as_a_topic(node):
    one = node(authorize=signed_only)
    for id in ('*', '**', '1/*', '*/1', '1\n2', ''.join(['x'] * 300)):
        with pytest.raises(ValueError): sign_topics(SECRET, f'job/{id}')
    token = sign_topics(SECRET, 'job/1')
    for topic in ('job/*', 'job/**', '**', 'job/2', 'job/1/*'):
        assert one.refusal(f'/sse/broadcast?signed={token}&topic={topic}') == 403
    body, _, rest = token.partition('.')
    forged = sign_topics('not the key', 'job/**', patterns=True).partition('.')[0]
    assert one.refusal(f'/sse/broadcast?signed={forged}.{rest}') == one.refusal(f'/sse/broadcast?signed={body}') == 403


@pytest.mark.parametrize('show', ['json', 'html'])
def test_no_field_forges_an_event(node, show):
    "The stream is read by an independent parser"
    def html(type, data): return Div(data['text'], type, title=data['text'], cls=type)
    one = node(builder=None if show == 'json' else html)
    with closing(one.subscribe('topic=t')) as (stream,):
        for text in FORGED:
            kind = re.sub('[\r\n\0]', ' ', text)
            if kind != text:
                with pytest.raises(FrameError): one.send(text, {'text': text}, topic='t')
            one.send(kind, {'text': text, text: text}, metadata={text: text}, topic='t', key=text)
            one.do(one.manager.send_to_user, 'ana', kind, {'text': text}, key=text)
            for topic in (text, 'a\nb'):
                with pytest.raises(ValueError): one.send('note', {'text': ''}, topic=topic)
        one.send('last', {'text': 'the last one'}, topic='t')
        stream.read(b'the last one')
        body = '\n\n'.join(blocks(stream)) + '\n\n'
    request = httpx2.Request('GET', 'http://x')
    response = httpx2.Response(200, headers={'content-type': 'text/event-stream'}, text=body, request=request)
    read = [event for event in httpx2.EventSource(response) if event.data]
    assert len(read) == len(FORGED) + 1 and {event.event for event in read} == {'message'}
    assert all(re.fullmatch('[0-9a-z]+-[0-9]+', event.id) for event in read)
    if show == 'json': assert [json.loads(event.data)['data']['text'] for event in read[:-1]] == FORGED


def test_no_request_adds_a_field_to_a_stream(node):
    "No value of a request is written into a stream unescaped"
    one = node()
    for name, text in itertools.product(('connection_id', 'topic', 'tabs'), ('1%0Adata:+forged', '1%0D%0A', '1%00')):
        assert one.refusal(f'/sse/broadcast?{name}={text}') == 400
    for seen in ('x%0Adata: forged', 'x%0D%0A%0D%0Adata: forged'):
        with closing(one.subscribe(f'last_event_id={quote(seen, safe="%")}')) as (stream,):
            assert received(one, stream) == [] and not re.search(rb'[\r\n]data: forged', stream.data)


def test_markup_in_json_is_escaped(node):
    one, text = node(), '<img src=x onerror=alert(1)></script><!--&lt;'
    with closing(one.subscribe()) as (stream,):
        one.send(text, {'text': text, text: [text, Div(text)]}, metadata={text: text})
        received(one, stream)
    body = '\n'.join(text for _, _, text in events(stream))
    assert not set('<>&') & set(body) and json.loads(body.split('\n')[0])['data']['text'] == text


class Tags(html.parser.HTMLParser):
    "Tags and names of their attributes, as a browser parses them"
    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs): self.found.append((tag, sorted(name for name, _ in attrs)))


EVIL = ['</script><script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "'><svg onload=alert(1)>", '</div>',
        '<!--<script>', 'x" onclick="alert(1)']
OF_ELEMENT = ('endpoint', 'element_id', 'swap_strategy', 'topics', 'cursor', 'refresh', 'title')
PAGE = [(elements.create_sse_element, name) for name in OF_ELEMENT]
PAGE += [(elements.create_connection_manager_script, 'registry_endpoint')]
PAGE += [(elements.sse_headers, 'local')]
PAGE += [(function, 'nonce') for function in (elements.sse_headers, elements.cleanup_sse_on_unload,
    elements.create_reconnection_script, elements.create_connection_manager_script)]


@pytest.mark.parametrize('function, name', PAGE, ids=[f'{function.__name__}-{name}' for function, name in PAGE])
def test_no_parameter_injects_markup_into_a_page(function, name):
    def page(text):
        first = dict(endpoint='/sse') if function is elements.create_sse_element else {}
        return to_xml(function(**first | {name: [text] if name == 'topics' else text}))
    assert name == 'title' or name in inspect.signature(function).parameters
    harmless = Tags(page('/plain')).found
    for text in EVIL:
        try: shown = page(text)
        except ValueError: continue  # refused is as good
        assert Tags(shown).found == harmless, (text, shown[:2000])


def test_oversized_requests_are_refused_and_the_next_one_is_served(node):
    one = node(manager=dict(max_topics=50))
    huge = [f'{name}={"x" * 40_000}' for name in ('topic', 'signed', 'last_event_id', 'connection_id')]
    huge.append('topic=a&' * 5_000)
    assert {one.refusal(f'/sse/broadcast?{query}') for query in huge} == {414}
    assert one.refusal(f'/sse/broadcast?connection_id={"x" * 1_000}') == 400
    with closing(one.subscribe(headers=f'Last-Event-ID: {"9" * 30_000}\r\n')) as (stream,):
        assert [name for name, *_ in events(stream)] == ['sse-reset'] and b'9' * 201 not in stream.data
    cookie = 'session_=' + 'x' * 30_000
    assert one.refusal('/sse/broadcast?connection_id=a', Cookie=cookie, Sec_Fetch_Site='cross-site') == 403
    for header in ('Origin', 'Sec_Fetch_Site'): assert one.refusal('/sse/broadcast', **{header: 'x' * 30_000}) == 403
    with closing(one.subscribe()): pass


def test_five_thousand_connections_of_one_user_leave_room_for_others(node):
    one = node(manager=dict(max_connections_per_user=20, max_connections=200))
    request = f'GET /sse/broadcast HTTP/1.1\r\nHost: x\r\n{session_cookie("eve")}\r\n'.encode()
    refused, socks = 0, []
    try:
        for _ in range(10):
            socks += (fresh := open_sockets(one.port, 500, request))
            answers = [sock.recv(12) for sock in fresh]
            refused += answers.count(b'HTTP/1.1 429')
            assert len(one.manager.hub.connections_of('eve')) == one.count() == 20
        assert refused == 5_000 - 20
        with closing(one.subscribe('', 'ana')) as (ana,): assert received(one, ana) == []
    finally:
        for sock in socks: sock.close()
    until(lambda: one.count() == 0, 'all of them to be closed')


def test_a_page_of_another_site_cannot_read_with_a_users_cookies(node):
    "Headers as browsers send them; `test_chat.py` uses a browser"
    one = node(allow_origins=['https://partner.example'], can_list_connections=lambda auth: True)
    paths = ['/sse/broadcast', '/sse/status', '/sse/connections', '/sse/user']
    for path, site in itertools.product(paths, ('cross-site', 'same-site')):
        assert one.refusal(path, 'ana', Sec_Fetch_Site=site, Origin='https://evil.example') == 403
        assert one.refusal(path, 'ana', Sec_Fetch_Site=site) == 403
    origins = 'https://evil.example', 'null', f'https://127.0.0.1:{one.port}.evil.example'
    for path, origin in itertools.product(paths, origins):
        assert one.refusal(path, 'ana', Origin=origin) == 403
    for path in paths[1:]:
        assert one.get(path, 'ana', Sec_Fetch_Site='same-origin')[0] == one.get(path, 'ana')[0] == 200
        _, headers, _ = one.get(path, 'ana', Sec_Fetch_Site='cross-site', Origin='https://partner.example')
        assert headers['access-control-allow-origin'] == 'https://partner.example' and headers['vary'] == 'Origin'
    same = f'Origin: http://127.0.0.1:{one.port}\r\nSec-Fetch-Site: same-origin\r\n'
    with closing(one.subscribe('', 'ana', same)): pass


def test_users_have_different_tags(node):
    "Tabs share a stream only if their tags are equal"
    one = node()
    tags = [json.loads(one.get('/sse/user', name)[2])['user'] for name in ('ana', 'ben', None, 'ana')]
    assert len(set(tags)) == 3 and tags[0] == tags[3] and all(re.fullmatch('[A-Za-z0-9_-]{22}', tag) for tag in tags)


def test_a_user_name_cannot_look_like_a_guest(node):
    assert node().refusal('/sse/broadcast', 'guest:someone') == 403


def test_a_revocation_between_replay_and_live_events_stops_both():
    async def story():
        manager = BroadcastManager(max_queue_size=10)
        start = manager.cursor()
        for n in range(1_000): await manager.broadcast('note', {'n': n, 'text': 'x' * 500}, topic='room/1')
        stream = open_stream(manager.hub, Renderer(), user='ana', topics=['room/1', 'room/2'], last_event_id=start)
        replayed = stream.take()
        assert 0 < replayed.count(b'"text"') < 1_000 and await manager.revoke('ana', 'room/1') == 1
        for n in (1, 2): await manager.broadcast('note', {'live': n}, topic=f'room/{n}')
        rest = b''
        while body := stream.take(): rest += body
        stream.on_close('left')
        return rest
    rest = asyncio.run(story())
    assert b'"text"' not in rest and b'"live": 1' not in rest and rest.count(b'"live": 2') == 1


@pytest.mark.parametrize('begun', [False, True])
def test_a_revocation_drops_waiting_retained_events(begun):
    "Events that are not rendered yet are dropped; if frames wait, their topics are unknown, so the stream ends"
    async def story():
        manager = BroadcastManager()
        for n in (1, 2): await manager.broadcast('note', {'room': n}, topic=f'room/{n}', key='k', retain=True)
        stream = open_stream(manager.hub, Renderer(), user='ana', topics=['room/1', 'room/2'])
        if begun: assert b'"room": 1' in stream.queue.take(1)
        assert await manager.revoke('ana', 'room/2') == 1
        sent = stream.closing_frame if stream.ended else stream.take()
        ended, left = stream.ended, manager.get_connection_count()
        stream.on_close('left')
        return sent, ended, left
    sent, ended, left = asyncio.run(story())
    assert b'"room": 2' not in sent and ended == begun and left == 1 - begun
    assert sent.startswith(b'event: sse-retry') if begun else sent.count(b'"room": 1') == 1
