"What is written is touched, by whatever statement, with both libraries; what cannot be followed is refused"
import asyncio
import contextlib
import shutil
import sqlite3
import subprocess
import sys
from time import monotonic

import pytest
from cjm_fasthtml_sse import Live
from cjm_fasthtml_sse.backplanes.sqlite_library import LIBRARIES
from cjm_fasthtml_sse.runtime.time import Time
from cjm_fasthtml_sse.tables import follower
from cjm_fasthtml_sse.tables.databases import find_database
from cjm_fasthtml_sse.tables.follower import look
from cjm_fasthtml_sse.tables.triggers import drop_triggers
from fasthtml.common import FastHTML, Li
from fastlite import database

from until import until_async

from .follow import PATIENCE, Followed, connect, elsewhere, run

SCHEMA = ('PRAGMA journal_mode = WAL',
    'CREATE TABLE card(id INTEGER PRIMARY KEY, name UNIQUE, n)', "INSERT INTO card VALUES (1, 'a', 1), (2, 'b', 2)",
    'CREATE TABLE pair(a, b, n, PRIMARY KEY (a, b)) WITHOUT ROWID', 'INSERT INTO pair VALUES (1, 1, 1), (1, 2, 2)',
    'CREATE TABLE plain(n)', 'INSERT INTO plain VALUES (1)',
    'CREATE TABLE child(n, card REFERENCES card ON DELETE CASCADE)', 'INSERT INTO child VALUES (1, 1)')
TABLES = 'card', 'pair', 'plain', 'child'

# Statements of one program, and the tables that are touched
WRITES = { # chkstyle: ignore
    'a displaced row': (["INSERT OR REPLACE INTO card VALUES (9, 'a', 3)"], ['card']),
    'another key': (['UPDATE card SET id = 7 WHERE id = 1'], ['card']),
    'a key that displaces': (['UPDATE OR REPLACE card SET id = 2 WHERE id = 1'], ['card']),
    'an upsert': (["INSERT INTO card VALUES (1, 'x', 1) ON CONFLICT(id) DO UPDATE SET n = n + 1"], ['card']),
    'a compound key': (['UPDATE pair SET b = 3 WHERE b = 2'], ['pair']),
    'a row without rowid': (['REPLACE INTO pair VALUES (1, 2, 5)'], ['pair']),
    'no primary key': (['UPDATE plain SET n = 2'], ['plain']),
    'a cascade': (['PRAGMA foreign_keys = ON', 'DELETE FROM card WHERE id = 1'], ['card', 'child']),
    'recursive triggers': (['PRAGMA recursive_triggers = ON', "REPLACE INTO card VALUES (3, 'a', 3)"], ['card']),
    'all rows': (['DELETE FROM plain'], ['plain']),
    'a column more': (['ALTER TABLE card ADD COLUMN more', 'UPDATE card SET more = 1'], ['card']),
    'a column with a default': (['ALTER TABLE plain ADD COLUMN more DEFAULT 5'], ['plain']),
    'a name in other case': (['DROP TABLE plain', 'CREATE TABLE PLAIN(n)'], ['plain']),
    'a column of another name': (['ALTER TABLE card RENAME COLUMN n TO m', 'UPDATE card SET m = 1'], ['card']),
    'a migration': (['BEGIN', 'CREATE TABLE new(id INTEGER PRIMARY KEY, n)', 'INSERT INTO new SELECT id, n FROM card',
        'DROP TABLE card', 'ALTER TABLE new RENAME TO card', 'COMMIT'], ['card']),
    'a migration that keeps the old one': (['BEGIN', 'ALTER TABLE card RENAME TO old', 'CREATE TABLE card(id, n)',
        'INSERT INTO card SELECT id, n FROM old', 'COMMIT'], ['card', 'child']),
    'a table that is gone': (['DROP TABLE plain'], ['plain']),
    'lost triggers': (['DROP TRIGGER sse_insert_card', "INSERT INTO card VALUES (5, 'e', 5)"], ['card']),
    'lost marks': (['DROP TABLE sse_tables'], sorted(TABLES)),
    'a table of a temporary database': (['ATTACH ":memory:" AS other', 'CREATE TABLE other.card(n)',
        'INSERT INTO other.card VALUES (1)', 'INSERT INTO main.plain VALUES (2)'], ['plain']),
}
QUIET = { # chkstyle: ignore
    'a rollback': ['BEGIN', 'DELETE FROM card', 'ROLLBACK'],
    'a savepoint': ['BEGIN', 'SAVEPOINT a', 'DELETE FROM card', 'ROLLBACK TO a', 'COMMIT'],
    'nothing found': ['DELETE FROM card WHERE id = 99', "INSERT OR IGNORE INTO card VALUES (1, 'a', 1)"],
    'another table': ['CREATE TABLE other(n)', 'INSERT INTO other VALUES (1)'],
    'VACUUM': ['VACUUM'],
    'a checkpoint': ['PRAGMA wal_checkpoint(TRUNCATE)'],
}


