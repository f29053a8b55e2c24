"""The project's own files: workflows, forms, and the commands and paths in its Markdown."""

import ast
import asyncio
import configparser
import inspect
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import cjm_fasthtml_sse
import fasthtml.common
import pytest
import yaml

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools"))
import docs  # noqa: E402

GITHUB = ROOT / ".github"
PAGES = sorted(ROOT.glob("*.md"))
FORMS = [path for path in sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")) if path.stem != "config"]


def read(path): return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_workflow_tests_every_supported_python():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    supported = re.findall(r"Python :: (3\.\d+)$", settings["DEFAULT"]["classifiers"], re.M)
    tested = read(GITHUB / "workflows/test.yml")["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert tested == supported and len(tested) >= 4


def test_the_site_is_built_as_here():
    steps = read(GITHUB / "workflows/docs.yml")["jobs"]["site"]["steps"]
    assert "make docs" in [step.get("run") for step in steps]
    assert any(step.get("uses", "").startswith("quarto-dev/") for step in steps)


def test_quarto_gets_the_folder_before_its_options(tmp_path, monkeypatch):
    "`quarto render --no-execute FOLDER` takes FOLDER for a file of the current directory, and renders that directory"
    program = tmp_path / "quarto"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{tmp_path}/given\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    subprocess.run(docs.render_command(Path("_proc")), check=True)
    assert (tmp_path / "given").read_text().split() == ["render", "_proc", "--no-execute"]


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_github_accepts_the_form(form):
    found = read(form)
    assert {"name", "description", "body"} <= set(found)
    fields = [field for field in found["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields) >= 2
    assert all(field["attributes"]["label"] for field in fields)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_named_commands_exist(page):
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.M))
    assert named <= targets
    for tool in re.findall(r"python (tools/\w+\.py|examples/\w+\.py)", text): assert (ROOT / tool).exists()


def test_folders_that_contributing_names_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    folders = re.findall(r"^- `(\w+/)`", text, re.M)
    assert len(folders) >= 6 and all((ROOT / folder).is_dir() for folder in folders)
    facts = re.findall(r"^\|[^|]+\| `([^`]+)` \|$", text, re.M)
    assert len(facts) >= 6 and all((ROOT / fact).exists() for fact in facts)


def test_the_steps_of_a_release_are_those_of_the_project():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## How a release is made")[2]
    settings = configparser.ConfigParser(delimiters=["="])
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    installed = settings["extras"]["dev"].split()
    programs = re.findall(r"`\.venv/bin/(?:python -m )?(\w+)", text)
    assert programs == ["build", "twine"] and set(programs) <= set(installed)
    assert f"tag the commit `v{cjm_fasthtml_sse.__version__}`" in text
    supported = re.findall(r"Python :: (3\.\d+)$", settings["DEFAULT"]["classifiers"], re.M)
    assert f"test on Python {supported[0]} to {supported[-1]} and publish the site" in text


def single_runs():
    "The commands of CONTRIBUTING.md for one notebook, one test and some checks"
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return re.findall(r"^\.venv/bin/(\S+) ([^#\n]+)", text, re.M)


@pytest.mark.sample(1)
@pytest.mark.parametrize("program, arguments", single_runs(), ids=lambda text: text.split()[0])
def test_a_command_for_one_notebook_test_or_check_succeeds(program, arguments):
    command = [str(Path(sys.executable).with_name(program)), *arguments.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def fences():
    "Blocks of Python in the Markdown of pages; tests/system/test_readme.py has those of the README."
    for path in sorted((ROOT / "nbs").rglob("*.ipynb")):
        if path.name == "index.ipynb": continue
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        for block in re.findall(r"^( *``` ?python\n.*?)^ *```", text, re.S | re.M):
            yield pytest.param(textwrap.dedent(block).partition("\n")[2], id=path.stem)


@pytest.mark.parametrize("block", list(fences()))
def test_a_block_of_python_in_markdown_runs(block):
    given = dict(manager=cjm_fasthtml_sse.BroadcastManager(), id="tab-1", text="hello")
    ours = {name: getattr(cjm_fasthtml_sse, name) for name in cjm_fasthtml_sse.__all__ if name in block}
    names = {**vars(fasthtml.common), **ours, **given}

    async def run():
        done = eval(compile(block, "page", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
        if inspect.isawaitable(done): await done

    asyncio.run(run())
