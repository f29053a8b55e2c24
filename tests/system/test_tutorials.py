"""Each tutorial can be typed along: its visible code is complete, and runs alone with the packages that it names."""

import json
import os
import re
import subprocess
import sys
import venv
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools"))  # A script outside the package

from tree import copy_tree  # noqa: E402

TUTORIALS = sorted((ROOT / "nbs/tutorials").glob("*.ipynb"))
NAMES = [path.stem for path in TUTORIALS]
NARROW = ["nbs/explains", "nbs/tutorials"]  # Folders whose visible code is read on the site
WIDTH = 88  # Columns
DEADLINE = 150  # Seconds for one tutorial before it fails
PACKAGE = "cjm_fasthtml_sse"
HIDDEN = re.compile(r"#\|\s*(hide|echo:\s*false|include:\s*false)\b")
SENTENCE = re.compile(r"To type along in Jupyter, install `([\w\[\]. -]+)` beside the package")
BROWSER_FILES = re.compile(r"`npm install [^`]+`")
WRITTEN = re.compile(r"%%writefile (\S+)\n")

# Run at the start of each Python process: the modules of other packages are not found.
SITE = """
import sys
from importlib.machinery import PathFinder

class Named(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if path is not None or name not in OTHERS: return super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Named
"""


def notebook(path): return json.loads(path.read_text(encoding="utf-8"))


def source(cell): return "".join(cell["source"])


def prose(path): return "\n".join(source(cell) for cell in notebook(path)["cells"] if cell["cell_type"] == "markdown")


def is_visible(cell): return not any(HIDDEN.match(line) for line in source(cell).splitlines())


def visible(path): return [c for c in notebook(path)["cells"] if c["cell_type"] == "code" and is_visible(c)]


def write_notebook(cells, to):
    kernel = {"display_name": "python3", "language": "python", "name": "python3"}
    content = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    to.write_text(json.dumps(content), encoding="utf-8")


def pictures(cells):
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def named(path):
    "Return the packages that the page names in the sentence near its top."
    top = "\n".join(source(cell) for cell in notebook(path)["cells"][:3] if cell["cell_type"] == "markdown")
    found = SENTENCE.search(top)
    assert found, "the top of the page does not name what to install"
    return found[1].split()


def required(names):
    "Return the distributions that pip installs for these requirements, by their canonical names."
    found, rest = set(), [Requirement(name) for name in names]
    while rest:
        each = rest.pop()
        for extra in {"", *each.extras}:
            if (key := (canonicalize_name(each.name), extra)) in found: continue
            found.add(key)
            others = map(Requirement, distribution(each.name).requires or [])
            rest += [r for r in others if r.marker is None or r.marker.evaluate({"extra": extra})]
    return {name for name, _ in found}


@cache
def owners(): return {top: {canonicalize_name(n) for n in names} for top, names in packages_distributions().items()}


def other_modules(names):
    "Return the installed modules that belong neither to Python nor to the package, `names`, or what these require."
    allowed = required([PACKAGE, *names])
    tops = {top for top, of in owners().items() if not of & allowed}
    return sorted(tops - {*sys.stdlib_module_names, PACKAGE, "sitecustomize"})


def only(names, folder):
    "Make a folder for PYTHONPATH, with the package of this checkout, that hides all other modules."
    folder.mkdir()
    (folder / PACKAGE).symlink_to(ROOT / PACKAGE)
    (folder / "sitecustomize.py").write_text(f"OTHERS = frozenset({other_modules(names)!r})\n{SITE}")
    return folder


def execute(path, folder, python=sys.executable, **env):
    "Run the visible cells in a folder with nothing else, as typed along; return exit code, output and cells."
    folder.mkdir(parents=True)
    write_notebook([cell | {"outputs": []} for cell in visible(path)], folder / path.name)
    if BROWSER_FILES.search(prose(path)): (folder / "node_modules").symlink_to(ROOT / "node_modules")
    bin = Path(python).parent
    given = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | env
    given["PATH"] = f"{bin}{os.pathsep}{os.environ['PATH']}"
    command = [bin / "jupyter", "execute", "--inplace", "--kernel_name=python3", path.name]
    how = dict(cwd=folder, env=given, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try: done = subprocess.run(command, timeout=DEADLINE, **how)
    except subprocess.TimeoutExpired as e: return None, f"not over after {DEADLINE} seconds: {e.output}", []
    return done.returncode, done.stdout, notebook(folder / path.name)["cells"]


def along(path, to):
    try: site = only(named(path), to / f"{path.stem}-modules")
    except (AssertionError, ModuleNotFoundError) as e: return None, f"{e}", []
    return execute(path, to / path.stem, PYTHONPATH=str(site))


def requested(request, fixture):
    "Return the tutorials whose tests in this run use a fixture."
    items = [item for item in request.session.items if fixture in getattr(item, "fixturenames", ())]
    return [item.callspec.params["path"] for item in items]


@pytest.fixture(scope="module")
def executed(request, tmp_path_factory):
    "Execute the tutorials that this run needs; return the outcome of each"
    to, paths = tmp_path_factory.mktemp("executed"), requested(request, "executed")
    with ThreadPoolExecutor(2) as pool: outcomes = list(pool.map(lambda path: along(path, to), paths))
    return dict(zip([path.stem for path in paths], outcomes, strict=True))


def install(names, to):
    "Install the package and `names` into a new environment; return its Python, or None, and what pip said."
    copy_tree(copy := to / "copy")  # pip leaves a build folder in what it installs
    venv.create(to / "env")
    python = to / "env/bin/python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--python", python]
    done = subprocess.run([*pip, "install", "--no-compile", copy, *names], capture_output=True, text=True)
    return None if done.returncode else python, done.stderr


