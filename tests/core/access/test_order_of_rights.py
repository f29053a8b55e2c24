"Rights end at a place in the one order of events: no clock and no answer of another process has a say"
import asyncio
import functools
import random
import sqlite3
import time

import pytest
from cjm_fasthtml_sse import BackplaneError, BroadcastManager, setup_broadcast_routes, sign_topics, signed_only
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane
from fasthtml.common import FastHTML

from .tabs import Line, Tab, until

KEY = 'of these tests'


def person(req): return req.headers.get('x-user')


def make(manager=None, **rules):
    "An application and its manager; who asks is who the header says"
    app, manager = FastHTML(secret_key=KEY), manager or BroadcastManager()
    setup_broadcast_routes(app, manager, identify=person, **rules)
    return app, manager


async def pair(engine, **settings):
    "Two processes on one engine, each with a line of its own"
    lines = Line(engine), Line(engine)
    made = [make(BroadcastManager(backplane=line, beat=0.2), **settings) for line in lines]
    for _, manager in made: await manager.ready()
    async def known(): return len(await made[0][1].reported('connections')) == 2
    while not await known(): await asyncio.sleep(0.01)  # noqa: ASYNC110 - what is waited for tells nobody
    return *made, lines


def loop(test):
    "Run a coroutine function as a test"
    @functools.wraps(test)
    def run(*args, **kwargs): asyncio.run(test(*args, **kwargs))
    return run


@loop
async def test_a_process_that_is_late_takes_back_before_it_goes_on():
    (_, here), (app, there), (_, far) = await pair(MemoryBackplane())
    ana, ben = [await Tab(app, 'secret', user=user).opens() for user in ('ana', 'ben')]
    await here.broadcast('n', {'n': 0}, topic='secret')
    await ana.hears('"n": 0')
    await far.hold()
    assert await here.revoke('ana', 'secret') == 0  # nobody has said yet what it did
    await here.broadcast('n', {'n': 1}, topic='secret')
    await here.broadcast('n', {'n': 2})
    far.holds = False
    for tab in (ana, ben): await tab.hears('"n": 2')
    assert [[d['n'] for d in tab.data] for tab in (ana, ben)] == [[0, 2], [0, 1, 2]]
    for tab in (ana, ben): await tab.leave()
    await here.close(), await there.close()


@loop
async def test_a_process_that_is_late_ends_streams_before_it_goes_on():
    (_, here), (app, there), (_, far) = await pair(MemoryBackplane())
    ana, ben = [await Tab(app, 'room', user=user).opens() for user in ('ana', 'ben')]
    await far.hold()
    await here.disconnect(dict(owner='ana'))
    await here.broadcast('n', {'n': 1}, topic='room')
    far.holds = False
    await ben.hears('"n": 1')
    await ana.task
    assert ana.data == [] and 'event: sse-close' in ana.text
    await ben.leave()
    await here.close(), await there.close()


@loop
async def test_a_process_that_was_away_for_longer_than_the_log_asks_anew():
    "It cannot know what was taken meanwhile, so each stream with rights ends, and is decided about when it returns"
    members, engine = {'ana', 'ben'}, MemoryBackplane()
    def may(req, topics): return topics if person(req) in members else []
    lines = Line(engine), Line(engine)
    (_, here), (app, there) = [make(BroadcastManager(backplane=line, beat=0.2, replay_limit=8), authorize=may)
                               for line in lines]
    await here.ready(), await there.ready()
    ana, ben, nobody = [await Tab(app, *topics, user=user).opens()
                        for user, *topics in (('ana', 'secret'), ('ben', 'secret'), ('',))]
    lines[1].up = False
    await until(lambda: there.statistics().backplane == 'lost')
    members.discard('ana')
    await here.revoke('ana', 'secret')
    for n in range(20): await here.broadcast('n', {'n': n})
    lines[1].up = True
    await until(lambda: there.statistics().backplane == 'open')
    await here.broadcast('n', {'n': 99}, topic='secret')
    await asyncio.wait_for(asyncio.gather(ana.task, ben.task), 20)
    assert all('retry: ' in tab.text and tab.data == [] for tab in (ana, ben))
    again = [await Tab(app, 'secret', user=user, last_id=tab.last_id).opens()
             for user, tab in (('ana', ana), ('ben', ben))]
    assert again[0].status == 403 and again[1].resets == ['expired']
    await here.broadcast('n', {'n': 100}, topic='secret')
    await again[1].hears('"n": 100')
    assert nobody.resets == ['expired'] and nobody.data == []
    for tab in (again[1], nobody): await tab.leave()
    await here.close(), await there.close()


