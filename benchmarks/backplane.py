"""Measure the cost of several workers: delay, events a second and CPU of a published event, for each backplane.

    python benchmarks/backplane.py [--quick] [--repeat 5] [--engines memory,sqlite,redis] [--out DIR]

Each backplane is compared with its bare engine, without the package, in the same run.

- CPU is that of the sending process for a published event, without connections. It covers all of `broadcast` and
  reading the event back. The bare process only adds the same bytes and reads them back. For Valkey it uses the client
  of the redis package, with a pipeline for events in flight. SQLite's calls block, so a server makes them in a thread.
  That is measured as well.
- Delay runs from the call in one worker to the bytes at a plain socket of another worker. The rate is 1,000 events a
  second for three seconds, without the first half second. Two bare processes are measured beside it. The bare reader
  of SQLite polls every millisecond.
- Events a second are counted at the reader of the other worker, from the first to the last event, at full speed.
- A round goes through all engines once. Ratios are taken within a round, and figures are medians of the rounds.

The benchmark needs two idle cores and Debian's `valkey-server`. Without it, Valkey is left out.
"""
import argparse
import asyncio
import contextlib
import itertools
import json
import os
import pathlib
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from functools import partial
from http.client import HTTPConnection
from statistics import median

from fastcore.net import free_port
from cjm_fasthtml_sse import Replay

HERE = pathlib.Path(__file__).resolve()
DATA = {'text': 'x' * 150, 'user': 'user-17', 'n': 1} # With its envelope, about 280 bytes on the wire
RATE = 1_000 # Events a second, for the delay
AT_ONCE = 100 # Publications in flight, for the throughput
ROWS = {'one': 'CPU a published event, one at a time', 'many': f'the same, {AT_ONCE} on their way'}
LABELS = {'memory': 'memory, one worker', 'sqlite': 'sqlite, two workers', 'redis': 'Valkey, two workers'}
BARE = {'sqlite': 'an insert and a select a commit', 'redis': 'an XADD and an XREAD'}
TARGET = 1.5 # CPU of the sender a published event, relative to the bare engine's


# The child processes. Each one runs this file again, with its task as JSON.

def quantile(values, q): return sorted(values)[min(len(values) - 1, int(q * len(values)))]


async def paced(send, rate, n):
    "Call `send(i)` `n` times, `rate` times a second, without waiting for a late call"
    start, sending = time.monotonic(), set()
    for i in range(n):
        sending.add(asyncio.ensure_future(send(i)))
        if (left := start + (i + 1) / rate - time.monotonic()) > 0: await asyncio.sleep(left)
    await asyncio.gather(*sending)


async def at_once(send, n, limit):
    "Call `send(i)` `n` times, with `limit` calls in flight"
    numbers = iter(range(n))
    async def some():
        for i in numbers: await send(i)
    await asyncio.gather(*(some() for _ in range(limit)))


def worker(port, url):
    "Run a worker with the package, controlled over HTTP"
    import uvicorn
    from cjm_fasthtml_sse.core.broadcast import BroadcastManager, setup_broadcast_routes
    from fasthtml.common import FastHTML
    from starlette.responses import JSONResponse
    manager, app = BroadcastManager(backplane=url, replay=Replay(max_events=10_000)), FastHTML(secret_key='benchmark')

    async def send(i): await manager.broadcast('tick', {**DATA, 'n': i, 'at': time.monotonic()})

    @app.get('/run')
    async def run(how: str, n: int):
        if how == 'paced': await paced(send, RATE, n)
        wall, cpu = time.monotonic(), time.process_time()
        if how != 'paced': await at_once(send, n, 1 if how == 'one' else AT_ONCE)
        return JSONResponse(dict(cpu=(time.process_time() - cpu) / n, wall=time.monotonic() - wall))
    setup_broadcast_routes(app, manager)
    uvicorn.run(app, port=port, log_level='warning', access_log=False)


def body(i):
    return json.dumps(dict(type='tick', data={**DATA, 'n': i, 'at': time.monotonic()}, metadata=None)).encode()


def late(text): return time.monotonic() - json.loads(text)['data']['at']


