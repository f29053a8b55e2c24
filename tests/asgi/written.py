"An application that writes its event streams itself, in all usual ways. `SSE_TEST` holds its settings"
import asyncio
import gc
import gzip
import json
import os
from collections import defaultdict

from cjm_fasthtml_sse.core.broadcast import BroadcastManager, setup_broadcast_routes
from cjm_fasthtml_sse.asgi.response import SSEResponse, bypass_middleware
from cjm_fasthtml_sse.core.streaming import OOBStreamBuilder, SSEStream, StreamConfig
from fasthtml.common import Div, EventStream, FastHTML, cancel_on_disconnect, sse_message
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Mount

CONFIG = json.loads(os.environ.get('SSE_TEST', '{}'))
TEXT, END = 'text/event-stream', 'end'
queues, finished, reading = defaultdict(asyncio.Queue), asyncio.Event(), set()


class Passing(BaseHTTPMiddleware):
    "Starlette's way to write a middleware"
    async def dispatch(self, request, call_next): return await call_next(request)


class Rewriting:
    "A middleware that changes every body"
    def __init__(self, app): self.app = app

    async def __call__(self, scope, receive, send):
        async def rewrite(message):
            await send({**message, 'body': message['body'].replace(b': c', b': C')} if 'body' in message else message)
        await self.app(scope, receive, rewrite)


async def items(name):
    "Yield the texts that are sent to the stream of that name, until its end"
    reading.add(name)
    try:
        while (item := await queues[name].get()) != END: yield item
    finally: reading.discard(name)


def stream(source, **config): return SSEStream(StreamConfig(**{'heartbeat_interval': 0, **config})).stream(source)


async def each(name, frames_of):
    async for item in items(name):
        for frame in frames_of(item): yield frame


def event(item): return f'data: {item}\n\n'


def hand(name): return each(name, lambda item: [event(item)])


KINDS = dict(
    source=lambda name: EventStream(stream(items(name))),
    starlette=lambda name: StreamingResponse(stream(items(name)), media_type=TEXT),
    builder=lambda name: EventStream(stream(each(name, lambda item: [OOBStreamBuilder().add_element(item).build()]))),
    hand=lambda name: EventStream(hand(name)),
    message=lambda name: EventStream(each(name, lambda item: [sse_message(Div(item))])),
    returns=lambda name: EventStream(each(name, lambda item: [f'data: {item}\r\n\r\n'.encode()])),
    pieces=lambda name: EventStream(each(name, event)),
    own=lambda name: SSEResponse(stream(items(name))),
    beats=lambda name: EventStream(stream(items(name), heartbeat_interval=1.5)),
    lasting=lambda name: StreamingResponse(hand(name), media_type=TEXT, background=BackgroundTask(finished.wait)),
    halves=lambda name: EventStream(each(name, lambda item: [f'data: {item}\n'])),
    zipped=lambda name: StreamingResponse(each(name, lambda item: [gzip.compress(event(item).encode()), b'\n\n']),
        media_type=TEXT, headers={'content-encoding': 'gzip'}),
    sized=lambda name: StreamingResponse(hand(name), media_type=TEXT, headers={'content-length': '1000'}),
    text=lambda name: StreamingResponse(hand(name), media_type='text/plain'),
)


def routes(app):
    async def open(kind: str, name: str): return KINDS[kind](name)

    async def collected():
        "Return the frames of a source that is slower than the nudges"
        async def slow():
            for n in range(3):
                yield n
                await asyncio.sleep(0.1)
        return JSONResponse([frame async for frame in stream(slow())])

    async def say(name: str, text: str):
        await queues[name].put(text)
        return 'said'

    async def big(name: str, size: int):
        await queues[name].put('x' * size)
        return 'said'

    async def finish():
        finished.set()
        return 'finished'

    async def debug():
        gc.collect()  # Starlette leaves the iterator to the collector, which closes it
        return JSONResponse(dict(tasks=len(asyncio.all_tasks()), reading=len(reading)))

    async def plain(): return 'ok'
    app.get('/open/{kind}')(open)
    app.get('/guarded/{kind}')(cancel_on_disconnect(open))
    for each in (collected, say, big, finish, debug, plain): app.get(f'/{each.__name__}')(each)


MIDDLEWARE = dict(none=[], base=[Middleware(Passing), Middleware(GZipMiddleware, minimum_size=1)],
    rewriting=[Middleware(Rewriting)])
inner = FastHTML(secret_key='of these tests', middleware=MIDDLEWARE[CONFIG.get('middleware', 'none')])
routes(inner)
around = CONFIG.get('around', 'routes')
if around == 'routes': setup_broadcast_routes(inner, BroadcastManager())
elif around == 'hand': bypass_middleware(inner)
app = Starlette(routes=[Mount('/', inner)], middleware=[Middleware(Passing)]) if CONFIG.get('mounted') else inner
