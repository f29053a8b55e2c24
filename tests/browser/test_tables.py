"Tables in browsers: what any program commits is shown in every tab, also rows of their own"
import random
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from fasthtml.common import Button, Div, FastHTML, Input, Li, Link, Span, Table, Tbody, Td, Title, Tr, Ul
from fastlite import database
from playwright.sync_api import Error
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from cjm_fasthtml_sse import Live
from .engines import expect
from .live import NPM
from .test_live import App as Plain
from .test_live import expect_fresh, opened

pytestmark = pytest.mark.sample(1)


class Card:
    id: int
    col: str
    text: str


class App:
    "Cards in a database of fastlite: a board, a list of rows, and the rows of one column in a table"
    def __init__(self, htmx, path):
        self.rt = app = FastHTML(default_hdrs=False, hdrs=[Link(rel='icon', href='data:,'), *Plain.scripts(htmx)])
        app.router.routes[:0] = [Mount('/npm', StaticFiles(directory=NPM))]
        self.db = database(path)
        self.cards = self.db.create(Card, pk='id')
        self.made = []
        if not self.cards.count: self.cards.insert_all([dict(col='todo', text=n) for n in ('one', 'two', 'three')])
        self.live = live = Live(app, self.db, local='/npm')
        self.board = live.region(self.cards, min_interval=0)(self.board)
        self.card = live.rows(self.cards, order_by='id', min_interval=0)(self.card)
        about = dict(where='col = ?', order_by='text DESC', limit=5, empty=Tr(Td('nothing')), min_interval=0)
        self.of = live.rows(self.cards, **about)(self.of)
        app.get('/')(self.index)
        app.post('/move')(self.move)

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

    def move(self, id: int, col: str): self.cards.update(id=id, col=col)


@pytest.fixture
def cards(serve, htmx, tmp_path):
    "`cards()` serves an app of the test's version of htmx, on the database of this test"
    with ExitStack() as stack:
        def start(port=None):
            app = App(htmx, tmp_path / 'app.db')
            app.path = tmp_path / 'app.db'
            app.stack = stack.enter_context(ExitStack())
            app.url = app.stack.enter_context(serve(app.rt, port=port))
            return app
        yield start


FOREIGN = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.executescript(sys.argv[2]); c.close()"


def elsewhere(app, script):
    "Let another program write"
    subprocess.run([sys.executable, '-c', FOREIGN, str(app.path), script], check=True)


def test_a_commit_of_any_program_reaches_every_tab(cards, tabs):
    app = cards()
    pages = [opened(tabs, app.url) for _ in range(2)]
    pages[0].click('#move')
    for page in pages: expect(page.locator('#board')).to_have_text('todo 2 done 1')
    for page in pages: expect(page.locator('#done')).to_have_text('one')
    elsewhere(app, "UPDATE card SET col = 'done', text = 'new' WHERE id = 2; DELETE FROM card WHERE id = 3")
    for page in pages: expect(page.locator('#done')).to_have_text('onenew')
    for page in pages: expect(page.locator('#cards li')).to_have_count(2)
    elsewhere(app, 'BEGIN; DELETE FROM card; ROLLBACK; INSERT INTO card (text) VALUES (\'last\')')
    for page in pages: expect(page.locator('#cards li').last).to_have_text('last')
    elsewhere(app, 'DELETE FROM card')
    for page in pages: expect(page.locator('#done')).to_have_text('nothing')


def test_only_changed_rows_are_rendered_and_what_is_typed_stays(cards, tabs):
    app = cards()
    page = opened(tabs, app.url)
    page.fill('#note-2', 'typed')
    page.evaluate("window.row = document.getElementById('card-2')")
    app.made.clear()
    elsewhere(app, "UPDATE card SET text = 'changed' WHERE id = 2; INSERT INTO card VALUES (0, 'todo', 'first')")
    expect(page.locator('#cards li').first).to_have_text('first')
    expect(page.locator('#card-2')).to_have_text('changed')
    assert sorted(app.made) == [0, 2]
    assert page.evaluate("row === document.getElementById('card-2')")
    assert page.input_value('#note-2') == 'typed'


def test_what_was_written_while_the_application_was_down_is_shown(cards, tabs, console):
    console.allow_failing()
    app = cards()
    page = opened(tabs, app.url)
    app.stack.close()
    elsewhere(app, "UPDATE card SET text = text || '!'")
    again = cards(port=int(app.url.rsplit(':', 1)[1].strip('/')))
    expect(page.locator('#card-1')).to_have_text('one!')
    expect_fresh(tabs, [page], again.url)


WRITER = Path(__file__).with_name('writes_cards.py')


@pytest.mark.parametrize('seed', range(3))
def test_every_tab_equals_a_fresh_load(cards, tabs, context, console, seed):
    console.allow_failing()
    app, rnd, is_offline = cards(), random.Random(seed), False
    pages = [opened(tabs, app.url) for _ in range(3)]
    for _ in range(4):
        for _ in range(12):
            act = rnd.random()
            if act < .08 and not is_offline:
                with suppress(Error): pages[rnd.randrange(3)].reload(wait_until='commit')  # it may still load
            elif act < .25: context.set_offline(is_offline := act < .14)
            elif act < .4: app.cards.insert(dict(col='done', text=f'{rnd.random():.3f}'))
            else: subprocess.run([sys.executable, WRITER, app.path, str(rnd.random())], check=True)
        context.set_offline(is_offline := False)
        expect_fresh(tabs, pages, app.url)