async def bare_redis(url, how, n, part):
    "Run XADD and XREAD by the redis package's client, as an application would: a waiting reader and a sender"
    from redis.asyncio import BlockingConnectionPool, Redis
    writer = Redis(connection_pool=BlockingConnectionPool.from_url(url, max_connections=4, timeout=60))
    reader, stream, delays, seen = Redis.from_url(url, socket_timeout=60), f'bare-{how}', [], 0

    async def read():
        nonlocal seen
        last = '0'
        while seen < n:
            for _, entries in await reader.xread({stream: last}, count=500, block=5000) or ():
                if part == 'read': delays.extend(late(fields[b'b']) for _, fields in entries)
                seen, last = seen + len(entries), entries[-1][0]
    async def send(i): await writer.xadd(stream, {'b': body(i)}, maxlen=10_000, approximate=True)

    if part == 'read': await read()
    elif how == 'paced': await paced(send, RATE, n)
    else:
        reading, cpu, wall = asyncio.ensure_future(read()), time.process_time(), time.monotonic()
        if how == 'one': await at_once(send, n, 1)
        for first in range(0, n if how == 'many' else 0, AT_ONCE):
            async with writer.pipeline(transaction=False) as together:
                for i in range(first, first + AT_ONCE):
                    together.xadd(stream, {'b': body(i)}, maxlen=10_000, approximate=True)
                await together.execute()
        await reading
        print(json.dumps(dict(cpu=(time.process_time() - cpu) / n, wall=time.monotonic() - wall)))
    if part == 'read': print(json.dumps(delays))
    for client in (writer, reader): await client.aclose()


def bare_sqlite(path, how, n, part):
    """Insert and select in WAL mode, in one thread without a loop, while another process polls every millisecond.

    With `part` `loop`, make the same calls from an event loop, in a thread."""
    con = sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
    con.executescript('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;'
        'CREATE TABLE IF NOT EXISTS e (id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL, body BLOB)')
    newest = "SELECT id, body FROM e WHERE id > ? ORDER BY id LIMIT 500"
    if part == 'read':
        last, delays = 0, []
        while len(delays) < n:
            rows = con.execute(newest, (last,)).fetchall()
            delays += [late(row[1]) for row in rows]
            if rows: last = rows[-1][0]
            else: time.sleep(0.001)
        return print(json.dumps(delays))
    def insert(i): con.execute('INSERT INTO e (at, body) VALUES (?, ?)', (time.time(), body(i)))
    async def send(i): insert(i)
    if how == 'paced': return asyncio.run(paced(send, RATE, n))
    cpu, wall, last, step = time.process_time(), time.monotonic(), 0, 1 if how == 'one' else AT_ONCE
    def write(first):
        con.execute('BEGIN IMMEDIATE')
        for i in range(first, first + step): insert(i)
        con.execute('COMMIT')
    def look(last): return con.execute(newest, (last,)).fetchall()[-1][0]
    async def from_a_loop(last=0):
        for first in range(0, n, step):
            await asyncio.to_thread(write, first)
            last = await asyncio.to_thread(look, last)
    if part == 'loop': asyncio.run(from_a_loop())
    else:
        for first in range(0, n, step):
            write(first)
            last = look(last)
    print(json.dumps(dict(cpu=(time.process_time() - cpu) / n, wall=time.monotonic() - wall)))


def child(what, *args):
    if what == 'worker': worker(*args)
    elif what == 'bare_redis': asyncio.run(bare_redis(*args))
    else: bare_sqlite(*args)


# The run

@contextlib.contextmanager
def process(*what, **options):
    "Start a child process and end it with the block"
    one = subprocess.Popen([sys.executable, HERE, '--child', json.dumps(what)], text=True, **options)
    try: yield one
    finally:
        one.terminate()
        one.wait()


def answer(*what):
    "Return the output of a child process"
    command = [sys.executable, HERE, '--child', json.dumps(what)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode: raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout) if done.stdout else None


def answering(port):
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', port), 1): return
        time.sleep(0.05)
    raise TimeoutError(f'no answer at port {port}')


def ask(port, path):
    connection = HTTPConnection('127.0.0.1', port, timeout=300)
    connection.request('GET', path)
    reply = connection.getresponse()
    told = reply.read()
    connection.close()
    if reply.status != 200: raise RuntimeError(f'{path}: {reply.status} {told[:300]}')
    return json.loads(told)


