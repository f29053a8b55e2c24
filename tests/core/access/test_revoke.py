"Revoked topics, disconnected streams, and ids that belong to a user, on both nodes"
import asyncio
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from cjm_fasthtml_sse.core.admission import open_stream
from cjm_fasthtml_sse import BroadcastManager
from cjm_fasthtml_sse.core.access import sign_topics, signed_only
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane
from cjm_fasthtml_sse.events.mailbox import Renderer
from cjm_fasthtml_sse.events.wire import BackplaneError, ConnectionRefused

from asgi.clients import Stream

from .nodes import SECRET, closing, events, eventually, last_id, received, session_cookie, until


def close_reason(stream):
    "Return the reason of the final close, or None if the page may reconnect"
    stream.rest()
    names = {name: text for name, _, text in events(stream)}
    assert 'sse-close' in names or b'retry: ' in stream.data, stream.data[-300:]
    return names.get('sse-close')


def test_a_revoked_topic_is_no_longer_received(two):
    one, other = two
    one.rights.granted |= {'ana': {'room/1', 'room/2'}, 'ben': {'room/1'}}
    query = 'topic=room/1&topic=room/2'
    with closing(one.subscribe(query, 'ana'), other.subscribe(query, 'ana'), other.subscribe(query, 'ben')) as streams:
        assert one.do(one.manager.revoke, 'ana', 'room/1') == 2
        for n in (1, 2): one.send(data={'room': n}, topic=f'room/{n}')
        assert [received(one, stream) for stream in streams] == [[{'room': 2}], [{'room': 2}], [{'room': 1}]]


def test_a_stream_with_a_pattern_reconnects_after_a_revocation(two):
    one, other = two
    one.rights.granted['ana'] = {'room/*'}
    with closing(other.subscribe('topic=room/*', 'ana')) as (stream,):
        one.rights.granted['ana'] = {'room/2'}
        assert one.do(one.manager.revoke, 'ana', 'room/1') == 1 and close_reason(stream) is None
    with closing(other.subscribe('topic=room/*', 'ana')) as (stream,):
        for n in (1, 2): one.send(data={'room': n}, topic=f'room/{n}')
        assert received(one, stream) == [{'room': 2}]


def test_a_token_from_before_a_revocation_is_invalid(node):
    one = node(authorize=signed_only)
    old = sign_topics(one.app, ['job/1', 'job/2'])
    one.do(one.manager.revoke, 'ana', 'job/1')
    assert one.refusal(f'/sse/broadcast?topic=job/1&signed={old}', 'ana') == 403
    with closing(one.subscribe(f'signed={old}', 'ana'), one.subscribe(f'signed={old}', 'ben')) as streams:
        for n in (1, 2): one.send(data={'job': n}, topic=f'job/{n}')
        assert [received(one, stream) for stream in streams] == [[{'job': 2}], [{'job': 1}, {'job': 2}]]
    assert one.refusal(f'/sse/broadcast?signed={sign_topics(SECRET, "job/1")}', 'ana') == 403  # without a cursor
    for new in (sign_topics(one.app, 'job/1'), sign_topics(one.manager, 'job/1')):
        with closing(one.subscribe(f'signed={new}', 'ana')): pass


def test_a_revocation_during_authorize_is_applied(node):
    async def slow(topics):
        begun.set()
        await go_on.wait()
        return topics
    one = node(authorize=slow)
    async def story():
        nonlocal begun, go_on
        begun, go_on = asyncio.Event(), asyncio.Event()
        asking = asyncio.create_task(asyncio.to_thread(one.get, '/sse/broadcast?topic=room/1', 'ana'))
        await asyncio.wait_for(begun.wait(), 30)
        await one.manager.revoke('ana', 'room/1')
        go_on.set()
        return (await asyncio.wait_for(asking, 30))[0]
    begun = go_on = None
    assert one.do(story) == 403


