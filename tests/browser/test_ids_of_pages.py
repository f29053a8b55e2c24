"A page with a `connection_id` that is occupied by its own dead connection, by another client, or by the page itself"
import re
import socket
import threading
from contextlib import contextmanager

import pytest
from fasthtml.common import Div

from cjm_fasthtml_sse.browser.elements import create_sse_element
from .conftest import HTMX2, HTMX4
from .engines import expect
from .rooms import Rooms, expect_state, heard, state, until

pytestmark = [pytest.mark.needs('init script'), pytest.mark.sample(1), pytest.mark.heavy]

URL = '/sse/broadcast?connection_id=mine'
STATES = "() => [...document.querySelectorAll('[data-sse-connect]')].map(each => each.dataset.sseState)"


class Line:
    "A proxy that keeps the server's side open after the browser has closed its own, as some networks do"
    def __init__(self, port):
        self.port, self.pairs, self.listener = port, [], socket.create_server(('127.0.0.1', 0))
        self.url = f'http://127.0.0.1:{self.listener.getsockname()[1]}'
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try: near, _ = self.listener.accept()
            except OSError: return
            far = socket.create_connection(('127.0.0.1', self.port))
            self.pairs.append((near, far))
            threading.Thread(target=self.pump, args=(near, far), daemon=True).start()
            threading.Thread(target=self.pump, args=(far, near, True), daemon=True).start()

    def pump(self, one, other, tells=False):
        "Forward the bytes of `one`; forward its end only if `one` is the server"
        try:
            while data := one.recv(65536): other.sendall(data)
        except OSError: return
        if tells: end(other)

    def cut(self):
        "Close the browser's side of all connections; return the server's sides"
        cut, self.pairs = self.pairs, []
        for near, _ in cut: end(near)
        return [far for _, far in cut]

    def close(self):
        end(self.listener)
        for pair in self.pairs:
            for side in pair: end(side)


def end(sock):
    try: sock.shutdown(socket.SHUT_RDWR)
    except OSError: return  # it was closed before
    finally: sock.close()


@pytest.fixture
def rooms(serve, htmx, tabs, console):
    "An app whose pages request one id"
    console.allow_failing()
    rooms = Rooms(htmx.head(), tabs, authorize=None)
    rooms.content = lambda topics, share: create_sse_element(URL, 'sse', 'beforeend', cursor=rooms.manager.cursor(),
                                                             data_from=rooms.sent)
    with serve(rooms.app) as rooms.url: yield rooms


@contextmanager
def line_to(rooms):
    "Serve the app's pages through a `Line`"
    direct = rooms.url
    line = Line(int(direct.rpartition(':')[2]))
    rooms.url = line.url
    try: yield line
    finally:
        rooms.url = direct
        line.close()


def answers(tab):
    "The statuses of its stream so far; the list grows"
    statuses = []
    tab.on('response', lambda answer: '/sse/broadcast' in answer.url and statuses.append(answer.status))
    return statuses


# The page's own dead connection


@pytest.mark.parametrize('who', ['guest', 'signed in before'])
@pytest.mark.parametrize('how', ['the line breaks', 'the page is loaded anew'])
def test_a_page_comes_back_once_its_dead_line_is_noticed(rooms, context, how, who):
    "Without its cookies, the server cannot recognize the client"
    with line_to(rooms) as line:
        tab = rooms.tab(path='/?' if who == 'guest' else '/as/alice?to=/')
        expect_state(tab, 'open')
        rooms.expect_hears(tab, None)
        context.clear_cookies()
        statuses = answers(tab)
        left = line.cut()
        if how != 'the line breaks': tab.reload(wait_until='domcontentloaded')
        until(tab, lambda: statuses.count(409) >= 2)
        assert state(tab) in ('connecting', 'reconnecting')
        rooms.send(2)
        for side in left: end(side)  # now the server has noticed
        expect_state(tab, 'open')
        rooms.expect_hears(tab, None)
        rooms.expect_all(tab)
        assert 'denied' not in tab.evaluate('states') and tab.evaluate('resets') == []


