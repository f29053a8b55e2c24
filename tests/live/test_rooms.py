"Rooms of live regions in the test kit's virtual time: whoever may return has not left"
import pytest
from fasthtml.common import Div, Li, P, Title, Ul, fast_app

from cjm_fasthtml_sse import BroadcastManager, Live
from cjm_fasthtml_sse.testing import TestEngine, live


def make():
    def sign_in(req, sess): req.scope['auth'] = sess.get('auth')
    app, rt = fast_app(secret_key='the same in all workers', before=sign_in)
    regions = Live(app, manager=BroadcastManager())

    @regions.region('words', regions.presence('room'))
    def people(presence): return Ul(*map(Li, presence.users), P(f'{presence.user_count} here', id='count'), id='people')

    @rt('/')
    def index(): return Title('Room'), Div(people())

    @rt('/say')
    def say():
        regions.touch('words')
        return ''

    return app


@pytest.fixture(params=[1, 2], ids=['one worker', 'two workers'])
def world(request):
    with live(make, workers=request.param, engine=TestEngine() if request.param > 1 else None) as world: yield world


@pytest.fixture
def tabs(world):
    count = len(world.server.workers)
    tabs = [world.tab(user=name, worker=number % count) for number, name in enumerate(['ana', 'ben'])]
    assert all(tab.texts('#people li') == ['ana', 'ben'] for tab in tabs)
    return tabs


def test_whoever_reloads_does_not_leave_for_those_who_are_rendered_meanwhile(world, tabs):
    ana, ben = tabs
    ben.close()
    ana.request('POST', '/say')
    world.clock.advance(.5)
    assert ana.texts('#people li') == ['ana', 'ben']
    assert ana.texts('#count') == ['2 here']
    ben = ben.browser.tab('/')
    for _ in range(20):
        world.clock.advance(.5)
        assert ana.texts('#people li') == ben.texts('#people li') == ['ana', 'ben']


def test_whoever_does_not_return_has_left_in_two_seconds(world, tabs):
    ana, ben = tabs
    ben.close()
    ana.request('POST', '/say')
    world.clock.advance(1.5)
    assert ana.texts('#people li') == ['ana', 'ben']
    world.clock.advance(1)
    assert ana.texts('#people li') == ['ana']
    ana.request('POST', '/say')
    assert ana.texts('#people li') == ['ana']
