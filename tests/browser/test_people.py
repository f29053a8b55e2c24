"""Browsers without Playwright: hidden tabs, dead and frozen processes, settings, clicks

Each test starts its own browser (`people.py`). The pages store their messages and those of their console. If a driver
ends with a tab, the pages report to the server.
"""
import json
import threading
from contextlib import ExitStack
from functools import partial

import httpx2
import pytest
from fasthtml.common import A, EventStream, I, P, Response, Script

from cjm_fasthtml_sse.browser.elements import create_sse_element
from cjm_fasthtml_sse.core.streaming import SSEStream, StreamConfig

from .conftest import HTMX2, HTMX4, running
from .live import HEARD, LEADS, Live
from .people import ENGINES, SECONDS, until

pytestmark = [pytest.mark.sample(1, of='people')]
feature = pytest.mark.feature
both_htmx = pytest.mark.parametrize('htmx', [HTMX2, HTMX4], ids=str)

# Collects the messages of a page and its console from its start
KEEP = Script("""
    window.said = []; window.states = []; window.resets = [];
    for (const kind of ['warn', 'error']) {
        const say = console[kind];
        console[kind] = (...what) => { said.push(`${kind}: ${what.join(' ')}`); say.apply(console, what); };
    }
    addEventListener('error', event => said.push(`uncaught: ${event.message}`));
    addEventListener('unhandledrejection', event => said.push(`unhandled: ${event.reason}`));
    addEventListener('sse:state', event => states.push(event.detail.state));
    addEventListener('sse:reset', event => resets.push(event.detail.reason));""")
# Sends the received numbers of this tab to the server, as ranges, after each change
REPORT = Script(f"""
    const tab = Number(new URLSearchParams(location.search).get('tab'));
    let before = '';
    function now() {{
        const sse = document.querySelector('#sse'), runs = [];
        for (const n of ({HEARD})()) runs.at(-1)?.[1] === n - 1 ? runs.at(-1)[1] = n : runs.push([n, n]);
        return JSON.stringify({{tab, runs, from: Number(sse.dataset.from), state: sse.getAttribute('data-sse-state'),
                                leads: ({LEADS})()}});
    }}
    async function report() {{
        const body = now();
        const done = () => {{ before = body; }};
        if (body !== before) await fetch('/report', {{method: 'POST', body}}).then(done, () => {{}});
        setTimeout(report, 300);
    }}
    addEventListener('load', report);""")


class Seen(Live):
    "An app whose pages store their messages, with links that lead nowhere"
    def __init__(self, htmx, *scripts, **settings):
        links = [A(path, href=f'/{path}', id=path) for path in ('nothing', 'slow')]
        super().__init__([KEEP, *scripts, *htmx.head()], scripts=links, **settings)
        self.reports, self.jobs, self.beat = {}, [], 1
        for path in ('nothing', 'slow', 'job'): self.app.get(f'/{path}')(getattr(self, path))
        self.app.post('/report')(self.report)

    async def report(self, req):
        told = json.loads(await req.body())
        self.reports[told['tab']] = told
        return ''

    def nothing(self): return Response(status_code=204)

    async def slow(self):
        "A page that answers late, and is not a page"
        await self.hold()
        return Response(status_code=204)

    def job(self): return EventStream(SSEStream(StreamConfig(heartbeat_interval=self.beat)).stream(self.work))

    async def work(self):
        "A stream of three words that then stays open; each of its starts is counted"
        self.jobs.append(None)
        for word in ('one', 'two', 'three'): yield P(word)
        await self.hold()

    def status(self): return httpx2.get(f'{self.url}/sse/status').json()


@pytest.fixture
def live():
    "`live(htmx, …)` serves an app, and returns it"
    with ExitStack() as stack:
        def start(htmx, *scripts, **settings):
            live = Seen(htmx, *scripts, **settings)
            live.url = stack.enter_context(running(live.app))
            stack.callback(live.thaw.set)
            return live
        yield start


