"The opening comment of a stream: requested and granted topics; resets and closing frames that depend on them"
import asyncio
import functools
import json

import pytest
from cjm_fasthtml_sse import BroadcastManager, setup_broadcast_routes, sign_topics, signed_only
from cjm_fasthtml_sse.core.access import user_topic
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane
from fasthtml.common import FastHTML

from .tabs import Tab, until
from settings import make_manager, make_policy

KEY = 'for these tests'


def user_of(req): return req.headers.get('x-user')


def make(manager=None, **settings):
    "Return an application and its manager; a header names the user"
    app, manager = FastHTML(secret_key=KEY), manager or BroadcastManager()
    setup_broadcast_routes(app, manager, **make_policy(**dict(identify=user_of) | settings))
    return app, manager


def loop(test):
    "Run a coroutine function as a test"
    @functools.wraps(test)
    def run(*args, **kwargs): asyncio.run(test(*args, **kwargs))
    return run


class Rights:
    "Topics that every user may subscribe to; a test may change them"
    def __init__(self, *topics): self.topics = {*topics}

    def __call__(self, topics): return [*self.topics]


async def opening_of(app, *topics, **how):
    "Return the opening comment of one stream"
    tab = await Tab(app, *topics, **how).opens()
    await tab.leave()
    return tab.opening


@loop
async def test_the_opening_lists_requested_and_granted_topics():
    app, manager = make(BroadcastManager(heartbeat_interval=0.5), authorize=Rights('a', 'c', 'room/1', 'not/asked'))
    assert await opening_of(app) == {'heartbeat': 0.5, 'from': None, 'asked': 0, 'topics': []}
    assert await opening_of(app, 'a', 'b', user='ana') == {'heartbeat': 0.5, 'from': None, 'asked': 2, 'topics': ['a']}
    assert await opening_of(app, 'c', 'a') == {'heartbeat': 0.5, 'from': None, 'asked': 2, 'topics': ['a', 'c']}
    narrower = await opening_of(app, 'room/*', 'b', last_id=manager.cursor())
    assert narrower == {'heartbeat': 0.5, 'from': manager.cursor(), 'asked': 2, 'topics': ['room/1']}


@loop
async def test_the_opening_lists_topics_that_a_token_grants():
    app, manager = make(authorize=signed_only)
    good, bens = sign_topics(app, ['job/*', 'news'], patterns=True), sign_topics(app, 'room', 'ben')
    alone = await opening_of(app, signed=good)
    assert (alone['asked'], alone['topics']) == (0, ['job/*', 'news'])
    both = await opening_of(app, 'job/7', 'room', user='ana', signed=good)
    assert (both['asked'], both['topics']) == (2, ['job/7'])
    assert (await Tab(app, 'room', user='ana', signed=bens).opens()).status == 403


@loop
async def test_the_opening_omits_revoked_topics():
    app, manager = make(authorize=signed_only)
    token = sign_topics(app, ['a', 'b'], 'ana')
    await manager.revoke('ana', 'b')
    assert (await opening_of(app, 'a', 'b', user='ana', signed=token))['topics'] == ['a']


@loop
async def test_a_stream_that_loses_a_topic_gets_the_remaining_topics():
    app, manager = make()
    tab = await Tab(app, 'a', 'b', user='ana').opens()
    for topic, left in (('b', ['a']), ('a', [])):
        await manager.revoke('ana', topic)
        await tab.receives(f'event: sse-topics\ndata: {json.dumps(dict(topics=left))}\n\n')
    assert not tab.task.done() and user_topic('ana') not in tab.text
    await tab.leave()


@loop
async def test_revocations_before_a_write_are_reported_together():
    app, manager = make()
    tab = await Tab(app, 'a', 'b', 'c', user='ana').opens()
    for topic in ('b', 'c'): await manager.revoke('ana', topic)
    await manager.broadcast('line', dict(n=1), topic='a')
    await tab.receives('"n": 1')
    assert [json.loads(b['data']) for b in tab.blocks if b.get('event') == 'sse-topics'][-1] == dict(topics=['a'])
    assert not tab.task.done()
    await tab.leave()


@loop
async def test_the_private_topic_of_a_user_is_never_sent():
    app, manager = make()
    tab = await Tab(app, 'a', user='ana').opens()
    assert tab.opening['topics'] == ['a'] and user_topic('ana') not in tab.text
    await manager.send_to_user('ana', 'hint', {'n': 1})
    await tab.receives('"n": 1')
    await tab.leave()


@loop
async def test_the_opening_has_no_interval_without_heartbeats():
    for interval in (0, float('inf')):
        app, manager = make(BroadcastManager(heartbeat_interval=interval))
        assert (await opening_of(app))['heartbeat'] == 0


@loop
async def test_a_tab_is_reset_for_a_gap_in_its_own_topics_only():
    "Two tabs share a stream with the topics of both; one topic is forbidden for a while"
    rights = Rights('a')
    app, manager = make(authorize=rights)
    union = await Tab(app, 'a', 'b').opens()
    assert union.opening['topics'] == ['a']
    for topic in 'ab': await manager.broadcast('n', {'missed': topic}, topic=topic)
    await union.receives('"missed": "a"')
    await union.leave()
    rights.topics = {'a', 'b'}
    alone = await Tab(app, 'a', last_id=union.last_id).opens()  # it never requested b
    assert (alone.resets, alone.data) == ([], [])
    await manager.broadcast('n', {'n': 1}, topic='a')
    await alone.receives('"n": 1')
    await alone.leave()
    again = await Tab(app, 'a', last_id=alone.last_id).opens()
    assert (again.resets, again.data) == ([], [])
    await again.leave()
    for last_id in (union.last_id, again.last_id):  # the other tab may have either id
        other = await Tab(app, 'b', last_id=last_id).opens()
        assert (other.resets, other.opening['topics']) == (['regained'], ['b'])
        await other.leave()
        once = await Tab(app, 'b', last_id=other.last_id).opens()
        assert once.resets == []
        await once.leave()
    for last_id, reasons in ((union.last_id, ['regained']), (other.last_id, [])):
        both = await Tab(app, 'a', 'b', last_id=last_id).opens()
        assert both.resets == reasons
        await both.leave()


