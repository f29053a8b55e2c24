"Events that a stream gets, on two nodes: topics and patterns, authorize, tokens, users"
import json
import time

import pytest
from cjm_fasthtml_sse import BroadcastManager, setup_broadcast_routes
from cjm_fasthtml_sse.core.access import sign_topics, signed_only
from cjm_fasthtml_sse.runtime.time import Time
from fasthtml.common import FastHTML

from .nodes import SECRET, closing, cookie, events, last_id, received, until


def test_a_stream_gets_its_topics_and_events_without_a_topic(two):
    one, other = two
    streams = one.subscribe('topic=open/1'), other.subscribe('topic=open/*'), other.subscribe('topic=open/**')
    with closing(*streams):
        for topic in ('open/1', 'open/2', 'open/1/log', None): one.send(data={'topic': topic}, topic=topic)
        found = [[each['topic'] for each in received(other, stream)] for stream in streams]
    assert found == [['open/1', None], ['open/1', 'open/2', None], ['open/1', 'open/2', 'open/1/log', None]]


def test_the_application_allows_some_of_the_topics(two):
    one, other = two
    one.rights.granted['ana'] = {'room/1'}
    with closing(other.subscribe('topic=room/1&topic=room/2', 'ana')) as (stream,):
        for n in (1, 2): one.send(data={'room': n}, topic=f'room/{n}')
        assert received(one, stream) == [{'room': 1}]
    assert ('ana', ['room/1', 'room/2']) in one.rights.requests
    assert [one.refusal('/sse/broadcast?topic=room/1', name) for name in ('ben', None)] == [403, 403]


def test_authorize_limits_replayed_and_retained_events(two):
    one, other = two
    one.rights.granted['ana'] = {'room/1'}
    with closing(one.subscribe('topic=room/1', 'ana')) as (stream,): seen = last_id(stream)
    for n in (1, 2):
        one.send(data={'line': n}, topic=f'room/{n}')
        one.send(data={'kept': n}, topic=f'room/{n}', key='k', retain=True)
    with closing(other.subscribe('topic=room/1&topic=room/2', 'ana', f'Last-Event-ID: {seen}\r\n')) as (back,):
        assert received(one, back) == [{'line': 1}, {'kept': 1}]
    with closing(other.subscribe('topic=room/1&topic=room/2', 'ana')) as (new,):
        assert received(one, new) == [{'kept': 1}]


@pytest.mark.parametrize('result, status', [(False, 403), (None, 403), ([], 403), (3, 500)])
def test_results_of_authorize_that_refuse(node, result, status):
    async def answer(topics): return result
    assert node(authorize=answer).refusal('/sse/broadcast?topic=a') == status


def test_an_error_in_authorize_is_not_sent_to_the_client(node):
    def broken(auth, topics): raise ValueError('the password is 1234')
    one = node(authorize=broken, identify=lambda req: 'ana')
    status, _, text = one.get('/sse/broadcast?topic=a')
    assert status == 500 and '1234' not in text and 'ValueError' not in text and one.count() == 0


def test_a_quiet_topic_is_not_reset_by_a_busy_one(node):
    one = node(manager=dict(max_events=20))
    with closing(one.subscribe('topic=quiet')) as (stream,): seen = last_id(stream)
    one.send(data={'n': 0}, topic='busy')
    for n in range(100): one.send(data={'n': n}, topic='busy')
    with closing(one.subscribe('topic=quiet', headers=f'Last-Event-ID: {seen}\r\n')) as (back,):
        assert received(one, back) == [] and 'sse-reset' not in [name for name, *_ in events(back)]
    with closing(one.subscribe('topic=busy', headers=f'Last-Event-ID: {seen}\r\n')) as (lost,):
        assert [name for name, *_ in events(lost)] == ['sse-reset']


def test_thirty_jobs_on_one_connection(two):
    async def job(n):
        for step in range(3): yield dict(job=n, step=step)
    one, other = two
    with closing(other.subscribe('topic=open/**')) as (stream,):
        for n in range(30): assert one.do(one.manager.stream_to, f'open/job/{n}', job(n)) == 3
        got = received(one, stream)
    assert [each for each in got if 'step' in each] == [dict(job=n, step=step) for n in range(30) for step in range(3)]
    assert [each for each in got if 'step' not in each] == [dict(reason='done', items=3)] * 30


