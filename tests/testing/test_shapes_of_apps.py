"The kit tests an application however it is made: by a handler by hand, by routes, by streams, sync or async"
import asyncio

import pytest
from fasthtml.common import A, Button, EventStream, Form, Input, Li, P, RedirectResponse, fast_app
from starlette.applications import Starlette
from starlette.responses import Response

from cjm_fasthtml_sse import (AccessPolicy, BroadcastManager, SSEStream, create_broadcast_handler, create_sse_element,
                              setup_broadcast_routes, sse_headers)
from cjm_fasthtml_sse.testing import AppError, live


def show(kind, data): return Li(data['title'])


def page():
    form = Form(Input(name='title'), hx_post='/add', hx_swap='none')
    return create_sse_element('/sse/broadcast', 'cards', 'beforeend'), form


def by_hand():
    app, rt = fast_app(hdrs=sse_headers(), secret_key='the same in all workers')
    manager = BroadcastManager()
    rt('/sse/broadcast')(create_broadcast_handler(manager, show))
    @rt('/')
    def index(): return page()
    @rt('/add')
    async def add(title: str): await manager.broadcast('added', dict(title=title))
    return app


def by_hand_in_a_closure():
    "The handler of the application calls that of the package."
    app, rt = fast_app(hdrs=sse_headers(), secret_key='the same in all workers')
    manager = BroadcastManager()
    handler = create_broadcast_handler(manager, show)
    @rt('/sse/broadcast')
    async def stream(connection_id: str = ''): return await handler(connection_id)
    @rt('/')
    def index(): return page()
    @rt('/add')
    async def add(title: str): await manager.broadcast('added', dict(title=title))
    return app


def by_routes():
    app, rt = fast_app(hdrs=sse_headers(), secret_key='the same in all workers')
    manager = BroadcastManager()
    setup_broadcast_routes(app, manager, element_builder=show)
    @rt('/')
    def index(): return page()
    @rt('/add')
    async def add(title: str): await manager.broadcast('added', dict(title=title))
    return app


def sync():
    app, rt = fast_app(hdrs=sse_headers(), secret_key='the same in all workers')
    manager = BroadcastManager()
    setup_broadcast_routes(app, manager, element_builder=show)
    @rt('/')
    def index(): return page()
    @rt('/add')
    def add(title: str): manager.broadcast_threadsafe('added', dict(title=title)).result()
    return app


def htmx4():
    app, rt = fast_app(htmx4=True, hdrs=sse_headers(4), secret_key='the same in all workers')
    manager = BroadcastManager()
    setup_broadcast_routes(app, manager, element_builder=show)
    @rt('/')
    def index(): return page()
    @rt('/add')
    async def add(title: str): await manager.broadcast('added', dict(title=title))
    return app, rt  # As fast_app returns it


SHAPES = (by_hand, by_hand_in_a_closure, by_routes, sync, htmx4)


@pytest.mark.parametrize('workers', [1, 2])
@pytest.mark.parametrize('make', SHAPES)
def test_every_shape(make, workers):
    with live(make, workers=workers) as world:
        ann, bob = world.tab(), world.tab()
        ann.submit('form', title='Milk')
        assert bob.texts('#cards li') == ['Milk']
        bob.lose_line()
        ann.submit('form', title='Tea')
        world.clock.advance(600)
        bob.regain_line()
        assert bob.texts('#cards li') == ['Milk', 'Tea']
        with world.assert_broadcasts(type='added'): ann.submit('form', title='Salt')
        assert ann.texts('#cards li') == bob.texts('#cards li')


@pytest.mark.parametrize('make', SHAPES)
def test_every_shape_with_an_engine(make, tmp_path):
    with live(make, workers=2, engine=f'sqlite:///{tmp_path}/events.db') as world:
        ann, bob = world.tab(worker=0), world.tab(worker=1)
        ann.submit('form', title='Milk')
        world.server.restart()
        world.clock.advance(5)
        ann.submit('form', title='Tea')
        assert (bob.texts('#cards li'), bob.resets) == (['Milk', 'Tea'], [])


