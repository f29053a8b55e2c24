"Fixtures for tests in a browser: browsers, pages with a quiet console, a server in a thread, files from npm"
import asyncio, inspect, itertools, threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest, uvicorn
from ports import free_port
from fasthtml.common import Div, fast_app, to_xml
from playwright.sync_api import sync_playwright
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from cjm_fasthtml_sse.browser.elements import sse_headers
from .engines import ARGS, CHROMIUM, LEFT_OUT, TIMEOUT, engine_of, missing, params, reasons, started  # noqa: F401

left_out_by = Counter()  # cases, by engine and reason


@pytest.fixture(scope='session')
def npm_files():
    "The repository's `node_modules`, as `npm ci` makes it"
    folder = Path(__file__).parents[2]/'node_modules'
    if not folder.is_dir(): pytest.fail(f'{folder} is missing; run `npm ci` in the repository')
    return folder


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    "Leave out the cases that an engine cannot run, with the reason; outside Chromium, heavy tests run in the long run"
    left_out, asked = [], config.option.engine
    for item in items:
        if (engine := engine_of(item)) is None: continue
        if item.get_closest_marker('heavy') and engine != 'chromium': item.add_marker(pytest.mark.long)
        if asked and engine not in asked: left_out.append(item)
        elif why := reasons(item, engine):
            item.stash[LEFT_OUT] = why
            left_out.append(item)
    if not left_out: return
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in {*left_out}]


def pytest_deselected(items):
    for item in items:
        for why in item.stash.get(LEFT_OUT, ()): left_out_by[engine_of(item), why] += 1


def pytest_terminal_summary(terminalreporter):
    for (engine, why), times in left_out_by.items():
        terminalreporter.write_line(f'{engine}: {times} cases left out, since {why}')


# Not of the session: while Playwright runs, no other test of the process could use asyncio
@pytest.fixture(scope='package')
def playwright():
    "The driver of Chromium and Firefox"
    with sync_playwright() as playwright: yield playwright


@pytest.fixture(scope='package')
def chromium(playwright):
    "Chromium, started once for this folder"
    with started('chromium', playwright) as browser: yield browser


@pytest.fixture(scope='package', params=params())
def engine(request):
    "The name of the engine in which a test runs"
    if request.param != 'chromium' and (why := missing(request.param)): pytest.skip(why)
    return request.param


@pytest.fixture(scope='package')
def browser(engine, playwright, request):
    "The engine's browser, started once for all the tests that it runs"
    if engine == 'chromium': yield request.getfixturevalue('chromium')
    else:
        with started(engine, playwright) as browser: yield browser


class Console:
    "The errors and warnings in the consoles of a test's pages; `allow` lists those that the test provokes"
    def __init__(self):
        self.said = []
        self.allowed = ['has not begun after 10 s']  # a clock that a test turns on is ahead of the network

    def allow(self, *parts): self.allowed += parts

    def allow_failing(self):
        "Allow the messages of browsers and htmx about a failed request or a broken stream"
        self.allow('Failed to load resource', 'net::ERR_', 'error: Event', 'error: [object Event]', 'error: {}',
                   'htmx:response:error', 'htmx:error', 'htmx:sse:error')

    def watch(self, page):
        page.on('console', lambda m: m.type in ('error', 'warning') and self.said.append(f'{m.type}: {m.text}'))
        # Firefox also runs an init script in the empty page, which lacks the features of a real page
        page.on('pageerror', lambda e: page.url == 'about:blank' or self.said.append(f'pageerror: {e}'))

    def unexpected(self): return [line for line in self.said if not any(part in line for part in self.allowed)]


@pytest.fixture
def console():
    "The console of the test's pages; the test fails if an unexpected message is in it"
    console = Console()
    yield console
    assert not console.unexpected()


@pytest.fixture
def context(browser, console):
    "The browser of one user: its tabs share cookies, storage and connections; it closes before its console is read"
    context = browser.new_context()
    context.set_default_timeout(TIMEOUT)
    yield context
    context.close()


@pytest.fixture
def tabs(context, console):
    "`tabs(url)` opens a tab of the test's browser"
    def tab(url=None):
        page = context.new_page()
        console.watch(page)
        if url: page.goto(url, wait_until='domcontentloaded')
        return page
    return tab


@pytest.fixture
def page(tabs):
    "One tab"
    return tabs()


