"Worlds begin, end and fail without a trace, and one seed gives one run"
import asyncio
import gc
import sqlite3
import threading
import time
from queue import Queue

import pytest
from fasthtml.common import EventStream, Form, Input, Li, P, fast_app

from cjm_fasthtml_sse import BroadcastManager, SSEStream, create_sse_element, setup_broadcast_routes, sse_headers
from cjm_fasthtml_sse.testing import AppError, live
from until import until


def make(lifespan=None, **settings):
    "A page of cards that all tabs share"
    app, rt = fast_app(hdrs=sse_headers(), lifespan=lifespan, secret_key='the same in all workers')
    app.state.manager, cards = BroadcastManager(**settings), []
    def show(kind, data): return Li(data['title'])
    setup_broadcast_routes(app, app.state.manager, element_builder=show)

    @rt('/')
    def index():
        more = dict(cursor=app.state.manager.cursor(), refresh='/cards')
        listing = create_sse_element('/sse/broadcast', 'cards', 'beforeend', **more)
        return listing(*map(Li, cards)), Form(Input(name='title'), hx_post='/add', hx_swap='none')

    @rt('/cards')
    def cards_alone(): return [Li(each) for each in cards]

    @rt('/add')
    async def add(title: str):
        cards.append(title)
        await app.state.manager.broadcast('added', dict(title=title))

    return app


def use(world):
    "What a short test does"
    ann, bob = world.tab(), world.tab()
    ann.submit('form', title='Milk')
    assert bob.texts('#cards li') == ['Milk']
    return ann, bob


@pytest.fixture(autouse=True)
def no_thread_stays():
    before = set(threading.enumerate())
    yield
    until(lambda: not set(threading.enumerate()) - before)


def test_an_object_serves_one_worker_and_is_not_restarted():
    app = make()
    with pytest.raises(ValueError, match='One app object serves one worker'): live(app, workers=2)
    with live(app) as world:
        use(world)
        for again in world.server.restart, world.server.kill:
            reason = "cannot be made anew and would remember everything. Give 'module:app'"
            with pytest.raises(ValueError, match=reason): again()
        assert world.tab().texts('#cards li') == ['Milk']


def test_an_object_can_be_used_by_one_world_after_another():
    app = make()
    for count in (1, 2):
        with live(app) as world:
            tab = world.tab()
            tab.submit('form', title='Milk')
            assert tab.texts('#cards li') == ['Milk'] * count
            assert len(world.broadcasts('added')) == 1


def test_worlds_inside_one_another_have_nothing_in_common():
    with live(make) as outer:
        ann, bob = use(outer)
        with live(make) as inner:
            use(inner)
            outer.clock.advance(60)
            assert (outer.clock.now, inner.clock.now) == (60, 0)
        ann.submit('form', title='Tea')
        outer.assert_in_step(ann, bob, '#cards')
        assert len(outer.broadcasts('added')) == 2


def test_problems_stay_in_their_world():
    def fail():
        app, rt = fast_app()
        @rt('/')
        async def index(): raise ZeroDivisionError
        return app
    with live(make) as outer, live(fail) as inner:
        with pytest.raises(AppError, match='ZeroDivisionError'): inner.tab()
        use(outer)


@pytest.mark.parametrize('workers', [1, 2])
def test_a_lifespan_that_fails_at_the_start(workers):
    async def lifespan(app):
        raise OSError('no disk')
        yield
    world = live(lambda: make(lifespan), workers=workers)
    with pytest.raises(RuntimeError, match='no disk'), world: pytest.fail('it began')


def test_a_factory_that_fails():
    def broken(): raise KeyError('DATABASE_URL')
    with pytest.raises(KeyError, match='DATABASE_URL'), live(broken): pytest.fail('it began')
    def ends(): raise SystemExit('no key')
    with pytest.raises(SystemExit, match='no key'), live(ends): pytest.fail('it began')
    with pytest.raises(TypeError, match='no FastHTML app'), live(lambda: 'app'): pytest.fail('it began')
    with pytest.raises(TypeError, match="Give 'module:app'"): live('app')
    with pytest.raises(ValueError, match="no module 'nowhere'"), live('nowhere:app'): pytest.fail('it began')