def test_tokens_grant_topics(node):
    one = node(authorize=signed_only)
    mine, wide = sign_topics(one.app, ['job/1', 'job/2'], 'ana'), sign_topics(SECRET, 'log/**', patterns=True)
    streams = one.subscribe(f'signed={mine}&signed={wide}', 'ana'), one.subscribe(f'signed={mine}&topic=job/2', 'ana')
    with closing(*streams):
        for topic in ('job/1', 'job/2', 'job/3', 'log/a'): one.send(data={'topic': topic}, topic=topic)
        found = [[each['topic'] for each in received(one, stream)] for stream in streams]
    assert found == [['job/1', 'job/2', 'log/a'], ['job/2']]


def test_a_token_that_is_forged_expired_or_another_users_is_refused(node):
    one = node(authorize=signed_only, token_max_age=3600)
    good, foreign = sign_topics(SECRET, 'job/1', 'ana'), sign_topics('another application', 'job/1')
    bad = (foreign, good[:-2], good + 'x', '', 'x.y.z')
    assert {one.refusal(f'/sse/broadcast?signed={token}', 'ana') for token in bad} == {403}
    assert one.refusal(f'/sse/broadcast?signed={good}', 'ben') == one.refusal(f'/sse/broadcast?signed={good}') == 403
    assert one.refusal(f'/sse/broadcast?signed={good}&topic=job/2', 'ana') == 403
    assert one.refusal('/sse/broadcast?topic=job/1', 'ana') == 403
    past = FastHTML(secret_key=SECRET)
    setup_broadcast_routes(past, BroadcastManager(clock=Time(wall=lambda: time.time() - 3700)))
    assert one.refusal(f"/sse/broadcast?signed={sign_topics(past, 'job/1')}") == 403


def test_a_message_to_a_user_is_replayed_to_that_user_only(two):
    one, other = two
    streams = one.subscribe('', 'ana'), other.subscribe('', 'ana'), other.subscribe('topic=open/**', 'ben')
    with closing(*streams):
        seen = last_id(streams[0])
        one.do(one.manager.send_to_user, 'ana', 'hint', {'for': 'ana'})
        assert [received(one, stream) for stream in streams] == [[{'for': 'ana'}], [{'for': 'ana'}], []]
    for name, expected in (('ana', [{'for': 'ana'}]), ('ben', []), (None, [])):
        back = other.subscribe('', name, f'Last-Event-ID: {seen}\r\n')
        with closing(back): assert received(one, back)[-1:] == expected
    assert not any(message.type == 'hint' for each in two for message in each.manager.get_history())


def test_no_pattern_matches_messages_to_a_user(node):
    one = node()
    with closing(one.subscribe('topic=**&topic=*', 'ben'), one.subscribe('', 'ana')) as (stranger, ana):
        one.do(one.manager.send_to_user, 'ana', 'hint', {'for': 'ana'}, key='k', retain=True)
        assert received(one, ana) == [{'for': 'ana'}] and received(one, stranger) == []
    with closing(one.subscribe('topic=**', 'ben'), one.subscribe('', 'ana')) as (stranger, ana):
        assert received(one, ana) == [{'for': 'ana'}] and received(one, stranger) == []


def test_identify_returns_the_user(node):
    one = node(identify=lambda sess: sess.get('user'))
    with closing(one.subscribe('', headers=cookie(user='ana'))) as (stream,):
        one.do(one.manager.send_to_user, 'ana', 'hint', {'n': 1})
        assert received(one, stream) == [{'n': 1}]


def test_a_users_tag_is_the_same_in_every_process(two):
    def tag(node, name):
        status, headers, text = node.get('/sse/user', name)
        assert status == 200 and headers['cache-control'] == 'no-store'
        return json.loads(text)['user']
    one, other = two
    assert tag(one, 'ana') == tag(other, 'ana') != tag(one, 'ben') and tag(one, None) == tag(other, None)
    assert 'ana' not in tag(one, 'ana')
    with closing(one.subscribe('', 'ana')) as (stream,): assert f'sse-user: {tag(one, "ana")}'.lower() in stream.head


def test_a_connection_counts_its_tabs(node):
    one = node()
    with closing(one.subscribe('tabs=4'), one.subscribe()):
        until(lambda: one.manager.statistics().tabs == 5, '5 tabs')
    assert [one.refusal(f'/sse/broadcast?tabs={bad}') for bad in ('0', '10001', 'x', '1e3', '-1')] == [400] * 5
