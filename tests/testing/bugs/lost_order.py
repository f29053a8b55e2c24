"Moves of a card replace its earlier moves by `key=`, though the places of other cards depend on those"
from fasthtml.common import Button, Li, Ul, fast_app

from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers


def make(is_mended):
    app, rt = fast_app(hdrs=sse_headers())
    manager, order = BroadcastManager(), ['a', 'b', 'c']
    def card(name): return Li(name, Button('Up', hx_post=f'/up?name={name}', hx_swap='none'), id=f'card-{name}')
    def show(kind, data):
        name, before = data['name'], data['before']
        return Li(id=f'card-{name}', hx_swap_oob='delete'), Ul(card(name), hx_swap_oob=f'beforebegin:#card-{before}')
    setup_broadcast_routes(app, manager, element_builder=show)

    @rt('/')
    def index(): return create_sse_element('/sse/broadcast', cursor=manager.cursor()), Ul(*map(card, order), id='cards')

    @rt('/up')
    async def up(name: str):
        place = order.index(name)
        before = order[place - 1]
        order[place - 1:place + 1] = name, before
        await manager.broadcast('moved', dict(name=name, before=before), key=None if is_mended else name)

    return app
