"Many tabs with one connection: a browser's everyday cases"
import asyncio
import random
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest
from ports import free_port
from fasthtml.common import Div, I, Meta
from playwright.sync_api import Error

from cjm_fasthtml_sse.browser.elements import (cleanup_sse_on_unload, create_connection_manager_script,
                                            create_reconnection_script, create_sse_element, sse_headers)
from .conftest import HTMX2, HTMX4
from .engines import CANNOT, expect
from .live import FOLDERS, HEARD, LEADS, STATE, Live

HIDE = '''hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
                      document.dispatchEvent(new Event('visibilitychange')); }'''
SERVER = '''async wanted => {
    const numbers = await (await fetch('/sse/status')).json();
    return Object.entries(wanted).every(([name, value]) => numbers[name] === value); }'''
COUNT_RESETS = "() => { window.resets = 0; addEventListener('sse:reset', () => { window.resets += 1; }) }"
PATIENCE = 90_000  # milliseconds before a wait fails; a generous limit, not a delay
long = pytest.mark.long
# Tabs share in the same way on every htmx, so each test runs on one version a day
pytestmark = pytest.mark.sample(1)


@pytest.fixture
def live(serve, htmx):
    "`live(**settings)` serves an app of the test's version of htmx, and returns it"
    with ExitStack() as stack:
        def start(**settings):
            live = Live(settings.pop('head', None) or htmx.head(), **settings)
            live.url = stack.enter_context(serve(live.app))
            return live
        yield start


def both_ways(one, other):
    "Return the cases of two values on both versions, in an order of which a sample of two has each value once"
    return [(HTMX2, one), (HTMX4, one), (HTMX4, other), (HTMX2, other)]


def expect_server(tab, **wanted):
    "Wait for these numbers of the server; `tab` requests them, so its ordinary requests work meanwhile"
    tab.wait_for_function(SERVER, arg=wanted, polling=100, timeout=PATIENCE)


def expect_state(tab, state): tab.wait_for_function(f'wanted => ({STATE})() === wanted', arg=state, timeout=PATIENCE)


def expect_heard(tab, *numbers):
    wanted = ','.join(map(str, numbers))
    try: tab.wait_for_function(f'wanted => ({HEARD})().join() === wanted', arg=wanted, timeout=30_000)
    except Error: assert tab.evaluate(HEARD) == [*numbers]


def expect_all(tab, last):
    "Check all numbers from the page's start up to `last`, once and in order"
    first = int(tab.get_attribute('#sse', 'data-from'))
    heard = f'last => ({HEARD})().at(-1) >= last'
    if last > first: tab.wait_for_function(heard, arg=last, timeout=PATIENCE)  # a page may be made after the last
    expect_heard(tab, *range(first + 1, last + 1))


def leader(tabs):
    "Return the leading tab, once there is one"
    deadline = time.monotonic() + PATIENCE/1000
    while time.monotonic() < deadline:
        for tab in tabs:
            if tab.evaluate(LEADS): return tab
        tabs[0].wait_for_timeout(50)
    raise AssertionError('nobody leads')


# Thirty tabs


@pytest.mark.parametrize('htmx, kind', [
    pytest.param(HTMX2, 'one page'), pytest.param(HTMX4, 'thirty topics'),
    pytest.param(HTMX4, 'one page', marks=long), pytest.param(HTMX2, 'thirty topics', marks=long)], ids=str)
@pytest.mark.feature('thirty tabs share one stream')
@pytest.mark.heavy
def test_thirty_tabs(live, tabs, kind):
    live = live()
    topics = [None]*30 if kind == 'one page' else [f'job/{i}' for i in range(30)]
    opened = [tabs(live.url + (f'?topic={topic}' if topic else '')) for topic in topics]
    expect_server(opened[-1], connections=1, tabs=30)
    for topic in dict.fromkeys(topics): live.send(topic=topic)
    live.send()
    for i, tab in enumerate(opened):
        expect_heard(tab, *([1, 2] if kind == 'one page' else [i + 1, 31]))
        assert tab.evaluate("async () => (await (await fetch('/ping')).text())") == 'pong'
    expect_server(opened[0], connections=1, tabs=30, resets=0)


