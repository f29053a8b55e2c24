"Sampled cases: each day the next ones, all cases on request, and a failure that prints how to repeat it"

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
SETTINGS = """[pytest]
addopts = -m 'not long'
markers =
    long: as in this project
    sample(n, of=): as in this project
"""
CASES = """import pytest

@pytest.mark.sample(2)
@pytest.mark.parametrize("case", range(5))
def test_many(case): assert case != 3

@pytest.mark.parametrize("case", [0, *(pytest.param(n, marks=pytest.mark.sample(1)) for n in (1, 2))])
def test_one_of_two_beside_another(case): pass

@pytest.mark.sample(2, of="kind")
@pytest.mark.parametrize("case", [0, *(pytest.param(n, marks=pytest.mark.sample(1)) for n in (1, 2))])
def test_kind(case): pass

@pytest.mark.sample(2, of="kind")
def test_kind_too(): pass

def test_single(): pass

@pytest.mark.long
def test_long(): pass
"""


@pytest.fixture
def ran(tmp_path):
    "Run pytest on the tests above with this project's `conftest.py`; return the tests that ran, and the output"
    for name in ("conftest.py", "features.py"): shutil.copy(HERE / name, tmp_path)
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    (tmp_path / "test_cases.py").write_text(CASES)

    def ran(*args):
        command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *args]
        env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        output = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True).stdout
        lines = [line.split() for line in output.splitlines() if line.startswith("test_cases.py::")]
        return [line[0].partition("::test_")[2] for line in lines], output

    return ran


def many(names): return [name for name in names if name.startswith("many")]


def test_each_case_has_its_turn(ran):
    turns = [ran(f"--sample={day}")[0] for day in (739_000, 739_001, 739_002)]
    assert [len(many(names)) for names in turns] == [2, 2, 2]
    assert {*many(turns[0] + turns[1] + turns[2])} == {f"many[{n}]" for n in range(5)}
    beside = [[name for name in names if name.startswith("one_of_two")] for names in turns]
    assert {*map(len, beside)} == {2} and all(names[0].endswith("[0]") for names in beside) and beside[0] != beside[1]
    assert all("single" in names and "long" not in names for names in turns)


def test_cases_of_several_tests_take_turns_if_the_mark_names_their_kind(ran):
    turns = [[name for name in ran(f"--sample={day}")[0] if name.startswith("kind")] for day in (738_000, 738_001)]
    assert [len(names) for names in turns] == [2, 2]
    assert {*turns[0], *turns[1]} == {*(f"kind[{n}]" for n in range(3)), "kind_too"}


ASKED = dict(long=(["-m", ""], 5), all=(["--sample=all"], 5), named=(["test_cases.py::test_many[4]"], 1))


@pytest.mark.parametrize("args, most", ASKED.values(), ids=ASKED)
def test_no_case_is_left_out_if_all_are_requested_or_one_is_named(ran, args, most):
    assert len(many(ran(*args)[0])) == most


def test_a_failure_prints_how_to_repeat_it(ran):
    names, output = ran("--sample=3")
    assert many(names) == ["many[0]", "many[3]"] and output.count("SSE_SAMPLE=3 chooses it again") == 1
