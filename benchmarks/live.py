"""Measure live regions beside events that an application writes by hand, and beside one rendering a reader.

    python benchmarks/live.py [--quick] [--rounds 3] [--only crowd,bars] [--out DIR]
    python benchmarks/live.py --profile region

The page is a list of thirty jobs with a progress bar each. All servers call the same function (`systems/board.py`).

- `crowd`: 1,000 tabs show ten lists, and 100 writes a second change one job each. By hand, an application broadcasts
  each change to the topic of its list, and an element builder renders the job that changed. One rendering a reader is
  the way of Datastar and LiveView: each connection calls the function itself after a change, at most once in the
  interval of a region. It sends the whole list, as Datastar does, or like LiveView what differs from what it sent
  last. These two differ in bytes and not in calls, so both are measured.
- `bars`: ten tabs show one list, and each of its bars changes ten times a second. The region is measured with its
  usual interval, and with `min_interval=0`, where each change is rendered. Of a list in which one child has no id,
  each rendering is sent as a whole.

A round measures each system once, with a new server and new tabs, and ratios are taken within a round. A tab applies
what it gets (`tabs.py`). A run fails if a tab gets a change to another rendering than its own, or if its list is
another than that of a fresh page at the end. The time ends when all tabs show the last write. The result is printed
and written to `live.json` and `live.md` in DIR, with the sizes of the scripts of a page.
"""
import argparse
import json
import pathlib
import re
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, replace
from statistics import median

import report
from fanout import machine
from session import HERE, Failed, Session, Tools, prepare

LABELS = {
    'events': 'events by hand', 'region': 'a live region', 'region-each': 'the same, `min_interval=0`',
    'whole': 'a live region without ids', 'whole-each': 'the same, `min_interval=0`',
    'readers': 'one rendering a reader, sent whole', 'readers-diffed': 'one rendering a reader, what differs is sent'}

@dataclass
class Part:
    "Tabs, and writes to their lists"
    name: str
    what: str # One line for the tables
    tabs: int
    lists: int # Lists that the tabs show
    rate: int # Writes a second
    kind: str # `s` writes to each list in turn, `l` to each job of the first list in turn
    systems: tuple
    took: float # Approximate seconds of one system, for the progress bar

PARTS = {p.name: p for p in [
    Part('crowd', '1,000 tabs on 10 lists, 100 writes a second', 1000, 10, 100, 's',
         ('events', 'region', 'readers', 'readers-diffed'), 12),
    Part('bars', '30 progress bars that change 10 times a second', 10, 1, 300, 'l',
         ('events', 'region', 'region-each', 'whole', 'whole-each'), 5)]}

RATIOS = [ # part, figure, system, other system, text, target
    ('bars', 'bytes', 'region', 'events', 'bytes of thirty bars, a live region against events by hand', 1.2),
    ('bars', 'bytes', 'region-each', 'events', 'the same, if each change is rendered', None),
    ('bars', 'bytes', 'whole-each', 'events', 'the same, if each change is rendered and sent as a whole', None),
    ('crowd', 'cpu', 'region', 'events', 'CPU for the crowd, a live region against events by hand', None),
    ('crowd', 'cpu_shown', 'region', 'readers', 'CPU of a rendering in a tab, against one a reader, sent whole', None),
    ('crowd', 'bytes_shown', 'region', 'readers', 'bytes of one, against one a reader, sent whole', None)]

def measure(tools: Tools, part: Part, system: str, seconds: float, tabs: int) -> dict:
    "Return the figures of one system for the writes of some seconds, in seconds and bytes"
    with Session(tools, system) as s:
        s.tell('open', tabs, part.lists)
        s.tell('write', part.rate, part.lists, part.kind) # The first rendering of a region is sent as a whole
        res = s.tell('write', part.rate, round(part.rate * seconds), part.kind)
    got, cpu, wall = res['got'], res['server_cpu'], res['wall']
    shown = got.get('whole', 0) + got.get('some', 0)
    shares = dict(wall=wall, server_share=cpu / wall, load_share=res['load_cpu'] / wall)
    return dict(rendered=res['rendered'], shown=shown / tabs, touches=got.get('touch', 0) / tabs, cpu=cpu,
                cpu_shown=cpu / shown, bytes=res['bytes'] / tabs, bytes_shown=res['bytes'] / shown, **shares,
                **{k: res[k] for k in ('p50', 'p99', 'max')})

def profile(tools: Tools, system: str):
    "Print a profile of the loop of a server with the crowd, without the thread that renders regions"
    part = PARTS['crowd']
    with Session(tools, system) as s:
        s.tell('open', part.tabs, part.lists)
        s.control('p')
        s.tell('write', part.rate, 3 * part.rate, part.kind)
        print(s.control('P'))

