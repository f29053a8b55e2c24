"The three scripts work in a browser as their docstrings describe"
import re
import threading

import pytest
from fasthtml.common import A, B, Button, Div, Script
from starlette.responses import JSONResponse, Response

from cjm_fasthtml_sse.browser.elements import (cleanup_sse_on_unload, create_connection_manager_script,
                                            create_reconnection_script, create_sse_element, sse_headers)
from .conftest import HTMX2, HTMX4, Site
from .engines import expect

pytestmark = pytest.mark.sample(1)

HIDE = '''hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
                      document.dispatchEvent(new Event('visibilitychange')); }'''


def given_up(message): return 'given up' in message.text


@pytest.fixture
def show(site, page):
    "`show(htmx, *scripts)` opens a page with one element and the scripts; returns its stream and the element"
    def show(htmx, *scripts, content=(), status=200, **attrs):
        stream, path = site.stream()
        stream.status = status
        element = create_sse_element(path, 'sse', hx_swap='beforeend', **attrs)
        page.goto(site.page(element, *content, *scripts, head=htmx.head()))
        stream.wait(readers=1 if status == 200 else 0, requests=1)
        return stream, page.locator('#sse')
    return show


# cleanup_sse_on_unload


@pytest.mark.feature('a page restored by Back continues its stream')
@pytest.mark.needs('kept pages')
def test_leaving_ends_the_stream_and_back_takes_it_up(site, show, page, any_htmx):
    stream, element = show(any_htmx, cleanup_sse_on_unload())
    stream.send('a', id='e-1')
    expect(element).to_have_text('a')
    page.evaluate('window.kept = true')
    page.goto(site.page('elsewhere'))
    stream.wait(readers=0)
    page.evaluate('history.back()')
    stream.wait(readers=1)
    page.wait_for_function('window.kept')  # the page itself has returned, not a new one
    stream.send('b')
    expect(element).to_have_text('ab')
    back = stream.requests[-1]
    assert len(stream.requests) == 2
    assert back['last-event-id'] == 'e-1'


@pytest.mark.feature('a page restored by Back continues its stream')
@pytest.mark.needs('kept pages', 'arrivals')
def test_back_does_not_open_what_the_server_ended(site, show, page, htmx):
    stream, element = show(htmx, cleanup_sse_on_unload())
    stream.send('{}', event='sse-close')
    stream.wait(readers=0)
    page.evaluate('window.kept = true')
    page.goto(site.page('elsewhere'))
    with page.expect_event('framenavigated'): page.evaluate('history.back()')
    page.wait_for_function('window.kept')
    page.evaluate('document.querySelector("#sse").textContent = "shown again"')
    expect(element).to_have_text('shown again')
    assert len(stream.requests) == 1


def download(site, page):
    file = Response('x', headers={'Content-Disposition': 'attachment; filename=x.txt'})
    return site.route(lambda request: file)


HARMLESS = {
    'download': download,
    'no content': lambda site, page: site.route(lambda request: Response(status_code=204)),
    'mailto': lambda site, page: 'mailto:someone@example.org'}


@pytest.mark.sample(3)
@pytest.mark.parametrize('kind', HARMLESS)
@pytest.mark.needs('whole streams')
def test_a_click_that_does_not_leave(site, show, page, htmx, console, kind):
    console.allow('Failed to launch')  # there is no mail program
    link = A('link', href=HARMLESS[kind](site, page), id='link')
    stream, element = show(htmx, cleanup_sse_on_unload(), content=[link])
    page.evaluate("addEventListener('beforeunload', () => { window.unloading = true })")
    page.locator('#link').click(no_wait_after=True)
    page.wait_for_function('window.unloading')
    stream.send('alive')
    expect(element).to_have_text('alive')
    assert len(stream.requests) == 1


@pytest.mark.feature('a cancelled navigation')
@pytest.mark.needs('dialogs')
def test_a_cancelled_navigation(site, show, page, htmx):
    stream, element = show(htmx, cleanup_sse_on_unload(), content=[Button('touch', id='touch')])
    page.locator('#touch').click()  # browsers ask only after the user has touched the page
    page.evaluate("addEventListener('beforeunload', event => event.preventDefault())")
    with page.expect_event('dialog') as asked:
        page.on('dialog', lambda dialog: dialog.dismiss())
        page.evaluate('url => { setTimeout(() => { location.href = url }) }', site.page('elsewhere'))
    assert asked.value.type == 'beforeunload'
    stream.send('alive')
    expect(element).to_have_text('alive')
    assert len(stream.requests) == 1


