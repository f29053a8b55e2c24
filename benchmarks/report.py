"""The output of the benchmarks: the progress bar, tables, and the plot of `fanout.py`."""
import sys
import time
from html import escape
from statistics import median

class Progress:
    "A bar on standard error, weighted by the expected duration of the steps. Without a terminal, a line for each step."
    def __init__(self, seconds: list):
        self.seconds, self.at, self.start, self.tty = seconds, 0, time.monotonic(), sys.stderr.isatty()

    def show(self, text):
        if not self.tty: return
        done, total = sum(self.seconds[:self.at]), sum(self.seconds)
        took = time.monotonic() - self.start
        left = took / done * (total - done) if done else total
        full = int(30 * done / total)
        bar = f'[{"#" * full}{"." * (30 - full)}] {self.at}/{len(self.seconds)}  {left:.0f} s left  {text}'
        print(f'\r\033[K{bar}', end='', file=sys.stderr, flush=True)

    def step(self, text):
        self.at += 1
        if self.tty: self.show(text)
        else:
            at, took = f'[{self.at}/{len(self.seconds)}]', time.monotonic() - self.start
            print(f'{at} {took:.0f} s  {text}', file=sys.stderr, flush=True)

    def end(self):
        if self.tty: print('\r\033[K', end='', file=sys.stderr, flush=True)

def us(x): return f'{x * 1e6:.1f} µs' if x < 1e-4 else f'{x * 1e6:.0f} µs'
def ms(x): return f'{x * 1e3:.1f} ms' if abs(x) < .1 else f'{x * 1e3:,.0f} ms'
def kib(x): return f'{x / 1024:.1f} KiB'
def times(x): return f'{x:.2f}x' if x < 10 else f'{x:.0f}x'
def share(x): return f'{x:.0%}'

CORES = [("server's core", 'server_share', share), ("load generator's", 'load_share', share)]
CPU = [('CPU a delivery', 'cpu', us), ('in the kernel', 'kernel_share', share)]
DELAY = [('delay p50', 'p50', ms), ('p99', 'p99', ms)]
COLUMNS = {
    'fanout': [*CPU, ('memory a connection', 'memory', kib), ('CPU a connect', 'connect', us), *DELAY, *CORES],
    'bursts': [*CPU, *DELAY, *CORES],
    'growth': [('CPU a delivery, 100', 'cpu_100', us), ('8,000', 'cpu_8000', us), ('growth', 'growth', times),
               *((text, f'{key}_8000', fmt) for text, key, fmt in CORES)],
    'many': [*CPU, *DELAY, *CORES],
    'stuck': [('delay p99 without', 'p99_without', ms), ('with', 'p99_with', ms),
              ('longest without', 'worst_without', ms), ('with', 'worst_with', ms),
              ('connections stopped up', 'blocked_with', str)]}

def grid(head: list, rows: list) -> str:
    "Format a Markdown table whose columns after the first are right-aligned."
    lines = [head, ['---'] + ['---:'] * (len(head) - 1), *rows]
    return '\n'.join('| ' + ' | '.join(r) + ' |' for r in lines) + '\n'

def summary(runs: list) -> dict: # By part and system
    "Return the median of each figure"
    found = {}
    for r in runs: found.setdefault(r['part'], {}).setdefault(r['system'], []).append(r['figures'])
    def medians(figures): return {k: median(each[k] for each in figures) for k in figures[0]}
    return {part: {name: medians(each) for name, each in systems.items()} for part, systems in found.items()}

def row_line(r: dict) -> list:
    got, old, target = ((times(r[k]) if r.get(k) is not None else '–') for k in ('ratio', 'published', 'target'))
    if 'also' in r: got += f' ({ms(r["also"])} longer at worst)'
    if 'also_published' in r: old += f' ({ms(r["also_published"])} longer at worst)'
    spread = f'{times(r["values"][0])} to {times(r["values"][-1])}' if r['values'] else '–'
    aim = f', aim {times(r["aim"])}' if r['aim'] else ''
    reached = '–' if r['ratio'] is None else 'yes' if r['reached'] else '**no**'
    if r['before']: old += f' ({r["before"]})'
    return [f'{r["row"]}. {r["figure"]}', got, spread, f'at most {target}{aim}', reached, old]

