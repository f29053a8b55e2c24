"""Shutdown: on the first signal every stream ends, however the server was started, and nothing is left

Without this package each of these servers would wait forever, since uvicorn waits for its last response.
`gone` fails after 8 seconds; the package promises one second.
"""
import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys

import pytest

from .clients import HERE, Stream, retries, until

SPAN = dict(retry_range=[5_000, 9_000], heartbeat_interval=0)


def check_retry(streams):
    "Check that each stream ended with one `retry:` within the range"
    for one in streams:
        one.rest()
        assert b'\r\n\r\n' in one.data and one.data.endswith(b'0\r\n\r\n'), one.data[-200:]
        assert len(retries(one.data)) == 1 and 5_000 <= retries(one.data)[0] <= 9_000
    return [retries(one.data)[0] for one in streams]


def open_some(server, stream, number=5, path='/sse/broadcast'):
    streams = [stream(server, path) for _ in range(number)]
    for one in streams: one.read(b'id: ')
    return streams


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT], ids=['SIGTERM', 'SIGINT'])
def test_uvicorn_in_a_process(serve, stream, number):
    server = serve(manager=SPAN)
    streams = open_some(server, stream)
    server.signal(number)
    server.gone()
    check_retry(streams)
    assert 'Finished server process' in server.log and 'Traceback' not in server.log
    assert 'force' not in server.log.partition('Application shutdown complete')[2]


@pytest.mark.parametrize(('http', 'loop'), [('httptools', 'uvloop'), ('h11', 'asyncio')])
def test_clients_that_do_not_answer_the_end_of_tls(serve, stream, tls, http, loop):
    "They sleep, and read only after the server has gone"
    arguments, context = tls
    server = serve(f'--http={http}', f'--loop={loop}', *arguments, context=context, manager=SPAN)
    streams = open_some(server, stream)
    server.signal(signal.SIGTERM)
    server.gone()
    check_retry(streams)
    assert 'Traceback' not in server.log


@pytest.mark.parametrize('mounted', ['starlette', 'base'])
def test_an_app_mounted_in_another(serve, stream, mounted):
    server = serve(manager=SPAN, mounted=mounted)
    streams = open_some(server, stream)
    server.signal(signal.SIGTERM)
    server.gone()
    check_retry(streams)
    assert 'Traceback' not in server.log


def test_two_workers(serve, stream):
    server = serve('--workers', '2', manager=SPAN)
    streams = open_some(server, stream, 12)
    server.signal(signal.SIGTERM)
    server.gone(12)
    check_retry(streams)


def test_a_limit_of_requests(serve, stream):
    "No signal arrives and `should_exit` is never set; the closed sockets are detected"
    server = serve('--limit-max-requests', '10', manager=SPAN)
    streams = open_some(server, stream)
    for _ in range(10):
        if not server.answers('/plain'): break
    server.gone()
    check_retry(streams)


APP = """
import os, sys
sys.path.insert(0, {here!r})
from app import app
from fasthtml.common import serve

@app.get('/version')
def version(): return {version!r}

serve(host='127.0.0.1', port={port})
"""


def test_serve_with_its_default_reload(serve, stream, tmp_path):
    "A file changes, the streams end and the new worker answers; then Ctrl-C reaches the whole group, as in a terminal"
    main = tmp_path/'code'/'live.py'
    main.parent.mkdir()
    def write(version, port):  # at once, since a new worker may read it at that moment
        (tmp_path/'next').write_text(APP.format(here=str(HERE), version=version, port=port))
        (tmp_path/'next').replace(main)
    def command(port):
        write('one', port)
        return [sys.executable, 'live.py']
    server = serve(command=command, cwd=main.parent, manager=SPAN, ready='/version')
    streams = open_some(server, stream)
    def is_noticed():  # a write that comes before the reloader watches is repeated
        write('two', server.port)
        with contextlib.suppress(AssertionError): return until(lambda: 'detected changes' in server.log, seconds=1)
    until(is_noticed, 'the reloader to notice')
    check_retry(streams)
    def is_new():  # an old worker may end while it is asked
        with contextlib.suppress(OSError): return b'two' in server.get('/version')[1]
    until(is_new, lambda: f'the new worker to answer; the server said:\n{server.log}\n')
    again = open_some(server, stream)
    os.killpg(server.process.pid, signal.SIGINT)
    server.gone()
    check_retry(again)


