"What the pages about live regions promise, one test each, through real requests"
import asyncio
import threading
from datetime import UTC, date, datetime

import httpx2
from fasthtml.common import Div, Li, P, Ul
from until import until

from cjm_fasthtml_sse import Live
from .site import Site


class Board:
    "A site with a region whose calls are counted, and one that tells when earlier touches are done"
    def __init__(self, start, **settings):
        self.rows, self.calls, self.others, self.site = dict(a=1, b=2), [], 0, Site()
        self.board = self.site.region('rows', 'rows/{n}', **dict(min_interval=0) | settings)(self.board)
        self.other = self.site.region('other', min_interval=0)(self.other)
        start(self.site)
        self.touch = self.site.live.touch

    def board(self, n: int):
        self.calls.append(n)
        return Ul(*(Li(text, id=id) for id, text in self.rows.items()))

    def other(self):
        self.others += 1
        return P(self.others)

    def settle(self, reader):
        "Wait until a touch that comes after all others is rendered; `reader` also reads the other region"
        before = self.others
        self.touch('other')
        until(lambda: self.others > before and reader.until_shown(f'<p>{self.others}</p>'))


def test_a_view_that_no_page_shows_is_not_rendered(start):
    site = Board(start)
    with site.site.looking('/board/1', '/other') as reader:
        site.site.view('/board/2')
        site.calls.clear()
        for name in ('rows/2', 'rows/3', 'nothing'): site.touch(name)
        site.settle(reader)
        assert site.calls == []
        site.rows['a'] = 'new'
        site.touch('rows')
        reader.until_shown('new')
        assert site.calls == [1]
    site.calls.clear()
    with site.site.looking('/other') as reader:
        until(lambda: site.site.manager.get_connection_count() == 1)
        site.touch('rows')
        site.settle(reader)
    assert site.calls == []


def test_a_view_is_rendered_once_for_any_number_of_readers_and_changes(start):
    site = Board(start)
    view = site.site.view('/board/1')
    with site.site.reader(view) as one, site.site.reader(view) as two, site.site.looking('/board/1', '/other') as three:
        site.site.call(site.calls.clear)
        def touch_often():
            for n in range(50):
                site.rows['a'] = n
                site.touch('rows')
        site.site.call(touch_often)
        for each in (one, two, three): each.until_shown('<li id="a">49</li>')
        site.settle(three)
    assert site.calls == [1], 'fifty changes in one turn of the loop'


def test_the_interval_is_kept_for_touches_and_requests(start):
    "Two clients fetch as fast as they can, while another thread touches"
    times, site = [], Site()
    def slow_down():
        times.append(asyncio.get_running_loop().time())
        return P(len(times))
    async def board(): return slow_down()
    site.region('rows', min_interval=.1)(board)
    start(site)
    view = site.view('/board')
    with site.reader(view):
        site.call(times.clear)
        stop = threading.Event()
        def touch():
            while not stop.wait(.002): site.live.touch('rows')
        def fetch():
            while not stop.is_set(): site.fetch(view, at=site.manager.cursor())
        threads = [threading.Thread(target=each) for each in (touch, fetch, fetch)]
        for each in threads: each.start()
        until(lambda: len(times) > 6)
        stop.set()
        for each in threads: each.join()
    pauses = [later - sooner for sooner, later in zip(times, times[1:], strict=False)]
    assert min(pauses) > .05, pauses


def test_a_first_fetch_waits_for_no_interval_and_the_same_state_is_no_call(start):
    site = Board(start, min_interval=3600)
    view = site.site.view('/board/1')
    site.calls.clear()
    first = site.site.fetch(view)
    assert first.status_code == 200 and '<li id="a">1</li>' in first.text
    again = site.site.fetch(view, hash=first.headers['sse-hash'], at=first.headers['sse-at'])
    assert (again.status_code, again.text, site.calls) == (204, '', [1])


def test_the_same_markup_is_not_sent(start):
    site = Board(start)
    with site.site.looking('/board/1', '/other') as reader:
        site.rows['a'] = 'x'
        site.touch('rows')
        hash = reader.until_shown('<li id="a">x</li>')[0]['hash']
        before = len(site.calls)
        site.touch('rows')
        until(lambda: len(site.calls) > before)
        site.settle(reader)
        assert [head['hash'] for head, _ in reader.renderings].count(hash) == 1