# The leader disappears


def close(tab): tab.close()


def crash(tab):
    with pytest.raises(Error): tab.goto('chrome://crash')


def hang(tab):
    """Block the tab until the server answers; the browser continues to read its streams

    It begins a moment later, because the driver needs its own answer from the tab.
    """
    tab.evaluate("""() => { setTimeout(() => {
        for (let answered = false; !answered;) {
            const request = new XMLHttpRequest();
            request.open('GET', '/hold', false);
            try { request.send(); answered = true; } catch { }  // WebKit waits for ten seconds
        } }, 300) }""")


def lose_leaders(live, tabs, console, kinds):
    console.allow('Synchronous XMLHttpRequest')
    live = live()
    opened = [tabs(live.url) for _ in range(4)]
    for tab in opened: expect_state(tab, 'open')
    with live.talking(.01 if len(kinds) == 1 else .05):  # so that each browser keeps up
        for kind in kinds:
            lost = leader(opened)
            opened.remove(lost)
            live.thaw.clear()
            {'close': close, 'crash': crash, 'hang': hang}[kind](lost)
            sent = live.sent
            for tab in opened: tab.wait_for_function(f'last => ({HEARD})().at(-1) > last', arg=sent, timeout=PATIENCE)
            leader(opened)
            if kind == 'hang':
                live.thaw.set()
                opened.append(lost)
            opened.append(tabs(live.url))
            if len(opened) > 4: opened.pop(0).close()
    for tab in opened: expect_all(tab, live.sent)
    expect_server(opened[0], connections=1, tabs=len(opened), resets=0)


@pytest.mark.sample(3)  # each kind, on one version or the other
@pytest.mark.parametrize('kind', [
    pytest.param('close', marks=pytest.mark.feature('takeover after the leader is closed')),
    pytest.param('crash', marks=[pytest.mark.feature('takeover after the leader crashes'), pytest.mark.needs('crash')]),
    pytest.param('hang', marks=pytest.mark.feature('takeover from a blocked tab'))])
def test_the_leader_is_lost(live, tabs, console, kind): lose_leaders(live, tabs, console, [kind])


@pytest.mark.parametrize('htmx', [HTMX2], ids=str)
def test_an_end_of_which_a_blocked_leader_tells_late_is_not_that_of_the_next_leader(live, tabs, console):
    "The next leader has opened a stream since, which the server has not ended"
    console.allow('Synchronous XMLHttpRequest')
    live = live()
    opened = [tabs(live.url), tabs(live.url)]
    for tab in opened: expect_state(tab, 'open')
    expect_server(opened[0], connections=1, tabs=2)
    lost = leader(opened)
    opened.remove(lost)
    hang(lost)
    assert live.holds.wait(PATIENCE/1000)
    asyncio.run_coroutine_threadsafe(live.manager.disconnect({}), live.loop).result(30)
    leader(opened)
    expect_server(opened[0], connections=1, tabs=1)
    live.thaw.set()
    lost.wait_for_function(f"() => ({STATE})() === 'closed' || !({LEADS})()", timeout=PATIENCE)
    live.send()
    expect_heard(opened[0], 1)
    expect_state(opened[0], 'open')


@long
def test_ten_leaders_are_lost_at_random(live, tabs, console, engine):
    kinds = [kind for kind in ('close', 'crash', 'hang') if kind not in CANNOT[engine]]
    lose_leaders(live, tabs, console, random.choices(kinds, k=10))


# The server disappears


@contextmanager
def server(port, major, backplane='memory'):
    "`live.py` as a process, killed at the end"
    process = subprocess.Popen([sys.executable, '-m', 'browser.live', str(port), str(major), backplane],
                               cwd=Path(__file__).parents[1])
    try: yield
    finally:
        process.kill()
        process.wait()


