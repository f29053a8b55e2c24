"""The differences from 0.0.12: each row of the page's tables, run with both versions, and the test of each row.

`differences_app.py` runs once with this package and once with 0.0.12 from PyPI, if pip can download it.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cjm_fasthtml_sse
import pytest

HERE = Path(__file__).parent
APP, PAGE = HERE / "differences_app.py", HERE.parents[1] / "nbs/explains/differences.ipynb"
DEADLINE = 120  # Seconds for all rows; a generous limit, not a delay

# The result of 0.0.12, and the result of this package.
ROWS = {
    "heartbeat_ends_source": (False, True),
    "list_as_source": ("AttributeError", True),
    "error_in_source": ("OSError", [True, False]),
    "end_is_final": (False, True),
    "stop_while_source_is_silent": (False, True),
    "builder_in_stream": (4, 2),
    "build_of_nothing": ("str", "FT"),
    "build_of_one": ("str", "FT"),
    "builder_changes_the_callers_element": (True, False),
    "full_queue_read_by_hand": ("waits for ever", "ConnectionClosed"),
    "taken_id": ("waits for ever", "ConnectionClosed"),
    "taken_id_in_a_registry": (True, "ConnectionRefused"),
    "history_of_none_and_of_less": ([3, 2], [0, "ValueError"]),
    "data_that_is_no_json": (1, "FrameError"),
    "elements_in_data": ("TypeError", "<div>one</div>"),
    "name_of_an_event_without_one": (True, False),
    "line_breaks_in_a_name": ("event: a\nretry: 1", "FrameError"),
    "line_breaks_in_a_type": (0, "FrameError"),
    "send_after_close": (True, False),
    "exclude_as_text": (0, 2),
    "swap_style_as_strategy": ([True, False], [False, True]),
    "attribute_is_spelled": (True, False),
    "events_have_ids": (False, True),
}


def outcomes(folder):
    "Return the results of all rows with the package in `folder`."
    env = {**os.environ, "PYTHONPATH": str(folder)}
    how = dict(env=env, capture_output=True, text=True, timeout=DEADLINE)
    done = subprocess.run([sys.executable, APP], **how)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def ours(): return outcomes(Path(cjm_fasthtml_sse.__file__).parents[1])


@pytest.fixture(scope="module")
def theirs(published): return outcomes(published)


@pytest.mark.parametrize("name", ROWS)
def test_what_this_package_does(name, ours): assert ours[name] == ROWS[name][1]


@pytest.mark.parametrize("name", ROWS)
def test_what_0_0_12_did(name, theirs): assert theirs[name] == ROWS[name][0]


def rows():
    "Return the row numbers of the page's tables, and the tests that its last table names for each."
    cells = json.loads(PAGE.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    told, _, tests = text.partition("## The test of each row")
    named = {number: re.findall("`(.*?)`", test) for number, test in re.findall(r"^\| (\d+) \| (.*) \|$", tests, re.M)}
    return re.findall(r"^\| (\d+) \|", told, re.M), named


def test_every_row_of_the_page_has_a_test_and_every_test_has_a_row():
    numbers, named = rows()
    assert numbers == list(named) == [f"{n}" for n in range(1, len(numbers) + 1)]
    assert all(named.values())
    tests = {test for row in named.values() for test in row}
    assert set(ROWS) - tests == set()
    for name in tests - set(ROWS):
        file, _, function = name.partition("::")
        assert f"def {function}(" in (HERE.parent / file).read_text(encoding="utf-8"), name
