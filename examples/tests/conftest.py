"Each test finds the examples, and runs in an empty folder, since the examples keep their files in the current one."

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(Path(__file__).parents[1])
