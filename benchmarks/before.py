"""Compare the package of this checkout with another checkout's and with itself: the cost of a change, with an interval.

    python benchmarks/fanout.py --before PATH [--repeat 40] [--out DIR]

`README.md` in this folder describes the method.
"""
import pathlib
import subprocess
import time
from math import comb
from statistics import median

import report
from session import HERE, SERVER, Failed, Session, Tools

SIDES = 'this', 'before', 'again' # `again` is this checkout once more, which shows the noise
ROUNDS, FEWEST, SECONDS = 40, 6, .5 # Rounds; minimum for an interval; seconds of a measured phase
BOUND = 1.03 # Maximum slowdown: the interval's lower end must stay below it
FIGURES = [ # label, scenario, key, format, whether the bound applies
    ('CPU a delivery, 1,000 connections, one event at a time', 'fanout', 'cpu', report.us, True),
    ('CPU a delivery, 300 connections, bursts of 20', 'bursts', 'cpu', report.us, True),
    ('memory a connection', 'fanout', 'memory', report.kib, False),
    ('CPU a connect', 'fanout', 'connect', report.us, False)]
SCENARIOS = 'fanout', 'bursts' # Of `fanout.py`

def interval(
    values: list, # Independent measurements of one quantity
    sure: float = .95 # Minimum probability that such an interval contains the median
) -> tuple[float, float] | None: # Lower and upper end, both among the values; None for too few values
    "Return a confidence interval of the median by order statistics: each value lies below it with probability 1/2."
    n, k, below = len(values), 0, 0
    while (below := below + comb(n, k) / 2 ** n) <= (1 - sure) / 2: k += 1
    return (sorted(values)[k - 1], sorted(values)[n - k]) if k else None

def checkout(path: pathlib.Path) -> pathlib.Path:
    "Return the folder of a checkout, or raise `Failed` with the missing part."
    folder = path.resolve()
    for part in (SERVER, 'cjm_fasthtml_sse/__init__.py'):
        if not (folder / part).is_file(): raise Failed(f'{path} is no checkout of this project: it has no {part}')
    return folder

def commit(folder: pathlib.Path) -> str:
    "Return the commit of a checkout, if git knows it."
    git = ['git', '-C', folder, 'describe', '--always', '--dirty', '--abbrev=12', '--exclude=*']
    done = subprocess.run(git, capture_output=True, text=True)
    return done.stdout.strip() or 'unknown'

def sides(before: pathlib.Path) -> dict:
    "Return the folder of each side."
    here = HERE.parent
    return dict(zip(SIDES, (here, before, here), strict=True))

def plan(scenarios: list, rounds: int) -> list:
    "Return (round, scenario, side) in measuring order; every other round is reversed, so that drift cancels."
    steps = [(sc, side) for sc in scenarios for side in SIDES]
    return [(i, *step) for i in range(rounds) for step in steps[::-1 if i % 2 else 1]]

def try_out(tools: Tools):
    "Start each checkout's server once with a reader, to fail early and to compile its files before the rounds."
    for side in ('before', 'this'):
        try:
            with Session(tools, side) as s:
                s.tell('connect', 1)
                s.tell('run', 0, 1, 1, 's')
        except Failed as e: raise Failed(f'the server of {tools.checkouts[side]} does not run: {e}') from None

def measure(tools: Tools, scenarios: list, rounds: int, seconds: float) -> list:
    "Measure all figures of all sessions."
    steps = plan(scenarios, rounds)
    runs, bar = [], report.Progress([sc.seconds for _, sc, _ in steps])
    for i, sc, side in steps:
        what = f'{sc.name}: {side}, round {i + 1}'
        bar.show(what)
        try: figures = sc.measure(tools, side, seconds)
        except Failed as e: raise Failed(f'{what} ({tools.checkouts[side]}): {e}') from None
        runs.append(dict(round=i, scenario=sc.name, side=side, figures=figures))
        bar.step(what)
    bar.end()
    return runs

def values(runs: list, scenario: str, key: str, side: str) -> list:
    "Return the figures of one side, in the order of the rounds."
    found = [r for r in runs if (r['scenario'], r['side']) == (scenario, side)]
    return [r['figures'][key] for r in sorted(found, key=lambda r: r['round'])]

def ratios(ours: list, theirs: list) -> dict:
    "Return the median of the ratios of each round, and its interval."
    each = [a / b for a, b in zip(ours, theirs, strict=True)]
    low, high = interval(each) or (None, None)
    return dict(median=median(each), low=low, high=high, values=each)

def judge(runs: list) -> list:
    "Return the rows of the table: each figure relative to the other checkout and to this one itself."
    rows = []
    for what, scenario, key, _, bounded in FIGURES:
        this, before, again = (values(runs, scenario, key, side) for side in SIDES)
        row = dict(figure=what, scenario=scenario, key=key, this=median(this), before=median(before),
                   ratio=ratios(this, before), itself=ratios(again, this))
        low = row['ratio']['low']
        rows.append(row | (dict(bound=BOUND, within=None if low is None else low < BOUND) if bounded else {}))
    return rows

def compare(tools: Tools, scenarios: list, rounds: int, seconds: float) -> dict:
    "Return the content of `before.json`, without the description of the machine."
    start = time.time()
    try_out(tools)
    runs = measure(tools, scenarios, rounds, seconds)
    commits = {side: commit(tools.checkouts[side]) for side in SIDES[:2]}
    settings = dict(rounds=rounds, seconds=seconds, event_bytes=200, took=round(time.time() - start), runs=len(runs),
                    interval='95 % of the median, by order statistics')
    return dict(commits=commits, settings=settings, rows=judge(runs), runs=runs)

def spread(r: dict) -> str: return '–' if r['low'] is None else f'{r["low"]:.3f} to {r["high"]:.3f}'

def markdown(results: dict) -> str:
    "Format the table."
    head = ['', 'before', 'this', 'this / before', '95 % of the median', f'lower end under {BOUND}',
            'this / itself', '95 % of the median']
    said, lines = {True: 'yes', False: '**no**', None: '–'}, []
    for row, (*_, fmt, _) in zip(results['rows'], FIGURES, strict=True):
        ratio, itself = row['ratio'], row['itself']
        lines.append([row['figure'], fmt(row['before']), fmt(row['this']), f'{ratio["median"]:.3f}', spread(ratio),
                      said[row.get('within')], f'{itself["median"]:.3f}', spread(itself)])
    s, facts = results['settings'], report.machine_line(results['machine'])
    res = [report.grid(head, lines),
           f'Rounds of fresh sessions: {s["rounds"]}, {s["seconds"]} s a phase, {s["took"]} s in all. This is '
           f'{results["commits"]["this"]}, before is {results["commits"]["before"]}. {facts}.\n']
    if s['rounds'] < FEWEST: res.append(f'Fewer than {FEWEST} rounds have no interval.\n')
    if s['disturbed']: res.append(report.disturbance(s) + '\n')
    return '\n'.join(res)
