"Regions that fail, hang or leak, engines and loops that change, and clients that ask for too much: none harms others"
import asyncio
import gc
import subprocess
import sys
import threading
import time
import weakref
from contextvars import ContextVar
from datetime import date
from math import inf, nan
from pathlib import Path

import pytest
from fasthtml.common import Body, Div, FastHTML, Head, Html, P, Span, Title, Titled
from starlette.testclient import TestClient
from until import until

from cjm_fasthtml_sse import BroadcastManager, Live
from cjm_fasthtml_sse.core.presence import Presence
from cjm_fasthtml_sse.events.wire import BackplaneError
from cjm_fasthtml_sse.runtime.process import begin_child, registered
from .site import SECRET, Reader, Site, sign_in

APP = Path(__file__).with_name('app.py')

pytestmark = pytest.mark.sample(16, of='faults of regions')


def board_of(site, name='board', *depends, **settings):
    "Add a region that shows a text, and return a function that changes it"
    shown = ['first']
    def board(): return P(shown[0])
    board.__name__ = name
    site.region(*(depends or [name]), **dict(min_interval=0) | settings)(board)
    def put(text):
        shown[0] = text
        site.live.touch(*(depends or [name]))
    return put


# Regions that never end, or take long

@pytest.mark.parametrize('kind', ['plain', 'async'])
def test_a_region_that_never_ends_fails_after_its_timeout_and_harms_no_other(start, caplog, kind):
    site, hangs, released = Site(), [False], threading.Event()
    def plain():
        if hangs[0]: released.wait()
        return P(f'{kind} {hangs[0]}')
    async def on_loop():
        if hangs[0]: await asyncio.Event().wait()
        return P(f'{kind} {hangs[0]}')
    region = plain if kind == 'plain' else on_loop
    site.region('stuck', min_interval=0, timeout=.3)(region)
    put = board_of(site)
    start(site)
    with site.looking(f'/{region.__name__}', '/board') as reader:
        hangs[0] = True
        site.live.touch('stuck')
        put('the others go on')
        reader.until_shown('the others go on')
        until(lambda: reader.errors, 'the page to be told that it is out of date')
        assert f'{region.__name__} did not end within 0.3 s' in caplog.text
        put('still')
        reader.until_shown('still')
        view = reader.views[0]
        assert site.fetch(view).status_code == 503
        hangs[0] = False
        released.set()
        reader.until_shown(f'{kind} False')


def test_many_views_of_a_region_that_never_ends_take_few_threads(start):
    site, released, calls, hangs = Site(), threading.Event(), [], [False]
    def stuck(n: int):
        if hangs[0]:
            calls.append(n)
            released.wait()
        return P(n)
    site.region('stuck', min_interval=0, timeout=.1)(stuck)
    put = board_of(site)
    start(site)
    before = threading.active_count()
    with site.looking('/board', *(f'/stuck/{n}' for n in range(30))) as reader:
        hangs[0] = True
        site.live.touch('stuck')
        until(lambda: len(reader.errors) >= 30)
        put('the others go on')
        reader.until_shown('the others go on')
        assert len(calls) <= 4 and threading.active_count() - before < 10, (calls, threading.active_count())
        hangs[0] = False
        released.set()
        for n in range(30): reader.until_shown(f'<p>{n}</p>')


def test_a_region_slower_than_its_interval_is_not_called_twice_at_a_time_and_holds_up_no_other(start):
    site, running, most, shown, released = Site(), set(), [], ['first'], threading.Event()
    def slow(n: int):
        running.add(n)
        most.append(len(running))
        text = shown[0]
        released.wait()
        running.discard(n)
        return P(f'slow {n} {text}')
    released.set()
    site.region('slow', min_interval=0, timeout=60)(slow)
    put = board_of(site)
    start(site)
    with site.looking('/slow/1', '/board') as reader:
        released.clear()
        most.clear()
        shown[0] = 'second'
        site.live.touch('slow')
        until(lambda: running)
        shown[0] = 'third'
        for _ in range(5): site.live.touch('slow')
        put('the others go on')
        reader.until_shown('the others go on')
        assert running == {1} and len(most) == 1
        released.set()
        reader.until_shown('slow 1 third')
        assert max(most) == 1


