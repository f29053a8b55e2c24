"""The server of the soak test: send a script of events, drawn from a seed, and record them.

Run it as `python server.py '{"port": 8000, ...}'`. `GET /publish` starts the script, and `GET /journal`
responds when the script has finished.
"""

import asyncio, json, random, socket, sys, time

import uvicorn
from pathlib import Path
from fasthtml.common import FastHTML
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Mount

from cjm_fasthtml_sse.core.broadcast import setup_broadcast_routes

sys.path.append(str(Path(__file__).parents[2]))
from settings import make_manager  # noqa: E402

TOPICS = ('a/0', 'a/1', 'a/2', 'a/3', 'a/4', 'a/5', 'a/1/x', 'a/1/x/y', 'b/0', 'b/1', 'b/2', 'b/3', 'c', 'd',
    'keyed/0', 'keyed/1', 'keyed/2', 'keyed/3')
SNDBUF = 8 * 1024  # bytes: small, so that a stalled reader affects the server


class Script:
    "Events in bursts, over a period"

    def __init__(self, manager, names):
        self.manager, self.names, self.journal, self.task = manager, names, [], None

    def event(self, rng):
        "Draw one event: its number and its parameters"
        topic = rng.choice(TOPICS) if rng.random() > 0.01 else None
        sizes = rng.randint(0, 80), rng.randint(1_000, 6_000), rng.randint(30_000, 90_000)
        size = rng.choices(sizes, (980, 19, 1))[0]
        how = dict(topic=topic, exclude=set(rng.sample(self.names, 3)) if rng.random() < 0.05 else None)
        if topic is not None and topic.startswith('keyed/'): how['key'] = f'k{rng.randint(0, 2)}'
        return {'n': len(self.journal), 'pad': rng.choice('xé€\u2028😀') * (size // 4)}, how

    def note(self, data, how):
        "Record the event that was just sent"
        exclude = sorted(how['exclude'] or ())
        self.journal.append((self.manager.cursor(), data['n'], how['topic'], how.get('key'), exclude))

    async def send(self, rng, way):
        "Send one event, by one of the three calls"
        data, how = self.event(rng)
        if way == 'nowait': self.manager.broadcast_nowait('soak', data, **how)
        elif way == 'await': await self.manager.broadcast('soak', data, **how)
        else: await asyncio.to_thread(lambda: self.manager.broadcast_threadsafe('soak', data, **how).result())
        self.note(data, how)

    async def run(self, seed, number, seconds):
        "Send `number` events in about `seconds`"
        rng, began = random.Random(seed), time.monotonic()
        while len(self.journal) < number:
            burst = rng.choices((1, rng.randint(2, 30), rng.randint(200, 500)), (60, 30, 2))[0]
            way = rng.choices(('nowait', 'await', 'thread'), (50, 50, int(burst < 30)))[0]
            for _ in range(min(burst, number - len(self.journal))): await self.send(rng, way)
            early = began + seconds * len(self.journal) / number - time.monotonic()
            await asyncio.sleep(max(0.0, early) * rng.uniform(0.5, 1.5))


class Untouched(BaseHTTPMiddleware):
    "A pass-through middleware, as most applications have: every body passes it"

    async def dispatch(self, request, call_next): return await call_next(request)


def make_app(settings):
    "Create the application, alone or inside another one"
    manager = make_manager(**settings['manager'])
    script = Script(manager, settings['names'])
    app = FastHTML(secret_key='soak')
    if settings['around'] == 'middleware': app.add_middleware(Untouched)
    setup_broadcast_routes(app, manager)

    @app.get('/publish')
    async def publish(seed: int, number: int, seconds: float):
        script.task = asyncio.create_task(script.run(seed, number, seconds))
        return JSONResponse(manager.cursor())

    @app.get('/journal')
    async def journal():
        await script.task
        return JSONResponse(dict(head=manager.cursor(), events=script.journal))

    if settings['around'] != 'mounted': return app
    outer = Starlette(routes=[Mount('/inner', app)])
    outer.add_middleware(Untouched)
    return outer


def main():
    "Serve on a socket with small buffers"
    settings = json.loads(sys.argv[1])
    sock = socket.create_server(('127.0.0.1', settings['port']), backlog=1024)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SNDBUF)
    server = uvicorn.Server(uvicorn.Config(make_app(settings), log_level='error', access_log=False))
    server.run(sockets=[sock])


if __name__ == '__main__': main()
