"Rights that are taken back, streams that are ended, ids that have an owner: at once, and in both nodes"
import asyncio
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from cjm_fasthtml_sse.core.admission import open_stream
from cjm_fasthtml_sse import BroadcastManager
from cjm_fasthtml_sse.core.access import sign_topics, signed_only
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane
from cjm_fasthtml_sse.events.renderer import Renderer
from cjm_fasthtml_sse.events.wire import BackplaneError, ConnectionRefused

from asgi.clients import Stream

from .nodes import SECRET, events, hears, last_id, leaving, person, settles, until


def closed(stream):
    "The reason with which a stream was ended for good; None where its page may come back"
    stream.rest()
    names = {name: text for name, _, text in events(stream)}
    assert 'sse-close' in names or b'retry: ' in stream.data, stream.data[-300:]
    return names.get('sse-close')


def test_what_is_revoked_is_not_heard_any_more(two):
    one, other = two
    one.rights.of |= {'ana': {'room/1', 'room/2'}, 'ben': {'room/1'}}
    wish = 'topic=room/1&topic=room/2'
    with leaving(one.listen(wish, 'ana'), other.listen(wish, 'ana'), other.listen(wish, 'ben')) as streams:
        assert one.do(one.manager.revoke, 'ana', 'room/1') == 2
        for n in (1, 2): one.send(data={'room': n}, topic=f'room/{n}')
        assert [hears(one, stream) for stream in streams] == [[{'room': 2}], [{'room': 2}], [{'room': 1}]]


def test_a_reader_of_a_pattern_comes_back_to_be_decided_anew(two):
    one, other = two
    one.rights.of['ana'] = {'room/*'}
    with leaving(other.listen('topic=room/*', 'ana')) as (stream,):
        one.rights.of['ana'] = {'room/2'}
        assert one.do(one.manager.revoke, 'ana', 'room/1') == 1 and closed(stream) is None
    with leaving(other.listen('topic=room/*', 'ana')) as (stream,):
        for n in (1, 2): one.send(data={'room': n}, topic=f'room/{n}')
        assert hears(one, stream) == [{'room': 2}]


def test_an_older_token_is_no_good_after_that(node):
    one = node(authorize=signed_only)
    old = sign_topics(one.app, ['job/1', 'job/2'])
    one.do(one.manager.revoke, 'ana', 'job/1')
    assert one.refuses(f'/sse/broadcast?topic=job/1&signed={old}', 'ana') == 403
    with leaving(one.listen(f'signed={old}', 'ana'), one.listen(f'signed={old}', 'ben')) as streams:
        for n in (1, 2): one.send(data={'job': n}, topic=f'job/{n}')
        assert [hears(one, stream) for stream in streams] == [[{'job': 2}], [{'job': 1}, {'job': 2}]]
    assert one.refuses(f'/sse/broadcast?signed={sign_topics(SECRET, "job/1")}', 'ana') == 403  # of no known place
    for new in (sign_topics(one.app, 'job/1'), sign_topics(one.manager, 'job/1')):
        with leaving(one.listen(f'signed={new}', 'ana')): pass


def test_what_is_revoked_while_a_request_is_decided_is_not_given(node):
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
def test_a_request_under_way_is_sent_away_as_well(node, monkeypatch, step, come_back, status):
    "It was decided about, and waits for an engine, or for other processes"
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
    assert not one.manager.users._pending


def test_nothing_is_decided_before_this_process_hears_what_others_take_back(node, monkeypatch):
    asked = []
    one = node(authorize=lambda topics: asked.append(topics) or True)
    async def away(*args): raise BackplaneError('not reached yet')
    monkeypatch.setattr(one.manager, 'ready', away)
    assert one.refuses('/sse/broadcast?topic=room/1', 'ana') == 503 and asked == []


def test_streams_are_ended_by_what_they_are(two):
    one, other = two
    here, there = one.listen('topic=open/1', 'ana'), [other.listen(f'topic=open/{n}', 'ana') for n in (1, 2)]
    with leaving(here, *there, other.listen('topic=open/1', 'ben')) as (first, second, third, ben):
        assert one.do(one.manager.disconnect, dict(user='ana', topic='open/1')) == 2
        assert closed(first) == closed(second) == '{"reason": "disconnected", "topics": ["open/1"]}'
        assert other.do(other.manager.disconnect, dict(user=['ana', 'ben']), reconnect=True) == 2
        assert closed(third) is None and closed(ben) is None
    until(lambda: one.count() == other.count() == 0)


def test_what_was_not_written_is_not_sent(node):
    "In one turn of the loop: an event for a reader, then its rights are gone"
    one = node()
    async def story(take_back):
        for n in (1, 2): one.manager.broadcast_nowait('note', {'room': n}, topic=f'room/{n}')
        return await take_back
    with leaving(one.listen('topic=room/1&topic=room/2', 'ana')) as (stream,):
        one.do(story, one.manager.revoke('ana', 'room/1'))
        assert hears(one, stream) == [{'room': 2}]
        one.do(story, one.manager.disconnect(dict(user='ana')))
        assert b'"room": 1' not in stream.rest() and stream.data.count(b'"room": 2') == 1


