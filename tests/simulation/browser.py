"""Measure the simulation of the browser's side for the page `explains/proof.ipynb`.

`python tests/simulation/browser.py [--seconds S] [--each S]` runs it for some seconds, then each of its mutants until
the first finding, and writes `js/measured.json`.
"""

import argparse
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

if __name__ == '__main__': sys.path.insert(0, str(Path(__file__).parents[1]))
from simulation.proof import BROWSER_FILE, browser_mutants  # noqa: E402
from simulation.run import write  # noqa: E402

RUN = re.compile(r'^(\d+) runs in ([\d.]+) s', re.M)
FOUND = re.compile(r'^\S+ +(\w+) +after +(\d+) runs, +([\d.]+) s', re.M)
NOT_FOUND = re.compile(r'not found in (\d+) runs')


def node(file, *arguments):
    command = ['node', BROWSER_FILE.with_name(file), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout, done.returncode


def run_long(seconds):
    text, code = node('run.mjs', '--seconds', seconds)
    print(text, flush=True)
    if not (found := RUN.search(text)): raise SystemExit(1)
    return dict(runs=int(found[1]), seconds=round(float(found[2])), findings=int(code != 0))


def run_mutant(name, seconds):
    text, _ = node('mutants.mjs', name, '--seconds', seconds)
    print(text.split('\n')[0], flush=True)
    if found := FOUND.search(text): return dict(within=int(found[2]), seconds=float(found[3]), finding=found[1])
    return dict(within=int(NOT_FOUND.search(text)[1]), seconds=seconds, finding=None)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seconds', type=int, default=1800)
    parser.add_argument('--each', type=int, default=120, help='seconds for one mutant')
    args = parser.parse_args()
    run = run_long(args.seconds)
    with ThreadPoolExecutor(2) as pool: found = pool.map(lambda name: run_mutant(name, args.each), browser_mutants())
    write(BROWSER_FILE, **run, mutants=dict(zip(browser_mutants(), found, strict=True)))


if __name__ == '__main__': main()
