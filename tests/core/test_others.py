"Events that leave out the tab whose request causes them, in memory: streams, shared streams, replay, workers and users"
import asyncio

import pytest
from anyio.to_thread import current_default_thread_limiter
from fasthtml.common import BackgroundTask, Beforeware, Form, Input, Li, fast_app

from cjm_fasthtml_sse import AccessPolicy, BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers
from cjm_fasthtml_sse.testing import live

WAYS = 'awaited', 'now', 'thread', 'task', 'after', 'user'


def make(identify=None, authorize=None, topics=()):
    "A page whose form sends an event to the other tabs, in one of several ways"
    app, rt = fast_app(hdrs=sse_headers(), before=Beforeware(sign_in), secret_key='the same in all workers')
    manager = app.state.manager = BroadcastManager()
    app.state.tasks = set()
    setup_broadcast_routes(app, manager, element_builder=show, policy=AccessPolicy(identify, authorize))

    @rt('/')
    def index():
        form = Form(Input(name='n'), Input(name='key', value=''), Input(name='way', value='awaited'))
        stream = create_sse_element('/sse/broadcast', 'list', 'beforeend', topics=topics, cursor=manager.cursor())
        return stream, form(id='act', hx_post='/act', hx_swap='none')

    def in_thread(n, about): manager.broadcast_threadsafe('note', dict(n=n), **about).result()

    @rt('/act')
    async def act(n: str, way: str, auth, key: str = ''):
        about = dict(key=key or None, retain=bool(key), others=True)
        if way == 'awaited': await manager.broadcast('note', dict(n=n), **about)
        elif way == 'now': manager.broadcast_nowait('note', dict(n=n), **about)
        elif way == 'thread': await asyncio.to_thread(in_thread, n, about)
        elif way == 'user': await manager.send_to_user(auth, 'note', dict(n=n), others=True)
        elif way == 'after': return BackgroundTask(manager.broadcast, 'note', dict(n=n), others=True)
        else: app.state.tasks.add(asyncio.create_task(manager.broadcast('note', dict(n=n), **about)))

    @rt('/act_in_thread')
    def act_in_thread(n: str): in_thread(n, dict(others=True))

    @rt('/as/{who}')
    def become(sess, who: str): sess['auth'] = who

    return app


def sign_in(req, sess): req.scope['auth'] = sess.get('auth')


def show(kind, data): return Li(data['n'])


def shown(*tabs): return [' '.join(tab.texts('#list li')) for tab in tabs]


def act(tab, n, way='awaited', **more): tab.submit('#act', n=n, way=way, **more)


def say(world, n, **about):
    "An event of the application itself, for all tabs"
    world.do(world.app.state.manager.broadcast('note', dict(n=n), **about))


@pytest.fixture(params=['one worker', 'two workers', 'sqlite'])
def world(request, tmp_path):
    settings = {'one worker': {}, 'two workers': dict(workers=2),
                'sqlite': dict(workers=2, engine=f'sqlite:///{tmp_path}/events.db')}[request.param]
    with live(make, **settings) as world: yield world


def test_the_tab_that_acts_is_left_out_whether_it_leads_or_follows(world):
    browser = world.browser()
    leader, follower, stranger = browser.tab(), browser.tab(), world.tab()
    act(leader, 1)
    assert shown(leader, follower, stranger) == ['', '1', '1']
    act(follower, 2)
    assert shown(leader, follower, stranger) == ['2', '1', '1 2']
    say(world, 3)
    assert shown(leader, follower, stranger) == ['2 3', '1 3', '1 2 3']


def test_the_others_are_still_left_out_after_another_tab_has_taken_over(world):
    browser = world.browser()
    leader, heir, third = browser.tab(), browser.tab(), browser.tab()
    act(heir, 1)
    leader.close()
    act(heir, 2)
    act(third, 3)
    say(world, 4)
    assert shown(heir, third) == ['3 4', '1 2 4']


def test_a_replay_leaves_it_out_as_well(world):
    tab, other = world.tab(), world.tab()
    tab.stop_reading()
    act(tab, 1)
    say(world, 2)
    tab.lose_line()
    tab.start_reading()
    tab.regain_line()
    assert shown(tab, other) == ['2', '1 2'] and not tab.resets


