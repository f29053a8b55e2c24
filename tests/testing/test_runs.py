"The kit runs under pytest with and without plugins, under unittest, and in a notebook whose loop runs"
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APP = '''
from fasthtml.common import Form, Input, Li, fast_app
from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers

app, rt = fast_app(hdrs=sse_headers(), secret_key='the same in all workers')
manager = BroadcastManager()
def show(kind, data): return Li(data['title'])
setup_broadcast_routes(app, manager, element_builder=show)

@rt
def index():
    form = Form(Input(name='title'), hx_post=add, hx_swap='none')
    return create_sse_element('/sse/broadcast', 'cards', 'beforeend'), form

@rt
async def add(title: str): await manager.broadcast('added', dict(title=title))
'''
USE = '''
    with live('main:app', workers=2) as world:
        ann, bob = world.tab('/', worker=0), world.tab('/', worker=1)
        ann.submit('form', title='Milk')
        assert bob.texts('#cards li') == ['Milk']
'''
BY_PYTEST = f'def test_all_see_the_card(live):{USE}'
ASYNC = '''
import asyncio, pytest

@pytest.mark.asyncio
async def test_inside_a_loop(live):
    assert asyncio.get_running_loop().is_running()
''' + USE
BY_UNITTEST = f'''
import unittest
from cjm_fasthtml_sse.testing import live

class TestCards(unittest.TestCase):
    def test_all_see_the_card(self):{USE.replace(chr(10) + '    ', chr(10) + '        ')}

class TestInALoop(unittest.IsolatedAsyncioTestCase):
    async def test_all_see_the_card(self):{USE.replace(chr(10) + '    ', chr(10) + '        ')}
'''


@pytest.fixture
def project(tmp_path):
    "A project of its own, and beside it the entry points of the package as pip installs them"
    (tmp_path/'project').mkdir()
    (tmp_path/'project/main.py').write_text(APP)
    points = tomllib.loads((ROOT/'pyproject.toml').read_text(encoding='utf-8'))['project']['entry-points']['pytest11']
    installed = tmp_path/'installed/kit-1.dist-info'
    installed.mkdir(parents=True)
    (installed/'METADATA').write_text('Metadata-Version: 2.1\nName: kit\nVersion: 1\n')
    lines = ['[pytest11]', *(f'{name} = {value}' for name, value in points.items())]
    (installed/'entry_points.txt').write_text('\n'.join(lines))
    return tmp_path/'project'


def run(project, *command):
    env = os.environ | dict(PYTHONPATH=os.pathsep.join([str(ROOT), str(project.parent/'installed')]))
    command = [sys.executable, '-m', *command]
    return subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, timeout=120)


@pytest.mark.sample(1)
@pytest.mark.parametrize('options', ['', '-p no:asyncio -p no:anyio', '-p no:asyncio -W error'])
def test_the_fixture_of_the_plugin(project, options):
    (project/'test_cards.py').write_text(BY_PYTEST)
    done = run(project, 'pytest', '-q', *options.split())
    assert done.returncode == 0, done.stdout + done.stderr
    assert '1 passed' in done.stdout


def test_the_plugin_loads_the_kit_only_for_its_fixture(project):
    heavy = {'cjm_fasthtml_sse.testing.world', 'fasthtml', 'bs4'}
    (project/'test_other.py').write_text(f'import sys\ndef test_other(): assert not {heavy} & {{*sys.modules}}\n')
    done = run(project, 'pytest', '-q')
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_test_of_an_async_plugin(project):
    "Its loop runs in the thread of the test, and that of the world in another one."
    pytest.importorskip('pytest_asyncio')
    (project/'test_cards.py').write_text(ASYNC)
    done = run(project, 'pytest', '-q')
    assert done.returncode == 0, done.stdout + done.stderr


def test_unittest(project):
    (project/'test_cards.py').write_text(BY_UNITTEST)
    done = run(project, 'unittest', '-q')
    assert done.returncode == 0, done.stderr
    assert 'Ran 2 tests' in done.stderr


CELLS = ['from cjm_fasthtml_sse.testing import live\nimport asyncio', APP,
         'asyncio.get_running_loop()\n' + USE.replace('\n    ', '\n').strip(),
         'world = live(app).__enter__()\ntab = world.tab()', "await asyncio.sleep(0)\ntab.submit('form', title='Tea')",
         "assert tab.texts('li') == ['Tea']\nworld.__exit__(None, None, None)"]
NOTEBOOK = f'''
from execnb.shell import CaptureShell
shell = CaptureShell()
for cell in {CELLS!r}:
    shell.run(cell)
    if shell.exc: raise shell.exc
print('all cells ran')
'''


def test_a_notebook(project):
    "Its cells share a loop that runs, and a cell can make the application."
    (project/'notebook.py').write_text(NOTEBOOK)
    done = run(project, 'notebook')
    assert 'all cells ran' in done.stdout, done.stdout + done.stderr
