"""Build the wheel from a copy of the tree, compare its files with the package's, and use it in an empty environment.

    python tools/dist.py
"""

import email
import json
import subprocess
import sys
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path

from tree import ROOT, copy_tree, tree_files

NAME = "cjm_fasthtml_sse"
WHOLE = ("Name", "Version", "Summary", "Author", "License", "Keywords", "Requires-Python", "Requires-Dist",
         "Provides-Extra", "Project-URL", "Classifier", "Description-Content-Type", "License-File")
# Run by the environment's Python outside the checkout. It reports heavy modules that the import loads, and lost names.
ALONE = f"""
import json, sys
import {NAME}
heavy = [m for m in ("fasthtml", "starlette", "redis", "nats") if m in sys.modules]
missing = [n for n in {NAME}.__all__ if getattr({NAME}, n, None) is None]
found = dict(heavy=heavy, missing=missing, count=len({NAME}.__all__), version={NAME}.__version__, file={NAME}.__file__)
print(json.dumps(found))
"""


def run(*command, cwd: Path) -> str:
    "Run `command` and return its output; raise `SystemExit` with all output if it fails."
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True)
    if done.returncode: raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(to: Path) -> Path:
    "Build the wheel in the folder `to` and return its file."
    source = to / "source"
    copy_tree(source)
    run(sys.executable, "-m", "build", "--wheel", "--outdir", to, source, cwd=to)
    return next(to.glob("*.whl"))


def file_problems(wheel: Path) -> list[str]:
    "The files that the wheel lacks, and those that are neither the package's nor metadata."
    held = {f for f in zipfile.ZipFile(wheel).namelist() if not f.split("/")[0].endswith(".dist-info")}
    wanted = {f for f in tree_files() if f.startswith(f"{NAME}/")}
    problems = [f"not in the wheel: {f}" for f in sorted(wanted - held)]
    return problems + [f"should not be in the wheel: {f}" for f in sorted(held - wanted)]


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


def alone_problems(wheel: Path, folder: Path) -> list[str]:
    "Install the wheel in an empty environment, import it there, and return what fails."
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, cwd=folder)
    found = json.loads(run(python, "-I", "-c", ALONE, cwd=folder))
    problems = [f"importing {NAME} loads {name}" for name in found["heavy"]]
    problems += [f"{name} cannot be imported" for name in found["missing"]]
    if f"-{found['version']}-" not in wheel.name: problems.append(f"__version__ of {wheel.name} is {found['version']}")
    if str(folder) not in found["file"]: problems.append(f"it was imported from {found['file']}")
    return problems if found["count"] else [*problems, "it has no public names"]


def problems() -> dict[str, list[str]]:
    "Build and try the wheel; return the problems of each part."
    with tempfile.TemporaryDirectory(prefix="wheel-") as name:
        folder = Path(name).resolve()
        try: wheel = build(folder)
        except SystemExit as e: return {"build": str(e).splitlines()}
        found = {"build": [], "files": file_problems(wheel), "metadata": metadata_problems(wheel)}
        try: found["alone"] = alone_problems(wheel, folder)
        except SystemExit as e: found["alone"] = str(e).splitlines()
        return found


if __name__ == "__main__":
    if found := [line for lines in problems().values() for line in lines]: raise SystemExit("\n".join(found))