PROGRAM = """
import asyncio, json, signal, sys, threading
sys.path.insert(0, {here!r})
import uvicorn
from app import app, manager
from cjm_fasthtml_sse.asgi import shutdown
from fasthtml.jupyter import JupyUvi, nb_serve
port = {port}
def books(): return [len(b) for b in (*shutdown.registrations, manager.connections)]
def theirs(number, frame): print('theirs', number, flush=True)
signal.signal(signal.SIGTERM, theirs)
def at_the_moment(): return [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
before = at_the_moment()
"""
SERVER = """
server = uvicorn.Server(uvicorn.Config(app, port=port, access_log=False))
handlers = []
handle_exit = server.handle_exit
server.handle_exit = lambda number, frame: (handlers.append(number), handle_exit(number, frame))
asyncio.run(server.serve())
print(json.dumps(dict(books=books(), handled=handlers, back=at_the_moment() == before)), flush=True)
"""
STOP = dict(nb_serve="server = nb_serve(app, port=port, host='127.0.0.1')\nwait()\nserver.should_exit = True\n",
    JupyUvi="server = JupyUvi(app, port=port, host='127.0.0.1')\nwait()\nserver.stop()\n")
THREAD = """
def wait():
    import time
    while not app.stop_now: time.sleep(0.01)
app.stop_now = False
@app.get('/stop_now')
def stop_now():
    app.stop_now = True
    return 'stopping'
"""
LEFT = """
for thread in threading.enumerate():
    if thread is not threading.main_thread() and not thread.daemon: thread.join(20)
print(json.dumps(dict(books=books(), threads=[t.name for t in threading.enumerate() if not t.daemon],
    back=at_the_moment() == before)), flush=True)
"""


def program(*parts):
    return lambda port: [sys.executable, '-c', PROGRAM.format(here=str(HERE), port=port) + ''.join(parts)]


def said(server): return json.loads([line for line in server.log.splitlines() if line.startswith('{"books')][-1])


def test_a_server_of_a_program_and_what_is_left_of_it(serve, stream):
    "The server's own handler is called once, the earlier one is restored, and no registration is left"
    server = serve(command=program(SERVER), manager=SPAN)
    assert server.debug()['handlers'] != ['handle_signal'] * 2
    streams = open_some(server, stream)
    debug = server.debug()
    assert debug['handlers'] == ['handle_signal'] * 2 and debug['watched'] == debug['timers'] == 1
    server.signal(signal.SIGTERM)
    assert server.gone() == 0, server.log
    check_retry(streams)
    assert said(server) == dict(books=[0, 0, 0, 0], handled=[signal.SIGTERM], back=True)
    assert f'theirs {signal.SIGTERM.value}' in server.log, 'uvicorn raises it again for the earlier handler'


def test_the_handlers_are_put_back_when_the_last_stream_leaves(serve, stream):
    server = serve(command=program(SERVER), manager=SPAN)
    before = server.debug()['handlers']
    for _ in range(3):
        streams = open_some(server, stream, 2)
        assert server.debug()['handlers'] == ['handle_signal'] * 2
        for one in streams: one.close()
        until(lambda: server.debug()['count'] == 0, 'the end of the streams')
        debug = server.debug()
        assert (debug['handlers'], debug['watched'], debug['timers'], debug['clock']) == (before, 0, 0, False)


@pytest.mark.parametrize('how', STOP)
def test_a_server_in_a_notebooks_thread(serve, stream, how):
    server = serve(command=program(THREAD, STOP[how], LEFT), manager=SPAN)
    streams = open_some(server, stream)
    assert server.debug()['handlers'][1] == 'theirs', 'a thread does not change the signal handlers'
    server.get('/stop_now')
    assert server.gone(25) == 0, server.log
    check_retry(streams)
    assert said(server) == dict(books=[0, 0, 0, 0], threads=['MainThread'], back=True)


