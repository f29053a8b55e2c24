"Revocations apply at a position in the order of events, without clocks and without answers of other processes"
import asyncio
import functools
import json
import random
import sqlite3
import time

import pytest
from cjm_fasthtml_sse import BackplaneError, BroadcastManager, create_sse_element, setup_broadcast_routes, sign_topics
from cjm_fasthtml_sse import signed_only
from cjm_fasthtml_sse.backplanes.base import Limits, Publication
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane
from cjm_fasthtml_sse.runtime.time import Time
from cjm_fasthtml_sse.testing import live
from fasthtml.common import FastHTML

from .tabs import BackplaneProxy, Tab, until
from settings import make_manager, make_policy

KEY = 'for these tests'


def user_of(req): return req.headers.get('x-user')


def make(manager=None, **settings):
    "Return an application and its manager; a header names the user"
    app, manager = FastHTML(secret_key=KEY), manager or BroadcastManager()
    setup_broadcast_routes(app, manager, **make_policy(identify=user_of, **settings))
    return app, manager


async def pair(engine, **settings):
    "Return two processes on one backplane, each with its own proxy, and the proxies"
    proxies = BackplaneProxy(engine), BackplaneProxy(engine)
    made = [make(make_manager(backplane=proxy, report_interval=0.2), **settings) for proxy in proxies]
    for _, manager in made: await manager.ready()
    async def known(): return len(await made[0][1].collect_info('connections')) == 2
    while not await known(): await asyncio.sleep(0.01)  # noqa: ASYNC110 - there is no event to wait for
    return *made, proxies


def loop(test):
    "Run a coroutine function as a test"
    @functools.wraps(test)
    def run(*args, **kwargs): asyncio.run(test(*args, **kwargs))
    return run


@loop
async def test_a_late_process_applies_a_revocation_before_later_events():
    (_, here), (app, there), (_, far) = await pair(MemoryBackplane())
    ana, ben = [await Tab(app, 'secret', user=user).opens() for user in ('ana', 'ben')]
    await here.broadcast('n', {'n': 0}, topic='secret')
    await ana.receives('"n": 0')
    await far.hold()
    assert await here.revoke('ana', 'secret') == 0  # no process has answered yet
    await here.broadcast('n', {'n': 1}, topic='secret')
    await here.broadcast('n', {'n': 2})
    far.holds = False
    for tab in (ana, ben): await tab.receives('"n": 2')
    assert [[d['n'] for d in tab.data] for tab in (ana, ben)] == [[0, 2], [0, 1, 2]]
    for tab in (ana, ben): await tab.leave()
    await here.close(), await there.close()


@loop
async def test_a_late_process_ends_streams_before_later_events():
    (_, here), (app, there), (_, far) = await pair(MemoryBackplane())
    ana, ben = [await Tab(app, 'room', user=user).opens() for user in ('ana', 'ben')]
    await far.hold()
    await here.disconnect(dict(user='ana'))
    await here.broadcast('n', {'n': 1}, topic='room')
    far.holds = False
    await ben.receives('"n": 1')
    await ana.task
    assert ana.data == [] and 'event: sse-close' in ana.text
    await ben.leave()
    await here.close(), await there.close()


def test_after_an_outage_longer_than_the_log_streams_are_authorized_again():
    "It cannot know what was revoked, so each stream with topics ends and is authorized again on reconnecting"
    members = {'ana', 'ben'}
    def may(req, topics): return topics if user_of(req) in members or not topics else []
    def make_pages():
        app, _ = make(make_manager(max_events=8), authorize=may)
        @app.get('/{topic}')
        def page(topic: str): return create_sse_element('/sse/broadcast', topics=[topic] if topic != 'all' else None)
        return app
    def numbers(tab): return [json.loads(each.data)['data']['n'] for each in tab.events if each.type == 'message']
    with live(make_pages, workers=2) as world:
        (here,), _ = (worker.managers for worker in world.server.workers)
        ana, ben, guest = [world.tab(f'/{page}', headers={'x-user': user}, worker=1, names=['message'])
                           for user, page in (('ana', 'secret'), ('ben', 'secret'), ('', 'all'))]
        world.engine.go_away(worker=1)
        members.discard('ana')
        world.do(here.revoke('ana', 'secret'))
        for n in range(20): world.do(here.broadcast('n', {'n': n}))
        world.engine.come_back()
        world.clock.advance(30)
        world.do(here.broadcast('n', {'n': 100}, topic='secret'))
        assert ana.state == 'denied' and not numbers(ana)
        assert ben.resets == ['expired'] and numbers(ben) == [100]
        assert guest.resets == ['expired'] and not numbers(guest)