# create_reconnection_script


@pytest.mark.feature('a reconnect after a temporary refusal')
def test_a_first_answer_that_fails_is_tried_again(show, page, htmx, console):
    console.allow_failing()
    stream, element = show(htmx, create_reconnection_script(20, 1000), status=503)
    stream.wait(requests=3)
    stream.status = 200
    stream.wait(readers=1)
    stream.send('alive')
    expect(element).to_have_text('alive')


@pytest.mark.needs('messages')
def test_at_most_max_retries_in_a_row(show, page, htmx, console):
    console.allow_failing()
    with page.expect_console_message(given_up):
        stream, element = show(htmx, create_reconnection_script(20, 3, True), status=503)
    assert len(stream.requests) == 4


@pytest.mark.needs('messages')
def test_a_success_starts_the_count_anew(show, page, htmx, console):
    console.allow_failing()
    stream, element = show(htmx, create_reconnection_script(200, 3, True), status=503)
    stream.wait(requests=2)
    stream.status = 200
    stream.wait(readers=1)
    opened = len(stream.requests)
    stream.status = 503
    stream.send('x', retry=20)
    with page.expect_console_message(given_up): stream.drop()
    assert len(stream.requests) == opened + 3


@pytest.mark.needs('messages')
def test_none_at_all(show, page, htmx, console):
    console.allow_failing()
    with page.expect_console_message(given_up):
        stream, _ = show(htmx, create_reconnection_script(20, 0, True), status=503)
    assert len(stream.requests) == 1


@pytest.mark.feature('resume after a cut connection')
def test_going_on_from_the_newest_id(show, page, htmx, console):
    console.allow_failing()
    stream, element = show(htmx, create_reconnection_script(20, 1000), cursor='e-1')
    stream.send('a', id='e 2', retry=20)
    expect(element).to_have_text('a')
    for id in ('e 2', 'e-3'):
        stream.status = 503
        stream.drop()
        stream.wait(requests=len(stream.requests) + 2)
        stream.status = 200
        stream.wait(readers=1)
        last = stream.requests[-1]
        named = last.get('last-event-id') or last['query'].removeprefix('last_event_id=').replace('%20', ' ')
        assert named == id
        stream.send('b', id='e-3')
    expect(element).to_have_text('abb')
    stream.wait(readers=1)


@pytest.mark.needs('clock')
def test_one_connection_afterwards(show, page, htmx, console):
    console.allow_failing()
    page.clock.install()
    stream, element = show(htmx, create_reconnection_script(1000, 100), status=503)
    for requests in (2, 3):
        page.wait_for_function('() => !document.querySelector("#sse").classList.contains("htmx-request")')
        while len(stream.requests) < requests: page.clock.run_for(100)
    stream.status = 200
    while not stream.queues: page.clock.run_for(100)
    stream.send('open')
    expect(element).to_have_text('open')  # in the browser too, because a clock that runs ahead would cause a timeout
    opened = len(stream.requests)
    page.clock.run_for(300_000)  # the extension of htmx 2 would have made its own attempts
    stream.send('once')
    expect(element).to_have_text('openonce')
    assert len(stream.requests) == opened and len(stream.queues) == 1


@pytest.mark.feature('resume after a restart of the server')
def test_server_stopped_and_started_again(npm_files, serve, page, any_htmx, console):
    console.allow_failing()
    site = Site(npm_files)
    stream, path = site.stream()
    with serve(site.app) as site.url:
        script = create_reconnection_script(100, 1000)
        page.goto(site.page(create_sse_element(path, 'sse', 'beforeend'), script, head=any_htmx.head()))
        stream.wait(readers=1)
        stream.send('a', retry=100)
        expect(page.locator('#sse')).to_have_text('a')
        stream.drop()
    with serve(site.app, port=int(site.url.rsplit(':')[-1])):
        stream.wait(readers=1)
        stream.send('b')
        expect(page.locator('#sse')).to_have_text('ab')


ASKING = {
    'element': 'htmx.trigger("#sse", "htmx:sseReconnect")',
    'document': 'document.dispatchEvent(new Event("htmx:sseReconnect"))',
    'body': 'htmx.trigger(document.body, "htmx:sseReconnect")',
    'online': 'dispatchEvent(new Event("online"))',
    'shown': f'({HIDE})(false)'}


