"The kit's tabs show live regions as a browser does, and a verb ends when they show what it has changed"
import asyncio

import pytest
from fasthtml.common import Beforeware, Button, Div, FastHTML, Form, Input, Li, Option, P, Select, Title, Ul

from cjm_fasthtml_sse import Live
from cjm_fasthtml_sse.testing import AppError, live
from cjm_fasthtml_sse.testing.fields import entries_of


class Site:
    "An application with rows, and one page for each region"
    def __init__(self):
        self.rows, self.calls, self.has_failed, self.ends, self.until = dict(a='one', b='two'), [], False, False, None
        self.pause, self.ended, self.wakes = 3, [], None

    def make(self):
        def sign_in(req, sess): req.scope['auth'] = sess.get('auth')
        self.app = app = FastHTML(before=Beforeware(sign_in), secret_key='the same in all workers')
        self.live = regions = Live(app)
        rows, board = self.rows, regions.region('rows', min_interval=5)(self.board)
        self.slow = regions.region('rows')(self.slow)
        soon, who = regions.region('soon')(self.soon), regions.region(regions.presence('room'))(self.who)
        button = Button('put', id='put', hx_post='/put', hx_swap='none')
        app.get('/')(lambda: (Title('Board'), board(), Form(Input(name='text'), hx_post='/put', hx_swap='none')))
        app.get('/soon')(lambda: Div(soon()))
        app.get('/who')(lambda: Div(who()))
        app.get('/slow')(self.slow_page)
        edit = regions.region('rows')(self.edit)
        choose = Select(Option('x'), Option('y'), name='text', id='choose', hx_post='/put', hx_swap='none')
        app.get('/edit')(lambda: (Title('Edit'), edit(), choose))
        app.get('/later')(lambda: (Title('Later'), Button('add', hx_get='/part', hx_target='#here'), Div(id='here')))
        app.get('/part')(lambda: Div(board()))
        app.get('/long')(lambda: (Title('Long'), board(), button))
        @app.post('/put')
        async def put(text: str = 'mine'):
            await asyncio.sleep(1)
            rows['a'] = text
            regions.touch('rows')
        return app

    def change(self, **rows):
        self.rows |= rows
        self.live.touch('rows')

    async def slow_page(self): return Title('Slow'), await self.slow()

    # Regions

    def board(self):
        self.calls.append(1)
        if self.has_failed: raise RuntimeError('no rows')
        if self.ends: return self.live.Gone(P('You were removed', id='gone'))
        return Div(*(Form(P(text), Input(name='note'), id=id) for id, text in self.rows.items()), id='board')

    def edit(self):
        return Div(Input(name='text', value=self.rows['a'], id='field', hx_post='/put', hx_swap='none'))

    async def slow(self):
        if self.wakes is not None: self.live.until(self.wakes)
        await asyncio.sleep(pause := self.pause)
        self.ended.append(pause)
        return Ul(*map(Li, self.rows.values()), id='slow')

    def soon(self):
        now = self.live.manager.time.wall()
        if self.until is not None and now < self.until: self.live.until(self.until)
        return P('typing' if self.until is not None and now < self.until else 'nothing', id='soon')

    def who(self, presence): return P(' '.join(sorted(presence.users)), id='who')


@pytest.fixture
def site(): return Site()


def test_what_was_typed_stays_in_its_row(site):
    with live(site.make) as world:
        ann, bob = world.tab(), world.tab()
        bob.fill('#a input', 'my note')
        for key in ('b', 'a'): site.rows[key] = site.rows.pop(key)
        site.change(c='new')
        ann.submit('form[hx-post]', text='changed')
        assert bob.texts('#board p') == ['two', 'changed', 'new']
        notes = [entries_of(bob.dom, bob.dom.find(id=key)) for key in 'bac']
        assert notes == [[('note', '')], [('note', 'my note')], [('note', '')]]
        world.assert_in_step(ann, bob)


def test_a_person_goes_on_typing_while_others_save(site):
    with live(site.make) as world:
        ann, bob = world.tab('/edit'), world.tab('/edit')
        def shown(): return [value for tab in (ann, bob) for value in tab.values('#field')]
        bob.fill('#field', 'half', leave=False)
        assert shown() == ['one', 'half'] and site.rows['a'] == 'one'
        ann.fill('#field', 'theirs')
        assert shown() == ['theirs', 'half']
        bob.fill('#field', 'mine')
        assert shown() == ['mine', 'mine'] and site.rows['a'] == 'mine'
        ann.fill('#choose', 'y', leave=False)  # a choice is made at once
        assert shown() == ['y', 'y'] and ann.values('select') == ['y'] and bob.values('select') == ['x']
        world.assert_in_step(ann, bob)
        with pytest.raises(ValueError, match='<div.* has no value'): ann.values('body > div')