@pytest.mark.parametrize('way', ['plain', 'async'])
def test_a_server_ends_although_a_region_does_not(way):
    command = [sys.executable, APP, way]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().strip()
            site = Site()
            site.url = url
            with site.looking('/board') as reader:
                site.get('/hang')
                until(lambda: site.get('/is_hanging').text == 'True')
                assert reader.status == 200
                site.get('/end')
                assert process.wait(30) == 0
        finally: process.kill()


# Regions that fail

def test_a_region_that_fails_is_called_again_after_pauses_that_grow(start, caplog):
    site, calls, fails = Site(), [], [False]
    async def board():
        calls.append(asyncio.get_running_loop().time())
        if fails[0]: raise ValueError('no such table')
        return P('same')
    site.region('rows', min_interval=0)(board)
    start(site)
    with site.looking('/board') as reader:
        view, stop = reader.views[0], threading.Event()
        site.live.touch('rows')
        reader.until_shown('same')
        fails[0] = True
        calls.clear()
        def touch_and_fetch():
            while not stop.wait(.005):
                site.live.touch('rows')
                assert site.fetch(view, at=site.manager.cursor()).status_code == 503
        thread = threading.Thread(target=touch_and_fetch)
        thread.start()
        until(lambda: len(reader.errors) == 3)
        stop.set()
        thread.join()
        pauses = [later - sooner for sooner, later in zip(calls, calls[1:], strict=False)]
        assert len(pauses) <= 3 and all(pause > .9 * 2 ** n for n, pause in enumerate(pauses)), pauses
        assert caplog.text.count('no such table') <= 2 * len(calls)
        fails[0], count = False, len(reader.renderings)
        until(lambda: len(reader.renderings) > count, 'the same markup, since it ends the state `stale`')
        head, html = reader.renderings[-1]
        assert html == '<p>same</p>' and 'from' not in head


def test_a_region_that_cancels_itself_or_exits_has_failed(start, caplog):
    site, fails = Site(), [False]
    async def cancels():
        if not fails[0]: return P('fine')
        task = asyncio.create_task(asyncio.Event().wait())
        task.cancel()
        await task
    def exits(): return sys.exit('bye') if fails[0] else P('fine')
    for each in (cancels, exits): site.region('all', min_interval=0)(each)
    start(site)
    with site.looking('/cancels', '/exits') as reader:
        fails[0] = True
        site.live.touch('all')
        until(lambda: len(reader.errors) == 2)
        assert 'The region cancels failed' in caplog.text and "SystemExit('bye')" in caplog.text
        fails[0] = False
        until(lambda: len([html for _, html in reader.renderings if 'fine' in html]) == 2)


WHOLE = dict(titled=lambda: Titled('Cards', P('a')), title=lambda: (P('a'), Title('Cards')),
             html=lambda: Html(Head(), Body(P('a'))), body=lambda: Body(P('a')))


@pytest.mark.parametrize('whole', WHOLE)
def test_a_region_that_returns_a_whole_page_is_an_error(start, caplog, whole):
    site, content = Site(), [lambda: P('a part')]
    def board(): return content[0]()
    site.region('rows', min_interval=0)(board)
    start(site)
    with site.looking('/board') as reader:
        content[0] = WHOLE[whole]
        site.live.touch('rows')
        until(lambda: reader.errors)
        assert 'leave Titled, Title and Html out' in caplog.text
    with pytest.raises(TypeError, match='part of a page'): site.live.host.regions['board']()


