"Every test that a page of cases names exists"
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = dict(delivery='', lifecycle='', security='tests/core/access/')  # Folder of a test named without one


def named_in(page, folder):
    "Yield the file and name of each test that a page names; `…` is the previous file"
    cells = json.loads((ROOT/f'nbs/explains/{page}.ipynb').read_text(encoding='utf-8'))['cells']
    text, last = '\n'.join(''.join(cell['source']) for cell in cells), None
    for file, name in re.findall(r'`([\w./…]+)::(test_\w+)`', text):
        last = last if file == '…' else (ROOT/folder/file).resolve()
        yield last, name


@pytest.mark.parametrize('page', PAGES)
def test_each_test_that_a_page_names_is_there(page):
    named = list(named_in(page, PAGES[page]))
    assert len(named) > 5
    for file, name in named:
        text = file.read_text(encoding='utf-8')
        assert re.search(rf'^(async )?def {name}\(', text, re.M), (file, name)
