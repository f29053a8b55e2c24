"""The response over real sockets: its start, its body, and middleware around it"""
import gzip
import socket

import pytest

from .clients import until


def test_headers_head_and_other_methods(shared, stream):
    server = shared()
    one = stream(server)
    assert 'http/1.1 200' in one.head
    for line in ('content-type: text/event-stream', 'cache-control: no-cache, no-transform', 'x-accel-buffering: no'):
        assert line in one.head
    before = server.debug()
    status, headers, body = server.request('/sse/broadcast', method='HEAD')
    assert status == 200 and headers['content-type'].startswith('text/event-stream') and body == b''
    status, headers, _ = server.request('/sse/broadcast', method='POST')
    assert status == 405 and 'GET' in headers['allow']
    assert (server.debug()['count'], server.debug()['tasks']) == (1, before['tasks'])


def test_a_head_request_leaves_its_connection_usable(shared):
    "0.0.12 wedged the keep-alive socket"
    server = shared()
    with socket.create_connection(('127.0.0.1', server.port), timeout=10) as sock:
        sock.sendall(b'HEAD /sse/broadcast HTTP/1.1\r\nHost: x\r\n\r\n')
        data = b''
        while b'\r\n\r\n' not in data: data += sock.recv(4096)
        sock.sendall(b'GET /plain HTTP/1.1\r\nHost: x\r\n\r\n')
        data = b''
        while not data.endswith(b'ok'): data += sock.recv(4096)
        assert b'200 OK' in data


@pytest.mark.parametrize('way', [{}, dict(mounted='starlette')], ids=['handed over', 'plain'])
def test_the_end_of_an_idle_client_is_noticed_at_once(shared, stream, way):
    server = shared(manager=dict(heartbeat_interval=0), **way)
    before = server.debug()['tasks']
    streams = [stream(server) for _ in range(20)]
    for one in streams: one.read(b'id: ')
    assert server.debug()['count'] == 20
    for one in streams: one.close()
    until(lambda: server.debug()['count'] == 0, 'an empty registry', seconds=10)
    until(lambda: server.debug()['tasks'] == before, 'the end of the tasks')
    debug = server.debug()
    assert (debug['watched'], debug['timers'], debug['clock'], debug['drops']) == (0, 0, False, {})


def test_an_idle_stream_costs_one_task(shared, stream):
    server = shared()
    before = server.debug()['tasks']
    streams = [stream(server) for _ in range(50)]
    for one in streams: one.read(b'id: ')
    until(lambda: server.debug()['tasks'] == before + 50, 'one task a stream')
    server.get('/say?text=hello&n=30')
    for one in streams: one.read(b'"n": 29')
    until(lambda: server.debug()['tasks'] == before + 50, 'one task a stream after events, too')


# Middleware

def session_of(one): return 'set-cookie: session_=' in one.head


KINDS = dict(own='', base='x-dispatched: yes', gzip='', counting='x-counted: yes', all='x-counted: yes')


@pytest.mark.parametrize('middleware, header', KINDS.items(), ids=KINDS)
def test_the_start_passes_the_middleware_and_events_come_at_once(shared, stream, middleware, header):
    server = shared(middleware=middleware)
    one = stream(server, '/sse/broadcast?connection_id=mine', headers='Accept-Encoding: gzip\r\nOrigin: http://x\r\n')
    one.read(b'id: ')
    assert session_of(one), 'the cookies have the session, which was set for the id'
    assert 'content-encoding' not in one.head and header in one.head
    if middleware in ('base', 'all'): assert 'set-cookie: visited=' in one.head
    before = server.debug()['seen']['bodies']
    for n in range(3):
        assert server.get(f'/say?text=event-{n}')[1] == b'1'
        one.read(b'event-%d' % n)
    assert server.debug()['seen']['bodies'] == before, 'only the first frame passes the middleware'


def test_a_middleware_that_rewrites_bodies_rewrites_every_frame(shared, stream):
    server = shared(middleware='shouting')
    one = stream(server)
    one.read(b'ID: ')
    for n in range(3):
        server.get(f'/say?text=quiet{n}')
        one.read(b'QUIET%d' % n)
    assert b'quiet' not in one.data and one.data.count(b': CONNECTED') == 1


def test_a_middleware_that_holds_frames_back_does_so_without_harm(serve, stream):
    "It gets every frame, and decides itself which to hold back"
    server = serve(middleware='holding', manager=dict(heartbeat_interval=0))
    one = stream(server)
    until(lambda: server.debug()['count'] == 1, 'an open stream')
    server.get('/say?text=one')
    one.read(b': connected')
    for text in ('two', 'three'):
        until(lambda: server.debug()['lag'] == 0 and server.debug()['idle'], 'all waiting bytes to be written')
        server.get(f'/say?text={text}')
    one.read(b'one')
    one.close()
    until(lambda: server.debug()['count'] == 0, 'an empty registry')


def test_gzip_compresses_pages_and_not_streams(shared, stream):
    server = shared(middleware='gzip')
    status, headers, body = server.request('/debug', headers={'Accept-Encoding': 'gzip'})
    assert headers['content-encoding'] == 'gzip' and gzip.decompress(body).startswith(b'{')
    one = stream(server, headers='Accept-Encoding: gzip\r\n')
    server.get('/say?text=clear')
    one.read(b'clear')


