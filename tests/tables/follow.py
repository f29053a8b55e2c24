"A follower on a loop of the test, and what it touches"
import asyncio
import contextlib
import os
import subprocess
import sys

from cjm_fasthtml_sse.backplanes.sqlite_library import find_library
from cjm_fasthtml_sse.tables.databases import Database
from cjm_fasthtml_sse.tables.follower import TableFollower

PATIENCE = 20


class Followed:
    "A database with tables, its follower, and the touches that came"
    def __init__(self, path, library, *tables, epoch='a1', **settings):
        self.path, self.database, self.touches = os.fspath(path), Database(os.fspath(path), library), asyncio.Queue()
        self.epoch = epoch
        self.follower = TableFollower(self.database, self.touch, lambda: self.epoch, **settings)
        for each in tables: self.follower.follow(each)

    async def touch(self, tables):
        for each in tables: self.touches.put_nowait(each)
        return f'{self.epoch}-1'

    async def __aenter__(self):
        await self.follower.start()
        await self.known()
        return self

    async def __aexit__(self, *_): await self.follower.stop()

    async def touched(self):
        "Wait for a touch, and until nothing else is due; return the tables"
        found = [await asyncio.wait_for(self.touches.get(), PATIENCE)]
        await self.known()
        return sorted({*found, *self.rest()})

    def rest(self):
        "Return what was touched and not asked for"
        return [self.touches.get_nowait() for _ in range(self.touches.qsize())]

    async def known(self):
        "Wait until all changes are published"
        await asyncio.wait_for(self.follower.settle({}), PATIENCE)

    async def changes(self): return {name: mark.changes for name, mark in (await self.follower.look()).items()}


def connect(path, library):
    "A connection as an application has one"
    return find_library(library).connect(os.fspath(path), 5.0, 10)


def run(path, library, *statements):
    "Run statements on a connection of their own"
    with contextlib.closing(connect(path, library)) as con:
        for each in statements: con.execute(each).fetchall()


def elsewhere(path, *statements):
    "Run statements in another program"
    code = 'import sqlite3, sys\ncon = sqlite3.connect(sys.argv[1], isolation_level=None)\n'
    code += 'for each in sys.argv[2:]: con.execute(each)'
    subprocess.run([sys.executable, '-c', code, os.fspath(path), *statements], check=True)
