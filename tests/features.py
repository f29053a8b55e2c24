"""What the tests show of each feature, by browser and version of htmx: `--features FILE` writes it as JSON

A test says by `@pytest.mark.feature('named events')` what it is evidence for. The page about browsers is made from
such a file (`tools/browsers.py`).
"""
import json
from pathlib import Path

import pytest

LEFT_OUT = pytest.StashKey()  # of a case that its engine cannot run: the reasons
BOTH = 'both'  # where the version of htmx plays no part


def rows(item):
    "Feature, engine and htmx of each row to which a case belongs"
    params = item.callspec.params if hasattr(item, 'callspec') else {}
    htmx = params.get('htmx', params.get('any_htmx'))
    for mark in item.iter_markers('feature'):
        engine = mark.kwargs.get('engine', params.get('engine', 'chromium'))
        version = mark.kwargs.get('htmx', getattr(htmx, 'version', htmx))
        yield mark.args[0], str(engine), str(version)[0] if version else BOTH


class Features:
    "Collects what becomes of each case, by feature, engine and htmx's major version"
    def __init__(self, file): self.file, self.cells, self.of = Path(file), {}, {}

    def note(self, row, outcome, said=''):
        feature, engine, htmx = row
        cell = self.cells.setdefault(feature, {}).setdefault(engine, {}).setdefault(htmx, {})
        told = cell.setdefault(outcome, [])
        if said not in told: told.append(said)

    def pytest_collection_modifyitems(self, items):
        self.of |= {item.nodeid: [*rows(item)] for item in items}

    pytest_collection_modifyitems = pytest.hookimpl(tryfirst=True)(pytest_collection_modifyitems)

    def pytest_deselected(self, items):
        for item in items:
            for why in item.stash.get(LEFT_OUT, ()):
                for row in rows(item): self.note(row, 'cannot', why)

    def pytest_runtest_logreport(self, report):
        for row in self.of.get(report.nodeid, ()):
            if report.failed: self.note(row, 'failed', report.nodeid)
            elif report.skipped: self.note(row, 'cannot', str(report.longrepr[-1]).removeprefix('Skipped: '))
            elif report.when == 'call': self.note(row, 'passed', report.nodeid)

    def pytest_sessionfinish(self):
        self.file.write_text(json.dumps(self.cells, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
