"The kit follows tables: what a handler or another program commits is shown in all tabs, on all workers"
import random
from contextlib import closing

import apsw
import pytest
from cjm_fasthtml_sse import BackplaneError, Live
from cjm_fasthtml_sse.testing import live
from fasthtml.common import Button, Div, FastHTML, Form, Input, Li, P, Table, Tbody, Td, Titled, Tr, Ul
from fastlite import database


class Site:
    "Cards in a database, shown by a region and by rows"
    def __init__(self, path): self.path = path

    def make(self):
        class Card:
            id: int
            col: str
            text: str
        app, db = FastHTML(secret_key='a secret'), database(self.path)
        cards = db.create(Card, pk='id')
        regions = Live(app, db)
        @regions.region(cards)
        def board(): return Div(*(P(each.text, id=f'p-{each.id}') for each in cards(order_by='id')), id='board')
        @regions.rows(cards, order_by='id DESC', empty=Li('none'))
        def card(card): return Li(card.text)
        @regions.rows(cards, where='col = ?', order_by='text')
        def of(card): return Tr(Td(card.text))
        def index():
            form = Form(Input(name='text'), Button('Add'), hx_post='/add', hx_swap='none')
            return Titled('Cards', board(), Ul(card(), id='cards'), Table(Tbody(of('done'), id='done')), form)
        def add(text: str): cards.insert(text=text, col='todo')
        app.get('/')(index)
        app.post('/add')(add)
        return app

    def write(self, statement, *values):
        "Commit as another program does, but by the library of the application, since it is in one process with it"
        with closing(apsw.Connection(str(self.path))) as con: con.execute(statement, values)


@pytest.fixture
def site(tmp_path): return Site(tmp_path / 'app.db')


def test_what_a_handler_commits_is_shown_when_its_response_is_there(site):
    with live(site.make, workers=2) as world:
        one, two = (world.tab('/', worker=n) for n in range(2))
        assert one.texts('#cards li') == ['none']
        one.fill('[name=text]', 'hello')
        one.submit('form')
        for tab in (one, two):
            assert tab.texts('#cards li') == ['hello'] and tab.texts('#board p') == ['hello']
        world.assert_in_step(one, two)


def test_settled_shows_what_another_program_has_written(site):
    with live(site.make, workers=2) as world:
        tabs = [world.tab('/', worker=n) for n in range(2)]
        for text in ('one', 'two'):
            site.write('INSERT INTO card (text, col) VALUES (?, ?)', text, 'todo')
            world.settled()
            for tab in tabs: assert tab.texts('#board p')[-1] == text
        world.server.kill(0, replace=False)
        world.engine.go_away()
        site.write('DELETE FROM card')
        world.settled()  # does not wait for the engine
        assert tabs[1].texts('#cards li') == ['two', 'one'] and world.clock.now < 10
        world.engine.come_back()
        world.clock.advance(60)
        for tab in tabs: assert tab.texts('#cards li') == ['none']


def test_a_row_that_was_written_without_an_engine_is_shown_although_all_processes_have_died(site):
    "A touch that only a process had kept would be lost with it"
    with live(site.make, workers=2) as world:
        tabs = [world.tab('/', worker=n) for n in range(2)]
        world.engine.go_away()
        with world.expected(BackplaneError):
            site.write("INSERT INTO card (text, col) VALUES ('one', 'todo')")
            world.clock.advance(1)
            for number in range(2): world.server.kill(number)
            world.engine.come_back()
            world.clock.advance(60)
        for tab in tabs: assert tab.texts('#cards li') == ['one']
        world.assert_in_step(*tabs)


def test_settled_does_not_wait_for_a_program_that_has_the_lock(site):
    with live(site.make) as world:
        tab = world.tab()
        site.write("INSERT INTO card (text, col) VALUES ('one', 'todo')")
        with closing(apsw.Connection(str(site.path))) as con:
            con.execute('BEGIN IMMEDIATE')
            world.settled()
            assert tab.texts('#cards li') == ['none'] and world.clock.now < 10
        world.settled()
        assert tab.texts('#cards li') == ['one']


ACTS = [('INSERT INTO card (text, col) VALUES (?, ?)', 2), ('UPDATE card SET text = ? WHERE id % 3 = 1', 1),
    ("UPDATE card SET col = iif(col = 'done', 'todo', 'done')", 0), ('DELETE FROM card WHERE id % 4 = 2', 0),
    ('UPDATE card SET id = id + 100 WHERE id = (SELECT max(id) FROM card)', 0)]


@pytest.mark.sample(1)
@pytest.mark.parametrize('seed', range(3))
def test_every_tab_equals_a_fresh_load(site, seed):
    rnd = random.Random(seed)
    with live(site.make, workers=2, seed=seed) as world:
        tabs = [world.tab('/', worker=n % 2) for n in range(4)]
        for _ in range(5):
            for _ in range(20):
                statement, count = rnd.choice(ACTS)
                site.write(statement, *(f'{rnd.randrange(99)}', rnd.choice(['todo', 'done']))[:count])
                if rnd.random() < .2: rnd.choice(tabs).reload()
                if rnd.random() < .3: world.clock.advance(rnd.random())
            if rnd.random() < .3: world.server.restart()
            world.clock.advance(60)
            for tab in tabs: world.assert_fresh(tab)