def test_a_shutdown_that_fails():
    async def lifespan(app):
        yield
        raise OSError('disk full')
    with pytest.raises((OSError, RuntimeError), match='disk full'), live(lambda: make(lifespan)) as world: use(world)


def test_a_test_that_fails_reports_its_own_failure():
    with pytest.raises(ZeroDivisionError), live(make, workers=2) as world:
        use(world)
        raise ZeroDivisionError
    with pytest.raises(ValueError, match='not open'): world.settled()


def test_a_world_that_is_not_open():
    world = live(make)
    with pytest.raises(ValueError, match='not open; use it as'): world.tab()
    with world: tab, _ = use(world)
    with pytest.raises(ValueError): tab.submit('form', title='Tea')


def test_the_clock_of_a_world_in_place_of_that_of_its_application(monkeypatch):
    before, world = time.time(), live(make)
    with world:
        monkeypatch.setattr('time.time', world.clock.time)
        world.clock.advance(3600)
        assert time.time() >= before + 3600
    assert time.time() >= before + 3600  # other code may read it before the test has ended


def test_a_lifespan_runs_once_for_each_worker_and_start():
    log = []
    def with_log():
        async def lifespan(app):
            log.append('start')
            yield
            log.append('end')
        return make(lifespan)
    with live(with_log, workers=2) as world:
        assert log == ['start', 'start']
        world.server.restart()
        assert log == ['start', 'start', 'end', 'end', 'start', 'start']
        world.server.kill(1)
        assert log[6:] == ['start']
    assert log[7:9] == ['end', 'end']  # and now that of the killed worker, whose coroutine Python ends


def test_what_is_left_of_a_killed_worker_is_no_problem_of_the_application():
    with live(make) as world:
        world.server.kill()
        gc.collect()
        world.settled()


def run_of(seed):
    with live(make, seed=seed) as world:
        ann, bob = use(world)
        bob.lose_line()
        world.clock.advance(1)
        world.server.restart()
        ann.submit('form', title='Tea')
        world.clock.advance(100)
        bob.regain_line()
        world.clock.advance(10)
        return [(each.id, each.type, each.data, each.when) for tab in (ann, bob) for each in tab.events]


def test_a_handler_in_a_thread_leaves_none():
    def sync():
        app, rt = fast_app()
        @rt('/')
        def index(): return P(threading.current_thread().name)
        return app
    with live(sync) as world: assert world.tab().texts('p') != [threading.current_thread().name]


def test_a_seed_gives_one_run():
    assert run_of(1) == run_of(1)
    assert run_of(1) != run_of(2)


def test_the_loop_of_an_application_is_that_of_its_import():
    "A connection of sqlite3 and a loop that the factory takes can be used by the handlers."
    def with_loop():
        app, rt = fast_app()
        db, loop = sqlite3.connect(':memory:'), asyncio.get_running_loop()
        @rt('/')
        async def index():
            loop.call_soon(lambda: None)
            return P(str(loop is asyncio.get_running_loop() and db.execute('SELECT 7').fetchone()[0]))
        return app
    with live(with_loop) as world: assert world.tab().texts('p') == ['7']


def test_an_application_with_a_thread_of_its_own():
    "It broadcasts while a verb runs, and the test waits for that with its own means."
    def with_thread():
        jobs = Queue()
        def work():
            for title, done in iter(jobs.get, None):
                app.state.manager.broadcast_threadsafe('added', dict(title=title)).result()
                done.set()
        async def lifespan(app):
            thread = threading.Thread(target=work)
            thread.start()
            yield
            jobs.put(None)
            thread.join()
        app = make(lifespan)
        app.state.jobs = jobs
        return app
    with live(with_thread) as world:
        tab, done = world.tab(), threading.Event()
        world.app.state.jobs.put(('Tea', done))
        world.clock.advance(30)
        assert done.wait(10)
        world.settled()
        assert tab.texts('#cards li') == ['Tea']


def test_broadcasts_from_a_thread_while_verbs_run():
    with live(make) as world:
        tab, manager = world.tab(), world.app.state.manager
        def send():
            for number in range(100): manager.broadcast_threadsafe('added', dict(title=str(number))).result()
        thread = threading.Thread(target=send)
        thread.start()
        while thread.is_alive(): tab.request('GET', '/cards')
        world.settled()
        assert tab.texts('#cards li') == [str(number) for number in range(100)]