@pytest.mark.parametrize('step', ['authorize', 'ready', 'claim'])
@pytest.mark.parametrize(('come_back', 'status'), [(False, 403), (True, 503)])
def test_a_disconnect_refuses_pending_requests(node, monkeypatch, step, come_back, status):
    "A request may wait for authorize, the backplane, or other processes"
    begun, go_on = threading.Event(), threading.Event()
    async def held(*args):
        if not args: return None
        begun.set()
        return await asyncio.to_thread(go_on.wait, 30)
    async def authorize(topics): return step != 'authorize' or await held(topics)
    one = node(authorize=authorize)
    if step != 'authorize': monkeypatch.setattr(one.manager.users if step == 'claim' else one.manager, step, held)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(one.get, '/sse/broadcast?topic=room/1&connection_id=tab', 'ana')
        assert begun.wait(30)
        try: assert one.do(one.manager.disconnect, dict(user='ana', topic='room/*'), reconnect=come_back) == 0
        finally: go_on.set()
        assert asking.result(60)[0] == status and one.count() == 0
    assert one.manager.users.pending == {}


def test_authorize_waits_for_the_backplane(node, monkeypatch):
    asked = []
    one = node(authorize=lambda topics: asked.append(topics) or True)
    async def away(*args): raise BackplaneError('not connected yet')
    monkeypatch.setattr(one.manager, 'ready', away)
    assert one.refusal('/sse/broadcast?topic=room/1', 'ana') == 503 and asked == []


def test_disconnect_by_user_and_topic(two):
    one, other = two
    here, there = one.subscribe('topic=open/1', 'ana'), [other.subscribe(f'topic=open/{n}', 'ana') for n in (1, 2)]
    with closing(here, *there, other.subscribe('topic=open/1', 'ben')) as (first, second, third, ben):
        assert one.do(one.manager.disconnect, dict(user='ana', topic='open/1')) == 2
        assert close_reason(first) == close_reason(second) == '{"reason": "disconnected", "topics": ["open/1"]}'
        assert other.do(other.manager.disconnect, dict(user=['ana', 'ben']), reconnect=True) == 2
        assert close_reason(third) is None and close_reason(ben) is None
    until(lambda: one.count() == other.count() == 0)


def test_unwritten_events_are_dropped(node):
    "An event and a revocation happen in one turn of the loop"
    one = node()
    async def story(call):
        for n in (1, 2): one.manager.broadcast_nowait('note', {'room': n}, topic=f'room/{n}')
        return await call
    with closing(one.subscribe('topic=room/1&topic=room/2', 'ana')) as (stream,):
        one.do(story, one.manager.revoke('ana', 'room/1'))
        assert received(one, stream) == [{'room': 2}]
        one.do(story, one.manager.disconnect(dict(user='ana')))
        assert b'"room": 1' not in stream.rest() and stream.data.count(b'"room": 2') == 1


def test_a_stream_that_is_behind_skips_revoked_events():
    async def story():
        manager = BroadcastManager(max_queue_size=3)
        stream = open_stream(manager.hub, Renderer(), user='ana', topics=['room/1', 'room/2'])
        stream.take()
        for n in range(20): await manager.broadcast('note', {'room': 1 + n % 2}, topic=f'room/{1 + n % 2}')
        assert stream.behind and await manager.revoke('ana', 'room/1') == 1
        sent = b''
        while body := stream.take(): sent += body
        stream.on_close('left')
        return sent
    sent = asyncio.run(story())
    assert sent.count(b'"room": 2') == 10 and b'"room": 1' not in sent


def test_an_id_passes_to_its_user_only(two):
    one, other = two
    with closing(one.subscribe('connection_id=tab', 'ana')) as (old,):
        for node, name in itertools.product(two, ('ben', None)):
            assert node.refusal('/sse/broadcast?connection_id=tab', name) == 409
        with closing(other.subscribe('connection_id=tab', 'ana')) as (new,):
            assert close_reason(old) == '{"reason": "taken over"}'
            until(lambda: (one.count(), other.count()) == (0, 1), 'only one stream to remain')
            assert received(one, new) == []


