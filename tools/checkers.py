"""Run mypy and pyright on tests/typed with an environment that has the package installed, and compare what they find.

They have to find a mistake on each line that is marked with `wrong:`, and on no other. On a line that is marked with
`shown:`, they have to show that type.

    python tools/checkers.py PYTHON
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tree import ROOT

FILES = ROOT / "tests" / "typed"
PYRIGHT = ROOT / "node_modules" / ".bin" / "pyright"
Found = list[tuple[str, int, str, str]]  # File, line, severity and message of each thing that a checker prints


def run(*command, cwd: Path) -> str:
    "Run a checker and return its output; raise `SystemExit` if it could not work."
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # the checkout is not installed
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=env, capture_output=True, text=True)
    if done.returncode > 1 or done.stderr: raise SystemExit(done.stdout + done.stderr)
    return done.stdout


def mypy(python: Path, folder: Path) -> Found:
    "What mypy finds in the files of `folder`."
    options = ["--config-file", "mypy.ini", "--python-executable", python, "--cache-dir", "cache", "--output", "json"]
    lines = map(json.loads, run(sys.executable, "-m", "mypy", *options, ".", cwd=folder).splitlines())
    return [(each["file"], each["line"], each["severity"], each["message"]) for each in lines]


def pyright(python: Path, folder: Path) -> Found:
    "What pyright finds in the files of `folder`."
    report = json.loads(run(PYRIGHT, "--pythonpath", python, "--outputjson", cwd=folder))
    return [(Path(each["file"]).name, each["range"]["start"]["line"] + 1, each["severity"], each["message"])
            for each in report["generalDiagnostics"]]


def marks(folder: Path, word: str) -> dict[tuple[str, int], str]:
    "Each marked line of the files, with the text of its mark."
    return {(path.name, n): match[1].strip() for path in sorted(folder.glob("*.py"))
            for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
            if (match := re.search(rf"# {word}:([^#]+)", line))}


def differences(found: Found, folder: Path) -> list[str]:
    "A line for each mistake that was not found, each that is none, and each type that was not shown."
    wrong, errors = marks(folder, "wrong"), {(file, n): text for file, n, kind, text in found if kind == "error"}
    lines = [f"{file}:{n}: not found: {wrong[file, n]}" for file, n in sorted(wrong.keys() - errors.keys())]
    lines += [f"{file}:{n}: {errors[file, n]}" for file, n in sorted(errors.keys() - wrong.keys())]
    for place, name in marks(folder, "shown").items():
        texts = [text for file, n, kind, text in found if (file, n) == place and kind != "error"]
        if not any(re.search(rf"\b{name}\"$", text) for text in texts):
            lines.append("{}:{}: shown as {}, not {}".format(*place, texts, name))
    return lines


def problems(python: Path) -> dict[str, list[str]]:
    "What each checker misses or finds too much, with the package that `python` imports."
    checkers = {"mypy": mypy} | ({"pyright": pyright} if PYRIGHT.exists() else {})
    if "pyright" not in checkers: print("skipped pyright: run `npm ci`")
    def compare(name: str) -> list[str]:
        with tempfile.TemporaryDirectory(prefix=f"{name}-") as temporary:
            folder = Path(temporary).resolve() / "typed"  # outside of the checkout, whose modules they would read
            shutil.copytree(FILES, folder)
            try: return differences(checkers[name](python, folder), folder)
            except SystemExit as e: return str(e).splitlines()
    with ThreadPoolExecutor(2) as pool: return dict(zip(checkers, pool.map(compare, checkers), strict=True))


if __name__ == "__main__":
    if lines := [f"{name}: {line}" for name, each in problems(Path(sys.argv[1]).absolute()).items() for line in each]:
        raise SystemExit("\n".join(lines))
