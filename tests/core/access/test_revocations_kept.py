"Revocations in a forked worker, on a second loop, and with more topics than an event id can carry"
import asyncio
import contextlib
import os

import pytest
from cjm_fasthtml_sse import BroadcastManager, sign_topics, signed_only
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane

from .tabs import BackplaneProxy, Tab, until
from .test_revocation_order import loop, make
from faults import fail_once
from settings import make_manager


def sqlite(path): return make(make_manager(backplane=f'sqlite:///{path}', max_events=8), authorize=signed_only)


async def revoke_long_ago(manager):
    "Revoke a topic from `ana`, and send events until the backplane has trimmed the revocation"
    await manager.revoke('ana', 'secret')
    for n in range(30): await manager.broadcast('n', {'n': n})


async def status_with(app, token, user='ana'):
    "Return the status of a request with `token`"
    tab = await Tab(app, 'secret', user=user, signed=token).opens()
    await tab.leave()
    return tab.status


async def sign(app, manager):
    "Return tokens for two users, signed at the same log position"
    await manager.ready()
    await manager.broadcast('n', {'n': 0})
    return [sign_topics(app, 'secret', user) for user in ('ana', 'ben')]


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='this system cannot fork')
def test_a_forked_worker_keeps_earlier_revocations(tmp_path):
    app, manager = sqlite(tmp_path / 'events.db')
    async def before():
        tokens = await sign(app, manager)
        await revoke_long_ago(manager)
        return tokens
    async def statuses(): return [await status_with(app, tokens[0], 'ana'), await status_with(app, tokens[1], 'ben')]
    tokens = asyncio.run(before())
    reading, writing = os.pipe()
    if not (pid := os.fork()):
        with contextlib.suppress(BaseException): os.write(writing, repr(asyncio.run(statuses())).encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as file: result = file.read()
    os.waitpid(pid, 0)
    assert result == '[403, 200]' and asyncio.run(statuses()) == [403, 200]


def test_a_grant_from_before_a_second_loop_is_decided_again(tmp_path):
    "It has missed a revocation, and the backplane has trimmed it"
    app, manager = sqlite(tmp_path / 'events.db')
    tokens = asyncio.run(sign(app, manager))
    async def meanwhile():
        _, other = sqlite(tmp_path / 'events.db')
        await other.ready()
        await revoke_long_ago(other)
        await other.close()
    asyncio.run(meanwhile())
    async def later():
        assert await status_with(app, tokens[0]) == 403
        assert await status_with(app, sign_topics(app, 'secret', 'ana')) == 200
    asyncio.run(later())


@pytest.mark.parametrize('count', [101, 250])
@loop
async def test_many_missing_topics_cause_no_reset_while_they_stay_the_same(count):
    given = ['job/x']
    app, manager = make(authorize=lambda req, topics: given)
    await manager.revoke('ana', [f'job/{n}' for n in range(count)])
    last = ''
    for _ in range(3):
        tab = await Tab(app, 'job/*', user='ana', last_id=last).opens()
        await manager.broadcast('n', {'n': 1}, topic='job/x')
        await tab.receives('"n": 1')
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
async def test_a_stream_that_loses_many_topics_is_reset_when_they_return():
    app, manager = make(authorize=lambda req, topics: topics)
    tab = await Tab(app, 'job/*', 'news', user='ana').opens()
    assert await manager.revoke('ana', ['job/*', *(f'job/{n}' for n in range(150))]) == 1
    await manager.broadcast('n', {'n': 1}, topic='job/1')
    await manager.broadcast('n', {'n': 2}, topic='news')
    await tab.receives('"n": 2')
    assert [d['n'] for d in tab.data] == [2] and len(tab.last_id) < 100
    await tab.leave()
    again = await Tab(app, 'job/*', 'news', user='ana', last_id=tab.last_id).opens()
    await until(lambda: again.resets)
    assert again.resets == ['regained']
    await again.leave()


@loop
async def test_a_revocation_that_fails_ends_all_streams_with_topics():
    engine = MemoryBackplane()
    (_, here), (app, there) = [make(BroadcastManager(backplane=BackplaneProxy(engine))) for _ in range(2)]
    await here.ready(), await there.ready()
    ana, guest = await Tab(app, 'secret', user='ana').opens(), await Tab(app).opens()
    fail_once(there.log)
    await here.revoke('ana', 'secret')
    await here.broadcast('n', {'n': 1}, topic='secret')
    await here.broadcast('n', {'n': 2})
    await guest.receives('"n": 2')
    await asyncio.wait_for(ana.task, 20)
    assert ana.data == [] and 'retry: ' in ana.text and guest.resets == []
    await guest.leave()
    await here.close(), await there.close()


@loop
async def test_a_request_decided_before_a_gap_gets_503_and_succeeds_later():
    "The process lost its log position after the decision; nothing was revoked"
    asked, gate = asyncio.Event(), asyncio.Event()
    async def may(req, topics):
        asked.set()
        await gate.wait()
        return topics
    engine = MemoryBackplane()
    proxy = BackplaneProxy(engine)
    app, manager = make(make_manager(backplane=proxy, max_events=8), authorize=may)
    other = make_manager(backplane=BackplaneProxy(engine), max_events=8)
    await manager.ready(), await other.ready()
    tab = Tab(app, 'room', user='ana')
    await asked.wait()
    proxy.up = False
    await until(lambda: manager.statistics().backplane == 'lost')
    for n in range(20): await other.broadcast('n', {'n': n})
    proxy.up = True
    await until(lambda: manager.statistics().backplane == 'open')
    gate.set()
    await tab.task
    again = await Tab(app, 'room', user='ana').opens()
    assert [tab.status, again.status] == [503, 200]
    await again.leave()
    await manager.close(), await other.close()
