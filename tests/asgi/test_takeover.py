"Streams that leave their requests, with the protocols of `asgi.uvicorn`, on several versions of uvicorn"
import os
import signal
import subprocess
import sys

import pytest

from .clients import HERE, retries, until, uvicorn_command

CLASSES = 'HttpTools', 'H11'
LOOPS = 'uvloop', 'asyncio'
VERSIONS = '0.30.6', '0.40.0'  # besides the installed one
IDLE = dict(heartbeat_interval=0)
SECOND = 'GET /plain HTTP/1.1\r\nHost: x\r\n\r\n'


def over(name): return f'--http=cjm_fasthtml_sse.asgi.uvicorn:{name}'


def leaves(one): return 'connection: close' in one.head


@pytest.fixture(scope='session')
def older(tmp_path_factory):
    "Return a folder with a version of uvicorn, for `PYTHONPATH`"
    made = {}
    def get(version):
        if version not in made:
            made[version] = tmp_path_factory.mktemp(f'uvicorn-{version}')
            pip = [sys.executable, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps']
            subprocess.run([*pip, '--target', made[version], f'uvicorn=={version}'], check=True)
        return made[version]
    return get


def round_trip(server, stream):
    "Streams leave, get events, are left by their clients, and end"
    before = server.debug()['tasks']
    streams = [stream(server) for _ in range(20)]
    for one in streams: one.read(b'id: ')
    assert all(map(leaves, streams))
    until(lambda: server.debug()['tasks'] == before, 'no task for a stream')
    server.get('/say?text=hello&n=30')
    for one in streams: assert one.read(b'"n": 29').count(b'"n": ') == 30
    for one in streams[5:]: one.close()
    until(lambda: server.debug()['count'] == 5, 'the others to be noticed')
    server.get('/big?size=300000')
    for one in streams[:5]: one.read(b'"n": 0}, "timestamp"')
    server.signal(signal.SIGTERM)
    server.gone()
    for one in streams[:5]:
        assert one.rest().endswith(b'0\r\n\r\n') and len(retries(one.data)) == 1
        assert one.sock.recv(1) == b''
    assert 'Traceback' not in server.log and 'ASGI callable' not in server.log


@pytest.mark.sample(2)
@pytest.mark.parametrize('loop', LOOPS)
@pytest.mark.parametrize('name', CLASSES)
def test_streams_leave_their_requests(serve, stream, name, loop):
    round_trip(serve(over(name), f'--loop={loop}', manager=IDLE), stream)


@pytest.mark.sample(2)
@pytest.mark.parametrize('version', VERSIONS)
@pytest.mark.parametrize('name', CLASSES)
def test_streams_leave_their_requests_on_older_versions(serve, stream, older, monkeypatch, name, version):
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(older(version)), os.environ.get('PYTHONPATH', '')]))
    text = f'import uvicorn; from cjm_fasthtml_sse.asgi.uvicorn import {name}; '
    text += f'uvicorn.run("app:app", port={{}}, app_dir={str(HERE)!r}, http={name})'
    server = serve(command=lambda port: [sys.executable, '-c', text.format(port)], manager=IDLE)
    assert server.debug()['uvicorn'] == version
    round_trip(server, stream)


def test_serve_of_fasthtml_hands_the_name_on(serve, stream, tmp_path):
    def command(port):
        text = f'import sys; sys.path.insert(0, {str(HERE)!r}); from app import app\n'
        text += 'from fasthtml.common import serve\n'
        text += f'serve(host="127.0.0.1", port={port}, reload=False, http={over("HttpTools")[7:]!r})\n'
        (tmp_path/'live.py').write_text(text)
        return [sys.executable, 'live.py']
    round_trip(serve(command=command, cwd=tmp_path, manager=IDLE), stream)


@pytest.mark.sample(1)
@pytest.mark.parametrize('loop', LOOPS)
@pytest.mark.parametrize('name', CLASSES)
def test_streams_leave_their_requests_over_tls(serve, stream, tls, name, loop):
    arguments, context = tls
    round_trip(serve(over(name), f'--loop={loop}', *arguments, context=context, manager=IDLE), stream)


