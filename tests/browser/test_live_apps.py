"""The applications on live tables in browsers: several people, another program, and a server that ends and starts again

Each application runs in a process of its own, as a reader would start it. The tests write to its database as other
programs do."""
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx2
import pytest
from ports import free_port
from until import until

from .engines import expect

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT/'tools'))  # A script outside the package

from picture import answer  # noqa: E402

pytestmark = pytest.mark.sample(4, of='live applications')
SERVER, WORKER = Path(__file__).with_name('runs_example.py'), ROOT/'examples/live_jobs_worker.py'
OPEN = "() => [...document.querySelectorAll('[data-sse-live]')].every(each => each.dataset.sseState === 'open')"
PRESS = 100  # ms between the press and the release of a click


class App:
    "An example that runs in a process, and its database"
    def __init__(self, name, major, folder):
        self.name, self.major, self.path, self.port = name, major, folder/'app.db', free_port()
        self.env = {**os.environ, f'{name.upper()}_DB': str(self.path), 'SECRET_KEY': 'a secret of the tests'}
        self.url, self.ends = f'http://127.0.0.1:{self.port}', ExitStack()

    def serve(self):
        "Start the server; return what ends it"
        end = self.run(SERVER, self.name, self.port, self.major)
        until(self.answers, f'{self.name} answers')
        return end

    def run(self, program, *args):
        "Run a program on the database; return what ends it"
        process = subprocess.Popen([sys.executable, program, *map(str, args)], cwd=self.path.parent, env=self.env)
        def end():
            process.terminate()  # a signal from the keyboard may be ignored where the tests run in the background
            process.wait(60)
        self.ends.callback(end)
        return end

    def answers(self):
        try: return httpx2.get(self.url).status_code == 200
        except httpx2.TransportError: return False

    def sql(self, statement, *values):
        "Run a statement as another program would; return its rows"
        with closing(sqlite3.connect(self.path, timeout=10, isolation_level=None)) as con:
            return con.execute(statement, values).fetchall()

    @contextmanager
    def writing(self, statement, often=.1):
        "Run a statement ten times a second in the background"
        stop = threading.Event()
        def write():
            while not stop.wait(often): self.sql(statement)
        thread = threading.Thread(target=write)
        thread.start()
        try: yield
        finally:
            stop.set()
            thread.join()


@pytest.fixture
def browser(chromium):
    "Only Chromium: in the others, a tab behind another one has no focus, or requests are not answered by the test"
    return chromium


@pytest.fixture
def run(htmx, tmp_path, context):
    "`run(name)` runs an example with the test's version of htmx; the files of CDNs come from npm"
    context.route('**/*', answer)
    with ExitStack() as stack:
        def start(name):
            app = App(name, htmx.major, tmp_path)
            app.end = app.serve()
            stack.enter_context(app.ends)
            return app
        yield start


@pytest.fixture
def people(browser, console):
    "`people(url)` opens a tab of another person, who shares no cookies with the others"
    with ExitStack() as stack:
        def person(url):
            context = browser.new_context()
            stack.callback(context.close)
            context.route('**/*', answer)
            page = context.new_page()
            console.watch(page)
            page.goto(url)
            return page
        yield person


def opened(tabs, url):
    "Open a tab, and wait for its regions"
    tab = tabs(url)
    tab.wait_for_function(OPEN)
    return tab


def press(page, button):
    "Click as a person does: the button is pressed for a while"
    button.hover()
    page.mouse.down()
    page.wait_for_timeout(PRESS)
    page.mouse.up()


# Kanban


def texts(page, column): return page.locator(f'#{column} textarea').evaluate_all('all => all.map(each => each.value)')


def expect_columns(pages, **columns):
    for page in pages:
        for name, want in columns.items():
            until(lambda: texts(page, name) == want, lambda: f'{name}: {texts(page, name)} is not {want}')  # noqa: B023


def write(page, id, text):
    "Write another text into a card, as a person does"
    field = page.locator(f'#text-{id}')
    field.click()
    field.press('ControlOrMeta+a')
    field.press_sequentially(text)
    return field


