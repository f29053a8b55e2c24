"""What the project says of itself is so: workflows, forms, and the commands and paths of its Markdown."""

import ast
import asyncio
import configparser
import inspect
import json
import re
import textwrap
from pathlib import Path

import cjm_fasthtml_sse
import fasthtml.common
import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
PAGES = sorted(ROOT.glob("*.md"))
FORMS = [path for path in sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")) if path.stem != "config"]


def read(path): return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_workflow_tests_every_python_that_is_promised():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    promised = re.findall(r"Python :: (3\.\d+)$", settings["DEFAULT"]["classifiers"], re.M)
    tested = read(GITHUB / "workflows/test.yml")["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert tested == promised and len(tested) >= 4


def test_the_site_is_built_as_here():
    steps = read(GITHUB / "workflows/docs.yml")["jobs"]["site"]["steps"]
    assert "make docs" in [step.get("run") for step in steps]
    assert any(step.get("uses", "").startswith("quarto-dev/") for step in steps)


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_a_form_is_one_that_github_takes(form):
    found = read(form)
    assert {"name", "description", "body"} <= set(found)
    fields = [field for field in found["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields) >= 2
    assert all(field["attributes"]["label"] for field in fields)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_commands_that_are_named_exist(page):
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.M))
    assert named <= targets
    for tool in re.findall(r"python (tools/\w+\.py|examples/\w+\.py)", text): assert (ROOT / tool).exists()


def test_the_house_has_the_rooms_that_contributing_names():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rooms = re.findall(r"^- `(\w+/)`", text, re.M)
    assert len(rooms) >= 6 and all((ROOT / room).is_dir() for room in rooms)
    facts = re.findall(r"^\|[^|]+\| `([^`]+)` \|$", text, re.M)
    assert len(facts) >= 6 and all((ROOT / fact).exists() for fact in facts)


def fences():
    "Blocks of Python that pages show without running them; the README's apps have a test of their own."
    for path in sorted((ROOT / "nbs").rglob("*.ipynb")):
        if path.name == "index.ipynb": continue
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        for block in re.findall(r"^( *``` ?python\n.*?)^ *```", text, re.S | re.M):
            yield pytest.param(textwrap.dedent(block).partition("\n")[2], id=path.stem)


@pytest.mark.parametrize("block", list(fences()))
def test_a_block_of_python_that_a_page_only_shows_runs(block):
    given = dict(manager=cjm_fasthtml_sse.BroadcastManager(), id="tab-1", text="hello")
    ours = {name: getattr(cjm_fasthtml_sse, name) for name in cjm_fasthtml_sse.__all__ if name in block}
    names = {**vars(fasthtml.common), **ours, **given}

    async def run():
        done = eval(compile(block, "page", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
        if inspect.isawaitable(done): await done

    asyncio.run(run())