def answers(url):
    "Wait until the server is up"
    while True:
        try: return httpx2.get(f'{url}/ping')
        except httpx2.TransportError: continue


def hurry(tab, url):
    "The tab's network returns, and its next attempt follows immediately"
    answers(url)
    tab.evaluate("dispatchEvent(new Event('online'))")


def restart(tabs, htmx, backplane, seconds=0):
    port = free_port()
    url = f'http://127.0.0.1:{port}'
    with server(port, htmx.major, backplane):
        answers(url)
        first, *_ = opened = [tabs(url) for _ in range(3)]
        for tab in opened:
            expect_state(tab, 'open')
            tab.evaluate(COUNT_RESETS)
        first.evaluate("() => fetch('/say')")
        for tab in opened: expect_heard(tab, 1)
        expect_server(first, connections=1, tabs=3)
    for tab in opened: expect_state(tab, 'reconnecting')
    first.wait_for_timeout(seconds * 1000)
    with server(port, htmx.major, backplane):
        if not seconds: hurry(first, url)
        for tab in opened: tab.wait_for_function(f'["open", "stale"].includes(({STATE})())', timeout=PATIENCE)
        resets = 1 if backplane == 'memory' else 0
        for tab in opened: tab.wait_for_function('wanted => window.resets === wanted', arg=resets, timeout=PATIENCE)
        first.evaluate("() => fetch('/say')")
        for tab in opened: expect_heard(tab, 1, 1)
        expect_server(first, connections=1, tabs=3)
        for tab in opened: assert tab.evaluate('window.resets') == resets
        for tab in opened: expect_state(tab, 'stale' if resets else 'open')
        for tab in opened: tab.close()


@pytest.mark.feature('resume after a restart of the server')
def test_the_server_is_killed(tabs, htmx, console):
    console.allow_failing()
    restart(tabs, htmx, 'memory')


@pytest.mark.feature('resume after a restart of the server')
def test_the_server_is_killed_and_its_log_is_not(tabs, htmx, console, tmp_path):
    console.allow_failing()
    restart(tabs, htmx, f'sqlite:///{tmp_path}/log.db')


@long
def test_the_server_is_away_for_five_seconds(tabs, htmx, console):
    console.allow_failing()
    restart(tabs, htmx, 'memory', 5)


# A tab leaves and returns


def hide_and_show(live, tabs, events):
    live = live()
    shown, hidden = tabs(live.url), tabs(live.url)
    for tab in (shown, hidden): expect_state(tab, 'open')
    hidden.evaluate(HIDE, True)
    events(live)
    expect_all(shown, live.sent)
    hidden.evaluate(HIDE, False)
    expect_all(hidden, live.sent)
    for tab in (shown, hidden): assert tab.evaluate(HEARD) == [*range(1, live.sent + 1)]


@pytest.mark.feature('a hidden tab continues to get events')
def test_a_hidden_tab(live, tabs): hide_and_show(live, tabs, lambda live: live.send(50))


@long
def test_a_tab_hidden_for_thirty_seconds(live, tabs):
    def events(live):
        with live.talking(.01): time.sleep(30)
    hide_and_show(live, tabs, events)


def go(tab, way):
    "Go back or forward, and wait until the tab shows the other of two pages"
    before = tab.evaluate('location.href')  # Playwright does not notice Firefox's history navigation
    tab.evaluate(f'() => {{ setTimeout(() => {way}) }}')
    tab.wait_for_function('before => location.href !== before && document.readyState === "complete"', arg=before)


# The start and the received numbers of a page; htmx 4 may replace the page meanwhile
SHOWN = f'''last => {{
    const from = Number(document.querySelector('#sse').dataset.from), heard = ({HEARD})();
    return heard.length === last - from && heard.every((n, i) => n === from + i + 1); }}'''


