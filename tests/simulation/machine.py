"""What can happen in a simulation, as rules of a hypothesis state machine.

Hypothesis draws which rules happen and with which arguments. It shrinks a script that ends in a finding, and prints it as
a few lines, which `python tests/simulation/run.py --script FILE` runs again.
"""

import tempfile

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from .readers import Hand, Tab
from .world import TOPICS as TOPIC_NAMES, Simulation

WORKERS = st.integers(0, 2)
USERS, TOPICS = st.sampled_from(('ann', 'ann', 'bob')), st.sampled_from((*TOPIC_NAMES, 'a'))
ANY_TOPIC = st.sampled_from((None, *TOPIC_NAMES, 'a'))
ASKED = st.sampled_from((('a', 'b/1'), (), ('a',), ('b/*',), ('**',), ('b/2',)))
IDS = st.sampled_from((None, '1', '2'))
VISITORS = st.sampled_from(('ann', 'ann', 'bob', ''))
TABS = st.tuples(VISITORS, ASKED, WORKERS, IDS, st.booleans(), st.booleans())
KEYS = st.sampled_from((None, None, 'k', 'l'))
READERS = st.integers(0, 7)
BOOLS = st.booleans()


def with_engine(machine): return machine.world is not None and machine.world.engine is not None
def with_reader(machine): return machine.world is not None and bool(machine.world.readers)


