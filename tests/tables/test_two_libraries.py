"Two SQLite libraries on one file in one process lose locks and rows. So the package uses the application's own"
import asyncio
import contextlib
import subprocess
import sys

import pytest
from cjm_fasthtml_sse import BroadcastManager, Live
from cjm_fasthtml_sse.backplanes.sqlite import SqliteBackplane
from cjm_fasthtml_sse.events.wire import BackplaneError
from cjm_fasthtml_sse.backplanes.base import Limits
from fasthtml.common import Div, FastHTML
from starlette.testclient import TestClient

from .follow import connect, run

WRITE = """import sqlite3, sys
con = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
try: con.executescript('BEGIN IMMEDIATE; INSERT INTO card VALUES (3); COMMIT')
except sqlite3.OperationalError as e: print(e)
"""


def another_program_writes(path):
    "Return whether another program can write now"
    return not subprocess.run([sys.executable, '-c', WRITE, path], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def path(tmp_path):
    run(tmp_path / 'app.db', 'apsw', 'PRAGMA journal_mode = WAL', 'CREATE TABLE card(n)')
    return tmp_path / 'app.db'


def test_the_hazard_is_real(path):
    "apsw has the write lock, and sqlite3 opens and closes the file: then another process writes, and its row is lost"
    with contextlib.closing(connect(path, 'apsw')) as con:
        con.execute('BEGIN IMMEDIATE')
        con.execute('INSERT INTO card VALUES (1)')
        assert not another_program_writes(path)
        run(path, 'sqlite3', 'SELECT 1 FROM card')
        assert another_program_writes(path)
        con.execute('COMMIT')
    with contextlib.closing(connect(path, 'apsw')) as con:
        assert con.execute('SELECT n FROM card').fetchall() == [(1,)], 'the committed 3 is gone'


def test_the_package_keeps_the_locks_of_the_application(path):
    "The same, with the log, the marks and the renderings of the package instead of sqlite3"
    with contextlib.closing(connect(path, 'apsw')) as con:
        app = FastHTML(secret_key='k')
        live = Live(app, con)
        @live.region(live.table('card'))
        def board(): return Div(len(live.connection().execute('SELECT n FROM card').fetchall()))
        app.get('/')(lambda: board())
        con.execute('INSERT INTO card VALUES (1)')
        for _ in range(2):
            with TestClient(app) as client:  # the start and the end of the application open and close the file
                con.execute('BEGIN IMMEDIATE')
                con.execute('INSERT INTO card VALUES (2)')
                assert '>1<' in client.get('/').text
                assert not another_program_writes(path)
                con.execute('ROLLBACK')
        con.execute('BEGIN IMMEDIATE')
        assert not another_program_writes(path)
        con.execute('ROLLBACK')


@pytest.mark.parametrize('first, second', [('apsw', 'sqlite3'), ('sqlite3', 'apsw')])
def test_a_second_library_is_refused(path, first, second):
    async def main():
        one, two = (SqliteBackplane(path, library=each) for each in (first, second))
        await one.open(Limits())
        with pytest.raises(BackplaneError, match=f'{first} has opened it in this process'): await two.open(Limits())
        await one.close()
        await two.open(Limits())
        await two.close()
    asyncio.run(main())


def test_a_log_by_another_library_is_refused(path):
    with contextlib.closing(connect(path, 'apsw')) as con:
        with pytest.raises(ValueError, match='library=apsw'):
            Live(FastHTML(secret_key='k'), con, manager=BroadcastManager(backplane=f'sqlite:///{path}'))
        Live(FastHTML(secret_key='k'), con, manager=BroadcastManager(backplane=f'sqlite:///{path}?library=apsw'))


def test_a_second_live_by_another_library_is_refused(path):
    "Before it has opened the file"
    with contextlib.closing(connect(path, 'apsw')) as con:
        first = Live(FastHTML(secret_key='k'), con)
        con.execute('BEGIN IMMEDIATE')
        with pytest.raises(ValueError, match='another Live of this process has it by apsw'):
            Live(FastHTML(secret_key='k'), path, library='sqlite3', manager=BroadcastManager())
        assert not another_program_writes(path)
        con.execute('ROLLBACK')
        Live(FastHTML(secret_key='k'), path, library='apsw').region(first.table('card'))


@pytest.mark.parametrize('is_first', [True, False])
def test_a_manager_and_a_live_by_two_libraries_are_refused(path, is_first, caplog):
    "Whichever starts first has the file"
    manager, app = BroadcastManager(backplane=f'sqlite:///{path}'), FastHTML(secret_key='k')
    live = Live(app, path, library='apsw', manager=BroadcastManager())
    live.region(live.table('card'))
    def refused():
        with pytest.raises(RuntimeError, match='sqlite3 has opened it in this process'), TestClient(app): pass
    async def main():
        async with manager.lifespan(): await asyncio.to_thread(refused)
    if is_first: return asyncio.run(main())
    with TestClient(app):
        async def late():
            async with manager.lifespan(): assert 'apsw has opened it in this process' in caplog.text
        asyncio.run(late())
