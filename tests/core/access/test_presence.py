"Who is there: over two nodes, in a crowd, and after a process was killed"
import asyncio
import json
import time

import pytest
from cjm_fasthtml_sse.core.admission import open_stream
from cjm_fasthtml_sse import BroadcastManager
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane
from cjm_fasthtml_sse.events.renderer import Renderer
from backplanes.conftest import ENGINES

from .nodes import Node, events, leaving, settles, until
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


def said(stream, *types):
    "Type and owner, or people, of the presence events so far"
    messages = [json.loads(text) for name, _, text in events(stream) if name == 'message']
    return [(m['type'], m['data'].get('user', m['data'].get('users'))) for m in messages if m['type'] in types]


def waits_for(stream, kind, who, times=1):
    until(lambda: (grow(stream), said(stream, kind).count((kind, who)) >= times)[1], f'{who} to {kind}')


def grow(stream):
    "Read what has come, without waiting"
    stream.sock.settimeout(0.02)
    try: stream.data += stream.sock.recv(2**20)
    except TimeoutError: pass


def test_people_connections_and_tabs_are_counted_apart_over_all_processes(rooms):
    one, other = rooms
    ana = one.listen('topic=room/1', 'ana'), other.listen('topic=room/1&tabs=3', 'ana')
    others = [one.listen(*each) for each in (['topic=room/1'], ['topic=room/*', 'onlooker'], ['topic=room/2', 'eve'])]
    with leaving(*ana, *others, other.listen('topic=room/1', 'ben')):
        for each in rooms:
            now = each.do(each.manager.presence, 'room/1')
            assert {name: (p.connections, p.tabs) for name, p in now.users.items()} == {'ana': (2, 4), 'ben': (1, 1)}
            assert (now.user_count, now.guests, now.connections, now.tabs) == (3, 1, 4, 6)
        assert one.do(one.manager.presence).user_count == 5
    until(lambda: one.do(one.manager.presence).user_count == 0)


def test_each_comes_once_and_leaves_once_wherever_they_are(rooms):
    one, other = rooms
    with leaving(one.listen('topic=room/b/*', 'onlooker')) as (onlooker,):
        with leaving(other.listen('topic=room/b/1', 'ana')) as (first,):
            waits_for(onlooker, 'join', 'ana')
            with leaving(one.listen('topic=room/b/1', 'ana'), one.listen('topic=room/b/1', 'ben')) as (second, _):
                waits_for(onlooker, 'join', 'ben')
                first.close()  # from one process to the other: no leave
                waits_for(onlooker, 'presence', 2)
        waits_for(onlooker, 'leave', 'ana')
        waits_for(onlooker, 'leave', 'ben')
        told = sorted(said(onlooker, 'join', 'leave'))
        assert told == [('join', 'ana'), ('join', 'ben'), ('leave', 'ana'), ('leave', 'ben')]
        waits_for(onlooker, 'presence', 0)


def test_a_reload_is_no_leave(rooms):
    one, other = rooms
    with leaving(one.listen('topic=room/c/*', 'onlooker')) as (onlooker,):
        for node in (one, other, one, other):
            with leaving(node.listen('topic=room/c/1', 'ana')): waits_for(onlooker, 'join', 'ana')
        waits_for(onlooker, 'leave', 'ana')
        assert said(onlooker, 'join', 'leave') == [('join', 'ana'), ('leave', 'ana')]


def test_guests_are_counted_and_never_named(rooms):
    one, other = rooms
    with leaving(one.listen('topic=room/d/*', 'onlooker'), other.listen('topic=room/d/1')) as (onlooker, guest):
        waits_for(onlooker, 'presence', 1)
        assert not said(onlooker, 'join') and b'guest' not in onlooker.data
        assert one.do(one.manager.presence, 'room/d/1').users == {}


def test_ten_thousand_who_arrive_at_once_are_told_in_a_few_numbers():
    "A list at each join would be a hundred million names"
    async def story():
        manager, renderer = BroadcastManager(heartbeat_interval=0, replay=Replay(max_events=100)), Renderer()
        manager.announce_presence('room/*', interval=0.2)
        _, queue = await manager.register(topics='room/*')
        began, streams = asyncio.get_running_loop().time(), []
        for n in range(10_000):
            streams.append(open_stream(manager.hub, renderer, user=f'user-{n}', topics=['room/1']))
            if n % 100 == 0: await asyncio.sleep(0)
        told = []
        async with asyncio.timeout(60):
            while not told or told[-1].data.get('users', 0) < 10_000: told.append(await queue.get())
        took = asyncio.get_running_loop().time() - began
        for stream in streams: stream.on_close('left')
        await manager.close()
        return told, took
    told, took = asyncio.run(story())
    named, counted = ([m for m in told if (m.type == 'presence') == numbers] for numbers in (False, True))
    assert len(named) <= 100 and len(counted) <= 2 + took / 0.2  # those who came before there was a crowd
    assert all(len(message.to_json()) < 400 for message in told)


