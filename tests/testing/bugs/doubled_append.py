"After a reset the listing gets all cards again, and its `hx-swap` appends them to those that it has"
from fasthtml.common import Form, Input, Li, fast_app

from cjm_fasthtml_sse import BroadcastManager, Replay, create_sse_element, setup_broadcast_routes, sse_headers


def make(is_mended):
    app, rt = fast_app(hdrs=sse_headers())
    manager, cards = BroadcastManager(replay=Replay(max_events=1)), []
    answer = dict(refresh='/cards') if is_mended else dict(hx_get='/cards', hx_trigger='sse:sse-reset')
    def show(kind, data): return Li(data['title'])
    setup_broadcast_routes(app, manager, element_builder=show)

    @rt('/')
    def index():
        listing = create_sse_element('/sse/broadcast', 'cards', 'beforeend', cursor=manager.cursor(), **answer)
        return listing(*map(Li, cards)), Form(Input(name='title'), hx_post='/add', hx_swap='none')

    @rt('/cards')
    def cards_alone(): return [Li(each) for each in cards]

    @rt('/add')
    async def add(title: str):
        cards.append(title)
        await manager.broadcast('added', dict(title=title))

    return app
