"""Replay from the log, and its cost for the loop: restarts, new epochs, readers ahead of the log, and many readers.

Tabs read the application over ASGI. Several managers share a backplane."""

import asyncio
import gc
import re
import time
from dataclasses import replace
from statistics import median

import pytest
from cjm_fasthtml_sse import BackplaneError, BroadcastManager, setup_broadcast_routes
from cjm_fasthtml_sse.backplanes.sqlite import SqliteBackplane
from cjm_fasthtml_sse.backplanes.base import Limits
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane
from cjm_fasthtml_sse.events.record import BroadcastMessage
from cjm_fasthtml_sse.events.positions import Trimmed
from cjm_fasthtml_sse.events.log import Log, Replay
from cjm_fasthtml_sse.events.mailbox import Mailbox
from cjm_fasthtml_sse.events.renderer import Renderer
from fasthtml.common import FastHTML
from hypothesis import given, settings, strategies as st
from until import until_async as until
from settings import make_manager

PATIENCE = 40  # seconds to wait on a busy machine


class Tab:
    "Reads a stream as a browser's EventSource does; clearing `reads` makes it slow"
    def __init__(self, app, query='', last_id=''):
        self.text, self.left, self.asked, self.reads, self.sends = '', asyncio.Event(), False, asyncio.Event(), []
        self.reads.set()
        headers = [(b'host', b'localhost'), *([(b'last-event-id', last_id.encode())] if last_id else [])]
        scope = dict(type='http', asgi=dict(version='3.0'), http_version='1.1', method='GET', scheme='http',
            path='/sse/broadcast', raw_path=b'/sse/broadcast', query_string=query.encode(), root_path='',
            headers=headers, client=('127.0.0.1', 1), server=('localhost', 80), state={})
        self.task = asyncio.create_task(app(scope, self.receive, self.send))

    async def receive(self):
        if self.asked: await self.left.wait()
        self.asked = True
        return dict(type='http.disconnect' if self.left.is_set() else 'http.request', body=b'', more_body=False)

    async def send(self, message):
        await self.reads.wait()
        self.text += message.get('body', b'').decode()
        self.sends.append(len(self.text))

    async def leave(self):
        self.left.set()
        self.reads.set()
        await self.task

    @property
    def ids(self): return re.findall('^id: (.*)$', self.text, re.M)

    @property
    def numbers(self): return [int(n) for n in re.findall('"n": ([0-9]+)', self.text)]

    @property
    def resets(self): return re.findall('^event: sse-reset\n(?:id: .*\n)?data: {"reason": "([a-z]+)"', self.text, re.M)


class Line:
    "The connection of one process to a shared backplane, which a test can cut"
    max_bytes, name = None, 'line'
    def __init__(self, engine): self.engine, self.up = engine, True

    async def read(self, after, count=500, wait=0):
        self.check()
        found = await self.engine.read(after, count, min(wait, 0.05))
        self.check()
        return found

    def check(self):
        if not self.up: raise BackplaneError('The line is down')

    async def close(self): "Keep the backplane open for the other processes"

    def __getattr__(self, name):
        async def through(*args):
            self.check()
            return await getattr(self.engine, name)(*args)
        return through


def served(**options):
    "Return an application and its manager"
    app, manager = FastHTML(secret_key='of these tests'), make_manager(**options)
    setup_broadcast_routes(app, manager)
    return app, manager


async def cut(line, manager):
    "Cut the connection and wait until the manager has noticed"
    line.up = False
    await until(lambda: manager.statistics().backplane == 'lost')


async def new_life(engine, line, manager):
    "Start a new epoch in the backplane and wait until the manager has loaded it"
    before = manager.cursor()
    await cut(line, manager)
    await engine.new_epoch(engine.epoch)
    line.up = True
    await until(lambda: manager.cursor().split('-')[0] != before.split('-')[0])


# ---- trimmed events


