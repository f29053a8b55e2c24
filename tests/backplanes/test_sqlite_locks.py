"The adapter waits `timeout` seconds for a lock of another program, also after an earlier error"
import asyncio
import contextlib
import sqlite3
from functools import partial

import pytest

from cjm_fasthtml_sse.backplanes.sqlite import SqliteBackplane
from cjm_fasthtml_sse.backplanes.base import Publication, Limits
from cjm_fasthtml_sse.events.wire import BackplaneError

from .sqlite_tools import locked


def test_after_a_cut_of_the_log_that_failed_a_lock_is_waited_for_as_long_as_before(tmp_path, monkeypatch):
    tried, connect = [], sqlite3.connect
    class Failing(sqlite3.Connection):
        "A disk that fails when the log is truncated"
        def execute(self, statement, *args):
            if 'wal_checkpoint' not in statement: return super().execute(statement, *args)
            tried.append(statement)
            raise sqlite3.OperationalError('disk I/O error')
    monkeypatch.setattr(sqlite3, 'connect', partial(connect, factory=Failing))
    async def go():
        path = tmp_path/'events.db'
        engine = SqliteBackplane(path, timeout=30)
        await engine.open(Limits())
        with contextlib.closing(connect(path, isolation_level=None)) as reader:  # so the log stays
            reader.execute('BEGIN').execute('SELECT * FROM sse_events').fetchall()
            await engine.publish([Publication(bytes(300_000))] * 70)
        assert tried, 'no truncation was tried'
        with locked(path):
            publishing = asyncio.ensure_future(engine.publish([Publication(b'waits')]))
            await asyncio.wait({publishing}, timeout=0.6)
            assert not publishing.done(), f'it did not wait: {publishing.exception()}'
        assert len(await publishing) == 1
        await engine.close()
    asyncio.run(go())


@pytest.mark.parametrize('mode', ['DELETE', 'WAL'])
def test_a_program_that_keeps_a_file_for_itself_does_not_hold_up_an_opening(tmp_path, mode):
    "Each attempt to change the file to WAL mode may itself wait for as long as `timeout`"
    async def go():
        path = tmp_path/'events.db'
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            for setting in (f'journal_mode = {mode}', 'locking_mode = EXCLUSIVE'): other.execute(f'PRAGMA {setting}')
            other.execute('BEGIN EXCLUSIVE').execute('CREATE TABLE theirs(a)')
            engine = SqliteBackplane(path, timeout=0.5)
            with pytest.raises(BackplaneError, match='held its lock for more than 0.5 s'):
                await asyncio.wait_for(engine.open(Limits()), 20)
    asyncio.run(go())
