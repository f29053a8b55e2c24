"""Run simulations: `python tests/simulation/run.py [--seed N] [--seconds S [--write]] [--script FILE]`.

Without a seed, fresh ones are drawn until the time is over. A finding is shrunk and printed as a script. `--write`
writes how much was simulated and judged to the file that the page `explains/proof.ipynb` reads.
"""

import argparse
import json
import platform
import secrets
import sys
import time
import traceback
import warnings
from datetime import date
from pathlib import Path

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import HypothesisWarning
from hypothesis.stateful import run_state_machine_as_test

if __name__ == '__main__': sys.path.insert(0, str(Path(__file__).parents[1]))
from simulation.machine import Machine  # noqa: E402
from simulation.oracle import JUDGED  # noqa: E402

RUNS = 20  # of one seed
STEPS = 8, 15, 25, 50  # of a simulation, in turn: some faults need few steps before them, and some need many
LONG_RUN = Path(__file__).with_name('long_run.json')


def run_seed(number, runs=RUNS, shrink=True):
    "Run the simulations of one seed; raises what the first finding is"
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    steps = STEPS[number % len(STEPS)]
    about = dict(max_examples=runs, stateful_step_count=steps, phases=phases, database=None, deadline=None,
                 report_multiple_bugs=False, suppress_health_check=list(HealthCheck), print_blob=False)
    machine = seed(number)(type('Machine', (Machine,), {}))
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', HypothesisWarning)
        run_state_machine_as_test(machine, settings=settings(**about))


def run_for(seconds, first=None, shrink=True, clock=time.monotonic):
    "Run fresh seeds for some seconds; returns how many simulations ran, and the failure with its seed"
    until, number, count = clock() + seconds, first or secrets.randbits(32), 0
    while clock() < until:
        try: run_seed(number + count, shrink=shrink)
        except Exception as e: return count * RUNS, (number + count, e)  # noqa: BLE001 - reported by the caller
        count += 1
    return count * RUNS, None


def write(file, **about):
    "Write what was measured, with its date and the version of Python"
    about = dict(date=date.today().isoformat(), python=platform.python_version(), **about)
    file.write_text(json.dumps(about, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')


def run_script(text):
    "Run the lines that a finding printed"
    state = Machine()
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith('state.')]
    for line in lines: exec(line, dict(state=state))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seed', type=int)
    parser.add_argument('--seconds', type=float, default=20.0)
    parser.add_argument('--script', type=Path)
    parser.add_argument('--write', action='store_true', help=f'write {LONG_RUN.name}')
    args = parser.parse_args()
    if args.script: return run_script(args.script.read_text())
    if args.seed is not None: return run_seed(args.seed)
    began = time.monotonic()
    count, failure = run_for(args.seconds)
    took = round(time.monotonic() - began)
    print(f'{count} simulations in {took} s')
    about = dict(simulations=count, findings=int(failure is not None), judged=dict(sorted(JUDGED.items())))
    if args.write: write(LONG_RUN, seconds=took, **about)
    if failure is None: return
    print(f'Seed {failure[0]}:')
    traceback.print_exception(failure[1], limit=-3)
    sys.exit(1)


if __name__ == '__main__': main()