@loop
async def test_a_topic_that_is_still_forbidden_causes_no_reset():
    rights = Rights('a')
    app, manager = make(authorize=rights)
    union = await Tab(app, 'a', 'b').opens()
    await union.leave()
    refused = await Tab(app, 'b', last_id=union.last_id).opens()
    assert refused.status == 403
    again = await Tab(app, 'a', 'b', last_id=union.last_id).opens()
    assert (again.resets, again.opening['topics']) == ([], ['a'])
    await again.leave()


@loop
async def test_a_pattern_is_reset_once_a_part_of_it_is_granted():
    rights = Rights('a')
    app, manager = make(authorize=rights)
    union = await Tab(app, 'a', 'room/*').opens()
    await union.leave()
    rights.topics = {'a', 'room/1'}
    part = await Tab(app, 'room/*', last_id=union.last_id).opens()
    assert (part.resets, part.opening) == (['regained'], part.opening | {'asked': 1, 'topics': ['room/1']})
    await part.leave()


# Disconnect by topic


@pytest.mark.parametrize('where, topics', [
    (dict(topic='b'), ['b']), (dict(topic=['x/**', 'b', 'other/plan']), ['x/**', 'b']), (dict(topic='x/1'), ['x/1']),
    (dict(user='ana', topic='b'), ['b']), (dict(user='ana'), None), ({}, None)])
@loop
async def test_a_disconnect_by_topic_names_the_topics(where, topics):
    "Topics without a subscription are left out"
    app, manager = make()
    tab = await Tab(app, 'a', 'b', 'x/*', user='ana').opens()
    assert await manager.disconnect(where) == 1
    await tab.task
    closing = tab.blocks[-1]
    assert closing['event'] == 'sse-close'
    assert json.loads(closing['data']) == {'reason': 'disconnected'} | ({} if topics is None else {'topics': topics})


@loop
async def test_a_disconnect_in_another_process_names_the_topics():
    engine = MemoryBackplane()
    (app, here), (_, there) = (make(make_manager(backplane=engine, report_interval=0.2)) for _ in range(2))
    await here.ready(), await there.ready()
    tab = await Tab(app, 'a', 'b').opens()
    await there.disconnect(dict(topic='b'))
    await tab.task
    assert json.loads(tab.blocks[-1]['data'])['topics'] == ['b']
    await here.close(), await there.close()


# Taken ids


@pytest.mark.parametrize('holder, user, retries', [
    ('ana', 'ben', False), ('ana', '', True), ('', 'ben', True), ('', '', True)])
@pytest.mark.parametrize('processes', [1, 2])
@loop
async def test_a_taken_id_gets_retry_after_if_either_user_is_anonymous(holder, user, retries, processes):
    engine = MemoryBackplane()
    apps = [make(make_manager(backplane=engine, report_interval=0.2)) for _ in range(processes)]
    for _, manager in apps: await manager.ready()
    tab = await Tab(apps[0][0], user=holder, connection_id='mine').opens()
    refused = await Tab(apps[-1][0], user=user, connection_id='mine').opens()
    assert refused.status == 409 and 'taken' in refused.text
    assert ('retry-after' in refused.headers) == retries
    assert not retries or 1 <= int(refused.headers['retry-after']) <= 3
    await tab.leave()
    free = await Tab(apps[-1][0], user=user, connection_id='mine').opens()
    assert free.status == 200
    await free.leave()
    for _, manager in apps: await manager.close()


@loop
async def test_an_id_in_the_servers_form_is_refused():
    app, manager = make()
    refused = await Tab(app, connection_id='conn_7').opens()
    assert refused.status == 409 and 'retry-after' not in refused.headers


@loop
async def test_two_anonymous_requests_for_one_id_get_the_same_answer():
    "The refused one may try again, because neither has a name"
    engine = MemoryBackplane()
    apps = [make(make_manager(backplane=engine, report_interval=0.2)) for _ in range(2)]
    for _, manager in apps: await manager.ready()
    def know_each_other(): return all(len(manager.cluster.nodes()) == 2 for _, manager in apps)
    await until(know_each_other, 'the processes to find each other')
    tabs = [Tab(app, connection_id='both') for app, _ in apps]
    for tab in tabs: await tab.opens()
    statuses = [tab.status for tab in tabs]
    assert 200 in statuses or statuses == [409, 409]
    assert all('retry-after' in tab.headers for tab in tabs if tab.status != 200)
    for tab in tabs: await tab.leave()
    for _, manager in apps: await manager.close()


# Script versions


@pytest.mark.parametrize('script, noted', [
    ('1', 1), ('12', 12), ('0007', 7), ('9999', 9999), (None, None), ('', None), ('12345', None), ('-1', None),
    ('1.5', None), ('1 ', None), ('\xb2', None), ('\xb9', None), ('1e3', None), ('{"a": 1}', None),
    ('x' * 9_000, None)])
@loop
async def test_a_page_reports_its_script_version_only(script, noted):
    app, manager = make()
    tab = await Tab(app, connection_id='mine', script=script, script_version='7', metadata='x').opens()
    metadata = dict(manager.connection_metadata['mine'])
    assert metadata.pop('connected_at') and metadata == ({} if noted is None else {'script_version': noted})
    assert type(metadata.get('script_version')) in (int, type(None))
    await tab.leave()
