"""Measure the cost of one event to many readers, beside other servers in the same run.

    python benchmarks/fanout.py [--quick] [--rows 1,3] [--systems package,nchan] [--repeat 5] [--out DIR]
    python benchmarks/fanout.py --before PATH [--quick] [--repeat 40] [--out DIR]
    python benchmarks/fanout.py --profile package

`README.md` in this folder describes the figures and the method.
"""
import argparse
import contextlib
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from statistics import median

import before
import report
from session import HERE, Failed, Session, Tools, prepare

LABELS = {
    'transports': 'asyncio transports alone (uvloop)',
    'nchan': 'nchan in nginx (C)',
    'package': 'this package, in a FastHTML app',
    'package-left': 'this package, with its `HttpTools`',
    'starlette': 'Starlette `StreamingResponse`',
    'starlette-fasthtml': "Starlette's, in a FastHTML app",
    'sse-starlette': 'sse-starlette',
    'published': '0.0.12, in a FastHTML app'}

def cost(answer: dict) -> dict:
    "Return the figures of one `run`: seconds and bytes a delivery, the kernel's share, load of both cores, delays."
    n, wall = answer['deliveries'], answer['wall']
    shares = dict(server_share=answer['server_cpu'] / wall, load_share=answer['load_cpu'] / wall,
                  kernel_share=max(0, 1 - answer['server_user'] / answer['server_cpu']))
    return dict(cpu=answer['server_cpu'] / n, wire_bytes=answer['bytes'] / n, **shares,
                **{k: answer[k] for k in ('rounds', 'p50', 'p99', 'max')})

@dataclass
class Scenario:
    "A measurement in one session. Its figures are in seconds and bytes."
    name: str
    what: str # One line for the tables
    measure: callable # Function from tools, a system's name and the seconds of a phase to figures
    systems: tuple # Systems to measure by default
    seconds: float # Approximate duration of one run, for the progress bar

def fanout(tools, system, seconds, n=1000):
    with Session(tools, system) as s:
        s.tell('connect', 10)
        s.tell('run', 0, 30, 1, 's')
        before = s.rss()
        opened = s.tell('connect', n - 10)
        s.tell('run', .2, 5, 1, 's')
        memory = (s.rss() - before) / (n - 10)
        res = cost(s.tell('run', seconds, 10, 1, 's'))
        return res | dict(connect=opened['server_cpu'] / opened['n'], memory=memory)

def bursts(tools, system, seconds):
    with Session(tools, system) as s:
        s.tell('connect', 300)
        s.tell('run', .2, 3, 20, 's')
        return cost(s.tell('run', seconds, 5, 20, 's'))

def growth(tools, system, seconds):
    res = {}
    with Session(tools, system) as s:
        have = 0
        for n in (100, 8000):
            s.tell('connect', n - have)
            s.tell('run', .2, 3, 1, 's')
            res |= {f'{k}_{n}': v for k, v in cost(s.tell('run', seconds, 5, 1, 's')).items()}
            have = n
    return res | dict(growth=res['cpu_8000'] / res['cpu_100'])

def many(tools, system, seconds):
    with Session(tools, system) as s:
        s.tell('connect', 19_000)
        s.tell('run', .2, 3, 1, 's')
        return cost(s.tell('run', seconds, 5, 1, 's'))