def test_a_page_takes_its_place_at_once_where_it_is_known(rooms):
    "An anonymous user with cookies reloads quickly; a regression test"
    with line_to(rooms) as line:
        tab = rooms.tab()
        expect_state(tab, 'open')
        statuses = answers(tab)
        left = line.cut()
        expect_state(tab, 'open')
        rooms.expect_hears(tab, None)
        tab.reload(wait_until='domcontentloaded')
        expect_state(tab, 'open')
        rooms.expect_hears(tab, None)
        assert 409 not in statuses
        for side in left: end(side)


@pytest.mark.parametrize('htmx', [HTMX2, HTMX4], ids=str)
def test_a_page_that_waits_in_vain_gives_up(site, page, htmx, console):
    "The server sends a time to retry; after 90 seconds, the page shows `denied`"
    console.allow_failing()
    page.clock.install()
    stream, path = site.stream()
    stream.status, stream.headers = 409, {'Retry-After': '3'}
    page.goto(site.page(create_sse_element(f'{path}?connection_id=mine', 'sse'), head=htmx.head()))
    stream.wait(requests=1)
    seconds = 0
    while state(page) != 'denied':
        assert seconds < 200
        asked = len(stream.requests)
        page.clock.run_for(1_000)
        seconds += 1
        page.wait_for_timeout(20 if len(stream.requests) == asked else 100)
    assert seconds >= 75 and 5 <= len(stream.requests) <= 40
    asked = len(stream.requests)
    page.clock.run_for(120_000)
    assert len(stream.requests) == asked


# Other clients


def test_another_person_is_denied_at_once(rooms, context, tabs):
    "A regression test"
    tab = rooms.tab(path='/as/alice?to=/')
    expect_state(tab, 'open')
    other = context.browser.new_context()
    stranger = other.new_page()
    statuses = answers(stranger)
    stranger.goto(f'{rooms.url}/as/bob?to=/', wait_until='domcontentloaded')
    expect_state(stranger, 'denied')
    assert statuses == [409]
    rooms.expect_hears(tab, None)
    tab.close()
    rooms.expect_streams(stranger, 0, 0)
    assert state(stranger) == 'denied' and statuses == [409]
    other.close()


@pytest.mark.parametrize('htmx', [HTMX4], ids=str)
def test_a_second_guest_waits_for_the_first(rooms, context):
    "The server may take it for the same page; it is refused while the first is connected"
    tab = rooms.tab()
    expect_state(tab, 'open')
    other = context.browser.new_context()
    guest = rooms.tab(tabs=other.new_page)
    statuses = answers(guest)
    until(guest, lambda: statuses.count(409) >= 2)
    assert state(guest) in ('connecting', 'reconnecting') and heard(guest) == []
    rooms.expect_hears(tab, None)
    assert heard(guest) == []
    tab.close()
    expect_state(guest, 'open')
    rooms.expect_hears(guest, None)
    rooms.expect_all(guest)
    other.close()


# The page itself


def test_two_elements_of_one_id_say_so(rooms, console):
    "On the first visit of an anonymous user, neither has a cookie of the other"
    console.allow('connection_id')
    rooms.content = lambda topics, share: [create_sse_element(URL, name, 'beforeend') for name in ('sse', 'other')]
    tab = rooms.tab()
    said = until(tab, lambda: [line for line in console.said if 'connection_id' in line])
    assert len(said) == 1 and re.match('(error|warning): ', said[0]) and 'mine' in said[0], said
    assert 'denied' not in tab.evaluate(STATES)


REPLACE = ["""async () => {
    const place = document.querySelector('#place');
    await cjmSSE.swap(place, place.innerHTML.replace(/<i>.*<[/]i>/, ''), 'innerHTML'); }""", """() => {
    const place = document.querySelector('#place'), html = place.innerHTML;
    place.firstElementChild.remove();
    place.innerHTML = html;
    htmx.process(place); }""", "() => htmx.process(document.querySelector('#place'))"]


def test_an_element_that_takes_the_place_of_another_says_nothing(rooms):
    "A swap and a script replace the same content; a regression test"
    one = rooms.content
    rooms.content = lambda topics, share: Div(one(topics, share), id='place')
    tab = rooms.tab()
    expect_state(tab, 'open')
    for way in REPLACE:
        tab.evaluate(way)
        expect(tab.locator('#sse')).to_have_attribute('data-sse-state', 'open')
        rooms.expect_streams(tab, 1, 1)
        rooms.expect_hears(tab, None)