@pytest.mark.parametrize('browsers', [1, 50])
def test_fifty_tabs(browsers):
    with live(make) as world:
        tabs = [browser.tab() for browser in [world.browser() for _ in range(browsers)] for _ in range(50 // browsers)]
        tabs[0].submit('form', title='Milk')
        assert [tab.texts('#cards li') for tab in tabs] == [['Milk']] * 50
        for tab in tabs: tab.lose_line()
        world.clock.advance(600)
        for tab in tabs: tab.regain_line()
        tabs[-1].submit('form', title='Tea')
        assert [tab.texts('#cards li') for tab in tabs] == [['Milk', 'Tea']] * 50


def test_tabs_of_a_browser_share_a_connection_and_cookies():
    def with_sign_in():
        app, rt = fast_app(hdrs=sse_headers())
        manager = BroadcastManager()
        setup_broadcast_routes(app, manager, element_builder=lambda kind, data: P(data['text']))
        @rt('/')
        def index(sess):
            who = P(sess.get('auth', 'nobody'), id='who')
            return who, create_sse_element('/sse/broadcast', 'news', 'beforeend')
        @rt('/sign-in')
        def sign_in(sess): sess['auth'] = 'ann'
        app.state.manager = manager
        return app
    with live(with_sign_in) as world:
        browser = world.browser()
        first = browser.tab()
        first.request('GET', '/sign-in')
        tabs = [browser.tab() for _ in range(3)]
        assert [tab.texts('#who') for tab in tabs] == [['ann']] * 3
        first.close()
        world.clock.advance(5)
        assert world.app.state.manager.get_connection_count() == 1
        world.app.state.manager.broadcast_threadsafe('said', dict(text='Lunch'))
        world.settled()
        assert [tab.texts('#news') for tab in tabs] == [['Lunch']] * 3
        assert world.tab().texts('#who') == ['nobody']


def test_a_tab_that_has_joined_a_shared_connection_sleeps_and_wakes():
    with live(make) as world:
        browser = world.browser()
        first, second = browser.tab(), browser.tab()
        second.freeze()
        first.submit('form', title='Milk')
        second.thaw()
        first.submit('form', title='Tea')
        assert (second.texts('#cards li'), second.state) == (['Milk', 'Tea'], 'open')


@pytest.mark.parametrize('kind', ['queue', 'asyncio queue', 'generator', 'async generator', 'function'])
def test_each_source_of_a_stream(kind):
    def with_stream():
        app, rt = fast_app(hdrs=sse_headers())
        app.state.queue = dict(queue=Queue)[kind]() if kind == 'queue' else asyncio.Queue()
        def plain(): yield from map(P, 'abc')
        async def later():
            for each in 'abc':
                await asyncio.sleep(1)
                yield P(each)
        source = {'generator': plain(), 'async generator': later(), 'function': plain}.get(kind, app.state.queue)
        @rt('/')
        def index(): return create_sse_element('/stream', 'items', 'beforeend')
        @rt('/stream')
        async def stream(): return EventStream(SSEStream().stream(source))
        return app
    with live(with_stream) as world:
        tab = world.tab()
        if 'queue' in kind:
            for each in 'abc':
                world.app.state.queue.put_nowait(P(each))
                if kind == 'queue': world.settled()
                else: world.clock.advance(0)
        if kind == 'async generator':
            assert tab.texts('#items p') == []
            world.clock.advance(2)
            assert tab.texts('#items p') == ['a', 'b']
            world.clock.advance(1)
        assert tab.texts('#items p') == ['a', 'b', 'c']
        assert tab.state == ('open' if 'queue' in kind else 'closed')


def test_an_engine_that_one_worker_cannot_reach():
    with live(make, workers=2) as world:
        ann, bob = world.tab(worker=0), world.tab(worker=1)
        world.engine.go_away(worker=1)
        ann.submit('form', title='Milk')
        assert [tab.texts('#cards li') for tab in (ann, bob)] == [['Milk'], []]
        with world.expected('Not sent'): bob.submit('form', title='Tea')
        world.engine.come_back()
        world.clock.advance(10)
        assert bob.texts('#cards li') == ['Milk'] and not bob.resets
