"A page and a stream on different sites: cookies, and the users that receive events"
from contextlib import ExitStack

import pytest
from ports import free_port
from fasthtml.common import I, fast_app

from cjm_fasthtml_sse.core.broadcast import BroadcastManager, setup_broadcast_routes
from cjm_fasthtml_sse.browser.elements import create_sse_element
from .conftest import HTMX2, HTMX4
from .live import HEARD
from .rooms import expect_state, heard, state, until
from cjm_fasthtml_sse import AccessPolicy, Delivery

pytestmark = [pytest.mark.needs('requests'), pytest.mark.sample(1), pytest.mark.heavy]

one_htmx = pytest.mark.parametrize('htmx', [HTMX2], ids=str)
COOKIE = 'who=alice'


class Feed:
    "A stream of numbers for pages of other sites, which stores the headers of each request"
    def __init__(self, allow):
        self.manager, self.requests, self.sent = BroadcastManager(delivery=Delivery(retry_range=(0, 50))), [], 0
        self.app, rt = fast_app(htmx=False, surreal=False, pico=False)
        policy = AccessPolicy(identify=self.note, allow_origins=allow)
        setup_broadcast_routes(self.app, self.manager, element_builder=lambda kind, data: I(data['n']), policy=policy)
        rt('/cut')(self.end)

    async def end(self): return str(await self.manager.disconnect({}, reconnect=True))

    def note(self, req):
        if req.url.path.endswith('/broadcast'): self.requests.append(dict(req.headers))

    @property
    def cookies(self): return [COOKIE in each.get('cookie', '') for each in self.requests]

    def send(self):
        self.sent += 1
        self.manager.broadcast_threadsafe('number', {'n': self.sent}).result(30)

    def cut(self, tab):
        "End all streams; they reconnect"
        tab.context.request.get(f'{self.url}/cut')


@pytest.fixture
def feed(serve, site):
    "`feed(allow, port)` serves a `Feed`"
    with ExitStack() as stack:
        def start(allow, port=None):
            feed = Feed(allow)
            feed.url = stack.enter_context(serve(feed.app, port))
            return feed
        yield start


@pytest.fixture
def page_for(site, tabs, context, htmx, console):
    "`page_for(url, tab)` opens a page with an element on the stream of another site, and a cookie for both sites"
    console.allow_failing()
    console.allow('CORS')
    context.add_cookies([dict(name='who', value='alice', domain='127.0.0.1', path='/')])
    def show(url, tab=None):
        tab = tab or tabs()
        element = create_sse_element(f'{url}/sse/broadcast', 'sse', 'beforeend')
        tab.goto(site.page(element, head=htmx.head()), wait_until='domcontentloaded')
        return tab
    return show


def expect_hears(tab, feed):
    feed.send()
    until(tab, lambda: feed.sent in heard(tab))


def test_all_sites_may_read_without_cookies(feed, page_for, htmx):
    numbers = feed('*')
    tab = page_for(numbers.url)
    expect_state(tab, 'open')
    expect_hears(tab, numbers)
    assert numbers.cookies[-1] is False
    until(tab, lambda: numbers.manager.statistics().streams == 1)  # a response that the browser refused is not stored
    asked = len(numbers.requests)
    numbers.cut(tab)
    until(tab, lambda: len(numbers.requests) > asked)
    expect_state(tab, 'open')
    expect_hears(tab, numbers)
    assert numbers.cookies[asked:] == [False]  # the page has learned it by now
    assert heard(tab) == [*range(1, numbers.sent + 1)]


def test_a_site_that_is_named_reads_with_cookies(feed, page_for, site, htmx):
    "A regression test"
    numbers = feed([site.url])
    tab = page_for(numbers.url)
    expect_state(tab, 'open')
    expect_hears(tab, numbers)
    numbers.cut(tab)
    until(tab, lambda: len(numbers.requests) == 2)
    expect_state(tab, 'open')
    expect_hears(tab, numbers)
    assert numbers.cookies == [True, True]


@one_htmx
@pytest.mark.parametrize('allow', ['all', 'named'])
def test_a_server_that_is_down_at_first(feed, page_for, site, allow):
    "Without an answer, nothing is known about cookies: a signed-in user sends them once the server is up"
    port = free_port()
    tab = page_for(f'http://127.0.0.1:{port}')
    expect_state(tab, 'reconnecting')
    numbers = feed('*' if allow == 'all' else [site.url], port)
    tab.evaluate("dispatchEvent(new Event('online'))")
    expect_state(tab, 'open')
    expect_hears(tab, numbers)
    assert numbers.cookies[-1] is (allow == 'named')


@one_htmx
@pytest.mark.parametrize('allow', ['all', 'named'])
def test_a_server_that_goes_down_and_comes_back(feed, serve, page_for, site, allow):
    origins = '*' if allow == 'all' else [site.url]
    before, port = Feed(origins), free_port()
    with serve(before.app, port) as url:
        tab = page_for(url)
        expect_state(tab, 'open')
        expect_hears(tab, before)
    expect_state(tab, 'reconnecting')
    tab.wait_for_timeout(1000)  # the page retries without success
    numbers = feed(origins, port)
    tab.evaluate("dispatchEvent(new Event('online'))")
    expect_state(tab, 'open', 'stale')
    expect_hears(tab, numbers)
    assert numbers.cookies[-1] is (allow == 'named')


@one_htmx
def test_a_site_that_is_not_let_in_hears_nothing(feed, page_for):
    "With and without cookies; a regression test"
    numbers = feed(['https://another.example'])
    tab = page_for(numbers.url)
    expect_state(tab, 'reconnecting')
    numbers.send()
    assert heard(tab) == [] and numbers.requests == []
    assert state(tab) == 'reconnecting'


@one_htmx
@pytest.mark.needs('routes')
def test_a_page_of_the_same_site_always_brings_its_cookies(site, page, context, console, htmx):
    "After a failed connection, cookies are still sent; a regression test"
    console.allow_failing()
    context.add_cookies([dict(name='who', value='alice', domain='127.0.0.1', path='/')])
    stream, path = site.stream()
    page.route(f'**{path}', lambda route: route.abort(), times=2)
    page.goto(site.page(create_sse_element(path, 'sse', 'beforeend'), head=htmx.head()))
    until(page, lambda: stream.requests)
    stream.wait(readers=1)
    stream.send('<i>1</i>')
    until(page, lambda: page.evaluate(HEARD) == [1])
    assert [COOKIE in each.get('cookie', '') for each in stream.requests] == [True]


@pytest.mark.parametrize('htmx', [HTMX4], ids=str)
def test_nothing_is_asked_before_the_request_itself(feed, page_for, site, tabs):
    "A custom header would need a preflight request; a regression test"
    numbers = feed([site.url])
    tab, methods = tabs(), []
    tab.on('request', lambda request: numbers.url in request.url and methods.append(request.method))
    tab = page_for(numbers.url, tab)
    expect_state(tab, 'open')
    expect_hears(tab, numbers)
    assert methods == ['GET'] and 'sse-version' not in numbers.requests[0]
