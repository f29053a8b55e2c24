"Live regions in the test kit's virtual time: engines that cannot be reached or take no events, and long intervals"
import json
import re
from html import unescape

from fasthtml.common import P, Title, fast_app

from cjm_fasthtml_sse import BroadcastManager, Cluster, Live, setup_broadcast_routes
from cjm_fasthtml_sse.testing import TestEngine, live


def make():
    app, rt = fast_app(secret_key='the same in all workers')
    manager = app.state.manager = BroadcastManager(cluster=Cluster(open_timeout=.5))
    regions, app.state.rows, app.state.calls = Live(app, manager=manager), ['first'], 0
    setup_broadcast_routes(app, manager)

    @regions.region('rows')
    def board(): return P(app.state.rows[-1])

    @regions.region('rows', min_interval=3600)
    def report(): return P(app.state.rows[-1])

    @regions.region('rows')
    def over():
        app.state.calls += 1
        regions.until(1.0)
        return P(app.state.rows[-1], id='over')

    @regions.region(every=60)
    def clock(): return P(app.state.rows[-1])

    @rt('/clock')
    def show_clock(): return Title('Clock'), clock()

    @rt('/')
    def index(): return Title('Board'), board()

    @rt('/report')
    def show_report(): return Title('Report'), report()

    @rt('/over')
    def show_over(): return Title('Over'), over()

    @rt('/put')
    def put(text: str):
        app.state.rows.append(text)
        regions.touch('rows')
        return 'ok'

    return app


def view_of(tab, path='/'):
    about, = re.findall('data-sse-live="(.*?)"', tab.request('GET', path).text)
    return json.loads(unescape(about))['view']


def test_a_touch_waits_for_an_engine_that_takes_no_events():
    with live(make, engine=TestEngine()) as world:
        tab = world.tab()
        view = view_of(tab)
        assert 'first' in tab.request('GET', '/live/view', topic=view).text
        world.engine.refuse_writes()
        response = tab.request('POST', '/put', text='second')
        assert response.status == 200
        assert 'first' in tab.request('GET', '/live/view', topic=view).text, 'the touch has no place yet'
        world.engine.come_back()
        world.clock.advance(5)
        assert 'second' in tab.request('GET', '/live/view', topic=view).text
        reached = tab.request('POST', '/put', text='third').headers['sse-reached']
        assert 'third' in tab.request('GET', '/live/view', topic=view, at=reached).text


def test_without_an_engine_a_page_is_told_to_ask_again():
    engine = TestEngine()
    with live(make, engine=engine) as world:
        engine.go_away()
        world.server.restart()
        tab = world.tab()
        view = view_of(tab)
        refused = tab.request('GET', '/live/view', topic=view)
        assert refused.status == 503 and 'retry-after' in refused.headers
        engine.come_back()
        world.clock.advance(10)
        assert 'first' in tab.request('GET', '/live/view', topic=view).text


def test_a_request_does_not_wait_for_an_hour_and_renders_no_more_often():
    with live(make) as world:
        tab = world.tab()
        view = view_of(tab, '/report')
        def ask(at=''): return tab.request('GET', '/live/view', topic=view, at=at).text
        assert 'first' in ask()
        reached = tab.request('POST', '/put', text='second').headers['sse-reached']
        begun = world.clock.now
        assert 'first' in ask(reached) and world.clock.now - begun < 30
        world.clock.advance(3600)
        assert 'second' in ask(reached)


def test_a_clock_that_nobody_has_looked_at_is_rendered_for_a_request():
    with live(make) as world:
        tab = world.tab()
        view = view_of(tab, '/clock')
        def ask(): return tab.request('GET', '/live/view', topic=view).text
        assert 'first' in ask()
        world.app.state.rows.append('second')
        world.clock.advance(61)
        assert 'second' in ask()


def test_a_time_that_is_over_is_no_reason_to_render_again():
    with live(make) as world:
        tab = world.tab('/over')
        tab.request('POST', '/put', text='second')
        assert tab.texts('#over') == ['second']
        world.clock.advance(10)
        calls = world.app.state.calls
        world.clock.advance(600)
        assert world.app.state.calls == calls
