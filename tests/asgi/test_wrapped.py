"Behind a proxy and other middleware, one client is dropped alone, with all its buffered bytes"
import sys

import pytest

from .clients import HERE, until, uvicorn_command


def behind(app, *arguments):
    return lambda port: uvicorn_command(port, '--forwarded-allow-ips', '*', *arguments, app=f'outer:{app}')


@pytest.mark.sample(1)
@pytest.mark.parametrize('app', ['wrapped', 'elsewhere'])
def test_a_reader_is_let_go_alone_whatever_address_it_names(serve, stream, app):
    "One client forges another's address, one is behind a proxy; only their own connections are closed"
    server = serve(command=behind(app), manager=dict(send_timeout=1, heartbeat_interval=0))
    reader = stream(server)
    reader.read(b'id: ')
    named = '{}:{}'.format(*reader.sock.getsockname())
    for address in (named, '192.0.2.7'):
        stream(server, headers=f'X-Forwarded-For: {address}\r\n', receive_buffer=4_096)
    until(lambda: server.debug()['count'] == 3, 'all connections')
    server.get('/big?size=3000000&n=3')
    reader.read(b'"n": 2')
    until(lambda: server.debug()['drops'] == {'stalled': 2}, 'both unread streams to be dropped')
    until(lambda: server.debug()['buffered'] == 0, 'their memory to be freed')
    server.get('/say?text=on+it+goes')
    assert reader.read(b'on it goes').count(b'"n": ') == 4 and server.debug()['count'] == 1


def test_a_stopped_server_does_not_wait_for_a_wrapped_reader(serve, stream):
    "The buffered bytes of a client that does not read are dropped when the server stops"
    server = serve(command=behind('wrapped'), manager=dict(heartbeat_interval=0))
    frozen = stream(server, headers='X-Forwarded-For: 192.0.2.7\r\n', receive_buffer=4_096)
    frozen.read(b'id: ')
    until(lambda: server.get('/big?size=20000') and server.debug()['buffered'] > 0, 'a full kernel buffer')
    server.process.terminate()
    server.gone()
    assert 'Traceback' not in server.log, server.log


def hypercorn(port):
    return [sys.executable, '-m', 'hypercorn', '-b', f'127.0.0.1:{port}', '--graceful-timeout', '1', 'outer:wrapped']


def test_a_dropped_reader_leaves_hypercorn(serve, stream):
    "Closing the transport would wait for a buffer that is never read"
    pytest.importorskip('hypercorn')
    server = serve(command=hypercorn, cwd=HERE, manager=dict(send_timeout=1, heartbeat_interval=0))
    reader, frozen = stream(server), stream(server, receive_buffer=4_096)
    for one in (reader, frozen): one.read(b'id: ')
    server.get('/big?size=3000000&n=3')
    reader.read(b'"n": 2')
    until(lambda: server.debug()['drops'] == {'stalled': 1}, 'the frozen one to be dropped')
    until(lambda: server.get('/sockets')[1] == b'2', 'the end of its connection')
    server.get('/say?text=on+it+goes')
    reader.read(b'on it goes')
    assert 'Traceback' not in server.log