@pytest.fixture
def people():
    "`people(engine, …)` starts a browser, which ends with the test"
    with ExitStack() as stack:
        def start(engine, **settings):
            if missing := ENGINES[engine].missing(): pytest.skip(missing)
            return stack.enter_context(ENGINES[engine](**settings))
        yield start


def engines(*names): return pytest.mark.parametrize('engine', names)


def is_state(tab, *states):
    tab.wait(f"{json.dumps(states)}.includes(document.querySelector('#sse')?.getAttribute('data-sse-state'))")


def hears(tab, *numbers):
    "Check these numbers, once and in order"
    try: tab.wait(f'({HEARD})().length >= {len(numbers)}')
    except AssertionError: pass
    assert tab.evaluate(HEARD) == [*numbers]


def leader(tabs):
    "Return the tab that leads, once there is one"
    return until(lambda: next((tab for tab in tabs if tab.evaluate(LEADS)), None), 'a tab leads')


def open_tabs(live, browser, count, path=''):
    tabs = [browser.open(live.url + path) for _ in range(count)]
    for tab in tabs: is_state(tab, 'open')
    return tabs


# Ten tabs


def reaches(live, tabs, number):
    "Wait until every one of these tabs has shown it"
    def there(): return all(live.reports[tab]['runs'] and live.reports[tab]['runs'][-1][1] >= number for tab in tabs)
    try: until(there, seconds=2 * SECONDS)
    except AssertionError: raise AssertionError({tab: live.reports[tab] for tab in tabs}) from None


@pytest.mark.sample(1, of='ten tabs')
@feature('ten tabs: the leader is closed, frozen and killed')
@engines(*ENGINES)
@both_htmx
def test_ten_tabs(live, people, engine, htmx):
    "Kill it last, because WebKit's driver ends with a killed tab; the pages report the rest"
    live = live(htmx, REPORT)
    browser = people(engine)
    tabs = dict(enumerate(browser.open_all(*(f'{live.url}?tab={n}' for n in range(10)))))
    until(lambda: len(live.reports) == 10 and {each['state'] for each in live.reports.values()} == {'open'})
    with live.talking(.05):
        for end in ('close', 'freeze', 'kill'):
            reaches(live, tabs, live.sent + 1)
            [lost] = until(lambda: [n for n in tabs if live.reports[n]['leads']][:1], 'a tab leads')
            tab = tabs.pop(lost)
            getattr(tab, end)()
            reaches(live, tabs, live.sent + 20)
            if end != 'freeze': continue
            tab.thaw()
            tabs[lost] = tab
    reaches(live, tabs, live.sent)
    for n in tabs:
        told = live.reports[n]
        assert told['runs'] == [[told['from'] + 1, live.sent]], n
        assert told['state'] == 'open', n


# A browser that stores no site data


def is_told_once(tab):
    "A warning says that tabs cannot share, and there is no other message"
    tab.wait('said.length')
    assert ['share' in line for line in tab.evaluate('said')] == [True], tab.evaluate('said')


def hears_alone(live, tabs):
    "Each tab has its own stream, and all work"
    for tab in tabs: is_state(tab, 'open')
    live.send(3)
    for tab in tabs: hears(tab, 1, 2, 3)
    for tab in tabs: assert tab.evaluate("async () => (await (await fetch('/ping')).text())") == 'pong'


@feature('blocked site data')
@engines('chromium', 'firefox')
@both_htmx
def test_all_cookies_are_blocked(live, people, engine, htmx):
    "With the browser's own setting"
    live = live(htmx)
    browser = people(engine, preferences=ENGINES[engine].COOKIES_BLOCKED)
    tabs = [browser.open(live.url) for _ in range(2)]
    assert not tabs[0].evaluate('() => { try { return Boolean(localStorage) } catch { return false } }')
    hears_alone(live, tabs)
    for tab in tabs: is_told_once(tab)


