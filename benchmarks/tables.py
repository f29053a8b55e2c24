"""Measure live tables: from a commit of another program to the callback and to the page, and what triggers cost.

    python benchmarks/tables.py [--quick] [--rounds 3] [--only commits,dom,trigger] [--out DIR]

The other program (`writer.py`) uses Python's `sqlite3` and nothing of the package. It makes 1,000 commits of one row
each, in random pauses of 10 ms on average. It takes the time when it has the lock, just before its statement.

- `commits`: a server shows a region on the table with `min_interval=0`. The region's function notes the newest number
  that it reads, so a delay covers the touch and its way through the log. A commit has arrived with the first note of
  its number or a later one. The server opens the file by `sqlite3`, by apsw, and by `sqlite3` without a watch of the
  file, so that it polls. Both processes read the monotonic clock, which is the same for all processes of a machine.
- `dom`: four servers on one file show the table by `live.rows` in eight tabs of Chromium, two each. The servers have
  ports of their own, because the workers of one port get unequal numbers of tabs. In each tab, a MutationObserver notes
  the numbers of the rows. A rendering may contain many commits, so a commit is shown when its row has its number or a
  later one. Page and program read the clock of the day, which is the same for both. The page's has whole milliseconds.
  The run fails if a tab does not show the last number of each row.
- `trigger`: `sqlite3` writes to a file without triggers and to one with triggers, in turns. It writes 100,000 rows in
  one transaction, and 1,000 rows in one transaction each. The table has three columns and no index. The figures are the
  seconds that the writer waits. Without triggers, SQLite empties a table in one step if a `DELETE` has no `WHERE`, so
  both ways to delete are measured.

A round measures each system once, with new processes and files. In `dom`, all processes share the cores. The column "a
timer is late" has by how much the pauses of the other program were too long. It shows how busy the machine was. The
result is printed and written to `tables.json` and `tables.md` in DIR.
"""
import argparse
import contextlib
import html
import inspect
import json
import os
import pathlib
import socket
import sqlite3
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from statistics import median
from threading import Thread
from typing import NamedTuple

import report
from cjm_fasthtml_sse import Live
from cjm_fasthtml_sse.tables.triggers import make_triggers
from fanout import machine
from session import HERE, Failed, Session, Tools, prepare
from tabs import REGION

CHROMIUM, NPM = pathlib.Path(os.environ.get('CHROMIUM', '/usr/bin/chromium')), HERE.parent / 'node_modules'
ARGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync']
INTERVAL = inspect.signature(Live.rows).parameters['min_interval'].default # Seconds
POLL = inspect.signature(Live).parameters['poll_interval'].default # Seconds
PAUSE, WARM_UP, PATIENCE = .01, 20, 60 # Seconds on average; commits before the others; seconds
WORKERS, TURNS = 4, 5 # Servers of `dom`; turns of `trigger` in a round

@dataclass
class Size:
    "How much is measured"
    commits: int = 1_000
    tabs: int = 8
    rows: int = 100_000 # In one transaction
    singles: int = 1_000 # Commits of one row

QUICK = Size(100, 4, 2_000, 50)

class Commit(NamedTuple):
    "A commit of the other program, in seconds"
    number: int
    job: int # Id of the row
    at: float # By the monotonic clock
    day: float # By the clock of the day
    took: float # Seconds of the transaction, with the wait for its lock
    late: float # Seconds by which the pause before it was too long

# Servers, and the other program

def get(server: Session, path: str) -> str:
    "Return a page of a server"
    with urllib.request.urlopen(f'http://127.0.0.1:{server.hello["port"]}{path}', timeout=PATIENCE) as response:
        return response.read().decode()

def servers_cpu(servers: list) -> float:
    pids = [pid for each in servers for pid in each.hello['pids']]
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids) # The process clock of another process

def commit(servers: list, n: int) -> tuple: # The commits, and the cores that the servers use meanwhile
    "Let the other program commit"
    cpu, start = servers_cpu(servers), time.monotonic()
    found = [Commit(*each) for each in servers[0].tell('commit', n, PAUSE)]
    return found, (servers_cpu(servers) - cpu) / (time.monotonic() - start)

def delays(
    commits: list, # Pairs of a number and a time
    seen: list, # The same
) -> list: # Of the commits, in seconds
    "Return the time from each commit until its number or a later one was seen; raises `Failed` for one that was not"
    found, notes = [], iter(seen)
    newest, seen_at = next(notes, (-1, 0))
    for number, at in commits:
        while newest < number:
            if (note := next(notes, None)) is None: raise Failed(f'commit {number} did not arrive')
            newest, seen_at = note
        found.append(seen_at - at)
    return found