@pytest.mark.parametrize('topics', [None, 700], ids=['few', 'many'])
def test_after_a_restart_retained_events_do_not_hide_what_is_gone(tmp_path, topics):
    "Retained events are loaded before the trimmed ones and made the log forget that it had trimmed any"
    url, path = f'sqlite:///{tmp_path}/events.db', '/'.join('abcdefghijklmno')
    async def story():
        app, manager = served(backplane=url, max_events=50)
        await manager.ready()
        about = [dict(key='k', topic=f'{n}/{path}') if topics else dict(key=f'k{n}') for n in range(topics or 5)]
        await asyncio.gather(*(manager.broadcast('value', {}, retain=True, **how) for how in about))
        seen = manager.cursor()
        await asyncio.gather(*(manager.broadcast('note', {'n': n}) for n in range(120)))
        await manager.close()

        app, manager = served(backplane=url, max_events=50)
        await manager.ready()
        tab, there = Tab(app, last_id=seen), Tab(app, last_id=manager.cursor())
        await until(lambda: tab.ids and there.ids)
        await asyncio.gather(tab.leave(), there.leave())
        await manager.close()
        return tab, there
    tab, there = asyncio.run(story())
    assert tab.resets == ['expired'] and not tab.numbers and there.resets == []


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.integers(1, 8), st.lists(st.tuples(st.sampled_from(['let go', 'rise']), st.integers(0, 60),
    st.sampled_from([None, 'a', 'b', 'x/1', 'x/2'])), max_size=40))
def test_a_floor_never_sinks_and_nobody_below_it_is_told_that_all_is_there(limit, steps):
    memory, gone, floor = Trimmed(limit), [], 0
    for what, position, topic in steps:
        if what == 'rise': memory.rise(position)
        elif position >= max((at for at, _ in gone), default=0) or position <= memory.floor:
            memory.add(topic, position)
            gone.append((position, topic))
        assert memory.floor >= floor
        floor = memory.floor
    for reader in ((), ('a',), ('x/*',), ('**',), ('b', 'x/2')):
        for position in range(61):
            missed = position < floor or any(position < at and (topic is None or topic in reader
                or 'x/*' in reader and topic[:2] == 'x/' or '**' in reader) for at, topic in gone)
            assert memory.any_since(position, reader) or not missed


# ---- epochs of a log


def test_what_is_shown_late_of_an_old_life_does_not_count_in_the_new_one():
    "Its bytes counted as retained forever, and removed keys that new readers are owed"
    async def story():
        engine = MemoryBackplane()
        line, keys = Line(engine), [f'k{n}' for n in range(5)]
        app, manager = served(backplane=line, max_retained_bytes=52_000)
        await manager.ready()
        late = Tab(app)
        await until(lambda: late.ids)
        late.reads.clear()
        for key in keys: await manager.broadcast('value', {'text': 'x' * 3_000}, key=key, retain=True)
        await new_life(engine, line, manager)
        for key in keys: await manager.broadcast('value', {'text': 'y' * 3_000}, key=key, retain=True)
        late.reads.set()
        await until(lambda: late.text.count('yyy"') == 5)
        late_text, newcomer = late.text, Tab(app)
        await until(lambda: newcomer.ids)
        every = manager.log.retained.events_for()
        kept = manager.statistics().retained_bytes, sum(event.size for event in every), len(every)
        await manager.broadcast('value', {'text': 'z' * 3_000}, key='k0', retain=True)
        kept += (len(manager.log.retained.events_for()),)
        await asyncio.gather(late.leave(), newcomer.leave())
        await manager.close()
        return late_text, newcomer, kept
    late_text, newcomer, (told, true, *keys) = asyncio.run(story())
    assert 'xxx' in late_text and late_text.count('sse-reset') == 1
    assert told == true and keys == [5, 5] and newcomer.text.count('yyy"') == 5


