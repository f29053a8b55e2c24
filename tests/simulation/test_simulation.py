"Fresh simulations, the scripts of faults that they found, and the proof that they find faults"
import asyncio
import itertools
import logging
from pathlib import Path

import pytest

from cjm_fasthtml_sse.backplanes.conformance import check_backplane
from cjm_fasthtml_sse.runtime.time import Time

from . import mutants
from .engine import Engine
from .machine import Machine
from .oracle import Finding
from .run import run_for, run_script

FOUND = sorted((Path(__file__).parent/'found').glob('*.txt'))
SECONDS, LONG_SECONDS = 12, 1800


@pytest.fixture(autouse=True)
def quiet():
    logger = logging.getLogger('cjm_fasthtml_sse')
    logger.propagate, before = False, logger.propagate
    yield
    logger.propagate = before


def simulate(seconds):
    count, failure = run_for(seconds)
    if failure is not None:
        number, error = failure
        script = '\n'.join(getattr(error, '__notes__', ()))
        again = f'python tests/simulation/run.py --seed {number}'
        pytest.fail(f'Seed {number}, after {count} simulations: {error!r}\n{script}\nAgain: {again}')
    assert count


def test_simulations_find_nothing(): simulate(SECONDS)


@pytest.mark.long
def test_many_simulations_find_nothing(): simulate(LONG_SECONDS)


@pytest.mark.parametrize('script', FOUND, ids=lambda path: path.stem)
def test_what_was_found_is_mended(script): run_script(script.read_text())


def test_the_engine_keeps_the_contract_of_backplanes(tmp_path):
    engines, moments = {}, itertools.count().__next__
    def make(name): return engines.setdefault(name, Engine(None, Time(), moments)).adapter()
    asyncio.run(check_backplane(make))


@pytest.mark.parametrize('name', [*mutants.FAULTS, *mutants.SENTENCES])
def test_each_mutant_still_applies(name):
    changes = {**mutants.FAULTS, **mutants.SENTENCES}[name]()
    assert changes and all(new is not old for _, _, old, new in changes)


@pytest.mark.long
@pytest.mark.parametrize('name', [*mutants.FAULTS, *mutants.SENTENCES])
def test_each_mutant_is_found(name): assert mutants.run_in_two(name, mutants.SECONDS)['finding']


def test_a_finding_is_a_script_that_runs_again():
    "Without an engine, nothing tells an application that an event is lost that its own code drops"
    state = Machine()
    with pytest.raises(Finding, match='loss'):
        state.begin(count=1, engine='none', tabs=[('ann', ('a',), 0, None, False, False)])
        state.world.manager_of(0).hub.fan_out = lambda event: 0
        state.publish(worker=0, topic='a')
        state.teardown()
