"An application on a table, in the process of a test, or in several workers: `uvicorn --factory browser.cards_app:make`"
import os
import random
from contextlib import contextmanager, suppress
from types import SimpleNamespace

from fasthtml.common import Button, Div, FastHTML, Input, Li, Link, Span, Table, Tbody, Td, Title, Tr, Ul
from fastlite import database
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from cjm_fasthtml_sse import Live
from .live import NPM, head


class Card:
    id: int
    col: str
    text: str


def scripts(htmx): return [elt for elt in htmx.head() if 'htmx.min.js' in str(elt) or elt.tag == 'meta']


class App:
    "Cards in a database of fastlite: a board, a list of rows, and the rows of one column in a table"
    def __init__(self, htmx, path):
        self.rt = app = FastHTML(default_hdrs=False, hdrs=[Link(rel='icon', href='data:,'), *scripts(htmx)])
        app.router.routes[:0] = [Mount('/npm', StaticFiles(directory=NPM))]
        self.db = database(path)
        self.db.conn.set_busy_timeout(10_000)  # ms to wait for another program
        self.cards = self.db.create(Card, pk='id')
        self.made = []
        if not self.cards.count: self.cards.insert_all([dict(col='todo', text=n) for n in ('one', 'two', 'three')])
        self.live = live = Live(app, self.db, local='/npm')
        self.board = live.region(self.cards, min_interval=0)(self.board)
        self.card = live.rows(self.cards, order_by='id', min_interval=0)(self.card)
        about = dict(where='col = ?', order_by='text DESC', limit=5, empty=Tr(Td('nothing')), min_interval=0)
        self.of = live.rows(self.cards, **about)(self.of)
        about = dict(where='col = ?', order_by='text', empty=Li('nothing'), min_interval=0)
        self.moved = live.rows(self.cards, **about)(self.moved)
        app.get('/')(self.index)
        app.get('/lists')(self.lists)
        app.post('/move')(self.move)
        app.post('/edit')(self.edit)

    def index(self):
        rows = Ul(self.card(), id='cards'), Table(Tbody(self.of('done'), id='done'))
        button = Button('move', id='move', hx_post='/move?id=1&col=done', hx_swap='none')
        return Title('Cards'), self.board(), *rows, button

    def board(self): return Div(*(Span(f'{col} {len(self.cards(where="col = ?", where_args=[col]))} ')
                                  for col in ('todo', 'done')), id='board')

    def card(self, card):
        self.made.append(card.id)
        return Li(card.text, Input(id=f'note-{card.id}'), id=f'card-{card.id}')

    def of(self, card): return Tr(Td(card.text))

    def lists(self): return Title('Lists'), *(Ul(self.moved(col), id=col) for col in ('todo', 'doing', 'done'))

    def moved(self, card): return Li(card.text)

    def move(self, id: int, col: str): self.cards.update(id=id, col=col)

    async def edit(self, seed: str):
        "Write at random; on the loop, since all handlers of a worker share a connection"
        rnd = random.Random(seed)
        ids, n = [card.id for card in self.cards()], rnd.randrange(10**6)
        act = rnd.choice(('insert', 'update', 'bulk', 'rollback')) if ids else 'insert'
        if act == 'insert': self.cards.insert(col='done', text=f'ours {n}')
        elif act == 'update': self.cards.update(id=rnd.choice(ids), text=f'by us {n}')
        else:
            with suppress(Undone), transaction(self.db):
                for id in ids: self.cards.update(id=id, col=rnd.choice(('todo', 'done')))
                if act == 'rollback': raise Undone


class Undone(Exception): "Rolls a transaction back"


@contextmanager
def transaction(db):
    "Statements that all count, or none"
    db.execute('BEGIN IMMEDIATE')
    try: yield
    except BaseException:
        db.execute('ROLLBACK')
        raise
    db.execute('COMMIT')


def make():
    "The application of a worker, for `uvicorn --factory`"
    major = int(os.environ['CARDS_HTMX'])
    return App(SimpleNamespace(head=lambda: head(major)), os.environ['CARDS_DB']).rt
