"Events that the server could not render"
import pytest
from fasthtml.common import I
from starlette.responses import HTMLResponse

from cjm_fasthtml_sse.browser.elements import connection_indicator, create_sse_element

from .engines import expect
from .live import Live

pytestmark = pytest.mark.sample(1)

RENDER = '{"reason": "render", "last_event_id": "e-9"}'


@pytest.fixture
def live(serve, htmx):
    "An app whose builder fails for negative numbers, and which retains one of those"
    def show(kind, data): return I(data['n']) if data['n'] >= 0 else 1 / 0
    live = Live(htmx.head(), element_builder=show)
    with serve(live.app) as live.url: yield live


@pytest.mark.needs('requests')
def test_a_page_is_not_loaded_again_and_again(live, page):
    "A new tab gets a reset for a retained event that cannot be rendered; so does a page that was reloaded for it"
    loads = []
    page.on('request', lambda request: request.is_navigation_request() and loads.append(request.url))
    element = create_sse_element('/sse/broadcast', 'sse', 'beforeend', refresh=True, refresh_spread=0)
    live.content = lambda topics, share: element
    live.manager.broadcast_threadsafe('number', {'n': -1}, key='k', retain=True).result(10)
    page.goto(live.url)
    page.wait_for_function("performance.getEntriesByType('navigation')[0].type === 'reload'")
    expect(page.locator('#sse')).to_have_attribute('data-sse-state', 'stale')
    live.send(1)
    expect(page.locator('#sse i')).to_have_text(['1'])
    for _ in range(20): page.evaluate("() => new Promise(requestAnimationFrame)")
    assert len(loads) == 2


@pytest.mark.needs('clock')
def test_a_page_is_refreshed_once_a_minute(site, page, htmx):
    asked = []
    def refresh(request):
        asked.append(request)
        return HTMLResponse(f'<b>{len(asked)}</b>')
    (stream, path), url = site.stream(), site.route(refresh).removeprefix(site.url)
    page.clock.install()
    element = create_sse_element(path, 'sse', 'message', hx_swap='beforeend', refresh=url, refresh_spread=0)
    page.goto(site.page(element('old'), connection_indicator(id='says'), head=htmx.head()))
    stream.wait(readers=1)
    stream.send(RENDER, event='sse-reset', id='e-9')
    page.clock.run_for(1_000)
    expect(page.locator('#sse')).to_have_text('1')
    for n in range(10, 13): stream.send(RENDER, event='sse-reset', id=f'e-{n}')
    expect(page.locator('#sse')).to_have_attribute('data-sse-state', 'stale')
    page.clock.run_for(30_000)
    assert len(asked) == 1
    page.clock.run_for(31_000)
    expect(page.locator('#sse')).to_have_text('2')
    expect(page.locator('#sse')).to_have_attribute('data-sse-state', 'open')
    for n in range(13, 15): stream.send(RENDER, event='sse-reset', id=f'e-{n}')
    stream.send(RENDER.replace('render', 'expired'), event='sse-reset', id='e-15')
    page.clock.run_for(1_000)
    expect(page.locator('#sse')).to_have_text('3')


@pytest.mark.feature('an event that the server could not render')
def test_tabs_that_share_a_stream_are_told_without_asking(live, tabs):
    pages = [tabs(live.url) for _ in range(3)]
    for tab in pages:
        tab.evaluate('''() => { window.told = [];
            addEventListener('sse:reset', ({detail}) => window.told.push(detail.reason)); }''')
        tab.wait_for_function("[...cjmSSE.subscriptions].every(each => each.isRelayed)")
    before = live.manager.statistics().replays
    live.manager.broadcast_threadsafe('number', {'n': -1}).result(10)
    live.send(1)
    for tab in pages:
        tab.wait_for_function("window.told.length")
        expect(tab.locator('#sse i')).to_have_text(['1'])
        assert tab.evaluate("window.told") == ['render']
    assert live.manager.statistics().replays == before and live.manager.statistics().streams == 1