@loop
async def test_a_token_from_before_a_gap_in_what_is_known_is_no_good_after_it():
    engine = MemoryBackplane()
    line = Line(engine)
    app, manager = make(BroadcastManager(backplane=line, beat=0.2, replay_limit=8), authorize=signed_only)
    other = BroadcastManager(backplane=Line(engine))
    await manager.ready(), await other.ready()
    old, open_to_all = sign_topics(app, 'secret', 'ana'), sign_topics(app, 'secret')
    line.up = False
    await until(lambda: manager.statistics().backplane == 'lost')
    await other.revoke('ana', 'secret')
    for n in range(20): await other.broadcast('n', {'n': n})
    line.up = True
    await until(lambda: manager.statistics().backplane == 'open')
    assert (await Tab(app, 'secret', user='ana', signed=old).opens()).status == 403
    new = await Tab(app, 'secret', user='ana', signed=sign_topics(app, 'secret', 'ana')).opens()
    guest = await Tab(app, 'secret', signed=open_to_all).opens()  # nothing can be taken from who has no name
    assert new.status == guest.status == 200
    for tab in (new, guest): await tab.leave()
    await manager.close(), await other.close()


@loop
async def test_a_new_life_of_the_log_takes_nothing_back_and_gives_nothing_back():
    engine = MemoryBackplane()
    line = Line(engine)
    app, manager = make(BroadcastManager(backplane=line, beat=0.2), authorize=signed_only)
    await manager.ready()
    old, bens = sign_topics(app, ['secret', 'open'], 'ana'), sign_topics(app, 'secret', 'ben')
    await manager.revoke('ana', 'secret')
    line.up = False
    await until(lambda: manager.statistics().backplane == 'lost')
    await engine.new_epoch(engine.epoch)
    line.up = True
    await until(lambda: manager.statistics().backplane == 'open')
    assert (await Tab(app, 'secret', user='ana', signed=old).opens()).status == 403
    for user, topic, token in (('ana', 'open', old), ('ben', 'secret', bens)):
        tab = await Tab(app, topic, user=user, signed=token).opens()
        assert tab.status == 200
        await tab.leave()
    await manager.close()


@loop
async def test_where_the_engine_is_away_rights_end_here_and_the_caller_is_told():
    (app, here), (_, there), (line, _) = await pair(MemoryBackplane(), authorize=signed_only)
    token = sign_topics(app, ['secret', 'room'], 'ana')
    tab = await Tab(app, 'secret', 'room', user='ana', signed=token).opens()
    line.up = False
    await until(lambda: here.statistics().backplane == 'lost')
    with pytest.raises(BackplaneError, match='in this process alone'): await here.revoke('ana', 'secret')
    assert (await Tab(app, 'secret', user='ana', signed=token).opens()).status == 403
    with pytest.raises(BackplaneError, match='1 streams of this process'): await here.disconnect(dict(owner='ana'))
    await tab.task
    await here.close(), await there.close()


@loop
async def test_what_was_taken_is_known_after_a_restart(tmp_path):
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
def test_clocks_of_hosts_have_no_say(monkeypatch, ahead):
    "A token is signed by a host whose clock is an hour ahead, or behind"
    @loop
    async def story():
        app, manager = make(authorize=signed_only)
        real = time.time
        monkeypatch.setattr(time, 'time', lambda: real() + ahead)
        old = sign_topics(app, 'secret', 'ana')
        monkeypatch.setattr(time, 'time', real)
        tab = await Tab(app, 'secret', user='ana', signed=old).opens()
        assert tab.status == 200
        assert await manager.revoke('ana', 'secret') == 1
        assert (await Tab(app, 'secret', user='ana', signed=old).opens()).status == 403
        again = await Tab(app, 'secret', user='ana', signed=sign_topics(manager, 'secret', 'ana')).opens()
        assert again.status == 200
        for each in (tab, again): await each.leave()
    story()


def test_a_manager_signs_once_it_has_routes():
    with pytest.raises(ValueError, match='no routes yet'): sign_topics(BroadcastManager(), 'secret')


