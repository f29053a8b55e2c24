"Limits on connections and topics, and the routes that return numbers"
import json

import pytest

from .nodes import closing, until_closed


def test_max_connections_is_enforced(node):
    one = node(manager=dict(max_connections=2))
    with closing(one.subscribe(), one.subscribe('connection_id=tab', 'ana')):
        status, headers, text = one.get('/sse/broadcast')
        assert status == 503 and 1 <= int(headers['Retry-After']) <= 60 and 'come back' in text
        with closing(one.subscribe('connection_id=tab', 'ana')): assert one.count() == 2
    until_closed(one)
    with closing(one.subscribe()): pass


def test_max_connections_of_one_user_is_enforced(node):
    one = node(manager=dict(max_connections_per_user=2))
    with closing(one.subscribe('', 'ana'), one.subscribe('', 'ana'), one.subscribe('', 'ben')):
        status, headers, _ = one.get('/sse/broadcast', 'ana')
        assert status == 429 and int(headers['Retry-After']) >= 1 and one.count() == 3


def test_max_connections_applies_to_anonymous_sessions(node):
    one = node(manager=dict(max_connections_per_user=1))
    with closing(one.subscribe()) as (stream,):
        head = stream.data.decode().split('\r\n')
        session = next(line for line in head if line.lower().startswith('set-cookie: ')).split(' ')[1].rstrip(';')
        assert one.refusal('/sse/broadcast', cookie=session) == 429
        with closing(one.subscribe()): pass


def test_max_topics_is_enforced(node):
    one = node(manager=dict(max_topics=3))
    query = '&'.join(f'topic=job/{n}' for n in range(4))
    assert one.refusal(f'/sse/broadcast?{query}') == 400
    with closing(one.subscribe(query.rpartition('&')[0])): pass


@pytest.mark.parametrize('path', ['/sse/status', '/sse/connections', '/sse/user'])
def test_the_other_routes_return_numbers_only(node, path):
    one = node()
    with closing(one.subscribe('connection_id=my-tab&topic=secret/topic', 'ana@example.org')):
        one.send(data={'text': 'a secret'}, topic='secret/topic')
        status, headers, text = one.get(path)
    assert status == 200 and headers['cache-control'] == 'no-store' and json.loads(text)
    assert not any(word in text for word in ('my-tab', 'secret', 'ana'))


def test_a_hook_allows_listing_connections(node):
    one = node(can_list_connections=lambda auth: auth == 'admin')
    with closing(one.subscribe('connection_id=my-tab&topic=room/1&tabs=2', 'ana')):
        each, = json.loads(one.get('/sse/connections', 'admin')[2])['each']
        assert {'connection_id': 'my-tab', 'user': 'ana', 'topics': ['room/1'], 'tabs': 2}.items() <= each.items()
        assert 'each' not in json.loads(one.get('/sse/connections', 'ana')[2])
