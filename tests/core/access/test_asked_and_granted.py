"What a stream says of itself: what it was asked for, what it may hear; and what a page that shared it is told later"
import asyncio
import functools
import json

import pytest
from cjm_fasthtml_sse import BroadcastManager, setup_broadcast_routes, sign_topics, signed_only
from cjm_fasthtml_sse.core.access import user_topic
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane
from fasthtml.common import FastHTML

from .tabs import Tab, until
from cjm_fasthtml_sse import Cluster
from settings import make_policy

KEY = 'of these tests'


def person(req): return req.headers.get('x-user')


def make(manager=None, **rules):
    "An application and its manager; who asks is who the header says"
    app, manager = FastHTML(secret_key=KEY), manager or BroadcastManager()
    setup_broadcast_routes(app, manager, **make_policy(**dict(identify=person) | rules))
    return app, manager


def loop(test):
    "Run a coroutine function as a test"
    @functools.wraps(test)
    def run(*args, **kwargs): asyncio.run(test(*args, **kwargs))
    return run


class Rights:
    "What everyone may hear; a test changes it"
    def __init__(self, *topics): self.topics = {*topics}

    def __call__(self, topics): return [*self.topics]


async def said(app, *topics, **how):
    "What one stream says of itself when it opens"
    tab = await Tab(app, *topics, **how).opens()
    await tab.leave()
    return tab.opening


@loop
async def test_a_stream_says_what_it_was_asked_for_and_what_it_may_hear():
    app, manager = make(BroadcastManager(heartbeat_interval=0.5), authorize=Rights('a', 'c', 'room/1', 'not/asked'))
    assert await said(app) == {'heartbeat': 0.5, 'from': None, 'asked': 0, 'topics': []}
    assert await said(app, 'a', 'b', user='ana') == {'heartbeat': 0.5, 'from': None, 'asked': 2, 'topics': ['a']}
    assert await said(app, 'c', 'a') == {'heartbeat': 0.5, 'from': None, 'asked': 2, 'topics': ['a', 'c']}
    narrower = await said(app, 'room/*', 'b', last_id=manager.cursor())
    assert narrower == {'heartbeat': 0.5, 'from': manager.cursor(), 'asked': 2, 'topics': ['room/1']}


@loop
async def test_what_a_token_grants_is_named_and_what_an_old_one_does_not_grant_is_missing():
    app, manager = make(authorize=signed_only)
    good, bens = sign_topics(app, ['job/*', 'news'], patterns=True), sign_topics(app, 'room', 'ben')
    alone = await said(app, signed=good)
    assert (alone['asked'], alone['topics']) == (0, ['job/*', 'news'])
    both = await said(app, 'job/7', 'room', user='ana', signed=good)
    assert (both['asked'], both['topics']) == (2, ['job/7'])
    assert (await Tab(app, 'room', user='ana', signed=bens).opens()).status == 403


@loop
async def test_what_was_taken_from_a_person_is_not_among_what_a_stream_may_hear():
    app, manager = make(authorize=signed_only)
    token = sign_topics(app, ['a', 'b'], 'ana')
    await manager.revoke('ana', 'b')
    assert (await said(app, 'a', 'b', user='ana', signed=token))['topics'] == ['a']


@loop
async def test_a_stream_that_goes_on_without_a_topic_says_what_is_left():
    app, manager = make()
    tab = await Tab(app, 'a', 'b', user='ana').opens()
    for topic, left in (('b', ['a']), ('a', [])):
        await manager.revoke('ana', topic)
        await tab.hears(f'event: sse-topics\ndata: {json.dumps(dict(topics=left))}\n\n')
    assert not tab.task.done() and user_topic('ana') not in tab.text
    await tab.leave()


@loop
async def test_rights_that_are_taken_one_by_one_before_anything_is_written_are_told_as_one():
    app, manager = make()
    tab = await Tab(app, 'a', 'b', 'c', user='ana').opens()
    for topic in ('b', 'c'): await manager.revoke('ana', topic)
    await manager.broadcast('line', dict(n=1), topic='a')
    await tab.hears('"n": 1')
    assert [json.loads(b['data']) for b in tab.blocks if b.get('event') == 'sse-topics'][-1] == dict(topics=['a'])
    assert not tab.task.done()
    await tab.leave()


@loop
async def test_the_topic_of_a_person_is_named_to_nobody():
    app, manager = make()
    tab = await Tab(app, 'a', user='ana').opens()
    assert tab.opening['topics'] == ['a'] and user_topic('ana') not in tab.text
    await manager.send_to_user('ana', 'hint', {'n': 1})
    await tab.hears('"n": 1')
    await tab.leave()


@loop
async def test_a_beat_that_never_comes_is_none():
    for interval in (0, float('inf')):
        app, manager = make(BroadcastManager(heartbeat_interval=interval))
        assert (await said(app))['heartbeat'] == 0


