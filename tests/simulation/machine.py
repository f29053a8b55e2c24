"""What can happen in a simulation, as rules of a hypothesis state machine.

Hypothesis draws which rules happen and with which arguments. It shrinks a script that ends in a finding, and prints it
as a few lines, which `python tests/simulation/run.py --script FILE` runs again.
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
AT_FIRST = dict(away='beat', deaf='end', slow='flow', forget='revoke')  # without an engine
TAKEOVER = 'cjm_fasthtml_sse.asgi.uvicorn:HttpTools'


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
                queues=st.lists(st.tuples(ASKED, WORKERS), max_size=2),
                first=st.sampled_from((None, None, 'away', 'deaf', 'slow', 'forget')),
                http=st.sampled_from((None, 'httptools', 'h11', TAKEOVER)), most=st.sampled_from((65_536, 100)),
                is_cut=BOOLS)
    def begin(self, count=2, engine='model', seed=0, twins=False, skews=(0, 0, 0), queue=4, tabs=(), queues=(),
              first=None, http=None, most=65_536, is_cut=False):
        self.folder = tempfile.TemporaryDirectory()
        skews = (0, 0, 0) if engine == 'sqlite' else skews  # its clock is that of the workers' host
        self.world = Simulation(count, engine, seed, self.folder.name, twins, skews, queue, http, most, is_cut)
        try: self.world.__enter__()
        except BaseException:
            self.world = None
            raise
        for about in tabs: self.open(*about)
        for about in queues: self.register(*about)
        if self.world.engine is None:
            self.advance(seconds=0.5)
            return self.publish_and(number=0, topic=None, what=AT_FIRST[first]) if first else None
        self.act(self.world.engine.keep_copy)
        if first in ('away', 'deaf'): self.line(worker=1, what='go_away' if first == 'away' else 'read_nothing')
        elif first == 'slow': self.answers(worker=1, what='delay', value=4)
        elif first == 'forget':
            self.advance(seconds=7)
            self.engine(what='forget')

    def teardown(self):
        world, self.world = self.world, None
        if world is None: return
        try:
            if not self.has_failed: world.settle()
        finally:
            world.__exit__(None, None, None)
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

    @rule(worker=WORKERS, topic=ANY_TOPIC, count=st.integers(2, 20),
          hands=st.sampled_from((None, None, 'read', 'shut')))
    def burst(self, worker, topic, count, hands=None):
        for _ in range(2 if hands == 'shut' else 0): self.register(topics=('**',), worker=worker)
        self.do(lambda: self.world.publish(worker, topic, count=count, hands=hands))

    @rule(worker=WORKERS, topic=ANY_TOPIC, count=st.integers(2, 9))
    def publish_side_by_side(self, worker, topic, count):
        self.do(lambda: [self.world.publish(worker + n, topic, buffer=n % 2 == 1) for n in range(count)])

    @rule(worker=WORKERS, topic=ANY_TOPIC, key=KEYS, ids=st.sampled_from((('ann-1',), ('ann-2',), ('ann-1', 'bob-1'))))
    def publish_without(self, worker, topic, ids, key=None):
        self.do(lambda: self.world.publish(worker, topic, key, exclude=ids))

    @rule(worker=WORKERS, topic=ANY_TOPIC, buffer=BOOLS, is_broken=BOOLS)
    def publish_odd(self, worker, topic, buffer=False, is_broken=False):
        "One that cannot be rendered, or a large one"
        size = 0 if is_broken else 3000
        self.do(lambda: self.world.publish(worker, topic, buffer=buffer, is_broken=is_broken, size=size))

    # Readers

    @rule(user=VISITORS, topics=ASKED, worker=WORKERS, id=IDS, has_token=BOOLS, is_rendered=BOOLS)
    def open(self, user, topics, worker, id=None, has_token=False, is_rendered=True):
        name = f'{user}-{id}' if user and id else None
        if len(self.world.readers) >= 8: return
        self.do(lambda: self.world.open(user, topics, worker, name, has_token, is_rendered))

    @rule(topics=ASKED, worker=WORKERS)
    def register(self, topics, worker):
        if len(self.world.readers) < 8: self.do(lambda: self.world.register(worker, topics))

    @precondition(with_reader)
    @rule(number=READERS, count=st.integers(1, 30))
    def read(self, number, count):
        if hand := self.reader(number, Hand): self.act(lambda: hand.read(count))

    @precondition(with_reader)
    @rule(number=READERS, worker=WORKERS)
    def move(self, number, worker):
        tab = self.reader(number, Tab)
        if tab and tab.state in ('open', 'waiting', 'opening'): self.act(lambda: (tab.lose(), tab.connect(worker)))

    @precondition(with_reader)
    @rule(number=READERS)
    def lose(self, number):
        if tab := self.reader(number, Tab): self.act(tab.sleep)

    @precondition(with_reader)
    @rule(number=READERS, worker=WORKERS)
    def regain(self, number, worker):
        if tab := self.reader(number, Tab): self.act(lambda: tab.wake(worker))

    @precondition(with_reader)
    @rule(number=READERS)
    def stall(self, number):
        if tab := self.reader(number, Tab): self.act(tab.stall)

    @precondition(with_reader)
    @rule(number=READERS)
    def flow(self, number):
        if tab := self.reader(number, Tab): self.act(tab.flow)

    @precondition(with_reader)
    @rule(number=READERS, what=st.sampled_from(('cut', 'vanish', 'leave', 'fail', 'shut', 'vanish early')),
          size=st.integers(0, 300))
    def hurt(self, number, what, size=0):
        tab, hand = self.reader(number, Tab), self.reader(number, Hand)
        if hand and what in ('fail', 'shut'): self.act(lambda: hand.fail(what == 'shut'))
        elif tab and what == 'cut': tab.bytes_left = size
        elif tab and what in ('vanish', 'leave'): self.act(getattr(tab, what))
        elif tab and what == 'vanish early': self.act(lambda: (tab.lose(), tab.connect(), tab.vanish()))

    @rule(user=USERS, topic=TOPICS, worker=WORKERS, then_publish=BOOLS)
    def revoke(self, user, topic, worker, then_publish=False):
        self.do(lambda: self.world.revoke(worker, user, topic))
        if then_publish: self.publish(worker=worker, topic=topic)

    @rule(user=USERS, topic=TOPICS, worker=WORKERS, then_publish=BOOLS)
    def give(self, user, topic, worker=0, then_publish=False):
        self.do(lambda: self.world.give(user, topic))
        if then_publish: self.publish(worker=worker, topic=topic)

    # Time and workers

    @rule(seconds=st.sampled_from((0.01, 0.5, 2, 7, 30)))
    def advance(self, seconds): self.do(lambda: self.world.advance(seconds))

    @rule(worker=WORKERS)
    def kill(self, worker):
        if not self.is_guarded(): self.do(lambda: self.world.kill(worker))

    @rule(what=st.sampled_from(('wait', 'wait', 'wait', 'restart', 'settle')))
    def all(self, what):
        if what == 'wait': return self.do(lambda: self.world.advance(0.2))
        if what == 'settle': self.do(self.world.settle)
        elif not self.is_guarded(): self.do(self.world.restart)

    # The engine

    @precondition(with_engine)
    @rule(what=st.sampled_from((
        'go_away', 'heal', 'refuse', 'be_read_only', 'limit_size', 'forget', 'keep_copy', 'restore')))
    def engine(self, what):
        engine = self.world.engine
        if what == 'keep_copy' and self.is_guarded(): return
        if what == 'restore' and (self.is_guarded() or not self.world.has_witness()): return  # none could notice it
        (self.do if what == 'go_away' else self.act)(getattr(engine, what))

    def is_guarded(self): return with_engine(self) and self.world.engine.is_unnoticed()

    @precondition(with_engine)
    @rule(worker=WORKERS, what=st.sampled_from(('go_away', 'lose', 'heal', 'read_nothing')))
    def line(self, worker, what): self.act(getattr(self.world.line_of(worker), what))

    @precondition(with_engine)
    @rule(worker=WORKERS, what=st.sampled_from(('delay', 'doubt', 'repeats')),
          value=st.sampled_from((0.003, 0.05, 0.7, 4)))
    def answers(self, worker, what, value=0.05):
        values = dict(delay=value, doubt='lost' if value < 0.01 else 'applied', repeats=True)
        setattr(self.world.line_of(worker), what, values[what])

    # What needs several of these in a row

    @precondition(with_reader)
    @rule(number=READERS, topic=ANY_TOPIC, what=st.sampled_from(('flow', 'lose', 'leave', 'revoke', 'end', 'beat')))
    def publish_and(self, number, topic, what):
        "In one turn of the loop, an event is sent, and something else happens to a stream of that process"
        tab = self.reader(number, Tab)
        if not tab or tab.worker not in self.world.server.workers: return
        worker = self.world.server.workers.index(tab.worker)
        if what == 'flow':
            self.stall(number=number)
            for _ in range(2): self.burst(worker=worker, topic=topic, count=9)
        calls = dict(revoke=lambda: self.world.begin_to_revoke(worker, tab.user, topic or 'a'),
                     end=lambda: self.world.begin_to_end(worker, tab.connection_id),
                     beat=lambda: self.world.beat(worker))
        if what != 'revoke' or tab.user:
            self.do(lambda: self.world.publish(worker, topic, count=2, then=calls.get(what) or getattr(tab, what)))

    @precondition(with_engine)
    @precondition(with_reader)
    @rule(number=READERS, worker=WORKERS, topic=ANY_TOPIC, seconds=st.sampled_from((2, 7, 30)))
    def outrun(self, number, worker, topic, seconds):
        "A tab comes to a worker that has not read yet what the tab has"
        self.move(number=number, worker=worker + 1)
        self.line(worker=worker, what='read_nothing')
        self.publish(worker=worker + 1, topic=topic)
        self.advance(seconds=0.5)
        self.move(number=number, worker=worker)
        self.advance(seconds=seconds)

    @precondition(with_engine)
    @precondition(with_reader)
    @rule(number=READERS, worker=WORKERS)
    def leave_behind(self, number, worker):
        "A tab comes to a worker that does not know yet that the engine has lost everything"
        self.line(worker=worker, what='go_away')
        self.engine(what='forget')
        self.advance(seconds=2)
        self.move(number=number, worker=worker)

    @precondition(with_engine)
    @rule(number=READERS, worker=WORKERS, topic=ANY_TOPIC)
    def lose_twice(self, number, worker, topic):
        "The engine loses everything, and then has a state from before that, while a tab sleeps"
        self.publish(worker=worker, topic=topic)
        self.advance(seconds=0.5)
        self.lose(number=number)
        self.engine(what='forget')
        self.advance(seconds=2)
        self.publish(worker=worker, topic=topic)
        self.advance(seconds=0.5)
        self.engine(what='restore')
        self.advance(seconds=2)
        self.burst(worker=worker, topic=topic, count=3)
        self.regain(number=number, worker=worker)

    @precondition(with_engine)
    @rule(worker=WORKERS, topic=ANY_TOPIC, count=st.integers(1, 3))
    def restore_under_one(self, worker, topic, count):
        "An older state is filled again before the worker is back that knew the newer one"
        self.engine(what='keep_copy')
        self.line(worker=worker + 1, what='go_away')
        self.publish(worker=worker, topic=topic)
        self.advance(seconds=0.5)
        self.engine(what='restore')
        self.answers(worker=worker, what='delay', value=4)
        self.line(worker=worker + 1, what='heal')
        for _ in range(count): self.publish(worker=worker + 1, topic=topic, buffer=True)
        self.advance(seconds=7)

    @precondition(with_engine)
    @precondition(with_reader)
    @rule(number=READERS, worker=WORKERS)
    def forget_twice(self, number, worker):
        "The engine loses everything two times, at the same position"
        for _ in range(2):
            self.engine(what='forget')
            self.advance(seconds=7)
        self.move(number=number, worker=worker)

    @precondition(with_reader)
    @rule(number=READERS, worker=WORKERS, topic=TOPICS)
    def take_for_a_while(self, number, worker, topic):
        "A right comes back before the stream asks for it, and events are sent in between"
        if not (tab := self.reader(number, Tab)) or not tab.user: return
        self.revoke(user=tab.user, topic=topic, worker=worker)
        self.advance(seconds=0.5)
        self.give(user=tab.user, topic=topic, worker=worker, then_publish=True)
        self.publish(worker=worker, topic=None)
        self.advance(seconds=0.5)
        self.move(number=number, worker=worker)

    @precondition(with_engine)
    @rule(worker=WORKERS, topic=ANY_TOPIC)
    def fall_behind_and_forget(self, worker, topic):
        "A worker learns of a gap, and the engine loses everything before it reads on"
        self.answers(worker=worker, what='delay', value=4)
        self.burst(worker=worker + 1, topic=topic, count=9)
        self.engine(what='forget')
        self.advance(seconds=7)