REFUSED = {
    'locks that reject': """LockManager.prototype.request = LockManager.prototype.query = () =>
        Promise.reject(new DOMException('The request was denied.', 'SecurityError'));""",
    'locks that never answer': """LockManager.prototype.request = LockManager.prototype.query = () =>
        new Promise(() => {});""",
    'no channel': """window.BroadcastChannel = class {
        constructor() { throw new DOMException('The operation is insecure.', 'SecurityError'); } };"""}


@feature('a browser that refuses locks or channels')
@engines(*ENGINES)
@both_htmx
@pytest.mark.parametrize('refused', REFUSED)
def test_tabs_cannot_share(live, people, engine, htmx, refused):
    live = live(htmx, Script(REFUSED[refused]))
    browser = people(engine)
    tabs = [browser.open(live.url) for _ in range(2)]
    hears_alone(live, tabs)
    for tab in tabs: is_told_once(tab)


# The end of an event


@feature('each event is shown without delay')
@engines(*ENGINES)
@both_htmx
def test_nothing_waits_for_what_comes_next(live, people, engine, htmx):
    "After each event, the app is silent for a minute; the page shows the event before"
    live = live(htmx, heartbeat_interval=60, element_builder=lambda kind, data: I(str(data['n']), title='x' * 300))
    [tab] = open_tabs(live, people(engine), 1)
    for n in range(1, 9):
        live.send()
        tab.wait(f'({HEARD})().length === {n}', 5)


@feature('the progress of a job')
@engines(*ENGINES)
@both_htmx
def test_no_word_of_a_job_waits(live, people, engine, htmx):
    "The stream is silent for a minute after the event"
    live = live(htmx)
    live.beat, live.content = 60, lambda topics, share: create_sse_element('/job', 'sse', hx_swap='beforeend')
    tab = people(engine).open(live.url)
    tab.wait("document.querySelectorAll('#sse p').length === 3", 10)


# A click that does not leave


def click(tab, link): tab.evaluate(f"() => {{ setTimeout(() => document.querySelector('#{link}').click()) }}")


def watched(live, tabs):
    "Return the leading tab; from now on, the pages store their messages, and when a click has started a navigation"
    clicked = leader(tabs)
    live.send()
    for tab in tabs: hears(tab, 1)
    for tab in tabs: tab.evaluate('() => { said.length = states.length = 0 }')
    clicked.evaluate("() => addEventListener('beforeunload', () => { window.clicked = true })")
    return clicked


def is_as_before(tab):
    is_state(tab, 'open')
    assert {*tab.evaluate('states')} <= {'open'}
    assert tab.evaluate('said') == []


@feature('a click on a download, or on a link without content')
@engines(*ENGINES)
@both_htmx
@pytest.mark.parametrize('link', ['download', 'nothing'])
def test_a_click_that_does_not_leave(live, people, engine, htmx, link):
    live = live(htmx)
    tabs = open_tabs(live, people(engine), 2)
    clicked = watched(live, tabs)
    click(clicked, link)
    clicked.wait('window.clicked')
    live.send(20)
    for tab in tabs: hears(tab, *range(1, 22))
    for tab in tabs: is_as_before(tab)


@feature('a click on a page that loads slowly')
@engines('firefox', 'webkit')  # Chromium continues to read, and answers its driver only after the page has arrived
@both_htmx
def test_a_click_on_a_slow_page(live, people, engine, htmx):
    "Other tabs do not wait for it, and the waiting tab has all events if there is no such page"
    live = live(htmx)
    tabs = open_tabs(live, people(engine), 2)
    clicked = watched(live, tabs)
    [other] = [tab for tab in tabs if tab is not clicked]
    click(clicked, 'slow')
    clicked.wait('window.clicked')
    live.send(20)
    hears(other, *range(1, 22))
    is_as_before(other)
    live.thaw.set()
    live.send()
    for tab in tabs: hears(tab, *range(1, 23))
    for tab in tabs: is_state(tab, 'open')
    is_as_before(other)


