"What the page about databases promises, through real requests, with another program that writes"
import sqlite3
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager

import apsw
import pytest
from fasthtml.common import Li, P, Ul
from tables.follow import elsewhere, run
from until import until

from .site import Site, served

CONNECTS = dict(sqlite3=lambda path: sqlite3.connect(path, isolation_level=None, check_same_thread=False),
                apsw=lambda path: apsw.Connection(str(path)))
COUNT = 'WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {})'
MANY = f'{COUNT} INSERT INTO card(n) SELECT n FROM c'


class Cards:
    "A table of cards, shown as their number and as rows"
    def __init__(self, path, library):
        self.path, self.counted, self.made = path, 0, []
        run(path, library, 'PRAGMA journal_mode = WAL', 'CREATE TABLE IF NOT EXISTS card(id INTEGER PRIMARY KEY, n)')
        self.con = CONNECTS[library](path)
        self.site = site = Site(db=self.con)
        self.live, table = site.live, site.live.table('card')
        self.count = site.region(table, min_interval=0)(self.count)
        self.card = site.live.rows(table, order_by='n', limit=3, min_interval=0)(self.card)
        self.sum = site.region(table, min_interval=0)(self.sum)
        site.app.get('/cards')(self.page)

    async def page(self): return Ul(self.card())

    def count(self):
        self.counted += 1
        (n,), = self.live.connection().execute('SELECT count(*) FROM card').fetchall()
        return P(f'{n} cards')

    def sum(self): return P(f'{sum(int(n) for n, in self.live.connection().execute("SELECT n FROM card"))} in all')

    def card(self, row):
        self.made.append(row.n)
        return Li(row.n)


@contextmanager
def serving(path, library):
    with ExitStack() as stack:
        cards = Cards(path, library)
        stack.enter_context(closing(cards.con))
        stack.enter_context(served(cards.site))
        yield cards


@pytest.fixture(params=list(CONNECTS))
def cards(request, tmp_path):
    with serving(tmp_path / 'app.db', request.param) as cards: yield cards


def test_a_thousand_rows_in_one_transaction_are_rendered_at_most_twice(cards):
    with cards.site.looking('/count', '/cards') as reader:
        cards.counted = 0
        cards.made.clear()
        elsewhere(cards.path, 'BEGIN', MANY.format(1000), 'UPDATE card SET n = n + 1', 'COMMIT')
        reader.until_shown('1000 cards')
        until(lambda: cards.made)
        elsewhere(cards.path, 'DELETE FROM card WHERE n > 2')
        reader.until_shown('1 cards')
        assert cards.counted <= 3 and cards.made == [2, 3, 4]
        assert len(reader.touches) == 2


def test_a_region_that_failed_between_two_rows_reads_the_present_state_the_next_time(cards):
    "So do the others: what the failure left open keeps no connection at an old state"
    elsewhere(cards.path, 'INSERT INTO card(n) VALUES (1), (2)')
    with cards.site.looking('/sum', '/count') as reader:
        for n in (3, 5):
            failed = len(reader.errors)
            elsewhere(cards.path, 'UPDATE card SET n = NULL WHERE id = 1')
            until(lambda seen=failed: len(reader.errors) > seen)
            elsewhere(cards.path, f'UPDATE card SET n = {n} WHERE id = 1', 'INSERT INTO card(n) VALUES (0)')
            reader.until_shown(f'{n + 2} in all')
            reader.until_shown(f'{(n + 3) // 2} cards')


@pytest.mark.parametrize('library', list(CONNECTS))
@pytest.mark.parametrize('n', [10_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_what_was_written_while_no_process_ran_is_shown(tmp_path, library, n):
    "To a new page, and to one that was open before; the file does not grow by more than the rows"
    alone, path = tmp_path / 'alone.db', tmp_path / 'app.db'
    run(alone, library, 'PRAGMA journal_mode = WAL', 'CREATE TABLE card(id INTEGER PRIMARY KEY, n)')
    with serving(path, library) as cards: before, = cards.site.about('/count')
    for each in (alone, path): elsewhere(each, MANY.format(n), 'PRAGMA wal_checkpoint(TRUNCATE)')
    with serving(path, library) as cards:
        assert f'{n} cards' in cards.site.get('/count').text
        assert f'{n} cards' in cards.site.fetch(before['view'], at=before['at']).text
        with cards.site.reader(before['view'], last_event_id=before['at']) as reader:
            until(lambda: reader.events, 'the page is told')
    assert path.stat().st_size < alone.stat().st_size + 200_000


def test_the_triggers_of_an_application_that_runs_are_not_removed(cards):
    "It would make them again"
    with pytest.raises(RuntimeError, match='stop all its processes'): cards.live.remove_triggers()
    with cards.site.looking('/count') as reader:
        elsewhere(cards.path, 'INSERT INTO card(n) VALUES (1)')
        reader.until_shown('1 cards')


@asynccontextmanager
async def no_lifespan(app): yield


def test_an_application_whose_lifespan_does_not_run_is_reported_once(tmp_path, caplog):
    cards = Cards(tmp_path / 'app.db', 'sqlite3')
    cards.site.app.router.lifespan_context = no_lifespan
    with closing(cards.con), served(cards.site):
        for _ in range(2):
            with cards.site.looking('/count'): until(lambda: 'app.db are not followed' in caplog.text)
    assert caplog.text.count('are not followed') == 1
