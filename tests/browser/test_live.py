"Live regions in browsers: every tab shows what a fresh load would show, and keeps what the person just did"
import random
import re
import subprocess
import sys
import time
from contextlib import ExitStack, suppress

import pytest
from fasthtml.common import A, Beforeware, Button, Caption, Details, Div, FastHTML, Input, Li, Link, Option, P
from fasthtml.common import RedirectResponse, Select, Span, Summary, Table, Td, Title, Tr, Ul
from fasthtml.svg import G, Svg, Text
from playwright.sync_api import Error
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from until import until

from cjm_fasthtml_sse import BroadcastManager, Live
from .engines import expect
from .live import NPM

pytestmark = pytest.mark.sample(1)

# The markup of all regions, without what the script adds, and the empty class that htmx 2 leaves
SHOWN = """() => [...document.querySelectorAll('[data-sse-live]')].map(region => {
    const copy = region.cloneNode(true);
    for (const elt of [copy, ...copy.querySelectorAll('*')])
        for (const {name, value} of [...elt.attributes])
            if (name.startsWith('data-sse') || `${name}${value}` === 'class') elt.removeAttribute(name);
    return copy.outerHTML; }).join('\\n')"""
OPEN = "() => [...document.querySelectorAll('[data-sse-live]')].every(each => each.dataset.sseState === 'open')"
COUNT = """() => { window.changes = 0;
    const row = document.getElementById('row-a');
    const mine = each => row.contains(each.target) || [...each.addedNodes, ...each.removedNodes].includes(row);
    new MutationObserver(found => { window.changes += found.filter(mine).length; })
        .observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true}); }"""
ACTS = ('insert', 'update', 'delete', 'move', 'bulk', 'same')


class App:
    "Rows in memory, shown by two regions, and changed by requests or by the test"
    def __init__(self, htmx, has_two_logs=False, **settings):
        self.rows, self.banned = dict(a='one', b='two', c='three'), set()
        self.calls, self.wait, self.pause, self.fails = 0, 0, 0, False
        self.rt = app = FastHTML(default_hdrs=False, hdrs=[Link(rel='icon', href='data:,'), *self.scripts(htmx)],
            before=Beforeware(self.sign_in), secret_key='a secret of the tests')
        app.router.routes[:0] = [Mount('/npm', StaticFiles(directory=NPM))]
        self.other = Live(app, prefix='/other', local='/npm') if has_two_logs else None
        self.live = live = Live(app, local='/npm', **settings)
        self.flat = live.region('rows', min_interval=0)(self.flat)
        self.board = live.region('rows', 'board/{name}', min_interval=0)(self.board)
        self.mine = live.region('mine')(self.mine)
        self.clock = live.region(every=.05)(self.clock)
        self.soon = live.region('soon')(self.soon)
        self.who = live.region(live.presence('room/{room}'), 'members')(self.who)
        self.watch = live.region(live.presence('room/{room}'))(self.watch)
        self.any, self.content = live.region('any', min_interval=0)(self.any), None
        self.outer = live.region('outer')(self.outer)
        self.around = Div
        pages = dict(any=lambda: self.any(), around=lambda: self.around(self.any()),
                     away=lambda: P('away', id='elsewhere'),
                     boosted=lambda: (A('away', href='/away', id='away', hx_boost='true'), self.any()),
                     nested=lambda: self.outer(), watch=lambda: self.watch('a'),
                     twice=lambda: (self.board('x'), self.board('x')),
                     index=lambda: (self.board('x'), self.flat()), own=lambda: self.mine(3), ticks=lambda: self.clock(),
                     later=lambda: self.soon(), room=lambda: self.who('a'))
        for name, content in pages.items(): app.get('/' if name == 'index' else f'/{name}')(self.page(content))
        app.get('/as/{who}')(self.become)
        app.post('/put')(self.put)
        app.post('/put_last')(self.put_last)

    @staticmethod
    def scripts(htmx): return [elt for elt in htmx.head() if 'htmx.min.js' in str(elt) or elt.tag == 'meta']

    @staticmethod
    def page(content):
        button = Button('put', id='put', hx_post='/put?key=a&text=mine', hx_swap='none')
        return lambda: (Title('Live'), content(), button)

    def sign_in(self, req, sess): req.scope['auth'] = sess.get('auth')

    def become(self, sess, who: str):
        sess['auth'] = who
        return RedirectResponse('/own', status_code=303)

    def put(self, key: str, text: str):
        time.sleep(self.wait)
        self.rows[key] = text
        self.live.touch('rows')

    def put_last(self, key: str):
        time.sleep(self.wait)
        self.rows = {each: text for each, text in self.rows.items() if each != key} | {key: self.rows[key]}
        self.live.touch('rows')
        if self.other: self.other.touch('rows')

    # Regions

    def board(self, name: str):
        self.calls += 1
        rows = dict(self.rows)
        time.sleep(self.pause)
        if self.fails: raise RuntimeError('this board fails')
        if name in self.banned: return self.live.Gone(P('You were removed', id='gone'))
        return Div(*(P(text, id=f'row-{key}') for key, text in rows.items()), id='board')

    def flat(self):
        return Ul(*(Li(Span(text), Input(name=key, value=text)) for key, text in list(self.rows.items())), id='flat')

    def mine(self, n: int, auth): return P(f'{auth} {n}', id='mine')

    def clock(self): return P(time.monotonic(), id='clock')

    def soon(self):
        self.calls += 1
        if self.calls < 4: self.live.until(time.time() + .2)
        return P(self.calls, id='soon')

    def who(self, room: str, presence):
        if room in self.banned: return self.live.Gone(P('You were removed', id='gone'))
        return P(' '.join(presence.users), id='who')

    def watch(self, room: str, presence): return P(' '.join(presence.users), id='watch')

    def any(self): return self.content

    def outer(self): return Div(self.soon(), id='outer')

    # Changes from the test's thread

    def edit(self, rnd):
        "Change the rows at random, as a person or a job would"
        keys, n = list(self.rows), rnd.randrange(10**6)
        act = rnd.choice(ACTS) if 2 < len(keys) < 30 else 'delete' if len(keys) >= 30 else 'insert'
        if act == 'insert': self.rows[f'k{n}'] = f'new {n}'
        elif act == 'update': self.rows[rnd.choice(keys)] = f'changed {n}'
        elif act == 'delete': del self.rows[rnd.choice(keys)]
        elif act == 'move': self.rows = {key: self.rows[key] for key in rnd.sample(keys, len(keys))}
        elif act == 'bulk': self.rows = {key: f'{text}.' for key, text in self.rows.items()}
        self.live.touch('rows')


