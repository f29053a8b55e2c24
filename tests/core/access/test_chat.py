"The chat of `nbs/tutorials/chat.ipynb` with three users in Chromium, and with a page of another site"
import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fasthtml.common
import pytest
from browser.conftest import ARGS, CHROMIUM, npm_files, running  # noqa: F401 - a fixture
from cjm_fasthtml_sse import sse_headers
from fasthtml.common import Link, fast_app
from playwright.sync_api import expect, sync_playwright
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from system.test_examples import running as running_example

NOTEBOOK = Path(__file__).parents[3]/'nbs/tutorials/chat.ipynb'
expect.set_options(timeout=15_000)
in_thread = ThreadPoolExecutor(1)  # Playwright's loop occupies the main thread


def notebook_code():
    "Return the notebook's code up to the start of its server"
    cells = json.loads(NOTEBOOK.read_text(encoding='utf-8'))['cells']
    code = [''.join(cell['source']) for cell in cells if cell['cell_type'] == 'code']
    begin = next(i for i, text in enumerate(code) if 'nb_serve' in text)
    return '\n\n'.join(text for text in code[:begin] if not text.startswith('#| hide'))


@pytest.fixture
def chat(npm_files, monkeypatch, tmp_path):  # noqa: F811 - the fixture
    "The notebook's names and its application's URL; htmx is served from npm files instead of a CDN"
    local = {'htmx.org': '/npm/htmx.org', 'htmx-ext-sse': '/npm/htmx-ext-sse'}
    def offline(**settings):
        hdrs = [Link(rel='icon', href='data:,'), *sse_headers(2, local=local)]
        app, rt = fast_app(**settings | dict(hdrs=hdrs, htmx=False, surreal=False, pico=False))
        app.router.routes[:0] = [Mount('/npm', StaticFiles(directory=npm_files))]
        return app, rt
    monkeypatch.setattr(fasthtml.common, 'fast_app', offline)
    monkeypatch.chdir(tmp_path)
    exec(compile(notebook_code(), str(NOTEBOOK), 'exec'), names := {'__name__': 'chat'})
    with running(names['app']) as url: yield names, url


@pytest.fixture(scope='module')
def chromium():
    "A browser for this module; while Playwright runs, other tests of the process cannot use asyncio"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def people(chromium, chat):
    "`people('ana')` returns a page of that user's own browser, in the lounge"
    contexts = []
    def come(name, room='lounge'):
        contexts.append(context := chromium.new_context())
        page = context.new_page()
        page.goto(chat[1])
        page.fill('[name=name]', name)
        page.click('text=Come in')
        if room != 'lounge': page.goto(f'{chat[1]}/room/{room}')
        return page
    yield come
    for context in contexts: context.close()


def say(page, text):
    page.fill('#text', text)
    page.click('text=Say')


def lines(page): return page.locator('#lines p')


def test_three_people_talk_in_a_room(people, chat):
    names, url = chat
    ana, ben, cem = [people(name) for name in ('ana', 'ben', 'cem')]
    for page in (ana, ben, cem): expect(page.locator('#people')).to_have_text('3 here')
    evil = '<img src=x onerror="document.title=\'evil\'">'
    say(ben, evil)
    for page in (ana, ben, cem):
        expect(lines(page).filter(has_text=f'ben {evil}')).to_have_count(1)
        assert page.locator('#lines img').count() == 0 and page.title() != 'evil'
    ana.reload()
    expect(lines(ana).filter(has_text='ben')).not_to_have_count(0)
    say(cem, 'Good evening')
    for page in (ana, ben, cem): expect(lines(page).filter(has_text='Good evening')).to_have_count(1)
    expect(lines(ben).filter(has_text='ana has gone')).to_have_count(0)
    cem.context.close()
    expect(lines(ben).filter(has_text='cem has gone')).to_have_count(1)
    expect(ana.locator('#people')).to_have_text('2 here')


def test_a_room_is_closed_to_others(people, chat):
    names, url = chat
    ana, ben, cem = people('ana', 'kitchen'), people('ben', 'kitchen'), people('cem')
    assert cem.goto(f'{url}/room/kitchen').status == 403
    cem.goto(f'{url}/room/lounge')
    expect(cem.locator('#people')).to_have_text('1 here')
    request = "async topic => (await fetch(`/sse/broadcast?topic=${topic}`)).status"
    assert [cem.evaluate(request, topic) for topic in ('room/kitchen', 'room/*', '**')] == [403, 403, 403]
    say(ana, 'a secret of the kitchen')
    expect(lines(ben).filter(has_text='a secret')).to_have_count(1)
    say(cem, 'my own line')
    expect(lines(cem).filter(has_text='my own line')).to_have_count(1)
    assert 'a secret' not in cem.content()


def test_an_open_page_gets_no_events_after_a_revocation(people, chat):
    names, url = chat
    ana, ben, cem = [people(name) for name in ('ana', 'ben', 'cem')]
    for page in (ana, ben, cem): expect(page.locator('#people')).to_have_text('3 here')
    names['sql']('DELETE FROM members WHERE who = ?', 'cem')
    manager = names['manager']
    def do(coroutine): return in_thread.submit(asyncio.run, coroutine).result(30)
    assert do(manager.revoke('cem', 'room/lounge')) == 1
    say(ana, 'among ourselves')
    expect(lines(ben).filter(has_text='among ourselves')).to_have_count(1)
    do(manager.send_to_user('cem', 'line', dict(who='the house', text='you have left')))
    expect(lines(cem).filter(has_text='you have left')).to_have_count(1)
    assert 'among ourselves' not in cem.content()
    expect(lines(ben).filter(has_text='cem has gone')).to_have_count(1)


def test_a_page_of_another_site_receives_nothing_with_a_users_cookies(people, chat):
    "The user is signed in, in the same browser, and the other site requests with credentials"
    names, url = chat
    ana, (app, _) = people('ana'), fast_app()
    expect(ana.locator('#people')).to_have_text('1 here')
    blank = '<title>evil</title><link rel="icon" href="data:,">'
    app.router.routes[:0] = [Route('/', lambda request: HTMLResponse(blank))]
    try_it = """async url => {
        const streamed = await new Promise(done => {
            const source = new EventSource(url, {withCredentials: true});
            source.onmessage = source.onopen = event => done(event.type);
            source.onerror = () => { source.close(); done('refused'); };
        });
        const fetched = await fetch(url, {credentials: 'include'}).then(answer => answer.type, () => 'refused');
        const blind = await fetch(url, {credentials: 'include', mode: 'no-cors'}).then(answer => answer.type);
        return [streamed, fetched, blind];
    }"""
    with running(app) as elsewhere:
        page = ana.context.new_page()
        page.goto(elsewhere.replace('127.0.0.1', 'localhost'))
        asked = page.evaluate(try_it, f'{url}/sse/broadcast?topic=room/lounge')
        assert asked == ['refused', 'refused', 'opaque'] and names['manager'].get_connection_count() == 1


def test_the_example_is_this_chat(tmp_path):
    with running_example('chat', tmp_path) as (tab, _):
        assert tab.get('/sse/broadcast?topic=room/lounge').status_code == 403
        tab.get('/sign-in', params=dict(name='ana'))
        with tab.stream('GET', '/sse/broadcast?topic=room/lounge') as stream:
            lines = stream.iter_lines()
            opening = next(lines)
            assert stream.status_code == 200 and opening.startswith(': connected {') and '"room/lounge"' in opening
            tab.post('/room/lounge', data=dict(text='Good evening'))
            assert next(line for line in lines if 'Good' in line) == 'data: <p><b>ana</b> Good evening</p>'
