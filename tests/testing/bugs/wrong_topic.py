"A card is broadcast to `board`, and pages subscribe to `boards`"
from fasthtml.common import Form, Input, Li, fast_app

from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers


def make(is_mended):
    app, rt = fast_app(hdrs=sse_headers())
    manager, cards = BroadcastManager(), []
    topic = 'boards' if is_mended else 'board'
    def show(kind, data): return Li(data['title'])
    setup_broadcast_routes(app, manager, element_builder=show)

    @rt('/')
    def index():
        listing = create_sse_element('/sse/broadcast', 'cards', 'beforeend', topics=['boards'], cursor=manager.cursor())
        return listing(*[Li(each) for each in cards]), Form(Input(name='title'), hx_post='/add', hx_swap='none')

    @rt('/add')
    async def add(title: str):
        cards.append(title)
        await manager.broadcast('added', dict(title=title), topic=topic)

    return app
