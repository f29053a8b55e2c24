"Presence on two nodes, with 10,000 users, and after a process was killed"
import asyncio
import json
import time

import pytest
from cjm_fasthtml_sse.core.admission import open_stream
from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane
from cjm_fasthtml_sse.events.mailbox import Renderer
from cjm_fasthtml_sse.testing import live
from fasthtml.common import fast_app
from backplanes.conftest import ENGINES

from .nodes import Node, closing, events, eventually, until
from .workers import Worker
from cjm_fasthtml_sse import Replay

QUICK = dict(down_period=0.3, interval=0.05)


@pytest.fixture(scope='module', params=ENGINES)
def rooms(request, store):
    "Two nodes that announce presence in rooms"
    url, announce = store(request.param), lambda node: node.manager.announce_presence('room/**', **QUICK)
    nodes = [Node(manager=dict(backplane=url, report_interval=0.3), prepare=announce) for _ in range(2)]
    for each in nodes: each.do(each.manager.ready)
    until(lambda: all(len(each.manager.cluster.nodes()) == 2 for each in nodes), 'the nodes to know of each other')
    yield nodes
    for each in nodes: each.stop()


def announced(stream, *types):
    "Return type and user, or number of users, of the presence events so far"
    messages = [json.loads(text) for name, _, text in events(stream) if name == 'message']
    return [(m['type'], m['data'].get('user', m['data'].get('users'))) for m in messages if m['type'] in types]


def wait_for(stream, kind, user, times=1):
    until(lambda: (read_more(stream), announced(stream, kind).count((kind, user)) >= times)[1], f'{user} to {kind}')


def read_more(stream):
    "Read the bytes that have arrived, without waiting"
    stream.sock.settimeout(0.02)
    try: stream.data += stream.sock.recv(2**20)
    except TimeoutError: pass


def test_users_connections_and_tabs_are_counted_over_all_processes(rooms):
    one, other = rooms
    ana = one.subscribe('topic=room/1', 'ana'), other.subscribe('topic=room/1&tabs=3', 'ana')
    others = ['topic=room/1'], ['topic=room/*', 'onlooker'], ['topic=room/2', 'eve']
    others = [one.subscribe(*each) for each in others]
    with closing(*ana, *others, other.subscribe('topic=room/1', 'ben')):
        for each in rooms:
            now = each.do(each.manager.presence, 'room/1')
            assert {name: (p.connections, p.tabs) for name, p in now.users.items()} == {'ana': (2, 4), 'ben': (1, 1)}
            assert (now.user_count, now.guests, now.connections, now.tabs) == (3, 1, 4, 6)
        assert one.do(one.manager.presence).user_count == 5
    until(lambda: one.do(one.manager.presence).user_count == 0)


def test_each_user_joins_once_and_leaves_once_over_all_processes(rooms):
    one, other = rooms
    with closing(one.subscribe('topic=room/b/*', 'onlooker')) as (onlooker,):
        with closing(other.subscribe('topic=room/b/1', 'ana')) as (first,):
            wait_for(onlooker, 'join', 'ana')
            with closing(one.subscribe('topic=room/b/1', 'ana'), one.subscribe('topic=room/b/1', 'ben')) as (second, _):
                wait_for(onlooker, 'join', 'ben')
                first.close()  # from one process to the other: no leave
                wait_for(onlooker, 'presence', 2)
        wait_for(onlooker, 'leave', 'ana')
        wait_for(onlooker, 'leave', 'ben')
        events_so_far = sorted(announced(onlooker, 'join', 'leave'))
        assert events_so_far == [('join', 'ana'), ('join', 'ben'), ('leave', 'ana'), ('leave', 'ben')]
        wait_for(onlooker, 'presence', 0)


def test_a_reload_causes_no_leave(rooms):
    one, other = rooms
    with closing(one.subscribe('topic=room/c/*', 'onlooker')) as (onlooker,):
        for node in (one, other, one, other):
            with closing(node.subscribe('topic=room/c/1', 'ana')): wait_for(onlooker, 'join', 'ana')
        wait_for(onlooker, 'leave', 'ana')
        assert announced(onlooker, 'join', 'leave') == [('join', 'ana'), ('leave', 'ana')]