@pytest.fixture
def live(serve, htmx):
    "`live(**settings)` serves an app of the test's version of htmx"
    with ExitStack() as stack:
        def start(port=None, **settings):
            app = App(htmx, **settings)
            app.stack = stack.enter_context(ExitStack())
            app.url = app.stack.enter_context(serve(app.rt, port=port))
            return app
        yield start


def opened(tabs, url):
    "Open a tab, and wait for its regions"
    tab = tabs(url)
    tab.wait_for_function(OPEN)
    return tab


def expect_fresh(tabs, pages, url):
    "Wait until all tabs show what a fresh load shows"
    fresh = tabs(url)
    want = fresh.evaluate(SHOWN)
    fresh.close()
    for page in pages: until(lambda: shown(page) == want, lambda: f'{shown(page)} is not {want}')  # noqa: B023


def shown(page):
    "What the regions of a page show; nothing while it is loaded"
    try: return page.evaluate(SHOWN)
    except Error: return ''


@pytest.mark.feature('live regions')
def test_a_touch_reaches_every_tab_and_is_rendered_once(live, tabs):
    app = live()
    pages = [opened(tabs, app.url) for _ in range(3)]
    calls = app.calls
    app.rows['a'] = 'changed'
    app.live.touch('rows')
    for page in pages: expect(page.locator('#row-a')).to_have_text('changed')
    assert app.calls == calls + 1
    app.live.touch('board/other', 'nothing')
    app.rows['b'] = 'again'
    app.live.touch('board/x')
    for page in pages: expect(page.locator('#row-b')).to_have_text('again')
    assert app.calls == calls + 2
    expect(pages[0].locator('#flat span').nth(1)).to_have_text('two')  # it does not depend on the board


def test_another_program_touches_from_a_shell(live, tabs, tmp_path):
    url = f'sqlite:///{tmp_path}/events.db'
    app = live(manager=BroadcastManager(backplane=url))
    pages = [opened(tabs, app.url) for _ in range(2)]
    app.rows['b'] = 'written elsewhere'
    subprocess.run([sys.executable, '-m', 'cjm_fasthtml_sse', 'touch', 'rows', '--url', url], check=True)
    for page in pages: expect(page.locator('#row-b')).to_have_text('written elsewhere')


