"HTTP/2: one connection carries many streams, and one of them ends alone"
import asyncio
import contextlib
import importlib.util
import re
import socket
import sys
import threading

import pytest
from cjm_fasthtml_sse.core.broadcast import BroadcastManager

from .clients import HERE, until, uvicorn_command
from .test_races import Wire, opens, run, scope
from .test_races import until as until_here

connection = pytest.importorskip('h2.connection')
from h2.config import H2Configuration  # noqa: E402 - needs h2
from h2.events import DataReceived, StreamEnded, StreamReset  # noqa: E402 - needs h2


def need(module):
    if not importlib.util.find_spec(module): pytest.skip(f'{module} is not installed, and not required')


def uvicorn(app):
    need('zttp')
    return lambda port: uvicorn_command(port, '--http', 'zttp', '--http2', app=f'outer:{app}')


def hypercorn(app):
    need('hypercorn')
    given = ['--graceful-timeout', '1', f'outer:{app}']
    return lambda port: [sys.executable, '-m', 'hypercorn', '-b', f'127.0.0.1:{port}', *given]


def granian(app):
    need('granian')
    given = ['--interface', 'asgi', '--working-dir', str(HERE), f'outer:{app}']
    return lambda port: [sys.executable, '-m', 'granian', '--port', str(port), *given]


class Line:
    "One HTTP/2 connection; a stream that `stalls` gets no credit after its first bytes"
    def __init__(self, port):
        self.sock = socket.create_connection(('127.0.0.1', port))
        self.lock, self.reads = threading.Lock(), threading.Event()
        self.h2 = connection.H2Connection(H2Configuration(header_encoding='utf-8'))
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(2**30)
        self.bodies, self.over, self.stalls, self.closed = {}, {}, set(), False
        self.flush()
        self.reads.set()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def flush(self): self.sock.sendall(self.h2.data_to_send())

    def get(self, path, stalls=False):
        with self.lock:
            stream = self.h2.get_next_available_stream_id()
            self.bodies[stream] = bytearray()
            if stalls: self.stalls.add(stream)
            asked = {':method': 'GET', ':path': path, ':scheme': 'http', ':authority': 'localhost'}
            self.h2.send_headers(stream, list(asked.items()), end_stream=True)
            if not stalls: self.h2.increment_flow_control_window(2**26, stream)
            self.flush()
        until(lambda: b'id: ' in self.bodies[stream], 'an open stream')
        return stream

    def read(self):
        with contextlib.suppress(OSError):
            while self.reads.wait() and (data := self.sock.recv(2**18)):
                with self.lock:
                    for event in self.h2.receive_data(data):
                        if isinstance(event, DataReceived): self.bodies[event.stream_id] += event.data
                        if isinstance(event, StreamEnded | StreamReset): self.over[event.stream_id] = type(event)
                    self.flush()
        self.closed = True

    def close(self):
        self.reads.set()
        with contextlib.suppress(OSError): self.sock.shutdown(socket.SHUT_RDWR)
        self.reader.join()
        self.sock.close()

    def numbers(self, stream): return [int(n) for n in re.findall(rb'"n": (\d+)[,}]', self.bodies[stream])]


@pytest.fixture
def line():
    "Open connections: `line(server)`"
    opened = []
    def start(server):
        opened.append(Line(server.port))
        return opened[-1]
    yield start
    for one in opened: one.close()


def sockets(server): return int(server.get('/sockets')[1])


WAYS = [(uvicorn, 'plain'), (uvicorn, 'wrapped'), (uvicorn, 'elsewhere'), (hypercorn, 'plain'), (hypercorn, 'wrapped')]


@pytest.mark.sample(2)
@pytest.mark.parametrize('kind, app', [*WAYS, (granian, 'plain')])
def test_a_stream_that_is_not_read_is_let_go_alone(serve, line, kind, app):
    "Its buffer does not grow meanwhile; granian resets it only when it reads again"
    limits = dict(heartbeat_interval=0, history_limit=1, max_bytes=2**23)
    server = serve(command=kind(app), cwd=HERE, manager=dict(send_timeout=1, **limits))
    one = line(server)
    stalled, reads = one.get('/sse/broadcast', stalls=True), one.get('/sse/broadcast')
    def send(rounds):
        for _ in range(rounds):
            before = len(one.numbers(reads))
            server.get('/big?size=1000000&n=5')
            until(lambda: len(one.numbers(reads)) == before + 5, 'a round to be read')  # noqa: B023 - used at once
        return server.debug()['rss']
    assert -send(2) + send(8) < 2e7, 'the log was full before'
    until(lambda: server.debug()['drops'] == {'stalled': 1}, 'the unread stream to be dropped')
    if kind is not granian: until(lambda: stalled in one.over, 'the end of the unread stream')
    assert one.numbers(reads) == [*range(5)] * 10 and reads not in one.over and not one.closed
    assert server.get('/say?text=on')[1] == b'1' and 'Traceback' not in server.log


@pytest.mark.sample(2)
@pytest.mark.parametrize('server, app', WAYS)
def test_a_stream_that_has_to_go_leaves_the_others_of_a_slow_connection(serve, line, server, app):
    server = serve(command=server(app), cwd=HERE, manager=dict(send_timeout=30, heartbeat_interval=0))
    one = line(server)
    goes, stays = one.get('/sse/broadcast?connection_id=tab-1'), one.get('/sse/broadcast')
    one.reads.clear()
    server.get('/big?size=1000000&n=15')
    server.get('/end?which=tab-1')
    one.reads.set()
    until(lambda: goes in one.over, 'the end of the removed stream')
    server.get('/say?text=on')
    until(lambda: one.numbers(stays) == [*range(15), 0], 'all events in the other stream')
    assert stays not in one.over and not one.closed


@pytest.mark.sample(1)
@pytest.mark.parametrize('server', [uvicorn, hypercorn])
def test_a_connection_whose_streams_were_all_let_go_goes_too(serve, line, server):
    "Its buffered bytes do not move, and no stream is left on it"
    server = serve(command=server('plain'), cwd=HERE, manager=dict(send_timeout=1, heartbeat_interval=0))
    one = line(server)
    for _ in range(2): one.get('/sse/broadcast')
    one.reads.clear()
    server.get('/big?size=1000000&n=12')
    until(lambda: server.debug()['drops'] == {'stalled': 2}, 'both to be dropped')
    until(lambda: sockets(server) == 1, 'the end of the connection')


def test_a_server_that_does_not_report_its_buffers_is_named_once(caplog):
    async def main():
        for version in ('1.1', '2', '2'):
            wire = Wire()
            asked = {**scope(), 'http_version': version}
            task = asyncio.create_task(opens(BroadcastManager())(asked, wire.receive, wire.send))
            await until_here(lambda: b'id: ' in wire.body)  # noqa: B023 - used at once
            wire.left.set()
            await task
    run(main())
    (record,) = [record for record in caplog.records if record.name.startswith('cjm_fasthtml_sse')]
    assert record.getMessage().startswith('This HTTP/2 server does not report the bytes that it buffers for a client')
