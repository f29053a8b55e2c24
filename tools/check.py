"""Run the project's checks, all of them or those that are named. A failure is printed with its output.

The checkout stays unchanged, since steps that write work in a copy. The last line is `N passed, N failed`. Each
notebook, each test and each part of another check counts as one.

    python tools/check.py [NAME ...] [--long] [--list]
"""

import argparse
import filecmp
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from outputs import output_differences
from tree import ROOT, copy_tree, tree_files

BIN = Path(sys.executable).parent
NOTEBOOK_SECONDS = 300  # A notebook that takes longer is stopped and counts as failed
TESTS_SECONDS, LONG_SECONDS = 1200, 10800
# Marks of unfinished code. They are written in pieces, so that this file does not match.
STUBS = re.compile("|".join([r"\bTO" + r"DO\b", "NotImple" + "mented", "pass" + "  #"]))
RUNNING: set[subprocess.Popen] = set()
STUB_FILES = {".py", ".ipynb", ".js", ".md", ".qmd", ".css"}


@dataclass
class Result:
    "The outcome of one check, or of one part of it."
    name: str
    passed: bool
    output: str = ""


def run(*command, timeout: float = 600, cwd: Path = ROOT) -> tuple[int, str]:
    "Run `command` in a new process group for at most `timeout` seconds; return its exit code and output."
    env = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    with tempfile.TemporaryFile() as out:
        streams = dict(stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        process = subprocess.Popen([str(c) for c in command], cwd=cwd, env=env, start_new_session=True, **streams)
        RUNNING.add(process)
        try: code = process.wait(timeout)
        except subprocess.TimeoutExpired: code = None
        finally:
            end_group(process)
            RUNNING.discard(process)
        out.seek(0)
        text = out.read().decode(errors="replace")
    return (1, f"{text}\nstopped after {timeout:g} seconds") if code is None else (code, text)


def end_group(process: subprocess.Popen):
    "End the process group: by SIGINT first, since nbdev-test and pytest then print where they were."
    for sig, seconds in ((signal.SIGINT, 5), (signal.SIGKILL, 5)):
        try: os.killpg(process.pid, sig)
        except ProcessLookupError: return
        try: process.wait(seconds)
        except subprocess.TimeoutExpired: continue


def one(name: str, *command, **kwargs) -> list[Result]:
    "The result of one command, by its exit code."
    code, output = run(*command, **kwargs)
    return [Result(name, code == 0, output)]


def parts(name: str, problems: dict[str, list[str]]) -> list[Result]:
    "A result for each part of a check, with the problems of the part."
    return [Result(f"{name}: {part}", not lines, "\n".join(lines)) for part, lines in problems.items()]


def changed(copy: Path, files: list[str]) -> str:
    "The differences of `files` between the checkout and `copy`, and the files that only `copy` has."
    lines = []
    for file in files:
        here, there = ROOT / file, copy / file
        if here.is_symlink() or (there.exists() and filecmp.cmp(here, there, shallow=False)): continue
        if not there.exists(): lines.append(f"{file}: gone")
        else: lines.append(run("git", "diff", "--no-index", "--", here, there)[1])
    new = run("git", "ls-files", "-co", "--exclude-standard", cwd=copy)[1].split()
    return "\n".join(lines + [f"{file}: new" for file in new if file not in files])


def check_generated() -> list[Result]:
    "nbdev-clean and `make export` change no file: notebooks are clean, and modules and stubs match them."
    terser = ROOT / "node_modules" / ".bin" / "terser"
    steps = {"nbdev-clean": [["nbdev-clean"]], "nbdev-export": [["nbdev-export"], [sys.executable, "tools/exports.py"]],
             "type stubs": [[sys.executable, "tools/stubs.py"]],
             "scripts": [[sys.executable, "tools/minify.py", terser]]}
    return [unchanged_by(step, commands) for step, commands in steps.items()]


def unchanged_by(step: str, commands: list[list[str]]) -> Result:
    "Run `commands` in a copy, and fail if a file differs from the checkout afterwards."
    with tempfile.TemporaryDirectory(prefix="generated-") as name:
        copy = Path(name).resolve()
        files = copy_tree(copy)
        run("git", "init", "--quiet", cwd=copy)
        output = "".join(text for code, text in [run(*command, cwd=copy) for command in commands] if code)
        different = changed(copy, files)
        if different: output += f"{step} would change:\n{different}"
        return Result(f"generated: {step}", not output, output)


def flags() -> str:
    "Every flag of `tst_flags`, so that all cells run."
    from nbdev.config import get_config
    return " ".join(get_config(ROOT).tst_flags)


def test_notebook(file: str, copy: Path) -> Result:
    "Run one notebook in `copy`. A leaked task, of which nbdev-test only warns, is a failure, and so is another output."
    command = ["nbdev-test", file, "--save", "--n-workers", "0", "--flags", flags()]
    code, output = run(*command, timeout=NOTEBOOK_SECONDS, cwd=copy)
    if code or "leaked task" in output: return Result(f"notebook {file}", False, output)
    different = output_differences(ROOT / file, copy / file)
    title = "These outputs are others than those in the notebook (run `make outputs`):"
    return Result(f"notebook {file}", not different, "\n".join([title, *different]))


def check_notebooks() -> list[Result]:
    "Every notebook runs from top to bottom, two at a time, and its outputs are those that it has."
    pool = ThreadPoolExecutor(min(2, os.cpu_count() or 1))
    with tempfile.TemporaryDirectory(prefix="notebooks-") as name, pool:
        copy = Path(name).resolve()
        found = [file for file in sorted(copy_tree(copy)) if file.startswith("nbs/") and file.endswith(".ipynb")]
        if (ROOT / "node_modules").exists(): (copy / "node_modules").symlink_to(ROOT / "node_modules")
        return list(pool.map(partial(test_notebook, copy=copy), found))


def check_style() -> list[Result]:
    "The notebooks keep the house style. chkstyle's width is fixed at 160 columns, so ruff checks theirs."
    columns = "ruff check --quiet --isolated --output-format concise --select E501 --line-length 120 nbs".split()
    with tempfile.TemporaryDirectory(prefix="style-") as name:
        for file in copy_tree(copy := Path(name)):  # chkstyle takes cells with `exporti` for examples
            text = (ROOT / file).read_text().replace("#| exporti", "#| export") if file.endswith(".ipynb") else ""
            if text: (copy / file).write_text(text)
        return one("chkstyle", "chkstyle", "--show-rule", "nbs", cwd=copy) + one("width of notebooks", *columns)


def check_ruff() -> list[Result]:
    "All Python files pass ruff."
    names = "cjm_fasthtml_sse tools tests benchmarks examples setup.py".split()
    folders = [d for d in names if (ROOT / d).exists()]
    return one("ruff", "ruff", "check", "--quiet", "--output-format", "concise", *folders)


def check_stubs() -> list[Result]:
    "No file has a mark of unfinished code."
    found = []
    for file in tree_files():
        if Path(file).suffix not in STUB_FILES: continue
        lines = enumerate((ROOT / file).read_text(encoding="utf-8").splitlines(), 1)
        found += [f"{file}:{n}: {line.strip()[:120]}" for n, line in lines if STUBS.search(line)]
    return [Result("stubs", not found, "\n".join(found))]


def check_readme() -> list[Result]:
    "README.md and the generated pages match what `make readme` writes."
    return one("readme", sys.executable, "tools/readme.py", "--check")


def check_shape() -> list[Result]:
    "Notebooks, cells, signatures and imports are within the limits of tools/shape.py."
    return one("shape", sys.executable, "tools/shape.py", "--check")


def check_prose() -> list[Result]:
    "The English of notebooks, pages, code and tests is within the limits of tools/prose.py."
    return one("prose", sys.executable, "tools/prose.py")


def check_docs() -> list[Result]:
    "The site builds, its sidebar and pages agree, and no link is broken."
    with tempfile.TemporaryDirectory(prefix="docs-") as name:
        report = Path(name) / "report.json"
        _, output = run(sys.executable, "tools/docs.py", "--report", report)
        return parts("docs", json.loads(report.read_text())) if report.exists() else [Result("docs", False, output)]


def check_wheel() -> list[Result]:
    "The archive and the wheel have the right files, each works in an empty environment, and type checkers agree."
    from dist import problems
    return parts("wheel", problems())


def test_name(case: ET.Element) -> str:
    "The name of a test, in the form that pytest accepts."
    return f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"


# Tests that use a browser, in two parts of about the same length.
BROWSER = ["tests/browser"]
PAGES = ["tests/browser/test_demo.py", "tests/browser/test_people.py", "tests/system/test_site.py",
         "tests/events/test_wire.py", "tests/system/proxies", "tests/system/test_tutorials.py",
         "tests/core/access/test_chat.py"]
ENGINES, ACCESS = ["tests/backplanes"], ["tests/core/access"]
SIMULATION, SCRIPT = ["tests/simulation"], ["tests/simulation/test_browser_side.py"]
NETWORK = ["tests/asgi/test_cut_network.py"]


def check_network(long: bool = False) -> list[Result]:
    "A client whose network is cut. The test makes a network interface, which would disturb a browser beside it."
    return run_tests(NETWORK, long)


def check_browser(long: bool = False) -> list[Result]:
    "Tests of the browser's part, in each browser."
    return run_tests(BROWSER, long, without=PAGES)


def check_pages(long: bool = False) -> list[Result]:
    "Tests of whole pages in browsers: the demo, the site, the tutorials, proxies, and browsers as users start them."
    return run_tests(PAGES, long)


def check_engines(long: bool = False) -> list[Result]:
    "Backplanes on real engines, also killed and disconnected ones, and workers that share them."
    return run_tests(ENGINES, long)


def check_access(long: bool = False) -> list[Result]:
    "Access to topics, on every kind of engine."
    return run_tests(ACCESS, long, without=PAGES)


def check_simulation(long: bool = False) -> list[Result]:
    "Fresh simulations of the server's side, and what they found."
    return run_tests(SIMULATION, long, without=SCRIPT)


def check_script(long: bool = False) -> list[Result]:
    "Fresh simulations of the browser's side, and what they found."
    return run_tests(SCRIPT, long)


def check_tests(long: bool = False) -> list[Result]:
    "All other tests: servers, programs, long runs."
    others = [*BROWSER, *PAGES, *ENGINES, *ACCESS, *NETWORK, *SIMULATION]
    return run_tests(["tests", "examples/tests"], long, without=others)


def run_tests(which: list[str], long: bool, without: tuple | list = ()) -> list[Result]:
    "A result for each test."
    with tempfile.TemporaryDirectory(prefix="tests-") as name:
        report = Path(name) / "report.xml"
        command = [sys.executable, "-m", "pytest", *which, f"--junitxml={report}", *(["-m", ""] if long else [])]
        command += [f"--ignore={path}" for path in without]
        command += ["-o", f"cache_dir={name}/cache"]
        code, output = run(*command, timeout=LONG_SECONDS if long else TESTS_SECONDS)
        if not report.exists(): return [Result("pytest", False, output)]
        cases = list(ET.parse(report).iter("testcase"))
    results = []
    for case in cases:
        bad = [e.text or e.get("message", "") for kind in ("failure", "error") for e in case.findall(kind)]
        skipped = case.find("skipped")
        if skipped is not None: print(f"skipped {test_name(case)}: {skipped.get('message')}")
        else: results.append(Result(test_name(case), not bad, "\n".join(bad)))
    if code and all(r.passed for r in results): results.append(Result("pytest", False, output))
    return results


# The checks of one group run three at a time, in this order, and two at a time in the long form. Notebooks and tests
# have deadlines, so each has a group. Tests wait for half of their time, mostly for different resources, so they share
# one. The longest checks start first.
GROUPS: list[dict[str, Callable[[], list[Result]]]] = [
    dict(wheel=check_wheel, ruff=check_ruff, stubs=check_stubs, style=check_style, generated=check_generated,
         readme=check_readme, shape=check_shape, prose=check_prose, network=check_network, docs=check_docs),
    dict(notebooks=check_notebooks),
    dict(browser=check_browser, tests=check_tests, pages=check_pages, engines=check_engines, access=check_access,
         simulation=check_simulation, script=check_script),
]


def carry_out(name: str, check: Callable[[], list[Result]]) -> list[Result]:
    "Run one check. An exception in it is a failure, and the other checks continue."
    start = time.monotonic()
    try: results = check()
    except Exception as e:  # noqa: BLE001
        results = [Result(name, False, f"{type(e).__name__}: {e}")]
    if sys.stderr.isatty(): print(f"{name}: {len(results)} in {time.monotonic() - start:.0f} s", file=sys.stderr)
    for result in results:
        if not result.passed: print(f"FAILED {result.name}\n{indented(result.output)}\n", flush=True)
    return results


def indented(text: str, most: int = 100) -> str:
    "The last lines of `text`, indented."
    lines = text.strip().splitlines()
    left_out = [f"... {len(lines) - most} lines above left out"] if len(lines) > most else []
    return "\n".join(f"    {line}" for line in left_out + lines[-most:])


def main() -> int:
    names = {name: check for group in GROUPS for name, check in group.items()}.keys()
    parser = argparse.ArgumentParser(description="Run the project's checks", epilog=f"Checks: {', '.join(names)}")
    parser.add_argument("names", nargs="*", metavar="NAME", help="run only these")
    parser.add_argument("--long", action="store_true", help="run the long forms of the tests too")
    parser.add_argument("--list", action="store_true", help="list the checks with a description of each")
    args = parser.parse_args()
    if unknown := set(args.names) - set(names): parser.error(f"no such check: {', '.join(sorted(unknown))}")
    if args.list:
        for group in GROUPS:
            for name, check in group.items(): print(f"{name:10} {check.__doc__}")
        return 0
    if args.long: GROUPS[-1] = {name: partial(check, long=True) for name, check in GROUPS[-1].items()}
    results = []
    for group in GROUPS:
        chosen = [(n, check) for n, check in group.items() if n in (args.names or names)]
        if not chosen: continue
        with ThreadPoolExecutor(2 if args.long else 3) as pool:
            for found in pool.map(carry_out, *zip(*chosen, strict=True)): results += found
    passed = sum(r.passed for r in results)
    print(f"{passed} passed, {len(results) - passed} failed")
    return int(passed < len(results))


if __name__ == "__main__":
    try: raise SystemExit(main())
    except KeyboardInterrupt:
        for process in list(RUNNING): end_group(process)
        os._exit(130)