LIFE = st.lists(max_size=60, elements=st.one_of(
    st.tuples(st.just('append'), st.sampled_from([None, 'a', 'b/1']), st.sampled_from([None, 'k', 'l']),
        st.integers(0, 300)),
    st.tuples(st.just('show'), st.integers(0, 100), st.booleans(), st.just(0)),
    st.tuples(st.just('become'), st.integers(0, 6), st.booleans(), st.just(0))))


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(LIFE)
def test_sizes_and_lag_are_true_after_any_number_of_lives(steps):
    "A log counts the bytes of the events that it holds, and no others, whenever they were rendered"
    limits = Replay(8, max_retained=3, max_retained_bytes=4_000)
    log, every, views, all_topics = Log(limits), [], (Renderer(), Renderer(named=True)), frozenset(['a', 'b/*'])
    def add(log, n, topic, key):
        every.append(log.append(BroadcastMessage('m', {'n': n}, timestamp=''), topic=topic, key=key, retain=key == 'k'))
    for what, a, b, c in steps:
        if what == 'append': add(log, c, a, b)
        elif what == 'show' and every: views[b].frame(every[a % len(every)], log)
        elif what == 'become':
            other = log.new()
            for n in range(a): add(other, n, None, 'k' if b else None)
            log.replace_with(other)
        events, kept = log.read(0, all_topics)[0], log.retained.events_for(all_topics)
        assert (log.event_count, log.size) == (len(events), sum(event.size for event in events))
        assert log.retained.size == sum(event.size for event in kept) and len(kept) <= 3
        assert [log.lag(event.position)[0] for event in events] == [*range(len(events))][::-1]


STEPS = st.lists(max_size=40, elements=st.one_of(
    st.tuples(st.just('send'), st.sampled_from([None, None, 'k', 'l'])), st.tuples(st.just('alone'), st.none()),
    st.tuples(st.just('take'), st.sampled_from([1, 200, 10**6])), st.tuples(st.just('life'), st.integers(0, 5))))

@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.integers(1, 4), st.booleans(), STEPS)
def test_a_reader_goes_through_any_number_of_lives(max_events, newcomer, steps):
    "The reader gets one reset for each epoch, the retained events of that epoch, then all later events in order"
    log, n, alone = Log(), 0, []
    def add(log, key):
        nonlocal n
        n += 1
        return log.append(BroadcastMessage('m', {'n': n}, timestamp=''), key=key, retain=key is not None)
    if not newcomer: add(log, None)
    seen, text, lives = None if newcomer else log.cursor(), '', 0
    box = Mailbox(log, 'me', Renderer(), max_events=max_events, last_event_id=seen)
    for what, how in steps:
        if what == 'send': box.offer(add(log, how))
        elif what == 'alone' and box.put_private(f'data: alone {n}\n\n'.encode()): alone.append(str(n))
        elif what == 'take': text += box.take(how).decode()
        elif what == 'life':
            lives, other = lives + 1, Log()
            for i in range(how): add(other, 'k' if i % 2 else 'm')
            log.replace_with(other)
            box.reset('unknown')
    while box.has_more(): text += box.take().decode()
    assert box.advance_if_idle() and re.findall('alone ([0-9]+)', text) == alone and text.count('sse-reset') <= lives
    _, reset, after = text.rpartition('event: sse-reset\n')
    assert bool(reset) == bool(lives)
    begun = int(re.search(f'{log.epoch}-([0-9]+)', after)[1]) if lives else 1 - newcomer
    shown = [int(number) for number in re.findall('"n": ([0-9]+)', after)]
    live = [event.message.data['n'] for event in log.read(begun)[0]]
    assert len(set(shown)) == len(shown) and [number for number in shown if number in live] == live
    for event in log.retained.events_for(): assert event.message.data['n'] in shown or not lives and not newcomer
    ids = [int(id) for id in re.findall(f'^id: {log.epoch}-([0-9]+)$', after, re.M)]
    assert ids == sorted(ids) and ids[-1:] == [log.head][:len(ids)]


def test_a_heartbeat_names_the_life_that_is(tmp_path):
    "If both epochs had as many events, the heartbeat named the old one, and the tab was reset again after a reconnect"
    async def story(path):
        app, manager = served(backplane=f'sqlite:///{path}', heartbeat_interval=0.2)
        await manager.ready()
        await manager.broadcast('note', {'n': 1})
        tab, other = Tab(app), SqliteBackplane(path)
        await until(lambda: ': heartbeat' in tab.text)
        await other.new_epoch((await other.open(Limits())).epoch)
        await other.close()
        await until(lambda: tab.resets)
        await until(lambda: ': heartbeat' in tab.text.partition('sse-reset')[2])
        await tab.leave()
        again = Tab(app, last_id=tab.ids[-1])
        await until(lambda: again.ids)
        await again.leave()
        await manager.close()
        return tab, again
    tab, again = asyncio.run(story(f'{tmp_path}/events.db'))
    assert tab.resets == ['unknown'] and again.resets == []


