"The page shows a card without its id, so the changed card finds no place"
from fasthtml.common import Button, Li, Ul, fast_app

from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers


def make(is_mended):
    app, rt = fast_app(hdrs=sse_headers())
    manager, done = BroadcastManager(), set()
    def card(name, **attrs): return Li(f'{name} (done)' if name in done else name, **attrs)
    def show(kind, data): return card(data['name'], id=f"card-{data['name']}", hx_swap_oob='true')
    setup_broadcast_routes(app, manager, element_builder=show)

    @rt('/')
    def index():
        ids = {name: dict(id=f'card-{name}') if is_mended else {} for name in ('milk', 'tea')}
        cards = Ul(*[card(name, **attrs) for name, attrs in ids.items()], id='cards')
        return create_sse_element('/sse/broadcast'), cards, Button('Done', hx_post='/done?name=tea', hx_swap='none')

    @rt('/done')
    async def mark_done(name: str):
        done.add(name)
        await manager.broadcast('done', dict(name=name))

    return app
