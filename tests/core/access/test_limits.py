"How much one may take of what is there for all"
import json

import pytest

from .nodes import everyone_gone, leaving


def test_no_more_connections_than_there_are_places(node):
    one = node(manager=dict(max_connections=2))
    with leaving(one.listen(), one.listen('connection_id=tab', 'ana')):
        status, headers, text = one.get('/sse/broadcast')
        assert status == 503 and 1 <= int(headers['Retry-After']) <= 60 and 'come back' in text
        with leaving(one.listen('connection_id=tab', 'ana')): assert one.count() == 2
    everyone_gone(one)
    with leaving(one.listen()): pass


def test_no_more_connections_for_one_than_its_share(node):
    one = node(manager=dict(max_connections_per_user=2))
    with leaving(one.listen('', 'ana'), one.listen('', 'ana'), one.listen('', 'ben')):
        status, headers, _ = one.get('/sse/broadcast', 'ana')
        assert status == 429 and int(headers['Retry-After']) >= 1 and one.count() == 3


def test_a_guest_has_a_share_as_well(node):
    one = node(manager=dict(max_connections_per_user=1))
    with leaving(one.listen()) as (stream,):
        head = stream.data.decode().split('\r\n')
        session = next(line for line in head if line.lower().startswith('set-cookie: ')).split(' ')[1].rstrip(';')
        assert one.refuses('/sse/broadcast', cookie=session) == 429
        with leaving(one.listen()): pass


def test_no_more_topics_than_one_may_have(node):
    one = node(manager=dict(max_topics=3))
    wish = '&'.join(f'topic=job/{n}' for n in range(4))
    assert one.refuses(f'/sse/broadcast?{wish}') == 400
    with leaving(one.listen(wish.rpartition('&')[0])): pass


@pytest.mark.parametrize('path', ['/sse/status', '/sse/connections', '/sse/user'])
def test_the_other_routes_give_numbers_only(node, path):
    one = node()
    with leaving(one.listen('connection_id=my-tab&topic=secret/topic', 'ana@example.org')):
        one.send(data={'text': 'a secret'}, topic='secret/topic')
        status, headers, text = one.get(path)
    assert status == 200 and headers['cache-control'] == 'no-store' and json.loads(text)
    assert not any(word in text for word in ('my-tab', 'secret', 'ana'))


def test_who_may_see_more_is_said_by_the_application(node):
    one = node(can_list_connections=lambda auth: auth == 'admin')
    with leaving(one.listen('connection_id=my-tab&topic=room/1&tabs=2', 'ana')):
        each, = json.loads(one.get('/sse/connections', 'admin')[2])['each']
        assert {'connection_id': 'my-tab', 'user': 'ana', 'topics': ['room/1'], 'tabs': 2}.items() <= each.items()
        assert 'each' not in json.loads(one.get('/sse/connections', 'ana')[2])