@pytest.fixture(scope="module")
def environments(request, tmp_path_factory):
    "Make an environment for each list of packages that the tutorials of this run name."
    lists = list({tuple(named(path)) for path in requested(request, "environments")})
    folders = [tmp_path_factory.mktemp("environment") for _ in lists]
    with ThreadPoolExecutor(2) as pool: return dict(zip(lists, pool.map(install, lists, folders), strict=True))


@pytest.mark.sample(1)
@pytest.mark.parametrize("path", TUTORIALS, ids=NAMES)
def test_it_can_be_typed_along_with_the_packages_that_it_names(path, executed):
    code, said, cells = executed[path.stem]
    assert code == 0, said[-3000:]
    assert pictures(cells) == pictures(visible(path))


@pytest.mark.long
@pytest.mark.parametrize("path", TUTORIALS, ids=NAMES)
def test_it_can_be_typed_along_in_a_new_environment(path, environments, tmp_path):
    assert required(named(path))  # they exist, so pip fails only without the network
    python, said = environments[tuple(named(path))]
    if "No matching distribution" in said: pytest.skip(f"pip cannot download: {said.strip()[-200:]}")
    assert python, said
    code, said, _ = execute(path, tmp_path / "alone", python)
    assert code == 0, said[-3000:]


def explicit(code):
    "Return code whose star imports are written out."
    star = re.compile(r"^from (\S+) import \*$", re.M)
    return star.sub(lambda found: f"from {found[1]} import {', '.join(public(found[1]))}", code)


@cache
def public(module):
    names = vars(import_module(module))
    return names.get("__all__") or [name for name in names if not name.startswith("_")]


def undefined(path, folder):
    "Return what ruff reports of names in the visible code, and in each file that a cell writes."
    cells = [source(cell) for cell in visible(path)]
    written = {WRITTEN.match(code)[1]: WRITTEN.sub("", code, count=1) for code in cells if WRITTEN.match(code)}
    for name, code in written.items(): (folder / name).write_text(explicit(code), encoding="utf-8")
    code = [dict(cell_type="code", execution_count=None, id=f"c{i}", metadata={}, outputs=[], source=explicit(code))
            for i, code in enumerate(cells) if not WRITTEN.match(code)]
    write_notebook(code, folder / path.name)
    command = ["ruff", "check", "--isolated", "--quiet", "--no-cache", "--output-format=concise", "--select=F821", "."]
    return subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True).stdout


@pytest.mark.parametrize("path", TUTORIALS, ids=NAMES)
def test_its_visible_code_makes_every_name_that_it_uses(path, tmp_path):
    assert undefined(path, tmp_path) == ""


NARROW_PAGES = [path for folder in NARROW for path in sorted((ROOT / folder).glob("*.ipynb"))]


@pytest.mark.parametrize("path", NARROW_PAGES, ids=[str(path.relative_to(ROOT / "nbs")) for path in NARROW_PAGES])
def test_its_visible_code_is_narrow(path):
    lines = [line for cell in visible(path) for line in source(cell).splitlines()]
    assert [line for line in lines if len(line) > WIDTH] == []


def order(path): return int(re.search(r"^- order: (\d+)$", prose(path), re.M)[1])


def test_the_tutorials_have_one_order():
    pages = sorted(TUTORIALS, key=order)
    assert len({order(path) for path in pages}) == len(pages)
    contents = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))["website"]["sidebar"]["contents"]
    (section,) = [each for each in contents if each["section"] == "Tutorials"]
    assert section["contents"] == [f"tutorials/{path.name}" for path in pages]
    following = [re.findall(r"\[[Tt]he next tutorial\]\(([^)]+)\)", prose(path)) for path in pages]
    assert following == [*([path.name] for path in pages[1:]), []]


@pytest.mark.parametrize("path", TUTORIALS, ids=NAMES)
def test_it_has_a_picture(path):
    assert pictures(notebook(path)["cells"]) > 0


@pytest.mark.parametrize("path", TUTORIALS, ids=NAMES)
def test_its_outputs_are_committed(path):
    shown = [cell for cell in visible(path) if not source(cell).startswith("#| eval: false")]
    assert any(cell["outputs"] for cell in shown)
    for cell in shown:
        for output in cell["outputs"]: assert output["output_type"] != "error" and output.get("name") != "stderr"


@pytest.mark.parametrize("path", TUTORIALS, ids=NAMES)
def test_it_says_what_to_try_next_and_takes_no_more_than_a_quarter_of_an_hour(path):
    assert "\n## What to try next" in prose(path)
    code = "\n".join(source(cell) for cell in notebook(path)["cells"] if cell["cell_type"] == "code")
    minutes = len(prose(path).split()) / 200 + len(code.splitlines()) / 30  # Words and lines that a reader reads in one
    assert minutes <= 15, f"{minutes:.0f} minutes"
