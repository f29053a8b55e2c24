"""Run the project's checks, all or those named; what fails is printed with its output, what passes is only counted.

The checkout is left as it is: what writes, works in a copy. The last line is `N passed, N failed`, in which each
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

from tree import ROOT, copy_tree, tree_files

BIN = Path(sys.executable).parent
NOTEBOOK_SECONDS = 300  # a notebook that takes longer hangs; it is stopped and counted as failed
TESTS_SECONDS, LONG_SECONDS = 1200, 7200
# No stub is left behind. In pieces, so that this file does not find itself.
STUBS = re.compile("|".join([r"\bTO" + r"DO\b", "NotImple" + "mented", "pass" + "  #"]))
RUNNING: set[subprocess.Popen] = set()
STUB_FILES = {".py", ".ipynb", ".js", ".md", ".qmd", ".css"}


@dataclass
class Result:
    "How one thing that was checked came out."
    name: str
    passed: bool
    output: str = ""


def run(*command, timeout: float = 600, cwd: Path = ROOT) -> tuple[int, str]:
    "The exit code and output of `command`, run in a process group of its own, which is ended after `timeout` seconds."
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
    "End what is left of the process's group: by SIGINT first, at which nbdev-test and pytest say where they were."
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
    "A result for each part of a check that reports its problems part by part."
    return [Result(f"{name}: {part}", not lines, "\n".join(lines)) for part, lines in problems.items()]


def changed(copy: Path, files: list[str]) -> str:
    "Which of `files` are not the same in `copy` as in the checkout, and what in `copy` is new."
    lines = []
    for file in files:
        here, there = ROOT / file, copy / file
        if here.is_symlink() or (there.exists() and filecmp.cmp(here, there, shallow=False)): continue
        if not there.exists(): lines.append(f"{file}: gone")
        else: lines.append(run("git", "diff", "--no-index", "--", here, there)[1])
    new = run("git", "ls-files", "-co", "--exclude-standard", cwd=copy)[1].split()
    return "\n".join(lines + [f"{file}: new" for file in new if file not in files])


def check_generated() -> list[Result]:
    "nbdev-clean and `make export` change nothing: notebooks are clean, modules are what the notebooks export."
    terser = ROOT / "node_modules" / ".bin" / "terser"
    steps = {"nbdev-clean": [["nbdev-clean"]], "nbdev-export": [["nbdev-export"], [sys.executable, "tools/exports.py"]],
             "scripts": [[sys.executable, "tools/minify.py", terser]]}
    return [unchanged_by(step, commands) for step, commands in steps.items()]


def unchanged_by(step: str, commands: list[list[str]]) -> Result:
    "Whether `commands`, run in a copy, leave every file as it is in the checkout."
    with tempfile.TemporaryDirectory(prefix="generated-") as name:
        copy = Path(name).resolve()
        files = copy_tree(copy)
        run("git", "init", "--quiet", cwd=copy)
        output = "".join(text for code, text in [run(*command, cwd=copy) for command in commands] if code)
        different = changed(copy, files)
        if different: output += f"{step} would change:\n{different}"
        return Result(f"generated: {step}", not output, output)


def flags() -> str:
    "Every flag of `tst_flags`: here all cells run."
    from nbdev.config import get_config
    return " ".join(get_config(ROOT).tst_flags)


def test_notebook(path: Path) -> Result:
    "Run one notebook; a task that it leaves behind, of which nbdev-test only warns, is a failure."
    command = ["nbdev-test", path, "--n-workers", "0", "--flags", flags()]
    code, output = run(*command, timeout=NOTEBOOK_SECONDS)
    return Result(f"notebook {path.relative_to(ROOT)}", code == 0 and "leaked task" not in output, output)


def check_notebooks() -> list[Result]:
    "Every notebook runs from top to bottom, two at a time."
    found = [ROOT / file for file in sorted(tree_files()) if file.startswith("nbs/") and file.endswith(".ipynb")]
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool: return list(pool.map(test_notebook, found))


def check_style() -> list[Result]:
    "The notebooks are in the house style; chkstyle's own width is 160, so ruff measures their lines."
    columns = "ruff check --quiet --isolated --output-format concise --select E501 --line-length 120 nbs".split()
    with tempfile.TemporaryDirectory(prefix="style-") as name:
        for file in copy_tree(copy := Path(name)):  # chkstyle takes cells with `exporti` for examples
            text = (ROOT / file).read_text().replace("#| exporti", "#| export") if file.endswith(".ipynb") else ""
            if text: (copy / file).write_text(text)
        return one("chkstyle", "chkstyle", "--show-rule", "nbs", cwd=copy) + one("width of notebooks", *columns)


def check_ruff() -> list[Result]:
    "What is written as Python files passes ruff."
    names = "cjm_fasthtml_sse tools tests benchmarks examples setup.py".split()
    folders = [d for d in names if (ROOT / d).exists()]
    return one("ruff", "ruff", "check", "--quiet", "--output-format", "concise", *folders)


def check_stubs() -> list[Result]:
    "Nothing is left for later."
    found = []
    for file in tree_files():
        if Path(file).suffix not in STUB_FILES: continue
        lines = enumerate((ROOT / file).read_text(encoding="utf-8").splitlines(), 1)
        found += [f"{file}:{n}: {line.strip()[:120]}" for n, line in lines if STUBS.search(line)]
    return [Result("stubs", not found, "\n".join(found))]


def check_readme() -> list[Result]:
    "The index's made sections and README.md are what `make readme` would make."
    return one("readme", sys.executable, "tools/readme.py", "--check")


def check_docs() -> list[Result]:
    "The site builds, its sidebar and pages agree, and no link is broken."
    with tempfile.TemporaryDirectory(prefix="docs-") as name:
        report = Path(name) / "report.json"
        _, output = run(sys.executable, "tools/docs.py", "--report", report)
        return parts("docs", json.loads(report.read_text())) if report.exists() else [Result("docs", False, output)]


def check_wheel() -> list[Result]:
    "The wheel holds what it should, and works alone in an empty environment."
    from dist import problems
    return parts("wheel", problems())


def test_name(case: ET.Element) -> str:
    "The name of a test, as pytest takes it."
    return f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"


# Those that use a browser, and the one that makes network interfaces, of which a browser beside it would take notice.
BROWSER = ["tests/browser", "tests/system/test_site.py", "tests/events/test_wire.py", "tests/system/proxies",
           "tests/system/test_tutorials.py", "tests/core/access/test_chat.py", "tests/asgi/test_faults.py"]
ENGINES, ACCESS = ["tests/backplanes"], ["tests/core/access"]


def check_browser(long: bool = False) -> list[Result]:
    "What happens in a browser."
    return run_tests(BROWSER, long)


def check_engines(long: bool = False) -> list[Result]:
    "Backplanes on real engines that are broken and killed, and workers that share them."
    return run_tests(ENGINES, long)


def check_access(long: bool = False) -> list[Result]:
    "Who may hear what, on every kind of engine."
    return run_tests(ACCESS, long, without=BROWSER)


def check_tests(long: bool = False) -> list[Result]:
    "The other tests that a notebook cannot be: servers, programs, long runs."
    return run_tests(["tests"], long, without=[*BROWSER, *ENGINES, *ACCESS])


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


# What stands in one group may run at the same time, two at a time, begun in this order. Notebooks and tests wait for
# deadlines, so they run apart; tests in a browser and the others wait for different things. The longest come first, and
# short ones last, so that the two lanes end together.
GROUPS: list[dict[str, Callable[[], list[Result]]]] = [
    dict(wheel=check_wheel, ruff=check_ruff, stubs=check_stubs, style=check_style, generated=check_generated,
         readme=check_readme, docs=check_docs),
    dict(notebooks=check_notebooks),
    dict(browser=check_browser, engines=check_engines, tests=check_tests, access=check_access),
]


def carry_out(name: str, check: Callable[[], list[Result]]) -> list[Result]:
    "Run one check; one that breaks is a failure, not the end of the others."
    start = time.monotonic()
    try: results = check()
    except Exception as e:  # noqa: BLE001
        results = [Result(name, False, f"{type(e).__name__}: {e}")]
    if sys.stderr.isatty(): print(f"{name}: {len(results)} in {time.monotonic() - start:.0f} s", file=sys.stderr)
    for result in results:
        if not result.passed: print(f"FAILED {result.name}\n{indented(result.output)}\n", flush=True)
    return results


def indented(text: str, most: int = 100) -> str:
    "The last lines of `text`, set in."
    lines = text.strip().splitlines()
    left_out = [f"... {len(lines) - most} lines above left out"] if len(lines) > most else []
    return "\n".join(f"    {line}" for line in left_out + lines[-most:])


def main() -> int:
    names = [name for group in GROUPS for name in group]
    parser = argparse.ArgumentParser(description="Run the project's checks", epilog=f"Checks: {', '.join(names)}")
    parser.add_argument("names", nargs="*", metavar="NAME", help="run only these")
    parser.add_argument("--long", action="store_true", help="with the long forms of the tests")
    parser.add_argument("--list", action="store_true", help="name the checks and say what each asks")
    args = parser.parse_args()
    if unknown := set(args.names) - set(names): parser.error(f"no such check: {', '.join(sorted(unknown))}")
    if args.list:
        for group in GROUPS:
            for name, check in group.items(): print(f"{name:10} {check.__doc__}")
        return 0
    if args.long: GROUPS[-1] = {name: partial(check, long=True) for name, check in GROUPS[-1].items()}
    results = []
    for group in GROUPS:
        chosen = [(n, check) for n, check in group.items() if not args.names or n in args.names]
        if not chosen: continue
        with ThreadPoolExecutor(2) as pool:
            for found in pool.map(carry_out, *zip(*chosen, strict=True)): results += found
    passed = sum(r.passed for r in results)
    print(f"{passed} passed, {len(results) - passed} failed")
    return int(passed < len(results))


if __name__ == "__main__":
    try: raise SystemExit(main())
    except KeyboardInterrupt:
        for process in list(RUNNING): end_group(process)
        os._exit(130)