@pytest.fixture(params=list(LIBRARIES))
def library(request): return request.param


@pytest.fixture
def path(tmp_path, library):
    run(path := tmp_path / 'app.db', library, *SCHEMA)
    return path


@pytest.mark.sample(12)
@pytest.mark.parametrize('what', list(WRITES))
def test_what_a_statement_changes_is_touched(path, library, what):
    statements, expected = WRITES[what]
    async def main():
        async with Followed(path, library, *TABLES) as app:
            app.rest()
            elsewhere(path, *statements)
            found = set()
            while found != {*expected}: found |= {*await app.touched()}
            elsewhere(path, 'UPDATE pair SET n = n + 1')  # the others are followed as before
            assert await app.touched() == ['pair']
            if expected[0] == 'pair' or 'gone' in what: return
            elsewhere(path, f'INSERT INTO {expected[0]} DEFAULT VALUES')
            assert await app.touched() == expected[:1]
    asyncio.run(main())


@pytest.mark.sample(4)
@pytest.mark.parametrize('what', list(QUIET))
def test_what_changes_nothing_is_not_touched(path, library, what):
    async def main():
        async with Followed(path, library, *TABLES) as app:
            app.rest()
            before = await app.changes()
            elsewhere(path, *QUIET[what])
            assert await app.changes() == before
            elsewhere(path, 'DELETE FROM plain')
            assert await app.touched() == ['plain']
    asyncio.run(main())


def test_a_file_that_was_put_back_is_followed(path, library, tmp_path):
    "By the backup of SQLite, and as another file"
    async def main():
        with contextlib.closing(sqlite3.connect(tmp_path / 'copy.db')) as copy:
            async with Followed(path, library, *TABLES) as app:
                elsewhere(path, f"VACUUM INTO '{tmp_path / 'old.db'}'", 'DELETE FROM plain')
                await app.touched()
                shutil.move(tmp_path / 'old.db', path)
                for end in ('-wal', '-shm'): (tmp_path / f'app.db{end}').unlink(missing_ok=True)
                assert 'plain' in await app.touched()
                elsewhere(path, 'INSERT INTO plain VALUES (7)')
                assert 'plain' in await app.touched()
            copy.execute('SELECT 1')
    asyncio.run(main())


RESTORE = 'import sqlite3, sys; sqlite3.connect(sys.argv[2]).backup(sqlite3.connect(sys.argv[1]))'


def test_a_backup_that_is_put_back_into_the_same_file_is_shown(path, library, tmp_path):
    async def main():
        async with Followed(path, library, *TABLES) as app:
            elsewhere(path, f"VACUUM INTO '{tmp_path / 'old.db'}'", 'DELETE FROM plain')
            await app.touched()
            program = [sys.executable, '-c', RESTORE, path, tmp_path / 'old.db']
            await asyncio.to_thread(subprocess.run, program, check=True)
            assert await app.touched() == ['plain']
            elsewhere(path, 'INSERT INTO plain VALUES (7)')
            assert await app.touched() == ['plain']
    asyncio.run(main())


def test_a_table_of_another_database_is_refused(tmp_path):
    "fastlite's tables know their database"
    one, two = (database(tmp_path / f'{name}.db') for name in ('one', 'two'))
    for each in (one, two): each.execute('CREATE TABLE card(id INTEGER PRIMARY KEY)')
    live = Live(FastHTML(secret_key='k'), one)
    live.region(one.t.card)
    with pytest.raises(ValueError, match='two.db, and this Live follows'): live.region(two.t.card)
    for each in (one, two): each.conn.close()