def test_a_region_may_be_shown_twice(live, tabs):
    app = live()
    page = opened(tabs, f'{app.url}/twice')
    for key, text in dict(b='changed', c='again', a='at last').items():
        app.rows[key] = text
        app.live.touch('rows')
        for n in range(2): expect(page.locator('#board').nth(n)).to_have_text(''.join(app.rows.values()))


@pytest.mark.feature('live regions are right after an interruption')
@pytest.mark.needs('offline')
def test_what_was_touched_while_a_tab_was_offline_is_shown(live, tabs, context, console):
    console.allow_failing()
    app = live()
    page = opened(tabs, app.url)
    page.evaluate("window.same = document.getElementById('board')")
    context.set_offline(True)
    app.rows = dict(b='moved', a='one', d='new')
    app.live.touch('rows')
    context.set_offline(False)
    expect_fresh(tabs, [page], app.url)
    assert page.evaluate("same === document.getElementById('board')")


def test_after_a_restart_the_present_state_is_shown(live, tabs, console):
    console.allow_failing()
    app = live()
    page = opened(tabs, app.url)
    port = int(app.url.rsplit(':', 1)[1])
    app.stack.close()
    again = live(port=port)
    again.rows = dict(z='after the restart')
    expect(page.locator('#row-z')).to_have_text('after the restart')
    expect_fresh(tabs, [page], app.url)


def test_a_page_that_htmx_restores_shows_the_present_state(live, tabs):
    "htmx 2 restores it as it was left; meanwhile the state of its load is back"
    app = live()
    app.content = P('first', id='p')
    page = opened(tabs, f'{app.url}/boosted')
    for text in ('second', 'first'):
        app.content = P(text, id='p')
        app.live.touch('any')
        if text == 'first': break
        expect(page.locator('#p')).to_have_text(text)
        page.click('#away')
        expect(page.locator('#elsewhere')).to_have_text('away')
    page.evaluate('() => history.back()')
    expect(page.locator('#p')).to_have_text('first')


def test_a_page_that_the_browser_restores_shows_the_present_state(live, tabs):
    app = live()
    app.content = P('first', id='p')
    page = opened(tabs, f'{app.url}/any')
    page.goto(f'{app.url}/away')
    app.content = P('second', id='p')
    app.live.touch('any')
    page.evaluate('() => { setTimeout(() => history.back()); }')
    expect(page.locator('#p')).to_have_text('second')
    page.wait_for_function(OPEN)
    app.content = P('third', id='p')
    app.live.touch('any')
    expect(page.locator('#p')).to_have_text('third')


def test_a_copy_of_a_region_shows_the_present_state(live, tabs):
    app = live()
    app.content = P('first', id='p')
    page = opened(tabs, f'{app.url}/any')
    app.content = P('second', id='p')
    app.live.touch('any')
    expect(page.locator('#p')).to_have_text('second')
    page.evaluate("() => { const elt = document.querySelector('#p'); window.copy = elt.cloneNode(true); elt.remove() }")
    until(lambda: not app.live.manager.get_connection_count(), 'its stream to end')
    app.content = P('first', id='p')
    app.live.touch('any')
    page.evaluate('document.body.append(copy)')
    expect(page.locator('#p')).to_have_text('first')
    for tag in (Div, P):  # another element takes its place, which is no copy
        app.content = tag('third', id='p')
        app.live.touch('any')
        expect(page.locator(f'{app.content.tag}#p')).to_have_text('third')


@pytest.mark.needs('routes', 'messages', 'requests')
def test_without_idiomorph_a_region_is_replaced_and_goes_on(live, tabs, context, console):
    "htmx 4 does not need it"
    console.allow('Idiomorph cannot be loaded', 'Failed to load resource', 'net::ERR')
    context.route('**/idiomorph/**', lambda route: route.abort())
    app, asked = live(), []
    page = opened(tabs, app.url)
    page.on('request', lambda request: asked.append(request.url))
    page.evaluate("window.same = document.getElementById('board')")
    for rows in (dict(a='new', b='two', c='three'), dict(c='three', a='new'), dict(a='one', b='two', c='three')):
        app.rows = rows
        app.live.touch('rows')
        expect(page.locator('#board')).to_have_text(''.join(rows.values()))
        expect(page.locator('#flat')).to_have_text(''.join(rows.values()))
    expect_fresh(tabs, [page], app.url)
    assert asked == [] and page.evaluate("same === document.getElementById('board')")


