"""A world of several workers on hosts of their own, an engine with faults, readers of every kind, and rights that end.

The code is that of the package: managers, relays, hub, mailboxes and responses, over ASGI or over uvicorn's protocols,
on the world of the test kit. Time and chance are the world's. Each worker has a clock of its own, which is wrong by
some seconds and runs too fast or too slow. Workers that are *twins* begin with the same state, as forks of one process
do.

Not modelled: sockets, threads, memory and disks; the alive check between processes of one host answers exactly.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from fasthtml.common import FastHTML, P

from cjm_fasthtml_sse import (
    AccessPolicy, BroadcastManager, Cluster, Delivery, Replay, setup_broadcast_routes, sign_topics)
from cjm_fasthtml_sse.core import rounds
from cjm_fasthtml_sse.events.wire import BackplaneError
from cjm_fasthtml_sse.runtime import process
from cjm_fasthtml_sse.runtime.time import Time
from cjm_fasthtml_sse.testing.serving import Exchange
from cjm_fasthtml_sse.testing.world import World

from .engine import Engine, Placement
from .oracle import JUDGED, LONGEST_REQUEST, SILENT_HEARTBEATS, Finding, Judge, Truth, fits, judge_callers
from .readers import FAILING, Hand, Tab
from .wire import LOGGER, Errors, Wire

HEARTBEAT = 5.0  # seconds
SETTLE = 45.0  # seconds within which all must be well again, once all faults have ended
MOST_UNNOTICED = 4  # events after an older state, so that a process is back before the log trims what it knows
MEANT = (FAILING, 'it is given up', 'still ran when the application ended',
         'returned without completing response')  # problems that scripts provoke, the last by a client that never reads
TOPICS = ('a', 'b/1', 'b/2')
LIMITS = dict(max_events=8, max_retained=5)


@dataclass(eq=False)
class Sent:
    "An event of the simulation"
    n: int
    topic: str | None
    key: str | None
    is_retained: bool
    exclude: frozenset
    is_buffered: bool
    worker: Any
    began: int
    began_at: float
    outcome: str = 'pending'  # `sent`, `not sent`, `doubtful` or `cancelled`
    ended: int | None = None
    is_refused: bool = False  # whether the engine may have refused it for its size

    def __repr__(self):
        excluded = self.exclude and f'not for {" ".join(sorted(self.exclude))}'
        about = [self.topic or 'all', self.key and f'key {self.key}', excluded, self.outcome]
        return f'event {self.n} ({", ".join(filter(None, about))})'


@dataclass
class Change:
    "That a right was given or taken away"
    user: str
    topic: str
    is_given: bool
    worker: Any  # where it was taken away
    began: int
    ended: int | None = None  # None while the call has not returned, or if it has failed


def exchange(name, value):
    "Set a constant of rounds, and return what it was"
    before = getattr(rounds, name)
    setattr(rounds, name, value)
    return before


class Simulation(World):
    "The world of one run"
    def __init__(self, workers=2, engine='model', seed=0, folder=None, twins=False, skews=(0, 0, 0, 0), queue=4,
                 http=None, most=65_536, is_cut=False):
        self.http, self.most_bytes = http, most  # uvicorn's protocol, or None for plain ASGI; bytes of a send
        self.slices = dict(SLICE=1, ROUND_TIME=-1) if is_cut else {}  # whether a round writes to one reader a turn
        self.count, self.kind, self.is_twin, self.skews, self.max_queue = workers, engine, twins, skews, queue
        self.moment, self.number, self.making, self.incarnations = 0, 0, None, 0
        self.truth, self.readers, self.judges, self.managers = Truth(engine != 'none', LIMITS['max_events']), [], {}, {}
        self.seed, self.rights, self.tasks, self.unnoticed = seed, {}, set(), 0
        super().__init__(self.make_app, workers, seed=seed, patience=120, block_limit=30)
        self.problems.add, self.errors = self.add_problem, Errors(self.add_problem)
        self.path = f'{folder}/events.db' if engine == 'sqlite' else None

    def __enter__(self):
        logging.getLogger('cjm_fasthtml_sse').propagate = LOGGER.propagate = False
        LOGGER.addHandler(self.errors)
        self.slices = {name: exchange(name, value) for name, value in self.slices.items()}
        base = Time(lambda: 1000.0 + self.now(), lambda: 1.7e9 + self.now(), self.chance.uniform, self.draw_token)
        self.shared = None if self.kind == 'none' else Engine(self.path, base, self.moments)
        if self.shared is not None: self.truth.placements, self.truth.lives = self.shared.placements, self.shared.lives
        super().__enter__()
        self.engine = self.shared
        if self.engine is not None: self.engine.run = self.call
        return self

    def __exit__(self, kind, error, traceback):
        super().__exit__(Finding, error, traceback)  # what a finished application leaves behind is not judged
        if self.shared is not None: asyncio.run(self.shared.close())
        logging.getLogger('cjm_fasthtml_sse').propagate = LOGGER.propagate = True
        LOGGER.removeHandler(self.errors)
        for name, value in self.slices.items(): setattr(rounds, name, value)

    def draw_token(self, size): return f'{self.chance.getrandbits(8 * size):0{2 * size}x}'

    def add_problem(self, kind, text, error=None):
        is_meant = kind == 'builder' or any(each in text for each in MEANT)
        if not is_meant: self.problems.found.append(Finding(f'problem: {kind}: {text}'))

    def check(self):
        if self.problems.found: raise self.problems.found.pop(0)

    def now(self): return self.thread.loop.now if self.thread else 0.0

    def moments(self):
        self.moment += 1
        return self.moment

    # Workers

    def make_app(self):
        "Make the application of one worker, with a clock and chance of its own"
        number = self.making if self.making is not None else self.incarnations % self.count
        self.incarnations += 1
        skew, chance = self.skews[number], Random(f'{self.seed} {0 if self.is_twin else self.incarnations}')
        def monotonic(): return (number + 1) * 10_000 + self.now() * (1 + skew / 1000)
        def wall(): return 1.7e9 + self.now() + skew
        source = [chance]
        def token(size): return f'{source[0].getrandbits(8 * size):0{2 * size}x}'
        time = Time(monotonic, wall, lambda least, most: source[0].uniform(least, most), token)
        before = process.registered()
        app, manager = self.make_parts(time)
        if self.is_twin:  # as after a fork: the same state, and each process goes on with chance of its own
            source[0] = Random(f'{self.seed} {self.incarnations} child')
            process.begin_child(process.registered() - before)
        app.state.simulated = manager
        return app

    def make_parts(self, time):
        app = FastHTML(secret_key='simulated')
        replay, delivery = Replay(**LIMITS), Delivery(20_000, self.most_bytes, send_timeout=20.0)
        engine = self.shared.adapter() if self.shared is not None else None
        cluster = Cluster(buffer_limit=50, report_interval=5.0)
        manager = BroadcastManager(self.max_queue, 20, clock=time, backplane=engine,
                                   heartbeat_interval=HEARTBEAT, replay=replay,
                                   delivery=delivery, cluster=cluster)
        async def identify(req): return req.headers.get('x-user') or None
        async def authorize(req, topics): return self.allowed(req.headers.get('x-user'), topics) or not topics
        def build(kind, data):
            if data['n'] in self.truth.broken: raise ValueError(f"{data['n']} cannot be rendered")
            return P(f"n={data['n']}")
        setup_broadcast_routes(app, manager, element_builder=build, policy=AccessPolicy(identify, authorize))
        return app, manager

    def allowed(self, user, topics):
        "Return what `user` may read: of a pattern, those of its topics, or all of it"
        found = set()
        for topic in topics:
            inside = [each for each in TOPICS if fits([topic], each)]
            mine = [each for each in inside if self.rights.get((user, each), True)]
            found.update([topic] if mine == inside else mine)
        return sorted(found)

    def take_over(self, worker):
        "Note a worker before it starts; its manager has its engine and its clock already"
        manager = worker.app.state.simulated
        worker.life, worker.began = self.incarnations, self.moments()
        worker.lacks_since = 0  # when the engine lost what it had not read
        manager.worker_check.applies = False
        if self.shared is not None:
            manager.cluster.link.backplane.worker = worker
            return
        self.truth.lives.setdefault(manager.cursor().partition('-')[0], set()).add(worker.life)
        self.truth.life = worker.life
        def note(event, count):
            if 'n' in event.message.data:
                placement = Placement(event.message.data['n'], worker.life, event.position, self.moments())
                self.truth.placements.append(placement)
        manager.dispatcher.on_dispatched = note

    def worker_of(self, number): return self.server.workers[number % self.count]
    def manager_of(self, number): return self.worker_of(number).app.state.simulated

    def choose(self, number):
        living = [each for each in self.server.workers if each.is_alive and each.has_started]
        if not living: return None
        return living[number % len(living)] if number is not None else self.chance.choice(living)

    def is_alive(self, worker): return worker.is_alive and worker in self.server.workers

    def kill(self, number):
        for reader in self.readers:
            if isinstance(reader, Hand) and reader.worker is self.worker_of(number): reader.state = 'gone'
        self.making = number % self.count
        self.server.kill(number % self.count)
        self.making = None
        self.look()

    def restart(self):
        for reader in self.readers:
            if isinstance(reader, Hand): reader.state = 'gone'
        self.incarnations += -self.incarnations % self.count
        self.server.restart()
        self.look()

    def line_of(self, number):
        worker = self.worker_of(number)
        return next(line for line in reversed(self.engine.lines) if line.worker is worker)

    def has_witness(self):
        "Return whether a worker has read everything from an engine without faults"
        engine = self.engine
        if engine.is_away or engine.refuses or engine.is_read_only: return False
        buffered = sum(self.manager_of(number).statistics().buffered for number in range(self.count))
        if buffered > MOST_UNNOTICED: return False
        places = [(each.life, each.position) for each in engine.placements if each.life == engine.life]
        newest = max(places, default=(engine.life, 0))
        def knows(number):  # it has read everything, and lived through each life of the engine since the copy
            line, began = self.line_of(number), self.worker_of(number).began
            is_old = engine.copied_in == engine.life or began < engine.copied_at
            return line.is_well() and line.has_read >= newest and is_old
        return any(map(knows, range(self.count)))

    # What the application does

    def spawn_in(self, number, coroutine):
        worker = self.worker_of(number)
        if not worker.is_alive: return coroutine.close()
        task = worker.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def publish(self, number, topic=None, key=None, retain=False, exclude=(), buffer=False, is_broken=False, size=0,
                count=1, hands=None, then=None):
        "Begin to send `count` events, call `then` in the same turn, and let queues of that worker be read right after"
        made = []
        count = self.most(count)
        def send():
            for _ in range(count): made.append(self.send(number, topic, key, retain, exclude, buffer, is_broken, size))
            if hands: self.thread.loop.call_soon(self.take_one_each, self.worker_of(number), hands == 'shut')
            if then: then()
        self.call(send)
        return made

    def most(self, count):
        "Return how many of `count` events may be sent: few, while no process has noticed an older state"
        if self.engine is None or not self.engine.is_unnoticed():
            self.unnoticed = 0
            return count
        count = min(count, MOST_UNNOTICED - self.unnoticed)
        self.unnoticed += count
        return count

    def take_one_each(self, worker, is_shut):
        "Let each queue of `worker` be read once; the first may be shut then"
        hands = [each for each in self.readers if isinstance(each, Hand) and each.worker is worker]
        for hand in hands: hand.read(1)
        if is_shut and hands: hands[0].fail(True)

    def send(self, number, topic, key, retain, exclude, buffer, is_broken, size):
        self.number += 1
        JUDGED['sent'] += 1
        about = (topic, key, retain, frozenset(exclude), buffer, self.worker_of(number), self.moments(), self.now())
        self.truth.events[self.number] = event = Sent(self.number, *about, is_refused=size > 1000)
        if is_broken: self.truth.broken.add(event.n)
        manager, text = self.manager_of(number), 'x' * size
        call = manager.broadcast('note', dict(n=event.n, text=text), None, set(exclude) or None, topic=topic, key=key,
                                 retain=retain, buffer=buffer)
        async def run():
            try: await call
            except BackplaneError as e: event.outcome = 'doubtful' if e.doubtful else 'not sent'
            except BaseException:
                event.outcome = 'cancelled'
                raise
            else: event.outcome = 'sent'
            event.ended = self.moments()
        self.spawn_in(number, run())
        return event

    def revoke(self, number, user, topic): self.call(lambda: self.begin_to_revoke(number, user, topic))

    def begin_to_revoke(self, number, user, topic):
        self.rights[user, topic] = False
        self.truth.rights.append(change := Change(user, topic, False, self.worker_of(number), self.moments()))
        async def run():
            with suppress(BackplaneError):
                await self.manager_of(number).revoke(user, topic)
                change.ended = self.moments()
        self.spawn_in(number, run())

    def begin_to_end(self, number, connection_id):
        if connection_id: self.spawn_in(number, self.manager_of(number).unregister(connection_id))

    def beat(self, number):
        "Let the timer of heartbeats come to each stream twice, soon"
        async def run():
            streams = [each for each in self.manager_of(number).hub.registry.get_connections() if each.is_stream]
            for stream in [*streams, *streams]: stream.send_heartbeat()
        self.spawn_in(number, run())

    def give(self, user, topic):
        self.rights[user, topic] = True
        self.truth.rights.append(Change(user, topic, True, None, self.moments()))

    # Readers

    def add(self, reader):
        self.readers.append(reader)
        self.judges[reader] = Judge(self.truth, reader)
        return reader

    def open(self, user, topics, number, connection_id=None, has_token=False, is_rendered=True):
        tab = self.add(Tab(self, f'tab {len(self.readers)} of {user or "nobody"}', user, topics, connection_id))
        tab.is_signed = has_token and bool(topics)
        if is_rendered: self.render(tab, number)
        self.call(lambda: tab.connect(number))
        return tab

    def render(self, tab, number):
        "Make the page anew: it has the cursor of its worker, and a token if it uses one"
        worker = self.choose(number)
        if worker is None: return
        manager = worker.app.state.simulated
        tab.last_id = manager.cursor()
        tab.note('rendered', id=tab.last_id)
        allowed = self.allowed(tab.user, tab.topics)
        has_token = tab.is_signed and allowed
        tab.token = sign_topics(manager, allowed, tab.user or None, patterns=True) if has_token else None

    def request(self, worker, url, headers, on_message):
        "Return a request that a tab has not sent yet"
        if self.http is None: return Exchange(worker, 'GET', url, headers, on_message=on_message)
        return Wire(worker, 'GET', url, headers, on_message, self.http)

    def register(self, number, topics):
        worker = self.worker_of(number)
        if not worker.is_alive: return None
        async def run(): return await self.manager_of(number).register(topics=topics)
        try: connection_id, queue = self.do(run())
        except BackplaneError: return None
        return self.add(Hand(self, f'queue {len(self.readers)}', topics, worker, queue, connection_id))

    # Time and judgement

    def advance(self, seconds):
        self.clock.advance(seconds)
        self.look()

    def look(self):
        "Judge what can be judged now"
        if self.engine is not None: self.truth.life, self.truth.trimmed = self.engine.life, self.engine.trimmed
        self.check()
        for judge in self.judges.values(): judge.look()
        judge_callers(self.truth, self.is_alive, self.now(), False)
        for tab in self.tabs(): self.look_at_progress(tab)

    def tabs(self): return [each for each in self.readers if isinstance(each, Tab)]

    def look_at_progress(self, tab):
        silent = self.now() - tab.heard_at
        if tab.is_stalled or tab.state not in ('connecting', 'opening', 'open'): return
        limit = SILENT_HEARTBEATS * HEARTBEAT if tab.state == 'open' else LONGEST_REQUEST
        if silent > limit: raise Finding(f'hang: {tab} is {tab.state} and has heard nothing for {silent:.0f} s')

    def settle(self):
        "End all faults, let time pass, and judge what is missing"
        def heal():
            if self.engine is not None: self.engine.heal()
            for tab in self.tabs():
                tab.is_kept_off, tab.bytes_left = False, None
                tab.flow()
                if tab.state == 'waiting': tab.come_later(0.1)
        self.call(heal)
        for _ in range(3): self.advance(SETTLE / 3)
        self.reconnect_all()
        for _ in range(2):
            for tab in [tab for tab in self.tabs() if self.is_wanting(tab)]: self.ask_again(tab)
            self.advance(SETTLE / 3)
            ends = [event for topic in (None, *TOPICS) for n in range(self.count) for event in self.publish(n, topic)]
        for tab in filter(self.is_wanting, self.tabs()):
            raise Finding(f'hang: {tab} does not get its topics back: {tab.seen[-1]}')
        for _ in range(2): self.advance(HEARTBEAT + 1)
        self.judge(ends)
        self.reconnect_all()
        ends = [event for topic in (None, *TOPICS) for event in self.publish(0, topic)]
        self.advance(HEARTBEAT + 1)
        self.judge(ends, may_refuse_tokens=True)  # those of before a gap in which a revocation may have been missed

    def reconnect_all(self):
        "Let all tabs use their ids, whose truth is seen by that"
        for tab in self.tabs():
            if tab.state == 'open': self.call(lambda tab=tab: (tab.lose(), tab.connect()))

    def ask_again(self, tab):
        if tab.is_signed: self.render(tab, None)
        self.call(lambda: (tab.lose(), tab.connect()))

    def has_strange_tokens(self, tab):
        "Return whether other processes cannot date its tokens, since nothing connects them"
        return self.kind == 'none' and self.count > 1 and tab.is_signed

    def is_wanting(self, tab):
        "Return whether a tab has lost a topic that it may read again"
        allowed = self.allowed(tab.user, tab.topics)
        if self.has_strange_tokens(tab): return False
        return tab.state == 'refused' and bool(allowed) or tab.state == 'open' and not tab.has(allowed)

    def judge(self, ends, may_refuse_tokens=False):
        for reader in self.readers:
            if isinstance(reader, Hand): self.call(lambda reader=reader: reader.read(10_000))
        self.look()
        for judge in self.judges.values(): judge.look_when_quiet(self.moments())
        judge_callers(self.truth, self.is_alive, self.now(), True)
        JUDGED['hang'] += len(self.tabs())
        for tab in self.tabs():
            has_right = not tab.topics or self.allowed(tab.user, tab.topics)
            is_token_old = may_refuse_tokens and tab.is_signed or self.has_strange_tokens(tab)
            if is_token_old and tab.state == 'refused': continue
            if tab.state in ('left', 'closed', 'open') or not has_right: continue
            raise Finding(f'hang: {tab} is {tab.state} in the end: {tab.seen[-1]}')
        for event in ends:
            if event.outcome != 'sent': raise Finding(f'hang: {event} was not taken in the end')
        ids = [tab.connection_id for tab in self.tabs() if tab.state == 'open' and tab.connection_id]
        if self.kind != 'none' and len(ids) > len({*ids}): raise Finding(f'doubling: an id is open twice, of {ids}')
        self.judge_growth()

    def judge_growth(self):
        JUDGED.update(growth=self.count, problem=1)
        for number in range(self.count):
            numbers = self.manager_of(number).statistics()
            wrong = [numbers.buffered, numbers.log_events > LIMITS['max_events'], numbers.waiting > 100]
            if any(wrong): raise Finding(f'growth: {numbers}')
        streams = sum(self.manager_of(number).statistics().streams for number in range(self.count))
        open_tabs = sum(tab.state == 'open' for tab in self.tabs())
        if streams != open_tabs: raise Finding(f'growth: {streams} streams for {open_tabs} tabs')