AGAIN = """
async def main():
    from fasthtml.jupyter import nb_serve_async
    id, _ = await manager.register()
    await manager.unregister(id)
    for round in range(2):
        app.stop_now = False
        server = await nb_serve_async(app, port=port, host='127.0.0.1')
        while not app.stop_now: await asyncio.sleep(0.01)
        server.should_exit = True
        while server.server_state.tasks or any(s.is_serving() for s in server.servers): await asyncio.sleep(0.01)
        print('round', round, 'has ended', flush=True)
asyncio.run(main())
"""


def test_one_server_after_another_on_the_loop_of_a_notebook(serve, stream):
    "`JupyUviAsync` serves on the notebook's own loop, which had callbacks before and has other servers after"
    server = serve(command=program(THREAD, AGAIN, LEFT), manager=SPAN)
    for round in range(2):
        until(lambda: server.answers('/plain'), 'the server of this round')
        streams = open_some(server, stream, 3)
        server.get('/say?text=hello')
        for one in streams: one.read(b'hello')
        server.get('/stop_now')
        check_retry(streams)
        until(lambda: f'round {round} has ended' in server.log, 'the end of the round', seconds=8)  # noqa: B023 - used at once
    assert server.gone(10) == 0, server.log
    assert said(server)['books'] == [0, 0, 0, 0]


SLOW_START = """
async def begin():
    import time
    id, queue = await manager.register()
    app.kept = asyncio.create_task(keep(id, queue))
    await asyncio.sleep(0.7)
async def keep(id, queue):
    try:
        while True: await queue.get()
    except Exception: print('the queue has ended', flush=True)
app.router.lifespan_context = lambda app: around()
import contextlib
@contextlib.asynccontextmanager
async def around():
    await begin()
    yield
"""


def test_a_queue_that_was_registered_before_the_server_started(serve, stream):
    "The polls of the server's state continue after a start-up that takes longer than one poll"
    server = serve(command=program(THREAD, SLOW_START, STOP['nb_serve'], LEFT), manager=SPAN)
    streams = open_some(server, stream, 2)
    server.get('/stop_now')
    assert server.gone(25) == 0, server.log
    check_retry(streams)
    assert 'AttributeError' not in server.log and said(server)['books'] == [0, 0, 0, 0]


def test_a_thousand_streams_end_at_once_each_with_a_delay_of_its_own(serve):
    server = serve(manager=SPAN)
    streams = [Stream(server.port) for _ in range(1_000)]
    try:
        for one in streams: one.read(b'id: ')
        server.signal(signal.SIGTERM)
        server.gone(15)
        delays = check_retry(streams)
    finally:
        for one in streams: one.close()
    # 1,000 draws from 4,001: fewer than 800 different values, or a mean 250 from the middle, cannot be chance
    assert len(set(delays)) > 800 and abs(sum(delays) / len(delays) - 7_000) < 250 and 'Traceback' not in server.log


def test_clients_that_come_back_at_once_do_not_hold_the_server_up(serve):
    server = serve(manager=SPAN)
    ended = []
    async def connect():
        "Connect, then repeat the request on the same connection while the server allows it"
        reader, writer = await asyncio.open_connection('127.0.0.1', server.port)
        try:
            while True:
                writer.write(b'GET /sse/broadcast HTTP/1.1\r\nHost: x\r\n\r\n')
                await reader.readuntil(b'\r\n0\r\n\r\n')
                ended.append(1)
        finally: writer.close()
    async def client():
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError): await connect()
            await asyncio.sleep(0)
    async def main():
        clients = [asyncio.create_task(client()) for _ in range(20)]
        connected = await asyncio.to_thread(until, lambda: server.debug()['count'] == 20, 'all connections')
        server.signal(signal.SIGTERM)
        status = await asyncio.to_thread(server.gone)
        for one in clients: one.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        return connected, status
    assert asyncio.run(main())[0] and len(ended) >= 20


@pytest.mark.sample(2)
@pytest.mark.parametrize('way', [{}, dict(mounted='starlette')], ids=['handed over', 'plain'])
@pytest.mark.parametrize('full', [True, False], ids=['a send is blocked', 'a little waits in the transport'])
def test_a_frozen_reader_does_not_hold_the_server_up(serve, stream, way, full):
    "Both a blocked send and a buffer without a reader would hold the server up"
    server = serve(manager=SPAN, **way)
    frozen = stream(server, receive_buffer=4_096)
    frozen.read(b'id: ')
    if full: server.get('/big?size=1000000&n=10')
    else: until(lambda: server.get('/big?size=20000') and server.debug()['buffered'] > 0, 'a full kernel buffer')
    until(lambda: server.debug()['buffered'] > 0, 'bytes in the transport')
    others = [stream(server) for _ in range(2)]
    for one in others: one.read(b'id: ')
    server.signal(signal.SIGTERM)
    server.gone()
    check_retry(others)
    assert 'Traceback' not in server.log, server.log


