"""Bare asyncio transports: a fixed response head, then one `write` for each connection and event. The loop's limit.

With `BENCH_HEARTBEATS`, each connection also gets a heartbeat in 15 seconds."""
import asyncio
import os
from common import FRAME, hello, listener, run

CHUNK = {k: b'%x\r\n%s\r\n' % (len(v), v) for k, v in FRAME.items()}
HEAD = b'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'
BEAT, INTERVAL, SLOTS = b'25\r\n: heartbeat\nid: 0123456789abcdef-00\n\n\r\n', 15, 64
readers, slots = set(), [[] for _ in range(SLOTS)]

class Stream(asyncio.Protocol):
    "One reader. It reads the request only up to its end."
    def connection_made(self, transport): self.transport = transport
    def connection_lost(self, exc): readers.discard(self.transport)

    def data_received(self, data):
        if not data.endswith(b'\r\n\r\n'): return
        self.transport.write(HEAD)
        readers.add(self.transport)
        slots[len(readers) % SLOTS].append(self.transport)

async def publish(kind):
    chunk = CHUNK[kind]
    for transport in readers: transport.write(chunk)

async def beat():
    while True:
        for slot in slots:
            await asyncio.sleep(INTERVAL / SLOTS)
            for transport in slot: transport.write(BEAT)

async def main():
    sock = listener()
    beats = asyncio.create_task(beat()) if 'BENCH_HEARTBEATS' in os.environ else None
    await asyncio.get_running_loop().create_server(Stream, sock=sock)
    keep = await hello(publish, sock, '/')
    await keep.serve_forever()
    del beats

run(main())