@pytest.mark.feature('no older state undoes a write of the page')
def test_ones_own_write_is_not_undone_by_an_older_rendering(live, tabs):
    "A script has shown the change already; while the handler runs, others change the rows"
    app = live()
    page, other = (opened(tabs, app.url) for _ in range(2))
    app.wait = .4
    page.evaluate("document.getElementById('row-a').textContent = 'mine'")
    page.evaluate(COUNT)
    page.click('#put')
    for n in range(5):
        app.live.touch('rows')
        app.rows['c'] = f'other {n}'
        app.live.touch('rows')
    for each in (page, other):
        expect(each.locator('#row-a')).to_have_text('mine')
        expect(each.locator('#row-c')).to_have_text('other 4')
    assert page.evaluate('changes') == 0, 'the row of the person was changed once more'


@pytest.mark.parametrize('logs', [1, 2])
def test_ones_own_move_is_not_undone_by_a_rendering_from_before_it(live, tabs, logs):
    "A script has moved the row already; a rendering that began before waits for the response, and is dropped then"
    app = live(has_two_logs=logs == 2)
    page = opened(tabs, app.url)
    app.wait, app.pause = .4, .2
    page.evaluate("() => { const row = document.getElementById('row-a'); row.parentElement.append(row); }")
    page.evaluate(COUNT)
    page.evaluate("() => { htmx.ajax('POST', '/put_last?key=a', {target: '#put', swap: 'none'}); }")
    app.rows['c'] = 'other'
    app.live.touch('rows')
    expect(page.locator('#board')).to_have_text('twootherone')
    app.live.touch('rows')
    expect_fresh(tabs, [page], app.url)
    assert page.evaluate('changes') == 0, 'the row of the person was changed once more'


def test_who_is_removed_sees_that_and_reads_no_more(live, tabs):
    app = live()
    page = opened(tabs, app.url)
    app.banned.add('x')
    app.live.touch('board/x')
    expect(page.locator('#gone')).to_have_text('You were removed')
    until(lambda: page.evaluate("document.querySelector('#gone').parentElement.dataset.sseState") == 'closed')
    app.banned.clear()
    app.rows['a'] = 'secret'
    app.live.touch('rows')
    expect(page.locator('#flat span').first).to_have_text('secret')
    assert page.locator('#row-a').count() == 0


def test_a_region_that_fails_keeps_what_it_shows(live, tabs):
    app = live()
    page = opened(tabs, app.url)
    app.fails = True
    app.live.touch('board/x')
    expect(page.locator('#board')).to_have_attribute('data-sse-state', 'stale')
    expect(page.locator('#row-a')).to_have_text('one')
    app.rows['a'], app.fails = 'back', False
    expect(page.locator('#row-a')).to_have_text('back')
    expect(page.locator('#board')).to_have_attribute('data-sse-state', 'open')


def test_a_region_that_failed_is_open_again_although_its_markup_is_the_same(live, tabs):
    app = live()
    page = opened(tabs, app.url)
    app.fails = True
    app.live.touch('board/x')
    expect(page.locator('#board')).to_have_attribute('data-sse-state', 'stale')
    app.fails = False
    expect(page.locator('#board')).to_have_attribute('data-sse-state', 'open')


def test_a_region_that_shows_nothing_keeps_its_place(live, tabs):
    app = live()
    page = opened(tabs, f'{app.url}/any')
    for content in (P('one', id='one'), Ul(Li('two', id='two')), (P('three', id='three'), P('four'))):
        app.content = content
        app.live.touch('any')
        expect(page.locator('[data-sse-live]')).to_have_text(re.compile('one|two|threefour'))
        expect_fresh(tabs, [page], f'{app.url}/any')
        app.content = None
        app.live.touch('any')
        expect(page.locator('div[data-sse-live]')).to_have_text('')
        expect_fresh(tabs, [page], f'{app.url}/any')


def test_the_last_that_a_region_shows_is_no_region(live, tabs):
    app = live()
    app.content = Ul(Li('first', id='first'))
    page = opened(tabs, f'{app.url}/any')
    app.content = app.live.Gone(P('last', id='last'))
    app.live.touch('any')
    expect(page.locator('#last')).to_have_text('last')
    until(lambda: not app.live.manager.get_connection_count(), 'its stream to end')
    assert not page.locator('[data-sse-live]').count()