def streams():
    app, rt = fast_app(hdrs=sse_headers())
    @rt('/')
    def index(): return Button('Start', hx_get='/start', hx_target='#job', hx_swap='innerHTML'), P(id='job')
    @rt('/start')
    def start(): return create_sse_element('/job', 'bar', 'innerHTML')
    @rt('/job')
    async def job():
        async def percent():
            for done in range(0, 101, 10):
                yield P(f'{done} %')
                await asyncio.sleep(1)
        return EventStream(SSEStream().stream(percent()))
    return app


def test_an_application_of_streams_only():
    with live(streams) as world:
        tab = world.tab()
        assert tab.state is None
        tab.click('button')
        assert (tab.texts('#bar'), tab.state) == (['0 %'], 'open')
        world.clock.advance(5)
        assert tab.texts('#bar') == ['50 %']
        world.clock.advance(60)
        assert (tab.texts('#bar'), tab.state) == (['100 %'], 'closed')
        assert world.broadcasts() == []
        tab.reload()
        tab.click('button')
        tab.close()


def signed_in():
    def before(req, sess):
        if req.url.path.startswith(('/sign-in', '/sse')): return None
        if 'auth' not in sess: return RedirectResponse('/sign-in', status_code=303)
        req.scope['auth'] = sess['auth']
    app, rt = fast_app(hdrs=sse_headers(), before=before, secret_key='the same in all workers')
    manager = BroadcastManager()
    def authorize(sess, topics): return topics if sess.get('auth') == 'ann' else []
    setup_broadcast_routes(app, manager, element_builder=show, policy=AccessPolicy(authorize=authorize))
    @app.get('/sign-in')
    def sign_in_form(): return Form(Input(name='name'), Button('Sign in'), action='/sign-in', method='post')
    @app.post('/sign-in')
    def sign_in(name: str, sess):
        sess['auth'] = name
        response = RedirectResponse('/', status_code=303)
        response.set_cookie('theme', 'dark', max_age=60)
        return response
    @rt('/')
    def index(auth, request):
        listing = create_sse_element('/sse/broadcast', 'cards', 'beforeend', topics=['cards'])
        return P(f"{auth}, {request.cookies.get('theme')}", id='who'), listing, A('Sign out', href='/sign-out')
    @rt('/sign-out')
    def sign_out(sess):
        sess.clear()
        return RedirectResponse('/sign-in')
    @rt('/add')
    async def add(title: str): await manager.broadcast('added', dict(title=title), topic='cards')
    @rt('/private')
    def private(): return Response('No', status_code=403)
    return app


def test_sign_in_and_out():
    with live(signed_in) as world:
        browser = world.browser()
        tab = browser.tab()
        assert tab.url == '/sign-in'
        tab.submit('form', name='ann')
        assert (tab.url, tab.texts('#who'), tab.state) == ('/', ['ann, dark'], 'open')
        assert browser.cookies['theme'] == 'dark'
        second = browser.tab()
        second.request('POST', '/add', title='Milk')
        assert tab.texts('#cards li') == ['Milk']
        second.click('a')
        assert second.url == '/sign-in'
        assert browser.tab().url == '/sign-in'


def test_users_by_session():
    with live(signed_in) as world:
        ann, bob = world.tab(user='ann'), world.tab(session=dict(auth='bob'), cookies=dict(theme='light'))
        assert (ann.texts('#who'), ann.state) == (['ann, None'], 'open')
        assert (bob.texts('#who'), bob.state) == (['bob, light'], 'denied')
        ann.request('POST', '/add', title='Milk')
        world.assert_private(bob, 'Milk')
        assert ann.texts('#cards li') == ['Milk']
        assert ann.request('GET', '/private').status == 403
        assert world.tab('/private', user='ann').status == 403


def test_a_user_without_sessions():
    with live(lambda: fast_app(secret_key='x', session_cookie='mine')[0]) as world:
        assert list(world.browser(user='ann').cookies) == ['mine']
    with live(Starlette) as world, pytest.raises(ValueError, match='has no sessions'): world.browser(user='ann')


def test_an_answer_that_htmx_does_not_show():
    def make():
        app, rt = fast_app()
        @rt('/')
        def index(): return Button('Go', hx_post='/no')
        @rt('/no')
        def no(): return Response('Taken', status_code=409)
        return app
    with live(make) as world:
        tab = world.tab()
        report = 'POST /no was answered with 409, which htmx does not show: Taken'
        with pytest.raises(AppError, match=report): tab.click('button')
        with world.expected('answer'): tab.click('button')
