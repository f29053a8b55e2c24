"Tabs of an application in this process, over ASGI, with the events that they got"
import asyncio
import contextlib
import re

from cjm_fasthtml_sse.core.broadcast import setup_broadcast_routes
from fasthtml.common import FastHTML

from .machines import PATIENCE
from settings import make_manager


async def soon(condition, what='the condition', patience=PATIENCE):
    "Poll on this loop until `condition()` is true"
    async with asyncio.timeout(patience):
        while not condition(): await asyncio.sleep(0.01)  # noqa: ASYNC110 - there is no event to wait for


class Page:
    "One request for the stream with the last id `last_id`"
    def __init__(self, app, last_id=''):
        self.text, self.left, self.asked = '', asyncio.Event(), False
        headers = [(b'host', b'localhost'), *([(b'last-event-id', last_id.encode())] if last_id else [])]
        scope = dict(type='http', asgi={'version': '3.0'}, http_version='1.1', method='GET', scheme='http',
            root_path='', path='/sse/broadcast', raw_path=b'/sse/broadcast', query_string=b'', headers=headers,
            client=('127.0.0.1', 1), server=('localhost', 80), state={})
        self.task = asyncio.create_task(app(scope, self.receive, self.send))

    async def receive(self):
        if self.asked: await self.left.wait()
        self.asked = True
        return dict(type='http.disconnect' if self.left.is_set() else 'http.request', body=b'', more_body=False)

    async def send(self, message): self.text += message.get('body', b'').decode()

    async def leave(self):
        self.left.set()
        await self.task

    @property
    def received(self): return [int(n) for n in re.findall(r'"n": ?(\d+)', self.text)]

    @property
    def resets(self): return self.text.count('event: sse-reset')


@contextlib.asynccontextmanager
async def application(url, **options):
    "An application on the engine at `url`; `send(n)` broadcasts and returns the id, `page(id)` opens a tab"
    app, manager, pages = FastHTML(secret_key='of these tests'), make_manager(backplane=url, **options), []
    setup_broadcast_routes(app, manager)
    await manager.ready()
    async def send(n, **about):
        await manager.broadcast('note', {'n': n} | about.pop('data', {}), **about)
        return manager.cursor()
    def page(last_id=''):
        pages.append(Page(app, last_id))
        return pages[-1]
    manager.send, manager.page = send, page
    try: yield manager
    finally:
        for one in pages: await one.leave()
        await manager.close()
