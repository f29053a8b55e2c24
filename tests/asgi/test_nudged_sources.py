"Nudges of streams that an application writes itself"
import json
import random
import sys
import threading
import time
from itertools import count

import pytest
from ports import free_port

from .clients import HERE, Server, Stream, until, uvicorn_command
from .test_nudges import CHROME, FIREFOX, MOST, ON_IOS, SAFARI, nudged, take
from .test_opening import body

names = (f'stream-{n}' for n in count())
WAYS = [{}, dict(middleware='base'), dict(middleware='rewriting'), dict(mounted=True), dict(around='hand')]
KINDS = ['source', 'starlette', 'builder', 'hand', 'message', 'returns', 'pieces', 'own']


def written(port): return uvicorn_command(port, app='written:app')


def hypercorn(port):
    return [sys.executable, '-m', 'hypercorn', '-b', f'127.0.0.1:{port}', '--graceful-timeout', '1', 'written:app']


@pytest.fixture(scope='module')
def shared(tmp_path_factory):
    "Start one server for each configuration, shared by these tests, without streams of the previous test"
    started = {}
    def start(command=written, **config):
        key = json.dumps([command.__name__, config], sort_keys=True)
        if key not in started:
            env, folder = dict(SSE_TEST=json.dumps(config)), tmp_path_factory.mktemp('server')
            started[key] = Server(command(port := free_port()), port, folder, env, cwd=HERE)
        until(lambda: started[key].debug()['reading'] == 0, 'the end of the streams of the previous test')
        return started[key]
    yield start
    for server in started.values(): server.stop()


def gone(server, before):
    "Return whether no stream or task has been left since `before`"
    now = server.debug()
    return now['reading'] == 0 and now['tasks'] <= before['tasks']


class WrittenStream:
    "A stream that the application writes, and the texts that are sent to it"
    def __init__(self, server, stream, kind, agent, path='/open'):
        self.server, self.name = server, next(names)
        self.stream = stream(server, f'{path}/{kind}?name={self.name}', headers=agent)

    @property
    def text(self): return body(self.stream).decode('latin-1')

    def say(self, text):
        "Send `text`, and wait until it has arrived"
        self.server.get(f'/say?name={self.name}&text={text}')
        if text != 'end': until(lambda: take(self.stream, 0.01) and text in self.text, f'{text} to arrive')

    def nudged(self, mark): until(lambda: nudged(self.stream, mark), f'the nudges after {mark}')


@pytest.fixture
def written_stream(stream):
    "Open streams that the application writes: `written_stream(server, kind)`"
    return lambda server, kind, agent=SAFARI, **kwargs: WrittenStream(server, stream, kind, agent, **kwargs)


@pytest.mark.sample(1)
@pytest.mark.parametrize('way', WAYS, ids=lambda way: '-'.join(map(str, sum(way.items(), ()))) or 'plain')
@pytest.mark.parametrize('kind', KINDS)
def test_after_an_item_a_few_bytes_come_and_then_no_more(shared, written_stream, kind, way):
    one = written_stream(shared(**way), kind, random.choice([SAFARI, ON_IOS]))
    for text in ('first', 'second'):
        one.say(text)
        one.nudged(text)
    assert not take(one.stream, seconds=0.6)


@pytest.mark.sample(1)
@pytest.mark.parametrize('agent', [CHROME, FIREFOX, ''], ids=['chrome', 'firefox', 'none'])
def test_no_other_reader_gets_them(shared, written_stream, agent):
    "By then the Safari beside it has all of its nudges"
    server = shared()
    one, safari = written_stream(server, 'source', agent), written_stream(server, 'source')
    for each in (one, safari): each.say('first')
    safari.nudged('first')
    one.say('last')
    assert one.text == ': Connected\n\ndata: first\n\ndata: last\n\n'


def test_without_anything_around_the_application_frames_are_as_they_were(shared, written_stream):
    "The headers of the request are unknown there; a response of this package knows them"
    server = shared(around='nothing')
    one, own = written_stream(server, 'source'), written_stream(server, 'own')
    for each in (one, own): each.say('first')
    own.nudged('first')
    one.say('last')
    assert one.text == ': Connected\n\ndata: first\n\ndata: last\n\n'