def figures(found: list, commits: list, cores: float, **others) -> dict:
    "Return the figures of delays, and of the commits"
    def at(values, share): return sorted(values)[min(len(values) - 1, int(share * len(values)))]
    took, late = ([getattr(each, name) for each in commits] for name in ('took', 'late'))
    return dict(p50=at(found, .5), p99=at(found, .99), max=max(found), **others, took_p50=at(took, .5),
                took_p99=at(took, .99), cores=cores, late=at(late, .99))

# The parts

@contextlib.contextmanager
def shown(server: Session, path: str):
    "Read the stream of a page, as a tab does"
    about = json.loads(html.unescape(REGION.search(get(server, path))[1]))
    query = urllib.parse.urlencode(dict(topic=about['view'], last_event_id=about['at']))
    with socket.create_connection(('127.0.0.1', server.hello['port'])) as sock:
        lines = f'GET {about["url"]}?{query} HTTP/1.1', 'Host: bench', 'Accept: text/event-stream', '', ''
        sock.sendall('\r\n'.join(lines).encode())
        if not sock.recv(1 << 16).startswith(b'HTTP/1.1 200'): raise Failed('the server refused a stream')
        def read():
            while sock.recv(1 << 16): continue
        (thread := Thread(target=read)).start()
        try: yield
        finally:
            sock.shutdown(socket.SHUT_RDWR)
            thread.join()

def notes_until(server: Session, number: int) -> list: # Pairs of a number and a time
    "Return the notes of a server once it has read `number`"
    deadline = time.monotonic() + PATIENCE
    while (notes := json.loads(get(server, '/notes')))[-1][0] < number:
        if time.monotonic() > deadline: raise Failed(f'commit {number} did not arrive in {PATIENCE} s')
        time.sleep(.05)
    return notes

def commits(tools: Tools, size: Size, system: str) -> dict:
    "Return the figures of commits until the function of a region has read them"
    with Session(tools, system) as server, shown(server, '/newest'):
        before, _ = commit([server], WARM_UP)
        calls = len(notes_until(server, before[-1].number))
        made, cores = commit([server], size.commits)
        notes = notes_until(server, made[-1].number)
    found = delays([(each.number, each.at) for each in made], notes)
    return figures(found, made, cores, calls=len(notes) - calls)

WATCH = """() => {
    window.seen = {};
    new MutationObserver(() => {
        const now = Date.now() / 1000;
        for (const row of document.querySelectorAll('#jobs li')) {
            const number = Number(row.textContent), notes = window.seen[row.id] ??= [];
            if (notes.at(-1)?.[0] !== number) notes.push([number, now]);
        }
    }).observe(document.getElementById('jobs'), {subtree: true, childList: true, characterData: true});
}"""
OPEN = "document.querySelector('#jobs').dataset.sseState === 'open'"
SHOWS = "want => Object.entries(want).every(([id, n]) => document.getElementById(id)?.textContent === String(n))"

def newest(made: list) -> dict: # By the id of the row
    "Return the numbers that a page has to show"
    return {f'job-{each.job}': each.number for each in made}

@contextlib.contextmanager
def opened(servers: list, n: int):
    "Open `n` tabs of Chromium, of the servers in turn; raises `Failed` if the block waits too long for one"
    from playwright.sync_api import Error, sync_playwright
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        context = browser.new_context()
        context.set_default_timeout(PATIENCE * 1000)
        tabs = [context.new_page() for _ in range(n)]
        try:
            for i, tab in enumerate(tabs):
                tab.goto(f'http://127.0.0.1:{servers[i % len(servers)].hello["port"]}/jobs')
                tab.wait_for_function(OPEN)
            yield tabs
        except Error as e: raise Failed(f'a tab does not show the newest state: {e}') from None
        finally: browser.close()

def dom(tools: Tools, size: Size, system: str) -> dict:
    "Return the figures of commits until all tabs show them"
    all_cores = replace(tools, cpus=(set(os.sched_getaffinity(0)),) * 2)
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Session(all_cores, system)) for _ in range(WORKERS)]
        tabs = stack.enter_context(opened(servers, size.tabs))
        before, _ = commit(servers, WARM_UP)
        for tab in tabs:
            tab.wait_for_function(SHOWS, arg=newest(before))
            tab.evaluate(WATCH)
        made, cores = commit(servers, size.commits)
        for tab in tabs: tab.wait_for_function(SHOWS, arg=newest(made))
        seen = [tab.evaluate('window.seen') for tab in tabs]
    of = {job: [(each.number, each.day) for each in made if each.job == job] for job in {each.job for each in made}}
    found = [delay for each in seen for job, some in of.items() for delay in delays(some, each[f'job-{job}'])]
    times = [{at for notes in each.values() for _, at in notes} for each in seen]
    result = figures(found, made, cores, calls=sum(map(len, times)) / size.tabs)
    return result | dict(above=result['p99'] - INTERVAL)

