"Random broadcasts with rates, in virtual time: at most one event of a key in a period, in order, the last always sent"
import asyncio

import pytest
from fasthtml.common import Li, fast_app
from hypothesis import HealthCheck, given, settings, strategies as st

from cjm_fasthtml_sse import (
    BackplaneError, BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers)
from cjm_fasthtml_sse.testing import TestEngine, live

EVERY = 1.0
SHORT = settings(max_examples=150, derandomize=True, deadline=None, database=None,
                 suppress_health_check=list(HealthCheck))
LONG = settings(SHORT, max_examples=1_000, derandomize=False, print_blob=True)
NAMES = st.sampled_from([(None, 'k')] * 3 + [(None, 'l'), ('a', 'k')])
SEND = st.tuples(st.just('send'), NAMES, st.sampled_from([EVERY] * 9 + [None]), st.sampled_from(['await', 'thread']))
WAIT = st.tuples(st.just('wait'), st.sampled_from([0.01, 0.3, 0.6, 0.99, 1.01, 2.5]))
TROUBLE = st.tuples(st.sampled_from(['go_away', 'refuse_writes', 'come_back']))
STEPS = st.lists(SEND | SEND | SEND | WAIT, max_size=40)
TROUBLED = st.lists(SEND | SEND | SEND | WAIT | TROUBLE, max_size=40)


def make():
    "An application whose manager notes when each event got its place"
    app, rt = fast_app(hdrs=sse_headers())
    manager = app.state.manager = BroadcastManager(history_limit=1_000)
    setup_broadcast_routes(app, manager, element_builder=lambda kind, data: Li(data['n']))
    rt('/')(lambda: create_sse_element('/sse/broadcast', 'list', 'beforeend', cursor=manager.cursor()))
    app.state.seen = []
    manager.dispatcher.observers.append(Notes(app.state.seen))
    return app


class Notes:
    "Notes each event: when, its name, its number, whether it has a rate"
    def __init__(self, seen): self.seen = seen

    def on_event(self, event):
        if event.key is None: return
        data = event.message.data
        self.seen.append((asyncio.get_running_loop().time(), (event.topic, event.key), data['n'], data['rated']))

    def on_gap(self): pass
    def on_topics_changed(self, connection, topics): pass


class Sender:
    "Takes the steps of an example in a world"
    def __init__(self, world): self.world, self.n, self.last, self.failed = world, 0, {}, 0

    def take(self, steps):
        for kind, *about in steps: getattr(self, kind)(*about)

    def wait(self, seconds): self.world.clock.advance(seconds)

    def send(self, name, every, way):
        topic, key = name
        manager, self.n = self.world.app.state.manager, self.n + 1
        self.last[name] = self.n
        about = ('n', dict(n=self.n, rated=every is not None))
        how = dict(topic=topic, key=key, every=every, buffer=True)
        async def send():
            if way == 'await': return await manager.broadcast(*about, **how)
            def in_thread(): return manager.broadcast_threadsafe(*about, **how)
            return await asyncio.wrap_future(await asyncio.to_thread(in_thread))
        try: self.world.do(send())
        except BackplaneError: self.failed += 1

    def go_away(self): self.world.engine.go_away()
    def refuse_writes(self): self.world.engine.refuse_writes()
    def come_back(self): self.world.engine.come_back()


def check(seen, last, ended):
    "Compare what was sent with what the application broadcast"
    for name in last:
        sent = [(time, n, is_rated) for time, each, n, is_rated in seen if each == name]
        numbers = [n for _, n, _ in sent]
        assert numbers == sorted({*numbers}), 'in order, and each once'
        assert numbers[-1:] == [last[name]], 'the last one is sent'
        rated = [time for time, _, is_rated in sent if is_rated and time < ended]
        assert all(later - sooner > EVERY - 1e-6 for sooner, later in zip(rated, rated[1:], strict=False)), rated


def run(steps, is_quiet):
    "Take the steps; the application ends at once, or when no event waits any more"
    with live(make) as world:
        sender, seen, _ = Sender(world), world.app.state.seen, world.tab()
        sender.take(steps)
        if is_quiet: world.clock.advance(2 * EVERY)
        assert world.app.state.manager.rates.is_idle() or not is_quiet
        ended = world.call(lambda: asyncio.get_running_loop().time())
        world.server.stop()
        check(seen, sender.last, ended if not is_quiet else float('inf'))


def run_troubled(steps):
    "The same with an engine that goes away, takes no events, and comes back; events that wait for it are kept"
    with live(make, engine=TestEngine()) as world:
        sender, _ = Sender(world), world.tab()
        sender.take(steps)
        sender.come_back()
        world.clock.advance(30)
        check(world.app.state.seen, sender.last, 0)


@given(STEPS, st.booleans())
@SHORT
def test_random_broadcasts(steps, is_quiet): run(steps, is_quiet)


@pytest.mark.long
@given(STEPS, st.booleans())
@LONG
def test_many_random_broadcasts(steps, is_quiet): run(steps, is_quiet)


@given(TROUBLED)
@SHORT
def test_random_broadcasts_and_an_engine_in_trouble(steps): run_troubled(steps)
