"""The page for those who come from a version on PyPI, compared with the published versions and with this one.

`published_names.py` prints the names of a published version. Such a test is skipped if pip cannot download the version.
"""

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cjm_fasthtml_sse
import pytest

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "nbs/explains/coming_from.ipynb"
CELLS = json.loads(PAGE.read_text(encoding="utf-8"))["cells"]
TEXT = "\n\n".join("".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "markdown")
DEADLINE = 120  # Seconds for one version; a generous limit, not a delay
VERSIONS = [*range(2, 10), *range(11, 25)]  # 0.0.N of those on PyPI; there is no 0.0.10


def spans(cell): return re.findall("`(.*?)`", cell)


def rows():
    "Version, module, names of the version, and counterparts, for each row of the tables; a table may have no module"
    version = module = None
    for line in TEXT.splitlines():
        if line.startswith("#"): module = next(iter(spans(line)), None)
        if header := re.match(r"\| (0\.0\.\d+) \| here \|", line): version = header[1]
        elif not line.startswith("|"): version = None
        elif version and not line.startswith("|---"):
            theirs, ours = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:3]]
            yield version, module, spans(theirs), ours


ROWS = list(rows())
COUNTERPARTS = sorted({span for *_, ours in ROWS for span in spans(ours)})


def theirs(version):
    "The names on the left side of the tables of `version`, by module"
    found = {}
    for of, module, names, _ in ROWS:
        if of == version: found.setdefault(module, []).extend(names)
    return found


def named(folder, *args):
    "What `published_names.py` prints of the version in `folder`"
    env = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, HERE / "published_names.py", *args]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def same(ours, modules):
    "Each name of `modules` is in one row, and no other name is"
    assert {module: sorted(names) for module, names in ours.items()} == {m: sorted(n) for m, n in modules.items()}


@pytest.mark.parametrize("name", COUNTERPARTS)
def test_a_counterpart_is_a_public_name_and_has_its_parameters(name):
    path, _, parameters = name.removesuffix(")").partition("(")
    first, *rest = path.split(".")
    assert first in cjm_fasthtml_sse.__all__
    found = getattr(cjm_fasthtml_sse, first)
    for part in rest: found = getattr(found, part)
    given = [each.strip().removesuffix("=") for each in parameters.split(",") if each.strip()]
    if given: assert set(given) <= set(inspect.signature(found).parameters)


def test_each_row_has_a_counterpart_or_none():
    assert len(ROWS) > 40 and {version for version, *_ in ROWS} == {"0.0.24", "0.0.15", "0.0.8"}
    assert all(names and (ours == "none" or spans(ours)) for _, _, names, ours in ROWS)


def test_every_name_of_0_0_24_is_in_a_row(published_version):
    same(theirs("0.0.24"), named(published_version("0.0.24"))["modules"])


def test_every_name_that_0_0_15_has_beside_0_0_12_is_in_a_row(published, published_version):
    kept, found = named(published)["modules"], named(published_version("0.0.15"))["modules"]
    assert {module: found.pop(module) for module in kept} == kept
    same(theirs("0.0.15"), found)


def test_every_function_that_0_0_12_no_longer_has_is_in_a_row(published, published_version):
    kept, found = named(published)["modules"], named(published_version("0.0.8"))["modules"]
    assert list(found) == list(kept)
    same(theirs("0.0.8"), {None: [name for module in found for name in found[module] if name not in kept[module]]})


def before():
    "The application for 0.0.24 that the page has"
    (block,) = re.findall(r"^``` py\n(.*?)^```", TEXT, re.S | re.M)
    return block


def test_the_old_application_runs_in_0_0_24_and_its_monitor_does_not(published_version, tmp_path):
    (tmp_path / "before.py").write_text(before(), encoding="utf-8")
    found = named(published_version("0.0.24"), tmp_path / "before.py")
    assert re.sub(r'<div (hx-\S+) (id="count")>', r"<div \2 \1>", found["event"]) == printed()
    assert found["missing"] == "json"


def printed():
    "What the new application prints of its event, by the notebook"
    (output,) = [output for cell in CELLS for output in cell.get("outputs", [])]
    return "".join(output["text"]).strip()


def ranges():
    "The first and the last version of each row of the page's first table, with its modules"
    for line in re.findall(r"^\| 0\.0\.\d+ .*\|$", TEXT.partition("## ")[0], re.M):
        version, _, modules = re.split(r" \| ", line.strip("| "))
        numbers = [int(each) for each in re.findall(r"0\.0\.(\d+)", version)]
        yield numbers[0], numbers[-1], modules


def test_the_first_table_has_every_published_version_once():
    found = [n for first, last, _ in ranges() for n in range(first, last + 1) if n in VERSIONS]
    assert sorted(found) == VERSIONS


@pytest.mark.long
@pytest.mark.parametrize("number", VERSIONS)
def test_a_version_has_the_modules_of_its_row(number, published_version):
    table = list(ranges())
    (told,) = [modules for first, last, modules in table if first <= number <= last]
    modules = spans(told)
    if "those of 0.0.12" in told: modules += next(spans(each) for first, last, each in table if first == last == 12)
    if number == 21: modules.append("shutdown")
    found = named(published_version(f"0.0.{number}"))["modules"]
    assert sorted(found) == sorted(modules)
    if number >= 16: same(theirs("0.0.24"), {module: names for module, names in found.items() if module != "shutdown"})
    elif 5 <= number <= 11:
        names = {name for module in found.values() for name in module}
        (gone,) = [set(names) for names in theirs("0.0.8").values()]
        assert gone & names == gone - ({"create_progress_stream"} if number > 8 else set())


def test_the_readme_denies_that_a_version_is_on_pypi_only_until_its_release():
    root, version = HERE.parents[1], cjm_fasthtml_sse.__version__
    released = re.search(rf"^## \[?{re.escape(version)}\b", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    denied = f"Version {version} is not on PyPI" in (root / "README.md").read_text(encoding="utf-8")
    assert denied != bool(released)