@loop
async def test_a_right_that_is_given_back_is_told_of_once():
    members = {'ana'}
    app, manager = make(authorize=lambda req, topics: [t for t in topics if t != 'room' or person(req) in members])
    def come(tab): return Tab(app, 'room', 'hall', user='ana', last_id=tab.last_id)
    tab = await Tab(app, 'room', 'hall', user='ana').opens()
    await manager.broadcast('n', {'n': 0}, topic='room')
    await tab.hears('"n": 0')
    await manager.broadcast('n', {'n': 1}, topic='room')  # not written yet when the right is taken
    members.discard('ana')
    await manager.revoke('ana', 'room')
    await manager.broadcast('n', {'n': 2}, topic='room')
    await manager.broadcast('n', {'n': 3}, topic='hall')
    await tab.hears('"n": 3')
    await tab.leave()
    without = await come(tab).opens()  # it comes back, and may not hear the room: nothing to be told yet
    await manager.broadcast('n', {'n': 4}, topic='hall')
    await without.hears('"n": 4')
    await without.leave()
    members.add('ana')
    there = await come(without).opens()
    await manager.broadcast('n', {'n': 5}, topic='room')
    await there.hears('"n": 5')
    await there.leave()
    last = await come(there).opens()
    await manager.broadcast('n', {'n': 6}, topic='hall')
    await last.hears('"n": 6')
    await last.leave()
    assert [[d['n'] for d in each.data] for each in (tab, without, there, last)] == [[0, 3], [4], [5], [6]]
    assert [each.resets for each in (tab, without, there, last)] == [[], [], ['regained'], []]


@loop
async def test_a_page_that_may_hear_a_part_comes_back_without_a_reset():
    app, manager = make(authorize=lambda topics: [t for t in topics if t != 'admin'])
    tab = await Tab(app, 'admin', 'news', user='ana').opens()
    for n in range(3):
        await manager.broadcast('n', {'n': n}, topic='news')
        await tab.hears(f'"n": {n}')
        await manager.broadcast('n', {'n': -1}, topic='admin')
        await tab.leave()
        tab = await Tab(app, 'admin', 'news', user='ana', last_id=tab.last_id).opens()
        assert tab.resets == [] and tab.data == []
    alone = await Tab(app, 'news', user='ana', last_id=tab.last_id).opens()  # its id is a shared stream's
    assert alone.resets == []
    for each in (tab, alone): await each.leave()


@pytest.mark.parametrize('seed', range(6))
def test_rights_that_come_and_go(seed):
    "What is shown was allowed, once and in order; what was missed while a right was away is told of when it is back"
    @loop
    async def story():
        chance, members = random.Random(seed), {'ana'}
        app, manager = make(authorize=lambda req, topics: [t for t in topics if t != 'room' or person(req) in members])
        tab, shown, sent, resets = await Tab(app, 'room', 'hall', user='ana').opens(), [], 0, []
        rooms, holes, hidden = set(), set(), set()
        async def say(topic):
            nonlocal sent
            sent += 1
            if topic: rooms.add(sent)
            if topic and 'ana' not in members: hidden.add(sent)
            await manager.broadcast('n', {'n': sent}, topic=topic)
        async def come_back():
            nonlocal tab
            await say(None)
            await tab.hears(f'"n": {sent}')
            await tab.leave()
            shown.extend(d['n'] for d in tab.data)
            tab = await Tab(app, 'room', 'hall', user='ana', last_id=tab.last_id).opens()
            resets.extend(tab.resets)
            missed = {n for n in range(1, sent + 1) if n not in shown} - holes
            if tab.resets: holes.update(missed)
            assert not (missed & rooms and 'ana' in members and not tab.resets), f'{missed} untold'
            assert not tab.resets or 'ana' in members, 'a reset without a cause'
        for _ in range(60):
            step = chance.choice(['room', 'all', 'room', 'take', 'give', 'away'])
            if step == 'room': await say('room')
            elif step == 'all': await say(None)
            elif step == 'give': members.add('ana')
            elif step == 'away': await come_back()
            else:
                members.discard('ana')
                await manager.revoke('ana', 'room')
        members.add('ana')
        await come_back()
        before = len(resets)
        await come_back()
        assert len(resets) == before, 'told again of the same'
        await tab.leave()
        assert shown == sorted(set(shown)) and not hidden & {*shown}
        assert {*range(1, sent + 1)} <= {*shown} | holes
    story()


@loop
async def test_a_stranger_cannot_place_a_control():
    "The topic of controls is nobody's to name"
    app, manager = make()
    tab = await Tab(app, 'room', user='ana').opens()
    forged = {'owner': 'ana', 'topics': ['room']}
    with pytest.raises(ValueError): await manager.broadcast('revoke', forged, topic='\ue000control')
    await manager.broadcast('revoke', forged, topic='control')
    assert (await Tab(app, '\ue000control').opens()).status == 400
    await manager.broadcast('n', {'n': 1}, topic='room')
    await tab.hears('"n": 1')
    await tab.leave()


@loop
async def test_a_control_of_a_later_version_is_passed_over(tmp_path):
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
    await tab.hears('"n": 1')
    await tab.leave()
    await manager.close()