def test_a_region_that_returns_nothing_keeps_its_place(start):
    site, content = Site(), [None]
    def board(): return content[0]
    site.region('rows', min_interval=0)(board)
    start(site)
    for nothing in (None, False, '', (), [None]):
        content[0] = nothing
        assert '<div data-sse-live=' in site.get('/board').text
    with site.looking('/board') as reader:
        for text in ('one', 'two'):
            content[0] = P(text)
            site.live.touch('rows')
            reader.until_shown(text)
            content[0], count = None, len(reader.renderings)
            site.live.touch('rows')
            until(lambda: len(reader.renderings) > count)  # noqa: B023
            assert reader.renderings[-1][1] == '<div></div>'


def test_bad_calls_and_settings_are_clear_errors():
    live = Live(FastHTML(secret_key=SECRET))
    @live.region('cards')
    def board(n: int): return P(n)
    for bad in (object(), [1], {}, b'x'):
        with pytest.raises(TypeError, match='text, a number, a date'): board(bad)
    with pytest.raises(ValueError, match='finite'): board(float('nan'))
    with pytest.raises(ValueError, match='too long'): board('x' * 500)
    with pytest.raises(ValueError, match="a region 'board' already"): live.region('other')(board.function)
    endless = dict(timeout=inf), dict(min_interval=inf), dict(min_interval=nan), dict(every=nan)
    for bad in (dict(timeout=0), dict(timeout=-1), dict(min_interval=-1), dict(every=0), *endless):
        with pytest.raises(ValueError, match='over 0'): live.region('cards', **bad)(lambda: P())
    with pytest.raises(ValueError, match='max_views'): Live(FastHTML(secret_key=SECRET), max_views=0)


@pytest.mark.parametrize('bad', [inf, nan, 'tomorrow', date(2026, 3, 29), True], ids=str)
def test_a_time_that_is_none_is_a_clear_error_and_the_region_has_failed(start, caplog, bad):
    site, times = Site(), []
    def soon():
        for each in times: site.live.until(each)
        return P('fine')
    region = site.region('soon', min_interval=0)(soon)
    start(site)
    with site.looking('/soon') as reader:
        times.append(bad)
        with pytest.raises((TypeError, ValueError), match='time must be'): region()
        site.live.touch('soon')
        until(lambda: reader.errors)
        assert 'time must be' in caplog.text
        times.clear()
        reader.until_shown('fine')


# Regions inside regions, and whose request renders them

def test_a_region_for_all_cannot_contain_one_of_a_user(start):
    site = Site()
    def mine(auth): return Span(f'secret of {auth}')
    mine = site.live.region('mine')(mine)
    def board(): return Div(mine())
    def profile(auth): return Div(Span(version[0]), mine())
    version = ['first']
    site.region('rows')(board)
    site.region('rows', min_interval=0)(profile)
    site.app.get('/touch')(lambda: site.live.touch('rows') and 'ok')
    start(site)
    assert site.get('/board', 'ann').status_code == 500
    with pytest.raises(RuntimeError, match='give board a parameter auth too'): site.live.host.regions['board']()
    with site.reader(site.view('/profile', 'ann'), user='ann') as reader:
        version[0] = 'second'
        site.get('/touch', 'ben')
        _, html = reader.until_shown('second')
        assert 'secret of ann' in html and 'ben' not in html
        assert 'secret of ann' in site.fetch(reader.views[0], 'ann').text


def test_a_task_that_outlives_its_request_keeps_no_touches(start):
    site, tasks, sent = Site(), [], []
    board_of(site)
    async def work():
        while True:
            sent.extend(weakref.ref(each) for each in site.live.touch('board'))
            await asyncio.sleep(0)
    @site.app.get('/begin')
    async def begin():
        tasks.append(asyncio.create_task(work()))
        return 'ok'
    start(site)
    site.get('/begin')
    until(lambda: len(sent) > 500)
    def left():
        gc.collect()
        return sum(each() is not None for each in sent[:-50])
    until(lambda: left() < 50)
    site.call(tasks[0].cancel)


# Versions, loops, epochs and forks

