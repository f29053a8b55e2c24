"Tables in browsers: what any program commits is shown in every tab, also rows of their own"
import os
import random
import signal
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
from playwright.sync_api import Error
from ports import free_port
from until import until

from .cards_app import App
from .engines import expect
from .test_live import expect_fresh, opened

pytestmark = pytest.mark.sample(1)


@pytest.fixture
def cards(serve, htmx, tmp_path):
    "`cards()` serves an app of the test's version of htmx, on the database of this test"
    with ExitStack() as stack:
        def start(port=None):
            app = App(htmx, tmp_path / 'app.db')
            app.path = tmp_path / 'app.db'
            app.stack = stack.enter_context(ExitStack())
            app.url = app.stack.enter_context(serve(app.rt, port=port))
            return app
        yield start


FOREIGN = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.executescript(sys.argv[2]); c.close()"


def elsewhere(app, script):
    "Let another program write"
    subprocess.run([sys.executable, '-c', FOREIGN, str(app.path), script], check=True)


@pytest.mark.feature('live tables')
def test_a_commit_of_any_program_reaches_every_tab(cards, tabs):
    app = cards()
    pages = [opened(tabs, app.url) for _ in range(2)]
    pages[0].click('#move')
    for page in pages: expect(page.locator('#board')).to_have_text('todo 2 done 1')
    for page in pages: expect(page.locator('#done')).to_have_text('one')
    elsewhere(app, "UPDATE card SET col = 'done', text = 'new' WHERE id = 2; DELETE FROM card WHERE id = 3")
    for page in pages: expect(page.locator('#done')).to_have_text('onenew')
    for page in pages: expect(page.locator('#cards li')).to_have_count(2)
    elsewhere(app, 'BEGIN; DELETE FROM card; ROLLBACK; INSERT INTO card (text) VALUES (\'last\')')
    for page in pages: expect(page.locator('#cards li').last).to_have_text('last')
    elsewhere(app, 'DELETE FROM card')
    for page in pages: expect(page.locator('#done')).to_have_text('nothing')


def test_only_changed_rows_are_rendered_and_what_is_typed_stays(cards, tabs):
    app = cards()
    page = opened(tabs, app.url)
    page.locator('#note-2').fill('typed')
    page.evaluate("window.row = document.getElementById('card-2')")
    app.made.clear()
    elsewhere(app, "UPDATE card SET text = 'changed' WHERE id = 2; INSERT INTO card VALUES (0, 'todo', 'first')")
    expect(page.locator('#cards li').first).to_have_text('first')
    expect(page.locator('#card-2')).to_have_text('changed')
    assert sorted(app.made) == [0, 2]
    assert page.evaluate("row === document.getElementById('card-2')")
    expect(page.locator('#note-2')).to_have_value('typed')


@pytest.mark.feature('live tables')
def test_what_was_written_while_the_application_was_down_is_shown(cards, tabs, console):
    console.allow_failing()
    app = cards()
    page = opened(tabs, app.url)
    app.stack.close()
    elsewhere(app, "UPDATE card SET text = text || '!'")
    again = cards(port=int(app.url.rsplit(':', 1)[1].strip('/')))
    expect(page.locator('#card-1')).to_have_text('one!')
    expect_fresh(tabs, [page], again.url)


MOVES = (
    "UPDATE card SET col = '{col}', text = '{text}' WHERE id = {id}", "UPDATE card SET col = '{col}'",
    'DELETE FROM card WHERE id = {id}', "INSERT OR REPLACE INTO card VALUES ({id}, '{col}', '{text}')",
    'UPDATE OR REPLACE card SET id = {other} WHERE id = {id}')


@pytest.mark.parametrize('seed', range(3))
def test_a_row_may_move_between_lists_of_one_function_and_get_another_key(cards, tabs, seed):
    "An id is in one list before it is gone from another one"
    app, rnd = cards(), random.Random(seed)
    pages = [opened(tabs, f'{app.url}/lists') for _ in range(2)]
    for _ in range(5):
        for _ in range(rnd.choice((1, 3, 8))):
            about = dict(col=rnd.choice(('todo', 'doing', 'done')), id=rnd.randrange(9), other=rnd.randrange(9))
            app.cards.db.execute(rnd.choice(MOVES).format(**about, text=f'{rnd.random():.3f}'))
        expect_fresh(tabs, pages, f'{app.url}/lists')
    ids = pages[0].evaluate("[...document.querySelectorAll('li')].map(each => each.id)")
    assert len({*ids} - {'moved-empty'}) == len([each for each in ids if each != 'moved-empty'])


WRITER = Path(__file__).with_name('writes_cards.py')


@pytest.mark.needs('offline')
@pytest.mark.parametrize('seed', range(3))
def test_every_tab_equals_a_fresh_load(cards, tabs, context, console, seed):
    console.allow_failing()
    app, rnd, is_offline = cards(), random.Random(seed), False
    pages = [opened(tabs, app.url) for _ in range(3)]
    for _ in range(4):
        for _ in range(12):
            act = rnd.random()
            if act < .08 and not is_offline:
                with suppress(Error): pages[rnd.randrange(3)].reload(wait_until='commit')  # it may still load
            elif act < .25: context.set_offline(is_offline := act < .14)
            elif act < .4: app.cards.insert(dict(col='done', text=f'{rnd.random():.3f}'))
            else: subprocess.run([sys.executable, WRITER, app.path, str(rnd.random())], check=True)
        context.set_offline(is_offline := False)
        expect_fresh(tabs, pages, app.url)


@pytest.fixture
def workers(htmx, tmp_path):
    "The address of three workers, which their parent starts anew, and a function that kills one of them"
    port, path = free_port(), tmp_path/'app.db'
    env = {**os.environ, 'CARDS_DB': str(path), 'CARDS_HTMX': str(htmx.major)}
    tests = Path(__file__).parents[1]
    command = [sys.executable, '-m', 'uvicorn', '--factory', 'browser.cards_app:make', '--port', port, '--workers', 3,
               '--log-level', 'critical']
    App(htmx, path).db.conn.close()  # the table, with its first rows
    process = subprocess.Popen([*map(str, command)], cwd=tests, env=env, start_new_session=True)
    url = f'http://127.0.0.1:{port}'
    def answers():
        try: return httpx2.get(url).status_code == 200
        except httpx2.TransportError: return False
    def kill():
        children = Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text().split()
        os.kill(int(children[-1]), signal.SIGKILL)
    try:
        until(answers, 'the workers answer')
        yield SimpleNamespace(url=url, path=path, kill=kill)
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.needs('offline')
@pytest.mark.parametrize('seed', range(3))
def test_three_writers_and_three_workers(workers, tabs, context, console, seed):
    "Two of the writers are handlers of any worker, and one is another program; a worker is killed in the middle"
    console.allow_failing()
    rnd = random.Random(seed)
    pages = [opened(tabs, workers.url) for _ in range(5)]
    for turn in range(4):
        for _ in range(15):
            act, text = rnd.random(), str(rnd.random())
            if act < .1: context.set_offline(act < .05)
            elif act < .55:
                with suppress(httpx2.TransportError):  # of the worker that was killed
                    httpx2.post(f'{workers.url}/edit', params=dict(seed=text)).raise_for_status()
            else: subprocess.run([sys.executable, WRITER, workers.path, text], check=True)
        if turn == 1: workers.kill()
        context.set_offline(False)
        expect_fresh(tabs, pages, workers.url)
