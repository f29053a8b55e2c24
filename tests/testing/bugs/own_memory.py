"Each worker has a list of the cards in its own memory, instead of a database that all share"
import sqlite3

from fasthtml.common import Form, Input, Li, fast_app

from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers


class InMemory:
    def __init__(self): self.titles = []
    def add(self, title): self.titles.append(title)
    def all(self): return self.titles


class InDatabase:
    def __init__(self):
        self.db = sqlite3.connect('file:cards?mode=memory&cache=shared', uri=True, isolation_level=None)
        self.db.execute('CREATE TABLE IF NOT EXISTS cards (title)')
    def add(self, title): self.db.execute('INSERT INTO cards VALUES (?)', (title,))
    def all(self): return [title for title, in self.db.execute('SELECT title FROM cards')]


def make(is_mended):
    app, rt = fast_app(hdrs=sse_headers(), secret_key='the same in all workers')
    manager, cards = BroadcastManager(), InDatabase() if is_mended else InMemory()
    def show(kind, data): return Li(data['title'])
    setup_broadcast_routes(app, manager, element_builder=show)

    @rt('/')
    async def index():
        listing = create_sse_element('/sse/broadcast', 'cards', 'beforeend', cursor=manager.cursor())
        return listing(*map(Li, cards.all())), Form(Input(name='title'), hx_post='/add', hx_swap='none')

    @rt('/add')
    async def add(title: str):
        cards.add(title)
        await manager.broadcast('added', dict(title=title))

    return app