@pytest.mark.feature('back and forward')
def test_away_and_back(live, tabs, console):
    "Whether the browser kept the page or loads it anew, it shows every number once"
    console.allow_failing()  # WebKit breaks the stream when the page is left
    live = live()
    one, two = tabs(live.url), tabs(live.url)
    for tab in (one, two): expect_state(tab, 'open')
    live.send(2)
    for tab in (one, two): expect_all(tab, 2)
    one.goto(f'{live.url}/plain')
    expect_server(two, connections=1, tabs=1)
    live.send(2)
    for way in ('history.back()', 'history.forward()', 'history.back()'): go(one, way)
    for last in (5, 6):
        live.send()
        for tab in (one, two): tab.wait_for_function(SHOWN, arg=last, timeout=PATIENCE)
    expect_server(two, connections=1, tabs=2)


@pytest.mark.feature('a page restored by Back continues its stream')
@pytest.mark.needs('downloads', 'dialogs', 'kept pages')
def test_back_and_what_does_not_leave(live, tabs):
    live = live()
    one, two = tabs(live.url), tabs(live.url)
    for tab in (one, two): expect_state(tab, 'open')
    with one.expect_download(): one.locator('#download').click()
    one.evaluate("() => { window.onbeforeunload = event => event.preventDefault() }")
    with one.expect_event('dialog') as asked:
        one.on('dialog', lambda dialog: dialog.dismiss())
        one.evaluate("() => { setTimeout(() => { location.href = '/plain' }) }")
    assert asked.value.type == 'beforeunload'
    one.evaluate('window.onbeforeunload = null')
    live.send()
    for tab in (one, two): expect_heard(tab, 1)
    one.evaluate('window.kept = true')
    one.goto(f'{live.url}/plain')
    expect_server(two, connections=1, tabs=1)
    live.send()
    expect_heard(two, 1, 2)
    one.evaluate('history.back()')
    one.wait_for_function('window.kept')  # the page itself has returned, not a new one
    expect_heard(one, 1, 2)
    expect_server(two, connections=1, tabs=2)
    live.send()
    for tab in (one, two): expect_heard(tab, 1, 2, 3)


# Much traffic


WHOLE = '''size => [...document.querySelectorAll('#sse i')].every(
    ({title}) => title.length === size && !/[^x]/.test(title))'''


@pytest.mark.feature('an event of one megabyte')
def test_events_of_a_megabyte(live, tabs):
    live, size = live(element_builder=lambda kind, data: I(data['n'], title='x' * (1 << 20))), 1 << 20
    both = [tabs(live.url), tabs(live.url)]
    for tab in both: expect_state(tab, 'open')
    live.send(3)
    for tab in both:
        expect_all(tab, 3)
        assert tab.evaluate(WHOLE, size)


@pytest.mark.feature('a burst of a thousand events')
def test_a_burst(live, tabs):
    "More events than a mailbox holds: the rest is read from the log"
    live = live()
    both = [tabs(live.url), tabs(live.url)]
    for tab in both: expect_state(tab, 'open')
    async def burst():
        for _ in range(1000): await live.say()
    asyncio.run_coroutine_threadsafe(burst(), live.loop).result(30)
    for tab in both: expect_all(tab, 1000)
    expect_server(both[0], connections=1, tabs=2, resets=0)


# Policies, users, origins


VIOLATIONS = '''window.violations = [];
document.addEventListener('securitypolicyviolation', event => window.violations.push(event.violatedDirective));'''


