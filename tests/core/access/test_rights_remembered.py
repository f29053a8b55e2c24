"What was taken stays taken: in a forked worker, on a second loop, and where too much was taken to say it in an id"
import asyncio
import contextlib
import os
import time

import pytest
from cjm_fasthtml_sse import BroadcastManager, sign_topics, signed_only
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane

from .tabs import Line, Tab, until
from .test_order_of_rights import loop, make
from cjm_fasthtml_sse import Replay


def sqlite(path): return make(BroadcastManager(backplane=f'sqlite:///{path}', replay=Replay(max_events=8)), authorize=signed_only)


async def take_back(manager):
    "From `ana`, so long ago that the engine's log does not have it any more"
    await manager.revoke('ana', 'secret')
    for n in range(30): await manager.broadcast('n', {'n': n})


async def ask(app, token, user='ana'):
    "The status of who comes with `token`"
    tab = await Tab(app, 'secret', user=user, signed=token).opens()
    await tab.leave()
    return tab.status


async def sign(app, manager):
    "What two people are given at the same place"
    await manager.ready()
    await manager.broadcast('n', {'n': 0})
    return [sign_topics(app, 'secret', user) for user in ('ana', 'ben')]


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='nothing is forked on this system')
def test_a_forked_worker_knows_what_was_taken_before_it_was_forked(tmp_path):
    app, manager = sqlite(tmp_path / 'events.db')
    async def before():
        tokens = await sign(app, manager)
        await take_back(manager)
        return tokens
    async def statuses(): return [await ask(app, tokens[0], 'ana'), await ask(app, tokens[1], 'ben')]
    tokens = asyncio.run(before())
    reading, writing = os.pipe()
    if not (pid := os.fork()):
        with contextlib.suppress(BaseException): os.write(writing, repr(asyncio.run(statuses())).encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as file: told = file.read()
    os.waitpid(pid, 0)
    assert told == '[403, 200]' and asyncio.run(statuses()) == [403, 200]


def test_who_was_away_between_two_loops_asks_anew(tmp_path):
    "It has not heard what was taken meanwhile, and the engine's log does not reach back so far"
    app, manager = sqlite(tmp_path / 'events.db')
    tokens = asyncio.run(sign(app, manager))
    async def meanwhile():
        _, other = sqlite(tmp_path / 'events.db')
        await other.ready()
        await take_back(other)
        await other.close()
    asyncio.run(meanwhile())
    async def later():
        assert await ask(app, tokens[0]) == 403
        assert await ask(app, sign_topics(app, 'secret', 'ana')) == 200
    asyncio.run(later())


@pytest.mark.parametrize('count', [101, 250])
@loop
async def test_more_than_an_id_can_say_is_no_reset_for_who_lacks_the_same(count):
    given = ['job/x']
    app, manager = make(authorize=lambda req, topics: given)
    await manager.revoke('ana', [f'job/{n}' for n in range(count)])
    last = ''
    for _ in range(3):
        tab = await Tab(app, 'job/*', user='ana', last_id=last).opens()
        await manager.broadcast('n', {'n': 1}, topic='job/x')
        await tab.hears('"n": 1')
        assert tab.resets == [] and len(tab.last_id) < 100
        last = tab.last_id
        await tab.leave()
    given.append('job/7')
    for resets in (['regained'], []):
        tab = await Tab(app, 'job/*', user='ana', last_id=last).opens()
        await until(lambda tab=tab: tab.last_id)
        assert tab.resets == resets
        last = tab.last_id
        await tab.leave()


@loop
async def test_a_stream_that_loses_more_than_an_id_can_say_comes_back():
    app, manager = make(authorize=lambda req, topics: topics)
    tab = await Tab(app, 'job/*', 'news', user='ana').opens()
    assert await manager.revoke('ana', ['job/*', *(f'job/{n}' for n in range(150))]) == 1
    await manager.broadcast('n', {'n': 1}, topic='job/1')
    await manager.broadcast('n', {'n': 2}, topic='news')
    await tab.hears('"n": 2')
    assert [d['n'] for d in tab.data] == [2] and len(tab.last_id) < 100
    await tab.leave()
    again = await Tab(app, 'job/*', 'news', user='ana', last_id=tab.last_id).opens()
    await until(lambda: again.resets)
    assert again.resets == ['regained']
    await again.leave()


@loop
async def test_who_could_not_hear_what_was_taken_lets_nobody_go_on():
    broken = []
    def clock():
        if broken: raise OSError(broken.pop())
        return time.monotonic()
    engine = MemoryBackplane()
    (_, here), (app, there) = [make(BroadcastManager(backplane=Line(engine), clock=c)) for c in (time.monotonic, clock)]
    await here.ready(), await there.ready()
    ana, nobody = await Tab(app, 'secret', user='ana').opens(), await Tab(app).opens()
    broken.append('no time')
    await here.revoke('ana', 'secret')
    await here.broadcast('n', {'n': 1}, topic='secret')
    await here.broadcast('n', {'n': 2})
    await nobody.hears('"n": 2')
    await asyncio.wait_for(ana.task, 20)
    assert ana.data == [] and 'retry: ' in ana.text and nobody.resets == []
    await nobody.leave()
    await here.close(), await there.close()


@loop
async def test_who_was_let_in_before_a_gap_comes_back_and_is_not_refused_for_good():
    "It was decided before this process lost its place; nobody has taken anything"
    asked, gate = asyncio.Event(), asyncio.Event()
    async def may(req, topics):
        asked.set()
        await gate.wait()
        return topics
    engine = MemoryBackplane()
    line = Line(engine)
    app, manager = make(BroadcastManager(backplane=line, replay=Replay(max_events=8)), authorize=may)
    other = BroadcastManager(backplane=Line(engine), replay=Replay(max_events=8))
    await manager.ready(), await other.ready()
    tab = Tab(app, 'room', user='ana')
    await asked.wait()
    line.up = False
    await until(lambda: manager.statistics().backplane == 'lost')
    for n in range(20): await other.broadcast('n', {'n': n})
    line.up = True
    await until(lambda: manager.statistics().backplane == 'open')
    gate.set()
    await tab.task
    again = await Tab(app, 'room', user='ana').opens()
    assert [tab.status, again.status] == [503, 200]
    await again.leave()
    await manager.close(), await other.close()
