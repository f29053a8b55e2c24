"""The browser's script in a simulation: many tabs, one seeded clock, and the faults of browsers and networks.

`tests/simulation/js/world.mjs` describes the model. If a run fails, its seed and a short script are printed. To repeat
it, write the script to a file: `node tests/simulation/js/run.mjs --script FILE`."""
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
JS = ROOT/'tests'/'simulation'/'js'
FOUND = sorted((JS/'found').glob('*.txt'))
SHORT, LONG = 12, 1800  # seconds


def run(file, *arguments, seconds=60, fails=False):
    node = shutil.which('node') or pytest.fail('node is missing; it comes with npm')
    command = [node, JS/file, *arguments]
    command = [str(part) for part in command]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds + 60)
    assert bool(done.returncode) == fails, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize('seconds', [SHORT, pytest.param(LONG, marks=pytest.mark.long)], ids=['short', 'long'])
def test_each_tab_gets_each_event_once_and_in_order_or_is_told(seconds):
    "Fresh runs until the time is over"
    run('run.mjs', '--seconds', seconds, seconds=seconds)


@pytest.mark.parametrize('script', FOUND, ids=[script.stem for script in FOUND])
def test_a_fault_that_was_found_is_mended(script): run('run.mjs', '--script', script)


def test_each_mutant_applies():
    "A mutant replaces text of the script, which must still be there"
    run('mutants.mjs', '--check')
    names = [each['name'] for each in json.loads(run('mutants.mjs', '--list'))]
    assert len(set(names)) == len(names) > 30


def test_a_run_repeats_exactly():
    "The same seed gives the same run"
    first, second = (run('run.mjs', '--seed', 7, '--trace') for _ in range(2))
    assert first == second and len(first) > 1000


def test_a_fault_is_found_and_shortened():
    "A new leader without a cursor loses events: the output has the seed and a script that fails again"
    text = run('mutants.mjs', 'leader-without-a-cursor', '--show', '--first', '1', fails=True)
    count, script = re.search(r'shortened to (\d+) verbs: .*\n\nseed \d+\n((?:\[.*\n)+)', text).groups()
    assert int(count) == len(script.splitlines()) < 12


@pytest.mark.long
def test_each_mutant_is_found():
    "Within four minutes of a core each"
    run('mutants.mjs', seconds=9000)
