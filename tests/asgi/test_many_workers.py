"Several workers, each with its own memory: under any server a worker logs a warning; a single worker logs none"
import asyncio
import contextlib
import importlib.util
import signal
import socket
import sys
import time

import pytest
from cjm_fasthtml_sse.core.broadcast import BroadcastManager

from .clients import HERE, until, uvicorn_command

WARNING = 'One of 2 workers keeps its events in its own memory'


def uvicorn(workers): return lambda port: uvicorn_command(port, '--workers', workers)


def reloading(workers): return lambda port: uvicorn_command(port, '--reload', '--workers', workers)


def gunicorn(workers):
    given = ['-k', 'uvicorn_worker.UvicornWorker', '-w', workers, '--chdir', str(HERE), 'app:app']
    return lambda port: [sys.executable, '-m', 'gunicorn', '-b', f'127.0.0.1:{port}', *given]


def hypercorn(workers):
    return lambda port: [sys.executable, '-m', 'hypercorn', '-b', f'127.0.0.1:{port}', '-w', workers, 'app:app']


def granian(workers):
    given = ['--interface', 'asgi', '--workers', workers, '--working-dir', str(HERE), 'app:app']
    return lambda port: [sys.executable, '-m', 'granian', '--port', str(port), *given]


def program(workers):
    text = 'import sys, uvicorn; from app import app; '
    text += f'uvicorn.Server(uvicorn.Config(app, port=int(sys.argv[1]), workers={workers})).run()'
    return lambda port: [sys.executable, '-c', text, str(port)]


def need(server):
    modules = dict(gunicorn=['gunicorn', 'uvicorn_worker'], hypercorn=['hypercorn'], granian=['granian'])
    for module in modules.get(server.__name__, ()):
        if not importlib.util.find_spec(module): pytest.skip(f'{module} is not installed, and not required')


@pytest.mark.sample(2)
@pytest.mark.parametrize('server', [uvicorn, gunicorn, hypercorn, granian])
def test_one_of_two_workers_says_so(serve, stream, server):
    need(server)
    if server is granian and sys.platform != 'linux': pytest.skip('granian does not report its number of workers')
    server = serve(command=server('2'), cwd=HERE, manager=dict(heartbeat_interval=0))
    stream(server).read(b'id: ')
    until(lambda: WARNING in server.log, 'the line in the log')


@pytest.mark.sample(3)
@pytest.mark.parametrize('server, workers', [(uvicorn, '1'), (gunicorn, '1'), (hypercorn, '1'), (granian, '1'),
    (reloading, '2'), (program, '2')])
def test_one_worker_logs_nothing(serve, stream, monkeypatch, server, workers):
    "The environment is ignored, and its parent, which listens as well, does not count"
    need(server)
    if sys.platform != 'linux': pytest.skip('processes are not visible here, so the environment decides')
    monkeypatch.setenv('WEB_CONCURRENCY', '4')
    server = serve(command=server(workers), cwd=HERE, manager=dict(heartbeat_interval=0))
    for _ in range(2): stream(server).read(b'id: ')
    server.process.terminate()
    server.gone()
    assert 'own memory' not in server.log


@pytest.mark.skipif(sys.platform != 'linux', reason='a worker that starts later is visible on Linux only')
def test_a_worker_that_starts_later_is_noticed(serve, stream):
    "The first page is requested before it starts, and no other page follows"
    need(gunicorn)
    server = serve(command=gunicorn('1'), cwd=HERE, manager=dict(heartbeat_interval=0))
    stream(server).read(b'id: ')
    assert 'own memory' not in server.log
    server.signal(signal.SIGTTIN)
    until(lambda: WARNING in server.log, 'the line in the log')


def test_a_search_among_thousands_of_sockets_does_not_hold_the_loop_up():
    async def main():
        pairs = [end for _ in range(2_500) for end in socket.socketpair()]
        for each in pairs: each.setblocking(False)
        for each in pairs: asyncio.get_running_loop().add_reader(each, lambda: None)
        gaps, last = [], time.thread_time()
        async with await asyncio.start_server(lambda reader, writer: None, '127.0.0.1'):
            await BroadcastManager().ready()
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                await asyncio.sleep(0)
                gaps, last = [*gaps, time.thread_time() - last], time.thread_time()
        for each in pairs:
            asyncio.get_running_loop().remove_reader(each)
            each.close()
        return max(gaps)
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        assert loop.run_until_complete(main()) < 0.05
        loop.run_until_complete(loop.shutdown_default_executor())
