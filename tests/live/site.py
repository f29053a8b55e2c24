"An application with regions, served in a thread, and clients that read its views with the parser of httpx2"
import asyncio
import json
import re
import threading
from contextlib import ExitStack, contextmanager, suppress
from html import unescape

import httpx2
from browser.conftest import running
from fasthtml.common import Beforeware, FastHTML
from until import until

from cjm_fasthtml_sse import Live

SECRET, DEADLINE = 'a secret of the tests', 60


def sign_in(req): req.scope['auth'] = req.headers.get('x-user') or None


class Site:
    "An application whose users sign in by the header `x-user`"
    def __init__(self, **settings):
        self.app = FastHTML(before=Beforeware(sign_in), secret_key=SECRET)
        self.live, self.url, self.loop = Live(self.app, **settings), None, None
        self.manager = self.live.manager
        self.app.get('/loop')(self.note_loop)

    async def note_loop(self):
        self.loop = asyncio.get_running_loop()
        return 'ok'

    def region(self, *depends, **settings):
        "Make a function a region, and serve a page with it; its parameter `n` is in the URL"
        def add(function):
            region = self.live.region(*depends, **settings)(function)
            has_n = 'n' in region.signature.parameters
            async def with_n(n: int): return await result(region(n))
            async def without(): return await result(region())
            name = region.name
            self.app.get(f'/{name}/{{n}}' if has_n else f'/{name}', name=f'page_{name}')(with_n if has_n else without)
            return region
        return add

    def get(self, path, user='', /, **params):
        with httpx2.Client(base_url=self.url, headers={'x-user': user}, timeout=DEADLINE) as client:
            return client.get(path, params=params)

    def about(self, path, user=''):
        "Return what a page says about its regions"
        response = self.get(path, user)
        assert response.status_code == 200, response.text
        return [json.loads(unescape(text)) for text in re.findall('data-sse-live="(.*?)"', response.text)]

    def view(self, path, user=''): return self.about(path, user)[0]['view']

    def fetch(self, view, user='', /, **params): return self.get('/live/view', user, topic=view, **params)

    def call(self, function, *args):
        "Call a function, or await what it returns, on the loop of the server"
        async def call(): return await result(function(*args))
        if self.loop is None: self.get('/loop')
        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(DEADLINE)

    @contextmanager
    def reader(self, *views, user='', **params):
        "Read the stream of views until the end of the block"
        reader = Reader(self.url, views, user, params)
        try: yield reader.wait_until_open()
        finally: reader.close()

    @contextmanager
    def looking(self, *paths, user=''):
        "Load pages, and read the stream of their views"
        views = [each['view'] for path in paths for each in self.about(path, user)]
        with self.reader(*views, user=user) as reader: yield reader


async def result(value): return await value if asyncio.iscoroutine(value) else value


_loop = asyncio.new_event_loop()
threading.Thread(target=_loop.run_forever, daemon=True).start()


class Reader:
    "A client that reads one stream"
    def __init__(self, url, views, user, params):
        self.views, self.events, self.status, self.headers, self.is_open = views, [], None, {}, threading.Event()
        query = [('topic', view) for view in views] + list(params.items())
        self._task = asyncio.run_coroutine_threadsafe(self._read(f'{url}/live/stream', query, {'x-user': user}), _loop)

    async def _read(self, url, params, headers):
        async with httpx2.AsyncClient(timeout=DEADLINE) as client:
            async with client.stream('GET', url, params=params, headers=headers) as response:
                self.status, self.headers = response.status_code, response.headers
                if response.status_code == 200: await self._take(response)
        self.is_open.set()

    async def _take(self, response):
        self.is_open.set()
        async for event in httpx2.EventSource(response):
            if event.event == 'sse-live': self.events.append((event.id, event.data))
            elif event.event in ('sse-reset', 'sse-close'): self.events.append((event.event, event.data))

    def wait_until_open(self):
        assert self.is_open.wait(DEADLINE), 'the stream did not open'
        return self

    def close(self):
        self._task.cancel()
        with suppress(BaseException): self._task.result(DEADLINE)

    def _heads(self):
        for _, data in list(self.events):
            head, _, html = data.partition('\n')
            with suppress(ValueError): yield json.loads(head), html

    @property
    def renderings(self): return [(head, html) for head, html in self._heads() if 'hash' in head]

    @property
    def errors(self): return [head for head, _ in self._heads() if head.get('error')]

    @property
    def touches(self): return [head['touched'] for head, _ in self._heads() if 'touched' in head]

    def until_shown(self, text):
        "Wait for a rendering that contains `text`"
        return until(lambda: next((each for each in self.renderings if text in each[1]), None),
                     lambda: f'{text!r} in {self.events}')


@contextmanager
def served(*sites):
    "Serve each site in a thread"
    with ExitStack() as stack:
        for site in sites: site.url = stack.enter_context(running(site.app))
        yield sites