def test_a_view_of_an_earlier_version_is_refused_alone(start):
    old, new = Site(), Site()
    def board(n: int): return P(n)
    old.region('rows')(board)
    def board(n: int, colour='red'): return P(n, colour)
    new.region('rows', min_interval=0)(board)
    put = board_of(new, 'other')
    start(old)
    start(new)
    view = old.view('/board/1')
    refused = new.fetch(view)
    assert refused.status_code == 403 and 'earlier version' in refused.text
    with new.reader(view, new.view('/other')) as reader:
        assert reader.status == 200
        put('the other region goes on')
        reader.until_shown('the other region goes on')


def test_a_request_on_another_loop_is_answered_from_the_home_loop(start):
    site, loops = Site(), []
    async def board():
        loops.append(asyncio.get_running_loop())
        return P(len(loops))
    site.region('rows', min_interval=0)(board)
    put = board_of(site, 'other')
    start(site)
    view = site.view('/board')
    with site.looking('/other') as reader:
        home = site.call(asyncio.get_running_loop)
        del loops[:]
        elsewhere = TestClient(site.app)  # a loop for each request
        for _ in range(3):
            site.live.touch('rows')  # no page shows it, so it is rendered for the request
            assert elsewhere.get('/live/view', params=dict(topic=view)).status_code == 200
        put('the page goes on')
        reader.until_shown('the page goes on')
        assert loops == [home] * 3


def test_touches_of_another_epoch_are_rendered_and_the_order_of_the_old_one_is_forgotten(start):
    "An engine that lost its data begins a new log, whose positions are lower; a rendering is under way meanwhile"
    site, calls, hold, shown = Site(), [], threading.Event(), ['old']
    def board():
        calls.append(1)
        text = shown[0]
        hold.wait()
        return P(text)
    hold.set()
    site.region('rows', min_interval=0)(board)
    put = board_of(site, 'other')
    renderings, asked = site.live.host.renderings, threading.Event()
    current = renderings.current
    def note(*args):
        asked.set()
        return current(*args)
    renderings.current = note
    start(site)
    with site.looking('/board', '/other') as reader:
        for _ in range(100): site.live.touch('nothing')
        until(lambda: site.manager.log.head >= 100)
        hold.clear()
        calls.clear()
        site.live.touch('rows')
        until(lambda: calls)
        answers, at = [], site.manager.cursor()
        fetch = threading.Thread(target=lambda: answers.append(site.fetch(reader.views[0], at=at)))
        fetch.start()
        assert asked.wait(60)
        def begin_epoch():
            dispatcher = site.manager.dispatcher
            dispatcher.swap_log(dispatcher.new_log('another'), None)
        site.call(begin_epoch)
        shown[0] = 'new'
        hold.set()
        reader.until_shown('new')
        fetch.join()
        assert answers[0].text == '<p>new</p>', 'a request from before is answered'
        shown[0] = 'newer'
        site.live.touch('rows')
        reader.until_shown('newer')
        assert site.fetch(reader.views[0], at=site.manager.cursor()).text == '<p>newer</p>'
        put('one'), reader.until_shown('one')
        count = len(calls)
        put('two'), reader.until_shown('two')
        assert len(calls) == count <= 6, 'it is not rendered for ever'


def test_a_forked_process_has_no_views_of_its_parent(start):
    before = registered()
    site = Site()
    board_of(site)
    begun = registered() - before
    start(site)
    with site.looking('/board') as reader:
        site.call(lambda: site.live.touch('board'))
        reader.until_shown('first')
        states = site.live.host.renderings
        assert site.call(states.known, reader.views[0]) is not None
        site.call(begin_child, begun)
        assert site.call(states.known, reader.views[0]) is None


# Clients that ask for too much

