"A handler calls `broadcast` without `await`"
from fasthtml.common import Form, Input, Li, fast_app

from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers


def make(is_mended):
    app, rt = fast_app(hdrs=sse_headers())
    manager = BroadcastManager()
    def show(kind, data): return Li(data['title'])
    setup_broadcast_routes(app, manager, element_builder=show)

    @rt('/')
    def index():
        cards = create_sse_element('/sse/broadcast', 'cards', 'beforeend')
        return cards, Form(Input(name='title'), hx_post='/add', hx_swap='none')

    @rt('/add')
    async def add(title: str):
        if is_mended: await manager.broadcast('added', dict(title=title))
        else: manager.broadcast('added', dict(title=title))

    return app
