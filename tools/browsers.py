"""Test every feature in every browser, and write the results to the file that the page about browsers reads.

A feature is the text of a test's mark `@pytest.mark.feature`. A run takes many minutes. A run of one engine replaces
the earlier results of that engine.

    python tools/browsers.py [--engine chromium|firefox|webkit]

The long form of the tests runs them all too. So the files of such a run (`pytest --features FILE`, a file for each
check) can be given instead:

    python tools/browsers.py --from FILE ...
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tree import ROOT

PAGE = ROOT / "nbs/explains/browsers/features.json"
ENGINES = ["chromium", "firefox", "webkit"]


def tried(engines: list[str]) -> dict:
    "The results of the tests of all features in `engines`."
    with tempfile.TemporaryDirectory(prefix="features-") as name:
        file = Path(name) / "features.json"
        chosen = [f"--engine={engine}" for engine in engines]
        command = [sys.executable, "-m", "pytest", "tests", "-m", "feature", *chosen, "-p", "no:cacheprovider"]
        done = subprocess.run([*command, "--features", file], cwd=ROOT)
        if done.returncode > 1: raise SystemExit("pytest was interrupted; nothing is written")  # 1: some tests fail
        return json.loads(file.read_text(encoding="utf-8"))


def together(files: list[Path]) -> dict:
    "The results of several runs of other tests each, all of them in all engines."
    found = dict(versions={}, htmx=set(), features={})
    for of in (json.loads(file.read_text(encoding="utf-8")) for file in files):
        found["versions"] |= of["versions"]
        found["htmx"] |= {*of["htmx"]}
        for name, engines in of["features"].items():
            for engine, cells in engines.items():
                for htmx, outcomes in cells.items():
                    told = found["features"].setdefault(name, {}).setdefault(engine, {}).setdefault(htmx, {})
                    for outcome, said in outcomes.items():
                        told[outcome] = list(dict.fromkeys([*told.get(outcome, []), *said]))
    return found


def joined(before: dict, now: dict, engines: list[str]) -> dict:
    "The results `before`, with those of `engines` replaced by the results `now`."
    features = {}
    for name in dict.fromkeys([*now["features"], *before["features"]]):
        old, new = before["features"].get(name, {}), now["features"].get(name, {})
        cells = {e: new[e] if e in engines else old[e] for e in ENGINES if e in (new if e in engines else old)}
        if cells: features[name] = cells
    versions = {e: (now if e in engines else before)["versions"].get(e) for e in ENGINES}
    return dict(versions=versions, htmx=sorted({*before["htmx"], *now["htmx"]}), features=features)


def main():
    parser = argparse.ArgumentParser(description="Test every feature in every browser")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="only this engine, others are kept")
    parser.add_argument("--from", nargs="+", type=Path, dest="files", help="take the results of these files")
    args = parser.parse_args()
    engines = args.engine or ENGINES
    nothing = dict(versions={}, htmx=[], features={})
    before = json.loads(PAGE.read_text(encoding="utf-8")) if PAGE.exists() and engines != ENGINES else nothing
    found = joined(before, together(args.files) if args.files else tried(engines), engines)
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    cells = [cell for of in found["features"].values() for by in of.values() for cell in by.values()]
    failed = sum("failed" in cell for cell in cells)
    print(f"{len(found['features'])} features, {len(cells)} cells, {failed} failed: {PAGE.relative_to(ROOT)}")


if __name__ == "__main__": main()