@pytest.mark.feature('a content security policy without inline code')
@pytest.mark.needs('init script')
def test_a_policy_without_inline_code(live, tabs, htmx):
    styles = Meta(name='htmx-config', content='{"includeIndicatorStyles": false}')
    policy = "default-src 'self'; script-src 'self'; style-src 'self'; img-src data:"
    numbers = create_connection_manager_script('/sse/status', 500, src='/sse')
    scripts = [cleanup_sse_on_unload(src='/sse'), create_reconnection_script(src='/sse'), numbers,
               Div('-', id='n', data_sse_stats='connections')]
    own = [*sse_headers(htmx.major, local=FOLDERS[htmx.major], src='/sse')]
    live = live(head=[*([styles] if htmx.major == 2 else []), *own], headers={'Content-Security-Policy': policy},
                scripts=scripts)
    opened = [tabs(), tabs()]
    for tab in opened:
        tab.add_init_script(VIOLATIONS)
        tab.goto(live.url)
    for tab in opened: expect_state(tab, 'open')
    live.send()
    for tab in opened:
        expect_heard(tab, 1)
        expect(tab.locator('#n')).to_have_text('1')
        expect(tab.locator('#state')).to_have_text('Live')
        assert tab.evaluate('window.violations') == []
        assert tab.evaluate("[...document.scripts].filter(each => !each.src).length") == 0


def own_topic(auth, topics): return bool(auth) and [topic for topic in topics if topic == f'user/{auth}']


@pytest.mark.feature('a sign-out, and two users')
def test_two_people_and_a_sign_out(live, tabs, browser, console):
    console.allow_failing()  # the denied topic
    live = live(authorize=own_topic)
    alice = [tabs(f'{live.url}/as/alice?to=/%3Ftopic=user/alice')]
    alice += [tabs(f'{live.url}?topic=user/alice') for _ in range(2)]
    context = browser.new_context()
    bob = [context.new_page(), context.new_page()]
    bob[0].goto(f'{live.url}/as/bob?to=/%3Ftopic=user/bob')
    bob[1].goto(f'{live.url}?topic=user/bob')
    expect_server(bob[0], connections=2, tabs=5)
    live.send(topic='user/alice')
    live.send(topic='user/bob')
    live.send(topic='user/alice')
    for tab in alice: expect_heard(tab, 1, 3)
    for tab in bob: expect_heard(tab, 2)
    alice[0].goto(f'{live.url}/as/nobody')
    for tab in alice[1:]: expect_state(tab, 'denied')
    expect_server(bob[0], connections=1, tabs=2)
    live.send(topic='user/alice')
    live.send(topic='user/bob')
    for tab in bob: expect_heard(tab, 2, 5)
    for tab in alice[1:]: assert tab.evaluate(HEARD) == [1, 3]
    alice[0].goto(f'{live.url}/as/bob?to=/%3Ftopic=user/bob')  # bob, in a browser with alice's tabs still open
    expect_server(bob[0], connections=2, tabs=3)
    live.send(topic='user/alice')
    live.send(topic='user/bob')
    expect_heard(alice[0], 7)
    for tab in alice[1:]: assert tab.evaluate(HEARD) == [1, 3]
    context.close()


@pytest.mark.feature('another user signs in')
def test_another_person_in_the_same_browser(live, tabs, console):
    "The tabs of the previous user continue for the current user, or stop: the server decides"
    live = live(authorize=lambda auth, topics: bool(auth))
    one = tabs(f'{live.url}/as/alice?to=/')
    expect_state(one, 'open')
    before = one.evaluate("async () => (await (await fetch('/sse/user')).json()).user")
    two = tabs(f'{live.url}/as/bob?to=/')
    expect_server(two, connections=1, tabs=2)
    live.send()
    for tab in (one, two): expect_heard(tab, 1)
    now = two.evaluate('[...cjmSSE.subscriptions][0].tag')
    assert now != before
    for tab in (one, two): tab.wait_for_function('now => [...cjmSSE.subscriptions][0].tag === now', arg=now)


@pytest.mark.feature('plain http at a name other than localhost')
@pytest.mark.needs('names')
def test_plain_http_elsewhere(live, tabs, console):
    console.allow('only on https and on localhost')
    live = live()
    elsewhere = live.url.replace('127.0.0.1', 'plain.test')
    opened = [tabs(elsewhere), tabs(elsewhere)]
    assert not opened[0].evaluate('window.isSecureContext')
    for tab in opened: expect_state(tab, 'open')
    live.send()
    for tab in opened: expect_heard(tab, 1)
    expect_server(opened[0], connections=2, tabs=2)


