"The application of these tests behind what an application may be wrapped in; its routes and limits are those of `app`"
import asyncio

import psutil
from app import Cookie, app, manager
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount


@app.get('/end')
async def end(which: str):
    "Answers when nothing more is done for the stream"
    stream = manager.registry.get_connection(which)
    await manager.registry.remove_connection(which)
    while not stream.released: await asyncio.sleep(0.01)  # noqa: ASYNC110 - a stream has no event for it
    return 'ended'


@app.get('/sockets')
async def sockets():
    "How many connections the process has, the one that asks included"
    return str(sum(each.status == psutil.CONN_ESTABLISHED for each in psutil.Process().net_connections('tcp')))


class Whole:
    "uvicorn's HTTP/2 does not say that a GET has no body, and FastHTML waits for that"
    def __init__(self, app): self.app = app

    async def __call__(self, scope, receive, send):
        told = []
        async def whole():
            if told or scope['type'] != 'http': return await receive()
            told.append(True)
            return dict(type='http.request', body=b'', more_body=False)
        await self.app(scope, whole, send)


class Wrapping:
    "Tracing does it so: a `send` of its own, around a copy of the scope"
    def __init__(self, app): self.app = app

    async def __call__(self, scope, receive, send):
        if scope['type'] == 'lifespan': return await self.app(scope, receive, send)
        async def wrapped(message): await send(message)
        await self.app(dict(scope), receive, wrapped)


plain = Whole(app)
wrapped = Wrapping(plain)
elsewhere = Starlette(routes=[Mount('/', plain)], middleware=[Middleware(Cookie)])  # in a task of its own, too