# ---- readers ahead of the log


async def early(tabs=1, **options):
    "Return a disconnected process, another one, and tabs that have received more events from the other one"
    engine = MemoryBackplane()
    line = Line(engine)
    here, (app, there) = BroadcastManager(backplane=Line(engine)), served(backplane=line, **options)
    await here.ready(), await there.ready()
    await cut(line, there)
    await here.broadcast('note', {'n': 1}, topic='other')
    ahead = [Tab(app, 'topic=a', here.cursor()) for _ in range(tabs)]
    await until(lambda: there.statistics().streams == tabs)
    return line, here, there, ahead


def test_a_reader_that_is_ahead_hears_signs_of_life_and_that_it_has_caught_up():
    "It got no heartbeats, and later counted as behind"
    async def story():
        line, here, there, [tab] = await early(heartbeat_interval=0.2)
        await until(lambda: tab.text.count(': heartbeat') >= 3)
        while_ahead, lag = tab.ids, there.statistics().lag
        sent = await there.hub.registry.get_connections()[0].send(BroadcastMessage('hint', {'n': 7}))
        await until(lambda: tab.numbers == [7])
        line.up = True
        await until(lambda: tab.ids)
        caught_up, seen = tab.ids[0], tab.text.count(': heartbeat')
        await until(lambda: tab.text.count(': heartbeat') >= seen + 3)
        await here.broadcast('note', {'n': 2}, topic='a')
        await until(lambda: 2 in tab.numbers)
        await tab.leave()
        for manager in (here, there): await manager.close()
        return while_ahead, lag, sent, caught_up, here.log.epoch, tab
    while_ahead, lag, sent, caught_up, epoch, tab = asyncio.run(story())
    assert while_ahead == [] and lag == 0 and sent, 'an id of this process would move its cursor back'
    assert caught_up == f'{epoch}-1' and tab.numbers == [7, 2] and tab.resets == []


def test_who_was_early_leaves_nothing_behind():
    async def story():
        line, here, there, tabs = await early(3)
        await tabs[0].leave()
        line.up = True
        await until(lambda: all(tab.ids for tab in tabs[1:]))
        for tab in tabs[1:]: await tab.leave()
        for manager in (here, there): await manager.close()
        return tabs, there
    tabs, there = asyncio.run(story())
    assert [len(tab.ids) for tab in tabs] == [0, 1, 1] and there.get_connection_count() == 0 and not there.hub.drops


# ---- time on the loop


class Steps:
    "Measures the longest and the total time of the loop's turns, in seconds of CPU time of this thread"
    async def __aenter__(self):
        self.longest, self.begun, self.turns = 0.0, time.thread_time(), 0
        self.task = asyncio.create_task(self.watch())
        return self

    async def watch(self):
        while True:
            last = time.thread_time()
            await asyncio.sleep(0)
            self.longest, self.turns = max(self.longest, time.thread_time() - last), self.turns + 1

    async def __aexit__(self, *_):
        self.all = time.thread_time() - self.begun
        self.task.cancel()


@pytest.mark.sample(1)
@pytest.mark.parametrize('topics', [False, True], ids=['one topic', 'many topics'])
def test_a_new_life_of_the_log_does_not_stop_the_loop(topics):
    "Every reader got all retained events in one step"
    # With topics the streams end, all in one turn of the loop. The ends of 300 would take as long as the limit below.
    readers, keys = 100 if topics else 300, 1_000
    async def story():
        engine = MemoryBackplane()
        line = Line(engine)
        app, manager = served(backplane=line)
        await manager.ready()
        about = [dict(topic=f'row/{n}') if topics else {} for n in range(keys)]
        sent = (manager.broadcast('value', {'n': n}, key=f'k{n}', retain=True, **how) for n, how in enumerate(about))
        await asyncio.gather(*sent)
        async def come(ids):
            tabs = []
            for n, id in enumerate(ids):
                tabs.append(Tab(app, f'topic=row/{n}' if topics else '', id))
                await asyncio.sleep(0)
            return tabs
        tabs = await come([manager.cursor()] * readers)
        await until(lambda: all(tab.ids for tab in tabs))
        await cut(line, manager)
        await engine.new_epoch(engine.epoch)
        gc.collect()
        gc.disable()
        try:
            async with Steps() as steps:
                line.up = True
                if topics:  # the streams end, so that access is checked again
                    await asyncio.gather(*(tab.task for tab in tabs))
                    tabs = await come([tab.ids[-1] for tab in tabs])
                await until(lambda: manager.statistics().resets == readers)
                await until(lambda: all(tab.text.endswith(f'id: {manager.cursor()}\n\n') for tab in tabs))
        finally: gc.enable()
        await asyncio.gather(*(tab.leave() for tab in tabs))
        await manager.close()
        return tabs, steps
    tabs, steps = asyncio.run(story())
    assert all(tab.resets == ['unknown'] for tab in tabs)
    assert all(sorted(tab.numbers) == ([n] if topics else [*range(keys)]) for n, tab in enumerate(tabs))
    assert steps.longest < max(0.03, steps.all / 5), f'{steps.longest:.3f} s of {steps.all:.3f} s in one step'