def test_anonymous_users_are_counted_and_never_named(rooms):
    one, other = rooms
    with closing(one.subscribe('topic=room/d/*', 'onlooker'), other.subscribe('topic=room/d/1')) as (onlooker, guest):
        wait_for(onlooker, 'presence', 1)
        assert not announced(onlooker, 'join') and b'guest' not in onlooker.data
        assert one.do(one.manager.presence, 'room/d/1').users == {}


def test_ten_thousand_joins_at_once_send_counts_only():
    "A list with each join would have a hundred million names in all"
    async def story():
        manager, renderer = BroadcastManager(heartbeat_interval=0, replay=Replay(max_events=100)), Renderer()
        manager.announce_presence('room/*', interval=0.2)
        _, queue = await manager.register(topics='room/*')
        began, streams = asyncio.get_running_loop().time(), []
        for n in range(10_000):
            streams.append(open_stream(manager.hub, renderer, user=f'user-{n}', topics=['room/1']))
            if n % 100 == 0: await asyncio.sleep(0)
        messages = []
        async with asyncio.timeout(60):
            while not messages or messages[-1].data.get('users', 0) < 10_000: messages.append(await queue.get())
        took = asyncio.get_running_loop().time() - began
        for stream in streams: stream.on_close('left')
        await manager.close()
        return messages, took
    messages, took = asyncio.run(story())
    named, counted = ([m for m in messages if (m.type == 'presence') == numbers] for numbers in (False, True))
    assert len(named) <= 100 and len(counted) <= 2 + took / 0.2  # the first ones are still named
    assert all(len(message.to_json()) < 400 for message in messages)


@pytest.mark.parametrize('kind', ENGINES[1:])
def test_users_of_a_killed_process_leave_within_three_reports(store, tmp_path, kind):
    "Two real processes; the killed one cannot announce its leave"
    url, beat = store(kind), 1.0
    one, other = workers = [Worker(tmp_path, url, beat) for _ in range(2)]
    try:
        until(lambda: all(worker.ask('/nodes') == 2 for worker in workers), 'the processes to know of each other')
        with closing(one.subscribe('topic=room/*', 'onlooker'), one.subscribe('topic=room/1', 'ana'),
                     other.subscribe('topic=room/1', 'ana'), other.subscribe('topic=room/1', 'ben')) as (onlooker, *_):
            wait_for(onlooker, 'join', 'ben')
            assert one.ask('/presence?topic=room/1') == ['ana', 'ben']
            other.kill()
            killed = time.monotonic()
            until(lambda: one.ask('/presence?topic=room/1') == ['ana'], 'ben to leave')
            wait_for(onlooker, 'leave', 'ben')
            assert time.monotonic() - killed < 3 * beat + 20  # the machine may be busy
            wait_for(onlooker, 'presence', 1)
            assert announced(onlooker, 'leave') == [('leave', 'ben')]
    finally:
        for worker in workers: worker.kill()


def rooms_of_one_process(**how):
    "Return an application whose page reads the events of a topic, and its manager"
    def find_user(req, sess): req.scope['auth'] = sess.get('auth')
    (app, _), manager = fast_app(before=find_user, secret_key='x'), BroadcastManager()
    manager.announce_presence('room/*', **how)
    setup_broadcast_routes(app, manager)
    @app.get('/')
    async def page(topic: str): return create_sse_element('/sse/broadcast', topics=[topic])
    return app, manager


def announced_to(tab, *types):
    "Return type and user, or number of users, of the presence events so far"
    messages = [json.loads(event.data) for event in tab.events]
    return [(m['type'], m['data'].get('user', m['data'].get('users'))) for m in messages if m['type'] in types]