def test_touches_from_the_test_are_shown_after_settled(site):
    with live(site.make) as world:
        tab, calls = world.tab(), len(site.calls)
        for text in 'xyz':
            site.change(a=text)
            world.settled()
            assert tab.texts('#a p') == [text]
        assert len(site.calls) == calls + 3 and world.clock.now < 30


def test_an_async_region_that_takes_time(site):
    with live(site.make, workers=2) as world:
        tabs = [world.tab('/slow', worker=number) for number in (0, 1)]
        for text in ('after three seconds', 'after six'):
            site.change(a=text)
            world.settled()
            for tab in tabs: assert tab.texts('#slow li') == [text, 'two']


def test_a_region_that_a_swap_brings(site):
    with live(site.make) as world:
        tab = world.tab('/later')
        assert tab.state is None
        tab.click('button')
        site.change(a='changed')
        world.settled()
        assert (tab.texts('#here #a p'), tab.state) == (['changed'], 'open')
        tab.close()


def test_a_tab_without_a_line_shows_the_present_state_when_it_is_back(site):
    with live(site.make, workers=2) as world:
        browser = world.browser()
        tabs = [browser.tab() for _ in range(3)]
        tabs[0].lose_line()
        site.change(a='changed')
        world.clock.advance(600)
        assert tabs[1].texts('#a p') == ['one'] and tabs[1].state == 'reconnecting'
        tabs[0].regain_line()
        for tab in tabs: world.assert_fresh(tab)
        assert tabs[2].texts('#a p') == ['changed']


def test_a_tab_of_a_shared_connection_sleeps_and_wakes(site):
    with live(site.make) as world:
        browser = world.browser()
        first, second = browser.tab(), browser.tab()
        for tab in (first, second):
            tab.freeze()
            site.change(a=f'while {tab!r} sleeps')
            world.settled()
            tab.thaw()
            world.assert_in_step(first, second, '#board')
            assert (first.state, second.state) == ('open', 'open')


def test_a_write_is_not_undone_by_an_older_rendering(site):
    with live(site.make) as world:
        tab = world.tab('/long')
        async def write():
            clicked = asyncio.ensure_future(tab.page.act(tab.dom.find(id='put')))
            await asyncio.sleep(.5)
            site.change(b='of another person')
            await asyncio.sleep(.2)
            assert tab.texts('#b p') == ['two']  # renderings wait while it writes
            await clicked
        world.do(write())
        assert (tab.texts('#a p'), tab.texts('#b p')) == (['mine'], ['of another person'])


def test_a_region_that_ends(site):
    with live(site.make) as world:
        tab = world.tab()
        site.ends = True
        site.change()
        world.settled()
        assert tab.texts('#gone') == ['You were removed'] and tab.state == 'closed'
        site.ends = False
        site.change()
        world.settled()
        assert tab.texts('#gone') == ['You were removed'] and tab.state == 'closed'


def test_a_region_that_fails_is_a_problem_and_keeps_what_it_shows(site):
    with live(site.make) as world:
        tab = world.tab()
        site.change(a='shown')
        world.clock.advance(5)
        began, site.has_failed = world.clock.now, True
        site.change(a='not shown')
        with pytest.raises(AppError, match='board failed.*no rows'): world.settled()
        assert (tab.texts('#a p'), tab.state) == (['shown'], 'stale')
        assert world.clock.now < began + 10  # no verb waits for the next attempt
        site.has_failed = False
        world.clock.advance(60)
        assert (tab.texts('#a p'), tab.state) == (['not shown'], 'open')


def test_a_time_of_a_region_passes_with_the_clock(site):
    with live(site.make) as world:
        tab, site.until = world.tab('/soon'), world.clock.time() + 30
        site.live.touch('soon')
        world.settled()
        assert tab.texts('#soon') == ['typing'] and world.clock.now < 1
        world.clock.advance(29)
        assert tab.texts('#soon') == ['typing']
        world.clock.advance(2)
        assert tab.texts('#soon') == ['nothing']


def test_presence_in_a_region(site):
    with live(site.make, workers=2) as world:
        ann, bob = (world.tab('/who', user=user, worker=worker) for worker, user in enumerate(('ann', 'bob')))
        assert ann.texts('#who') == bob.texts('#who') == ['ann bob']
        bob.reload()
        assert ann.texts('#who') == ['ann bob']
        bob.close()
        world.clock.advance(3)
        assert ann.texts('#who') == ['ann']


def test_a_touch_that_nothing_depends_on_is_no_problem_and_no_broadcast(site):
    with live(site.make) as world, world.assert_no_broadcasts():
        world.tab()
        site.live.touch('nothing')
        world.settled()


def test_a_killed_worker_renders_nothing_more(site):
    with live(site.make) as world:
        world.tab('/slow')
        site.pause, site.wakes = 8, world.clock.time() + 20
        site.change()
        world.settled()
        assert site.ended.pop() == 8
        world.clock.advance(13)  # it is rendered again by now, and not at its end
        site.pause, site.wakes = 1, None
        world.server.kill()
        world.clock.advance(60)
        assert site.ended and 8 not in site.ended