@loop
async def test_a_tab_is_told_of_a_gap_in_its_own_topic_and_of_no_other():
    "Two tabs share a stream on the union of what they ask for; a part of it is not to be heard for a while"
    rights = Rights('a')
    app, manager = make(authorize=rights)
    union = await Tab(app, 'a', 'b').opens()
    assert union.opening['topics'] == ['a']
    for topic in 'ab': await manager.broadcast('n', {'missed': topic}, topic=topic)
    await union.hears('"missed": "a"')
    await union.leave()
    rights.topics = {'a', 'b'}
    alone = await Tab(app, 'a', last_id=union.last_id).opens()  # it never asked for b
    assert (alone.resets, alone.data) == ([], [])
    await manager.broadcast('n', {'n': 1}, topic='a')
    await alone.hears('"n": 1')
    await alone.leave()
    again = await Tab(app, 'a', last_id=alone.last_id).opens()
    assert (again.resets, again.data) == ([], [])
    await again.leave()
    for last_id in (union.last_id, again.last_id):  # whichever id the other tab comes with
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
async def test_who_still_may_not_hear_it_is_refused_alone_and_told_nothing_of_it_in_a_union():
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
async def test_a_pattern_that_was_not_granted_at_all_is_told_once_a_part_of_it_is():
    rights = Rights('a')
    app, manager = make(authorize=rights)
    union = await Tab(app, 'a', 'room/*').opens()
    await union.leave()
    rights.topics = {'a', 'room/1'}
    part = await Tab(app, 'room/*', last_id=union.last_id).opens()
    assert (part.resets, part.opening) == (['regained'], part.opening | {'asked': 1, 'topics': ['room/1']})
    await part.leave()


# Streams that are sent away by topic


@pytest.mark.parametrize('where, topics', [
    (dict(topic='b'), ['b']), (dict(topic=['x/**', 'b', 'other/plan']), ['x/**', 'b']), (dict(topic='x/1'), ['x/1']),
    (dict(user='ana', topic='b'), ['b']), (dict(user='ana'), None), ({}, None)])
@loop
async def test_who_is_sent_away_by_topic_is_told_which(where, topics):
    "And of no topic that it did not hear"
    app, manager = make()
    tab = await Tab(app, 'a', 'b', 'x/*', user='ana').opens()
    assert await manager.disconnect(where) == 1
    await tab.task
    closing = tab.blocks[-1]
    assert closing['event'] == 'sse-close'
    assert json.loads(closing['data']) == {'reason': 'disconnected'} | ({} if topics is None else {'topics': topics})


@loop
async def test_in_another_process_it_is_told_as_well():
    engine = MemoryBackplane()
    (app, here), (_, there) = (make(BroadcastManager(backplane=engine, cluster=Cluster(report_interval=0.2))) for _ in range(2))
    await here.ready(), await there.ready()
    tab = await Tab(app, 'a', 'b').opens()
    await there.disconnect(dict(topic='b'))
    await tab.task
    assert json.loads(tab.blocks[-1]['data'])['topics'] == ['b']
    await here.close(), await there.close()


# Ids that somebody has


@pytest.mark.parametrize('holder, asks, again', [
    ('ana', 'ben', False), ('ana', '', True), ('', 'ben', True), ('', '', True)])
@pytest.mark.parametrize('processes', [1, 2])
@loop
async def test_where_an_id_may_be_the_askers_own_it_is_told_when_to_ask_again(holder, asks, again, processes):
    engine = MemoryBackplane()
    apps = [make(BroadcastManager(backplane=engine, cluster=Cluster(report_interval=0.2))) for _ in range(processes)]
    for _, manager in apps: await manager.ready()
    tab = await Tab(apps[0][0], user=holder, connection_id='mine').opens()
    refused = await Tab(apps[-1][0], user=asks, connection_id='mine').opens()
    assert refused.status == 409 and 'taken' in refused.text
    assert ('retry-after' in refused.headers) == again
    assert not again or 1 <= int(refused.headers['retry-after']) <= 3
    await tab.leave()
    free = await Tab(apps[-1][0], user=asks, connection_id='mine').opens()
    assert free.status == 200
    await free.leave()
    for _, manager in apps: await manager.close()


@loop
async def test_an_id_of_the_servers_own_form_is_never_to_be_had():
    app, manager = make()
    refused = await Tab(app, connection_id='conn_7').opens()
    assert refused.status == 409 and 'retry-after' not in refused.headers


@loop
async def test_two_strangers_who_ask_two_processes_at_once_are_told_the_same():
    "The one that does not get it may try again; neither of them has a name"
    engine = MemoryBackplane()
    apps = [make(BroadcastManager(backplane=engine, cluster=Cluster(report_interval=0.2))) for _ in range(2)]
    for _, manager in apps: await manager.ready()
    await until(lambda: all(len(manager.cluster.nodes()) == 2 for _, manager in apps), 'the processes to meet')
    tabs = [Tab(app, connection_id='both') for app, _ in apps]
    for tab in tabs: await tab.opens()
    statuses = [tab.status for tab in tabs]
    assert 200 in statuses or statuses == [409, 409]
    assert all('retry-after' in tab.headers for tab in tabs if tab.status != 200)
    for tab in tabs: await tab.leave()
    for _, manager in apps: await manager.close()


# Which script asks


@pytest.mark.parametrize('script, noted', [
    ('1', 1), ('12', 12), ('0007', 7), ('9999', 9999), (None, None), ('', None), ('12345', None), ('-1', None),
    ('1.5', None), ('1 ', None), ('\xb2', None), ('\xb9', None), ('1e3', None), ('{"a": 1}', None),
    ('x' * 9_000, None)])
@loop
async def test_a_page_says_which_script_it_runs_and_nothing_else(script, noted):
    app, manager = make()
    tab = await Tab(app, connection_id='mine', script=script, script_version='7', metadata='x').opens()
    metadata = dict(manager.connection_metadata['mine'])
    assert metadata.pop('connected_at') and metadata == ({} if noted is None else {'script_version': noted})
    assert type(metadata.get('script_version')) in (int, type(None))
    await tab.leave()
