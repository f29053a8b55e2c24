"""Each tutorial runs from top to bottom in a Jupyter kernel, as under nbdev-test."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TUTORIALS = sorted((ROOT / "nbs/tutorials").glob("*.ipynb"))
DEADLINE = 150  # Seconds for one tutorial before it fails
NAMES = [path.stem for path in TUTORIALS]


def cells(path): return json.loads(path.read_text(encoding="utf-8"))["cells"]


def pictures(path):
    "Count the pictures in a notebook's outputs."
    outputs = [output for cell in cells(path) for output in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def execute(path, to):
    "Run `jupyter execute` with the kernel of this Python; return the exit code and the output"
    bin = Path(sys.executable).parent
    env = {**os.environ, "PATH": f"{bin}{os.pathsep}{os.environ['PATH']}"}
    command = [bin / "jupyter", "execute", "--kernel_name=python3", f"--output={to / path.stem}", path]
    how = dict(env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try: done = subprocess.run(command, timeout=DEADLINE, **how)
    except subprocess.TimeoutExpired as e: return None, f"not over after {DEADLINE} seconds: {e.output}"
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def executed(request, tmp_path_factory):
    "Execute the tutorials that this run needs; return their folder and the outcome of each"
    folder = tmp_path_factory.mktemp("executed")
    cases = [item.callspec.params for item in request.session.items if "executed" in getattr(item, "fixturenames", ())]
    paths = [params["path"] for params in cases]
    with ThreadPoolExecutor(2) as pool: outcomes = list(pool.map(lambda path: execute(path, folder), paths))
    return folder, dict(zip([path.stem for path in paths], outcomes, strict=True))


# nbdev-test runs all of them every time; here three of them take turns.
@pytest.mark.sample(3)
@pytest.mark.parametrize("path", TUTORIALS, ids=NAMES)
def test_it_runs_in_jupyter(path, executed):
    folder, outcomes = executed
    code, said = outcomes[path.stem]
    assert code == 0, said[-3000:]
    assert pictures(folder / path.name) == pictures(path)


@pytest.mark.parametrize("path", TUTORIALS, ids=NAMES)
def test_its_outputs_are_committed(path):
    silent = ("#| hide", "#| eval: false")
    shown = [c for c in cells(path) if c["cell_type"] == "code" and not "".join(c["source"]).startswith(silent)]
    assert any(cell["outputs"] for cell in shown)
    for cell in shown:
        for output in cell["outputs"]: assert output["output_type"] != "error" and output.get("name") != "stderr"


@pytest.mark.parametrize("path", TUTORIALS, ids=NAMES)
def test_it_says_what_to_try_next_and_takes_no_more_than_a_quarter_of_an_hour(path):
    prose = "\n".join("".join(cell["source"]) for cell in cells(path) if cell["cell_type"] == "markdown")
    code = "\n".join("".join(cell["source"]) for cell in cells(path) if cell["cell_type"] == "code")
    assert "\n## What to try next" in prose
    words = len(prose.split()) / 200 + len(code.splitlines()) / 30  # words and lines that a reader reads in a minute
    assert words <= 15, f"{words:.0f} minutes"