# WebKit refuses a fetch while the click still waits for its response
AFTER_CLICK = """async () => {
    while (!await fetch('/ping').catch(() => undefined)) await new Promise(later => setTimeout(later, 50));
    await new Promise(later => setTimeout(later, 1000)); }"""


@feature('a click on a download, and a stream without ids')
@engines(*ENGINES)
@both_htmx
@pytest.mark.parametrize('link', ['download', 'nothing'])
def test_what_cannot_go_on_is_told(live, people, engine, htmx, link):
    "The stream of a job has no ids: it does not start twice, or its element gets a reset"
    live = live(htmx)
    live.content = lambda topics, share: create_sse_element('/job', 'sse', hx_swap='beforeend')
    [tab] = open_tabs(live, people(engine), 1)
    tab.wait("document.querySelectorAll('#sse p').length === 3")
    tab.evaluate("() => addEventListener('beforeunload', () => { window.clicked = true })")
    click(tab, link)
    tab.wait('window.clicked')
    tab.evaluate(AFTER_CLICK)
    is_state(tab, 'open', 'stale')
    assert tab.evaluate('resets') == ['restarted'] * (len(live.jobs) - 1)


# Frozen


COUNT = 'window.ticks = 0; setInterval(() => { window.ticks += 1 }, 100);'
UNTOLD = "addEventListener('freeze', event => event.stopImmediatePropagation(), true);"


@feature('the leader is frozen')
@both_htmx
@pytest.mark.parametrize('told', ['told', 'untold'])
def test_a_frozen_leader_is_replaced(live, people, htmx, told):
    "The page reports it, or the other tabs do, because a frozen tab answers no command"
    live = live(htmx, Script(COUNT + UNTOLD * (told == 'untold')))
    tabs = open_tabs(live, people('chromium'), 3)
    lost = leader(tabs)
    others = [tab for tab in tabs if tab is not lost]
    others[0].front()
    lost.wait('document.hidden')
    lost.freeze()
    until(partial(stands_still, lost), 'the tab is frozen')
    if told == 'told': until(lambda: not lost.evaluate(LEADS), 'it leads no longer')
    live.send(20)
    for tab in others: hears(tab, *range(1, 21))
    lost.thaw()
    live.send()
    for tab in tabs: hears(tab, *range(1, 22))
    for tab in tabs: is_state(tab, 'open')


def stands_still(tab):
    "Its timers are frozen, while another tab's continue"
    before = tab.evaluate('ticks')
    threading.Event().wait(.5)
    return tab.evaluate('ticks') == before


# Back, and private windows


@feature('back and forward')
@engines(*ENGINES)
@both_htmx
def test_back_and_forward(live, people, engine, htmx):
    "With the browser's cache, the same page returns or a new one; neither lacks an event"
    live = live(htmx)
    one, two = open_tabs(live, people(engine), 2)
    if leader([one, two]) is two: one, two = two, one  # on a busy machine, the first one may have been too slow
    live.send()
    for tab in (one, two): hears(tab, 1)
    one.evaluate("() => { setTimeout(() => { location.href = '/plain' }) }")
    one.wait("null !== document.querySelector('#plain')")
    live.send()
    hears(two, 1, 2)
    one.evaluate('() => { setTimeout(() => history.back()) }')
    one.wait("null !== document.querySelector('#sse')")
    is_state(one, 'open')
    live.send()
    first = one.evaluate("Number(document.querySelector('#sse').dataset.from)")
    hears(one, *range(first + 1, 4))
    hears(two, 1, 2, 3)


@feature('a private window')
@engines(*ENGINES)
@both_htmx
def test_a_private_window(live, people, engine, htmx):
    live = live(htmx)
    tabs = open_tabs(live, people(engine, private=True), 2)
    leader(tabs)
    until(lambda: (live.status()['connections'], live.status()['tabs']) == (1, 2), 'the tabs share')
    live.send(3)
    for tab in tabs: hears(tab, 1, 2, 3)
    for tab in tabs: assert tab.evaluate('said') == []