def test_only_children_that_changed_are_sent_and_their_order_if_it_changed(start):
    site = Board(start)
    site.rows = {f'row-{n}': f'this is the text of row {n}' for n in range(20)}
    with site.site.looking('/board/1', '/other') as reader:
        site.rows['row-0'] = 'first'
        site.touch('rows')
        whole = reader.until_shown('first')[0]
        site.rows['row-3'] = 'third'
        site.touch('rows')
        head, html = reader.until_shown('third')
        assert (head['from'], html) == (whole['hash'], '<li id="row-3">third</li>') and 'ids' not in head
        site.rows = {key: site.rows[key] for key in [*site.rows][::-1] if key != 'row-5'}
        site.touch('rows')
        site.settle(reader)
        head, html = [each for each in reader.renderings if 'ids' in each[0]][-1]
        assert html == '' and head['ids'] == [*site.rows]


def test_plain_functions_share_a_thread_in_order_and_async_ones_run_on_the_loop(start):
    site, places, running = Site(), {}, []
    def note(name):
        running.append(name)
        assert len(running) == 1 or name.startswith('on_loop'), running
        places.setdefault(name, set()).add(threading.get_ident())
        running.remove(name)
        return P(f'{name} {version[0]}')
    version = [0]
    def one(): return note('one')
    def two(n: int): return note(f'two {n}')
    async def on_loop(): return note('on_loop')
    for each in (one, two, on_loop): site.region('all', min_interval=0)(each)
    start(site)
    with site.looking('/one', '/on_loop', *(f'/two/{n}' for n in range(5))) as reader:
        places.clear()
        for _ in range(20):
            version[0] += 1
            site.live.touch('all')
        for name in ('one', 'on_loop', 'two 4'): reader.until_shown(f'{name} 20')
        loop = site.call(threading.get_ident)
    threads = set().union(*(found for name, found in places.items() if name != 'on_loop'))
    assert len(threads) == 1 and loop not in threads and places['on_loop'] == {loop}


def test_a_touch_from_a_thread_a_task_and_a_handler_is_shown(start):
    site = Board(start)
    def put(n: str):
        site.rows['a'] = n
        site.touch('rows')
    async def put_on_loop(n: str): put(n)
    async def put_in_task(n: str): await asyncio.create_task(put_on_loop(n))
    async def put_in_thread(n: str): await asyncio.to_thread(put, n)
    handlers = dict(plain=put, on_loop=put_on_loop, task=put_in_task, thread=put_in_thread)
    for name, handler in handlers.items(): site.site.app.get(f'/put/{name}', name=f'put_{name}')(handler)
    with site.site.looking('/board/1') as reader:
        for name in handlers:
            response = site.site.get(f'/put/{name}', n=f'by {name}')
            assert response.headers['sse-reached'] == site.site.manager.cursor()
            reader.until_shown(f'by {name}')
        thread = threading.Thread(target=put, args=['by a thread'])
        thread.start()
        reader.until_shown('by a thread')
        thread.join()
        site.site.call(put, 'on the loop')
        reader.until_shown('on the loop')


def test_a_user_is_never_chosen_by_the_client(start):
    site, seen = Site(), []
    def mine(n: int, auth):
        seen.append(auth)
        return P(f'{auth} {n}')
    site.region('mine', min_interval=0)(mine)
    start(site)
    view = site.view('/mine/3', 'ann')
    for forged in (dict(auth='ben'), dict(user='ben'), dict(mine='ben')):
        assert 'ann 3' in site.get('/mine/3', 'ann', **forged).text
        assert site.fetch(view, 'ann', **forged).text == '<p>ann 3</p>'
    assert {*seen} == {'ann'}
    seen.clear()
    region, payload, name = view.rsplit('/', 2)
    other = f'{region}/WzRd/{name}'  # for n=4
    forged = (view, 'ben'), (view, ''), (other, 'ann'), (f'{region}/{payload}/{"A" * 16}', 'ann'), (region, 'ann')
    for topic, user in forged:
        assert site.fetch(topic, user).status_code == 403
        with site.reader(topic, user=user) as reader: assert reader.status == 403
    assert seen == [], 'a forged view is never rendered'