@pytest.mark.parametrize('mounted', ['starlette', 'fasthtml', 'base'])
def test_an_app_that_is_mounted_in_another_streams(shared, stream, mounted):
    server = shared(mounted=mounted)
    one, two = stream(server, '/sse/broadcast?connection_id=mine'), stream(server)
    for each in (one, two): each.read(b'id: ')
    assert session_of(one)
    for n in range(3):
        assert server.get(f'/say?text=event-{n}')[1] == b'2'
        for each in (one, two): each.read(b'event-%d' % n)
    one.close()
    until(lambda: server.debug()['count'] == 1, 'one stream left')


def test_routes_that_are_set_up_after_the_app_has_started(serve, stream):
    server = serve(middleware='counting', late=True)
    assert server.get('/plain')[1] == b'ok' and server.get('/sse/broadcast')[0] == 404
    assert server.get('/begin')[1] == b'begun'
    one = stream(server)
    one.read(b'id: ')
    for n in range(5):
        server.get(f'/say?text=event-{n}')
        one.read(b'event-%d' % n)
    assert server.debug()['seen']['bodies'] <= 3, 'the body bypasses the middleware here as well; one was the 404'


# Reused connections

def test_a_connection_can_be_used_again_after_the_server_ended_its_stream(serve, stream):
    server = serve(manager=dict(heartbeat_interval=0))
    one = stream(server)
    one.read(b'id: ')
    assert server.get('/close')[1] == b'0'
    one.rest()
    assert one.data.endswith(b'0\r\n\r\n')
    one.data = b''
    one.sock.sendall(b'GET /plain HTTP/1.1\r\nHost: x\r\n\r\n')
    one.read(b'ok')


def test_a_pipelined_request_is_answered_after_the_stream(serve, stream):
    server = serve(manager=dict(heartbeat_interval=0))
    one = stream(server, more='GET /plain HTTP/1.1\r\nHost: x\r\n\r\n')
    one.read(b'id: ')
    server.get('/say?text=first')
    one.read(b'first')
    assert server.get('/close')[1] == b'0'
    one.read(b'ok')
    assert one.data.index(b'first') < one.data.rindex(b'HTTP/1.1 200')


def test_a_client_that_pipelines_and_leaves_is_noticed_by_the_heartbeat(serve, stream):
    "uvicorn reports a disconnect only to the newest request of a connection"
    server = serve(manager=dict(heartbeat_interval=0.4))
    one = stream(server, more='GET /plain HTTP/1.1\r\nHost: x\r\n\r\n')
    one.read(b'id: ')
    one.close()
    until(lambda: server.debug()['count'] == 0, 'an empty registry', seconds=10)


def test_http_1_0(serve, stream):
    server = serve(manager=dict(heartbeat_interval=0))
    one = stream(server, version='1.0')
    one.read(b'id: ')
    server.get('/say?text=hello')
    one.read(b'hello')
    server.get('/close')
    one.rest()
    assert b'retry: ' in one.data and one.sock.recv(1) == b'', 'the connection ends with the stream'


@pytest.mark.parametrize('http', ['h11', 'httptools'])
@pytest.mark.parametrize('loop', ['asyncio', 'uvloop'])
def test_each_of_uvicorns_protocols_and_loops(serve, stream, http, loop):
    server = serve('--http', http, '--loop', loop, manager=dict(heartbeat_interval=0))
    one, two = stream(server), stream(server)
    for each in (one, two): each.read(b'id: ')
    server.get('/say?text=hello&n=40')
    for each in (one, two): each.read(b'"n": 39')
    one.close()
    until(lambda: server.debug()['count'] == 1, 'one stream left')
    assert server.get('/close')[1] == b'0'
    two.rest()
    assert b'retry: ' in two.data


# SSEStream through the same response

def test_frames_of_a_source(shared, stream):
    server = shared()
    closed = server.debug()['seen']['closed']
    one = stream(server, '/frames/ends')
    one.rest()
    assert [b'<p>%d</p>' % n in one.data for n in range(4)] == [True, True, True, False] and b'sse-close' in one.data
    until(lambda: server.debug()['seen']['closed'] == closed + 1, 'the source to be closed')
    assert server.debug()['watched'] == 0


def test_a_source_that_fails_is_reported_to_page_and_log(shared, stream):
    server = shared()
    closed = server.debug()['seen']['closed']
    one = stream(server, '/frames/fails')
    one.rest()
    assert b'event: sse-error' in one.data and b'the source fails' not in one.data
    until(lambda: 'the source fails' in server.log, 'the error in the log')
    until(lambda: server.debug()['seen']['closed'] == closed + 1, 'the source to be closed')


@pytest.mark.parametrize('kind', ['waits', 'never', 'bare', 'big'])
def test_a_source_is_closed_when_its_client_leaves(shared, stream, kind):
    "`never` and `bare` await nothing, and the server still has to answer other requests"
    server = shared()
    closed = server.debug()['seen']['closed']
    one = stream(server, f'/frames/{kind}')
    one.read(b'data: ')
    assert server.get('/plain', timeout=10)[1] == b'ok'
    one.close()
    until(lambda: server.debug()['seen']['closed'] == closed + 1, 'the source to be closed', seconds=10)
    until(lambda: server.debug()['watched'] == 0, 'the removal of the shutdown callback')
