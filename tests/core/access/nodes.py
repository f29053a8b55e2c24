"Applications on one backplane, each with its own manager, event loop and port, and users who sign in"
import asyncio
import contextlib
import http.client
import json
import socket
import threading
from base64 import b64encode

import uvicorn
from cjm_fasthtml_sse import setup_broadcast_routes
from fasthtml.common import FastHTML
from itsdangerous import TimestampSigner
from asgi.clients import PATIENCE, Stream, until
from settings import make_manager, make_policy

SECRET = 'for these tests'


def cookie(**session):
    "Return the request header of a browser with that session"
    value = TimestampSigner(SECRET).sign(b64encode(json.dumps(session).encode())).decode()
    return f'Cookie: session_={value}\r\n'


def session_cookie(name): return cookie(auth=name) if name else ''


def sign_in(req, sess): req.scope['auth'] = sess.get('auth')


class Node:
    "An application, its manager and a server in a thread; to this package, one of several processes"
    def __init__(self, manager=None, builder=None, prepare=None, **settings):
        self.manager, self.app = make_manager(**manager or {}), FastHTML(secret_key=SECRET, before=sign_in)
        if prepare: prepare(self)
        setup_broadcast_routes(self.app, self.manager, element_builder=builder, **make_policy(**settings))
        options = dict(host='127.0.0.1', port=0, log_level='critical', timeout_graceful_shutdown=1)
        self.server, ready = uvicorn.Server(uvicorn.Config(self.app, **options)), threading.Event()
        startup = self.server.startup
        async def started(**kwargs):
            await startup(**kwargs)
            self.loop, self.port = asyncio.get_running_loop(), self.server.servers[0].sockets[0].getsockname()[1]
            ready.set()
        self.server.startup = started
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        assert ready.wait(PATIENCE)

    def do(self, function, *args, **kwargs):
        "Call a function or coroutine function on the node's loop"
        async def call():
            result = function(*args, **kwargs)
            return await result if asyncio.iscoroutine(result) else result
        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(PATIENCE)

    def send(self, type='note', data=None, **how): return self.do(self.manager.broadcast, type, data or {}, **how)

    def get(self, path, name=None, method='GET', **headers):
        "Return status, headers and text of one request"
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE)
        headers = {k.replace('_', '-'): v for k, v in headers.items()}
        if name: headers['Cookie'] = session_cookie(name).partition(': ')[2].strip()
        with contextlib.closing(connection):
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            endless = answer.status == 200 and 'event-stream' in answer.headers['content-type']
            return answer.status, answer.headers, '' if endless else answer.read().decode()

    def refusal(self, path, name=None, **headers):
        "Return the status of a stream request that is refused"
        status, _, text = self.get(path, name, **headers)
        assert status != 200 and text.strip() and 'Traceback' not in text, (status, text)
        return status

    def subscribe(self, query='', name=None, headers=''):
        "Open a stream and wait until it has caught up"
        stream = Stream(self.port, f'/sse/broadcast?{query}', headers=session_cookie(name) + headers)
        stream.read(b'\r\n\r\n')
        assert stream.data.startswith(b'HTTP/1.1 200'), stream.data
        stream.read(b'\nid: ')
        return stream

    def count(self): return self.manager.get_connection_count()

    def stop(self):
        self.server.should_exit = True
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


def blocks(stream):
    "Return the blocks of a stream so far, without the chunked encoding"
    body, plain = stream.data.partition(b'\r\n\r\n')[2], b''
    while body:
        size, _, body = body.partition(b'\r\n')
        plain, body = plain + body[:int(size or b'0', 16)], body[int(size or b'0', 16) + 2:]
    return [block for block in plain.decode().split('\n\n') if block]


def events(stream):
    "Return name, id and data of the events of a stream so far"
    found = []
    for block in blocks(stream):
        fields = dict(line.split(': ', 1) for line in block.split('\n') if ': ' in line and line[0] != ':')
        if 'data' in fields: found.append((fields.get('event', 'message'), fields.get('id'), fields['data']))
    return found


def data(stream): return [json.loads(text)['data'] for name, _, text in events(stream) if name == 'message']


def last_id(stream):
    return [line[4:] for block in blocks(stream) for line in block.split('\n') if line.startswith('id: ')][-1]


def received(node, stream, topic=None):
    "Send a last event, wait for it, and return the data of all earlier ones"
    mark = f'mark-{id(object())}'
    node.send('mark', {'mark': mark}, topic=topic)
    stream.read(mark.encode())
    return [each for each in data(stream) if 'mark' not in each]


@contextlib.contextmanager
def closing(*streams):
    try: yield streams
    finally:
        for stream in streams: stream.close()


async def eventually(condition):
    "Wait on an event loop until `condition()` is true"
    async with asyncio.timeout(PATIENCE):
        while not condition(): await asyncio.sleep(0.01)  # noqa: ASYNC110 - there is no event to wait for


def until_closed(*nodes): until(lambda: not any(node.count() for node in nodes), 'all streams to be closed')


def open_sockets(port, number, request):
    "Open `number` connections that send `request` and read nothing"
    socks = []
    for _ in range(number):
        socks.append(sock := socket.create_connection(('127.0.0.1', port), timeout=PATIENCE))
        sock.sendall(request)
    return socks