@pytest.mark.parametrize('kind', ENGINES[1:])
def test_who_was_in_a_killed_process_is_gone_within_three_beats(store, tmp_path, kind):
    "Two real processes; the one that is killed cannot say goodbye"
    url, beat = store(kind), 1.0
    one, other = workers = [Worker(tmp_path, url, beat) for _ in range(2)]
    try:
        until(lambda: all(worker.ask('/nodes') == 2 for worker in workers), 'the processes to know of each other')
        with leaving(one.listen('topic=room/*', 'onlooker'), one.listen('topic=room/1', 'ana'),
                     other.listen('topic=room/1', 'ana'), other.listen('topic=room/1', 'ben')) as (onlooker, *_):
            waits_for(onlooker, 'join', 'ben')
            assert one.survey('/presence?topic=room/1') == ['ana', 'ben']
            other.kill()
            killed = time.monotonic()
            until(lambda: one.survey('/presence?topic=room/1') == ['ana'], 'ben to be gone')
            waits_for(onlooker, 'leave', 'ben')
            assert time.monotonic() - killed < 3 * beat + 20  # the machine may be busy
            waits_for(onlooker, 'presence', 1)
            assert said(onlooker, 'leave') == [('leave', 'ben')]
    finally:
        for worker in workers: worker.kill()


def test_presence_in_one_process_without_an_engine(node):
    one = node(prepare=lambda node: node.manager.announce_presence('room/*', label=str.upper, **QUICK))
    with leaving(one.listen('topic=room/*', 'onlooker')) as (onlooker,):
        with leaving(*(one.listen('topic=room/1', 'ana') for _ in range(2))): waits_for(onlooker, 'join', 'ANA')
        waits_for(onlooker, 'leave', 'ANA')
        assert said(onlooker, 'join', 'leave') == [('join', 'ANA'), ('leave', 'ANA')]


async def comes(queue, kind, **about):
    "The next event of that kind, with those data"
    async with asyncio.timeout(30):
        while (m := await queue.get()).type != kind or not about.items() <= m.data.items(): pass
    return m.data


def test_one_who_cannot_be_named_keeps_nobody_else_from_being_told(caplog):
    "An account is deleted; its name cannot be shown any more when its last tab closes"
    names = dict(ana='Ana', eve='Eve')
    async def story():
        manager = BroadcastManager()
        manager.announce_presence('room/*', label=names.__getitem__, **QUICK)
        _, queue = await manager.register(topics='room/*')
        eve = open_stream(manager.hub, Renderer(), user='eve', topics=['room/1'])
        await comes(queue, 'presence', topic='room/1', people=1)
        del names['eve']
        eve.on_close('left')
        await comes(queue, 'presence', topic='room/1', people=0)
        ana = open_stream(manager.hub, Renderer(), user='ana', topics=['room/2'])
        assert await comes(queue, 'join') == dict(topic='room/2', user='Ana')
        ana.on_close('left')
        await manager.close()
    asyncio.run(story())
    assert len([record for record in caplog.records if 'could not be named' in record.getMessage()]) == 1


def test_what_was_heard_of_others_is_let_go_of():
    "Names of rooms are a client's to choose"
    async def story():
        engine = MemoryBackplane()
        one, other = managers = [BroadcastManager(backplane=engine) for _ in range(2)]
        for manager in managers:
            manager.announce_presence('room/*', **QUICK)
            await manager.ready()
        await settles(lambda: all(len(manager.cluster.nodes()) == 2 for manager in managers))
        _, queue = await other.register(topics='room/*')
        stream = open_stream(one.hub, Renderer(), user='eve', topics=['room/made-up'])
        await comes(queue, 'join')
        heard = [names for each in other.watcher.heard.values() for names in each]
        stream.on_close('left')
        await comes(queue, 'leave')
        left = [names for each in other.watcher.heard.values() for names in each]
        for manager in managers: await manager.close()
        return heard, left
    heard, left = asyncio.run(story())
    assert len(heard) == 1 and left == []


def test_a_manager_closes_where_somebody_leaves_in_the_same_turn():
    "The announcer waits, and is woken and cancelled at once; `wait_for` of Python 3.11 loses one of the two"
    async def story():
        manager = BroadcastManager(backplane=MemoryBackplane())
        manager.announce_presence('room/*', **QUICK)
        await manager.ready()
        _, queue = await manager.register(topics='room/*')
        open_stream(manager.hub, Renderer(), user='ana', topics=['room/1'])
        await comes(queue, 'presence')
        await settles(lambda: manager.watcher.more._waiters)
        closing = asyncio.create_task(manager.close())
        await asyncio.wait([closing], timeout=20)
        return closing.done() and manager.watcher.task.done()
    assert asyncio.run(story())
