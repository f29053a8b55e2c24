"Writers that are killed at random moments: each row that is there has its mark, and each mark its row"
import asyncio
import contextlib
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cjm_fasthtml_sse.backplanes.sqlite_library import LIBRARIES

from .follow import Followed, connect, run

WRITER = Path(__file__).with_name('writer.py')
# An insert is one change, and n the others
WRITTEN = 'SELECT count(*) + sum(n), (SELECT changes FROM sse_tables) FROM card'


@pytest.mark.parametrize('library', list(LIBRARIES))
@pytest.mark.parametrize('kills', [10, pytest.param(1000, marks=pytest.mark.long)])
def test_a_killed_writer_leaves_no_row_without_mark_and_no_mark_without_row(tmp_path, library, kills):
    path, rnd = tmp_path / 'app.db', random.Random(kills)
    run(path, library, 'PRAGMA journal_mode = WAL', 'CREATE TABLE card(id INTEGER PRIMARY KEY, n)')
    async def main():
        async with Followed(path, library, 'card') as app:
            made = await app.changes()
            with contextlib.closing(connect(path, library)) as con:
                for n in range(kills):
                    await asyncio.to_thread(kill_a_writer, path, rnd, n)
                    rows, marks = con.execute(WRITTEN).fetchone()
                    assert (rows or 0) + made['card'] == marks
                    if rnd.random() < .1: con.execute('DELETE FROM card')
                    made = {'card': con.execute('SELECT changes FROM sse_tables').fetchone()[0] - left(con)}
                    await app.known()
    asyncio.run(main())


def left(con): return con.execute('SELECT count(*) + coalesce(sum(n), 0) FROM card').fetchone()[0]


def kill_a_writer(path, rnd, seed):
    "Start a writer, and kill it up to a tenth of a second later"
    with subprocess.Popen([sys.executable, WRITER, path, str(seed)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == 'ready\n'
        time.sleep(rnd.random() / 10)  # the moment is random, and nothing waits for it
        writer.kill()
