"""Requests over uvicorn's own protocols: a transport of the simulation, on which a server writes at once and pauses.

A `Wire` is used as an `Exchange` of the test kit. It differs from that as a socket differs from ASGI: the response is
bytes with a head and chunks, a write takes no time, and what a client does not read fills a buffer until the protocol
is paused.
"""

import asyncio
import contextvars
import logging

import uvicorn
from uvicorn.server import ServerState

from cjm_fasthtml_sse.testing.serving import WORKER

LOGGER = logging.getLogger('uvicorn.error')
HIGH_WATER = 200  # bytes that wait for a client before the protocol is paused; few, so that it happens


class Errors(logging.Handler):
    "Hands on what uvicorn logs about a worker that is alive"
    def __init__(self, add):
        super().__init__(logging.ERROR)
        self.add = add

    def emit(self, record):
        worker, (_, error, _) = WORKER.get(), record.exc_info or (None, None, None)
        is_ended = isinstance(error, asyncio.CancelledError)
        if worker is None or not worker.is_alive or is_ended: return
        self.add('server', f'{record.getMessage()}: {error!r}')


def config_of(worker, http):
    "Return uvicorn's configuration of a worker, made once"
    made = getattr(worker, 'uvicorn', None)
    if made is None:
        made = worker.uvicorn = uvicorn.Config(worker.app, http=http, lifespan='off', log_config=None, access_log=False)
        made.load()
    return made


class Flows:
    "Whether a client reads"
    def __init__(self, wire): self.wire = wire
    def clear(self): self.wire.reads = False

    def set(self):
        self.wire.reads = True
        self.wire.deliver()


class Wire(asyncio.Transport):
    "One request, and its response as it comes"
    def __init__(self, worker, method, url, headers, on_message, http):
        super().__init__()
        self.worker, self.method, self.url, self.on_message, self.http = worker, method, url, on_message, http
        lines = [f'{method} {url} HTTP/1.1', *(f'{name}: {value}' for name, value in headers.items())]
        self.request = '\r\n'.join([*lines, '', '']).encode()
        self.headers, self.flows, self.reads, self.is_paused = [], Flows(self), True, False
        self.has_head = self.has_ended = self.is_stream = False  # of the response
        self.is_gone = False  # whether the client has left
        self.waiting, self.text = bytearray(), bytearray()

    def start(self):
        "Send the request"
        self.worker.exchanges.add(self)
        self.context = contextvars.copy_context()
        self.context.run(WORKER.set, self.worker)
        self.context.run(self.begin)

    def begin(self):
        config = config_of(self.worker, self.http)
        self.protocol = config.http_protocol_class(config=config, server_state=ServerState(), app_state={})
        self.protocol.connection_made(self)
        self.protocol.data_received(self.request)

    # The server's side

    def write(self, data):
        if self.is_gone or not self.worker.is_alive: return
        self.waiting += data
        if self.is_paused and b'\nid: ' in data: self.add('An event is written although the transport is paused')
        if self.has_ended and self.is_stream: self.add('Something is written after the end of a response')
        if self.reads: self.deliver()
        elif len(self.waiting) > HIGH_WATER and not self.is_paused:
            self.is_paused = True
            self.protocol.pause_writing()

    def add(self, problem): self.worker.problems.add('server', problem)

    def is_closing(self): return self.is_gone
    def get_write_buffer_size(self): return len(self.waiting)
    def set_protocol(self, protocol): self.protocol = protocol
    def pause_reading(self): "Nothing more is sent"
    def resume_reading(self): "Nothing more is sent"

    def close(self):
        self.deliver()
        self.abort()

    def abort(self): self.break_line()

    # The client's side

    def leave(self):
        "Close the connection from the client's side"
        if self.is_gone: return
        self.is_gone = True
        self.worker.exchanges.discard(self)
        asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None, context=self.context)

    def break_line(self):
        "Break the connection: both sides lose it"
        was_open = not (self.is_gone or self.has_ended)
        self.leave()
        if was_open: self.on_message(self, dict(type='lost'))

    def deliver(self):
        "Hand on what the client can read"
        if self.is_gone or not self.reads: return
        self.text += self.waiting
        self.waiting.clear()
        if self.is_paused:
            self.is_paused = False
            self.context.run(self.protocol.resume_writing)
        while not self.is_gone and self.read_part(): "The next part may be there as well"

    def read_part(self):
        "Read a head or a chunk; false if it is not there as a whole"
        end = b'\r\n' if self.has_head else b'\r\n\r\n'
        head, found, rest = bytes(self.text).partition(end)
        if not found or self.has_ended: return False
        if not self.has_head: return self.read_head(head.decode('latin-1'), rest)
        size = int(head, 16)
        if len(rest) < size + 2: return False
        self.text = bytearray(rest[size + 2:])
        if size: self.on_message(self, dict(type='http.response.body', body=rest[:size], more_body=True))
        else: self.end()
        return True

    def read_head(self, head, rest):
        first, *lines = head.split('\r\n')
        self.headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(':') for line in lines)]
        self.has_head, self.text = True, bytearray(rest)
        self.is_stream = ('transfer-encoding', 'chunked') in self.headers
        self.on_message(self, dict(type='http.response.start', status=int(first.split(' ')[1])))
        if not self.is_stream: self.end()  # a refusal, whose text is not read
        return self.is_stream

    def end(self):
        self.has_ended = True
        self.worker.exchanges.discard(self)
        if not self.is_gone: self.on_message(self, dict(type='end'))