@pytest.mark.sample(3)
@pytest.mark.parametrize('htmx, asking', [*((HTMX2, asking) for asking in ASKING), (HTMX4, 'document')], ids=str)
@pytest.mark.needs('messages')
def test_a_page_that_gave_up_is_brought_back(show, page, htmx, console, asking):
    console.allow_failing()
    with page.expect_console_message(given_up):
        stream, element = show(htmx, create_reconnection_script(20, 1, True), status=503)
    stream.status = 200
    page.evaluate(ASKING[asking])
    stream.wait(readers=1)
    stream.send('alive')
    expect(element).to_have_text('alive')
    assert len(stream.requests) == 3


SLEEP = '(now => { Date.now = () => now() + 60_000; })(Date.now)'  # the page's timers have not run meanwhile
CLOSE_ON_RECONNECT = """addEventListener('sse:state', ({target, detail}) => {
    if (detail.state === 'reconnecting') cjmSSE.close(target); }, {once: true})"""


def test_a_stream_that_the_page_closes_as_it_reconnects_stays_closed(site, page, htmx):
    stream, path = site.stream()
    stream.headers = {'SSE-Heartbeat': '15'}
    page.goto(site.page(create_sse_element(path, 'sse', 'beforeend'), head=htmx.head()))
    element = page.locator('#sse')
    expect(element).to_have_attribute('data-sse-state', 'open')
    for script in (SLEEP, CLOSE_ON_RECONNECT, ASKING['online']): page.evaluate(script)
    expect(element).to_have_attribute('data-sse-state', 'closed')
    page.evaluate(ASKING['element'])
    stream.wait(readers=1, requests=2)
    stream.send('once')
    expect(element).to_have_text('once')
    assert len(stream.requests) == 2 and len(stream.queues) == 1


def test_what_the_server_ended_opens_for_the_element_alone(show, page, htmx):
    stream, element = show(htmx, create_reconnection_script(20))
    stream.send('a')
    stream.send('{}', event='sse-close')
    stream.wait(readers=0)
    page.wait_for_function('() => cjmSSE.isEnded(document.querySelector("#sse"))')
    for asking in ('document', 'body', 'online', 'shown'): page.evaluate(ASKING[asking])
    page.evaluate(ASKING['element'])
    stream.wait(readers=1)
    stream.send('b')
    expect(element).to_have_text('ab')
    assert len(stream.requests) == 2


def test_asking_does_not_double_a_living_stream(show, page, htmx):
    stream, element = show(htmx, create_reconnection_script(20))
    stream.send('a')
    expect(element).to_have_text('a')
    for asking in ASKING.values(): page.evaluate(asking)
    stream.send('b')
    expect(element).to_have_text('ab')
    assert len(stream.requests) == 1


def test_being_shown_while_it_loads_does_not_double(show, page, htmx):
    early = Script(f'({HIDE})(false); {ASKING["document"]}')
    stream, element = show(htmx, create_reconnection_script(20), early)
    stream.send('once')
    expect(element).to_have_text('once')
    assert len(stream.requests) == 1


# create_connection_manager_script


class Numbers:
    "The responses to a page that requests the server's statistics"
    def __init__(self, site):
        self.asked, self.status, self.go_on, self.seen = 0, 200, threading.Event(), threading.Condition()
        self.go_on.set()
        self.url = site.route(self.answer).removeprefix(site.url)

    def answer(self, request):
        with self.seen:
            self.asked += 1
            self.seen.notify_all()
        return JSONResponse({'total': self.asked, 'active': 2, 'by_type': {'job': '<b>7</b>'}}, self.status)

    def wait(self, asked):
        with self.seen: assert self.seen.wait_for(lambda: self.asked >= asked, 10), self.asked


@pytest.fixture
def numbers(site): return Numbers(site)


PATHS = dict(total='', active='active', job='by_type.job', missing='no.such', odd='by_type', proto='constructor')
PLACES = [B('-', id=name, data_sse_stats=path) for name, path in PATHS.items()]


@pytest.mark.feature('server statistics on a page')
@pytest.mark.needs('clock')
def test_numbers_are_shown(site, page, numbers):
    page.clock.install()
    page.goto(site.page(create_connection_manager_script(numbers.url), *PLACES))
    expect(page.locator('#total')).to_have_text('1')
    expect(page.locator('#active')).to_have_text('2')
    expect(page.locator('#job')).to_have_text('<b>7</b>')
    for name in ('missing', 'odd', 'proto'): expect(page.locator(f'#{name}')).to_have_text('-')
    page.clock.run_for(9_000)
    page.evaluate("document.addEventListener('sse:stats', event => { window.stats = event.detail })")
    assert numbers.asked == 1
    page.clock.run_for(1_000)
    expect(page.locator('#total')).to_have_text('2')
    assert page.evaluate('window.stats.active') == 2