def test_what_is_not_to_be_shared(live, tabs):
    live = live()
    alone = [tabs(f'{live.url}?share=no') for _ in range(2)]
    expect_server(alone[0], connections=2, tabs=2)
    live.content = lambda topics, share: create_sse_element('/sse/broadcast?connection_id=mine', 'sse', 'beforeend')
    named = tabs(live.url)
    expect_server(alone[0], connections=3, tabs=3)
    live.send()
    for tab in (*alone, named): expect_heard(tab, 1)


# Elements are added and removed


CHURN = '''async times => {
    const place = document.querySelector('#place');
    const html = place.innerHTML;
    const morph = parseInt(htmx.version) >= 4 ? 'innerMorph' : 'innerHTML';
    const ways = [
        () => cjmSSE.swap(place, html, 'innerHTML'),
        () => { htmx.process(place); htmx.process(document.body); },
        () => { place.firstElementChild.remove(); place.innerHTML = html; htmx.process(place); },
        () => { place.firstElementChild.setAttribute('data-x', Math.random()); htmx.process(place); },
        () => cjmSSE.swap(place, html, morph)];
    for (let i = 0; i < times; i++) await ways[i % ways.length](); }'''


@pytest.mark.sample(2)
@pytest.mark.parametrize('htmx, share', both_ways('yes', 'no'), ids=str)
@pytest.mark.feature('elements are added and removed')
def test_an_element_comes_and_goes_a_hundred_times(live, tabs, share):
    live = live()
    live.content = lambda topics, share: Div(live.element(topics, share), id='place')
    tab, other = tabs(f'{live.url}?share={share}'), tabs(f'{live.url}?share={share}')
    for each in (tab, other): expect_state(each, 'open')
    tab.evaluate(CHURN, 100)
    expect_state(tab, 'open')
    expect_server(tab, connections=1 if share == 'yes' else 2, tabs=2)
    live.send()
    for each in (tab, other): expect_heard(each, 1)
    tab.evaluate("document.querySelector('#sse').remove()")
    expect_server(other, connections=1, tabs=1)


@pytest.mark.feature('several elements, one stream')
def test_several_elements_on_a_page(live, tabs):
    live = live()
    def content(topics, share):
        return [create_sse_element('/sse/broadcast', f'on-{topic}', 'beforeend', topics=[topic]) for topic in 'abc']
    live.content = content
    one, two = tabs(live.url), tabs(live.url)
    for tab in (one, two):  # an element without a cursor gets the events after its stream has opened
        for topic in 'abc': expect(tab.locator(f'#on-{topic}')).to_have_attribute('data-sse-state', 'open')
    expect_server(one, connections=1, tabs=2)
    for topic in 'abc': live.send(topic=topic)
    for tab in (one, two):
        for n, topic in enumerate('abc', 1): expect(tab.locator(f'#on-{topic}')).to_have_text(str(n))


AWAY_AND_BACK = {  # by the element, and by its subscription
    'closed': ("cjmSSE.close(document.querySelector('#two'))", "cjmSSE.open(document.querySelector('#two'))"),
    'paused': ("(window.two = [...cjmSSE.subscriptions].at(-1)).pause()", "two.resume()")}


@pytest.mark.sample(2)
@pytest.mark.parametrize('htmx, how', both_ways(*AWAY_AND_BACK), ids=str)
@pytest.mark.feature('several elements, one stream')
def test_an_element_that_returns_has_what_the_others_got_meanwhile(live, tabs, how):
    live = live()
    def element(name): return create_sse_element('/sse/broadcast', name, 'beforeend')
    live.content = lambda topics, share: [element('one'), element('two')]
    tab = tabs(live.url)
    tab.wait_for_function('() => [...cjmSSE.subscriptions].filter(each => each.isRelayed).length === 2')
    live.send()
    for name in ('one', 'two'): expect(tab.locator(f'#{name}')).to_have_text('1')
    leave, come_back = AWAY_AND_BACK[how]
    tab.evaluate(leave)
    live.send()
    expect(tab.locator('#one')).to_have_text('12')
    tab.evaluate(come_back)
    expect(tab.locator('#two')).to_have_attribute('data-sse-state', 'open')
    live.send()
    for name in ('one', 'two'): expect(tab.locator(f'#{name}')).to_have_text('123')


