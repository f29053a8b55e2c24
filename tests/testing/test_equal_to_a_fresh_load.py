"""Live regions under random edits: when all is quiet, every tab shows what a fresh load shows

Ten tabs of five browsers are on two workers. They fall asleep, lose their line, are reloaded, and write themselves.
A request may be answered by another worker than the stream. Workers are killed and started anew, and the engine goes
away or forgets its events. The log is short, so a tab that was asleep gets a reset. Each edit touches only the name of
what it has changed.
"""
import asyncio
import random

import pytest
from fasthtml.common import Beforeware, Button, Div, FastHTML, H2, Input, Li, P, Span, Title, Ul

from cjm_fasthtml_sse import BroadcastManager, Live, Replay
from cjm_fasthtml_sse.testing import live
from cjm_fasthtml_sse.testing.acts import click_at

ACTS = ('insert', 'insert', 'update', 'update', 'delete', 'move', 'bulk', 'same')
PAUSES = (0, 0, 0, .004, .03, .12)  # seconds of virtual time
COLUMNS = ('todo', 'doing', 'done')
NAMES = ('flat', 'both', 'plain', 'cols', 'slow', 'project/1', 'project/2', 'mine/ann', 'mine/bob',
         *(f'column/{each}' for each in COLUMNS))
PAGES = ('/', '/', '/', '/board', '/project/1', '/project/2')


class Store:
    "What all workers show: a list of rows for each name"
    def __init__(self):
        self.rows = {name: {} for name in NAMES}
        self.rows['cols'], self.rows['both'] = dict.fromkeys(COLUMNS, 'cards'), {'title': 'none'}
        self.number = 0

    def edit(self, chance):
        "Change a list at random, and return the names that this touches"
        name = chance.choice(NAMES)
        rows, self.number = self.rows[name], self.number + 1
        act = 'delete' if len(rows) > 12 else chance.choice(ACTS) if rows else 'insert'
        if name in ('cols', 'both') and act in ('insert', 'delete'): act = 'move'  # their keys stay
        key = chance.choice([*rows]) if rows else None
        if act == 'insert': rows[f'k{self.number}'] = f'new {self.number}'
        elif act == 'update': rows[key] = f'changed {self.number}'
        elif act == 'delete': del rows[key]
        elif act == 'move': self.rows[name] = {each: rows[each] for each in chance.sample([*rows], len(rows))}
        elif act == 'bulk': self.rows[name] = {each: f'all {self.number}' for each in rows}
        if act != 'delete' or not name.startswith('column'): return [name]
        other = f'column/{chance.choice(COLUMNS)}'
        self.rows[other][key] = f'moved {self.number}'
        return [name, other]


def make_app(store):
    "Make a worker's application, with several shapes of regions"
    def sign_in(req, sess): req.scope['auth'] = sess.get('auth')
    app = FastHTML(before=Beforeware(sign_in), secret_key='the same in all workers')
    app.state.live = regions = Live(app, manager=BroadcastManager(replay=Replay(max_events=60)))
    def rows_of(name): return [*store.rows[name].items()]

    @regions.region('flat', 'both')
    def flat():
        title = store.rows['both']['title']
        return Div(*(P(text, id=f'flat-{key}') for key, text in rows_of('flat')), id='flat', title=title)

    @regions.region('plain', 'both', min_interval=0)
    def plain():
        title = Li(store.rows['both']['title'])
        return Ul(title, *(Li(Span(text), Input(name=key)) for key, text in rows_of('plain')), id='plain')

    @regions.region('project/{number}', min_interval=0)
    async def project(number: int):
        rows = rows_of(f'project/{number}')
        await asyncio.sleep(.07)
        return Ul(*(Li(text, id=f'p{number}-{key}') for key, text in rows))

    @regions.region('column/{name}')
    def column(name: str): return Ul(*(Li(text, id=key) for key, text in rows_of(f'column/{name}')), id=name)

    @regions.region('cols', min_interval=.05)
    def board():
        return Div(*(Div(H2(text), column(name), id=f'around-{name}') for name, text in rows_of('cols')), id='board')

    @regions.region('mine/{name}')
    def inbox(name: str, auth): return Ul(*(Li(f'{auth} {text}') for _, text in rows_of(f'mine/{name}')))

    @regions.region('slow')
    async def slow():
        rows = rows_of('slow')
        await asyncio.sleep(.02)
        return Div(*(P(text, id=f'slow-{key}') for key, text in rows), id='slow')

    def buttons(): return [Button(each, id=each, hx_post=f'/{each}', hx_swap='none') for each in ('write', 'wait')]

    @app.get('/')
    async def index(auth): return Title('All'), *buttons(), flat(), plain(), inbox(auth or 'ann'), await slow()

    @app.get('/board')
    def in_columns(): return Title('Board'), *buttons(), board()

    @app.get('/project/{number}')
    async def of_project(number: int): return Title('Project'), *buttons(), Div(await project(number), flat())

    @app.post('/write')
    def write(): regions.touch(*store.edit(app.state.chance))

    @app.post('/wait')
    async def wait():
        names = store.edit(app.state.chance)
        await asyncio.sleep(.2)
        regions.touch(*names)

    return app


