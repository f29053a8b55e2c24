"Refreshes after a reset: in each case all events are shown, or the state shows that some are missing"
import asyncio
import threading

import pytest
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from cjm_fasthtml_sse.browser.elements import connection_indicator, create_sse_element
from .conftest import HTMX2, HTMX4
from .engines import expect
from .live import HEARD

pytestmark = [pytest.mark.needs('init script'), pytest.mark.sample(1), pytest.mark.heavy]

RESET = '{"reason": "expired", "last_event_id": "e-9"}'
SIGN_IN = '<form>Please sign in</form>'
HELD = 1000  # events that may wait for a refresh
LIMIT = 31_000  # milliseconds after which a refresh is cancelled
one_htmx = pytest.mark.parametrize('htmx', [HTMX2], ids=str)
other_htmx = pytest.mark.parametrize('htmx', [HTMX4], ids=str)


@pytest.fixture
def show(site, page):
    "`show(htmx, answer)` opens a page whose element is refreshed by `answer`, or from a URL; returns its stream"
    def show(htmx, answer, clock=False):
        stream, path = site.stream()
        url = answer if isinstance(answer, str) else site.route(answer).removeprefix(site.url)
        if clock: page.clock.install()
        page.add_init_script("window.resets = 0; addEventListener('sse:reset', () => { window.resets += 1; })")
        element = create_sse_element(path, 'sse', 'message', hx_swap='beforeend', refresh=url, refresh_spread=0)
        page.goto(site.page(element('old'), connection_indicator(id='says'), head=htmx.head()))
        stream.wait(readers=1)
        stream.send(RESET, event='sse-reset', id='e-9')
        page.wait_for_function('window.resets')
        if clock: page.clock.run_for(100)
        return stream
    return show


class Hangs:
    "A response that arrives when the test allows it: all of it, or all but its start"
    def __init__(self, body=False):
        self.body, self.asked, self.may_end = body, threading.Event(), threading.Event()

    async def __call__(self, request):
        self.asked.set()
        if not self.body: await asyncio.to_thread(self.may_end.wait, 60)
        return StreamingResponse(self.text(), media_type='text/html', headers={'Last-Event-ID': 'e-9'})

    async def text(self):
        yield '<b>fresh'
        await asyncio.to_thread(self.may_end.wait, 60)
        yield '</b>'


@pytest.fixture
def hangs(request):
    hangs = Hangs(getattr(request, 'param', False))
    yield hangs
    hangs.may_end.set()


def expect_state(page, state):
    for place in ('#sse', 'html', '#says'): expect(page.locator(place)).to_have_attribute('data-sse-state', state)


def numbers(page): return page.evaluate(HEARD)


def send(stream, first, last):
    for n in range(first, last + 1): stream.send(f'<i>{n}</i>', id=f'e-{n}')


def arrived(page, id):
    page.wait_for_function('id => [...cjmSSE.subscriptions].every(each => each.cursor === id)', arg=id)


# Responses that are no content


def to_sign_in(site):
    url = site.route(lambda request: HTMLResponse(SIGN_IN))
    return lambda request: RedirectResponse(url, 303)


NO_ANSWER = {
    'redirect': to_sign_in,
    'HX-Redirect': lambda site: lambda request: HTMLResponse('', headers={'HX-Redirect': '/sign-in'}),
    'HX-Redirect of 204': lambda site: lambda request: Response(status_code=204, headers={'HX-Redirect': '/sign-in'}),
    '401': lambda site: lambda request: HTMLResponse(SIGN_IN, 401),
    '403': lambda site: lambda request: HTMLResponse(SIGN_IN, 403)}


@pytest.mark.parametrize('kind', NO_ANSWER)
def test_a_reader_who_is_signed_out_is_told(site, show, page, htmx, console, kind):
    "The element's attribute shows it: the sign-in page is not put into it"
    console.allow_failing()
    asked = []
    answer = NO_ANSWER[kind](site)
    stream = show(htmx, lambda request: asked.append(request) or answer(request))
    expect_state(page, 'denied')
    expect(page.locator('#sse')).to_have_text('old')
    assert page.url.startswith(site.url + '/p/') and len(asked) == 1
    stream.wait(readers=0)


@one_htmx
@pytest.mark.parametrize('asked, there', [('/slash', '/slash/'), ('/bare/?x=1', '/bare?x=1')])
def test_a_slash_more_or_less_is_no_redirect_to_elsewhere(site, show, page, htmx, asked, there):
    "Routers redirect such a request; a regression test"
    paths = asked.partition('?')[0], there.partition('?')[0]
    site.app.router.routes[:0] = [Route(paths[0], lambda request: RedirectResponse(there, 307)),
                                  Route(paths[1], lambda request: HTMLResponse('<b>all</b>'))]
    stream = show(htmx, asked)
    expect(page.locator('#sse')).to_have_text('all')
    expect_state(page, 'open')
    stream.send(', and more', id='e-10')
    expect(page.locator('#sse')).to_have_text('all, and more')


# No response


