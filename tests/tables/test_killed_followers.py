"A process that follows tables is killed or frozen between its claim and its touch: another one publishes"
import asyncio
import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest

from .follow import Followed, elsewhere, run

ROOT = __file__.rpartition('tables')[0]
FOLLOWER = """
import asyncio, sys
from tables.follow import Followed

class Stuck(Followed):
    async def touch(self, tables):
        if not self.is_ready: return 'a1-1'
        print('claimed', flush=True)
        await asyncio.Event().wait()

async def main():
    app = Stuck(sys.argv[1], sys.argv[2], 'card')
    app.is_ready = False
    async with app:
        app.is_ready = True
        print('ready', flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize('end', [signal.SIGKILL, signal.SIGSTOP], ids=['killed', 'frozen'])
@pytest.mark.parametrize('library', ['sqlite3', 'apsw'])
def test_what_a_process_has_claimed_and_not_touched_is_touched_by_another_one(tmp_path, library, end):
    path = tmp_path / 'app.db'
    run(path, library, 'PRAGMA journal_mode = WAL', 'CREATE TABLE card(id INTEGER PRIMARY KEY, n)')
    async def main(process):
        async def told(): return (await asyncio.to_thread(process.stdout.readline)).strip()
        assert await told() == 'ready'
        elsewhere(path, 'INSERT INTO card VALUES (1, 1)')
        assert await told() == 'claimed'
        process.send_signal(end)
        async with Followed(path, library, 'card') as app:
            assert app.rest() == ['card'], 'known only after a touch'
            elsewhere(path, 'UPDATE card SET n = 2')
            assert await app.touched() == ['card'], 'and the next change is touched at once'
    with ExitStack() as stack:
        command = [sys.executable, '-c', FOLLOWER, str(path), library]
        process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT))
        stack.callback(process.kill)
        asyncio.run(main(process))