WRITES = { # Statement, and whether each row is a transaction
    'insert': ("INSERT INTO job VALUES (?, 0, 'a job')", False),
    'update': ('UPDATE job SET number = number + 1', False),
    'delete': ('DELETE FROM job WHERE number >= 0', False),
    'empty': ('DELETE FROM job', False),
    'insert-each': ("INSERT INTO job VALUES (?, 0, 'a job')", True),
    'update-each': ('UPDATE job SET number = number + 1 WHERE id = ?', True),
    'delete-each': ('DELETE FROM job WHERE id = ?', True)}

def write(con: sqlite3.Connection, statement: str, n: int, is_single: bool):
    "Write `n` rows, in one transaction or in one each"
    if not is_single: con.execute('BEGIN IMMEDIATE')
    con.executemany(statement, [(i,) for i in range(n)] if '?' in statement else [()])
    if not is_single: con.execute('COMMIT')

def timed(con: sqlite3.Connection, name: str, n: int) -> float:
    "Return the seconds of one row"
    statement, is_single = WRITES[name]
    con.execute('DELETE FROM job')
    if not name.startswith('insert'): write(con, WRITES['insert'][0], n, False)
    con.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchall()
    start = time.perf_counter()
    write(con, statement, n, is_single)
    return (time.perf_counter() - start) / n

def trigger(tools: Tools, size: Size, name: str) -> dict:
    "Return the figures of writes of one kind, to a file without triggers and to one with triggers"
    n = size.singles if WRITES[name][1] else size.rows
    with contextlib.ExitStack() as stack:
        paths = (f'{tools.tmp}/{kind}.db' for kind in ('plain', 'marked'))
        files = [stack.enter_context(contextlib.closing(sqlite3.connect(each, isolation_level=None))) for each in paths]
        for con in files:
            con.executescript('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;'
                              'CREATE TABLE job(id INTEGER PRIMARY KEY, number INTEGER NOT NULL, text TEXT NOT NULL)')
        make_triggers(files[1], ['job'])
        turns = []
        for i in range(TURNS):
            order = files if i % 2 else files[::-1]
            took = {con: timed(con, name, n) for con in order}
            turns.append([took[con] for con in files])
        changes, = files[1].execute('SELECT changes FROM sse_tables').fetchone()
        if changes < TURNS * n: raise Failed(f'{changes} changes are marked, and {TURNS * n} rows were written')
    return dict(plain=median(a for a, _ in turns), marked=median(b for _, b in turns),
                added=median(b - a for a, b in turns), ratio=median(b / a for a, b in turns))

# The run

@dataclass
class Part:
    "Figures of one kind"
    name: str
    what: str # One line for the tables
    measure: Callable
    systems: tuple
    took: float # Approximate seconds of one system, for the progress bar

PARTS = {p.name: p for p in [
    Part('commits', 'From a commit of another program to the callback', commits,
         ('table', 'table-apsw', 'table-polled'), 14),
    Part('dom', f'From a commit to the page, {WORKERS} servers', dom, ('table', 'table-apsw'), 24),
    Part('trigger', 'What triggers cost a writer', trigger, tuple(WRITES), 3)]}

LABELS = {
    'table': '`sqlite3`', 'table-apsw': 'apsw', 'table-polled': f'`sqlite3`, polling each {POLL} s',
    'insert': 'an insert, many in a transaction', 'update': 'an update, all in one statement',
    'delete': 'a delete, all in one statement', 'empty': 'a delete, all without `WHERE`',
    'insert-each': 'an insert in its own transaction', 'update-each': 'an update in its own transaction',
    'delete-each': 'a delete in its own transaction'}

TARGETS = [ # part, figure, text, seconds; for both libraries
    ('commits', 'p99', 'commit to callback, p99', .01),
    ('dom', 'above', 'commit to page above `min_interval`, p99', .05)]

def judge(runs: list) -> list:
    "Return the figures with a target"
    rows = []
    for part, key, text, target in TARGETS:
        for system in ('table', 'table-apsw'):
            values = sorted(r['figures'][key] for r in runs if (r['part'], r['system']) == (part, system))
            if not values: continue
            rows.append(dict(part=part, system=system, figure=text, target=target, values=values,
                             median=median(values), reached=median(values) <= target))
    return rows

