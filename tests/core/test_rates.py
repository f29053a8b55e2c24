"At most one event of a key in a period, and always the last one, in virtual time"
import asyncio

import pytest
from fasthtml.common import Beforeware, Form, Input, Li, fast_app

from cjm_fasthtml_sse import BroadcastManager, Cluster, create_sse_element, setup_broadcast_routes, sse_headers
from cjm_fasthtml_sse.runtime.process import begin_child, registered
from cjm_fasthtml_sse.testing import live


def make():
    "A page that lists what it gets, and a form that sends with a rate"
    app, rt = fast_app(hdrs=sse_headers(), before=Beforeware(sign_in), secret_key='the same in all workers')
    manager = app.state.manager = BroadcastManager(cluster=Cluster(open_timeout=0.5))
    setup_broadcast_routes(app, manager, element_builder=lambda kind, data: Li(data.get('n', kind)))

    @rt('/')
    def index(topic: str = 'a'):
        form = Form(Input(name='n'), id='act', hx_post='/act', hx_swap='none')
        return create_sse_element('/sse/broadcast', 'list', 'beforeend', topics=[topic], cursor=manager.cursor()), form

    @rt('/new')
    def new(): return create_sse_element('/sse/broadcast', 'list', 'beforeend')

    @rt('/act')
    async def act(n: str): await manager.broadcast('note', dict(n=n), key='k', every=1, others=True)

    @rt('/act_in_thread')
    def act_in_thread(n: str): manager.broadcast_threadsafe('note', dict(n=n), key='k', every=1).result()

    return app


def sign_in(req, sess): req.scope['auth'] = sess.get('auth')


@pytest.fixture
def world():
    with live(make) as world: yield world


def shown(*tabs): return [' '.join(tab.texts('#list li')) for tab in tabs]


def say(world, *numbers, key='k', every=1, worker=0, **about):
    "Send events; return how many connections took each"
    manager = world.server.workers[worker].app.state.manager
    async def send(): return [await manager.broadcast('n', dict(n=n), key=key, every=every, **about) for n in numbers]
    return world.do(send())


def is_idle(world): return world.app.state.manager.rates.is_idle()


def test_the_first_and_the_last_of_each_period_are_sent(world):
    tab = world.tab()
    assert say(world, 1, 2, 3) == [1, 0, 0]
    world.clock.advance(0.9)
    say(world, 4)
    assert shown(tab) == ['1']
    world.clock.advance(0.2)
    assert shown(tab) == ['1 4']
    say(world, 5)
    world.clock.advance(0.8)
    assert shown(tab) == ['1 4'], 'the next period has begun with the event that waited'
    world.clock.advance(0.2)
    assert shown(tab) == ['1 4 5'] and not is_idle(world)
    world.clock.advance(1)
    assert is_idle(world)
    assert say(world, 6) == [1] and shown(tab) == ['1 4 5 6']


def test_a_hundred_a_second_become_two(world):
    tab = world.tab()
    for n in range(100):
        say(world, n, every=0.5)
        world.clock.advance(0.01)
    world.clock.advance(0.5)
    found = [int(n) for n in shown(tab)[0].split()]
    assert len(found) <= 4 and found[0] == 0 and found[-1] == 99


def test_keys_and_topics_have_periods_of_their_own(world):
    tab = world.tab()
    assert [*say(world, 1, key='one'), *say(world, 2, key='two'), *say(world, 3, key='one', topic='a')] == [1, 1, 1]
    assert shown(tab) == ['1 2 3']


def test_an_event_without_a_rate_replaces_those_that_wait(world):
    tab = world.tab()
    say(world, 1, 2)
    say(world, 3, every=None)
    world.clock.advance(2)
    assert shown(tab) == ['1 3']
    say(world, 4, 5, key='other')
    say(world, 6, every=None)
    world.clock.advance(2)
    assert shown(tab) == ['1 3 4 6 5']


def test_a_connection_that_newer_events_exclude_gets_the_one_before(world):
    tab, other = world.tab(), world.tab()
    first, second = world.app.state.manager.connections
    say(world, 1, 2)
    for n in (3, 4): say(world, n, exclude={second})
    world.clock.advance(2)
    assert shown(tab, other) == ['1 4', '1 2']


def test_the_newest_event_decides_who_is_left_out(world):
    tab, other = world.tab(), world.tab()
    tab.submit('#act', n='mine')
    tab.submit('#act', n='mine too')
    world.clock.advance(1)
    assert shown(tab, other) == ['', 'mine mine too']
    say(world, 'all')
    world.clock.advance(1)
    assert shown(tab, other) == ['all', 'mine mine too all']


def test_a_retained_event_may_wait(world):
    say(world, 1, 2, retain=True)
    assert shown(world.tab('/new')) == ['1']
    world.clock.advance(1)
    assert shown(world.tab('/new')) == ['2']


def test_a_handler_in_a_thread_shares_the_period(world):
    tab = world.tab()
    tab.dom.select_one('#act')['hx-post'] = '/act_in_thread'
    for n in (1, 2, 3): tab.submit('#act', n=n)
    say(world, 4)
    assert shown(tab) == ['1']
    world.clock.advance(1)
    assert shown(tab) == ['1 4']


def test_a_thousand_keys_are_forgotten_with_their_periods(world):
    tab = world.tab()
    for n in range(1000): say(world, n, key=f'key {n}')
    assert not is_idle(world)
    world.clock.advance(1)
    assert is_idle(world) and len(shown(tab)[0].split()) == 1000


def test_each_worker_has_a_rate_of_its_own():
    with live(make, workers=2) as world:
        tab = world.tab()
        say(world, 1, 2)
        say(world, 3, 4, worker=1)
        assert shown(tab) == ['1 3']
        world.clock.advance(1.5)
        history = world.app.state.manager.get_history()
        assert sorted(each.data['n'] for each in history) == [1, 2, 3, 4]


def test_a_server_that_stops_sends_first_what_waits(tmp_path):
    with live(make, engine=f'sqlite:///{tmp_path}/events.db') as world:
        say(world, 1, 2, every=60, retain=True)
        world.server.restart()
        assert shown(world.tab('/new')) == ['2']


def test_a_failure_of_an_event_that_waited_is_logged(tmp_path):
    with live(make, engine=f'sqlite:///{tmp_path}/events.db') as world:
        tab = world.tab()
        say(world, 1, 2)
        for each in world.engine.adapters: each.cut()
        with world.expected('waited for its period') as found: world.clock.advance(5)
        assert found and shown(tab) == ['1']


def test_an_item_that_waits_comes_before_the_end_of_its_source(world):
    tab = world.tab()
    manager = world.app.state.manager
    items = [dict(n=n) for n in (1, 2, 3)]
    world.do(manager.stream_to('a', items, 'item', 'end', transform_fn=dict, key='k', every=60))
    assert shown(tab) == ['1 3 end']


def test_a_forked_process_sends_nothing_of_its_parent():
    before = registered()
    manager = BroadcastManager()
    async def send(): return [await manager.broadcast('n', {}, key='k', every=60) for _ in range(2)]
    assert asyncio.run(send()) == [0, 0] and not manager.rates.is_idle()
    begin_child(registered() - before)
    assert manager.rates.is_idle()
