"The page shows a title in bold, and the pushed card shows it plain"
from fasthtml.common import B, Form, Input, Li, fast_app

from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers


def make(is_mended):
    app, rt = fast_app(hdrs=sse_headers())
    manager, cards = BroadcastManager(), []
    def card(title): return Li(B(title))
    def show(kind, data): return card(data['title']) if is_mended else Li(data['title'])
    setup_broadcast_routes(app, manager, element_builder=show)

    @rt('/')
    def index():
        listing = create_sse_element('/sse/broadcast', 'cards', 'beforeend', cursor=manager.cursor())
        return listing(*map(card, cards)), Form(Input(name='title'), hx_post='/add', hx_swap='none')

    @rt('/add')
    async def add(title: str):
        cards.append(title)
        await manager.broadcast('added', dict(title=title))

    return app
