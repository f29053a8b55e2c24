"""The test results of each feature, by browser and version of htmx: `--features FILE` writes them as JSON

A test declares its feature by `@pytest.mark.feature('named events')`. `tools/browsers.py` makes the page about browsers
from such a file.
"""
import json
from pathlib import Path

import pytest

LEFT_OUT = pytest.StashKey()  # reasons, for a case that its engine cannot run
VERSIONS = {}  # of the browsers that were started
BOTH = 'both'  # for tests that are independent of htmx's version


def rows(item):
    "Return feature, engine and htmx version of each row that a case belongs to"
    params = item.callspec.params if hasattr(item, 'callspec') else {}
    htmx = params.get('htmx', params.get('any_htmx'))
    for mark in item.iter_markers('feature'):
        engine = mark.kwargs.get('engine', params.get('engine', 'chromium'))
        version = mark.kwargs.get('htmx', getattr(htmx, 'version', htmx))
        yield mark.args[0], str(engine), str(version or BOTH)


class Features:
    "Collect the outcome of each case, by feature, engine and htmx's major version"
    def __init__(self, file): self.file, self.found, self.htmx, self.of = Path(file), {}, set(), {}

    def note(self, row, outcome, said):
        feature, engine, htmx = row
        cells = self.found.setdefault(feature, {}).setdefault(engine, {})
        told = cells.setdefault(htmx if htmx == BOTH else htmx[0], {}).setdefault(outcome, [])
        if said not in told: told.append(said)
        if htmx != BOTH: self.htmx.add(htmx)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items): self.of = {item.nodeid: [*rows(item)] for item in items}

    def pytest_deselected(self, items):
        for item in items:
            for why in item.stash.get(LEFT_OUT, ()):
                for row in rows(item): self.note(row, 'cannot', why)

    def pytest_runtest_logreport(self, report):
        test = report.nodeid.partition('[')[0]
        for row in self.of.get(report.nodeid, ()):
            if report.failed: self.note(row, 'failed', test)
            elif report.skipped: self.note(row, 'cannot', str(report.longrepr[-1]).removeprefix('Skipped: '))
            elif report.when == 'call': self.note(row, 'passed', test)

    def pytest_sessionfinish(self):
        told = dict(versions=VERSIONS, htmx=sorted(self.htmx), features=self.found)
        self.file.write_text(json.dumps(told, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
