"""Pages and their events behind a proxy that breaks streams.

No proxy removes a stream's opening comment. It contains the position from which the stream continues, the topics that
it covers, and the heartbeat interval. The page compares them.
"""

import threading
from contextlib import contextmanager

import pytest
from browser.conftest import HTMX2, HTMX4, running
from browser.live import HEARD, STATE, Live

from cjm_fasthtml_sse.browser.elements import create_sse_element

from .conftest import port_of, until
from .hostile import hostile

long = pytest.mark.long
RESETS = "window.resets = []; addEventListener('sse:reset', event => { window.resets.push(event.detail?.reason); })"


@pytest.fixture(params=[HTMX2, pytest.param(HTMX4, marks=long)], ids=str)
def behind(request, tab, console):
    "Provide `behind(**faults)`, which yields `(live, proxy)` with the proxy in front of an app with that htmx."
    @contextmanager
    def start(settings=None, **faults):
        live = Live(request.param.head(), **settings or {})
        with running(live.app) as url, hostile(port_of(url), **faults) as proxy: yield live, proxy
    console.allow_failing()
    tab.add_init_script(RESETS)
    return start


def expect_state(tab, state): tab.wait_for_function(f"wanted => ({STATE})() === wanted", arg=state)


def expect_heard(tab, last):
    "Expect all numbers up to `last`, once and in order."
    tab.wait_for_function(f"last => ({HEARD})().at(-1) >= last", arg=last)
    assert tab.evaluate(HEARD) == list(range(1, last + 1))


def test_a_stream_is_open_with_its_first_bytes_and_not_with_its_head(behind, tab):
    with behind() as (live, proxy), proxy.holding():
        tab.clock.install()
        with tab.expect_response(lambda answer: "/broadcast" in answer.url): tab.goto(proxy.url)
        late = "has not begun after 10 s"
        with tab.expect_console_message(lambda message: late in message.text): tab.clock.run_for(10_000)
        assert tab.evaluate(STATE) == "connecting"


@long
def test_a_stream_that_is_held_for_a_second_has_everything(behind, tab):
    with behind() as (live, proxy):
        with proxy.holding():
            with tab.expect_response(lambda answer: "/broadcast" in answer.url): tab.goto(proxy.url)
            live.send(3)
            tab.wait_for_timeout(1000)  # the subject of the test, and not a wait
        expect_heard(tab, 3)
        expect_state(tab, "open")
        assert tab.evaluate("window.resets") == []


@pytest.mark.parametrize("crumbs", [400, pytest.param(0, marks=long)], ids=["in-single-bytes", "whole"])
def test_a_tab_goes_on_where_it_was_though_the_header_with_its_id_is_taken_away(behind, tab, crumbs):
    with behind(takes=b"last-event-id", crumbs=crumbs) as (live, proxy):
        tab.goto(proxy.url)
        expect_state(tab, "open")
        for sent in (2, 4, 6):
            live.send()
            expect_heard(tab, sent - 1)
            with proxy.shut(): live.send()
            expect_heard(tab, sent)
        assert tab.evaluate("window.resets") == []


def test_a_tab_is_told_once_a_stream_where_its_id_cannot_reach_the_app_in_any_way(behind, tab):
    with behind(takes=b"last-event-id", query=False) as (live, proxy):
        tab.goto(proxy.url)
        tab.wait_for_function("window.resets.length === 1")  # events since the page was rendered may already be missing
        live.send(2)
        expect_heard(tab, 2)
        with proxy.shut(): live.send()
        tab.wait_for_function("window.resets.length === 2")
        live.send()
        tab.wait_for_function(f"({HEARD})().at(-1) === 4")
        assert tab.evaluate(HEARD) == [1, 2, 4]
        assert tab.evaluate("window.resets") == ["unknown", "unknown"]


def test_a_page_that_loads_itself_anew_when_it_is_told_does_so_once(behind, tab):
    "A second reload would loop forever. The page logs that it is out of date and leaves the reload to the user."
    with behind(takes=b"last-event-id", query=False) as (live, proxy):
        made = []
        def element(topics, share):
            made.append(share)
            return create_sse_element("/sse/broadcast", "sse", "beforeend", cursor=live.manager.cursor(), refresh=True,
                                      refresh_spread=0, data_from=live.sent)
        live.content = element
        tab.goto(proxy.url)
        tab.wait_for_function("document.querySelector('#state button')?.textContent === 'Reload'")
        expect_state(tab, "stale")
        live.send()
        expect_heard(tab, 1)
        assert len(made) == 2
        tab.get_by_role("button", name="Reload").click()
        until(lambda: len(made) == 3)


def test_a_dead_line_is_noticed_where_the_heartbeat_is_taken_out_of_the_head(behind, tab):
    with behind(settings=dict(heartbeat_interval=0.5), hides=b"sse-") as (live, proxy):
        tab.goto(proxy.url)
        live.send()
        expect_heard(tab, 1)
        proxy.silence()
        live.send()
        expect_heard(tab, 2)
        expect_state(tab, "open")


def test_a_page_whose_topics_are_lost_on_the_way_is_denied_and_says_so(behind, tab, console):
    console.allow("cjm-fasthtml-sse: Topics")
    with behind(query=False) as (live, proxy):
        with tab.expect_console_message(lambda message: "do not reach the server" in message.text):
            tab.goto(f"{proxy.url}?topic=news")
        expect_state(tab, "denied")


@pytest.mark.parametrize("share", ["yes", pytest.param("no", marks=long)])
def test_a_tab_that_is_given_a_cached_stream_is_told(behind, tab, share):
    with behind(caches=True) as (live, proxy):
        tab.goto(f"{proxy.url}?share={share}")
        live.send()
        expect_heard(tab, 1)
        with proxy.shut(): live.send()
        tab.wait_for_function("window.resets.length")
        assert tab.evaluate("window.resets") == ["unknown"]


@long
def test_a_tab_hears_everything_through_a_proxy_that_cuts_at_random(behind, tab):
    with behind(takes=b"last-event-id", crumbs=50) as (live, proxy):
        tab.goto(proxy.url)
        expect_state(tab, "open")
        done = threading.Event()
        def feed():
            while not done.wait(0.02): live.send()
        feeding = threading.Thread(target=feed)
        feeding.start()
        for _ in range(4):
            begun = live.sent
            until(lambda begun=begun: live.sent > begun + 5)
            with proxy.shut(): pass
            tab.wait_for_function(f"last => ({HEARD})().at(-1) > last", arg=live.sent)
        done.set()
        feeding.join()
        expect_heard(tab, live.sent)