def test_kanban_every_tab_shows_what_any_tab_does(run, tabs):
    kanban = run('live_kanban')
    one, two = pages = [opened(tabs, kanban.url) for _ in range(2)]
    two.get_by_label('A new card').fill('<b>Sand</b> it')
    two.get_by_role('button', name='Add').click()
    todo = ['Choose a colour for the door', 'Ask ben about the ladder']
    expect_columns(pages, todo=[*todo, '<b>Sand</b> it'])
    expect(two.get_by_label('A new card')).to_have_value('')
    one.locator('#card-1').get_by_label('Move to the right').click()
    expect_columns(pages, todo=[todo[1], '<b>Sand</b> it'], doing=['Paint the fence', todo[0]])
    two.locator('#card-5').get_by_label('Delete').click()
    write(one, 2, 'Buy a ladder').press('Enter')
    expect_columns(pages, todo=['Buy a ladder'])
    for page in pages: expect(page.locator('#doing small')).to_have_text('2')


def test_kanban_typing_stays_while_others_move_and_edit(run, tabs):
    "Also in the card that they move: its text, the focus and the caret"
    kanban = run('live_kanban')
    one, two = pages = [opened(tabs, kanban.url) for _ in range(2)]
    field = one.locator('#text-1')
    field.click()
    field.press('End')
    field.press_sequentially(' now')
    for _ in range(4): field.press('ArrowLeft')
    write(two, 2, 'Ask cem').press('Enter')
    expect_columns([one], todo=['Choose a colour for the door now', 'Ask cem'])
    two.locator('#card-1').get_by_label('Move to the right').click()
    expect(one.locator('#doing #card-1')).to_be_visible()
    kanban.sql("INSERT INTO card (col, place, text) VALUES ('doing', -1, 'first')")
    kanban.sql("DELETE FROM card WHERE text = 'Paint the fence'")
    expect_columns([one], doing=['first', 'Choose a colour for the door now'])
    expect(field).to_be_focused()
    one.keyboard.type('!')
    one.keyboard.press('Enter')
    expect_columns(pages, doing=['first', 'Choose a colour for the door! now'])


def test_kanban_an_edit_of_the_same_text_is_shown_and_takes_nothing_away(run, tabs):
    kanban = run('live_kanban')
    one, two = pages = [opened(tabs, kanban.url) for _ in range(2)]
    field = write(one, 3, 'Paint it green')
    write(two, 3, 'Paint it red').press('Enter')
    expect(field).to_have_attribute('data-sse-conflict', 'Paint it red')
    note = "getComputedStyle(document.querySelector('#card-3'), '::after').content"
    assert 'Another person' in one.evaluate(note) and 'Another' not in two.evaluate(note)
    expect(field).to_be_focused()
    field.press('Enter')
    expect_columns(pages, doing=['Paint it green'])
    expect(field).not_to_have_attribute('data-sse-conflict', 'Paint it red')


SCRIPTS = 'class', 'data-htmx-powered'  # Attributes that scripts of the page change
CHANGES = """() => { window.changes = [];
    const card = window.card = document.getElementById('card-1');
    const has = nodes => [...nodes].includes(card);
    new MutationObserver(found => { for (const each of found) {
        if (has(each.addedNodes)) changes.push('added');
        else if (has(each.removedNodes)) changes.push('removed');
        else if (card.contains(each.target)) changes.push(each.attributeName ?? each.type); } })
        .observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true}); }"""


def test_kanban_an_own_drag_is_the_only_change_of_the_card(run, tabs):
    kanban = run('live_kanban')
    one, two = (opened(tabs, kanban.url) for _ in range(2))
    one.evaluate(CHANGES)
    one.locator('#card-1 .grip').drag_to(one.locator('#card-3'), target_position=dict(x=20, y=10))
    expect_columns([one, two], todo=['Ask ben about the ladder'])
    expect_columns([one, two], doing=['Choose a colour for the door', 'Paint the fence'])
    kanban.sql("UPDATE card SET text = 'later' WHERE id = 4")
    expect_columns([one, two], done=['later'])
    changes = [each for each in one.evaluate('changes') if each not in SCRIPTS]
    assert changes == ['removed', 'added'] and one.evaluate("card === document.getElementById('card-1')")
    assert kanban.sql("SELECT id FROM card WHERE col = 'doing' ORDER BY place") == [(1,), (3,)]