def test_frames_that_a_handler_reads_are_the_same_for_every_browser(shared):
    server = shared()
    safari = {'User-Agent': SAFARI.partition(': ')[2].strip()}
    frames = [json.loads(server.get('/collected', headers=headers)[1]) for headers in (safari, {})]
    items, end = [f'data: {n}\n\n' for n in range(3)], 'event: sse-close\ndata: {"reason": "finished"}\n\n'
    assert frames == [[': Connected\n\n', *items, end, ': Connection closed\n\n']] * 2


@pytest.mark.sample(2)
@pytest.mark.parametrize('kind', ['halves', 'zipped', 'sized', 'text'])
def test_nothing_comes_where_it_would_break_something(shared, written_stream, kind):
    "No nudge in an unfinished frame, a compressed body, a body of known length, or another kind of response"
    server = shared()
    one, safari = written_stream(server, kind), written_stream(server, 'source')
    one.server.get(f'/say?name={one.name}&text=first')
    until(lambda: take(one.stream, 0.01) and b'\r\n\r\n' in one.stream.data[:-4], 'the item')
    safari.say('first')
    safari.nudged('first')
    assert not take(one.stream)


def test_heartbeats_count_the_silence_of_the_source(shared, written_stream):
    "Nudges are sent after an item and after each heartbeat, and do not delay heartbeats"
    one = written_stream(shared(), 'beats')
    one.say('first')
    begun = time.monotonic()
    until(lambda: take(one.stream, 0.01) and one.text.count(': heartbeat') == 2, 'heartbeats')
    assert time.monotonic() - begun >= 2.5
    first, between, _ = one.text.partition('first')[2].split(': heartbeat')
    assert all(1 <= each.count(':\n\n') <= MOST for each in (first, between))


def test_nothing_comes_after_the_end(shared, written_stream):
    "The connection stays open while a background task runs, and gets no nudge either"
    server = shared()
    one, lasting = written_stream(server, 'source'), written_stream(server, 'lasting')
    for each in (one, lasting):
        each.say('first')
        each.say('end')
        assert each.stream.rest().endswith(b'0\r\n\r\n') and not take(each.stream, seconds=0.3)
    assert one.text.endswith('event: sse-close\ndata: {"reason": "finished"}\n\n: Connection closed\n\n')
    server.get('/finish')
    lasting.stream.data = b''
    lasting.stream.sock.sendall(b'GET /plain HTTP/1.1\r\nHost: x\r\n\r\n')
    lasting.stream.read(b'ok')


@pytest.mark.parametrize('path', ['/open', '/guarded'])
def test_a_client_that_does_not_read_leaves_nothing(shared, written_stream, path):
    server = shared()
    before = server.debug()
    frozen = Stream(server.port, f'{path}/hand?name=frozen', SAFARI, receive_buffer=4_096)
    safari = written_stream(server, 'source')
    try:
        until(lambda: server.debug()['reading'] == 2, 'both streams')
        for _ in range(20): server.get('/big?name=frozen&size=300000')
        safari.say('first')
        safari.nudged('first')
    finally:
        frozen.close()
        safari.stream.close()
    until(lambda: gone(server, before), 'the end of all streams and tasks')
    assert 'Traceback' not in server.log, server.log[-3_000:]


@pytest.mark.sample(1)
@pytest.mark.parametrize('way', [{}, dict(middleware='base'), dict(mounted=True)], ids=['plain', 'base', 'mounted'])
def test_readers_that_leave_at_any_moment_leave_nothing(shared, way):
    server, stop, moments = shared(**way), threading.Event(), random.Random(7)
    before = server.debug()
    def talk():
        while not stop.is_set():
            for i in range(6): server.get(f'/say?name=leaving-{i}&text=' + 'x' * 500)
            time.sleep(moments.uniform(0, 0.03))  # fast enough that nudges and items meet
    talking = threading.Thread(target=talk)
    talking.start()
    try:
        for i in range(90):
            path = f'/{"open" if i % 2 else "guarded"}/{KINDS[i % 4]}?name=leaving-{i % 6}'
            with Stream(server.port, path, SAFARI) as one:
                if i % 3: one.read([b'HTTP', b'data: ', b':\n\n'][i % 3])
    finally:
        stop.set()
        talking.join()
    until(lambda: gone(server, before), 'the end of all streams and tasks')
    assert 'Traceback' not in server.log, server.log[-3_000:]


def test_on_another_server_they_come_as_well(shared, written_stream):
    pytest.importorskip('hypercorn')
    one = written_stream(shared(hypercorn), 'source')
    one.say('first')
    one.nudged('first')
    one.say('second')
    one.nudged('second')