def test_presence_in_one_process_without_a_backplane():
    app, _ = rooms_of_one_process(label=str.upper)
    with live(app) as world:
        onlooker = world.tab('/?topic=room/*', user='onlooker')
        first, second = [world.tab('/?topic=room/1', user='ana') for _ in range(2)]
        world.clock.advance(60)
        first.close()
        second.reload()
        world.clock.advance(60)
        assert announced_to(onlooker, 'join', 'leave') == [('join', 'ANA')]
        second.close()
        world.clock.advance(60)
        assert announced_to(onlooker, 'join', 'leave') == [('join', 'ANA'), ('leave', 'ANA')]


@pytest.mark.parametrize(('away', 'leaves'), [(3, 0), (60, 1)])
def test_a_lost_line_is_a_leave_after_the_down_period(away, leaves):
    app, _ = rooms_of_one_process(down_period=5)
    with live(app) as world:
        onlooker, ana = world.tab('/?topic=room/*', user='onlooker'), world.tab('/?topic=room/1', user='ana')
        world.clock.advance(60)
        ana.lose_line()
        world.clock.advance(away)
        ana.regain_line()
        world.clock.advance(60)
        assert announced_to(onlooker, 'join', 'leave').count(('leave', 'ana')) == leaves


async def next_event(queue, kind, **about):
    "Return the data of the next event of that kind with those values"
    async with asyncio.timeout(30):
        while (m := await queue.get()).type != kind or not about.items() <= m.data.items(): pass
    return m.data


def test_a_label_that_fails_does_not_stop_other_announcements():
    "An account is deleted, so its label fails when its last tab closes"
    names = dict(ana='Ana', eve='Eve')
    app, _ = rooms_of_one_process(label=names.__getitem__)
    with live(app) as world, world.expected('could not be announced') as problems:
        onlooker, eve = world.tab('/?topic=room/*', user='onlooker'), world.tab('/?topic=room/1', user='eve')
        world.clock.advance(60)
        del names['eve']
        eve.close()
        world.clock.advance(60)
        world.tab('/?topic=room/2', user='ana')
        world.clock.advance(60)
        assert announced_to(onlooker, 'join', 'leave') == [('join', 'Eve'), ('join', 'Ana')] and len(problems) == 1


def test_announcements_of_other_nodes_are_forgotten():
    "Clients choose the names of rooms, so they must not accumulate"
    async def story():
        engine = MemoryBackplane()
        one, other = managers = [BroadcastManager(backplane=engine) for _ in range(2)]
        for manager in managers:
            manager.announce_presence('room/*', **QUICK)
            await manager.ready()
        await eventually(lambda: all(len(manager.cluster.nodes()) == 2 for manager in managers))
        _, queue = await other.register(topics='room/*')
        stream = open_stream(one.hub, Renderer(), user='eve', topics=['room/made-up'])
        await next_event(queue, 'join')
        known = [names for each in other.tracker.announced_elsewhere.values() for names in each]
        stream.on_close('left')
        await next_event(queue, 'leave')
        left = [names for each in other.tracker.announced_elsewhere.values() for names in each]
        for manager in managers: await manager.close()
        return known, left
    known, left = asyncio.run(story())
    assert len(known) == 1 and left == []


class Watched(asyncio.Event):
    "An event that shows whether a task waits for it"
    is_awaited = False

    async def wait(self):
        self.is_awaited = True
        try: return await super().wait()
        finally: self.is_awaited = False


def test_a_manager_closes_in_the_turn_of_a_leave():
    "The tracker's task is woken and cancelled in one turn; `wait_for` of Python 3.11 loses one of the two"
    async def story():
        manager = BroadcastManager(backplane=MemoryBackplane())
        manager.announce_presence('room/*', **QUICK)
        await manager.ready()
        _, queue = await manager.register(topics='room/*')
        open_stream(manager.hub, Renderer(), user='ana', topics=['room/1'])
        await next_event(queue, 'presence')
        waking, manager.tracker.more = manager.tracker.more, Watched()
        waking.set()
        await eventually(lambda: manager.tracker.more.is_awaited)
        closing = asyncio.create_task(manager.close())
        await asyncio.wait([closing], timeout=20)
        return closing.done() and manager.tracker.task.done()
    assert asyncio.run(story())