def scripts(tools: Tools) -> dict: # By name
    "Return the compressed bytes of the scripts that a page with a region loads from the package"
    with Session(tools, 'region') as s:
        def get(path: str) -> bytes:
            request = urllib.request.Request(f'http://127.0.0.1:{s.hello["port"]}{path}')
            request.add_header('accept-encoding', 'gzip')
            with urllib.request.urlopen(request) as response: return response.read()
        found = re.findall(r'src="(/live/(\w+)\.\w+\.js)"', get('/list/0').decode())
        return {name: len(get(path)) for path, name in found}

def judge(runs: list) -> list:
    "Return the ratios of the rounds in which both systems were measured"
    rows = []
    for part, key, system, other, text, target in RATIOS:
        found = {(r['round'], r['system']): r['figures'][key] for r in runs if r['part'] == part}
        values = sorted(found[i, s] / found[i, other] for i, s in found if s == system and (i, other) in found)
        if not values: continue
        ratio = median(values)
        rows.append(dict(figure=text, target=target, values=values, ratio=ratio,
                         reached=None if target is None else ratio <= target))
    return rows

COLUMNS = [('calls', 'rendered', '{:,.0f}'.format), ('renderings in a tab', 'shown', '{:,.0f}'.format),
           ('server CPU', 'cpu', '{:.2f} s'.format), ('CPU of a rendering in a tab', 'cpu_shown', report.us),
           ('bytes to a tab', 'bytes', report.kib), ('bytes of a rendering', 'bytes_shown', '{:,.0f}'.format),
           *report.DELAY, *report.CORES]

def markdown(results: dict) -> str:
    "Format the ratios, then the medians of each part, then the scripts and the machine"
    def row(r):
        target = '–' if r['target'] is None else f'at most {report.times(r["target"])}'
        spread = f'{report.times(r["values"][0])} to {report.times(r["values"][-1])}'
        reached = '–' if r['reached'] is None else 'yes' if r['reached'] else '**no**'
        return [r['figure'], report.times(r['ratio']), spread, target, reached]
    heads = ['figure, a ratio in the same round', 'median', 'least to most', 'target', 'reached']
    res = ['## Targets\n', report.grid(heads, [row(r) for r in results['rows']])]
    for name, systems in results['parts'].items():
        lines = [[LABELS[s], *(fmt(figures[k]) for _, k, fmt in COLUMNS)] for s, figures in systems.items()]
        res += [f'## {PARTS[name].what}\n', report.grid(['', *(head for head, *_ in COLUMNS)], lines)]
    sizes = [[f'`{name}`', report.kib(size)] for name, size in results['scripts'].items()]
    res += ['## Scripts\n', report.grid(['script of the package, compressed by gzip', 'size'], sizes)]
    s, facts = results['settings'], report.machine_line(results['machine'])
    res.append(f'Median of {s["rounds"]} rounds, {s["seconds"]} s of writes each. {facts}.\n')
    return '\n'.join(res)

def main():
    p = argparse.ArgumentParser(description='Measure live regions.')
    p.add_argument('--quick', action='store_true', help='one short round, few tabs: without reliable figures')
    p.add_argument('--rounds', type=int, help='rounds (3; with --quick 1)')
    p.add_argument('--only', default=','.join(PARTS), help=f'some of {",".join(PARTS)}')
    p.add_argument('--out', type=pathlib.Path, default=HERE / 'results', help='folder of live.json and live.md')
    p.add_argument('--profile', metavar='SYSTEM', choices=PARTS['crowd'].systems, help='print the profile of a server')
    args = p.parse_args()
    rounds, seconds = args.rounds or (1 if args.quick else 3), 1 if args.quick else 3
    if args.rounds is not None and args.rounds < 1: p.error('--rounds is at least 1')
    if unknown := set(args.only.split(',')) - set(PARTS): p.error(f'unknown: {", ".join(unknown)}')
    parts, start, runs = [PARTS[name] for name in args.only.split(',')], time.time(), []
    steps = [(i, part, system) for i in range(rounds) for part in parts for system in part.systems]
    bar = report.Progress([part.took for _, part, _ in steps])
    with tempfile.TemporaryDirectory() as tmp:
        tools = replace(prepare(tmp, []), load=[sys.executable, str(HERE / 'tabs.py')])
        if args.profile: return profile(tools, args.profile)
        for i, part, system in steps:
            what, tabs = f'{part.name}: {system}, round {i + 1}', min(part.tabs, 100) if args.quick else part.tabs
            bar.show(what)
            try: figures = measure(tools, part, system, seconds, tabs)
            except Failed as e: sys.exit(f'{what}: {e}')
            runs.append(dict(round=i, part=part.name, system=system, figures=figures))
            bar.step(what)
        bar.end()
        settings = dict(rounds=rounds, seconds=seconds, took=round(time.time() - start))
        results = dict(machine=machine(tools, runs), settings=settings, rows=judge(runs), parts=report.summary(runs),
                       scripts=scripts(tools), runs=runs)
    args.out.mkdir(parents=True, exist_ok=True)
    table = markdown(results)
    (args.out / 'live.json').write_text(json.dumps(results, indent=1) + '\n')
    (args.out / 'live.md').write_text(table)
    print(table)

if __name__ == '__main__': main()
