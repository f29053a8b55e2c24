"""Run the notebooks and keep their outputs, so that pages show what their code does today.

    python tools/outputs.py [NOTEBOOK ...]

`make test` compares the outputs in the notebooks with new ones. Pictures are not compared, since the same page can give
other pixels. Outputs are compared on one version of Python, since some representations differ between versions.
"""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nbdev.config import get_config
from tree import ROOT, tree_files

PYTHON = (3, 11)  # The version whose outputs the notebooks have


def shown(notebook: Path) -> list[tuple[str, list]]:
    "The source of each code cell with its outputs, without pictures."
    cells = [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    return [("".join(cell["source"]), [text_of(output) for output in cell["outputs"]]) for cell in cells]


def text_of(output: dict) -> dict[str, str]:
    "The parts of an output that are text, by kind."
    parts = output.get("data") or {output.get("name", "error"): output.get("text") or output.get("traceback", "")}
    return {kind: "".join(text) for kind, text in parts.items() if not kind.startswith("image/")}


def output_differences(held: Path, made: Path) -> list[str]:
    "The first line of each cell whose outputs in `made` are others than in `held`, with both."
    if sys.version_info[:2] != PYTHON: return []
    pairs = zip(shown(held), shown(made), strict=True)
    different = [(source, old, new) for (source, old), (_, new) in pairs if old != new]
    return [f"{source[:80]!r}\n  in the notebook: {old}\n  now: {new}" for source, old, new in different]


def notebooks() -> list[str]:
    return [file for file in sorted(tree_files()) if file.startswith("nbs/") and file.endswith(".ipynb")]


def keep(file: str) -> str:
    "Run one notebook and write its outputs into it; return what went wrong."
    command = ["nbdev-test", file, "--save", "--n-workers", "0", "--flags", " ".join(get_config(ROOT).tst_flags)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return f"{file}\n{done.stdout}{done.stderr}" if done.returncode else ""


if __name__ == "__main__":
    if sys.version_info[:2] != PYTHON: raise SystemExit(f"Outputs are those of Python {'.'.join(map(str, PYTHON))}")
    with ThreadPoolExecutor(2) as pool: failed = [each for each in pool.map(keep, sys.argv[1:] or notebooks()) if each]
    subprocess.run(["nbdev-clean"], cwd=ROOT, check=True)
    if failed: raise SystemExit("\n".join(failed))