# Jobs


def expect_text(pages, selector, text):
    for page in pages: expect(page.locator(selector)).to_contain_text(text)


def test_jobs_no_click_is_lost_on_rows_that_change_ten_times_a_second(run, tabs):
    jobs = run('live_jobs')
    for _ in range(20): jobs.sql("INSERT INTO job (name, state, done, steps) VALUES ('Sales', 'running', 0, 10000)")
    one, two = (opened(tabs, jobs.url) for _ in range(2))
    for page in (one, two): expect(page.locator('#jobs button')).to_have_count(20)
    with jobs.writing('UPDATE job SET done = done + 100'):
        for id in range(20, 0, -1):
            press(one, one.locator(f'#job-{id} button'))
            expect_text([one, two], f'#job-{id}', 'cancelled')
    expect_text([two], '#summary', '20 cancelled')


def test_jobs_a_worker_of_plain_sqlite_is_followed(run, tabs):
    jobs = run('live_jobs')
    one, two = pages = [opened(tabs, jobs.url) for _ in range(2)]
    expect_text(pages, '#jobs', 'No reports yet')
    expect_text(pages, '#worker', 'No worker runs')
    for report in ('Sales', 'Stock'):
        one.get_by_label('Report').select_option(report)
        one.get_by_role('button', name='Start').click()
        expect_text(pages, '#jobs', report)
    end = jobs.run(WORKER)
    expect_text(pages, '#worker', 'The worker runs')
    expect_text(pages, '#job-1', 'running')
    two.locator('#job-1 button').click()
    expect_text(pages, '#job-1', 'cancelled')
    expect_text(pages, '#job-2', 'running')
    jobs.sql('UPDATE job SET steps = 3')
    end()
    expect_text(pages, '#worker', 'No worker runs')  # by the time alone
    jobs.run(WORKER)
    expect_text(pages, '#job-2', 'done, 100 %')
    one.locator('#job-1 button').click()
    expect_text(pages, '#summary', '2 done')


def test_jobs_go_on_while_a_tab_is_reloaded_and_the_server_starts_again(run, tabs, console):
    console.allow_failing()
    jobs = run('live_jobs')
    one, two = pages = [opened(tabs, jobs.url) for _ in range(2)]
    jobs.sql("INSERT INTO job (name, state, done, steps) VALUES ('Sales', 'waiting', 0, 40)")
    jobs.run(WORKER)
    expect_text(pages, '#job-1', 'running')
    two.reload()
    expect_text([two], '#job-1', 'running')
    jobs.end()
    until(lambda: jobs.sql('SELECT state FROM job') == [('done',)], 'the worker ends the job')
    jobs.serve()
    expect_text(pages, '#job-1', 'done, 100 %')
    two.get_by_role('button', name='Again').click()
    expect_text(pages, '#job-1', 'running')


# Chat


def come(people, url, name, room=None):
    "Sign in, and enter a room; without one, open it"
    page = people(url)
    page.get_by_label('Your name').fill(name)
    page.get_by_role('button').click()
    if room is None:
        page.get_by_label('A new room').fill('Kitchen')
        page.get_by_role('button', name='Open').click()
    else: page.get_by_role('link', name=room).click()
    page.locator('#composer').wait_for()
    page.wait_for_function(OPEN)
    return page


def say(page, text):
    page.get_by_label('Message').fill(text)
    page.get_by_label('Message').press('Enter')


VIEWS = """() => [...document.querySelectorAll('[data-sse-live]')]
    .map(each => JSON.parse(each.dataset.sseLive).view)"""


