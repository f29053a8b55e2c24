"Who hears what, on two nodes: topics and patterns, the application's word, tokens, owners"
import json
import time

import pytest
from cjm_fasthtml_sse.core.access import sign_topics, signed_only

from .nodes import SECRET, cookie, events, hears, last_id, leaving, until


def test_a_reader_hears_what_it_asked_for_and_what_is_for_everyone(two):
    one, other = two
    streams = one.listen('topic=open/1'), other.listen('topic=open/*'), other.listen('topic=open/**')
    with leaving(*streams):
        for topic in ('open/1', 'open/2', 'open/1/log', None): one.send(data={'topic': topic}, topic=topic)
        found = [[each['topic'] for each in hears(other, stream)] for stream in streams]
    assert found == [['open/1', None], ['open/1', 'open/2', None], ['open/1', 'open/2', 'open/1/log', None]]


def test_the_application_allows_some_of_the_topics(two):
    one, other = two
    one.rights.of['ana'] = {'room/1'}
    with leaving(other.listen('topic=room/1&topic=room/2', 'ana')) as (stream,):
        for n in (1, 2): one.send(data={'room': n}, topic=f'room/{n}')
        assert hears(one, stream) == [{'room': 1}]
    assert ('ana', ['room/1', 'room/2']) in one.rights.asked
    assert [one.refuses('/sse/broadcast?topic=room/1', name) for name in ('ben', None)] == [403, 403]


def test_rights_bound_replay_and_what_is_retained(two):
    one, other = two
    one.rights.of['ana'] = {'room/1'}
    with leaving(one.listen('topic=room/1', 'ana')) as (stream,): seen = last_id(stream)
    for n in (1, 2):
        one.send(data={'line': n}, topic=f'room/{n}')
        one.send(data={'kept': n}, topic=f'room/{n}', key='k', retain=True)
    with leaving(other.listen('topic=room/1&topic=room/2', 'ana', f'Last-Event-ID: {seen}\r\n')) as (back,):
        assert hears(one, back) == [{'line': 1}, {'kept': 1}]
    with leaving(other.listen('topic=room/1&topic=room/2', 'ana')) as (new,): assert hears(one, new) == [{'kept': 1}]


@pytest.mark.parametrize('said, status', [(False, 403), (None, 403), ([], 403), (3, 500)])
def test_what_the_application_says_no_with(node, said, status):
    async def answer(topics): return said
    assert node(authorize=answer).refuses('/sse/broadcast?topic=a') == status


def test_an_error_in_the_application_tells_the_client_nothing(node):
    def broken(auth, topics): raise ValueError('the password is 1234')
    one = node(authorize=broken, identify=lambda req: 'ana')
    status, _, text = one.get('/sse/broadcast?topic=a')
    assert status == 500 and '1234' not in text and 'ValueError' not in text and one.count() == 0


def test_a_quiet_topic_is_not_reset_by_a_busy_one(node):
    one = node(manager=dict(max_events=20))
    with leaving(one.listen('topic=quiet')) as (stream,): seen = last_id(stream)
    one.send(data={'n': 0}, topic='busy')
    for n in range(100): one.send(data={'n': n}, topic='busy')
    with leaving(one.listen('topic=quiet', headers=f'Last-Event-ID: {seen}\r\n')) as (back,):
        assert hears(one, back) == [] and 'sse-reset' not in [name for name, *_ in events(back)]
    with leaving(one.listen('topic=busy', headers=f'Last-Event-ID: {seen}\r\n')) as (lost,):
        assert [name for name, *_ in events(lost)] == ['sse-reset']


def test_thirty_jobs_on_one_connection(two):
    async def job(n):
        for step in range(3): yield dict(job=n, step=step)
    one, other = two
    with leaving(other.listen('topic=open/**')) as (stream,):
        for n in range(30): assert one.do(one.manager.stream_to, f'open/job/{n}', job(n)) == 3
        got = hears(one, stream)
    assert [each for each in got if 'step' in each] == [dict(job=n, step=step) for n in range(30) for step in range(3)]
    assert [each for each in got if 'step' not in each] == [dict(reason='done', items=3)] * 30


