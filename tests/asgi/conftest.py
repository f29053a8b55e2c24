"Servers and streams for the tests of this folder; each ends with its test"
import json
import resource
import ssl
import subprocess

import pytest
from ports import free_port

from .clients import Server, Stream, until, uvicorn_command


@pytest.fixture(scope='session', autouse=True)
def many_files():
    "Raise the limit of open files for tests with thousands of sockets"
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.fixture
def serve(tmp_path):
    "Start `app.py` under uvicorn: `serve('--workers', '2', manager=dict(...), middleware='gzip')`"
    started = []
    def start(*arguments, command=None, ready='/plain', cwd=None, context=None, **config):
        port = free_port()
        command = command(port) if command else uvicorn_command(port, *arguments)
        server = Server(command, port, tmp_path, dict(SSE_TEST=json.dumps(config)), ready, cwd, context)
        started.append(server)
        return server
    yield start
    for server in started: server.stop()


@pytest.fixture(scope='module')
def shared(tmp_path_factory):
    "Start one server for each configuration, shared by the tests of a module; each test leaves its server unchanged"
    started = {}
    def start(**config):
        key = json.dumps(config, sort_keys=True)
        if key not in started:
            port = free_port()
            started[key] = Server(uvicorn_command(port), port, tmp_path_factory.mktemp('server'), dict(SSE_TEST=key))
        until(lambda: started[key].debug()['count'] == 0, 'the end of the streams of the previous test')
        return started[key]
    yield start
    for server in started.values(): server.stop()


@pytest.fixture(scope='session')
def tls(tmp_path_factory):
    "Return uvicorn's arguments for TLS, and a context for its clients"
    folder = tmp_path_factory.mktemp('certificate')
    made = 'openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem'
    subprocess.run(made.split(), cwd=folder, check=True, capture_output=True)
    context = ssl.create_default_context(cafile=folder/'cert.pem')
    context.check_hostname = False
    return [f'--ssl-keyfile={folder}/key.pem', f'--ssl-certfile={folder}/cert.pem'], context


@pytest.fixture
def stream():
    "Open streams: `stream(server, '/sse/broadcast')`"
    opened = []
    def start(server, *args, **kwargs):
        opened.append(Stream(server.port, *args, context=server.context, **kwargs))
        return opened[-1]
    yield start
    for one in opened: one.close()
