"""A table of jobs that follows its database: as rows for `dom` of `tables.py`, and as a region for `commits`.

The region notes the newest number that it reads, and the time. `BENCH_LIBRARY` opens the file `app.db` of the folder:
`sqlite3` or `apsw`. With `BENCH_POLLED`, the kernel has no watch left, for the follower and for the log.
"""
import ctypes
import os
import pathlib
import sqlite3
import time
from fasthtml.common import FastHTML, Li, Link, P, Script, Title, Ul
from starlette.responses import JSONResponse
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from cjm_fasthtml_sse import Live
from common import serve

JOBS, NPM = 10, pathlib.Path(__file__).resolve().parents[2] / 'node_modules'

class NoWatches(ctypes.CDLL):
    "The C library of a system whose watches are used up"
    def inotify_init1(self, flags): return -1

if os.environ.get('BENCH_POLLED'): ctypes.CDLL = NoWatches

def connect():
    if os.environ['BENCH_LIBRARY'] == 'sqlite3': return sqlite3.connect('app.db', isolation_level=None)
    import apsw
    return apsw.Connection('app.db')

con = connect()
con.execute('PRAGMA journal_mode = WAL')
con.execute('CREATE TABLE IF NOT EXISTS job(id INTEGER PRIMARY KEY, number INTEGER NOT NULL)')
for n in range(JOBS): con.execute('INSERT OR IGNORE INTO job VALUES (?, 0)', (n + 1,))

scripts = Link(rel='icon', href='data:,'), Script(src='/npm/htmx.org/dist/htmx.min.js')
app, notes = FastHTML(default_hdrs=False, hdrs=scripts, secret_key='benchmark'), []
if NPM.is_dir(): app.router.routes[:0] = [Mount('/npm', StaticFiles(directory=NPM))]
live = Live(app, con, local='/npm')

@live.region(live.table('job'), min_interval=0)
async def newest():
    number, = live.connection().execute('SELECT max(number) FROM job').fetchone()
    notes.append((number, time.monotonic()))
    return P(number)

@live.rows(live.table('job'), order_by='id')
def job(row): return Li(row.number, id=f'job-{row.id}')

@app.get('/newest')
async def show_newest(): return await newest()

@app.get('/jobs')
def show_jobs(): return Title('Jobs'), Ul(job(), id='jobs')

@app.get('/notes')
def show_notes(): return JSONResponse(notes)

async def publish(kind): pass

serve(app, publish, '/newest')
