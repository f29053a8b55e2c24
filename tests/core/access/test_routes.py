"Routes: from one call, on a custom path, mounted, and set up twice"
import json

import pytest
from cjm_fasthtml_sse import BroadcastManager, create_broadcast_handler, setup_broadcast_routes
from cjm_fasthtml_sse.core.access import user_topic, user_tag, sign_topics, signed_only
from cjm_fasthtml_sse.events.wire import BackplaneError
from fasthtml.common import FastHTML
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount
from starlette.testclient import TestClient

from .nodes import SECRET, closing, events, received, sign_in
from settings import make_policy


def test_a_second_manager_on_one_prefix_is_logged(caplog):
    app, first, second = FastHTML(secret_key=SECRET), BroadcastManager(), BroadcastManager()
    for _ in range(2): setup_broadcast_routes(app, first)
    setup_broadcast_routes(app, second, prefix='/news')
    assert not caplog.records
    setup_broadcast_routes(app, second)
    record, = caplog.records
    assert '/sse/broadcast' in record.getMessage() and 'prefix=' in record.getMessage()


def test_a_handler_on_a_custom_route_uses_the_same_policy(node):
    def own(node):
        settings = dict(authorize=lambda auth, topics: auth == 'ana', named=True)
        node.app.get('/own')(create_broadcast_handler(node.manager, **make_policy(**settings)))
    one = node(prepare=own)
    assert one.get('/own?topic=a', 'ben')[0] == 403 and one.get('/own?topic=a', 'ana', method='HEAD')[0] == 200
    assert one.get('/own?topic=a', 'ben', method='HEAD')[0] == 403


def test_named_events_have_their_type_as_name(node):
    one = node(named=True)
    with closing(one.subscribe()) as (stream,):
        one.send('counted', {'n': 1})
        stream.read(b'"n": 1')
        assert [name for name, *_ in events(stream)] == ['counted']


@pytest.mark.parametrize('status', [401, 404])
def test_an_http_exception_of_a_hook_is_the_response(node, status):
    def authorize(topics): raise HTTPException(status, 'on purpose')
    one = node(authorize=authorize)
    assert one.get('/sse/broadcast?topic=a')[0] == status and one.count() == 0


def test_the_query_cannot_set_the_topics_of_a_hook(node):
    "FastHTML would read a typed `topics` from the request"
    seen = []
    def authorize(topics: list[str], auth, page: int = 1):
        seen.append((topics, page))
        return topics
    one = node(authorize=authorize)
    with closing(one.subscribe('topic=real&topics=forged&page=7')): assert seen == [(['real'], 7)]


def test_the_query_cannot_set_the_user(node):
    "In a handler, FastHTML would read a typed parameter from the request"
    def typed(auth: str, sess: dict, session: dict, req: dict, topics: list):
        return 'admin' in (auth, sess.get('auth'), session.get('auth'), req.get('auth'))
    def reveal(auth: str): return auth == 'admin'
    def named(auth: str = '', sess: dict = None): return auth or sess.get('auth')
    one = node(authorize=typed, identify=named, can_list_connections=reveal)
    for forged in ('auth=admin', 'sess=admin', 'session=admin', 'req=admin', 'auth=admin&user=admin'):
        assert one.refusal(f'/sse/broadcast?topic=a&{forged}', 'eve') == 403
        assert json.loads(one.get(f'/sse/user?{forged}', 'eve')[2]) == dict(user=user_tag(SECRET, 'eve'))
        assert 'each' not in one.get(f'/sse/connections?{forged}', 'eve')[2]
    assert one.get('/sse/broadcast?topic=a', 'admin')[0] == 200


def verdicts(topics): return dict.fromkeys(topics, False)


def lazily(topics):
    yield from topics
    raise ValueError('the password is 1234')


async def later(topics):
    for topic in topics: yield topic


