"""Bare asyncio transports: a fixed response head, then one `write` for each connection and event. The loop's limit."""
import asyncio
from common import FRAME, hello, listener, run

CHUNK = {k: b'%x\r\n%s\r\n' % (len(v), v) for k, v in FRAME.items()}
HEAD = b'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'
readers = set()

class Stream(asyncio.Protocol):
    "One reader. It reads the request only up to its end."
    def connection_made(self, transport): self.transport = transport
    def connection_lost(self, exc): readers.discard(self.transport)

    def data_received(self, data):
        if not data.endswith(b'\r\n\r\n'): return
        self.transport.write(HEAD)
        readers.add(self.transport)

async def publish(kind):
    chunk = CHUNK[kind]
    for transport in readers: transport.write(chunk)

async def main():
    sock = listener()
    await asyncio.get_running_loop().create_server(Stream, sock=sock)
    keep = await hello(publish, sock, '/')
    await keep.serve_forever()

run(main())
