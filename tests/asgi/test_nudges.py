"Nudges: extra bytes for browsers that hold back the end of a chunk, and for no others"
import asyncio
import contextlib
import random
import re
import sys
import threading
import time

import pytest
from cjm_fasthtml_sse.asgi.nudges import NUDGE, NUDGE_DELAYS, NudgedResponse
from until import until_async

from .clients import HERE, Stream, until
from .test_opening import body

MAC = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit'
SAFARI = f'User-Agent: {MAC}/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15\r\n'
ON_IOS = 'User-Agent: Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142.0 Mobile/15E148\r\n'
CHROME = f'User-Agent: {MAC}/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n'
FIREFOX = 'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0\r\n'
MOST = 4  # after one write


def nudges(text): return len(re.findall('^:$', text, re.M))


def after(stream, mark): return body(stream).decode().rpartition(mark)[2]


def take(stream, seconds=0.05):
    "Return the bytes that arrive within that time"
    stream.sock.settimeout(seconds)
    with contextlib.suppress(TimeoutError):
        stream.data += (found := stream.sock.recv(2**16))
        return found


def nudged(stream, mark):
    "Return whether all nudges after `mark` have arrived"
    take(stream)
    return nudges(after(stream, mark)) == MOST


def hypercorn(port):
    return [sys.executable, '-m', 'hypercorn', '-b', f'127.0.0.1:{port}', '--graceful-timeout', '1', 'outer:wrapped']


@pytest.mark.sample(1)
@pytest.mark.parametrize('agent', [SAFARI, ON_IOS], ids=['safari', 'ios'])
@pytest.mark.parametrize('way', [{}, dict(middleware='all'), dict(mounted='starlette'), dict(mounted='base')],
    ids=lambda way: next(iter(way.values()), 'own'))
def test_after_an_event_a_few_bytes_come_and_then_no_more(shared, stream, way, agent):
    server = shared(manager=dict(heartbeat_interval=0), **way)
    one = stream(server, headers=agent)
    one.read(b'id: ')
    for n in range(2):
        server.get(f'/say?text=event-{n}')
        one.read(b'event-%d' % n)
        until(lambda n=n: nudged(one, f'event-{n}'), 'the nudges')
    assert not take(one, seconds=0.6)
    assert not re.search('^:.', after(one, 'event-1'), re.M)


@pytest.mark.sample(1)
@pytest.mark.parametrize('agent', [CHROME, FIREFOX, ''], ids=['chrome', 'firefox', 'none'])
def test_no_other_reader_gets_them(shared, stream, agent):
    "The Safari beside it does, from the same event; by then the other would have too"
    server = shared(manager=dict(heartbeat_interval=0))
    one, safari = stream(server, headers=agent), stream(server, headers=SAFARI)
    for each in (one, safari): each.read(b'id: ')
    for n in range(3):
        server.get(f'/say?text=event-{n}')
        for each in (one, safari): each.read(b'event-%d' % n)
        until(lambda n=n: nudged(safari, f'event-{n}'), 'the nudges of Safari')
    server.get('/say?text=last')
    one.read(b'last')
    assert nudges(body(one).decode()) == 0


def test_what_follows_at_once_is_not_kept_apart_by_them(shared, stream):
    "Events that follow one another without a pause have no nudge between them"
    server = shared(manager=dict(heartbeat_interval=0))
    one = stream(server, headers=SAFARI)
    one.read(b'id: ')
    server.get('/say?n=500&text=burst')
    one.read(b'"n": 499')
    until(lambda: nudged(one, '"n": 499'), 'the nudges after the last one')
    numbers = [int(n) for n in re.findall('"n": ([0-9]+)', body(one).decode())]
    assert numbers == list(range(500))


@pytest.mark.parametrize('kind', ['waits', 'bare'])
def test_a_stream_of_frames_gets_them_too(shared, stream, kind):
    "Its writer exists all the time, and waits for its source"
    one = stream(shared(), f'/frames/{kind}', headers=SAFARI)
    if kind == 'waits':
        one.read(b'<p>0</p>')
        until(lambda: nudged(one, '<p>0</p>'), 'the nudges')
        assert not take(one, seconds=0.6)
    else: one.read(b'data: 1000\n')  # a source that never waits leaves no pause for them
    one.close()


