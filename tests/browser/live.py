"""A typical app with a manager, whose pages list the numbers that they receive

As a program (`python live.py PORT HTMX BACKPLANE`), it is a server that a test can kill.
"""
import asyncio
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fasthtml.common import A, Beforeware, Div, HttpHeader, I, Link, RedirectResponse, Response, fast_app
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from cjm_fasthtml_sse.core.broadcast import setup_broadcast_routes
from cjm_fasthtml_sse.browser.elements import connection_indicator, create_sse_element, sse_headers
from cjm_fasthtml_sse import AccessPolicy
from settings import make_manager

NPM = Path(__file__).parents[2]/'node_modules'
ICON = Link(rel='icon', href='data:,')
FOLDERS = {2: {'htmx.org': '/npm/htmx.org', 'htmx-ext-sse': '/npm/htmx-ext-sse'}, 4: {'htmx.org': '/npm/htmx-4.0.0'}}

HEARD = "() => [...document.querySelectorAll('#sse i')].map(each => Number(each.textContent))"
STATE = "() => document.querySelector('#sse').getAttribute('data-sse-state')"
LEADS = "() => [...cjmSSE.subscriptions].some(each => each.group?.isLeader)"


class Live:
    "A manager, its app, and the number of broadcasts so far"
    def __init__(self, head, authorize=None, headers=None, element_builder=None, scripts=(), **settings):
        self.manager, self.sent, self.headers, self.scripts = make_manager(**settings), 0, headers or {}, scripts
        self.thaw, self.holds, self.loop = threading.Event(), threading.Event(), None
        self.content = self.element  # `content(topics, share)` makes what the page shows
        self.app, rt = fast_app(htmx=False, surreal=False, pico=False, hdrs=[ICON, *head],
                                before=Beforeware(self.sign_in), secret_key='a secret of the tests')
        show = element_builder or self.show
        setup_broadcast_routes(self.app, self.manager, element_builder=show, policy=AccessPolicy(authorize=authorize))
        self.app.router.routes[:0] = [Mount('/npm', StaticFiles(directory=NPM))]
        rt('/')(self.page)
        rt('/as/{who}')(self.become)
        rt('/plain')(lambda: Div('no stream here', id='plain'))
        rt('/ping')(lambda: 'pong')
        rt('/fresh')(self.fresh)
        rt('/say')(self.say)
        rt('/hold')(self.hold)
        rt('/download')(lambda: Response('x', headers={'Content-Disposition': 'attachment; filename=x.txt'}))

    def sign_in(self, req, sess): req.scope['auth'] = sess.get('auth')

    def become(self, sess, who: str, to: str = '/plain'):
        sess.pop('auth', None)
        if who != 'nobody': sess['auth'] = who
        return RedirectResponse(to, status_code=303)

    def show(self, kind, data): return I(data['n'])

    def element(self, topics, share):
        return create_sse_element('/sse/broadcast', 'sse', 'beforeend', topics=topics, share=share,
                                  cursor=self.manager.cursor(), data_from=self.sent)

    async def page(self, topic: list[str] = None, share: str = ''):
        "Run on the loop of the connections, so that no broadcast comes between the number and the cursor"
        self.loop = asyncio.get_running_loop()
        link = A('download', href='/download', id='download')
        content = self.content(topic or [], share != 'no')
        headers = [HttpHeader(name, value) for name, value in self.headers.items()]
        return content, connection_indicator(id='state'), link, *self.scripts, *headers

    async def fresh(self): return I(self.sent), HttpHeader('Last-Event-ID', self.manager.cursor())

    async def hold(self):
        "Answer a page that is blocked in a script, once the test lets it continue"
        self.holds.set()
        await asyncio.to_thread(self.thaw.wait, 120)
        return ''

    async def say(self, topic: str = None):
        self.sent += 1
        await self.manager.broadcast('number', {'n': self.sent}, topic=topic)
        return str(self.sent)

    @contextmanager
    def talking(self, often):
        "Broadcast numbers in the background, one every `often` seconds"
        stop = threading.Event()
        def feed():
            while not stop.wait(often): self.send()
        thread = threading.Thread(target=feed)
        thread.start()
        try: yield
        finally:
            stop.set()
            thread.join()

    def send(self, count=1, topic=None):
        "Broadcast the next numbers from the test's thread, after a page was opened"
        for _ in range(count): asyncio.run_coroutine_threadsafe(self.say(topic), self.loop).result(30)


def head(major): return sse_headers(major, local=FOLDERS[major])


if __name__ == '__main__':
    port, major, backplane = sys.argv[1:]
    live = Live(head(int(major)), backplane=None if backplane == 'memory' else backplane)
    uvicorn.run(live.app, host='127.0.0.1', port=int(port), log_level='critical')