def test_a_frozen_reader_of_a_source_does_not_hold_the_server_up(serve, stream):
    server = serve(manager=SPAN)
    stream(server, '/frames/big', receive_buffer=4_096)
    until(lambda: server.debug()['buffered'] > 0, 'bytes in the transport')
    server.signal(signal.SIGTERM)
    server.gone()


def test_streams_of_sources_end_too_and_their_sources_are_closed(serve, stream):
    server = serve(manager=SPAN)
    streams = [stream(server, f'/frames/{kind}') for kind in ('waits', 'never', 'waits')]
    for one in streams: one.read(b'data: ')
    server.signal(signal.SIGTERM)
    for one in streams:
        one.rest()
        assert one.data.endswith(b'0\r\n\r\n') and len(retries(one.data)) == 1
    server.gone()
    assert 'Traceback' not in server.log and 'never awaited' not in server.log


def test_a_handler_of_the_old_kind_ends_too(serve, stream):
    "It registers, and yields the messages of its queue through FastHTML's `EventStream`"
    server = serve(manager=SPAN)
    one = stream(server, '/by_hand')
    until(lambda: server.debug()['count'] == 1, 'the registration of the queue')
    server.get('/say?text=hello')
    one.read(b'hello')
    server.signal(signal.SIGTERM)
    server.gone()


def test_closing_the_manager(serve, stream):
    server = serve(manager=SPAN)
    streams = open_some(server, stream)
    before = server.debug()['tasks']
    assert server.get('/close')[1] == b'0'
    check_retry(streams)
    until(lambda: server.debug()['tasks'] < before, 'the end of the tasks of the streams')
    debug = server.debug()
    assert (debug['count'], debug['watched'], debug['timers'], debug['clock'], debug['drops']) == (0, 0, 0, False, {})
    assert server.answers('/plain')
    server.signal(signal.SIGTERM)
    server.gone()


@pytest.mark.skipif(importlib.util.find_spec('granian') is None, reason='granian is not installed, and not required')
def test_granian(serve, stream):
    def command(port):
        given = ['--interface', 'asgi', '--port', str(port), '--working-dir', str(HERE)]
        return [sys.executable, '-m', 'granian', *given, 'app:app']
    server = serve(command=command, manager=SPAN)
    streams = open_some(server, stream)
    server.get('/say?text=hello')
    for one in streams: one.read(b'hello')
    server.signal(signal.SIGTERM)
    server.gone()
    check_retry(streams)


IMPORT = """
import asyncio, json, signal, sys, fasthtml.common, starlette.middleware.base, uvicorn.protocols.http.h11_impl
watched = ('asyncio', 'starlette', 'uvicorn', 'fasthtml')
modules = [module for name, module in sys.modules.items() if name.split('.')[0] in watched]
def picture():
    found = {}
    for module in modules:
        for name, value in vars(module).items():
            found[f'{module.__name__}.{name}'] = id(value)
            own = vars(value) if isinstance(value, type) else {}
            found |= {f'{module.__name__}.{name}.{k}': id(v) for k, v in own.items()}
    return found | {str(s): id(signal.getsignal(s)) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
before = picture()
import cjm_fasthtml_sse
for name in cjm_fasthtml_sse.__all__: getattr(cjm_fasthtml_sse, name)
app, manager = fasthtml.common.FastHTML(secret_key='x'), cjm_fasthtml_sse.BroadcastManager()
between = picture()
cjm_fasthtml_sse.setup_broadcast_routes(app, manager)
after = picture()
changed = lambda a, b: sorted(k for k in a.keys() | b.keys() if a.get(k) != b.get(k))
print(json.dumps([changed(before, between), changed(between, after)]))
"""


def test_importing_and_setting_up_changes_nothing_of_the_servers():
    done = subprocess.run([sys.executable, '-c', IMPORT], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == [[], []]