def test_a_reader_that_missed_much_and_reads_fast_leaves_the_loop_to_others():
    "Its sends never waited, so it got all events in one step"
    async def story():
        app, manager = served()
        seen = manager.cursor()
        for n in range(5_000): manager.broadcast_nowait('note', {'n': n, 'text': 'x' * 500})
        tab = Tab(app, last_id=seen)
        await until(lambda: tab.sends)
        turns = 0
        while len(tab.numbers) < 5_000:
            await asyncio.sleep(0)
            turns += 1
        await tab.leave()
        return tab, turns
    tab, turns = asyncio.run(story())
    assert tab.numbers == [*range(5_000)] and len(tab.sends) > 20 and turns >= len(tab.sends) / 2


@pytest.mark.sample(1)
@pytest.mark.parametrize('full', ['by number', 'by age'])
def test_no_single_event_costs_the_log_much(full):
    "Some calls took time in proportion to the whole log"
    now, most, costs = 0.0, 20_000, []
    log = Log(Replay(most, 2**40, 10), lambda: now)
    gc.collect()
    gc.disable()
    try:
        for n in range(most * (3 if full == 'by number' else 1) + 300):
            if full == 'by age' and n == most: now = 100.0
            begun = time.thread_time()
            log.append(BroadcastMessage('m', {'n': n}, timestamp=''), topic=f'row/{n % 2_000}')
            costs.append(time.thread_time() - begun)
    finally: gc.enable()
    assert log.event_count == (most if full == 'by number' else 300)
    assert max(costs) < max(0.02, 400 * median(costs)), f'{max(costs):.4f} s for one, {median(costs):.6f} s for most'


# ---- statistics


class WithHoles(MemoryBackplane):
    "Its positions grow by millions, like those of a backplane that counts milliseconds"
    async def open(self, limits):
        opened = await super().open(limits)
        return replace(opened, first=opened.first << 24, last=opened.last << 24)

    async def read(self, after, count=500, wait=0):
        places = {channel: at >> 24 if channel == 'events' else at for channel, at in after.items()}
        found = await super().read(places, count, wait)
        def spread(entry): return replace(entry, position=entry.position << 24)
        return [spread(entry) if entry.channel == 'events' else entry for entry in found]


def test_how_far_behind_the_slowest_reader_is_is_told_in_events_and_in_seconds():
    "It was the difference of two positions, which means nothing with such a backplane"
    async def story():
        now = [100.0]
        app, manager = served(backplane=WithHoles(), max_queue_size=2, clock=lambda: now[0])
        await manager.ready()
        tab = Tab(app)
        await until(lambda: tab.ids)
        idle = manager.statistics()
        tab.reads.clear()
        for n in range(50):
            await manager.broadcast('note', {'n': n})
            now[0] += 1
        behind = manager.statistics()
        tab.reads.set()
        await until(lambda: len(tab.numbers) == 50)
        await until(lambda: not manager.statistics().lag)
        caught_up = manager.statistics()
        await tab.leave()
        await manager.close()
        return [(told.lag, told.lag_seconds) for told in (idle, behind, caught_up)]
    idle, (events, seconds), caught_up = asyncio.run(story())
    assert idle == caught_up == (0, 0.0)
    assert 40 <= events <= 50 and seconds == events