def test_after_a_sign_out_the_view_is_no_longer_valid(start):
    site = Site()
    def mine(auth): return P(f'secret of {auth}')
    site.region('mine')(mine)
    start(site)
    view = site.view('/mine', 'ann')
    assert site.fetch(view, 'ann').status_code == 200
    refused = site.fetch(view)
    assert refused.status_code == 403 and 'secret' not in refused.text
    with site.reader(view) as reader: assert reader.status == 403
    with site.reader(view, user='ann') as reader:
        assert reader.status == 200
        assert site.call(lambda: site.manager.disconnect(dict(user='ann'))) == 1
        until(lambda: 'sse-close' in [id for id, _ in reader.events])


def test_gone_is_asked_anew_each_time(start):
    site, banned = Site(), set()
    def board(auth): return site.live.Gone(P('You were removed')) if auth in banned else Div(f'for {auth}')
    site.region('board', min_interval=0)(board)
    start(site)
    view = site.view('/board', 'ann')
    with site.reader(view, user='ann') as reader:
        banned.add('ann')
        site.live.touch('board')
        head, html = reader.until_shown('You were removed')
        assert head['gone'] is True
        fetched = site.fetch(view, 'ann')
        assert fetched.headers['sse-gone'] == 'true' and 'removed' in fetched.text
        banned.clear()
        site.live.touch('board')
        assert 'gone' not in reader.until_shown('for ann')[0]


def test_a_clock_goes_on_while_pages_come_and_go_and_a_touch_does_not_wait_for_it(start):
    site, calls = Site(), []
    async def clock():
        calls.append(1)
        return P(f'tick {len(calls)}')
    tocks = []
    async def slow_clock():
        tocks.append(1)
        return P(f'tock {len(tocks)}')
    site.region(every=.2, min_interval=0)(clock)
    site.region('slow', every=3600, min_interval=.5)(slow_clock)
    start(site)
    view, slow = site.view('/clock'), site.view('/slow_clock')
    with site.reader(view):
        before = len(calls)
        def come_and_go():
            with site.reader(view): return len(calls) > before + 1
        until(come_and_go, 'the clock to tick while a page opens every few milliseconds')
    with site.reader(slow) as reader:
        site.live.touch('slow')
        reader.until_shown('tock 2')
        site.live.touch('slow')  # rendered when the interval is over; another page comes before that
        with site.reader(slow): reader.until_shown('tock 3')


def test_dates_are_arguments(start):
    site, seen = Site(), []
    moment = datetime(2026, 3, 29, 2, 30, tzinfo=UTC)
    def day(day, at):
        seen.append((day, at))
        return P(f'{day} {at.tzinfo}')
    region = site.live.region('day/{day}', min_interval=0)(day)
    site.app.get('/today')(lambda: region(date(2026, 3, 29), moment))
    start(site)
    about, = site.about('/today')
    assert about['names'] == ['day/2026-03-29']
    assert site.fetch(about['view']).text == '<p>2026-03-29 UTC</p>'
    assert seen == [(date(2026, 3, 29), moment)] * 2


def test_a_response_names_the_place_in_the_log_of_each_live_that_its_request_has_touched(start):
    site = Site()
    lives = site.live, Live(site.app, prefix='/other')
    def put(one: bool, two: bool):
        for each, is_touched in zip(lives, (one, two), strict=True):
            if is_touched: each.touch('rows')
    site.app.post('/put')(put)
    start(site)
    with httpx2.Client(base_url=site.url) as client:
        for touched in ((True, False), (False, True), (True, True), (False, False)):
            reached = client.post('/put', data=dict(zip(('one', 'two'), touched, strict=True))).headers
            places = [each.manager.cursor() for each, is_touched in zip(lives, touched, strict=True) if is_touched]
            assert sorted(reached.get_list('sse-reached')) == sorted(places)