@pytest.mark.needs('clock')
def test_a_hidden_page_does_not_ask(site, page, numbers):
    page.clock.install()
    page.goto(site.page(create_connection_manager_script(numbers.url), *PLACES))
    expect(page.locator('#total')).to_have_text('1')
    page.evaluate(HIDE, True)
    page.clock.run_for(60_000)
    page.evaluate(HIDE, False)
    expect(page.locator('#total')).to_have_text('2')
    assert numbers.asked == 2


@pytest.mark.needs('clock', 'routes')
def test_questions_do_not_overlap_and_are_dropped_in_time(site, page, console):
    held, seen = [], threading.Semaphore(0)
    page.clock.install()
    page.route('**/slow', lambda route: (held.append(route), seen.release()))
    page.goto(site.page(create_connection_manager_script('/slow', 1000, debug=True), *PLACES))
    page.wait_for_function('() => document.readyState === "complete"')
    page.evaluate(HIDE, False)
    page.clock.run_for(4_000)
    assert len(held) == 1
    with page.expect_console_message(lambda message: 'no stats from /slow' in message.text): page.clock.run_for(1_000)
    while len(held) < 2: page.clock.run_for(100)
    held[1].fulfill(json={'total': 5})
    expect(page.locator('#total')).to_have_text('5')


@pytest.mark.needs('clock')
def test_failures_leave_the_numbers(site, page, numbers, console):
    console.allow('Failed to load resource')
    page.clock.install()
    page.goto(site.page(create_connection_manager_script(numbers.url), *PLACES))
    expect(page.locator('#total')).to_have_text('1')
    numbers.status = 500
    page.clock.run_for(10_000)
    numbers.wait(asked=2)
    expect(page.locator('#total')).to_have_text('1')
    numbers.status = 200
    page.evaluate(HIDE, False)
    while numbers.asked < 3: page.clock.run_for(1000)
    expect(page.locator('#total')).to_have_text(re.compile('^[3-9]$'))


@pytest.mark.needs('routes')
def test_an_endpoint_that_looks_like_code_stays_text(site, page):
    asked = []
    page.route('**/x?**', lambda route: (asked.append(route.request.url), route.fulfill(json={'total': 1})))
    endpoint = '/x?</script><script>window.hurt=1</script>"\'`${hurt}'
    page.goto(site.page(create_connection_manager_script(endpoint), *PLACES))
    expect(page.locator('#total')).to_have_text('1')
    assert page.evaluate('window.hurt') is None
    assert '%3C/script%3E' in asked[0] and '${hurt}' in asked[0]


# All three


@pytest.mark.needs('kept pages', 'messages')
def test_everything_twice(show, page, site, htmx, numbers, console):
    console.allow_failing()
    three = [cleanup_sse_on_unload(), create_reconnection_script(20, 1, True),
             create_connection_manager_script(numbers.url)]
    with page.expect_console_message(given_up):
        stream, element = show(htmx, *three, *sse_headers(htmx.major)[1:], *three, content=PLACES, status=503)
    assert len(stream.requests) == 2
    stream.status = 200
    page.evaluate(ASKING['element'])
    stream.wait(readers=1)
    page.evaluate('window.kept = true')
    page.goto(site.page('elsewhere'))
    stream.wait(readers=0)
    page.evaluate('history.back()')
    stream.wait(readers=1)
    stream.send('once')
    expect(element).to_have_text('once')
    assert len(stream.requests) == 4


@pytest.mark.feature('a content security policy with a nonce')
def test_under_a_content_security_policy(site, page, htmx, numbers):
    stream, path = site.stream()
    local = {'htmx.org': f'/npm/{htmx.folder}', 'htmx-ext-sse': '/npm/htmx-ext-sse'}
    scripts = [cleanup_sse_on_unload(nonce='n1'), create_reconnection_script(nonce='n1'),
               create_connection_manager_script(numbers.url, nonce='n1')]
    head = sse_headers(htmx.major, local=local, nonce='n1')
    policy = {'Content-Security-Policy': "script-src 'nonce-n1'"}
    page.goto(site.page(create_sse_element(path, 'sse', 'done'), *PLACES, Div(*scripts), head=head, headers=policy))
    stream.wait(readers=1)
    stream.send('<b>named</b>', event='done')
    expect(page.locator('#sse')).to_have_text('named')
    expect(page.locator('#total')).to_have_text('1')
