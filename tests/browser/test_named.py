"Named events on a page, on htmx 2 and htmx 4"
import pytest
from fasthtml.common import Div, I, Link, fast_app
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes
from .engines import expect


@pytest.mark.feature('named events')
def test_named_broadcasts_are_swapped_where_they_are_named(serve, npm_files, page, any_htmx):
    "Live and replayed events, in the element and in an inner element; those with other names are not shown"
    head = [*any_htmx.head(), Link(rel='icon', href='data:,')]
    app, rt = fast_app(htmx=False, surreal=False, pico=False, hdrs=head)
    app.router.routes[:0] = [Mount('/npm', StaticFiles(directory=npm_files))]
    manager = BroadcastManager()
    setup_broadcast_routes(app, manager, element_builder=lambda kind, data: I(data['text']), named=True)
    before = manager.cursor()

    @rt('/')
    async def index():
        for kind in ('counted', 'other', 'added'): await manager.broadcast(kind, {'text': f'{kind} before'})
        inner = Div(id='inner', data_sse_swap='added', hx_swap='beforeend')
        chosen = create_sse_element('/sse/broadcast', 'chosen', 'counted', hx_swap='beforeend', cursor=before)
        every = create_sse_element('/sse/broadcast', 'unnamed', 'beforeend', cursor=before)
        return chosen(inner), every, create_sse_element('/sse/broadcast', 'id', 'counted', cursor=before)

    @rt('/say')
    async def say():
        for kind in ('other', 'added', 'counted', 'last'):
            await manager.broadcast(kind, {'text': f'{kind} now'})
        return ''

    with serve(app) as url:
        page.goto(url)
        expect(page.locator('#id')).to_have_text('counted before')
        page.evaluate("fetch('/say')")
        expect(page.locator('#id')).to_have_text('counted now')
        expect(page.locator('#chosen > i')).to_have_text(['counted before', 'counted now'])
        expect(page.locator('#inner > i')).to_have_text(['added before', 'added now'])
        expect(page.locator('#unnamed')).to_have_text('')
        page.close()