@pytest.mark.parametrize('hook', [verdicts, lazily, later, lambda topics: filter(None, topics), lambda topics: 1])
def test_a_result_that_is_no_list_of_topics_is_an_error(node, hook, caplog):
    one = node(authorize=hook)
    status, _, text = one.get('/sse/broadcast?topic=a')
    assert status == 500 and 'could not decide' in text and '1234' not in text
    assert any('authorize must return a list or set' in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize('result', [dict(location='/login'), 'admin', 1])
def test_only_true_allows_listing_connections(node, result):
    assert 'each' not in json.loads(node(can_list_connections=lambda req: result).get('/sse/connections')[2])


def test_a_page_of_an_allowed_site_can_read_refusals(node):
    "Its script stops after 401 and 403, but retries after a lost connection"
    site = 'https://app.example.org'
    def authorize(topics):
        if 'sign/in' in topics: raise HTTPException(401, 'sign in', {'WWW-Authenticate': 'Basic'})
        return [topic for topic in topics if topic == 'open']
    one = node(authorize=authorize, allow_origins=[site], manager=dict(max_connections=1))
    with closing(one.subscribe('topic=open')):
        for query, status in (('topic=no', 403), ('topic=sign/in', 401), ('topic=open', 503), ('topic=a*', 400)):
            got, headers, _ = one.get(f'/sse/broadcast?{query}', Origin=site)
            assert (got, headers['access-control-allow-origin']) == (status, site)
            assert headers['access-control-allow-credentials'] == 'true'
            assert status == 401 or 'Retry-After' in headers['access-control-expose-headers']
    headers = one.get('/sse/broadcast', Origin=site, method='HEAD')[1]
    assert {'SSE-User', 'SSE-Heartbeat'} <= set(headers['access-control-expose-headers'].split(', '))
    status, headers, _ = one.get('/sse/broadcast', Origin='https://b.example.org')
    assert status == 403 and 'access-control-allow-origin' not in headers


def test_an_expired_token_of_one_tab_does_not_refuse_the_shared_stream(node):
    one = node(authorize=signed_only)
    good = sign_topics(SECRET, 'job/2')
    for old in ('forged', sign_topics(SECRET, 'job/1', 'ben')):
        with closing(one.subscribe(f'topic=job/1&topic=job/2&signed={old}&signed={good}', 'ana')) as (stream,):
            for n in (1, 2): one.send(data={'job': n}, topic=f'job/{n}')
            assert received(one, stream) == [{'job': 2}]
        for alone in (f'signed={old}', f'topic=job/1&signed={old}'):
            assert one.refusal(f'/sse/broadcast?{alone}', 'ana') == 403


@pytest.mark.parametrize('headers', [{'Cookie': 'connection_id=planted'}, {'Connection-Id': 'planted'}])
def test_an_id_is_not_read_from_a_cookie_or_a_header(node, headers):
    def own(node): node.app.get('/own/{connection_id}')(create_broadcast_handler(node.manager))
    one = node(prepare=own)
    lines = ''.join(f'{name}: {value}\r\n' for name, value in headers.items())
    with closing(one.subscribe('', headers=lines), one.subscribe('connection_id=mine', headers=lines)):
        assert 'mine' in one.manager.connections and 'planted' not in one.manager.connections
    path = one.get('/own/x%0Ay', **{name.replace('-', '_'): value for name, value in headers.items()})
    assert path[0] == 400


def test_an_application_cannot_use_a_private_topic():
    manager = BroadcastManager()
    for topic in ('\ue000x', str(user_topic('ana').encode(), 'utf-8')):
        with pytest.raises(ValueError, match='printable'): manager.broadcast_nowait('note', {}, topic=topic)
    assert manager.broadcast_nowait('note', {}, topic=user_topic('ana')) == 0


def test_a_topic_has_at_most_sixteen_parts(node):
    one = node()
    assert one.refusal(f'/sse/broadcast?topic={"/" * 190}') == one.refusal(f'/sse/broadcast?topic={"/" * 16}*') == 400
    with pytest.raises(ValueError, match='parts'): one.send(topic='/' * 190)
    with closing(one.subscribe(f'topic={"/" * 15}')): pass


def test_a_mounted_application_signs_with_its_own_key():
    inner, manager = FastHTML(secret_key='the inner key', before=sign_in), BroadcastManager()
    setup_broadcast_routes(inner, manager)
    outer = Starlette(routes=[Mount('/in', inner)])
    client = TestClient(outer)
    answer = client.head('/in/sse/broadcast')
    assert answer.headers['sse-user'] == client.get('/in/sse/user').json()['user']
    assert answer.headers['sse-user'] == user_tag('the inner key', None)
    assert client.head(f'/in/sse/broadcast?signed={sign_topics("the inner key", "a")}').status_code == 200
    assert client.head(f'/in/sse/broadcast?signed={sign_topics("another", "a")}').status_code == 403


def test_without_its_backplane_a_server_returns_retry_after(node, monkeypatch):
    one = node()
    async def away(seen=None): raise BackplaneError('10.1.2.3 is unreachable')
    monkeypatch.setattr(one.manager, 'ready', away)
    status, headers, text = one.get('/sse/broadcast')
    assert status == 503 and int(headers['Retry-After']) >= 1 and '10.1.2.3' not in text


def test_an_auth_object_without_a_name_is_anonymous_and_logged_once(node, caplog):
    account = type(f'Account{id(caplog)}', (), {})  # a new type, because each is logged once in a process
    one = node(identify=lambda req: account())
    for _ in range(3): assert json.loads(one.get('/sse/user')[2]) == dict(user=user_tag(SECRET, None))
    assert len([record for record in caplog.records if 'identify=' in record.getMessage()]) == 1


def test_a_browser_can_open_its_next_stream_before_it_closes_the_old_one(node):
    "The stream with more topics opens before the old one closes"
    one = node(manager=dict(max_connections_per_user=2))
    with closing(one.subscribe('topic=a', 'ana'), one.subscribe('topic=a&topic=b&tabs=2', 'ana')) as (old, new):
        one.send(data={'n': 1}, topic='a')
        assert received(one, old) == received(one, new) == [{'n': 1}]
        assert {id for _, id, _ in events(old)} & {id for _, id, _ in events(new)}
        assert one.do(one.manager.presence).tabs == 3
