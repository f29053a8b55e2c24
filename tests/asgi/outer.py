"The application of these tests inside other applications and middleware; its routes and limits are those of `app`"
import asyncio

import psutil
from app import Cookie, app, manager
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount


@app.get('/end')
async def end(which: str):
    "Remove a connection, and answer when its stream is released"
    stream = manager.hub.registry.get_connection(which)
    await manager.hub.registry.remove_connection(which)
    while not stream.released: await asyncio.sleep(0.01)  # noqa: ASYNC110 - a stream has no event for it
    return 'ended'


@app.get('/sockets')
async def sockets():
    "Return the number of the process's connections, including this request's"
    return str(sum(each.status == psutil.CONN_ESTABLISHED for each in psutil.Process().net_connections('tcp')))


class Whole:
    "Announce that a request has no body: uvicorn's HTTP/2 does not, and FastHTML waits for it"
    def __init__(self, app): self.app = app

    async def __call__(self, scope, receive, send):
        announced = []
        async def whole():
            if announced or scope['type'] != 'http': return await receive()
            announced.append(True)
            return dict(type='http.request', body=b'', more_body=False)
        await self.app(scope, whole, send)


class Wrapping:
    "A `send` of its own and a copy of the scope, as in tracing middleware"
    def __init__(self, app): self.app = app

    async def __call__(self, scope, receive, send):
        if scope['type'] == 'lifespan': return await self.app(scope, receive, send)
        async def wrapped(message): await send(message)
        await self.app(dict(scope), receive, wrapped)


plain = Whole(app)
wrapped = Wrapping(plain)
elsewhere = Starlette(routes=[Mount('/', plain)], middleware=[Middleware(Cookie)])  # in another task, too
