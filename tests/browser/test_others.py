"A tab does not show the events that its own requests cause, on both versions of htmx"
from contextlib import ExitStack

import pytest
from fasthtml.common import Button, Div
from until import until

from .live import HEARD, Live
from .test_sharing import expect_heard, expect_server, leader

pytestmark = pytest.mark.sample(1)

ECHO, TAG = (f'() => [...cjmSSE.subscriptions][0].{name}' for name in ('echo', 'tag'))


@pytest.fixture
def live(serve, any_htmx):
    "`live(**settings)` serves pages with a button whose handler sends the next number to all other tabs"
    with ExitStack() as stack:
        def start(**settings):
            live = Live(any_htmx.head(), **settings)
            live.acts = 0
            button = Button('Act', id='act', hx_post='/act', hx_swap='none')
            live.content = lambda topics, share: Div(live.element(topics, share), button)

            @live.app.post('/act')
            async def act():
                live.sent += 1
                await live.manager.broadcast('number', {'n': live.sent}, others=True)
                live.acts += 1

            live.url = stack.enter_context(serve(live.app))
            return live
        yield start


def act(live, tab):
    "Click the button, and wait until its handler has ended"
    acts = live.acts
    tab.locator('#act').click()
    until(lambda: live.acts > acts)


@pytest.mark.feature('an event leaves out the tab that caused it')
def test_the_tab_that_acts_is_left_out_whether_it_leads_or_follows(live, tabs, console):
    live = live()
    opened = [tabs(live.url) for _ in range(3)]
    expect_server(opened[0], connections=1, tabs=3)
    one = leader(opened)
    two, three = (each for each in opened if each is not one)
    act(live, one)
    for each in (two, three): expect_heard(each, 1)
    act(live, two)
    live.send()
    expect_heard(one, 2, 3)
    expect_heard(two, 1, 3)
    expect_heard(three, 1, 2, 3)
    expect_server(one, connections=1, tabs=3)


def test_it_is_left_out_after_another_tab_has_taken_over(live, tabs, console):
    live = live()
    opened = [tabs(live.url) for _ in range(3)]
    expect_server(opened[0], connections=1, tabs=3)
    first = leader(opened)
    others = [each for each in opened if each is not first]
    act(live, others[0])
    first.close()
    heir = leader(others)
    third, = (each for each in others if each is not heir)
    for each in (heir, third): act(live, each)
    live.send()
    mine = {others[0]: [], others[1]: [1]}
    expect_heard(heir, *mine[heir], 3, 4)
    expect_heard(third, *mine[third], 2, 4)


def test_a_replay_leaves_it_out_as_well(live, tabs, console):
    live = live()
    tab, other = tabs(live.url), tabs(live.url)
    expect_server(other, connections=1, tabs=2)
    tab.evaluate('() => (window.mine = [...cjmSSE.subscriptions][0]).pause()')
    act(live, tab)
    live.send()
    tab.evaluate('() => mine.resume()')
    expect_heard(tab, 2)
    expect_heard(other, 1, 2)


def test_after_a_sign_in_the_tab_has_another_echo(live, tabs, console):
    live = live()
    tab, other = tabs(live.url), tabs(live.url)
    expect_server(other, connections=1, tabs=2)
    before = tab.evaluate(ECHO)
    tabs(f'{live.url}/as/alice')
    tab.wait_for_function(f'before => ({ECHO})() !== before', arg=before)
    other.wait_for_function(f'tag => ({TAG})() === tag', arg=tab.evaluate(TAG))
    act(live, tab)
    live.send()
    expect_heard(tab, 2)
    expect_heard(other, 1, 2)


def test_a_script_names_its_tab_in_a_request_of_its_own(live, tabs, console):
    live = live()
    tab, other = tabs(live.url), tabs(live.url)
    expect_server(other, connections=1, tabs=2)
    tab.evaluate("() => fetch('/act', {method: 'POST', headers: {'SSE-Tab': cjmSSE.tabId}})")
    tab.evaluate("() => fetch('/act', {method: 'POST'})")
    expect_heard(other, 1, 2)
    expect_heard(tab, 2)
    assert tab.evaluate(HEARD) == [2]


@pytest.mark.needs('requests')
def test_no_other_origin_gets_the_name(live, tabs, site, console):
    console.allow_failing()
    console.allow('CORS', 'htmx:sendError', 'htmx:afterRequest')
    live = live()
    tab = tabs(live.url)
    expect_server(tab, connections=1)
    tab.evaluate("() => { htmx.config.selfRequestsOnly = false; htmx.config.mode = 'cors'; }")
    with tab.expect_request('**/p/*') as elsewhere:
        ask = "url => { htmx.ajax('GET', url, {target: '#act', swap: 'none'}).catch(() => {}) }"
        tab.evaluate(ask, site.page('elsewhere'))
    with tab.expect_request('**/act') as here: tab.click('#act')
    assert 'sse-tab' in here.value.headers and 'sse-tab' not in elsewhere.value.headers
    assert 'hx-request' in elsewhere.value.headers