def test_a_revoked_reader_that_is_behind_reads_nothing_more_of_it():
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


def test_an_id_passes_to_its_owner_and_to_nobody_else(two):
    one, other = two
    with leaving(one.listen('connection_id=tab', 'ana')) as (old,):
        for node, name in itertools.product(two, ('ben', None)):
            assert node.refuses('/sse/broadcast?connection_id=tab', name) == 409
        with leaving(other.listen('connection_id=tab', 'ana')) as (new,):
            assert closed(old) == '{"reason": "taken over"}'
            until(lambda: (one.count(), other.count()) == (0, 1), 'one stream to be left')
            assert hears(one, new) == []


@pytest.mark.parametrize('owners', [('ana', 'ben'), ('ana', 'ana')])
def test_two_who_ask_for_one_id_at_the_same_moment_do_not_both_have_it(two, owners):
    def ask(node, name, start, path):
        start.wait(30)
        stream = Stream(node.port, path, headers=person(name))
        stream.read(b'\r\n\r\n')
        return stream
    with ThreadPoolExecutor(2) as pool:
        for n in range(10):
            path, start = f'/sse/broadcast?connection_id=both-{n}', threading.Barrier(2)
            jobs = [pool.submit(ask, *each, start, path) for each in zip(two, owners, strict=True)]
            streams = [job.result(60) for job in jobs]
            with leaving(*streams):
                until(lambda id=f'both-{n}': sum(id in node.manager.connections for node in two) < 2, 'one to be gone')
                statuses = sorted(int(stream.data[9:12]) for stream in streams)
                assert statuses[0] == 200 and statuses[1] in ((409,) if owners[1] == 'ben' else (200, 503))
            until(lambda: not any(node.count() for node in two))


async def three_processes():
    "On one engine, by name, and each knows of the others"
    engine = MemoryBackplane()
    managers = [BroadcastManager(backplane=engine) for _ in range(3)]
    for manager in managers: await manager.ready()
    await settles(lambda: all(len(manager.cluster.nodes()) == 3 for manager in managers))
    return sorted(managers, key=lambda manager: manager.cluster.node)


def test_no_id_is_given_away_while_a_process_does_not_answer():
    async def story():
        *_, asking, silent = managers = await three_processes()
        async def never(said): await asyncio.Event().wait()
        silent.cluster.handlers['claim'] = never
        try:
            with pytest.raises(ConnectionRefused, match='try again') as refused: await asking.users.claim('tab', 'ana')
            return refused.value.status
        finally:
            for manager in managers: await manager.close()
    assert asyncio.run(story()) == 503


def test_who_has_asked_for_an_id_already_gives_way_to_an_earlier_name():
    "The later name has every answer but one when the earlier name asks"
    async def story():
        first, second, slow = managers = await three_processes()
        told, go_on, plain = asyncio.Event(), asyncio.Event(), dict(slow.cluster.handlers)
        answer = first.cluster.handlers['claim']
        def noted(said):
            told.set()
            return answer(said)
        async def held(said):
            await go_on.wait()
            return plain['claim'](said)
        first.cluster.handlers['claim'], slow.cluster.handlers['claim'] = noted, held
        asking = [asyncio.create_task(second.users.claim('tab', 'ben'))]
        await asyncio.wait_for(told.wait(), 30)
        asking.append(asyncio.create_task(first.users.claim('tab', 'ana')))
        asyncio.get_running_loop().call_later(0.1, go_on.set)
        got = await asyncio.gather(*asking, return_exceptions=True)
        for manager in managers: await manager.close()
        return got
    ben, ana = asyncio.run(story())
    assert isinstance(ben, ConnectionRefused) and ben.status in (409, 503)
    assert ana is None or ana.status == 503  # a busy machine may have answered too late


@pytest.mark.parametrize('where', [3, lambda c: True, dict(name='ana'), 'ana', None])
def test_where_is_said_as_data(where):
    with pytest.raises(ValueError, match='where must have'): asyncio.run(BroadcastManager().disconnect(where))


def test_a_reader_that_comes_back_after_losing_a_topic_gets_nothing_of_it_replayed(two):
    one, other = two
    one.rights.of['ana'] = {'room/1', 'room/2'}
    with leaving(one.listen('topic=room/1&topic=room/2', 'ana')) as (stream,): seen = last_id(stream)
    for n in (1, 2): one.send(data={'room': n}, topic=f'room/{n}')
    one.rights.of['ana'] = {'room/2'}
    one.do(one.manager.revoke, 'ana', 'room/1')
    with leaving(other.listen('topic=room/1&topic=room/2', 'ana', f'Last-Event-ID: {seen}\r\n')) as (back,):
        assert hears(one, back) == [{'room': 2}]