def test_rows_of_a_table_with_a_condition_of_the_last_request_are_refused(tmp_path):
    "FastHTML's `xtra`: rows would show what it hides"
    db = database(tmp_path / 'app.db')
    notes = db.t.note.create(dict(id=int, owner=str), pk='id')
    for owner in ('ann', 'ben'): notes.insert(owner=owner)
    live = Live(FastHTML(secret_key='k'), db)
    all_notes, own = (live.rows(notes, where=where)(each) for where, each in ((None, note), ('owner = ?', own_note)))
    notes.xtra(owner='ann')
    with pytest.raises(ValueError, match='where=.owner = :auth'): all_notes()
    assert 'own_note-2' in own('ben') and 'own_note-1' not in own('ben')
    db.conn.close()


def note(row): return Li(row.owner)


def own_note(row): return Li(row.owner)


def test_a_database_that_is_attached_elsewhere_is_followed(path, library, tmp_path):
    async def main():
        async with Followed(path, library, *TABLES) as app:
            app.rest()
            elsewhere(tmp_path / 'other.db', f"ATTACH '{path}' AS app", 'INSERT INTO app.plain VALUES (2)')
            assert await app.touched() == ['plain']
    asyncio.run(main())


def test_any_number_of_rows_that_nobody_follows_leaves_a_mark_a_table(path, library, n=100_000):
    async def main():
        async with Followed(path, library, *TABLES): pass
        rows = f'WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {n})'
        run(path, library, f'{rows} INSERT INTO plain SELECT n FROM c')
        with contextlib.closing(connect(path, library)) as con:
            assert con.execute('SELECT count(*) FROM sse_tables').fetchone()[0] == len(TABLES)
        async with Followed(path, library, *TABLES) as app: assert app.rest() == ['plain']
    asyncio.run(main())


def test_one_transaction_is_one_touch(path, library):
    async def main():
        async with Followed(path, library, *TABLES) as app:
            app.rest()
            elsewhere(path, 'BEGIN', *['INSERT INTO plain VALUES (1)'] * 300, 'COMMIT')
            assert [await app.touched(), app.rest()] == [['plain'], []]
    asyncio.run(main())


def test_a_file_that_cannot_be_written_is_refused(path, library):
    run(path, library, 'PRAGMA journal_mode = DELETE')
    folder = path.parent / 'there'
    folder.mkdir()
    async def main():
        app = Followed(path, library, *TABLES)
        app.follower.follow('card')
        path.unlink()
        folder.rename(path)  # a folder stands where the file was
        with pytest.raises(RuntimeError, match='have to be writable'): await app.follower.start()
    asyncio.run(main())


@pytest.mark.parametrize('epoch', ['a1', None], ids=['a log for all', 'a log of the process'])
def test_a_commit_that_is_seen_long_after_its_report_is_touched_soon(path, library, epoch, monkeypatch):
    "The report comes with the first page that is written, and a slow disk ends the commit a tenth of a second later"
    early = []
    def slow_look(con):
        marks = look(con)
        if not early: return marks
        seen = {name: mark for name, mark in early[0].items() if monotonic() < early[1]}
        return marks | seen
    monkeypatch.setattr(follower, 'look', slow_look)
    async def main():
        async with Followed(path, library, 'plain', epoch=epoch) as app:
            app.rest()
            early[:] = await app.follower.look(), monotonic() + 60
            elsewhere(path, 'INSERT INTO plain VALUES (1)')
            early[1] = monotonic() + .1
            async with asyncio.timeout(follower.SAFETY - 1): assert await app.touches.get() == 'plain'
            early.clear()
    asyncio.run(main())


def test_triggers_are_removed_by_one_call(path, library):
    "The numbers of the file that belong to the application are never touched"
    run(path, library, 'PRAGMA user_version = 7', 'PRAGMA application_id = 8')
    async def main():
        async with Followed(path, library, *TABLES): pass
    asyncio.run(main())
    with contextlib.closing(connect(path, library)) as con:
        def own(): return [con.execute(f'PRAGMA {name}').fetchone()[0] for name in ('user_version', 'application_id')]
        assert own() == [7, 8]
        drop_triggers(con)
        assert con.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'sse%'").fetchall() == []
        con.execute('INSERT INTO plain VALUES (1)')
        assert own() == [7, 8]


