"""What every Python server of the benchmark shares: sockets, payloads, the publish port, one way to run uvicorn.

A server prints one JSON line once it listens (see `hello`) and ends when its standard input is closed. Bytes that reach
its publish port are commands: `.` publishes one event of 200 bytes, `+` one of 4 KiB (`....` is a burst of four). `g`
collects garbage, `p` starts a profile, `P` answers with it; the answers of these three end with a NUL.
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
import uvicorn
import uvloop

def payload(
    size: int # Bytes of the payload as JSON
) -> dict: # Data of one event, with exactly one `~`: the mark that the load generator counts
    "An event's data; its JSON is `size` bytes long."
    return {'body': 'x' * (size - len('{"body": "~"}')) + '~'}

DATA = {'.': payload(200), '+': payload(4096)}
TEXT = {k: json.dumps(v) for k, v in DATA.items()}
FRAME = {k: f'data: {v}\n\n'.encode() for k, v in TEXT.items()}

def listener() -> socket.socket:
    "A listening socket on a free loopback port; `BENCH_SNDBUF` bounds what the kernel takes for a reader that stalls."
    sock = socket.socket()
    if size := os.environ.get('BENCH_SNDBUF'): sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, int(size))
    sock.bind(('127.0.0.1', 0))
    sock.listen(4096)
    return sock

class Publish(asyncio.Protocol):
    "The publish port. Each read is a task of its own, as each request of an application is."
    tasks, profile = set(), cProfile.Profile()

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
        elif kind == 'P':
            self.profile.disable()
            pstats.Stats(self.profile, stream=(out := io.StringIO())).strip_dirs().sort_stats('tottime').print_stats(25)
            answer = out.getvalue()
        if answer is not None: self.transport.write(answer.encode() + b'\0')

    async def burst(self, kind, n):
        for _ in range(n): await self.publish(kind)

async def hello(
    publish, # Coroutine function that publishes one event of the kind `.` or `+`
    sock: socket.socket, # Listening socket of the streams
    path: str # Path of the stream
) -> asyncio.Server: # The publish port, for the caller to keep
    "Open the publish port, print where everything is, and tie this process's life to its standard input."
    server = await asyncio.get_running_loop().create_server(lambda: Publish(publish), '127.0.0.1', 0)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    print(json.dumps(dict(port=sock.getsockname()[1], path=path, publish=server.sockets[0].getsockname()[1],
                          small='.', large='+', pids=[os.getpid()], control=True)), flush=True)
    return server

def run(main):
    "Run the coroutine `main` on uvloop until it ends."
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner: runner.run(main)

class Server(uvicorn.Server):
    "uvicorn's server, which says hello once it listens."
    async def startup(self, sockets=None):
        await super().startup(sockets=sockets)
        self.control = await self.hello(sockets[0])

def serve(app, publish, path):
    "Serve the ASGI `app` with uvicorn as FastHTML brings it: uvloop, httptools, no access log."
    server = Server(uvicorn.Config(app, http='httptools', access_log=False, log_level='warning'))
    server.hello = lambda sock: hello(publish, sock, path)
    run(server.serve(sockets=[listener()]))