def test_a_region_of_a_user_is_only_for_this_user(live, tabs, browser, console):
    app = live()
    page = opened(tabs, f'{app.url}/as/ann')
    expect(page.locator('#mine')).to_have_text('ann 3')
    view = page.evaluate("JSON.parse(document.getElementById('mine').dataset.sseLive).view")
    ask = 'async view => (await fetch(`/live/view?topic=${encodeURIComponent(view)}`)).status'
    assert page.evaluate(ask, view) == 200
    console.allow_failing()
    other = browser.new_context().new_page()
    other.goto(f'{app.url}/as/bob')
    expect(other.locator('#mine')).to_have_text('bob 3')
    assert other.evaluate(ask, view) == 403
    assert other.evaluate(ask.replace('view?', 'stream?'), view) == 403
    other.context.close()


def test_a_tab_of_the_user_before_is_denied(live, tabs, console):
    console.allow_failing()
    app = live()
    ann, bob = (opened(tabs, f'{app.url}/as/{each}') for each in ('ann', 'bob'))
    expect(ann.locator('#mine')).to_have_attribute('data-sse-state', 'denied')
    expect(ann.locator('#mine')).to_have_text('ann 3')
    expect(bob.locator('#mine')).to_have_attribute('data-sse-state', 'open')
    expect(bob.locator('#mine')).to_have_text('bob 3')


def test_time_alone_renders_again(live, tabs):
    app = live()
    page = opened(tabs, f'{app.url}/ticks')
    seen = page.text_content('#clock')
    until(lambda: page.text_content('#clock') != seen)
    app.calls = 0
    page.goto(f'{app.url}/later')
    expect(page.locator('#soon')).to_have_text('4')


def test_time_alone_renders_a_region_inside_another_one(live, tabs):
    app = live()
    page = opened(tabs, f'{app.url}/nested')
    expect(page.locator('#soon')).to_have_text('4')


def test_who_is_removed_is_no_longer_in_the_room(live, tabs, browser):
    app = live()
    tabs(f'{app.url}/as/ann')
    page = opened(tabs, f'{app.url}/watch')
    other = browser.new_context().new_page()
    other.goto(f'{app.url}/as/bob')
    other.goto(f'{app.url}/room')
    expect(page.locator('#watch')).to_have_text('ann bob')
    app.banned.add('a')
    app.live.touch('members')
    expect(other.locator('#gone')).to_have_text('You were removed')
    expect(page.locator('#watch')).to_have_text('ann')
    other.context.close()


def test_presence_says_who_shows_a_region(live, tabs, browser):
    app = live()
    tabs(f'{app.url}/as/ann')
    page = opened(tabs, f'{app.url}/room')
    expect(page.locator('#who')).to_have_text('ann')
    other = browser.new_context().new_page()
    other.goto(f'{app.url}/as/bob')
    other.goto(f'{app.url}/room')
    for each in (page, other): expect(each.locator('#who')).to_have_text('ann bob')
    other.context.close()
    expect(page.locator('#who')).to_have_text('ann')


ROOTS = dict(row=(Table, lambda text: Tr(Td(text))), cell=(lambda cell: Table(Tr(cell)), Td), caption=(Table, Caption),
             option=(Select, Option), shape=(Svg, lambda text: G(Text(text))), summary=(Details, Summary))


@pytest.mark.parametrize('root', ROOTS)
def test_an_element_that_only_another_one_may_contain_is_a_region(live, tabs, root):
    app, (around, inside) = live(), ROOTS[root]
    app.around, app.content = around, inside('first')
    page = opened(tabs, f'{app.url}/around')
    page.evaluate("window.same = document.querySelector('[data-sse-live]')")
    for text in ('second', 'first', 'third'):
        app.content = inside(text)
        app.live.touch('any')
        expect(page.locator('[data-sse-live]')).to_have_text(text)
    assert page.evaluate("same === document.querySelector('[data-sse-live]')")


@pytest.mark.heavy
@pytest.mark.needs('offline')
@pytest.mark.parametrize('seed', range(3))
def test_every_tab_equals_a_fresh_load(live, tabs, context, console, seed):
    "Random edits, while tabs are reloaded and go offline"
    console.allow_failing()
    app, rnd = live(), random.Random(seed)
    pages = [opened(tabs, app.url) for _ in range(3)]
    for _ in range(4):
        is_offline = False
        for _ in range(50):
            app.edit(rnd)
            if rnd.random() < .1: context.set_offline(is_offline := not is_offline)
            if rnd.random() < .1 and not is_offline:
                with suppress(Error): rnd.choice(pages).reload(wait_until='commit')  # it may still load
        context.set_offline(False)
        expect_fresh(tabs, pages, app.url)
