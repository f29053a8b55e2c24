"The routes as an application enters them: by one call, by hand, mounted, twice"
import json

import pytest
from cjm_fasthtml_sse import BroadcastManager, create_broadcast_handler, setup_broadcast_routes
from cjm_fasthtml_sse.core import access
from cjm_fasthtml_sse.core.access import user_topic, user_tag, sign_topics, signed_only
from cjm_fasthtml_sse.events.wire import BackplaneError
from fasthtml.common import FastHTML
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount
from starlette.testclient import TestClient

from .nodes import SECRET, events, hears, leaving, sign_in
from settings import make_policy


def test_a_second_manager_on_one_prefix_is_told(caplog):
    app, first, second = FastHTML(secret_key=SECRET), BroadcastManager(), BroadcastManager()
    for _ in range(2): setup_broadcast_routes(app, first)
    setup_broadcast_routes(app, second, prefix='/news')
    assert not caplog.records
    setup_broadcast_routes(app, second)
    told, = caplog.records
    assert '/sse/broadcast' in told.getMessage() and 'prefix=' in told.getMessage()


def test_a_handler_that_an_application_enters_itself_has_the_same_rules(node):
    def own(node):
        rules = dict(authorize=lambda auth, topics: auth == 'ana', named=True)
        node.app.get('/own')(create_broadcast_handler(node.manager, **make_policy(**rules)))
    one = node(prepare=own)
    assert one.get('/own?topic=a', 'ben')[0] == 403 and one.get('/own?topic=a', 'ana', method='HEAD')[0] == 200
    assert one.get('/own?topic=a', 'ben', method='HEAD')[0] == 403


def test_events_carry_their_type_as_name_where_that_is_asked_for(node):
    one = node(named=True)
    with leaving(one.listen()) as (stream,):
        one.send('counted', {'n': 1})
        stream.read(b'"n": 1')
        assert [name for name, *_ in events(stream)] == ['counted']


@pytest.mark.parametrize('status', [401, 404])
def test_what_the_application_raises_on_purpose_is_the_answer(node, status):
    def authorize(topics): raise HTTPException(status, 'on purpose')
    one = node(authorize=authorize)
    assert one.get('/sse/broadcast?topic=a')[0] == status and one.count() == 0


def test_topics_of_the_query_are_not_what_the_hook_is_given(node):
    "`topics` with a type would otherwise be read from the request, as FastHTML does"
    seen = []
    def authorize(topics: list[str], auth, page: int = 1):
        seen.append((topics, page))
        return topics
    one = node(authorize=authorize)
    with leaving(one.listen('topic=real&topics=forged&page=7')): assert seen == [(['real'], 7)]