class Machine(RuleBasedStateMachine):
    "One simulation"
    def __init__(self):
        super().__init__()
        self.world = self.folder = None
        self.has_failed, self.guards = False, None

    @initialize(count=st.integers(1, 3), engine=st.sampled_from(('model', 'model', 'none', 'sqlite')),
                seed=st.integers(0, 999), twins=BOOLS, skews=st.sampled_from(((0, 0, 0), (0, 7, -5), (3600, 0, -3600))),
                queue=st.sampled_from((4, 1, 50)), tabs=st.lists(TABS, min_size=1, max_size=4),
                queues=st.lists(st.tuples(ASKED, WORKERS), max_size=2))
    def begin(self, count=2, engine='model', seed=0, twins=False, skews=(0, 0, 0), queue=4, tabs=(), queues=()):
        self.folder = tempfile.TemporaryDirectory()
        skews = (0, 0, 0) if engine == 'sqlite' else skews  # its clock is that of the workers' host
        self.world = Simulation(count, engine, seed, self.folder.name, twins, skews, queue)
        try: self.world.__enter__()
        except BaseException:
            self.world = None
            raise
        for about in tabs: self.open(*about)
        for about in queues: self.register(*about)
        if self.world.engine is not None: self.act(self.world.engine.keep_copy)

    def teardown(self):
        world, self.world = self.world, None
        if world is None: return
        try:
            if not self.has_failed: world.settle()
        finally:
            world._close()
            self.folder.cleanup()

    def do(self, call):
        "Do something, and judge what it led to"
        try:
            result = call()
            self.world.look()
            return result
        except BaseException:
            self.has_failed = True
            raise

    def act(self, call): self.do(lambda: self.world.call(call))

    def reader(self, number, kind):
        found = [each for each in self.world.readers if isinstance(each, kind)]
        return found[number % len(found)] if found else None

    # Events

    @rule(worker=WORKERS, topic=ANY_TOPIC, key=KEYS, retain=BOOLS, buffer=BOOLS)
    def publish(self, worker, topic=None, key=None, retain=False, buffer=False):
        self.do(lambda: self.world.publish(worker, topic, key, retain and key is not None, buffer=buffer))

    @rule(worker=WORKERS, topic=ANY_TOPIC, count=st.integers(2, 20))
    def burst(self, worker, topic, count):
        self.do(lambda: self.world.publish(worker, topic, count=count))

    @rule(worker=WORKERS, topic=ANY_TOPIC, count=st.integers(2, 9))
    def publish_side_by_side(self, worker, topic, count):
        self.do(lambda: [self.world.publish(worker + n, topic, buffer=n % 2 == 1) for n in range(count)])

    @rule(worker=WORKERS, topic=ANY_TOPIC, key=KEYS, ids=st.sampled_from((('ann-1',), ('ann-2',), ('ann-1', 'bob-1'))))
    def publish_without(self, worker, topic, ids, key=None):
        self.do(lambda: self.world.publish(worker, topic, key, exclude=ids))

    @rule(worker=WORKERS, topic=ANY_TOPIC)
    def publish_unrenderable(self, worker, topic): self.do(lambda: self.world.publish(worker, topic, is_broken=True))

    @rule(worker=WORKERS, topic=ANY_TOPIC, buffer=BOOLS)
    def publish_large(self, worker, topic, buffer): self.do(lambda: self.world.publish(worker, topic, buffer=buffer, size=3000))

    # Readers

    @rule(user=VISITORS, topics=ASKED, worker=WORKERS, id=IDS, has_token=BOOLS, is_rendered=BOOLS)
    def open(self, user, topics, worker, id=None, has_token=False, is_rendered=True):
        name = f'{user}-{id}' if user and id else None
        if len(self.world.readers) < 8: self.do(lambda: self.world.open(user, topics, worker, name, has_token, is_rendered))

    @rule(topics=ASKED, worker=WORKERS)
    def register(self, topics, worker):
        if len(self.world.readers) < 8: self.do(lambda: self.world.register(worker, topics))

    @precondition(with_reader)
    @rule(number=READERS, count=st.integers(1, 30))
    def read(self, number, count):
        if hand := self.reader(number, Hand): self.act(lambda: hand.read(count))

    @precondition(with_reader)
    @rule(number=READERS, shut=BOOLS)
    def fail(self, number, shut):
        if hand := self.reader(number, Hand): self.act(lambda: hand.fail(shut))

    @precondition(with_reader)
    @rule(number=READERS, worker=WORKERS)
    def move(self, number, worker):
        tab = self.reader(number, Tab)
        if tab and tab.state in ('open', 'waiting', 'opening'): self.act(lambda: (tab.lose(), tab.connect(worker)))

    @precondition(with_reader)
    @rule(number=READERS)
    def lose(self, number):
        tab = self.reader(number, Tab)
        def lose():
            tab.is_kept_off = True
            tab.cancel_timer()
            tab.lose()
        if tab and tab.state != 'left': self.act(lose)

    @precondition(with_reader)
    @rule(number=READERS, worker=WORKERS)
    def regain(self, number, worker):
        tab = self.reader(number, Tab)
        def regain():
            tab.is_kept_off = False
            if tab.state == 'waiting': tab.connect(worker)
        if tab: self.act(regain)

    @precondition(with_reader)
    @rule(number=READERS, size=st.integers(0, 300))
    def cut(self, number, size):
        if tab := self.reader(number, Tab): tab.bytes_left = size

    @precondition(with_reader)
    @rule(number=READERS)
    def vanish(self, number):
        if tab := self.reader(number, Tab): self.act(tab.vanish)

    @precondition(with_reader)
    @rule(number=READERS)
    def stall(self, number):
        if tab := self.reader(number, Tab): self.act(tab.stall)

    @precondition(with_reader)
    @rule(number=READERS)
    def flow(self, number):
        if tab := self.reader(number, Tab): self.act(tab.flow)

    @precondition(with_reader)
    @rule(number=READERS)
    def leave(self, number):
        if tab := self.reader(number, Tab): self.act(tab.leave)

    @rule(user=USERS, topic=TOPICS, worker=WORKERS)
    def revoke(self, user, topic, worker): self.do(lambda: self.world.revoke(worker, user, topic))

    @rule(user=USERS, topic=TOPICS)
    def give(self, user, topic): self.do(lambda: self.world.give(user, topic))

    # Time and workers

    @rule(seconds=st.sampled_from((0.01, 0.1, 0.5, 2, 7, 30)))
    def advance(self, seconds): self.do(lambda: self.world.advance(seconds))

    @rule(seconds=st.sampled_from((0.01, 0.1, 0.5, 2)))
    def advance_a_little(self, seconds): self.do(lambda: self.world.advance(seconds))

    @rule(worker=WORKERS)
    def kill(self, worker):
        if not self.is_guarded(): self.do(lambda: self.world.kill(worker))

    @rule()
    def restart(self):
        if not self.is_guarded(): self.do(self.world.restart)

    @rule()
    def settle(self): self.do(self.world.settle)

    # The engine

    @precondition(with_engine)
    @rule()
    def engine_away(self): self.do(self.world.engine.go_away)

    @precondition(with_engine)
    @rule()
    def engine_heals(self): self.act(self.world.engine.heal)

    @precondition(with_engine)
    @rule(is_read_only=BOOLS)
    def engine_refuses(self, is_read_only):
        engine = self.world.engine
        engine.is_read_only, engine.refuses = is_read_only, None if is_read_only else 'it is full'

    @precondition(with_engine)
    @rule()
    def engine_refuses_large(self): self.world.engine.limit = 1000

    @precondition(with_engine)
    @rule()
    def engine_forgets(self): self.act(self.world.engine.forget)

    @precondition(with_engine)
    @rule()
    def engine_copied(self):
        if not self.is_guarded(): self.act(self.world.engine.keep_copy)

    @precondition(with_engine)
    @rule()
    def engine_restored(self):
        "A process has to notice it, so one that has read everything lives on until then"
        engine = self.world.engine
        if engine.copy is not None and not self.is_guarded() and self.world.has_witness(): self.act(engine.restore)

    def is_guarded(self): return with_engine(self) and self.world.engine.is_unnoticed()

    @precondition(with_engine)
    @rule(worker=WORKERS)
    def line_away(self, worker): self.act(self.world.line_of(worker).go_away)

    @precondition(with_engine)
    @rule(worker=WORKERS)
    def line_breaks(self, worker): self.act(self.world.line_of(worker).lose)

    @precondition(with_engine)
    @rule(worker=WORKERS)
    def line_heals(self, worker): self.act(self.world.line_of(worker).heal)

    @precondition(with_engine)
    @rule(worker=WORKERS, seconds=st.sampled_from((0.003, 0.05, 0.7, 4)))
    def line_slow(self, worker, seconds): self.world.line_of(worker).delay = seconds

    @precondition(with_engine)
    @rule(worker=WORKERS)
    def line_reads_nothing(self, worker): self.act(self.world.line_of(worker).may_read.clear)

    @precondition(with_engine)
    @rule(worker=WORKERS, what=st.sampled_from(('lost', 'applied')))
    def line_doubtful(self, worker, what): self.world.line_of(worker).doubt = what

    @precondition(with_engine)
    @rule(worker=WORKERS)
    def line_repeats(self, worker): self.world.line_of(worker).repeats = True
