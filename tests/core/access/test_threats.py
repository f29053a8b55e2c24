"Every test that the page on security names exists, and it names every test of attacks"
import json
import re
from pathlib import Path

HERE = Path(__file__).parent
CELLS = json.loads((HERE.parents[2]/'nbs/explains/security.ipynb').read_text(encoding='utf-8'))['cells']
NAMED = set(re.findall(r'`(test_\w+\.py)::(test_\w+)`', '\n'.join(''.join(cell['source']) for cell in CELLS)))


def names_in(file): return set(re.findall(r'^(?:async )?def (test_\w+)', (HERE/file).read_text(encoding='utf-8'), re.M))


def test_each_threat_has_its_test():
    assert NAMED and not [(file, name) for file, name in NAMED if name not in names_in(file)]


def test_each_attack_has_its_row():
    assert names_in('test_attacks.py') <= {name for _, name in NAMED}