def test_a_client_has_a_bounded_number_of_views(start):
    "Ten thousand views by one user, by streams and by requests; another user has their own limit"
    site = Site(max_views=300)
    def board(n: int): return P(n)
    region = site.live.region('rows', min_interval=3600)(board)
    def hundred(start: int): return tuple(region(n) for n in range(start, start + 100))
    site.app.get('/all/{start}')(hundred)
    start(site)
    views = [each['view'] for n in range(0, 10_000, 100) for each in site.about(f'/all/{n}')]
    assert len({*views}) == 10_000
    readers = [Reader(site.url, views[n:n + 100], 'ann', {}).wait_until_open() for n in range(0, 1000, 100)]
    try:
        assert [each.status for each in readers] == [200] * 3 + [429] * 7
        assert int(readers[3].headers['retry-after']) > 0
        with site.reader(*views[:100], user='ann') as again: assert again.status == 200
        with site.reader(*views[500:600], user='ben') as other: assert other.status == 200
        assert site.fetch(views[0], 'ann').status_code == 200
        refused = site.fetch(views[400], 'ann')
        assert refused.status_code == 429 and 'limit' in refused.text and 'retry-after' in refused.headers
    finally:
        for each in readers: each.close()


def test_a_client_without_a_user_fetches_a_bounded_number_of_views(start):
    site = Site(max_views=20)
    def board(n: int): return P(n)
    site.region('rows')(board)
    start(site)
    views = [site.view(f'/board/{n}') for n in range(30)]
    assert [site.fetch(view).status_code for view in views] == [200] * 20 + [429] * 10
    assert site.fetch(views[-1], 'ann').status_code == 200
    assert site.fetch(views[0]).status_code == 200, 'a view that counts already'


def test_a_page_may_have_some_hundred_regions(start):
    site = Site()
    shown = ['first']
    def row(n: int): return P(f'{n} {shown[0]}')
    region = site.live.region('rows', min_interval=0)(row)
    site.app.get('/all')(lambda: tuple(region(n) for n in range(300)))
    start(site)
    with site.looking('/all') as reader:
        assert reader.status == 200 and len(reader.views) == 300
        shown[0] = 'second'
        site.live.touch('rows')
        until(lambda: len([html for _, html in reader.renderings if 'second' in html]) == 300)


# Presence

def test_a_region_whose_room_cannot_be_asked_is_marked_and_called_again(start, caplog):
    site = Site()
    def who(presence: Presence): return P(' '.join(presence.users) or 'nobody')
    site.region(site.live.presence('room'), 'who', min_interval=0)(who)
    start(site)
    survey, is_broken = site.manager.survey, [False]
    async def fail(*args, **kwargs):
        if is_broken[0]: raise BackplaneError('The engine does not answer')
        return await survey(*args, **kwargs)
    site.manager.survey = fail
    with site.looking('/who', user='ann') as reader:
        reader.until_shown('ann')
        is_broken[0] = True
        site.live.touch('who')
        until(lambda: reader.errors)
        assert 'The engine does not answer' in caplog.text
        is_broken[0], count = False, len(reader.renderings)
        until(lambda: len(reader.renderings) > count)
        assert reader.renderings[-1][1] == '<p>ann</p>'


def test_a_page_of_a_process_without_members_fetches_who_is_there(start, tmp_path):
    sites = []
    for _ in range(2):
        site = Site(manager=BroadcastManager(backplane=f'sqlite:///{tmp_path}/events.db'))
        def who(presence: Presence): return P(' '.join(presence.users) or 'nobody')
        site.region(site.live.presence('room'), min_interval=0)(who)
        sites.append(start(site))
    one, two = sites
    assert one.about('/who', 'ann')[0]['after'] == 0
    with one.looking('/who', user='ann') as reader:
        reader.until_shown('ann')
        assert 'after' not in one.about('/who', 'ann')[0]
        about, = two.about('/who', 'ann')
        assert about['after'] == 0 and two.fetch(about['view'], 'ann').text == '<p>ann</p>'


