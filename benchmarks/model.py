"""Estimate what many readers cost, from the files that `fanout.py` and `scale.py` have written.

    python benchmarks/model.py [--data DIR]

The model has four figures of a reader: the CPU of a delivery, of a connect, and of a second without events, and the
memory. Each is taken from the run that is nearest to production: `host` for deliveries and memory, `idle` for
heartbeats. What the model assumes is then checked with the other runs. The tables are printed and written to `model.md`
in DIR.
"""
import argparse
import json
import math
import pathlib

import report
from session import HERE

LEAST = 'package', 'package-left' # Systems with a column of their own
INTERVAL = 15 # Seconds from one heartbeat to the next
PROCESS = 19_000 # Readers of a process; systems often limit a process to 20,000 open files
SIZES = 10_000, 100_000, 1_000_000, 100_000_000
RATES = {'an event a minute': 1 / 60, 'an event a second': 1.0}

def fit(fanout: dict, scale: dict, system: str) -> dict:
    "Return the four figures of a reader: seconds of CPU, bytes"
    idle, host = scale['idle'][system], scale['host'][system]
    return dict(delivery=host['cpu'], connect=fanout['systems']['fanout'][system]['connect'],
                idle=idle['share'] / idle['readers'], memory=host['memory'])

def checks(fanout: dict, scale: dict) -> list[tuple]:
    "Return each assumption with what it predicts and what was measured, and how to show them"
    one, many = (fanout['systems'][name]['package'] for name in ('fanout', 'many'))
    paced, host, idle = (scale[name]['package'] for name in ('paced', 'host', 'idle'))
    heartbeat = idle['share'] / idle['readers'] * INTERVAL
    us, kib = report.us, report.kib
    return [('a delivery costs the same with 1,000 readers in a process and with 19,000', one['cpu'], many['cpu'], us),
            ('it costs the same if events follow each other and if one comes a second', many['cpu'], paced['cpu'], us),
            ('processes on one host do not slow each other', paced['cpu'], host['cpu'], us),
            ('a heartbeat costs as much as a delivery once a second', paced['cpu'], heartbeat, us),
            ('each further reader takes the same memory', one['memory'], host['memory'], kib)]

def assumptions(fanout: dict, scale: dict) -> str:
    rows = [[what, fmt(said), fmt(seen), report.times(seen / said)] for what, said, seen, fmt in checks(fanout, scale)]
    return report.grid(['assumption', 'predicted', 'measured', 'ratio'], rows)

def size(n: float) -> str:
    for unit, one in (('TiB', 2**40), ('GiB', 2**30)):
        if n >= one: return f'{n / one:.1f} {unit}'
    return f'{n / 2**20:.0f} MiB'

def number(x: float) -> str: return f'{x:,.0f}' if x >= 10 else f'{x:.1f}' if x >= 1 else f'{x:.2f}'

def estimates(costs: dict) -> str:
    heads = ['tabs', 'that get', 'cores', 'processes', 'memory', 'memory with `HttpTools`',
             'reads of the engine a second']
    rows = []
    for n in SIZES:
        for name, rate in RATES.items():
            each, processes = costs['package'], math.ceil(n / PROCESS)
            cores = n * (rate * each['delivery'] + (each['idle'] if rate * INTERVAL < 1 else 0))
            rows.append([f'{n:,}', name, number(cores), f'{processes:,}',
                         *(size(n * costs[system]['memory']) for system in LEAST), number(processes * rate)])
    return report.grid(heads, rows)

def markdown(fanout: dict, scale: dict) -> str:
    costs = {system: fit(fanout, scale, system) for system in LEAST}
    named = [('CPU of a delivery', 'delivery', report.us), ('CPU of a second without events', 'idle', report.us),
             ('CPU of a connect', 'connect', report.us), ('memory', 'memory', report.kib)]
    rows = [[what, *(fmt(costs[system][key]) for system in LEAST)] for what, key, fmt in named]
    fitted = report.grid(['figure of a reader', 'the package', 'with its `HttpTools`'], rows)
    parts = ['## Fitted\n', fitted, '## Checked\n', assumptions(fanout, scale), '## Estimates\n', estimates(costs)]
    return '\n'.join(parts)

def main():
    p = argparse.ArgumentParser(description='Estimate what many readers cost.')
    p.add_argument('--data', type=pathlib.Path, default=HERE / 'results', help='folder of fanout.json and scale.json')
    args = p.parse_args()
    fanout, scale = (json.loads((args.data / f'{name}.json').read_text()) for name in ('fanout', 'scale'))
    (args.data / 'model.md').write_text(text := markdown(fanout, scale))
    print(text)

if __name__ == '__main__': main()