class Crowd:
    "Ten tabs, and what happens to them"
    def __init__(self, world, store, chance):
        self.world, self.store, self.chance, self.tabs, self.asleep = world, store, chance, [], {}
        for number in range(5):
            browser = world.browser(user=chance.choice(('ann', 'bob')))
            for _ in range(2):
                self.tabs.append(browser.tab(chance.choice(PAGES), worker=number % 2, htmx=chance.choice((2, 4))))
                self.balance(self.tabs[-1])

    def workers(self): return [each for each in self.world.server.workers if each.is_alive]

    def balance(self, tab):
        "Let any worker answer the requests of a tab, as behind a proxy; its stream stays with one"
        async def fetch(method, url, headers, body=b''):
            return await tab.browser.fetch(self.chance.choice(self.workers()), method, url, headers, body)
        tab.fetch = fetch

    async def edit(self, count):
        "Edit, while the tabs come and go"
        for worker in self.workers(): worker.app.state.chance = self.chance
        for _ in range(count):
            state = self.chance.choice(self.workers()).app.state
            state.live.touch(*self.store.edit(self.chance))
            await asyncio.sleep(self.chance.choice(PAUSES))
            if self.chance.random() < .2: await self.disturb()
        await asyncio.sleep(.3)  # a handler that is killed between a change and its touch has touched nothing

    async def disturb(self):
        tab = self.chance.choice(self.tabs)
        kind = self.chance.choice(('line', 'sleep', 'reload', 'write', 'write', 'wait', 'goto'))
        if tab in self.asleep: return self.wake(tab)
        if kind == 'line':
            tab.browser.lose_line()
            for each in self.tabs:
                if each.browser is tab.browser: self.asleep[each] = kind
        elif kind == 'sleep':
            tab.page.freeze()
            self.asleep[tab] = kind
        elif kind == 'reload': await tab.load(tab.url)
        elif kind == 'goto': await tab.load(self.chance.choice(PAGES))
        else: self.world.spawn(click_at(tab.page, tab.dom.find(id=kind)))

    def wake(self, tab):
        if self.asleep.pop(tab) == 'sleep' and not tab.page.is_frozen: return
        tab.browser.is_online = True
        if tab.page.is_frozen: tab.page.thaw()
        tab.page.reconnect_all()

    def wake_all(self):
        for tab in [*self.asleep]: self.wake(tab)

    def break_down(self):
        "Let the server or the engine fail"
        server, engine = self.world.server, self.world.engine
        kind = self.chance.choice(('restart', 'kill', 'away', 'forget'))
        if kind == 'restart': server.restart()
        elif kind == 'kill': server.kill(self.chance.randrange(2))
        elif kind == 'forget': engine.forget()
        else:
            engine.go_away(self.chance.choice((None, 0, 1)))
            self.world.do(self.edit(10))
            engine.come_back()
            self.world.clock.advance(10)
            self.world.do(self.edit(10))

    def expect_fresh(self):
        "Compare the tabs that are awake, and then all"
        for tab in self.tabs:
            if tab.state == 'open' and tab not in self.asleep: self.world.assert_fresh(tab)
        self.world.call(self.wake_all)
        self.world.clock.advance(90)  # delays between attempts
        for tab in self.tabs: self.world.assert_fresh(tab)
        assert {tab.state for tab in self.tabs} == {'open'}


def run(seed, rounds):
    store, chance = Store(), random.Random(seed)
    with live(lambda: make_app(store), workers=2, seed=seed) as world:
        crowd = Crowd(world, store, chance)
        for _ in range(rounds):
            world.do(crowd.edit(100))
            crowd.expect_fresh()
            if chance.random() < .5:
                crowd.break_down()
                crowd.expect_fresh()


def seed_of_today(config): return 0 if config.option.sample == 'all' else config.option.sample


def test_every_tab_equals_a_fresh_load(request): run(seed_of_today(request.config), rounds=3)


@pytest.mark.long
@pytest.mark.parametrize('seed', range(10))
def test_every_tab_equals_a_fresh_load_after_ten_thousand_edits(seed): run(seed, rounds=10)


def counted(fetch, urls):
    async def count(method, url, *more):
        urls.append(url)
        return await fetch(method, url, *more)
    return count


def test_tabs_that_stay_fetch_nothing(request):
    "Every change comes as a rendering, and each one follows on the one before"
    store, chance = Store(), random.Random(seed_of_today(request.config))
    with live(lambda: make_app(store), workers=2) as world:
        tabs = [world.tab(path, worker=number % 2, user='ann') for number, path in enumerate(PAGES)]
        async def edit(count):
            for _ in range(count):
                app = chance.choice(world.server.workers).app
                app.state.live.touch(*store.edit(chance))
                await asyncio.sleep(chance.choice(PAUSES))
        world.clock.advance(20)
        for rows in store.rows.values(): rows[next(iter(rows), 'first')] = 'changed'
        world.app.state.live.touch(*NAMES)
        world.clock.advance(20)  # a page may doubt the first rendering of a stream
        fetched = []
        for tab in tabs: tab.fetch = counted(tab.fetch, fetched)
        world.do(edit(100))
        assert fetched == []
        for tab in tabs: world.assert_fresh(tab)