def test_the_members_of_a_process_that_was_killed_are_gone_within_seconds(start, tmp_path):
    engine = f'sqlite:///{tmp_path}/events.db'
    site = Site(manager=BroadcastManager(backplane=engine))
    def who(presence: Presence): return P(' '.join(presence.users) or 'nobody')
    site.region(site.live.presence('room'), min_interval=0)(who)
    start(site)
    command = [sys.executable, APP, 'room', engine]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            elsewhere = Site()
            elsewhere.url = process.stdout.readline().strip()
            with site.looking('/who', user='ann') as reader, elsewhere.looking('/who', user='ben'):
                reader.until_shown('ann ben')
                process.kill()
                began = time.monotonic()
                until(lambda: reader.renderings[-1][1] == '<p>ann</p>')
                assert time.monotonic() - began < 10
        finally: process.kill()


def test_a_process_without_members_asks_anew_who_is_there(start, tmp_path):
    engine = f'sqlite:///{tmp_path}/events.db'
    site = Site(manager=BroadcastManager(backplane=engine))
    def who(presence: Presence): return P(' '.join(presence.users) or 'nobody')
    site.region(site.live.presence('room'), min_interval=0)(who)
    start(site)
    command = [sys.executable, APP, 'room', engine]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            elsewhere = Site()
            elsewhere.url = process.stdout.readline().strip()
            view = site.view('/who')
            with elsewhere.looking('/who', user='ben'):
                until(lambda: 'ben' in site.fetch(view).text)
                process.kill()
                until(lambda: 'nobody' in site.fetch(view).text)
        finally: process.kill()


def test_a_touch_of_another_process_is_shown(start, tmp_path):
    engine = f'sqlite:///{tmp_path}/events.db'
    site = Site(manager=BroadcastManager(backplane=engine))
    shown = ['first']
    def board(): return P(shown[0])
    site.region('rows', min_interval=0)(board)
    start(site)
    with site.looking('/board') as reader:
        shown[0] = 'second'
        subprocess.run([sys.executable, APP, 'touch', engine], check=True, timeout=60)
        reader.until_shown('second')
        assert reader.touches == ['rows']


def test_a_departure_is_noticed_while_others_reload(start):
    site = Site()
    async def who(presence: Presence):
        return P(f'{len(presence.users)} here {"bob" in presence.users}')
    site.region(site.live.presence('room'), min_interval=0)(who)
    start(site)
    view = site.view('/who', 'ann')
    with site.reader(view, user='ann') as reader, site.reader(view, user='eve'):
        with site.reader(view, user='bob'):
            reader.until_shown('3 here True')
            count = len(reader.renderings)
        def reload():
            with site.reader(view, user='eve'): return any('2 here' in html for _, html in reader.renderings[count:])
        until(reload, 'bob to be gone, while eve comes and goes')


def test_middleware_before_and_after(start):
    "The layer that waits for touches passes everything else on"
    app = FastHTML(secret_key=SECRET, before=sign_in)
    live = Live(app)
    @live.region('rows')
    def board(): return P('board')
    @app.get('/fails')
    def fails(): raise ValueError('a fault of the application')
    client = TestClient(app, raise_server_exceptions=False)
    assert client.get('/fails').status_code == 500
    assert 'sse-reached' not in client.get('/fails').headers



class Marks:
    "A middleware that marks the context of each request"
    def __init__(self, app): self.app = app

    async def __call__(self, scope, receive, send):
        of_request.set('that of a request')
        await self.app(scope, receive, send)


of_request = ContextVar('of a request', default='none')


def test_a_rendering_has_no_context_of_the_request_that_caused_it(start):
    site, seen = Site(), []
    async def on_loop():
        seen.append(of_request.get())
        return P(len(seen))
    def plain():
        seen.append(of_request.get())
        return P(len(seen))
    for each in (on_loop, plain): site.region('rows', min_interval=0)(each)
    site.app.get('/touch')(lambda: site.live.touch('rows') and 'ok')
    site.app.add_middleware(Marks)
    start(site)
    views = [site.view('/on_loop'), site.view('/plain')]
    assert seen == ['that of a request'] * 2, 'a page calls its regions itself'
    seen.clear()
    for view in views: assert site.fetch(view).status_code == 200
    with site.reader(*views) as reader:
        site.get('/touch')
        until(lambda: len(reader.renderings) == 2)
    assert seen == ['none'] * 4