def stuck(tools, system, seconds):
    "Measure 900 readers, without and with 100 that never read: 180 events of 4 KiB block those, then come small ones."
    res, some = {}, 450 if seconds >= 1 else 90
    for side, frozen in (('without', 0), ('with', some * 2 // 9)):
        with Session(tools, system, sndbuf=65536) as s:
            s.tell('connect', some)
            s.tell('freeze', frozen)
            s.tell('connect', some)
            s.tell('run', 0, 5, 1, 's')
            fill = s.tell('run', 0, 180, 1, 'l')
            blocked = s.blocked()
            after = s.tell('run', seconds, 10, 1, 's')
            res |= {f'{k}_{side}': v for k, v in cost(after).items()}
            res |= {f'worst_{side}': max(fill['max'], after['max']), f'blocked_{side}': blocked}
    return res | dict(added=res['worst_with'] - res['worst_without'], p99_ratio=res['p99_with'] / res['p99_without'])

PYTHONS = ('transports', 'package', 'package-left', 'starlette', 'sse-starlette', 'published')
SCENARIOS = {s.name: s for s in (
    Scenario('fanout', '1,000 connections, one event at a time', fanout, tuple(LABELS), 4.5),
    Scenario('bursts', '300 connections, bursts of 20', bursts, ('nchan', *PYTHONS), 3.5),
    Scenario('growth', '100 and 8,000 connections, one event at a time', growth, ('transports', 'nchan', 'package'), 9),
    Scenario('many', '19,000 connections, one event at a time', many, ('transports', 'package', 'package-left'), 14),
    Scenario('stuck', '900 readers, without and with 100 that never read', stuck,
             ('package', 'starlette', 'published'), 11))}

@dataclass
class Row:
    "A figure with a target: a ratio of two systems in the same round."
    number: int
    figure: str
    scenario: str
    key: str # Figure of the scenario
    over: str | None # System to compare with; None if the figure is itself a ratio
    target: float # Maximum of the median
    before: str # Value of 0.0.12 when the target was set
    aim: float | None = None
    also: tuple = () # A second figure and its bound; both must hold
    system: str = 'package' # System that the row judges
    unit: float = 1 # What a figure without a second system is divided by

ROWS = [
    Row(1, 'CPU a delivery, 1,000 connections, one event at a time, against asyncio transports alone',
        'fanout', 'cpu', 'transports', 1.3, '17x', aim=1.15),
    Row(2, 'the same against Starlette `StreamingResponse`', 'fanout', 'cpu', 'starlette', .65, '2.8x'),
    Row(3, 'CPU a delivery, 300 connections, bursts of 20, against nchan', 'bursts', 'cpu', 'nchan', .5, '22x'),
    Row(4, 'memory a connection against Starlette `StreamingResponse`', 'fanout', 'memory', 'starlette', .6, '1.3x'),
    Row(5, 'CPU a connect against `StreamingResponse` in the same FastHTML app',
        'fanout', 'connect', 'starlette-fasthtml', 1.2, ''),
    Row(6, 'growth of CPU a delivery from 100 to 8,000 connections, against that of asyncio transports alone',
        'growth', 'growth', 'transports', 1.3, ''),
    Row(7, '100 of 1,000 never read: p99 delay of the others, against the same without the 100',
        'stuck', 'p99_ratio', None, 1.25, '+10 s', also=('added', .1)),
    Row(8, 'CPU a delivery, 300 connections, bursts of 20, against asyncio transports alone, which write each event',
        'bursts', 'cpu', 'transports', .12, ''),
    Row(9, 'CPU a delivery, 19,000 connections, one event at a time, against asyncio transports alone',
        'many', 'cpu', 'transports', 1.15, ''),
    Row(10, 'the same for the p99 delay', 'many', 'p99', 'transports', 1.3, ''),
    Row(11, 'memory a connection whose stream has left its request, against 4 KiB', 'fanout', 'memory', None, 1, '',
        system='package-left', unit=4096)]

def of(runs: list, scenario: str, system: str) -> list:
    "Return the runs of one system in one scenario."
    return [r for r in runs if r['scenario'] == scenario and r['system'] == system]

def ratio(row: Row, runs: list, system: str) -> list:
    "Return the row's figure for `system`, for each round in which both systems were measured."
    ours, theirs = ({r['round']: r['figures'][row.key] for r in of(runs, row.scenario, x)} for x in (system, row.over))
    if not row.over: return [value / row.unit for value in ours.values()]
    return [ours[i] / theirs[i] for i in ours if i in theirs]

def judge(row: Row, runs: list) -> dict:
    "Return the row of the report: the package's ratio, its spread, and whether the target is met."
    values = sorted(ratio(row, runs, row.system))
    res = dict(row=row.number, figure=row.figure, target=row.target, aim=row.aim, before=row.before, values=values,
               ratio=median(values) if values else None)
    if old := ratio(row, runs, 'published'): res['published'] = median(old)
    met = bool(values) and res['ratio'] <= row.target
    if row.also:
        key, bound = row.also
        for name, system in (('also', 'package'), ('also_published', 'published')):
            if got := [r['figures'][key] for r in of(runs, row.scenario, system)]: res[name] = median(got)
        met = met and res['also'] <= bound
    return res | dict(reached=met)

def disturbed(figures: dict) -> bool:
    "Return whether another program took a core from both the server and the load generator in some phase."
    phases = [k.removeprefix('server_share') for k in figures if k.startswith('server_share')]
    return any(figures[f'server_share{p}'] < .7 and figures[f'load_share{p}'] < .5 for p in phases)

def summary(runs: list) -> dict:
    "Return the medians of all figures, by scenario and system."
    res = {}
    for r in runs: res.setdefault(r['scenario'], {}).setdefault(r['system'], []).append(r['figures'])
    def medians(fs): return {k: median(f[k] for f in fs) for k in fs[0]}
    return {sc: {sy: medians(fs) for sy, fs in by.items()} for sc, by in res.items()}

def machine(tools: Tools, runs: list) -> dict:
    "Describe the machine and the versions."
    facts = {}
    if any(r['system'] == 'nchan' for r in runs):
        told = subprocess.run([shutil.which('nginx') or '/usr/sbin/nginx', '-v'], capture_output=True, text=True).stderr
        facts['nginx'] = told.split('/')[-1].strip()
    for name in ('python-fasthtml', 'httptools', 'sse-starlette', 'starlette', 'uvicorn', 'uvloop'):
        with contextlib.suppress(PackageNotFoundError): facts[name.replace('-', '_')] = version(name)
    info = pathlib.Path('/proc/cpuinfo').read_text().splitlines()
    cpu = next((x.split(':')[1].strip() for x in info if x.startswith('model name')), platform.machine())
    kernel, pinned = platform.release().split('-')[0], tools.cpus[0] != tools.cpus[1]
    return dict(cores=os.cpu_count(), pinned=pinned, cpu=cpu, kernel=kernel, python=platform.python_version(),
                load_generator=tools.language) | facts

def plan(rows, systems, repeat: int) -> list:
    "Return (round, scenario, system) in measuring order: each system once, then again."
    wanted = {r.scenario for r in rows}
    steps = [(i, sc, sy) for i in range(repeat) for sc in SCENARIOS.values() if sc.name in wanted
             for sy in LABELS if sy in systems and sy in sc.systems]
    slow = 'stuck', 'published' # It blocks for 10 s, so it runs only once
    return [(i, sc, sy) for i, sc, sy in steps if (sc.name, sy) != slow or not i]

def measure(tools: Tools, steps: list, seconds: float) -> tuple[list, dict]:
    "Return the figures of each step, and the reason for each failure."
    runs, failed, bar = [], {}, report.Progress([sc.seconds for _, sc, _ in steps])
    for i, sc, system in steps:
        what = f'{sc.name}: {system}, round {i + 1}'
        bar.show(what)
        if (sc.name, system) not in failed:
            try: runs.append(dict(round=i, scenario=sc.name, system=system, figures=sc.measure(tools, system, seconds)))
            except Failed as e: failed[sc.name, system] = str(e)
        bar.step(what)
    bar.end()
    return runs, failed

def profile(tools: Tools, system: str):
    "Print a profile of a server's Python code, one event at a time. Profiling makes calls look more expensive."
    with Session(tools, system) as s:
        if not s.hello['control']: sys.exit('only Python servers can be profiled')
        s.tell('connect', 1000)
        s.tell('run', .5, 5, 1, 's')
        s.control('p')
        s.tell('run', 2, 5, 1, 's')
        print(s.control('P'))

def against(args, parser):
    "Compare this checkout with the one in the folder `--before`: write `before.json` and print its table."
    seconds, rounds = .3 if args.quick else before.SECONDS, args.repeat or (1 if args.quick else before.ROUNDS)
    try: folders = before.sides(before.checkout(args.before))
    except Failed as e: parser.error(f'--before: {e}')
    with tempfile.TemporaryDirectory() as tmp:
        tools = prepare(tmp, [], folders)
        try: results = before.compare(tools, [SCENARIOS[s] for s in before.SCENARIOS], rounds, seconds)
        except Failed as e: sys.exit(str(e))
        results['settings']['disturbed'] = sum(disturbed(r['figures']) for r in results['runs'])
        results['machine'] = machine(tools, [])
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / 'before.json').write_text(json.dumps(results, indent=1) + '\n')
    print(before.markdown(results))

def side_by_side(args, parser):
    "Compare all systems: write `fanout.json`, `fanout.md` and `fanout.svg`, and print the table."
    names, systems, repeat = ', '.join(LABELS), args.systems.split(','), args.repeat or (1 if args.quick else 5)
    seconds = .3 if args.quick else 1
    if unknown := set(systems) - set(LABELS): parser.error(f'unknown: {", ".join(unknown)}; there are {names}')
    rows = [r for r in ROWS if str(r.number) in args.rows.split(',')]
    if not rows: parser.error(f'rows are 1 to {len(ROWS)}')
    with tempfile.TemporaryDirectory() as tmp:
        tools = prepare(tmp, [args.profile] if args.profile else systems)
        if args.profile: return profile(tools, args.profile)
        start = time.time()
        runs, failed = measure(tools, plan(rows, systems, repeat), seconds)
        settings = dict(rounds=repeat, seconds=seconds, event_bytes=200, took=round(time.time() - start),
                        runs=len(runs), disturbed=sum(disturbed(r['figures']) for r in runs))
        results = dict(machine=machine(tools, runs), settings=settings, rows=[judge(r, runs) for r in rows],
                       systems=summary(runs), failed={': '.join(k): v for k, v in failed.items()}, runs=runs)
    args.out.mkdir(parents=True, exist_ok=True)
    table = report.markdown(results, LABELS, {s.name: s.what for s in SCENARIOS.values()})
    (args.out / 'fanout.json').write_text(json.dumps(results, indent=1) + '\n')
    (args.out / 'fanout.md').write_text(table)
    (args.out / 'fanout.svg').write_text(report.svg(results['systems'], LABELS))
    print(table)
    if any(system == 'package' for _, system in failed): sys.exit(1)

def main():
    p = argparse.ArgumentParser(description='Compare the fan-out of Server-Sent Events.')
    p.add_argument('--quick', action='store_true', help='one short round: a first look, without reliable figures')
    p.add_argument('--rows', default=','.join(str(r.number) for r in ROWS), help='rows of the table, by number')
    p.add_argument('--systems', default=','.join(LABELS), help=f'some of {", ".join(LABELS)}')
    p.add_argument('--repeat', type=int, help=f'rounds (5; with --before {before.ROUNDS}; with --quick 1)')
    p.add_argument('--out', type=pathlib.Path, default=HERE / 'results', help='folder of the JSON files, tables, plot')
    other = p.add_mutually_exclusive_group()
    other.add_argument('--profile', metavar='SYSTEM', choices=list(LABELS), help='print the profile of a server')
    other.add_argument('--before', metavar='PATH', type=pathlib.Path,
                       help='compare this checkout with another one, each with its own server')
    args = p.parse_args()
    if args.repeat is not None and args.repeat < 1: p.error('--repeat is at least 1')
    if args.before and (args.rows, args.systems) != (p.get_default('rows'), p.get_default('systems')):
        p.error('--before measures two checkouts and nothing else; omit --rows and --systems')
    (against if args.before else side_by_side)(args, p)

if __name__ == '__main__': main()