@pytest.mark.parametrize('name', CLASSES)
def test_a_client_that_reads_late_gets_all_in_order(serve, stream, name):
    server = serve(over(name), manager=dict(max_queue_size=5, **IDLE))
    late, other = stream(server, receive_buffer=4096), stream(server)
    for one in (late, other): one.read(b'id: ')
    server.get('/big?size=30000&n=300')
    other.read(b'"n": 299')
    assert server.debug()['lag'] > 5
    server.get('/say?text=the+last')
    data = late.read(b'the last')
    numbers = [int(part.split(b'"n": ')[1].split(b'}')[0]) for part in data.split(b'data: {')[1:]]
    assert numbers == [*range(300), 0]


@pytest.mark.parametrize('name', CLASSES)
def test_a_client_that_never_reads_is_dropped_with_its_bytes(serve, stream, name):
    server = serve(over(name), manager=dict(send_timeout=0.5, **IDLE))
    reader = stream(server)
    reader.read(b'id: ')
    stream(server, receive_buffer=4096)
    until(lambda: server.debug()['count'] == 2, 'both streams')
    server.get('/big?size=3000000&n=3')
    reader.read(b'"n": 2')
    until(lambda: server.debug()['drops'] == {'stalled': 1}, 'the unread stream to be dropped')
    until(lambda: server.debug()['buffered'] == 0, 'its memory to be freed')


@pytest.mark.parametrize('name', CLASSES)
@pytest.mark.parametrize('why', ['HTTP/1.0', 'a request behind it', 'a wrapped send', 'a middleware that writes'])
def test_a_stream_stays_in_its_request(serve, stream, name, why):
    app = dict(command=lambda port: uvicorn_command(port, over(name), app='outer:wrapped')) if 'wrapped' in why else {}
    server = serve(over(name), **app, middleware='shouting' if 'writes' in why else 'own', manager=IDLE)
    more = dict([('HTTP/1.0', dict(version='1.0')), ('a request behind it', dict(more=SECOND))]).get(why, {})
    before = server.debug()['tasks']
    one = stream(server, **more)
    one.read(b'ID: ' if 'writes' in why else b'id: ')
    assert leaves(one) == (why in ('HTTP/1.0', 'a middleware that writes'))
    assert server.debug()['tasks'] > before
    server.get('/say?text=hello')
    one.read(b'HELLO' if 'writes' in why else b'hello')
    server.signal(signal.SIGTERM)
    server.gone()
    assert retries(one.rest().lower())


def test_what_a_client_sends_behind_its_stream_is_not_read(serve, stream):
    server = serve(over('HttpTools'), manager=IDLE)
    one = stream(server)
    one.read(b'id: ')
    one.sock.sendall(SECOND.encode())
    server.get('/say?text=hello')
    one.read(b'hello')
    assert server.get('/close')[1] == b'0'
    assert one.rest().endswith(b'0\r\n\r\n') and one.data.count(b'HTTP/1.1') == 1


@pytest.mark.parametrize('name', CLASSES)
def test_limits_and_the_access_log_count_a_stream(serve, stream, name):
    def command(port):
        whole = uvicorn_command(port, over(name), '--limit-concurrency=3')
        return [each for each in whole if each != '--no-access-log']
    server = serve(command=command, manager=IDLE)
    streams = [stream(server) for _ in range(2)]
    for one in streams: one.read(b'id: ')
    assert server.get('/plain')[0] == 503
    streams[0].close()
    until(lambda: server.get('/plain')[0] == 200, 'room for a request')
    assert server.log.count('"GET /sse/broadcast HTTP/1.1" 200') == 2


@pytest.mark.parametrize('workers', ['one worker', 'two workers', 'reload'])
def test_several_workers_end_their_streams(serve, stream, workers):
    more = dict([('two workers', ['--workers=2']), ('reload', ['--reload'])]).get(workers, [])
    server = serve(over('HttpTools'), *more, manager=IDLE)
    streams = [stream(server) for _ in range(10)]
    for one in streams: one.read(b'id: ')
    assert all(map(leaves, streams))
    server.signal(signal.SIGTERM)
    server.gone()
    for one in streams: assert len(retries(one.rest())) == 1
