"The state of a page's streams, and resets"
import asyncio
import threading

import pytest
from fasthtml.common import Div, Input, Script
from starlette.responses import HTMLResponse, Response

from cjm_fasthtml_sse.browser.elements import connection_indicator, create_sse_element
from .engines import expect

pytestmark = pytest.mark.sample(1)

STATES = '''window.states = [];
addEventListener('sse:state', ({target, detail: {state, status}}) =>
    window.states.push(`${target.id} ${state} ${status || ''}`.trim()));'''
RESET = '{"reason": "expired", "last_event_id": "e-9"}'


@pytest.fixture
def show(site, page):
    "`show(htmx, …)` opens a page with one element and an indicator; returns the stream"
    def show(htmx, *content, strategy='message', status=200, headers=None, **attrs):
        stream, path = site.stream()
        stream.status, stream.headers = status, headers or {}
        element = create_sse_element(path, 'sse', strategy, **dict(hx_swap='beforeend') | attrs)(*content)
        page.goto(site.page(element, connection_indicator(id='says'), head=[Script(STATES), *htmx.head()]))
        stream.wait(requests=1, readers=1 if status == 200 else 0)
        return stream
    return show


def expect_state(page, state):
    for place in ('#sse', 'html', '#says'): expect(page.locator(place)).to_have_attribute('data-sse-state', state)


@pytest.mark.feature('the connection indicator')
def test_states_are_told(show, page, htmx, console):
    console.allow_failing()
    stream = show(htmx)
    expect_state(page, 'open')
    expect(page.get_by_role('status')).to_have_text('Live')
    stream.status = 500
    stream.drop()
    expect_state(page, 'reconnecting')
    expect(page.get_by_role('status')).to_have_text('Reconnecting…')
    stream.status = 403
    page.evaluate("document.dispatchEvent(new Event('htmx:sseReconnect'))")
    expect_state(page, 'denied')
    expect(page.get_by_role('status')).to_have_text('No access')
    states = page.evaluate('window.states')
    assert states[:2] == ['sse connecting', 'sse open'] and states[-1] == 'sse denied 403'


@pytest.mark.parametrize('status, state', [(401, 'denied'), (403, 'denied'), (409, 'denied'), (204, 'closed')])
@pytest.mark.feature('no reconnect after a permanent refusal')
@pytest.mark.needs('clock')
def test_stop_means_stop(show, page, htmx, console, status, state):
    console.allow_failing()
    page.clock.install()
    stream = show(htmx, 'kept', status=status)
    expect(page.locator('#sse')).to_have_attribute('data-sse-state', state)
    page.clock.run_for(120_000)
    assert len(stream.requests) == 1
    assert page.evaluate("cjmSSE.isEnded(document.querySelector('#sse'))")
    expect(page.locator('#sse')).to_have_text('kept')


@pytest.mark.parametrize('status', [429, 503])
@pytest.mark.feature('a reconnect after a temporary refusal')
@pytest.mark.needs('clock')
def test_retry_after_is_waited_for(show, page, htmx, console, status):
    console.allow_failing()
    page.clock.install()
    stream = show(htmx, status=status, headers={'Retry-After': '100'})
    expect(page.locator('#sse')).to_have_attribute('data-sse-state', 'reconnecting')
    page.clock.run_for(99_000)
    assert len(stream.requests) == 1
    stream.status = 200
    page.clock.run_for(27_000)
    stream.wait(readers=1)


@pytest.mark.feature('a silent connection is detected')
@pytest.mark.needs('clock')
def test_silence_is_noticed(show, page, htmx, console):
    console.allow_failing()
    page.clock.install()
    stream = show(htmx, headers={'SSE-Heartbeat': '15'})
    expect_state(page, 'open')
    page.clock.run_for(30_000)
    stream.send('<b>still there</b>')
    expect(page.locator('#sse')).to_have_text('still there')
    page.clock.run_for(30_000)
    assert len(stream.requests) == 1
    while len(stream.requests) < 2: page.clock.run_for(1000)
    stream.wait(readers=1)


def test_one_element_is_down_and_the_page_says_so(site, page, htmx, console):
    console.allow_failing()
    (good, path), (bad, bad_path) = site.stream(), site.stream()
    bad.status = 500
    content = create_sse_element(path, 'good'), create_sse_element(bad_path, 'bad'), connection_indicator(id='says')
    page.goto(site.page(*content, head=htmx.head()))
    good.wait(readers=1)
    expect(page.locator('html')).to_have_attribute('data-sse-state', 'reconnecting')
    good.send('{}', event='sse-close')
    bad.status = 200
    page.evaluate("htmx.trigger(document.querySelector('#bad'), 'htmx:sseReconnect')")
    expect(page.locator('#good')).to_have_attribute('data-sse-state', 'closed')
    expect(page.locator('html')).to_have_attribute('data-sse-state', 'open')
    page.evaluate("document.querySelectorAll('#good, #bad').forEach(each => each.remove())")
    page.wait_for_function("!document.documentElement.hasAttribute('data-sse-state')")