def test_a_database_is_found_by_its_connection(path, library):
    with contextlib.closing(connect(path, library)) as con:
        assert find_database(con).library == library


def test_a_long_transaction_of_another_program_delays_no_request(path, library):
    "Marks can be read while another program has the lock, and what is due is published after it"
    async def main():
        async with Followed(path, library, *TABLES) as app:
            app.rest()
            elsewhere(path, 'DELETE FROM plain')
            with contextlib.closing(connect(path, library)) as other:
                other.execute('BEGIN IMMEDIATE')
                other.execute('DELETE FROM child')
                for _ in range(100): before = await asyncio.wait_for(app.changes(), 1)
                other.execute('COMMIT')
            await app.known()
            assert await app.changes() == before | {'child': before['child'] + 1}
            assert {*app.rest()} == {'plain', 'child'}
    asyncio.run(main())


def test_a_file_that_lost_all_tables_is_followed_again(path, library, caplog):
    async def main():
        async with Followed(path, library, 'plain', 'card') as app:
            app.rest()
            elsewhere(path, 'DROP TABLE card', 'DROP TABLE plain', 'DROP TABLE sse_tables')
            await until_async(lambda: 'There is no table' in caplog.text)
            elsewhere(path, 'CREATE TABLE plain(n)')
            assert 'plain' in await app.touched()
    asyncio.run(main())


def test_a_table_that_is_followed_after_the_start_gets_its_triggers(path, library):
    async def main():
        async with Followed(path, library, 'card') as app:
            app.rest()
            app.follower.follow('plain')
            elsewhere(path, 'INSERT INTO plain VALUES (1)')
            assert await app.touched() == ['plain']
            elsewhere(path, 'INSERT INTO plain VALUES (2)')
            assert await app.touched() == ['plain']
    asyncio.run(main())


def test_a_request_waits_for_its_own_changes_and_not_for_those_that_come_meanwhile(path, library):
    "Each touch is overtaken by another change, as by a program that never stops writing"
    class Overtaken(Followed):
        async def touch(self, tables):
            run(path, library, 'INSERT INTO plain VALUES (1)')
            return await super().touch(tables)
    async def main():
        app = Overtaken(path, library, 'plain')
        await app.follower.start()
        before = await app.follower.changes()
        run(path, library, 'INSERT INTO plain VALUES (2)')
        found, = await asyncio.wait_for(app.follower.settle(before), PATIENCE)
        assert found.published > before['plain']
        await app.follower.stop()
    asyncio.run(main())


class Later(Time):
    def wall(self): return super().wall() + 60


class Frozen(Followed):
    "A process that stops between its claim and its note"
    def __init__(self, *args):
        self.goes_on = self.is_stopped = None
        super().__init__(*args)

    async def touch(self, tables):
        if self.goes_on is None: return await super().touch(tables)
        self.is_stopped.set()
        await self.goes_on.wait()
        return 'a1-0'

    def freeze(self): self.goes_on, self.is_stopped = asyncio.Event(), asyncio.Event()


@pytest.mark.parametrize('statement', ['UPDATE card SET n = 5', 'DROP TABLE sse_tables'])
def test_a_process_that_was_frozen_takes_nothing_back(path, library, statement):
    "Others have published meanwhile, or the marks were made anew"
    async def main():
        async with Frozen(path, library, 'card') as one:
            for _ in range(9): elsewhere(path, 'UPDATE card SET n = 0')
            await one.known()
            one.freeze()
            elsewhere(path, 'UPDATE card SET n = 1')
            await asyncio.wait_for(one.is_stopped.wait(), PATIENCE)
            elsewhere(path, statement)
            async with Followed(path, library, 'card', time=Later()) as two:
                two.rest()
                one.goes_on.set()
                one.goes_on = None
                await one.known()
                mark = (await two.follower.look())['card']
                assert (mark.published, mark.cursor) == (mark.changes, 'a1-1')
                one.rest()
                elsewhere(path, 'UPDATE card SET n = 2')
                await asyncio.wait_for(until_async(lambda: one.rest() or two.rest()), PATIENCE)
    asyncio.run(main())
