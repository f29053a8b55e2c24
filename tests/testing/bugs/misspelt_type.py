"An event has the type `anounced`, and the page takes `announced`"
from fasthtml.common import Form, Input, P, fast_app

from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers


def make(is_mended):
    app, rt = fast_app(hdrs=sse_headers())
    manager = BroadcastManager()
    def show(kind, data): return P(data['text'])
    setup_broadcast_routes(app, manager, element_builder=show, named=True)

    @rt('/')
    def index():
        news = create_sse_element('/sse/broadcast', 'news', 'announced', hx_swap='beforeend')
        return news, Form(Input(name='text'), hx_post='/say', hx_swap='none')

    @rt('/say')
    async def say(text: str): await manager.broadcast('announced' if is_mended else 'anounced', dict(text=text))

    return app
