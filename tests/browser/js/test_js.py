"The script's types, its unit tests in Node, and its size"
import gzip
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cjm_fasthtml_sse.browser.scripts import script_text

ROOT = Path(__file__).parents[3]


def run(*command):
    done = subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True, timeout=150,
                          env={**os.environ, 'NO_COLOR': '1'})
    assert not done.returncode, done.stdout + done.stderr


@pytest.fixture
def node(): return shutil.which('node') or pytest.fail('node is missing; it comes with npm')


def test_types(node):
    compiler = ROOT/'node_modules'/'typescript'/'bin'/'tsc'
    if not compiler.exists(): pytest.fail(f'{compiler} is missing; run `npm ci` in the repository')
    run(node, compiler, '-p', 'tests/browser/js')


def test_units(node): run(node, '--test', 'tests/browser/js/')


def test_at_most_12_kb_travel(): assert len(gzip.compress(script_text().encode(), 9)) <= 12 * 1024
