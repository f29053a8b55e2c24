"An `async` handler waits with `time.sleep`, and all other tabs wait with it"
import asyncio, time

from fasthtml.common import Button, P, fast_app

from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers


def make(is_mended):
    app, rt = fast_app(hdrs=sse_headers())
    manager = BroadcastManager()
    def show(kind, data): return P('Printed')
    setup_broadcast_routes(app, manager, element_builder=show)

    @rt('/')
    def index():
        news = create_sse_element('/sse/broadcast', 'news', 'beforeend')
        return news, Button('Print', hx_post='/print', hx_swap='none')

    @rt('/print')
    async def post():
        if is_mended: await asyncio.sleep(0.3)
        else: time.sleep(0.3)  # noqa: ASYNC251 - the mistake
        await manager.broadcast('printed', {})

    return app
