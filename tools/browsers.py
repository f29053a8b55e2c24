"""Try every feature in every browser, and write what came of it where the page about browsers reads it.

A feature is what a test says by `@pytest.mark.feature`. It takes many minutes; one engine by itself replaces what was
found of that engine before.

    python tools/browsers.py [--engine chromium|firefox|webkit]
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
    "What the tests of all features show in these engines."
    with tempfile.TemporaryDirectory(prefix="features-") as name:
        file = Path(name) / "features.json"
        chosen = [f"--engine={engine}" for engine in engines]
        command = [sys.executable, "-m", "pytest", "tests", "-m", "feature", *chosen, "-p", "no:cacheprovider"]
        done = subprocess.run([*command, "--features", file], cwd=ROOT)
        if done.returncode > 1: raise SystemExit("the run did not come to its end; nothing is written")  # 1: tests fail
        return json.loads(file.read_text(encoding="utf-8"))


def joined(before: dict, now: dict, engines: list[str]) -> dict:
    "What was found before, with what was found now of these engines in its place."
    features = {}
    for name in dict.fromkeys([*now["features"], *before["features"]]):
        old, new = before["features"].get(name, {}), now["features"].get(name, {})
        cells = {e: new[e] if e in engines else old[e] for e in ENGINES if e in (new if e in engines else old)}
        if cells: features[name] = cells
    versions = {e: (now if e in engines else before)["versions"].get(e) for e in ENGINES}
    return dict(versions=versions, htmx=sorted({*before["htmx"], *now["htmx"]}), features=features)


def main():
    parser = argparse.ArgumentParser(description="Try every feature in every browser")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="only in this one, others as before")
    engines = parser.parse_args().engine or ENGINES
    nothing = dict(versions={}, htmx=[], features={})
    before = json.loads(PAGE.read_text(encoding="utf-8")) if PAGE.exists() and engines != ENGINES else nothing
    found = joined(before, tried(engines), engines)
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    cells = [cell for of in found["features"].values() for by in of.values() for cell in by.values()]
    failed = sum("failed" in cell for cell in cells)
    print(f"{len(found['features'])} features, {len(cells)} cells, {failed} of them fail: {PAGE.relative_to(ROOT)}")


if __name__ == "__main__": main()