@loop
async def test_a_token_from_before_a_gap_is_invalid_after_it():
    engine = MemoryBackplane()
    proxy = BackplaneProxy(engine)
    app, manager = make(make_manager(backplane=proxy, report_interval=0.2, max_events=8), authorize=signed_only)
    other = BroadcastManager(backplane=BackplaneProxy(engine))
    await manager.ready(), await other.ready()
    old, open_to_all = sign_topics(app, 'secret', 'ana'), sign_topics(app, 'secret')
    proxy.up = False
    await until(lambda: manager.statistics().backplane == 'lost')
    await other.revoke('ana', 'secret')
    for n in range(20): await other.broadcast('n', {'n': n})
    proxy.up = True
    await until(lambda: manager.statistics().backplane == 'open')
    assert (await Tab(app, 'secret', user='ana', signed=old).opens()).status == 403
    new = await Tab(app, 'secret', user='ana', signed=sign_topics(app, 'secret', 'ana')).opens()
    guest = await Tab(app, 'secret', signed=open_to_all).opens()  # nothing can be revoked from an anonymous user
    assert new.status == guest.status == 200
    for tab in (new, guest): await tab.leave()
    await manager.close(), await other.close()


async def older_state(engine):
    "Return an engine with the events and the epoch that `engine` has now"
    opened, made = await engine.open(Limits()), MemoryBackplane()
    entries = await engine.read({'events': opened.first})
    await made.publish([Publication(b'trimmed')] * opened.first + [Publication(entry.body) for entry in entries])
    made.epoch = opened.epoch
    return made


@pytest.mark.parametrize('is_older', [True, False], ids=['an older state', 'nothing'])
@pytest.mark.parametrize('count', [2, 20], ids=['all is there', 'trimmed'])
@loop
async def test_a_token_from_before_an_engine_came_back_with(is_older, count):
    "A process that was away meanwhile refuses the token only if it may have missed what was revoked since"
    before = MemoryBackplane()
    proxy, others = BackplaneProxy(before), BackplaneProxy(before)
    app, manager = make(make_manager(backplane=proxy, report_interval=0.2, max_events=8), authorize=signed_only)
    other = make_manager(backplane=others, report_interval=0.2, max_events=8)
    await manager.ready(), await other.ready()
    for n in range(12): await other.broadcast('n', {'n': n})
    now = await older_state(before) if is_older else MemoryBackplane()
    await other.broadcast('n', {'n': 12})
    await until(lambda: len(manager.get_history()) == 13)
    revoked, kept = (sign_topics(app, topic, 'ana') for topic in ('secret', 'public'))
    proxy.up = others.up = False
    await until(lambda: {each.statistics().backplane for each in (manager, other)} == {'lost'})
    others.up, others.engine = True, now
    await until(lambda: other.statistics().backplane == 'open')
    assert before.epoch not in other.cursor()
    await other.revoke('ana', 'secret')
    for n in range(count): await other.broadcast('n', {'n': n})
    proxy.up, proxy.engine = True, now
    await until(lambda: manager.statistics().backplane == 'open')
    assert (await Tab(app, 'secret', user='ana', signed=revoked).opens()).status == 403
    tab = await Tab(app, 'public', user='ana', signed=kept).opens()
    assert tab.status == (200 if count == 2 else 403)
    await tab.leave()
    await manager.close(), await other.close()


@loop
async def test_a_new_epoch_keeps_revocations():
    engine = MemoryBackplane()
    proxy = BackplaneProxy(engine)
    app, manager = make(make_manager(backplane=proxy, report_interval=0.2), authorize=signed_only)
    await manager.ready()
    old, bens = sign_topics(app, ['secret', 'open'], 'ana'), sign_topics(app, 'secret', 'ben')
    await manager.revoke('ana', 'secret')
    proxy.up = False
    await until(lambda: manager.statistics().backplane == 'lost')
    await engine.new_epoch(engine.epoch)
    proxy.up = True
    await until(lambda: manager.statistics().backplane == 'open')
    assert (await Tab(app, 'secret', user='ana', signed=old).opens()).status == 403
    for user, topic, token in (('ana', 'open', old), ('ben', 'secret', bens)):
        tab = await Tab(app, topic, user=user, signed=token).opens()
        assert tab.status == 200
        await tab.leave()
    await manager.close()