@pytest.mark.parametrize('hangs', [pytest.param(False, id='no answer'), pytest.param(True, id='half')], indirect=True)
def test_an_answer_that_does_not_come_is_not_waited_for(show, page, htmx, hangs, console):
    "After 30 seconds, the events since then are shown in order, and the state shows that some are missing"
    console.allow_failing()
    stream = show(htmx, hangs, clock=True)
    assert hangs.asked.wait(30)
    send(stream, 10, 19)
    arrived(page, 'e-19')
    page.clock.run_for(20_000)
    assert numbers(page) == [] and page.inner_text('#sse') == 'old'
    page.clock.run_for(LIMIT - 20_000)
    expect(page.locator('#sse i')).to_have_text([str(n) for n in range(10, 20)])
    expect_state(page, 'stale')
    send(stream, 20, 21)
    expect(page.locator('#sse i')).to_have_text([str(n) for n in range(10, 22)])
    hangs.may_end.set()
    send(stream, 22, 22)
    expect(page.locator('#sse i').last).to_have_text('22')
    assert 'fresh' not in page.inner_text('#sse')  # it is too late, and does not replace what is shown
    expect_state(page, 'stale')


def test_so_many_events_are_kept_and_no_more(show, page, htmx, hangs, console):
    "A refresh hangs while many events arrive: they are shown before its timeout"
    console.allow_failing()
    stream = show(htmx, hangs)
    assert hangs.asked.wait(30)
    send(stream, 10, HELD)
    arrived(page, f'e-{HELD}')
    assert numbers(page) == []
    send(stream, HELD + 1, HELD + 500)
    page.wait_for_function(f"document.querySelectorAll('#sse i').length === {HELD + 491}")
    assert numbers(page) == [*range(10, HELD + 501)]
    expect_state(page, 'stale')
    hangs.may_end.set()
    send(stream, HELD + 501, HELD + 501)
    page.wait_for_function(f"document.querySelectorAll('#sse i').length === {HELD + 492}")
    assert numbers(page) == [*range(10, HELD + 502)] and 'fresh' not in page.inner_text('#sse')
    expect_state(page, 'stale')


@one_htmx
def test_an_answer_in_time_is_shown_with_what_came_meanwhile(show, page, htmx, hangs):
    "Almost too late, and almost too many; a regression test"
    stream = show(htmx, hangs, clock=True)
    assert hangs.asked.wait(30)
    send(stream, 10, HELD)
    arrived(page, f'e-{HELD}')
    page.clock.run_for(25_000)
    hangs.may_end.set()
    page.wait_for_function(f"document.querySelectorAll('#sse i').length === {HELD - 9}")
    assert numbers(page) == [*range(10, HELD + 1)]
    expect(page.locator('#sse b')).to_have_text('fresh')
    expect_state(page, 'open')


@other_htmx
def test_a_reset_after_one_that_failed_is_made_good(site, show, page, htmx, console):
    "The server hangs, then it answers"
    console.allow_failing()
    first = Hangs()
    async def answer(request):
        if not first.asked.is_set(): return await first(request)
        return HTMLResponse('<b>all</b>', headers={'Last-Event-ID': 'e-30'})
    stream = show(htmx, answer, clock=True)
    assert first.asked.wait(30)
    page.clock.run_for(LIMIT)
    expect_state(page, 'stale')
    stream.send(RESET, event='sse-reset', id='e-30')
    page.wait_for_function('window.resets === 2')
    page.clock.run_for(1_000)
    expect(page.locator('#sse')).to_have_text('all')
    expect_state(page, 'open')
    stream.send(', and more', id='e-31')
    expect(page.locator('#sse')).to_have_text('all, and more')
    first.may_end.set()


@one_htmx
def test_a_reset_during_a_refresh_asks_once_more(show, page, htmx):
    "The content of the first response is older than the second gap; a regression test"
    hangs, answers = Hangs(), ['<b>first</b>', '<b>second</b>']
    async def answer(request):
        await hangs(request)
        return HTMLResponse(answers.pop(0))
    stream = show(htmx, answer)
    assert hangs.asked.wait(30)
    stream.send(RESET, event='sse-reset', id='e-12')
    send(stream, 13, 13)
    arrived(page, 'e-13')
    hangs.may_end.set()
    expect(page.locator('#sse')).to_have_text('second')
    expect_state(page, 'open')
    assert answers == []


@one_htmx
@pytest.mark.parametrize('status', [404, 500, 503])
def test_an_answer_that_fails_leaves_the_element_out_of_date(show, page, htmx, console, status):
    "The events are shown; a regression test"
    console.allow_failing()
    stream = show(htmx, lambda request: HTMLResponse('no', status))
    send(stream, 10, 11)
    expect(page.locator('#sse i')).to_have_text(['10', '11'])
    expect_state(page, 'stale')


@one_htmx
def test_an_element_that_goes_during_its_refresh(site, show, page, htmx, hangs):
    "The element is gone when the response arrives; a regression test"
    stream = show(htmx, hangs)
    assert hangs.asked.wait(30)
    page.evaluate("document.querySelector('#sse').remove()")
    stream.wait(readers=0)
    hangs.may_end.set()
    page.evaluate("() => fetch(location.href).then(answer => answer.text())")
    page.wait_for_function("!document.documentElement.hasAttribute('data-sse-state')")
