"The page does not answer a reset, so it stays as it was"
from fasthtml.common import Form, Input, Li, fast_app

from cjm_fasthtml_sse import BroadcastManager, Replay, create_sse_element, setup_broadcast_routes, sse_headers


def make(is_mended):
    app, rt = fast_app(hdrs=sse_headers())
    manager, cards = BroadcastManager(replay=Replay(max_events=1)), []
    def show(kind, data): return Li(data['title'])
    setup_broadcast_routes(app, manager, element_builder=show)

    @rt('/')
    def index():
        more = dict(refresh='/cards') if is_mended else {}
        listing = create_sse_element('/sse/broadcast', 'cards', 'beforeend', cursor=manager.cursor(), **more)
        return listing(*map(Li, cards)), Form(Input(name='title'), hx_post='/add', hx_swap='none')

    @rt('/cards')
    def cards_alone(): return [Li(each) for each in cards]

    @rt('/add')
    async def add(title: str):
        cards.append(title)
        await manager.broadcast('added', dict(title=title))

    return app