@pytest.mark.parametrize('users', [('ana', 'ben'), ('ana', 'ana')])
def test_simultaneous_requests_for_one_id_do_not_both_get_it(two, users):
    def ask(node, name, start, path):
        start.wait(30)
        stream = Stream(node.port, path, headers=session_cookie(name))
        stream.read(b'\r\n\r\n')
        return stream
    with ThreadPoolExecutor(2) as pool:
        for n in range(10):
            path, start = f'/sse/broadcast?connection_id=both-{n}', threading.Barrier(2)
            jobs = [pool.submit(ask, *each, start, path) for each in zip(two, users, strict=True)]
            streams = [job.result(60) for job in jobs]
            with closing(*streams):
                until(lambda id=f'both-{n}': sum(id in node.manager.connections for node in two) < 2, 'one to close')
                statuses = sorted(int(stream.data[9:12]) for stream in streams)
                assert statuses[0] == 200 and statuses[1] in ((409,) if users[1] == 'ben' else (200, 503))
            until(lambda: not any(node.count() for node in two))


async def three_processes():
    "Return three managers on one backplane that know of each other, in the order of their nodes"
    engine = MemoryBackplane()
    managers = [BroadcastManager(backplane=engine) for _ in range(3)]
    for manager in managers: await manager.ready()
    await eventually(lambda: all(len(manager.cluster.nodes()) == 3 for manager in managers))
    return sorted(managers, key=lambda manager: manager.cluster.node)


def test_an_id_is_refused_while_a_process_does_not_answer():
    async def story():
        *_, asking, silent = managers = await three_processes()
        async def never(payload): await asyncio.Event().wait()
        silent.cluster.handlers['claim'] = never
        try:
            with pytest.raises(ConnectionRefused, match='try again') as refused: await asking.users.claim('tab', 'ana')
            return refused.value.status
        finally:
            for manager in managers: await manager.close()
    assert asyncio.run(story()) == 503


def test_a_claim_yields_to_a_node_with_an_earlier_name():
    "The later node has all answers but one when the earlier node asks"
    async def story():
        first, second, slow = managers = await three_processes()
        asked, go_on, plain = asyncio.Event(), asyncio.Event(), dict(slow.cluster.handlers)
        answer = first.cluster.handlers['claim']
        def noted(payload):
            asked.set()
            return answer(payload)
        async def held(payload):
            await go_on.wait()
            return plain['claim'](payload)
        first.cluster.handlers['claim'], slow.cluster.handlers['claim'] = noted, held
        asking = [asyncio.create_task(second.users.claim('tab', 'ben'))]
        await asyncio.wait_for(asked.wait(), 30)
        asking.append(asyncio.create_task(first.users.claim('tab', 'ana')))
        asyncio.get_running_loop().call_later(0.1, go_on.set)
        got = await asyncio.gather(*asking, return_exceptions=True)
        for manager in managers: await manager.close()
        return got
    ben, ana = asyncio.run(story())
    assert isinstance(ben, ConnectionRefused) and ben.status in (409, 503)
    assert ana is None or ana.status == 503  # a busy machine may answer too late


@pytest.mark.parametrize('where', [3, lambda c: True, dict(name='ana'), 'ana', None])
def test_disconnect_takes_a_dictionary(where):
    with pytest.raises(ValueError, match='where must have'): asyncio.run(BroadcastManager().disconnect(where))


def test_a_revoked_topic_is_not_replayed(two):
    one, other = two
    one.rights.granted['ana'] = {'room/1', 'room/2'}
    with closing(one.subscribe('topic=room/1&topic=room/2', 'ana')) as (stream,): seen = last_id(stream)
    for n in (1, 2): one.send(data={'room': n}, topic=f'room/{n}')
    one.rights.granted['ana'] = {'room/2'}
    one.do(one.manager.revoke, 'ana', 'room/1')
    with closing(other.subscribe('topic=room/1&topic=room/2', 'ana', f'Last-Event-ID: {seen}\r\n')) as (back,):
        assert received(one, back) == [{'room': 2}]