def test_nothing_comes_after_the_end(shared, stream):
    server = shared()
    one = stream(server, '/frames/ends', headers=SAFARI)
    assert one.rest().endswith(b'0\r\n\r\n') and not take(one, seconds=0.1)
    other = stream(server, headers=SAFARI)
    other.read(b'id: ')
    server.get('/close')
    assert other.rest().endswith(b'0\r\n\r\n')
    assert body(other).decode().rstrip('\n').rpartition('\n')[2].startswith(('retry: ', 'data: '))
    assert not take(other, seconds=0.1)


@pytest.mark.parametrize('way', [{}, dict(mounted='starlette')], ids=['own', 'wrapped'])
def test_a_client_that_does_not_read_is_dropped_as_any_other(serve, stream, way):
    server = serve(manager=dict(send_timeout=1, heartbeat_interval=0), **way)
    before = server.debug()['tasks']
    reader, frozen = stream(server, headers=SAFARI), stream(server, headers=SAFARI, receive_buffer=4_096)
    for one in (reader, frozen): one.read(b'id: ')
    server.get('/big?size=3000000&n=3')
    reader.read(b'"n": 2')
    until(lambda: server.debug()['drops'] == {'stalled': 1}, 'the frozen one to be dropped')
    until(lambda: server.debug()['buffered'] == 0, 'its memory to be freed')
    server.get('/say?text=on+it+goes')
    reader.read(b'on it goes')
    reader.close()
    until(lambda: server.debug()['count'] == 0 and server.debug()['tasks'] == before, 'the end of all tasks')
    assert 'Traceback' not in server.log, server.log


@pytest.mark.sample(1)
@pytest.mark.parametrize('way', [{}, dict(middleware='base'), dict(mounted='starlette')],
    ids=lambda way: next(iter(way.values()), 'own'))
def test_readers_that_leave_at_any_moment_leave_nothing(serve, way):
    server, stop = serve(manager=dict(heartbeat_interval=0.2), **way), threading.Event()
    moments, parts = random.Random(7), [b'<p>', b'connected', b'\r\n:\n\n']
    before = server.debug()['tasks']
    def talk():
        while not stop.is_set():
            server.get('/say?n=3&text=' + 'x' * 500)
            time.sleep(moments.uniform(0, 0.03))  # fast enough that nudges and events meet
    talking = threading.Thread(target=talk)
    talking.start()
    try:
        for i in range(90):
            one = Stream(server.port, '/frames/waits' if i % 3 == 0 else '/sse/broadcast', headers=SAFARI)
            if i % 2: one.read(parts[i % 3])
            one.close()
    finally:
        stop.set()
        talking.join()
    until(lambda: server.debug()['count'] == 0, 'an empty registry')
    until(lambda: server.debug()['tasks'] == before, 'the end of the tasks')
    assert 'Traceback' not in server.log, server.log[-3_000:]


def test_on_another_server_they_come_as_well(serve, stream):
    pytest.importorskip('hypercorn')
    server = serve(command=hypercorn, cwd=HERE, manager=dict(heartbeat_interval=0))
    one = stream(server, headers=SAFARI)
    one.read(b'id: ')
    server.get('/say?text=event')
    one.read(b'event')
    until(lambda: nudged(one, 'event'), 'the nudges')


def test_a_nudge_that_takes_long_does_not_end_them():
    "As with a middleware on a busy machine, where a send takes longer than the wait for the next nudge"
    async def main():
        sent = []
        async def send(message):
            if message.get('body') == NUDGE: await asyncio.sleep(0.1)
            sent.append(message.get('body'))
        response = NudgedResponse(send)
        await response(dict(type='http.response.start', status=200, headers=[(b'content-type', b'text/event-stream')]))
        await response(dict(type='http.response.body', body=b'data: x\n\n', more_body=True))
        await until_async(lambda: sent.count(NUDGE) == len(NUDGE_DELAYS), 'the nudges', seconds=5)
        await response.end()
    asyncio.run(main())