def test_who_asks_is_not_what_the_query_says(node):
    "A parameter with a type would otherwise be read from the request, as FastHTML does in handlers"
    def typed(auth: str, sess: dict, session: dict, req: dict, topics: list):
        return 'admin' in (auth, sess.get('auth'), session.get('auth'), req.get('auth'))
    def reveal(auth: str): return auth == 'admin'
    def named(auth: str = '', sess: dict = None): return auth or sess.get('auth')
    one = node(authorize=typed, identify=named, can_list_connections=reveal)
    for forged in ('auth=admin', 'sess=admin', 'session=admin', 'req=admin', 'auth=admin&user=admin'):
        assert one.refuses(f'/sse/broadcast?topic=a&{forged}', 'eve') == 403
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
def test_an_answer_that_is_no_list_of_topics_is_a_mistake(node, hook, caplog):
    one = node(authorize=hook)
    status, _, text = one.get('/sse/broadcast?topic=a')
    assert status == 500 and 'could not decide' in text and '1234' not in text
    assert any('authorize returns a list or set' in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize('said', [dict(location='/login'), 'admin', 1])
def test_nothing_but_true_reveals(node, said):
    assert 'each' not in json.loads(node(can_list_connections=lambda req: said).get('/sse/connections')[2])


def test_a_page_that_may_read_can_read_refusals_too(node):
    "Its script has to tell 401 and 403, after which it stops, from a line that is down"
    site = 'https://app.example.org'
    def authorize(topics):
        if 'sign/in' in topics: raise HTTPException(401, 'sign in', {'WWW-Authenticate': 'Basic'})
        return [topic for topic in topics if topic == 'open']
    one = node(authorize=authorize, allow_origins=[site], manager=dict(max_connections=1))
    with leaving(one.listen('topic=open')):
        for query, status in (('topic=no', 403), ('topic=sign/in', 401), ('topic=open', 503), ('topic=a*', 400)):
            got, headers, _ = one.get(f'/sse/broadcast?{query}', Origin=site)
            assert (got, headers['access-control-allow-origin']) == (status, site)
            assert headers['access-control-allow-credentials'] == 'true'
            assert status == 401 or 'Retry-After' in headers['access-control-expose-headers']
    headers = one.get('/sse/broadcast', Origin=site, method='HEAD')[1]
    assert {'SSE-User', 'SSE-Heartbeat'} <= set(headers['access-control-expose-headers'].split(', '))
    status, headers, _ = one.get('/sse/broadcast', Origin='https://b.example.org')
    assert status == 403 and 'access-control-allow-origin' not in headers


def test_one_tab_of_yesterday_does_not_close_the_stream_of_all(node):
    one = node(authorize=signed_only)
    good = sign_topics(SECRET, 'job/2')
    for old in ('forged', sign_topics(SECRET, 'job/1', 'ben')):
        with leaving(one.listen(f'topic=job/1&topic=job/2&signed={old}&signed={good}', 'ana')) as (stream,):
            for n in (1, 2): one.send(data={'job': n}, topic=f'job/{n}')
            assert hears(one, stream) == [{'job': 2}]
        for alone in (f'signed={old}', f'topic=job/1&signed={old}'):
            assert one.refuses(f'/sse/broadcast?{alone}', 'ana') == 403


@pytest.mark.parametrize('headers', [{'Cookie': 'connection_id=planted'}, {'Connection-Id': 'planted'}])
def test_an_id_is_not_taken_from_a_cookie_or_a_header(node, headers):
    def own(node): node.app.get('/own/{connection_id}')(create_broadcast_handler(node.manager))
    one = node(prepare=own)
    lines = ''.join(f'{name}: {value}\r\n' for name, value in headers.items())
    with leaving(one.listen('', headers=lines), one.listen('connection_id=mine', headers=lines)):
        assert 'mine' in one.manager.connections and 'planted' not in one.manager.connections
    path = one.get('/own/x%0Ay', **{name.replace('-', '_'): value for name, value in headers.items()})
    assert path[0] == 400


def test_a_topic_of_this_package_is_not_named_by_an_application():
    manager = BroadcastManager()
    for topic in ('\ue000x', str(user_topic('ana').encode(), 'utf-8')):
        with pytest.raises(ValueError, match='printable'): manager.broadcast_nowait('note', {}, topic=topic)
    assert manager.broadcast_nowait('note', {}, topic=user_topic('ana')) == 0


def test_a_topic_has_not_more_parts_than_a_few(node):
    one = node()
    assert one.refuses(f'/sse/broadcast?topic={"/" * 190}') == one.refuses(f'/sse/broadcast?topic={"/" * 16}*') == 400
    with pytest.raises(ValueError, match='parts'): one.send(topic='/' * 190)
    with leaving(one.listen(f'topic={"/" * 15}')): pass


def test_an_application_that_is_mounted_signs_with_its_own_key():
    inner, manager = FastHTML(secret_key='the inner key', before=sign_in), BroadcastManager()
    setup_broadcast_routes(inner, manager)
    outer = Starlette(routes=[Mount('/in', inner)])
    client = TestClient(outer)
    answer = client.head('/in/sse/broadcast')
    assert answer.headers['sse-user'] == client.get('/in/sse/user').json()['user']
    assert answer.headers['sse-user'] == user_tag('the inner key', None)
    assert client.head(f'/in/sse/broadcast?signed={sign_topics("the inner key", "a")}').status_code == 200
    assert client.head(f'/in/sse/broadcast?signed={sign_topics("another", "a")}').status_code == 403


def test_without_its_engine_a_server_says_when_to_come_back(node, monkeypatch):
    one = node()
    async def away(seen=None): raise BackplaneError('the engine at 10.1.2.3 is away')
    monkeypatch.setattr(one.manager, 'ready', away)
    status, headers, text = one.get('/sse/broadcast')
    assert status == 503 and int(headers['Retry-After']) >= 1 and '10.1.2.3' not in text


def test_an_auth_that_names_nobody_is_told_once_and_is_a_guest(node, caplog):
    def identify(req): return dict(name='ana')
    one = node(identify=identify)
    access._tell_once.cache_clear()
    for _ in range(3): assert json.loads(one.get('/sse/user')[2]) == dict(user=user_tag(SECRET, None))
    assert len([record for record in caplog.records if 'identify=' in record.getMessage()]) == 1


def test_a_browser_that_joins_before_it_leaves_is_not_a_second_one_for_long(node):
    "Make before break: the stream with more topics opens, then the old one goes"
    one = node(manager=dict(max_connections_per_user=2))
    with leaving(one.listen('topic=a', 'ana'), one.listen('topic=a&topic=b&tabs=2', 'ana')) as (old, new):
        one.send(data={'n': 1}, topic='a')
        assert hears(one, old) == hears(one, new) == [{'n': 1}]
        assert {id for _, id, _ in events(old)} & {id for _, id, _ in events(new)}
        assert one.do(one.manager.presence).tabs == 3
