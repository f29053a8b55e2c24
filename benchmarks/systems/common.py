"""The common part of all Python servers of the benchmark: sockets, payloads, the publish port and uvicorn.

A server prints one JSON line when it listens (see `hello`) and ends when its standard input is closed. Bytes at its
publish port are commands. `.` publishes one event of 200 bytes, `+` one of 4 KiB, and `....` is a burst of four. `g`
collects garbage, `p` starts a profile and `P` returns it. `t` starts a timer of a millisecond, and `T` returns by how
many seconds it was late each time, as JSON. The answers of these end with a NUL.
"""
import asyncio
import cProfile
import gc
import io
import json
import os
import pstats
import socket
import sys
import threading
import time
import uvicorn
import uvloop

def payload(
    size: int # Bytes of the payload as JSON
) -> dict: # Data of one event, with exactly one `~`, which the load generator counts
    "Return an event's data, whose JSON has `size` bytes."
    return {'body': 'x' * (size - len('{"body": "~"}')) + '~'}

DATA = {'.': payload(200), '+': payload(4096)}
TEXT = {k: json.dumps(v) for k, v in DATA.items()}
FRAME = {k: f'data: {v}\n\n'.encode() for k, v in TEXT.items()}

def listener() -> socket.socket:
    "Return a listening socket on a free loopback port. `BENCH_SNDBUF` limits the kernel's buffer for a stalled reader."
    sock = socket.socket()
    if size := os.environ.get('BENCH_SNDBUF'): sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, int(size))
    sock.bind(('127.0.0.1', 0))
    sock.listen(16384)
    return sock

class Publish(asyncio.Protocol):
    "The publish port. Each read is a separate task, like each request of an application."
    tasks, profile, timer = set(), cProfile.Profile(), None

    def __init__(self, publish): self.publish = publish
    def connection_made(self, transport): self.transport = transport

    def data_received(self, data):
        kind, answer = data.decode()[0], None
        if kind in DATA:
            task = asyncio.get_running_loop().create_task(self.burst(kind, len(data)))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        elif kind == 'g': answer = str(gc.collect())
        elif kind == 'p': answer = str(self.profile.enable() or '')
        elif kind == 't':
            Publish.timer, answer = asyncio.get_running_loop().create_task(self.tick()), ''
        elif kind == 'T':
            self.timer.cancel()
            answer = json.dumps(self.late)
        elif kind == 'P':
            self.profile.disable()
            pstats.Stats(self.profile, stream=(out := io.StringIO())).strip_dirs().sort_stats('tottime').print_stats(25)
            answer = out.getvalue()
        if answer is not None: self.transport.write(answer.encode() + b'\0')

    async def tick(self):
        Publish.late = []
        while True:
            start = time.monotonic()
            await asyncio.sleep(.001)
            self.late.append(time.monotonic() - start - .001)

    async def burst(self, kind, n):
        for _ in range(n): await self.publish(kind)

async def hello(
    publish, # Coroutine function that publishes one event of the kind `.` or `+`
    sock: socket.socket, # Listening socket of the streams
    path: str # Path of the stream
) -> asyncio.Server: # Publish port, which the caller must keep
    "Open the publish port, print all addresses, and end this process when its standard input is closed."
    server = await asyncio.get_running_loop().create_server(lambda: Publish(publish), '127.0.0.1', 0)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    print(json.dumps(dict(port=sock.getsockname()[1], path=path, publish=server.sockets[0].getsockname()[1],
                          small='.', large='+', pids=[os.getpid()], control=True)), flush=True)
    return server

def run(main):
    "Run the coroutine `main` on uvloop until it ends."
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner: runner.run(main)

class Server(uvicorn.Server):
    "uvicorn's server, which prints its addresses when it listens."
    async def startup(self, sockets=None):
        await super().startup(sockets=sockets)
        self.control = await self.hello(sockets[0])

def serve(app, publish, path):
    "Serve the ASGI `app` with FastHTML's uvicorn: uvloop, httptools or the protocol in `BENCH_HTTP`, no access log."
    http = os.environ.get('BENCH_HTTP', 'httptools')
    server = Server(uvicorn.Config(app, http=http, access_log=False, log_level='warning'))
    server.hello = lambda sock: hello(publish, sock, path)
    run(server.serve(sockets=[listener()]))