def test_chat_says_who_is_there_and_who_is_typing(run, people):
    chat = run('live_chat')
    ana = come(people, chat.url, 'ana')
    lobby = people(chat.url)
    lobby.get_by_label('Your name').fill('dan')
    lobby.get_by_role('button').click()
    expect(lobby.get_by_role('link', name='Kitchen')).to_be_visible()
    ben, cem = (come(people, chat.url, name, 'Kitchen') for name in ('ben', 'cem'))
    for page in (ana, ben, cem): expect(page.locator('#people')).to_contain_text('3 here')
    ana.get_by_label('Message').press_sequentially('Good')
    for page in (ben, cem): expect(page.locator('#typing')).to_have_text('ana is typing …')
    expect(ana.locator('#typing')).to_have_text('')
    say(ben, '<b>Is there bread?</b>')
    for page in (ana, ben, cem): expect(page.locator('#talk li').last).to_contain_text('<b>Is there bread?</b>')
    expect(ana.get_by_label('Message')).to_be_focused()
    expect(ana.get_by_label('Message')).to_have_value('Good')
    expect(ben.get_by_label('Message')).to_have_value('')
    for page in (ben, cem): expect(page.locator('#typing')).to_have_text('')  # by the time alone
    ana.keyboard.type(' morning')
    ana.keyboard.press('Enter')
    for page in (ana, ben, cem): expect(page.locator('#talk li').last).to_contain_text('Good morning')
    cem.close()
    for page in (ana, ben): expect(page.locator('#people')).to_contain_text('2 here')
    chat.sql("INSERT INTO message (room, who, text, at) VALUES (1, 'clock', 'Lunch', 0)")
    for page in (ana, ben): expect(page.locator('#talk li').last).to_contain_text('Lunch')
    lobby.get_by_role('link', name='Sign out').click()
    chat.sql("INSERT INTO room (name, host) VALUES ('Garden', 'clock')")
    ana.goto(f'{chat.url}/rooms')
    expect(ana.get_by_role('link', name='Garden')).to_be_visible()


def test_chat_a_person_who_is_removed_reads_and_writes_no_more(run, people, console):
    chat = run('live_chat')
    ana = come(people, chat.url, 'ana')
    ben, cem = (come(people, chat.url, name, 'Kitchen') for name in ('ben', 'cem'))
    expect(ana.locator('#people')).to_contain_text('3 here')
    expect(ben.get_by_role('button', name='Remove')).to_have_count(0)
    views = ben.evaluate(VIEWS)
    ana.get_by_label('Remove ben').click()
    expect(ben.locator('main')).to_contain_text('The host has removed you')
    for part in ('#composer', '#people', '#talk'): expect(ben.locator(part)).to_have_count(0)
    for page in (ana, cem): expect(page.locator('#people')).to_contain_text('2 here')
    say(ana, 'Only for cem')
    expect(cem.locator('#talk li').last).to_contain_text('Only for cem')
    assert 'Only for cem' not in ben.content()
    console.allow_failing()
    view = "async view => (await fetch(`/live/view?topic=${encodeURIComponent(view)}`)).text()"
    assert len(views) == 3 and all('Only for cem' not in ben.evaluate(view, each) for each in views)
    write = "async () => (await fetch('/rooms/1', {method: 'POST', body: new URLSearchParams({text: 'x'})})).status"
    assert (ben.evaluate(write), cem.evaluate(write)) == (403, 200)
    ben.reload()
    expect(ben.locator('main')).to_contain_text('The host has removed you')
    assert ben.evaluate(write.replace("rooms/1'", "rooms/1/admit'").replace('text:', 'who:')) == 403
    ana.get_by_label('Let in ben').click()
    expect(ana.locator('#people')).not_to_contain_text('Let in')
    ben.reload()
    expect(ben.locator('#talk')).to_contain_text('Only for cem')
    for page in (ana, ben, cem): expect(page.locator('#people')).to_contain_text('3 here')


def test_chat_goes_on_after_the_server_starts_again(run, people, console):
    console.allow_failing()
    chat = run('live_chat')
    ana, ben = come(people, chat.url, 'ana'), come(people, chat.url, 'ben', 'Kitchen')
    ben.get_by_label('Message').fill('half a sen')
    chat.end()
    chat.sql("INSERT INTO message (room, who, text, at) VALUES (1, 'clock', 'meanwhile', 0)")
    chat.serve()
    for page in (ana, ben): expect(page.locator('#talk')).to_contain_text('meanwhile')
    for page in (ana, ben): expect(page.locator('#people')).to_contain_text('2 here')
    ben.keyboard.type('tence')
    ben.keyboard.press('Enter')
    for page in (ana, ben): expect(page.locator('#talk li').last).to_contain_text('half a sentence')
