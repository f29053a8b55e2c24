"Servers for the tests of this folder; whatever a test starts ends with it"
import json
import resource

import pytest
from fastcore.net import free_port

from .clients import Server, Stream, until, uvicorn_command


@pytest.fixture(scope='session', autouse=True)
def many_files():
    "Thousands of sockets in one test"
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.fixture
def serve(tmp_path):
    "Starts `app.py` under uvicorn: `serve('--workers', '2', manager=dict(...), middleware='gzip')`"
    started = []
    def start(*arguments, command=None, ready='/plain', cwd=None, **config):
        port = free_port()
        command = command(port) if command else uvicorn_command(port, *arguments)
        server = Server(command, port, tmp_path, dict(SSE_TEST=json.dumps(config)), ready, cwd)
        started.append(server)
        return server
    yield start
    for server in started: server.stop()


@pytest.fixture(scope='module')
def shared(tmp_path_factory):
    "Servers that the tests of a module share, one for each configuration; each test leaves its server as it was"
    started = {}
    def start(**config):
        key = json.dumps(config, sort_keys=True)
        if key not in started:
            port = free_port()
            started[key] = Server(uvicorn_command(port), port, tmp_path_factory.mktemp('server'), dict(SSE_TEST=key))
        until(lambda: started[key].debug()['count'] == 0, 'the streams of the test before to be gone')
        return started[key]
    yield start
    for server in started.values(): server.stop()


@pytest.fixture
def stream():
    "Opens streams: `stream(server, '/sse/broadcast')`"
    opened = []
    def start(server, *args, **kwargs):
        opened.append(Stream(server.port, *args, **kwargs))
        return opened[-1]
    yield start
    for one in opened: one.close()