def disturbance(settings: dict) -> str:
    return f'In {settings["disturbed"]} of {settings["runs"]} runs, other programs used the cores of both sides.'

def machine_line(facts: dict) -> str: return ', '.join(f'{k} {v}' for k, v in facts.items())

def markdown(results: dict, labels: dict, what: dict) -> str:
    "Format the rows with their targets, then the medians of each scenario, then the machine."
    head = ['figure, a ratio in the same round', 'median', 'least to most', 'target', 'reached', '0.0.12 here (then)']
    res = ['## Targets\n', grid(head, [row_line(r) for r in results['rows']])]
    for name, systems in results['systems'].items():
        cols = COLUMNS[name]
        lines = [[labels[s], *(fmt(fig[k]) for _, k, fmt in cols)] for s, fig in systems.items()]
        res += [f'## {what[name]}\n', grid(['', *(c[0] for c in cols)], lines)]
    s, facts = results['settings'], machine_line(results['machine'])
    res.append(f'Median of {s["rounds"]} rounds, {s["seconds"]} s each; CPU is that of the server. {facts}.\n')
    if s['disturbed']: res.append(f'{disturbance(s)} Their delays are unreliable.\n')
    failed = '; '.join(f'{k} ({v})' for k, v in results['failed'].items())
    if failed: res.append(f'Not measured: {failed}.\n')
    return '\n'.join(res)

ONE_AT_A_TIME = '1,000 connections, one event at a time'
PANELS = [ # title, subtitle, scenario, figures, format
    ('CPU a delivery', ONE_AT_A_TIME, 'fanout', ['cpu'], us),
    ('CPU a delivery', '300 connections, bursts of 20', 'bursts', ['cpu'], us),
    ('Memory a connection', '1,000 connections', 'fanout', ['memory'], kib),
    ('CPU a connect', '1,000 connections', 'fanout', ['connect'], us),
    ('Delay of a delivery', f'{ONE_AT_A_TIME}: p50 (strong) and p99 (faint)', 'fanout', ['p99', 'p50'], ms),
    ('CPU a delivery as connections grow', '100 (strong) and 8,000 (faint)', 'growth', ['cpu_8000', 'cpu_100'], us)]

# The plot paints its own background, so that it can be read on a page whose colours differ from those of the system.
STYLE = '''text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600; font-size: 15px }
.card { fill: #fff; stroke: #8c959f } .sub, .label { fill: #59636e } .bar { fill: #818b98; stroke: #818b98 }
.ours { fill: #0969da; stroke: #0969da } .light { fill-opacity: .3 }
@media (prefers-color-scheme: dark) { text { fill: #f0f6fc } .card { fill: #222; stroke: #768390 }
.sub, .label { fill: #b1bac4 } .bar { fill: #8b949e; stroke: #8b949e } .ours { fill: #4493f8; stroke: #4493f8 } }'''
LABEL, BARS = 221, 165 # Right edge of the labels, length of the longest bar

