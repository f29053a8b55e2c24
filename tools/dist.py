"""Build the source archive and, from it, the wheel; check their files and metadata; use each in an empty environment.

The type checkers of tools/checkers.py read the wheel in its environment.

    python tools/dist.py
"""

import email
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import checkers
from tree import ROOT, copy_tree, tree_files

NAME = "cjm_fasthtml_sse"
MOST = 30_000  # Bytes of METADATA, whose greater part is PyPI's page of the project
RAW = "https://raw.githubusercontent.com/cj-mills/cjm-fasthtml-sse/main/"  # Where PyPI's page takes pictures from
WHOLE = ("Name", "Version", "Summary", "Author", "License", "Keywords", "Requires-Python", "Requires-Dist",
         "Provides-Extra", "Project-URL", "Classifier", "Description-Content-Type", "License-File")
# Files of the archive beside the package and the metadata that setuptools writes
BESIDE = {f"{name}.md" for name in ("CHANGELOG", "README", "SECURITY")}
BESIDE |= {"LICENSE", "MANIFEST.in", "pyproject.toml", "settings.ini", "setup.py"}
# Run by the environment's Python outside the checkout. It reports heavy modules that the import loads, lost names, the
# names for nbdev, and an answer of the demo.
ALONE = f"""
import json, re, subprocess, sys
from importlib.metadata import entry_points
from urllib.request import urlopen
import {NAME}
heavy = [m for m in ("fasthtml", "starlette", "redis", "nats") if m in sys.modules]
missing = [n for n in {NAME}.__all__ if getattr({NAME}, n, None) is None]
found = dict(heavy=heavy, missing=missing, count=len({NAME}.__all__), version={NAME}.__version__, file={NAME}.__file__)
found["linked"] = len(entry_points(group="nbdev")["{NAME}"].load()["syms"])
demo = [sys.executable, "-I", "-u", "-m", "{NAME}.demo", "--port", "0"]
with subprocess.Popen(demo, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
    try:
        url = next(match[0] for line in process.stdout if (match := re.search("http://[^ ]+[0-9]", line)))
        page = urlopen(url, timeout=30).read().decode()
        with urlopen(url + "/sse/broadcast", timeout=30) as stream: first = stream.readline().decode()
    finally: process.terminate()
print(json.dumps(found | dict(page=page.count("sse-connect"), first=first)))
"""

# A test of the kit, which runs under unittest, and under pytest with and without a plugin for coroutines.
APP = """
from fasthtml.common import Form, Input, Li, fast_app
from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers

app, rt = fast_app(hdrs=sse_headers())
manager = BroadcastManager()
setup_broadcast_routes(app, manager, element_builder=lambda kind, data: Li(data["title"]))

@rt
def index():
    listing = create_sse_element("/sse/broadcast", "cards", "beforeend")
    return listing, Form(Input(name="title"), hx_post=add, hx_swap="none")

@rt
async def add(title: str): await manager.broadcast("added", {"title": title})
"""
TEST = """
import unittest
from cjm_fasthtml_sse import testing

def test_all_see_the_card(live):
    with live("main:app", workers=2) as world:
        ann, bob = world.tab("/", worker=0), world.tab("/", worker=1)
        ann.submit("form", title="Milk")
        bob.lose_line()
        world.clock.advance(3600)
        bob.regain_line()
        assert bob.texts("#cards li") == ["Milk"]

async def test_inside_a_loop(live): test_all_see_the_card(live)

class TestCards(unittest.TestCase):
    def test_all_see_the_card(self): test_all_see_the_card(testing.live)
"""
BY_PYTEST = {"with pytest-asyncio": ("-o", "asyncio_mode=auto"), "without it": ("-p", "no:asyncio", "-k", "not inside")}


def run(*command, cwd: Path) -> str:
    "Run `command` and return its output; raise `SystemExit` with all output if it fails."
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # the checkout is not installed
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=env, capture_output=True, text=True)
    if done.returncode: raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(to: Path) -> tuple[Path, Path]:
    "Build the source archive in the folder `to`, and from it the wheel; return both files."
    source = to / "source"
    copy_tree(source)
    run(sys.executable, "-m", "build", "--outdir", to, source, cwd=to)
    return next(to.glob("*.tar.gz")), next(to.glob("*.whl"))


def file_problems(archive: Path, wheel: Path) -> list[str]:
    "The files that the archive or the wheel lacks, and those that are neither the package's nor metadata."
    package = {f for f in tree_files() if f.startswith(f"{NAME}/")}
    in_wheel = {f for f in zipfile.ZipFile(wheel).namelist() if not f.split("/")[0].endswith(".dist-info")}
    with tarfile.open(archive) as tar: files = {each.name.partition("/")[2] for each in tar if each.isfile()}
    in_archive = {f for f in files if f not in ("PKG-INFO", "setup.cfg") and not f.startswith(f"{NAME}.egg-info/")}
    problems = []
    for file, held, wanted in (archive, in_archive, package | BESIDE), (wheel, in_wheel, package):
        problems += [f"not in {file.name}: {f}" for f in sorted(wanted - held)]
        problems += [f"should not be in {file.name}: {f}" for f in sorted(held - wanted)]
    return problems