class Reader:
    "Read an event stream from a plain socket, and compute the arrival time of each event afterwards"
    def __init__(self, port):
        self.sock = socket.create_connection(('127.0.0.1', port), timeout=60)
        self.sock.sendall(b'GET /sse/broadcast HTTP/1.0\r\nHost: x\r\n\r\n')
        self.parts, head = [], b''
        while b'\n\n' not in head.partition(b'\r\n\r\n')[2]: head += self.sock.recv(65536)

    def read(self, n):
        "Read `n` events and return when each was sent and read"
        seen, left, found = 0, b'', []
        while seen < n:
            data = self.sock.recv(2**20)
            now = time.monotonic()
            seen += data.count(b'data: {')
            self.parts.append((now, data))
        for now, data in self.parts:
            *lines, left = (left + data).split(b'\n')
            found += [(json.loads(line[6:])['data']['at'], now) for line in lines if line.startswith(b'data: {')]
        self.parts.clear()
        return found


def delays_of(found): return [came - sent for sent, came in found]


def measure_ours(kind, url, n):
    "Measure one round with the package: two workers, or one for memory"
    ports = [free_port() for _ in range(1 if kind == 'memory' else 2)]
    with contextlib.ExitStack() as stack:
        for port in ports: stack.enter_context(process('worker', port, url))
        for port in ports: answering(port)
        for port in ports: ask(port, '/run?how=many&n=500')
        told = {how: ask(ports[0], f'/run?how={how}&n={n}') for how in ROWS}
        reader = Reader(ports[-1])
        with contextlib.closing(reader.sock):
            waiting = stack.enter_context(process_of_run(ports[0], 'paced', 3 * RATE))
            found = delays_of(reader.read(3 * RATE))[RATE // 2:]
            waiting.wait()
            waiting = stack.enter_context(process_of_run(ports[0], 'many', n))
            burst = reader.read(n)
            waiting.wait()
    seconds = burst[-1][1] - burst[0][0]
    return dict(one=told['one']['cpu'], many=told['many']['cpu'], p50=quantile(found, .5), p99=quantile(found, .99),
        rate=n / seconds)


@contextlib.contextmanager
def process_of_run(port, how, n):
    "Ask a worker to run, while this process continues"
    code = f'import urllib.request as u; u.urlopen("http://127.0.0.1:{port}/run?how={how}&n={n}").read()'
    one = subprocess.Popen([sys.executable, '-c', code])
    try: yield one
    finally: one.wait()


def measure_bare(kind, place, n):
    "Measure one round of the bare engine, in processes of the same shape"
    name = f'bare_{kind}'
    told = {how: answer(name, place(), how, n, 'both')['cpu'] for how in ROWS}
    if kind == 'sqlite': told |= {f'loop_{how}': answer(name, place(), how, n, 'loop')['cpu'] for how in ROWS}
    where = place()
    with process(name, where, 'paced', 3 * RATE, 'read', stdout=subprocess.PIPE) as reader:
        time.sleep(1) # the reader has started long before the end of the first second, which is discarded
        answer(name, where, 'paced', 3 * RATE, 'send')
        found = json.loads(reader.communicate(timeout=120)[0])[RATE // 2:]
    return dict(told, p50=quantile(found, .5), p99=quantile(found, .99))


@contextlib.contextmanager
def valkey(folder):
    "Start a valkey-server for this run, without persistence"
    port = free_port()
    command = ['valkey-server', '--bind', '127.0.0.1', '--port', str(port), '--dir', folder, '--save', '']
    engine = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        answering(port)
        yield port
    finally:
        engine.terminate()
        engine.wait()


def run(kinds, repeat, n, folder):
    "Run all rounds. The package and the bare engine run one after the other, so a ratio compares one moment"
    rounds = {kind: [] for kind in kinds}
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(valkey(folder)) if 'redis' in kinds else None
        for i in range(repeat):
            for kind in kinds:
                files = (f'{folder}/{i}x{k}.db' for k in itertools.count())
                place = partial(next, files) if kind == 'sqlite' else partial(emptied, port)
                url = {'memory': None, 'sqlite': f'sqlite:///{next(files)}', 'redis': f'redis://127.0.0.1:{port}/0'}
                ours = measure_ours(kind, url[kind], n)
                bare = measure_bare(kind, place, n) if kind != 'memory' else None
                rounds[kind].append(dict(ours=ours, bare=bare))
                print(f'round {i + 1} of {repeat}: {kind}', file=sys.stderr, flush=True)
    return rounds


def emptied(port):
    "Return the engine's URL after deleting all of its data"
    with socket.create_connection(('127.0.0.1', port)) as sock:
        sock.sendall(b'FLUSHALL\r\n')
        sock.recv(100)
    return f'redis://127.0.0.1:{port}/0'


# The report

def us(x): return f'{x * 1e6:,.0f} µs'
def ms(x): return f'{x * 1e3:.1f} ms'


def summary(rounds):
    "Compute medians over the rounds, from ratios within a round"
    told = {}
    for kind, results in rounds.items():
        ours = {name: median(r['ours'][name] for r in results) for name in results[0]['ours']}
        told[kind] = dict(ours=ours)
        if not results[0]['bare']: continue
        bare = {name: median(r['bare'][name] for r in results) for name in results[0]['bare']}
        ratios = {how: sorted(r['ours'][how] / r['bare'][how] for r in results) for how in ROWS}
        added = {name: median(r['ours'][name] - r['bare'][name] for r in results) for name in ('p50', 'p99')}
        ratio = {how: median(values) for how, values in ratios.items()}
        told[kind] |= dict(bare=bare, ratio=ratio, ratios=ratios, added=added)
    return told


def table(told):
    head = f'|  | {ROWS["one"]} | {ROWS["many"]} | events a second | delay p50 at {RATE:,} a second | p99 |\n'
    lines = [head, '| --- | ---: | ---: | ---: | ---: | ---: |\n']
    for kind, of in told.items():
        ours = of['ours']
        cells = [us(ours['one']), us(ours['many']), f'{ours["rate"]:,.0f}', ms(ours['p50']), ms(ours['p99'])]
        lines.append(f'| {LABELS[kind]} | {" | ".join(cells)} |\n')
        if 'bare' not in of: continue
        bare, ratio, added = of['bare'], of['ratio'], of['added']
        cells = [us(bare['one']), us(bare['many']), '', ms(bare['p50']), ms(bare['p99'])]
        lines.append(f'| its engine alone: {BARE[kind]} | {" | ".join(cells)} |\n')
        if 'loop_one' in bare: lines.append(f'| the same from a loop, in a thread | {us(bare["loop_one"])} |'
            f' {us(bare["loop_many"])} |  |  |  |\n')
        more = [f'{ms(abs(added[name]))} {"more" if added[name] >= 0 else "less"}' for name in ('p50', 'p99')]
        cells = [f'{ratio["one"]:.2f}x', f'{ratio["many"]:.2f}x', '', *more]
        lines.append(f'| against it | {" | ".join(cells)} |\n')
    goal = '; '.join(f'{kind} {of["ratio"]["one"]:.2f}x' for kind, of in told.items() if 'ratio' in of)
    if goal: lines.append(f'\nTarget: one at a time, at most {TARGET}x of the bare engine. Here: {goal}.\n')
    return ''.join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--child', help=argparse.SUPPRESS)
    parser.add_argument('--quick', action='store_true', help='one short round: a first look, without reliable figures')
    parser.add_argument('--repeat', type=int, default=5)
    parser.add_argument('--engines', default='memory,sqlite,redis')
    parser.add_argument('--out', type=pathlib.Path, default=HERE.parent/'results')
    args = parser.parse_args()
    if args.child: return child(*json.loads(args.child))
    kinds, left_out = args.engines.split(','), []
    if 'redis' in kinds and not shutil.which('valkey-server'):
        kinds.remove('redis')
        left_out.append('valkey-server is not installed: the lines of Valkey are left out')
    repeat, n = (1, 1_000) if args.quick else (args.repeat, 5_000)
    with tempfile.TemporaryDirectory() as folder: rounds = run(kinds, repeat, n, folder)
    told = summary(rounds)
    text = ''.join(f'{line}\n' for line in left_out) + table(told)
    here = dict(cores=os.cpu_count(), load=os.getloadavg(), python=sys.version.split()[0])
    about = dict(here, repeat=repeat, n=n, rate=RATE)
    result = dict(about, told=told, rounds=rounds)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out/'backplane.json').write_text(json.dumps(result, indent=1) + '\n')
    (args.out/'backplane.md').write_text(text)
    print(text)


if __name__ == '__main__': main()
