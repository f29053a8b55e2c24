"Processes that share a file, a disk that can be filled, and another program, for the tests of the SQLite adapter"
import asyncio
import contextlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from types import SimpleNamespace

from cjm_fasthtml_sse.backplanes.sqlite import SqliteBackplane
from cjm_fasthtml_sse.backplanes.base import Publication, Limits

ROLES = {}


def role(function): return ROLES.setdefault(function.__name__, function)


def emit(*what): print(json.dumps(what), flush=True)


@role
async def publish(engine, tag, n, at_most):
    "Publish `n` events in batches of random sizes, and print the positions of each batch"
    emit('open', (await engine.open(Limits())).epoch)
    sys.stdin.readline()
    sent, dice = 0, random.Random(tag)
    while sent < n:
        numbers = range(sent, min(n, sent + dice.randint(1, at_most)))
        emit(*zip(await engine.publish([Publication(f'{tag}.{i}'.encode()) for i in numbers]), numbers, strict=True))
        sent = numbers.stop


@role
async def read(engine, n, count):
    "Read `n` events and print them"
    opened, found = await engine.open(Limits()), []
    emit('open', opened.epoch)
    while len(found) < n:
        after = found[-1][0] if found else 0
        found += [(e.position, e.body.decode()) for e in await engine.read({'events': after}, count, wait=5)]
    emit(*found)


@role
async def open_without_rights(engine):
    "Try to open the file without write permission"
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    try: emit(str(await engine.open(Limits())))
    except Exception as e: emit(type(e).__name__, str(e))  # noqa: BLE001 - the test expects it


@role
async def fork(engine):
    "Use the parent's open adapter in a child, and open one there"
    await engine.open(Limits())
    if child := os.fork():
        os.waitpid(child, 0)  # noqa: ASYNC222 - this process has no other task
        return emit(await engine.publish([Publication(b'from the parent')]))
    asyncio.run(be_child(engine))
    os._exit(0)


async def be_child(engine):
    for use in (engine.publish([Publication(b'x')]), engine.close(), SqliteBackplane(engine.path).open(Limits())):
        try: emit(repr(await use))
        except Exception as e: emit(type(e).__name__, str(e))  # noqa: BLE001 - the test expects it


class Other:
    "A role in a separate process: `Other(path, 'publish', 'a', 100, 5)`"
    def __init__(self, path, *what):
        command = [sys.executable, '-m', 'tests.backplanes.sqlite_tools', str(path), json.dumps(what)]
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process = subprocess.Popen(command, cwd=Path(__file__).parents[2], **pipes)

    def next_line(self):
        "Return the next line that it prints, None at its end"
        return json.loads(line) if (line := self.process.stdout.readline()).endswith('\n') else None

    def go(self):
        with contextlib.suppress(BrokenPipeError): print(file=self.process.stdin, flush=True)

    def end(self):
        self.process.kill()
        self.process.communicate()


class Disk:
    "A small separate disk that can be filled"
    def __init__(self, folder, size):
        self.folder, self.filler = folder, folder/'filler'
        folder.mkdir()
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', str(folder)], check=True)

    def fill(self):
        with open(self.filler, 'wb', buffering=0) as file, contextlib.suppress(OSError):
            for size in (65536, 4096, 1):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)) == size: pass

    def empty(self): self.filler.unlink()

    def close(self): subprocess.run(['umount', '-l', str(self.folder)], check=True)


@contextlib.contextmanager
def locked(path):
    "Another program with a write transaction that does not end"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute('BEGIN IMMEDIATE')
        yield
        other.execute('ROLLBACK')


class Connections:
    "All later connections to SQLite; `put` is `setattr`, or that of pytest's `monkeypatch`"
    def __init__(self, put=setattr):
        self.reads, self._made, note = [], [], self._note
        made = self._made
        class Connection(sqlite3.Connection):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                made.append(self)

            def execute(self, statement, *args):
                cursor = super().execute(statement, *args)
                return note(cursor) if 'group_concat(body' in statement else cursor
        put(sqlite3, 'connect', partial(sqlite3.connect, factory=Connection))

    def _note(self, cursor):
        "Record for a read whether it ran on the main thread, and the bytes of its bodies"
        row = cursor.fetchone()
        on_loop = threading.current_thread() is threading.main_thread()
        self.reads.append((on_loop, sum(len(bodies or b'') for bodies in (row[3], row[7]))))
        return SimpleNamespace(fetchone=lambda: row)

    def limit_pages(self, n):
        "Allow files of at most `n` pages, as a full disk does"
        for con in self._made:
            with contextlib.suppress(sqlite3.ProgrammingError): con.execute(f'PRAGMA max_page_count = {n}').fetchall()


def files(path): return [file for end in ('', '-wal', '-shm') if (file := Path(f'{path}{end}')).exists()]


def backup(path, copy):
    "Copy the file by SQLite's backup"
    with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def put_back(copy, path):
    "Restore as the notebook describes: delete the file with its -wal and -shm, and move the copy there"
    shutil.copy(copy, f'{copy}.moved')
    for file in files(path): file.unlink()
    os.replace(f'{copy}.moved', path)


if __name__ == '__main__':
    path, (name, *arguments) = sys.argv[1], json.loads(sys.argv[2])
    asyncio.run(ROLES[name](SqliteBackplane(path), *arguments))
