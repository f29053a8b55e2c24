"""Measure what many readers cost besides deliveries: heartbeats, turns of the loop, and 100,000 readers on one host.

    python benchmarks/scale.py [--quick] [--only idle,turns,paced,host] [--out DIR]

- `idle`: 19,000 readers in one process get no events for 45 seconds, only heartbeats, one in 15 seconds. Bare
  transports do the same beside it. A heartbeat touches memory that has been idle for seconds. On a virtual machine,
  that alone may cost more than the rest.
- `turns`: the process of 19,000 readers also has a timer of a millisecond. How late it is shows how long one turn of
  the loop takes while events are written, one after the other. Each figure is the median of five windows of two
  seconds, because another process on the same core makes a turn longer.
- `paced`: one process with 19,000 readers gets an event a second for 15 seconds. Between two events, other memory
  enters the caches, so that a delivery costs more than in `fanout.py`, where one event follows the other.
- `host`: six processes share a SQLite file and hold 100,000 readers, 16,667 each. One of them sends an event a second
  for a minute. Each process has a load generator, and all share the cores of the machine. A reader that misses an
  event, or gets one twice, ends the run with an error. A delay runs from the second at which an event is due.

All are also measured with the package's `HttpTools`. The processes of `host` have ports of their own,
because uvicorn's workers, which share one, get unequal numbers of readers from a load generator. The result is printed
and written to `scale.json` and `scale.md` in DIR, where parts that are not measured keep their figures. A C compiler
is needed.
"""
import argparse
import contextlib
import json
import os
import pathlib
import socket
import statistics
import sys
import tempfile
import time
from dataclasses import replace

import report
from fanout import machine
from session import HERE, Failed, Session, Tools, prepare

READERS, HOST_READERS, WORKERS, PERIOD, WINDOWS = 19_000, 100_000, 6, 1.0, 5
SYSTEMS = 'package', 'package-left'

def idle(tools: Tools, quick: bool, system: str) -> dict:
    "Return the share of a core that heartbeats take"
    n, seconds = (2_000, 16) if quick else (READERS, 45)
    with Session(tools, system, heartbeats=True) as s:
        s.tell('connect', n)
        s.tell('run', .2, 3, 1, 's')
        s.tell('idle', 16) # Longer than the interval: each reader has had a heartbeat
        res = s.tell('idle', seconds)
    return dict(readers=n, seconds=seconds, share=res['server_cpu'] / res['wall'], bytes=res['bytes'] / n)

def turns(tools: Tools, quick: bool, system: str) -> dict:
    "Return by how much a timer was late in the middle and at most, while events are written"
    n = 2_000 if quick else READERS
    with Session(tools, system) as s:
        s.tell('connect', n)
        s.control('g')
        windows = [lateness(s) for _ in range(WINDOWS)]
    medians = {name: statistics.median(each[name] for each in windows) for name in windows[0]}
    return dict(readers=n, windows=WINDOWS, **medians)

