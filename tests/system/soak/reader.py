"""A reader that behaves like a browser with a bad connection.

It reads in pieces, stalls, disconnects in the middle of a frame, and reconnects with its last id. Its parser (HTTP/1.1
chunks, then WHATWG HTML 9.2.6) is independent of the package."""

import asyncio, json, random, re, socket, struct
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlencode

RCVBUF = 8 * 1024  # bytes: small, so that a stall affects the server
MSS = 1_400  # bytes, as in a network: loopback's 64 KiB segments do not fit a small buffer, and TCP would wait instead


class Gone(Exception):
    "The server ended the connection, or the response is not a stream"


class Chunks:
    "Parser of the chunks of an HTTP/1.1 body, from bytes that are cut anywhere"

    def __init__(self): self.data, self.left, self.at_size = bytearray(), 0, True

    def feed(self, data):
        "Return the body's bytes that `data` completes"
        self.data += data
        out = bytearray()
        while self.data:
            if self.at_size:
                end = self.data.find(b'\r\n')
                if end < 0: break
                self.left = int(self.data[:end], 16)
                if not self.left: raise Gone('the stream ended')
                del self.data[:end + 2]
                self.left, self.at_size = self.left + 2, False
            piece = self.data[:self.left]
            out += piece[:max(0, self.left - 2)]
            self.left -= len(piece)
            del self.data[:len(piece)]
            self.at_size = not self.left
        return bytes(out)


@dataclass
class Reader:
    "One reader, over all of its connections"
    name: str # Its `connection_id`, if it has one
    seed: str # Seed of its behaviour
    topics: tuple # Topics to subscribe to
    named: bool # Whether it has an id of its own, so that it can be excluded
    path: str = '/sse/broadcast'
    log: list = field(default_factory=list) # ('event', id, n), ('id', id), ('reset', id, reason), in order of arrival
    here: asyncio.Event = field(default_factory=asyncio.Event) # Set when it has an id for a reconnect
    last_id: str = '' # As a browser would send it
    cookie: str = ''
    connects: int = 0
    cuts: int = 0 # Connections dropped inside a block
    refusals: int = 0
    odd: list = field(default_factory=list) # Unexpected blocks

    def __post_init__(self): self.rng, self.calmed, self.goal = random.Random(self.seed), asyncio.Event(), None

    @property
    def calm(self): return self.calmed.is_set()

    def calm_down(self, goal):
        "Stop the misbehaviour, end the current pause, and read until `goal`"
        self.goal = goal
        self.calmed.set()

    async def pause(self, seconds):
        "Sleep, or return early if the reader is calmed down"
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds): await self.calmed.wait()

    def request(self):
        "Return the request's bytes"
        query = [('topic', topic) for topic in self.topics]
        if self.named: query.append(('connection_id', self.name))
        by_header = self.rng.random() < 0.5
        if self.last_id and not by_header: query.append(('last_event_id', self.last_id))
        lines = [f'GET {self.path}?{urlencode(query)} HTTP/1.1', 'Host: soak', 'Accept: text/event-stream']
        if self.last_id and by_header: lines.append(f'Last-Event-ID: {self.last_id}')
        if self.cookie: lines.append(f'Cookie: {self.cookie}')
        return '\r\n'.join((*lines, '', '')).encode()

    def block(self, block):
        "Handle one complete block of an event stream"
        event, data = '', []
        last_id = self.last_id
        for line in re.split(r'\r\n|\r|\n', block):
            name, _, value = line.partition(':')
            value = value.removeprefix(' ')
            if name == 'data': data.append(value)
            elif name == 'event': event = value
            elif name == 'id': last_id = value
        moved, self.last_id = last_id != self.last_id, last_id
        if last_id: self.here.set()
        if not data:
            if moved: self.log.append(('id', last_id))
            return
        body = json.loads('\n'.join(data))
        if event == 'sse-reset': self.log.append(('reset', body['last_event_id'], body['reason']))
        elif event == 'message': self.log.append(('event', last_id, body['data']['n']))
        else: self.odd.append((event, body))

    def head(self, head):
        "Read the response's head"
        lines = head.decode('latin-1').split('\r\n')
        for line in lines[1:]:
            if line.lower().startswith('set-cookie:'): self.cookie = line.split(':', 1)[1].split(';')[0].strip()
        if ' 200 ' not in lines[0]:
            if ' 409 ' not in lines[0]: self.odd.append(lines[0])
            self.refusals += 1
            raise Gone(lines[0])

    def stalls(self, pace):
        "Return whether it stops reading for a while; before its first id, there is nothing to read"
        return pace == 'stalling' and self.here.is_set() and not self.calm and self.rng.random() < 0.1

    async def pieces(self, sock):
        "Yield the stream's bytes at this connection's speed"
        loop, rng = asyncio.get_running_loop(), self.rng
        pace = rng.choices(('fast', 'slow', 'stalling'), (6, 3, 1))[0]
        room, patience = rng.randint(1, rng.choice((5_000, 100_000, 1_000_000))), rng.uniform(0.2, rng.choice((1, 8)))
        until = loop.time() + patience
        while True:
            if not self.calm and pace == 'slow': await self.pause(rng.uniform(0.001, 0.02))
            if self.stalls(pace): await self.pause(rng.uniform(0.3, 2.5))
            try:
                size = rng.randint(1, 4_000) if pace == 'slow' and not self.calm else 65_536
                async with asyncio.timeout_at(None if self.calm else until): data = await loop.sock_recv(sock, size)
            except TimeoutError: return  # bytes read in this moment are lost with the connection, as in any disconnect
            if not data: raise Gone('end of file')
            if not self.calm and len(data) >= room:
                yield data[:rng.randint(0, room)]
                return
            room -= len(data)
            yield data

    async def connection(self, port):
        "Run one connection until one side drops it"
        loop = asyncio.get_running_loop()
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RCVBUF)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, MSS)
        sock.setblocking(False)
        rest, text, chunks = b'', b'', None
        try:
            await loop.sock_connect(sock, ('127.0.0.1', port))
            await loop.sock_sendall(sock, self.request())
            self.connects += 1
            async for data in self.pieces(sock):
                if chunks is None:
                    head, found, data = (rest + data).partition(b'\r\n\r\n')
                    if not found:
                        rest = head
                        continue
                    self.head(head)
                    chunks = Chunks()
                *whole, text = (text + chunks.feed(data)).split(b'\n\n')
                for block in whole: self.block(block.decode())
                if self.goal and self.reached(): return
            self.cuts += bool(text)
        finally:
            if self.rng.random() < 0.5: sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            sock.close()

    def reached(self):
        "Return whether all events up to the goal have been received"
        (epoch, here), (goal_epoch, goal) = self.last_id.rpartition('-')[::2], self.goal.rpartition('-')[::2]
        return epoch == goal_epoch and int(here) >= int(goal)

    async def run(self, port):
        "Reconnect until the goal, once set, is reached"
        while not (self.goal and self.reached()):
            try: await self.connection(port)
            except (Gone, ConnectionError): pass
            away = (self.rng.uniform(0, 0.05), self.rng.uniform(0, 0.5), self.rng.uniform(0.5, 4))
            if self.calm or not self.here.is_set(): await asyncio.sleep(0.03)  # no event is sent before all have an id
            else: await self.pause(self.rng.choices(away, (3, 5, 2))[0])