# Messages between the tabs are lost


LOSE = """type => { const post = BroadcastChannel.prototype.postMessage; window.lost = false;
    BroadcastChannel.prototype.postMessage = function (message) {
        if (message.type !== type || window.lost) return post.call(this, message);
        window.lost = true; } }"""
RELAYED = '() => [...cjmSSE.subscriptions].every(each => each.isRelayed)'


def two_tabs(live, tabs, path=''):
    "Open a tab that leads and one that follows, and wait until the stream has been opened for both of them"
    opened = [tabs(live.url + path), tabs(live.url + path)]
    for tab in opened: tab.wait_for_function(RELAYED)
    first = leader(opened)
    first.wait_for_function('() => [...cjmSSE.subscriptions][0].group.leader.main?.tabs === 2')
    return first, ({*opened} - {first}).pop()


@pytest.mark.sample(2)
@pytest.mark.parametrize('htmx, traffic', both_ways('quiet', 'busy'), ids=str)
@pytest.mark.feature('several tabs share one stream')
def test_an_event_is_lost_and_so_is_the_question_after_it(live, tabs, traffic):
    "The tab asks again, however much or little the leader relays"
    live = live()
    first, other = two_tabs(live, tabs)
    first.evaluate(LOSE, 'events')
    live.send()
    expect_heard(first, 1)
    other.evaluate(LOSE, 'hello')
    live.send()
    other.wait_for_function('window.lost')
    if traffic == 'busy':
        with live.talking(.05): other.wait_for_function(f'() => ({HEARD})().length > 9', timeout=PATIENCE)
    for tab in (first, other): expect_all(tab, live.sent)
    expect_server(first, connections=1, tabs=2, resets=0)


@pytest.mark.feature('several tabs share one stream')
def test_the_question_for_another_topic_is_lost(live, tabs):
    live = live()
    first, other = two_tabs(live, tabs, '?topic=a')
    other.evaluate(LOSE, 'hello')
    other.evaluate("""() => { window.heard = [];
        window.added = cjmSSE.subscribe({url: '/sse/broadcast?topic=b', headers: {}, share: true, cursor: '',
            onevent: ({data}) => heard.push(data), onstate() {}}); }""")
    other.wait_for_function("() => lost && added.state === 'open'", timeout=PATIENCE)
    live.send(topic='b')
    other.wait_for_function('() => heard.length === 1')


# A page of 0.0.12


@pytest.mark.feature('a page written for 0.0.12')
def test_a_page_of_0_0_12(live, tabs, htmx, console):
    console.allow('legacy attribute', 'sse-swap is removed')
    scripts = [cleanup_sse_on_unload(), create_reconnection_script(), create_connection_manager_script()]
    live = live(head=htmx.head()[:-1], scripts=scripts)
    live.content = lambda topics, share: Div(id='sse', hx_ext='sse', sse_connect='/sse/broadcast', sse_swap='message',
                                             hx_swap='beforeend')
    opened = [tabs(live.url) for _ in range(3)]
    for tab in opened: expect_state(tab, 'open')
    expect_server(opened[0], connections=1, tabs=3)
    live.send()
    for tab in opened: expect_heard(tab, 1)
    lost = leader(opened)
    opened.remove(lost)
    lost.close()
    live.send(3)
    for tab in opened: expect_heard(tab, 1, 2, 3, 4)
    expect_server(opened[0], connections=1, tabs=2)