@contextmanager
def running(app, port=None):
    "Run `app` in a thread on a free port of the loopback; yield its URL"
    port = port or free_port()
    config = uvicorn.Config(app, host='127.0.0.1', port=port, log_level='critical', timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    ready = threading.Event()
    startup = server.startup
    async def started(**kwargs):
        await startup(**kwargs)
        ready.set()
    server.startup = started
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    if not ready.wait(10): raise RuntimeError(f'no server on port {port}')
    try: yield f'http://127.0.0.1:{port}'
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture(scope='package')
def serve():
    "`with serve(app) as url:` runs an app in a thread; `port=` reuses the port of an earlier server"
    return running


@dataclass(frozen=True)
class Htmx:
    "A version of htmx for pages"
    version: str
    folder: str  # under node_modules
    meta: str = ''  # htmx 4's metaCharacter

    @property
    def major(self): return int(self.version[0])

    def head(self):
        "The elements for the page's head, from local files"
        local = {'htmx.org': f'/npm/{self.folder}', 'htmx-ext-sse': '/npm/htmx-ext-sse'}
        return [elt for elt in sse_headers(self.major, local=local) if elt.tag != 'meta' or self.meta]

    def __str__(self): return f'htmx-{self.version}' + ('-colon' if self.major == 4 and not self.meta else '')


HTMX2, HTMX4 = Htmx('2.0.7', 'htmx.org'), Htmx('4.0.0', 'htmx-4.0.0', '-')
ALL = [HTMX2, Htmx('2.0.11', 'htmx-2.0.11'), HTMX4, Htmx('4.0.0', 'htmx-4.0.0'), Htmx('4.0.1', 'htmx-4.0.1', '-')]


@pytest.fixture(params=[HTMX2, HTMX4], ids=str)
def htmx(request):
    "The versions that FastHTML loads"
    return request.param


OTHERS = [pytest.param(htmx, marks=pytest.mark.sample(1)) for htmx in ALL if htmx not in (HTMX2, HTMX4)]


@pytest.fixture(params=[HTMX2, HTMX4, *OTHERS], ids=str)
def any_htmx(request):
    "All versions: those of FastHTML, the newest ones, and htmx 4 with its own spelling, in turns"
    return request.param


# WebKit shows the end of its data only with the next bytes. The package's streams send some, so this one does too
# after this many seconds of silence, and repeats them, because a busy page also delays these
PUSHES = .01, .05, .2, 1


class Stream:
    "A stream of plain text frames, for tests of the page alone"
    def __init__(self):
        self.status, self.requests, self.queues, self.seen = 200, [], {}, threading.Condition()
        self.headers = {}

    async def answer(self, request):
        with self.seen:
            self.requests.append(dict(request.headers) | {'query': request.url.query})
            self.seen.notify_all()
        if self.status != 200: return Response(f'status {self.status}', self.status, self.headers)
        agent = request.headers['user-agent']
        push = 'AppleWebKit' in agent and 'Chrom' not in agent
        frames = self.frames(asyncio.Queue(), push)
        return StreamingResponse(frames, headers=self.headers, media_type='text/event-stream')

    async def frames(self, queue, push):
        with self.seen:
            self.queues[queue] = asyncio.get_running_loop()
            self.seen.notify_all()
        try:
            yield ': hello\n\n'
            waits = []
            while True:
                try: text = await asyncio.wait_for(queue.get(), waits.pop(0) if waits else None)
                except TimeoutError: yield ':\n\n'
                else:
                    if text is None: break
                    yield text
                    waits = [*PUSHES] if push else []
        finally:
            with self.seen:
                del self.queues[queue]
                self.seen.notify_all()

    def send(self, text, event=None, id=None, retry=None):
        "Send an event to all readers"
        fields = [f'{name}: {value}\n' for name, value in (('event', event), ('id', id), ('retry', retry)) if value]
        self._put(''.join(fields) + ''.join(f'data: {line}\n' for line in text.split('\n')) + '\n')

    def drop(self): self._put(None)

    def _put(self, text):
        with self.seen: waiting = list(self.queues.items())
        for queue, loop in waiting: loop.call_soon_threadsafe(queue.put_nowait, text)

    def wait(self, readers=None, requests=None):
        "Wait for this number of readers or requests"
        def there():
            return readers in (None, len(self.queues)) and (requests is None or len(self.requests) >= requests)
        with self.seen: assert self.seen.wait_for(there, TIMEOUT/1000), (len(self.queues), len(self.requests))


class Site:
    "Pages and streams of the tests, on one server"
    def __init__(self, npm):
        self.url, self.streams, self.pages, self.numbers = None, {}, {}, itertools.count()
        self.app, _ = fast_app(htmx=False, surreal=False, pico=False)
        routes = [Route('/stream/{name}', self._stream), Route('/p/{name}', self._page)]
        self.app.router.routes[:0] = [Mount('/npm', StaticFiles(directory=npm)), *routes]

    async def _stream(self, request): return await self.streams[request.path_params['name']].answer(request)

    async def _page(self, request):
        answer = self.pages[request.path_params['name']](request)
        return await answer if inspect.isawaitable(answer) else answer

    def stream(self):
        "Make a stream; return it and its path"
        name = str(next(self.numbers))
        self.streams[name] = Stream()
        return self.streams[name], f'/stream/{name}'

    def route(self, answer):
        "Add a route for `answer(request)`; return its URL"
        name = str(next(self.numbers))
        self.pages[name] = answer
        return f'{self.url}/p/{name}'

    def page(self, *content, head=(), headers=None):
        "Add a page; return its URL"
        body = to_xml(Div(*content), indent=False)
        text = '<!doctype html><html><head><meta charset="utf-8"><title>test</title><link rel="icon" href="data:,">'
        text += f'{"".join(to_xml(elt, indent=False) for elt in head)}</head><body>{body}</body></html>'
        return self.route(lambda request: HTMLResponse(text, headers=headers))


@pytest.fixture(scope='package')
def site(npm_files, serve):
    "One server for the pages of all tests"
    site = Site(npm_files)
    with serve(site.app) as site.url: yield site