@loop
async def test_without_the_backplane_a_revocation_is_local_and_raises():
    (app, here), (_, there), (proxy, _) = await pair(MemoryBackplane(), authorize=signed_only)
    token = sign_topics(app, ['secret', 'room'], 'ana')
    tab = await Tab(app, 'secret', 'room', user='ana', signed=token).opens()
    proxy.up = False
    await until(lambda: here.statistics().backplane == 'lost')
    with pytest.raises(BackplaneError, match='in this process only'): await here.revoke('ana', 'secret')
    assert (await Tab(app, 'secret', user='ana', signed=token).opens()).status == 403
    with pytest.raises(BackplaneError, match='1 streams of this process'): await here.disconnect(dict(user='ana'))
    await tab.task
    await here.close(), await there.close()


@loop
async def test_revocations_survive_a_restart(tmp_path):
    url = f'sqlite:///{tmp_path}/events.db'
    app, manager = make(BroadcastManager(backplane=url), authorize=signed_only)
    await manager.ready()
    old = sign_topics(app, ['secret', 'room'], 'ana')
    await manager.revoke('ana', 'secret')
    await manager.close()
    app, manager = make(BroadcastManager(backplane=url), authorize=signed_only)
    await manager.ready()
    assert (await Tab(app, 'secret', user='ana', signed=old).opens()).status == 403
    tab = await Tab(app, 'room', user='ana', signed=old).opens()
    assert tab.status == 200
    await tab.leave()
    await manager.close()


@pytest.mark.parametrize('ahead', [3600, -3600])
def test_clocks_of_hosts_do_not_matter(ahead):
    "A host whose clock is an hour ahead or behind signs a token"
    @loop
    async def story():
        seconds = ahead
        clock = Time(wall=lambda: time.time() + seconds)
        app, manager = make(BroadcastManager(clock=clock), authorize=signed_only)
        old = sign_topics(app, 'secret', 'ana')
        seconds = 0
        tab = await Tab(app, 'secret', user='ana', signed=old).opens()
        assert tab.status == 200
        assert await manager.revoke('ana', 'secret') == 1
        assert (await Tab(app, 'secret', user='ana', signed=old).opens()).status == 403
        again = await Tab(app, 'secret', user='ana', signed=sign_topics(manager, 'secret', 'ana')).opens()
        assert again.status == 200
        for each in (tab, again): await each.leave()
    story()


def test_a_manager_without_routes_cannot_sign():
    with pytest.raises(ValueError, match='no routes yet'): sign_topics(BroadcastManager(), 'secret')


@loop
async def test_a_topic_that_is_granted_again_causes_one_reset():
    members = {'ana'}
    app, manager = make(authorize=lambda req, topics: [t for t in topics if t != 'room' or user_of(req) in members])
    def back(tab): return Tab(app, 'room', 'hall', user='ana', last_id=tab.last_id)
    tab = await Tab(app, 'room', 'hall', user='ana').opens()
    await manager.broadcast('n', {'n': 0}, topic='room')
    await tab.receives('"n": 0')
    await manager.broadcast('n', {'n': 1}, topic='room')  # not written yet at the revocation
    members.discard('ana')
    await manager.revoke('ana', 'room')
    await manager.broadcast('n', {'n': 2}, topic='room')
    await manager.broadcast('n', {'n': 3}, topic='hall')
    await tab.receives('"n": 3')
    await tab.leave()
    without = await back(tab).opens()  # it reconnects without the room: no reset yet
    await manager.broadcast('n', {'n': 4}, topic='hall')
    await without.receives('"n": 4')
    await without.leave()
    members.add('ana')
    there = await back(without).opens()
    await manager.broadcast('n', {'n': 5}, topic='room')
    await there.receives('"n": 5')
    await there.leave()
    last = await back(there).opens()
    await manager.broadcast('n', {'n': 6}, topic='hall')
    await last.receives('"n": 6')
    await last.leave()
    assert [[d['n'] for d in each.data] for each in (tab, without, there, last)] == [[0, 3], [4], [5], [6]]
    assert [each.resets for each in (tab, without, there, last)] == [[], [], ['regained'], []]


