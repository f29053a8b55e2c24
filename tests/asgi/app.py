"The applications that the tests serve. `SSE_TEST` holds their settings and limits, as JSON"
import asyncio
import sys
import gc
import json
import os
import resource
import signal
from pathlib import Path
from functools import cache

import psutil
import uvicorn
from cjm_fasthtml_sse.asgi import shutdown
from cjm_fasthtml_sse.core.broadcast import setup_broadcast_routes
from cjm_fasthtml_sse.asgi.response import SSEResponse
from cjm_fasthtml_sse.core.streaming import SSEStream, StreamConfig
from fasthtml.common import Div, EventStream, FastHTML, cancel_on_disconnect
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount

sys.path.append(str(Path(__file__).parents[1]))
from settings import make_manager  # noqa: E402

CONFIG = json.loads(os.environ.get('SSE_TEST', '{}'))
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
seen = dict(bodies=0, closed=0, events=[])


class Cookie(BaseHTTPMiddleware):
    "Starlette's way to write a middleware: a header and a cookie on each response"
    async def dispatch(self, request, call_next):
        response = await call_next(request)
        response.headers['x-dispatched'] = 'yes'
        response.set_cookie('visited', request.url.path)
        return response


class Counting:
    "A pure ASGI middleware that counts the body messages that pass it, and sets a header"
    def __init__(self, app): self.app = app

    async def __call__(self, scope, receive, send):
        async def counted(message):
            if message['type'] == 'http.response.start': message['headers'].append((b'x-counted', b'yes'))
            elif scope['path'].endswith('/broadcast'): seen['bodies'] += 1
            await send(message)
        await self.app(scope, receive, counted)


class Shouting:
    "A pure ASGI middleware that rewrites bodies"
    def __init__(self, app): self.app = app

    async def __call__(self, scope, receive, send):
        async def shouted(message):
            loud = scope['path'].endswith('/broadcast') and message.get('body')
            await send({**message, 'body': message['body'].upper()} if loud else message)
        await self.app(scope, receive, shouted)


class Holding:
    "A pure ASGI middleware that holds each message back until the next one"
    def __init__(self, app): self.app = app

    async def __call__(self, scope, receive, send):
        held = []
        async def hold(message):
            held.append(message)
            if len(held) > 1 or scope['path'] != '/sse/broadcast': await send(held.pop(0))
        await self.app(scope, receive, hold)
        while held: await send(held.pop(0))


MIDDLEWARE = dict(own=[], base=[Middleware(Cookie)], gzip=[Middleware(GZipMiddleware, minimum_size=1)],
    counting=[Middleware(Counting)], shouting=[Middleware(Shouting)], holding=[Middleware(Holding)],
    all=[Middleware(Counting), Middleware(Cookie), Middleware(GZipMiddleware)])

manager = make_manager(**CONFIG.get('manager', {}))


def builder(type, data):
    if type == 'raises': return 1 / 0
    if type == 'none': return None
    return Div(data.get('text', ''), id=f"n{data.get('n')}")


def routes(app):
    async def say(text: str = 'x', n: int = 1, type: str = 'note', topic: str = None):
        for i in range(n): reached = await manager.broadcast(type, {'text': text, 'n': i}, topic=topic)
        return str(reached)

    def say_sync(text: str): return str(manager.broadcast_threadsafe('note', {'text': text}).result())

    async def big(size: int, n: int = 1):
        for i in range(n): await manager.broadcast('big', {'text': 'x' * size, 'n': i})
        return 'sent'

    async def in_one_step(n: int, type: str = 'note', size: int = 1):
        for i in range(n): manager.broadcast_nowait(type, {'text': 'x' * size, 'n': i})
        manager.broadcast_nowait('note', {'text': 'the last', 'n': n})
        return 'sent'

    async def poison():
        bad = dict(socket={'s': object()}, half={'text': '\ud800'}, deep={'x': Div('\ud800')}, nan={'x': float('nan')},
            huge={'x': 'y' * manager.hub.delivery.max_event_bytes})
        results = {}
        for name, data in bad.items():
            try: results[name] = await manager.broadcast('note', data)
            except Exception as e: results[name] = type(e).__name__  # noqa: BLE001 - the type of any error is the result
        return JSONResponse(dict(results, history=len(manager.history)))

    async def two_halves():
        await manager.broadcast('note', {'text': 'first half', 'n': 1})
        seen['events'].append('between')
        await asyncio.Event().wait()
        await manager.broadcast('note', {'text': 'second half', 'n': 2})

    async def frames(kind: str):
        async def source():
            try:
                i = 0
                while kind != 'ends' or i < 3:
                    yield f'<p>{i}</p>' if kind != 'bare' else f'data: {i}\n\n'
                    i += 1
                    if kind == 'big': yield f'<p>{"x" * 100_000}</p>'
                    if kind == 'fails' and i == 3: raise ValueError('the source fails')
                    if kind in ('ends', 'fails'): await asyncio.sleep(0)
                    if kind == 'waits': await asyncio.Event().wait()
            finally: seen['closed'] += 1
        config = StreamConfig(heartbeat_interval=0)
        return SSEResponse(source() if kind == 'bare' else SSEStream(config).stream(source()))

    async def by_hand():
        async def stream():
            id, queue = await manager.register()
            try:
                while True: yield (await queue.get()).to_sse()
            finally: await manager.unregister(id)
        return EventStream(stream())

    async def debug():
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        return JSONResponse(dict(uvicorn=uvicorn.__version__, tasks=len(asyncio.all_tasks()), seen=seen,
            rss=psutil.Process().memory_info().rss,
            watched=len(shutdown.registrations.callbacks), timers=len(shutdown.registrations.timers),
            clock=manager.hub.heartbeats.is_running,
            handlers=[getattr(handler, '__qualname__', str(handler)) for handler in handlers],
            count=manager.get_connection_count(), drops=manager.statistics().drops, lag=manager.statistics().lag,
            idle=manager.hub.scheduler.is_idle, buffered=sum(map(waiting, connections()))))

    async def close():
        await manager.close()
        return f'{manager.get_connection_count()}'

    async def plain(session=None): return PlainTextResponse('ok')
    own = say, say_sync, big, in_one_step, poison, by_hand, debug, close, plain
    for each in own: app.get(f'/{each.__name__}')(each)
    app.get('/two_halves')(cancel_on_disconnect(two_halves))
    app.get('/frames/{kind}')(frames)


@cache
def servers(): return [o for o in gc.get_objects() if isinstance(o, uvicorn.Server)]


def waiting(connection): return connection.transport.get_write_buffer_size()


def connections(): return [c for server in servers() for c in server.server_state.connections]


def make():
    app = FastHTML(secret_key='of these tests', middleware=MIDDLEWARE[CONFIG.get('middleware', 'own')])
    routes(app)
    def setup(): setup_broadcast_routes(app, manager, element_builder=builder if CONFIG.get('html') else None)
    if CONFIG.get('late'):
        async def begin():
            setup()
            return 'begun'
        app.get('/begin')(begin)
    else: setup()
    mounted = CONFIG.get('mounted')
    if mounted == 'starlette': return Starlette(routes=[Mount('/', app)])
    if mounted == 'base': return Starlette(routes=[Mount('/', app)], middleware=[Middleware(Cookie)])
    if mounted == 'fasthtml':
        outer = FastHTML(secret_key='of the outer one')
        outer.mount('/', app)
        return outer
    return app


app = make()