def panel(title, sub, systems: dict, keys: list, fmt, labels: dict) -> tuple[str, int]:
    "Draw one block of bars, smallest first, and return its height. The larger of two figures is lighter and below."
    top, y = max(f[keys[0]] for f in systems.values()), 46
    out = [f'<text class="title" y="14">{title}</text><text class="sub" y="32">{sub}</text>']
    for name, f in sorted(systems.items(), key=lambda x: x[1][keys[0]]):
        for k in keys:
            cls, width = 'ours' if name.startswith('package') else 'bar', max(1, BARS * f[k] / top)
            if k != keys[-1]: cls += ' light'
            out.append(f'<rect class="{cls}" x="{LABEL + 8}" y="{y}" width="{width:.1f}" height="16" rx="2"/>')
        label, value = escape(labels[name].replace('`', '')), ' to '.join(fmt(f[k]) for k in reversed(keys))
        out.append(f'<text class="label" x="{LABEL}" y="{y + 13}" text-anchor="end">{label}</text>')
        out.append(f'<text x="{LABEL + 14 + BARS * f[keys[0]] / top:.1f}" y="{y + 13}">{value}</text>')
        y += 24
    return '\n'.join(out), y + 22

PARTS = [('kernel', 'the kernel', 'bar'), ('transport', "the loop's transports", 'bar light'),
         ('own', 'the package', 'ours')]

def split(figures: dict, bare: dict) -> dict:
    "Return the parts of a delivery's CPU: the kernel's, that of bare transports outside of the kernel, and the rest."
    kernel, alone = figures['cpu'] * figures['kernel_share'], bare['cpu'] * (1 - bare['kernel_share'])
    own = figures['cpu'] - kernel - alone
    return dict(kernel=kernel, transport=min(alone, figures['cpu'] - kernel), own=max(0, own))

def parts_panel(rows: list) -> tuple[str, int]:
    "Draw one bar for each of `rows`, (label, figures, bare figures), divided into its parts."
    top, y, x = max(f['cpu'] for _, f, _ in rows), 66, 0
    title, sub = 'Where the CPU of a delivery goes', 'One event at a time; bare transports are the limit of the loop'
    out = [f'<text class="title" y="14">{title}</text><text class="sub" y="32">{sub}</text>']
    for _, text, cls in PARTS:
        out.append(f'<rect class="{cls}" x="{x}" y="42" width="12" height="12" rx="2"/>')
        out.append(f'<text class="label" x="{x + 18}" y="53">{escape(text)}</text>')
        x += 34 + 7 * len(text)
    for label, figures, bare in rows:
        x = LABEL + 8
        for key, _, cls in PARTS:
            width = BARS * split(figures, bare)[key] / top
            out.append(f'<rect class="{cls}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="16"/>')
            x += width
        out.append(f'<text class="label" x="{LABEL}" y="{y + 13}" text-anchor="end">{escape(label)}</text>')
        out.append(f'<text x="{x + 6:.1f}" y="{y + 13}">{us(figures["cpu"])}</text>')
        y += 24
    return '\n'.join(out), y + 22

def parts_rows(scenarios: dict) -> list:
    "Return the bars of the parts: bare transports and the package, for 1,000 and for 19,000 readers."
    names = {'transports': 'transports alone', 'package': 'this package', 'package-left': 'with its HttpTools'}
    return [(f'{readers} tabs, {label}', found[system], found['transports'])
            for scenario, readers in (('fanout', '1,000'), ('many', '19,000')) if (found := scenarios.get(scenario))
            for system, label in names.items() if {system, 'transports'} <= set(found)]

def svg(scenarios: dict, labels: dict) -> str:
    "Draw the plot: one panel below the other for each measured figure, legible on a light and a dark background."
    panels = [panel(t, sub, scenarios[sc], keys, fmt, labels) for t, sub, sc, keys, fmt in PANELS if sc in scenarios]
    if rows := parts_rows(scenarios): panels.insert(0, parts_panel(rows))
    parts, y = [], 20
    for body, height in panels:
        parts.append(f'<g transform="translate(16,{y})">{body}</g>')
        y += height
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="600" height="{y}" viewBox="0 0 600 {y}" role="img">'
    title = '<title>What one event to many readers costs</title>'
    card = f'<rect class="card" x=".5" y=".5" width="599" height="{y - 1}" rx="6"/>'
    return '\n'.join([head, title, f'<style>{STYLE}</style>', card, *parts, '</svg>', ''])
