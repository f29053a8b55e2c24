"A vote is secret, and the event for all has the voter's name in an attribute"
from fasthtml.common import Button, Li, fast_app

from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers


def make(is_mended):
    app, rt = fast_app(hdrs=sse_headers())
    manager = BroadcastManager()
    def show(kind, data): return Li('A vote', **({} if is_mended else dict(data_by=data['by'])))
    setup_broadcast_routes(app, manager, element_builder=show)

    @rt('/')
    def index():
        votes = create_sse_element('/sse/broadcast', 'votes', 'beforeend')
        return votes, Button('Vote', hx_post='/vote', hx_swap='none')

    @rt('/vote')
    async def vote(sess): await manager.broadcast('voted', dict(by=sess['auth']))

    return app