# After a reset


def refreshing(answers):
    "A route that returns the next of `answers`, each with its headers"
    return lambda request: HTMLResponse(*answers.pop(0)) if answers else Response(status_code=500)


@pytest.mark.feature('`refresh` after a reset')
def test_a_reset_is_made_good_without_losing_a_form(site, show, page, htmx):
    url = site.route(refreshing([('<b>all of it</b>', 200, {'Last-Event-ID': 'e-10'})]))
    stream = show(htmx, 'old', refresh=url.removeprefix(site.url), refresh_spread=0)
    page.evaluate("document.body.append(Object.assign(document.createElement('input'), {id: 'form'}))")
    page.locator('#form').fill('half typed')
    stream.send(RESET, event='sse-reset', id='e-9')
    expect(page.locator('#sse')).to_have_text('all of it')
    expect_state(page, 'open')
    expect(page.locator('#form')).to_have_value('half typed')
    stream.send(', and more', id='e-11')
    expect(page.locator('#sse')).to_have_text('all of it, and more')
    assert [each for each in page.evaluate('window.states') if 'stale' in each] == ['sse stale']


@pytest.mark.feature('`refresh` after a reset')
def test_what_arrives_during_a_refresh_is_shown_once(site, show, page, htmx):
    asked, may_answer = threading.Event(), threading.Event()
    async def refresh(request):
        assert request.headers['hx-request'] == 'true'
        asked.set()
        await asyncio.to_thread(may_answer.wait, 30)
        return HTMLResponse('<i>9</i><i>10</i>', headers={'Last-Event-ID': 'e-10'})
    stream = show(htmx, 'old', refresh=site.route(refresh).removeprefix(site.url), refresh_spread=0)
    stream.send(RESET, event='sse-reset', id='e-9')
    assert asked.wait(30)
    for n in (10, 11, 12): stream.send(f'<i>{n}</i>', id=f'e-{n}')
    page.wait_for_function("[...cjmSSE.subscriptions][0].cursor === 'e-12'")
    expect(page.locator('#sse')).to_have_text('old')
    may_answer.set()
    expect(page.locator('#sse i')).to_have_text(['9', '10', '11', '12'])


def test_a_page_that_knows_better(show, page, htmx):
    stream = show(htmx, 'old', refresh=True, refresh_spread=0)
    page.evaluate('''() => { window.kept = true; addEventListener('sse:reset', event => {
        event.preventDefault();
        window.detail = event.detail; }); }''')
    stream.send(RESET, event='sse-reset', id='e-9')
    page.wait_for_function('window.detail')
    assert page.evaluate('window.detail') == {'reason': 'expired', 'lastEventId': 'e-9'}
    expect_state(page, 'open')
    assert page.evaluate('window.kept')


@pytest.mark.feature('`refresh` after a reset')
def test_a_page_that_asks_for_it_is_loaded_anew(show, page, htmx):
    stream = show(htmx, refresh=True, refresh_spread=0)
    page.evaluate('window.kept = true')
    stream.send(RESET, event='sse-reset', id='e-9')
    page.wait_for_function('!window.kept')
    stream.wait(readers=1, requests=2)


def test_nothing_named_is_stale_and_no_more(show, page, htmx):
    stream = show(htmx, 'old')
    stream.send(RESET, event='sse-reset', id='e-9')
    expect_state(page, 'stale')
    expect(page.get_by_role('status')).to_have_text('Out of date Reload')
    stream.send(' and new', id='e-10')
    expect(page.locator('#sse')).to_have_text('old and new')


# Named events


@pytest.mark.feature('named events')
def test_elements_inside_swap_what_they_name(show, page, any_htmx, console):
    console.allow('sse-swap is removed')  # htmx 4 warns about it
    inside = (Div('-', id='a', sse_swap='one', hx_swap='innerHTML'),  # htmx 2 would inherit the attributes around it
              Div('-', id='b', data_sse_swap='two, one', hx_swap='beforeend'), Div('-', id='c'))
    stream = show(any_htmx, *inside, strategy='none')
    stream.send('<b>1</b>', event='one')
    stream.send('<b>2</b>', event='two')
    stream.send('<b>3</b>', event='three')
    stream.send('<b>4</b>', event='one')
    expect(page.locator('#b')).to_have_text('-124')
    expect(page.locator('#a')).to_have_text('4')
    expect(page.locator('#c')).to_have_text('-')


def test_the_script_twice_changes_nothing(site, page, htmx):
    stream, path = site.stream()
    own = htmx.head()[-1]
    page.goto(site.page(create_sse_element(path, 'sse', 'beforeend'), own, Script('window.again = true'), Input(), own,
                        head=htmx.head()))
    stream.wait(readers=1)
    stream.send('once')
    expect(page.locator('#sse')).to_have_text('once')
    assert len(stream.requests) == 1