def test_a_page_that_is_loaded_again_is_another_tab():
    with live(make) as world:
        tab = world.tab()
        tab.stop_reading()
        act(tab, 1, key='state')
        tab.start_reading()
        tab.goto('/')
        act(tab, 2)
        assert [each.data for each in tab.events] == []
        new = world.tab()
        act(new, 3)
        assert shown(tab, new) == ['3', '']


@pytest.mark.parametrize('way', [*WAYS, 'handler in a thread'])
@pytest.mark.parametrize('hook', ['', 'plain', 'async'])
def test_each_way_to_send_finds_the_request(way, hook):
    async def slow(auth):
        await asyncio.sleep(0.1)
        return auth
    identify = {'': None, 'plain': lambda auth: auth, 'async': slow}[hook]
    with live(lambda: make(identify)) as world:
        browser = world.browser(user='ann')
        tab, other, third = browser.tab(), browser.tab(), world.tab(user='ann')
        if way == 'handler in a thread': tab.dom.select_one('#act')['hx-post'] = '/act_in_thread'
        if hook and way == 'now':
            with world.expected(RuntimeError): act(tab, 1, way)
            return
        act(tab, 1, way)
        world.clock.advance(1)
        assert shown(tab, other, third) == ['', '1', '1']


def test_a_hook_needs_no_thread_beside_that_of_its_handler():
    async def allow_one(): current_default_thread_limiter().total_tokens = 1

    with live(lambda: make(lambda auth: auth)) as world:
        tab, other = world.tab(), world.tab()
        world.do(allow_one())
        tab.dom.select_one('#act')['hx-post'] = '/act_in_thread'
        act(tab, 1)
        assert shown(tab, other) == ['', '1']


def test_only_tabs_of_the_same_user_are_left_out():
    with live(make) as world:
        ann = world.tab(user='ann')
        forger = world.tab(user='ben', headers={'sse-tab': ann.page.name})
        forger.request('POST', '/act', n=1, way='awaited')
        assert shown(ann, forger) == ['1', '1']
        again = world.tab(user='ann', headers={'sse-tab': ann.page.name})
        again.request('POST', '/act', n=2, way='awaited')
        assert shown(ann, forger, again) == ['1', '1 2', '2']


def test_a_tab_has_another_echo_for_another_user_of_its_browser():
    with live(make) as world:
        browser = world.browser(user='ann')
        one, two = browser.tab(), browser.tab()
        echoes = {each.subscription.echo for each in one.page.attached.values()}
        act(one, 1)
        two.request('POST', '/as/ben')
        three = browser.tab()
        echoes |= {each.subscription.echo for each in one.page.attached.values()}
        assert len(echoes) == 2
        act(one, 2)
        act(two, 3)
        assert shown(one, two, three) == ['3', '1 2', '2 3']


def test_a_request_without_the_name_of_a_tab_leaves_nobody_out():
    with live(make) as world:
        tab, other = world.tab(), world.tab()
        tab.request('POST', '/act', n=1, way='awaited')
        assert shown(tab, other) == ['1', '1']


def test_outside_of_a_request_it_is_an_error():
    with live(make) as world:
        for call in 'broadcast', 'broadcast_nowait', 'broadcast_threadsafe':
            with pytest.raises(ValueError, match='in a handler'):
                result = getattr(world.app.state.manager, call)('note', {}, others=True)
                world.do(result)


def test_a_key_keeps_its_newest_event_also_for_the_tab_that_sent_it():
    with live(make) as world:
        tab, other = world.tab(), world.tab()
        tab.stop_reading()
        say(world, 1, key='state')
        act(tab, 2, key='state')
        tab.lose_line()
        tab.start_reading()
        tab.regain_line()
        assert shown(tab, other) == ['', '1 2'], 'the older state would undo the newer one'
        say(world, 3, key='state')
        assert shown(tab, other) == ['3', '1 2 3']


def test_a_retained_event_reaches_new_tabs_and_a_reset_one():
    with live(make) as world:
        tab = world.tab()
        act(tab, 1, key='state')
        assert shown(tab) == ['']
        world.call(lambda: [each.reset('overflow') for each in world.app.state.manager.hub.connections()])
        assert shown(tab) == ['1'] and tab.resets == ['overflow']


def test_a_page_that_lacks_a_topic_is_left_out_as_well():
    def only_a(topics): return [each for each in topics if each == 'a']

    with live(lambda: make(authorize=only_a, topics=['a', 'b'])) as world:
        tab, other = world.tab(), world.tab()
        act(tab, 1)
        say(world, 2, topic='a')
        assert shown(tab, other) == ['2', '1 2']