ARRIVAL = [('p50', 'p50', report.ms), ('p99', 'p99', report.ms), ('longest', 'max', report.ms)]
COMMIT = [('a commit takes, p50', 'took_p50', report.ms), ('p99', 'took_p99', report.ms),
          ('cores of the servers', 'cores', '{:.2f}'.format), ('a timer is late, p99', 'late', report.ms)]
COLUMNS = {
    'commits': [*ARRIVAL, ('calls', 'calls', '{:,.0f}'.format), *COMMIT],
    'dom': [*ARRIVAL, ('p99 above `min_interval`', 'above', report.ms),
            ('renderings in a tab', 'calls', '{:,.0f}'.format), *COMMIT],
    'trigger': [('a row without triggers', 'plain', report.us), ('with triggers', 'marked', report.us),
                ('added', 'added', report.us), ('ratio', 'ratio', report.times)]}

def markdown(results: dict) -> str:
    "Format the targets, then the medians of each part, then the machine"
    def row(r):
        spread = f'{report.ms(r["values"][0])} to {report.ms(r["values"][-1])}'
        reached = 'yes' if r['reached'] else '**no**'
        return [f'{r["figure"]}, {LABELS[r["system"]]}', report.ms(r['median']), spread,
                f'at most {report.ms(r["target"])}', reached]
    heads = ['figure', 'median', 'least to most', 'target', 'reached']
    res = ['## Targets\n', report.grid(heads, list(map(row, results['rows'])))] if results['rows'] else []
    for name, systems in results['parts'].items():
        lines = [[LABELS[s], *(fmt(each[k]) for _, k, fmt in COLUMNS[name])] for s, each in systems.items()]
        res += [f'## {PARTS[name].what}\n', report.grid(['', *(head for head, *_ in COLUMNS[name])], lines)]
    s, facts = results['settings'], report.machine_line(results['machine'])
    res.append(f'Median of {s["rounds"]} rounds: {s["commits"]:,} commits, {s["tabs"]} tabs, {s["rows"]:,} rows in a '
               f'transaction, {s["singles"]:,} of one row. {facts}.\n')
    return '\n'.join(res)

def missing() -> str: # Empty if nothing is
    "Return what `dom` lacks"
    if not CHROMIUM.exists(): return f'{CHROMIUM} is missing: apt-get install chromium'
    return '' if NPM.is_dir() else f'{NPM} is missing: npm ci'

def main():
    p = argparse.ArgumentParser(description='Measure live tables.')
    p.add_argument('--quick', action='store_true', help='one short round: a first look, without reliable figures')
    p.add_argument('--rounds', type=int, help='rounds (3; with --quick 1)')
    p.add_argument('--only', default=','.join(PARTS), help=f'some of {",".join(PARTS)}')
    p.add_argument('--out', type=pathlib.Path, default=HERE / 'results', help='folder of tables.json and tables.md')
    args = p.parse_args()
    rounds, size = args.rounds or (1 if args.quick else 3), QUICK if args.quick else Size()
    if args.rounds is not None and args.rounds < 1: p.error('--rounds is at least 1')
    if unknown := set(args.only.split(',')) - set(PARTS): p.error(f'unknown: {", ".join(unknown)}')
    parts, start, runs = [PARTS[name] for name in args.only.split(',')], time.time(), []
    if PARTS['dom'] in parts and (lack := missing()): p.error(f'dom: {lack}; or leave it out: --only commits,trigger')
    steps = [(i, part, system) for i in range(rounds) for part in parts for system in part.systems]
    bar = report.Progress([part.took for _, part, _ in steps])
    with tempfile.TemporaryDirectory() as tmp:
        tools = replace(prepare(tmp, []), load=[sys.executable, str(HERE / 'writer.py')])
        for i, part, system in steps:
            what = f'{part.name}: {system}, round {i + 1}'
            bar.show(what)
            with tempfile.TemporaryDirectory(dir=tmp) as folder:
                try: found = part.measure(replace(tools, tmp=folder), size, system)
                except Failed as e: sys.exit(f'{what}: {e}')
            runs.append(dict(round=i, part=part.name, system=system, figures=found))
            bar.step(what)
        bar.end()
        settings = dict(rounds=rounds, **vars(size), took=round(time.time() - start))
        facts = machine(tools, runs) | dict(sqlite3=sqlite3.sqlite_version, apsw=version('apsw'))
        results = dict(machine=facts, settings=settings, rows=judge(runs), parts=report.summary(runs), runs=runs)
    args.out.mkdir(parents=True, exist_ok=True)
    table = markdown(results)
    (args.out / 'tables.json').write_text(json.dumps(results, indent=1) + '\n')
    (args.out / 'tables.md').write_text(table)
    print(table)

if __name__ == '__main__': main()