def lateness(s: Session) -> dict:
    "Return the figures of two seconds"
    s.ask('run', 4, 5, 1, 's')
    time.sleep(1)
    s.control('t')
    time.sleep(2)
    late = sorted(json.loads(s.control('T')))
    s.answer()
    return dict(turns=len(late), p50=late[len(late) // 2], p99=late[int(len(late) * .99)], max=late[-1])

def paced(tools: Tools, quick: bool, system: str) -> dict:
    "Return the figures of one process that gets an event a second"
    n, events = (2_000, 3) if quick else (READERS, 15)
    with Session(tools, system) as s:
        s.tell('connect', n)
        return dict(readers=n, events=events, period=PERIOD, **follow([s], events))

def host(tools: Tools, quick: bool, system: str) -> dict:
    "Return the figures of one host with many processes"
    n, events = (6_000, 5) if quick else (HOST_READERS, 60)
    share = [n // WORKERS + (i < n % WORKERS) for i in range(WORKERS)]
    with contextlib.ExitStack() as stack:
        file = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory())) / 'events.db'
        workers = [stack.enter_context(Session(tools, system, backplane=f'sqlite:///{file}')) for _ in range(WORKERS)]
        before = sum(each.rss() for each in workers)
        for each, count in zip(workers, share, strict=True): each.ask('connect', count)
        for each in workers: each.answer()
        memory = (sum(each.rss() for each in workers) - before) / n
        return dict(readers=n, workers=WORKERS, events=events, period=PERIOD, memory=memory, **follow(workers, events))

def follow(workers: list[Session], events: int) -> dict:
    "Send an event each period through the first process, and return the figures of all readers"
    first = time.monotonic() + 3
    for each in workers: each.ask('follow', first, PERIOD, events)
    with socket.create_connection(('127.0.0.1', workers[0].hello['publish'])) as publish:
        for i in range(events):
            time.sleep(max(0, first + i * PERIOD - time.monotonic()))
            publish.sendall(b'.')
        results = [each.answer() for each in workers]
    cpu, deliveries = sum(each['server_cpu'] for each in results), sum(each['deliveries'] for each in results)
    readers = sum(each['readers'] for each in results)
    delays = {name: max(each[name] for each in results) for name in ('p50', 'p99', 'max')}
    return dict(deliveries=deliveries, lost=readers * events - deliveries, cpu=cpu / deliveries,
                cores=cpu / (events * PERIOD), **delays)

NAMES = {'transports': 'asyncio transports alone', 'package': 'the package', 'package-left': 'with its `HttpTools`'}
FOLLOWED = [('deliveries lost', 'lost', str), ('CPU a delivery', 'cpu', report.us),
            ('cores in use', 'cores', '{:.2f}'.format), ('delay p50', 'p50', report.ms), ('p99', 'p99', report.ms),
            ('longest', 'max', report.ms)]
COLUMNS = {
    'idle': [('readers without events', 'readers', '{:,}'.format), ('share of a core', 'share', '{:.1%}'.format),
             ('bytes a reader and second', lambda r: r['bytes'] / r['seconds'], '{:.1f}'.format)],
    'turns': [('readers', 'readers', '{:,}'.format), ('a timer is late, half the time', 'p50', report.ms),
              ('p99', 'p99', report.ms), ('at most', 'max', report.ms)],
    'paced': [('readers', 'readers', '{:,}'.format), ('events', 'events', str), *FOLLOWED],
    'host': [('readers', 'readers', '{:,}'.format), ('processes', 'workers', str), ('events', 'events', str),
             ('memory a reader', 'memory', report.kib), *FOLLOWED]}

def table(part: str, results: dict) -> str:
    heads = ['', *(head for head, *_ in COLUMNS[part])]
    def cell(res, key, fmt): return fmt(key(res) if callable(key) else res[key])
    rows = [[NAMES[system], *(cell(res, *col[1:]) for col in COLUMNS[part])] for system, res in results.items()]
    return report.grid(heads, rows)

PARTS = {'idle': (idle, tuple(NAMES)), 'turns': (turns, SYSTEMS), 'paced': (paced, tuple(NAMES)),
         'host': (host, SYSTEMS)}

def main():
    p = argparse.ArgumentParser(description='Measure many readers.')
    p.add_argument('--quick', action='store_true', help='few readers: a first look, without reliable figures')
    p.add_argument('--only', default=','.join(PARTS), help=f'some of {",".join(PARTS)}')
    p.add_argument('--out', type=pathlib.Path, default=HERE / 'results', help='folder of scale.json and scale.md')
    args = p.parse_args()
    if unknown := set(args.only.split(',')) - set(PARTS): p.error(f'unknown: {", ".join(unknown)}')
    args.out.mkdir(parents=True, exist_ok=True)
    file = args.out / 'scale.json'
    results = json.loads(file.read_text()) if file.exists() else {}
    with tempfile.TemporaryDirectory() as tmp:
        tools = prepare(tmp, [])
        if tools.language != 'C': p.error('a C compiler is needed: cc, gcc or clang')
        all_cores = replace(tools, cpus=(set(os.sched_getaffinity(0)),) * 2)
        for part in args.only.split(','):
            measure, systems = PARTS[part]
            used = all_cores if part == 'host' else tools
            try: results[part] = {system: measure(used, args.quick, system) for system in systems}
            except Failed as e: sys.exit(f'{part}: {e}')
            print(table(part, results[part]), flush=True)
        results['machine'] = machine(tools, [])
    file.write_text(json.dumps(results, indent=1) + '\n')
    (args.out / 'scale.md').write_text('\n'.join(table(part, results[part]) for part in PARTS if part in results))

if __name__ == '__main__': main()