def test_a_page_carries_its_topics_signed(node):
    one = node(authorize=signed_only)
    mine, wide = sign_topics(one.app, ['job/1', 'job/2'], 'ana'), sign_topics(SECRET, 'log/**', patterns=True)
    streams = one.listen(f'signed={mine}&signed={wide}', 'ana'), one.listen(f'signed={mine}&topic=job/2', 'ana')
    with leaving(*streams):
        for topic in ('job/1', 'job/2', 'job/3', 'log/a'): one.send(data={'topic': topic}, topic=topic)
        found = [[each['topic'] for each in hears(one, stream)] for stream in streams]
    assert found == [['job/1', 'job/2', 'log/a'], ['job/2']]


def test_a_token_that_is_wrong_old_or_somebody_elses_is_refused(node, monkeypatch):
    one = node(authorize=signed_only, signed_for=3600)
    good, foreign = sign_topics(SECRET, 'job/1', 'ana'), sign_topics('another application', 'job/1')
    bad = (foreign, good[:-2], good + 'x', '', 'x.y.z')
    assert {one.refuses(f'/sse/broadcast?signed={token}', 'ana') for token in bad} == {403}
    assert one.refuses(f'/sse/broadcast?signed={good}', 'ben') == one.refuses(f'/sse/broadcast?signed={good}') == 403
    assert one.refuses(f'/sse/broadcast?signed={good}&topic=job/2', 'ana') == 403
    assert one.refuses('/sse/broadcast?topic=job/1', 'ana') == 403
    now = time.time()
    monkeypatch.setattr('itsdangerous.timed.time.time', lambda: now - 3700)
    old = sign_topics(SECRET, 'job/1')
    monkeypatch.undo()
    assert one.refuses(f'/sse/broadcast?signed={old}') == 403


def test_what_is_sent_to_an_owner_is_replayed_to_that_owner_alone(two):
    one, other = two
    streams = one.listen('', 'ana'), other.listen('', 'ana'), other.listen('topic=open/**', 'ben')
    with leaving(*streams):
        seen = last_id(streams[0])
        one.do(one.manager.send_to_user, 'ana', 'hint', {'for': 'ana'})
        assert [hears(one, stream) for stream in streams] == [[{'for': 'ana'}], [{'for': 'ana'}], []]
    for name, said in (('ana', [{'for': 'ana'}]), ('ben', []), (None, [])):
        back = other.listen('', name, f'Last-Event-ID: {seen}\r\n')
        with leaving(back): assert hears(one, back)[-1:] == said
    assert not any(message.type == 'hint' for each in two for message in each.manager.get_history())


def test_no_pattern_hears_what_is_for_an_owner(node):
    one = node()
    with leaving(one.listen('topic=**&topic=*', 'ben'), one.listen('', 'ana')) as (stranger, ana):
        one.do(one.manager.send_to_user, 'ana', 'hint', {'for': 'ana'}, key='k', retain=True)
        assert hears(one, ana) == [{'for': 'ana'}] and hears(one, stranger) == []
    with leaving(one.listen('topic=**', 'ben'), one.listen('', 'ana')) as (stranger, ana):
        assert hears(one, ana) == [{'for': 'ana'}] and hears(one, stranger) == []


def test_the_hook_says_who_somebody_is(node):
    one = node(identify=lambda sess: sess.get('user'))
    with leaving(one.listen('', headers=cookie(user='ana'))) as (stream,):
        one.do(one.manager.send_to_user, 'ana', 'hint', {'n': 1})
        assert hears(one, stream) == [{'n': 1}]


def test_the_tag_is_the_persons_in_every_process(two):
    def tag(node, name):
        status, headers, text = node.get('/sse/user', name)
        assert status == 200 and headers['cache-control'] == 'no-store'
        return json.loads(text)['user']
    one, other = two
    assert tag(one, 'ana') == tag(other, 'ana') != tag(one, 'ben') and tag(one, None) == tag(other, None)
    assert 'ana' not in tag(one, 'ana')
    with leaving(one.listen('', 'ana')) as (stream,): assert f'sse-user: {tag(one, "ana")}'.lower() in stream.head


def test_a_connection_says_for_how_many_tabs_it_speaks(node):
    one = node()
    with leaving(one.listen('tabs=4'), one.listen()): until(lambda: one.manager.statistics().tabs == 5, 'five tabs')
    assert [one.refuses(f'/sse/broadcast?tabs={bad}') for bad in ('0', '10001', 'x', '1e3', '-1')] == [400] * 5