@loop
async def test_a_page_with_some_of_its_topics_reconnects_without_a_reset():
    app, manager = make(authorize=lambda topics: [t for t in topics if t != 'admin'])
    tab = await Tab(app, 'admin', 'news', user='ana').opens()
    for n in range(3):
        await manager.broadcast('n', {'n': n}, topic='news')
        await tab.receives(f'"n": {n}')
        await manager.broadcast('n', {'n': -1}, topic='admin')
        await tab.leave()
        tab = await Tab(app, 'admin', 'news', user='ana', last_id=tab.last_id).opens()
        assert tab.resets == [] and tab.data == []
    alone = await Tab(app, 'news', user='ana', last_id=tab.last_id).opens()  # its id comes from a shared stream
    assert alone.resets == []
    for each in (tab, alone): await each.leave()


@pytest.mark.parametrize('seed', range(6))
def test_random_grants_and_revocations(seed):
    "Each event arrives at most once, in order, and only if granted; a missed one causes a reset when the grant returns"
    @loop
    async def story():
        chance, members = random.Random(seed), {'ana'}
        app, manager = make(authorize=lambda req, topics: [t for t in topics if t != 'room' or user_of(req) in members])
        tab, shown, sent, resets = await Tab(app, 'room', 'hall', user='ana').opens(), [], 0, []
        rooms, holes, hidden = set(), set(), set()
        async def send(topic):
            nonlocal sent
            sent += 1
            if topic: rooms.add(sent)
            if topic and 'ana' not in members: hidden.add(sent)
            await manager.broadcast('n', {'n': sent}, topic=topic)
        async def reconnect():
            nonlocal tab
            await send(None)
            await tab.receives(f'"n": {sent}')
            await tab.leave()
            shown.extend(d['n'] for d in tab.data)
            tab = await Tab(app, 'room', 'hall', user='ana', last_id=tab.last_id).opens()
            resets.extend(tab.resets)
            missed = {n for n in range(1, sent + 1) if n not in shown} - holes
            if tab.resets: holes.update(missed)
            assert not (missed & rooms and 'ana' in members and not tab.resets), f'{missed} without a reset'
            assert not tab.resets or 'ana' in members, 'a reset without a cause'
        for _ in range(60):
            step = chance.choice(['room', 'all', 'room', 'take', 'give', 'away'])
            if step == 'room': await send('room')
            elif step == 'all': await send(None)
            elif step == 'give': members.add('ana')
            elif step == 'away': await reconnect()
            else:
                members.discard('ana')
                await manager.revoke('ana', 'room')
        members.add('ana')
        await reconnect()
        before = len(resets)
        await reconnect()
        assert len(resets) == before, 'a second reset for the same gap'
        await tab.leave()
        assert shown == sorted(set(shown)) and not hidden & {*shown}
        assert {*range(1, sent + 1)} <= {*shown} | holes
    story()


@loop
async def test_an_application_event_cannot_forge_a_control_event():
    "The topic of control events is private"
    app, manager = make()
    tab = await Tab(app, 'room', user='ana').opens()
    forged = {'user': 'ana', 'topics': ['room']}
    with pytest.raises(ValueError): await manager.broadcast('revoke', forged, topic='\ue000control')
    await manager.broadcast('revoke', forged, topic='control')
    assert (await Tab(app, '\ue000control').opens()).status == 400
    await manager.broadcast('n', {'n': 1}, topic='room')
    await tab.receives('"n": 1')
    await tab.leave()


@loop
async def test_a_control_event_of_a_later_version_is_ignored(tmp_path):
    url = f'sqlite:///{tmp_path}/events.db'
    app, manager = make(BroadcastManager(backplane=url))
    await manager.ready()
    await manager.revoke('ana', 'room')
    with sqlite3.connect(tmp_path/'events.db') as con:
        changed = "CAST(replace(CAST(body AS TEXT), 'revoke', 'evoker') AS BLOB)"
        con.execute(f'INSERT INTO sse_events(at, body) SELECT at, {changed} FROM sse_events')
    con.close()
    tab = await Tab(app, 'room', user='ana').opens()
    await manager.broadcast('n', {'n': 1}, topic='room')
    await tab.receives('"n": 1')
    await tab.leave()
    await manager.close()