def metadata_problems(wheel: Path) -> list[str]:
    "The fields of the metadata that are missing, or differ from the project's files."
    archive = zipfile.ZipFile(wheel)
    read = {Path(f).name: archive.read(f).decode() for f in archive.namelist() if ".dist-info/" in f}
    meta = email.message_from_string(read["METADATA"])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    keys = {"Name": "name", "Summary": "description", "Requires-Python": "requires-python"}
    expected = {key: project[name] for key, name in keys.items()}
    if "License-Expression" in meta: meta["License"] = meta["License-Expression"]
    problems = [f"METADATA has no {key}" for key in WHOLE if not meta.get(key)]
    problems += [f"METADATA: {key} is {meta[key]!r}, not {v!r}" for key, v in expected.items() if meta[key] != v]
    required = [r for r in meta.get_all("Requires-Dist") or [] if "extra ==" not in r]
    if [r.split(">")[0] for r in required] != ["python-fasthtml"]: problems.append(f"METADATA: {required} are required")
    if f"{NAME}._modidx:d" not in read.get("entry_points.txt", ""): problems.append("entry_points.txt: none for nbdev")
    return problems


def python_of(folder: Path) -> Path:
    "The program of an environment."
    return folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"


def description_problems(wheel: Path) -> list[str]:
    "Faults of the text that PyPI shows: it is long, has a diagram that PyPI does not draw, or addresses of no site."
    archive = zipfile.ZipFile(wheel)
    (name,) = [f for f in archive.namelist() if f.endswith(".dist-info/METADATA")]
    size, text = archive.getinfo(name).file_size, archive.read(name).decode()
    problems = [f"METADATA has {size} bytes, over {MOST}"] if size > MOST else []
    if "mermaid" in text: problems.append("METADATA: PyPI shows the source of a mermaid diagram")
    addresses = re.findall(r"\]\(([^)\s]+)|(?:src|href)=\"([^\"]+)", text)
    for address in sorted({first or second for first, second in addresses}):
        if not address.startswith(("https://", "http://")): problems.append(f"METADATA: {address} is relative")
        elif address.startswith(RAW) and address.removeprefix(RAW) not in tree_files():
            problems.append(f"METADATA: the repository has no {address.removeprefix(RAW)}")
    if RAW not in text: problems.append("METADATA: no picture")
    return problems


def alone_problems(built: Path, folder: Path) -> list[str]:
    "Install `built` in an empty environment, import it and run the demo there, and return what fails."
    venv.create(folder, symlinks=True, with_pip=True)  # a copy that another thread forks beside is busy
    python = python_of(folder)
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", built, cwd=folder)
    found = json.loads(run(python, "-I", "-c", ALONE, cwd=folder))
    problems = [f"importing {NAME} loads {name}" for name in found["heavy"]]
    problems += [f"{name} cannot be imported" for name in found["missing"]]
    if f"-{found['version']}" not in built.name: problems.append(f"__version__ of {built.name} is {found['version']}")
    if str(folder) not in found["file"]: problems.append(f"it was imported from {found['file']}")
    if not found["linked"]: problems.append("nbdev of other projects finds no names to link")
    if not found["page"]: problems.append("the demo's page has no stream")
    if not found["first"].startswith(": "): problems.append(f"the demo's stream begins with {found['first']!r}")
    return problems if found["count"] else [*problems, "it has no public names"]


def kit_problems(python: Path, folder: Path) -> list[str]:
    "Install pytest beside the package; return the ways in which a test of the kit fails, from `folder`."
    folder.mkdir()
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "pytest-asyncio", cwd=folder)
    (folder / "main.py").write_text(APP)
    (folder / "test_cards.py").write_text(TEST)
    ways = {"unittest": ("unittest", "-q")} | {name: ("pytest", "-q", *more) for name, more in BY_PYTEST.items()}
    found = {name: lines_of(lambda way=way: run(python, "-m", *way, cwd=folder) and []) for name, way in ways.items()}
    return [f"{name}: {line}" for name, lines in found.items() for line in lines]


def other_python() -> str | None:
    "A Python of another version on this machine that can make environments, or None."
    names = [f"python3.{minor}" for minor in range(14, 10, -1) if minor != sys.version_info.minor]
    can_make = ("-c", "import ensurepip, venv")
    found = (name for name in names if shutil.which(name))
    return next((name for name in found if not subprocess.run([name, *can_make], capture_output=True).returncode), None)


def other_problems(program: str, built: Path, folder: Path) -> list[str]:
    "Install `built` in an environment of another Python, and run the test of the kit there."
    run(program, "-m", "venv", folder, cwd=folder.parent)
    run(python_of(folder), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", built, cwd=folder)
    return kit_problems(python_of(folder), folder / "kit")


def lines_of(check) -> list[str]:
    "The problems that `check()` returns, or the output of a command that failed in it."
    try: return check()
    except SystemExit as e: return str(e).splitlines()


def problems() -> dict[str, list[str]]:
    "Build and try the archive and the wheel; return the problems of each part."
    with tempfile.TemporaryDirectory(prefix="dist-") as name:
        folder = Path(name).resolve()
        try: built = build(folder)
        except SystemExit as e: return {"build": str(e).splitlines()}
        twine = partial(run, sys.executable, "-m", "twine", "check", "--strict", *built, cwd=folder)
        found = {"build": [], "files": file_problems(*built), "metadata": metadata_problems(built[1]),
                 "description": description_problems(built[1]), "twine": lines_of(lambda: twine() and [])}
        with ThreadPoolExecutor(2) as pool:
            alone = pool.map(lambda file: lines_of(partial(alone_problems, file, folder / file.suffix[1:])), built)
            found |= dict(zip(("archive alone", "wheel alone"), alone, strict=True))
        found["kit"] = lines_of(partial(kit_problems, python_of(folder / "whl"), folder / "kit"))
        if other := other_python():
            found[f"kit on {other}"] = lines_of(partial(other_problems, other, built[1], folder / other))
        return found | checkers.problems(python_of(folder / "whl"))


if __name__ == "__main__":
    if found := [line for lines in problems().values() for line in lines]: raise SystemExit("\n".join(found))
