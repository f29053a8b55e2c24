"""The log, the mailboxes and the topic index, compared with simple models that keep everything.

Hypothesis generates long sequences of calls. The smallest tests of the defects that it found are at the end."""

import asyncio, gc, json, re, threading, weakref
from collections import OrderedDict

import pytest
from fasthtml.common import Div
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test)

from cjm_fasthtml_sse.core.admission import open_stream
from cjm_fasthtml_sse.core.broadcast import BroadcastManager
from cjm_fasthtml_sse.events.record import EVENT_OVERHEAD, BroadcastMessage, Event
from cjm_fasthtml_sse.events.positions import Trimmed
from cjm_fasthtml_sse.events.log import Log, Replay
from cjm_fasthtml_sse.events.mailbox import Delivery, Mailbox
from cjm_fasthtml_sse.events.renderer import Renderer
from cjm_fasthtml_sse.events.topics import TopicIndex, matches
from cjm_fasthtml_sse.events.wire import ConnectionClosed, FrameError

from system.soak.check import asked_for

SHORT = settings(max_examples=150, stateful_step_count=40, derandomize=True, deadline=None, database=None,
    suppress_health_check=list(HealthCheck))
LONG = settings(SHORT, max_examples=1_500, stateful_step_count=60, derandomize=False, print_blob=True)
SENT_TO = st.sampled_from([None, 'a', 'b', 'x/1', 'x/1/y', 'x/2'])
WANTED = st.frozensets(st.sampled_from(['a', 'b', 'x/1', 'x/*', 'x/**', '*', '**', 'never']), max_size=3)
EXCLUDED = st.sampled_from([frozenset()] * 5 + [frozenset({'me'}), frozenset({'you'}), frozenset({'me', 'you'})])
KEYS = st.sampled_from([None, None, 'k', 'l'])


def both(machine):
    "Return a short test of `machine`, the same in each run, and a long random one"
    def short(): run_state_machine_as_test(machine, settings=SHORT)
    def long(): run_state_machine_as_test(machine, settings=LONG)
    return short, pytest.mark.long(long)


def message(n, pad=0):
    "Return a message with a number"
    return BroadcastMessage('m', {'n': n, 'pad': 'é' * pad}, timestamp='')


def same_key(a, b):
    "Return whether one event replaces the other"
    return a.key is not None and (a.topic, a.key) == (b.topic, b.key)


def entries(log):
    "Count the items of all lists and dictionaries inside `log`"
    found, seen, count = [vars(log)], set(), 0
    while found:
        each = found.pop()
        if id(each) in seen or isinstance(each, Event): continue
        seen.add(id(each))
        if isinstance(each, (list, dict)): count += len(each)
        if isinstance(each, dict): found += each.values()
        elif isinstance(each, list): found += each
        elif hasattr(each, '__dict__'): found.append(vars(each))
    return count


# ---- the log


class LogMachine(RuleBasedStateMachine):
    "A `Log` beside a list of all its events"

    @initialize(limit=st.integers(1, 8), size=st.sampled_from([1, 1_500, 10**6, 10**6]), age=st.sampled_from([None, 5]),
        retain=st.integers(1, 3), memory=st.sampled_from([2, 10**4]), count=st.integers(0, 12))
    def begin(self, limit, size, age, retain, memory, count):
        "Create a log with small limits and some events"
        self.now, self.limit, self.bytes, self.age, self.retain_limit = 0.0, limit, size, age, retain
        self.log = Log(Replay(limit, size, age, retain), lambda: self.now)
        self.log.trimmed = Trimmed(memory)
        self.live, self.gone, self.retained, self.all = [], [], OrderedDict(), []

        for n in range(count): self.append(None if n % 2 else 'a', 'k' if n % 3 else None, False, frozenset(), 0)

    def let_go(self):
        "Apply the limits in the simplest way"
        def over(): return len(self.live) > self.limit or sum(e.size for e in self.live) > self.bytes
        def old(): return self.age is not None and self.live[0].added_at < self.now - self.age
        while self.live and (over() or old()): self.gone.append(self.live.pop(0))

    @rule(topic=SENT_TO, key=KEYS, retain=st.booleans(), exclude=EXCLUDED, pad=st.integers(0, 300))
    def append(self, topic, key, retain, exclude, pad):
        "Append an event"
        retain = retain and key is not None
        event = self.log.append(message(len(self.all) + 1, pad), None, topic, key, retain, exclude)
        assert event.position == len(self.all) + 1 and event.id == self.log.cursor()
        assert event.size == EVENT_OVERHEAD + len(event.json.encode())
        if key is not None:
            self.live = [e for e in self.live if not same_key(e, event) or self.needed(e, event)]
            kept = [e for e in self.retained.pop((topic, key), []) if self.needed(e, event)]
            if retain: self.retained[topic, key] = [*kept, event]
            if len(self.retained) > self.retain_limit: self.retained.popitem(last=False)
        self.all.append(event)
        self.live.append(event)
        self.let_go()

    def needed(self, old, event):
        "Return whether some connection gets the old event and none of the newer ones of its key"
        newer = [event, *(e for e in self.all[old.position:] if same_key(e, old))]
        return not frozenset.intersection(*(e.exclude for e in newer)) <= old.exclude

    @precondition(lambda self: any(e.key for e in self.live))
    @rule(data=st.data(), exclude=EXCLUDED)
    def replace(self, data, exclude):
        "Append a newer event of a key in the log"
        old = data.draw(st.sampled_from([e for e in self.live if e.key]))
        self.append(old.topic, old.key, False, exclude, 0)

    @rule(seconds=st.sampled_from([1, 2, 5]))
    def wait(self, seconds):
        "Let time pass"
        self.now += seconds

    @precondition(lambda self: self.all)
    @rule(data=st.data(), size=st.integers(1, 400))
    def render(self, data, size):
        "Add rendered bytes to an event, which may no longer be in the log"
        self.log.add_size(data.draw(st.sampled_from(self.all)), size)

    @rule(data=st.data(), topics=WANTED)
    def resume(self, data, topics):
        "A reader reconnects"
        seen = data.draw(st.integers(0, self.log.head))
        found = self.log.resume(f'{self.log.epoch}-{seen}', topics)
        self.let_go()
        missed = any(e.position > seen and asked_for(topics, e.topic) for e in self.gone)
        assert found.reason in (None, 'expired') and found.position == (seen if found.reason is None else self.log.head)
        if missed: assert found.reason == 'expired'
        elif found.reason: assert seen < self.log.trimmed.floor and self.log.trimmed.floor <= self.gone[-1].position

    @rule(id=st.sampled_from(['', None, 'x', 'x-1', '-1', '-', '1']), further=st.integers(1, 10**20))
    def strange(self, id, further):
        "A reader has an invalid id"
        head, epoch = self.log.head, self.log.epoch
        assert self.log.resume(id) == (head, 'unknown' if id else None)
        for odd in (f'-{head + further}', '-٣', '-1\n', '--0', '-', ''):
            assert self.log.resume(epoch + odd) == (head, 'unknown')
        self.let_go()

    @rule(data=st.data(), topics=WANTED, count=st.integers(1, 4), size=st.sampled_from([1, 1_000, 10**6]))
    def read(self, data, topics, count, size):
        "A reader reads in batches"
        at = data.draw(st.integers(0, self.log.head))
        expected, found = [e for e in self.live if e.position > at and asked_for(topics, e.topic)], []
        while at < self.log.head:
            batch, upto = self.log.read(at, topics, count, size)
            assert at < upto and len(batch) <= count and (upto == self.log.head or batch[-1].position == upto)
            assert sum(e.size for e in batch[:-1]) < size
            found, at = found + batch, upto
        assert found == expected

    @rule(topics=WANTED, after=st.integers(0, 10))
    def newcomer(self, topics, after):
        "A new reader gets the newest event of each retained key"
        every = [e for events in self.retained.values() for e in events]
        kept = [e for e in every if e.position > after and asked_for(topics, e.topic)]
        assert self.log.retained.size == sum(e.size for e in every)
        assert self.log.retained.events_for(topics, after) == sorted(kept, key=lambda e: e.position)

    @rule(connection=st.sampled_from(['me', 'you', 'other']))
    def hidden(self, connection):
        "Superseded and excluded events are not sent"
        for event in self.live:
            newer = [e for e in self.all[event.position:] if same_key(e, event)]
            replaced = any(connection not in e.exclude for e in newer)
            assert event.excluded_for(connection) == (connection in event.exclude or replaced)

    @invariant()
    def adds_up(self):
        "Check sizes, counts and memory"
        if not hasattr(self, 'log'): return
        assert self.log.event_count == len(self.live) and self.log.size == sum(e.size for e in self.live)
        slots = 2 * self.log.event_count + 65
        assert len(self.log.trimmed) <= self.log.trimmed.limit
        assert entries(self.log) <= 7 * slots + 20 * (len(self.log.retained.events_for(frozenset({'**'}))) + 1)


test_log, test_log_long = both(LogMachine)


# ---- a mailbox


class MailboxMachine(RuleBasedStateMachine):
    "A mailbox, read at any pace, beside the list of its events"

    @initialize(limit=st.integers(1, 9), max_events=st.integers(1, 4), max_bytes=st.sampled_from([150, 10**6]),
        topics=WANTED, html=st.booleans(), overflow=st.sampled_from(['reset', 'reset', 'disconnect']))
    def begin(self, limit, max_events, max_bytes, topics, html, overflow):
        "Create a log and connect a reader"
        self.log, self.topics = Log(Replay(limit)), topics
        self.renderer = Renderer((lambda kind, data: Div(json.dumps(data))) if html else None)
        self.delivery = Delivery(max_bytes, overflow=overflow)
        self.how = dict(topics=topics, max_events=max_events, delivery=self.delivery)
        self.sent, self.last_id, self.got, self.gaps, self.directs = [], None, [], [], 0
        self.connect()

    def connect(self):
        "Connect the reader again; private frames of the old connection are lost"
        self.box = Mailbox(self.log, 'me', self.renderer, last_event_id=self.last_id, **self.how)
        self.expected_directs = []
        self.seen = int(self.last_id.split('-')[1]) if self.last_id else 0
        self.newcomer = self.last_id is None
        self.got = [] if self.newcomer else [position for position in self.got if position <= self.seen]

    def mine(self, event):
        "Return whether the reader gets an event"
        return asked_for(self.topics, event.topic) and 'me' not in event.exclude

    @rule(topic=SENT_TO, key=KEYS, retain=st.booleans(), exclude=EXCLUDED, pad=st.integers(0, 60))
    def send(self, topic, key, retain, exclude, pad):
        "Broadcast an event"
        retain = retain and key is not None
        event = self.log.append(message(len(self.sent) + 1, pad), None, topic, key, retain, exclude)
        self.sent.append(event)
        if self.mine(event): self.box.offer(event)

    @rule(n=st.integers(1, 12), topic=st.one_of(st.none(), SENT_TO), alone=st.booleans())
    def burst(self, n, topic, alone):
        "Broadcast many events, and perhaps a private frame after them"
        for _ in range(n): self.send(topic, None, False, frozenset(), 0)
        if alone: self.send_to(1)

    @precondition(lambda self: any(e.key for e in self.sent[-5:]))
    @rule(data=st.data(), exclude=EXCLUDED)
    def replace(self, data, exclude):
        "Broadcast a newer event of a recent key"
        old = data.draw(st.sampled_from([e for e in self.sent[-5:] if e.key]))
        self.send(old.topic, old.key, False, exclude, 0)

    @rule(pad=st.sampled_from([1, 200]))
    def send_to(self, pad):
        "Send a private frame"
        self.directs += 1
        frame = f'data: direct {self.directs} {"." * pad}\n\n'.encode()
        if self.box.put_private(frame): self.expected_directs.append((self.directs, len(self.sent)))

    @rule(limit=st.sampled_from([1, 100, 300, 10**6]))
    def take(self, limit):
        "Take the next bytes"
        behind = self.box.has_more()
        try: data = self.box.take(limit)
        except ConnectionClosed:
            assert self.delivery.overflow == 'disconnect' and self.missed(self.box.cursor)
            return self.connect()
        assert behind or not data
        for block in data.decode().split('\n\n')[:-1]: self.block(block)

    def missed(self, after):
        "Return whether the log has trimmed a later event of the reader"
        held = {e.position for e in self.log.latest(self.log.event_count)}
        return any(e.position not in held and asked_for(self.topics, e.topic) for e in self.sent[after:])

    def block(self, block):
        "Check one block, as a browser reads it"
        id = re.search(r'^id: (.*)$', block, re.M)
        position = int(id[1].split('-')[1]) if id else None
        if direct := re.search(r'^data: direct (\d+)', block, re.M): return self.direct(int(direct[1]))
        if 'event: sse-reset' in block: self.reset(json.loads(block.split('data: ')[1]))
        elif number := re.search(r'n(?:"|&quot;): (\d+)', block): self.event(int(number[1]))
        elif position > self.seen or self.newcomer: self.moved(position)
        if id: self.last_id = id[1]

    def direct(self, n):
        "Check that a private frame comes after all earlier broadcasts and before all later ones"
        number, after = self.expected_directs.pop(0)
        assert n == number
        assert self.seen <= after or any(a <= after < b for a, b in self.gaps)
        self.skip_to(after)

    def skip_to(self, upto):
        "Check that skipped events were superseded"
        if self.newcomer: return
        for event in self.sent[self.seen:upto]:
            if not self.mine(event): continue
            newer = [e for e in self.sent[event.position:] if same_key(e, event) and self.mine(e)]
            assert newer, f'{event.position} was passed over'
        self.seen = max(self.seen, upto)

    def event(self, position):
        "Check one broadcast"
        event = self.sent[position - 1]
        assert self.mine(event) and position not in self.got
        if not self.kept(event): assert position > self.seen
        for n, after in self.expected_directs[:1]:
            assert position <= after or any(a < position <= b for a, b in self.gaps), f'direct {n} is late'
        self.got.append(position)
        if position > self.seen:
            self.skip_to(position - 1)
            self.seen = position

    def kept(self, event):
        "Return whether an event may be part of a snapshot"
        return event.key is not None and (self.newcomer or any(a < event.position <= b for a, b in self.gaps))

    def moved(self, position):
        "Check an id alone: the first of a new reader, or the last of a snapshot"
        if self.newcomer: self.newcomer, self.seen = False, position
        else: self.skip_to(position)

    def reset(self, body):
        "Check that a reset has a cause: an event of the reader was trimmed"
        head = int(body['last_event_id'].split('-')[1])
        assert body['reason'] in ('expired', 'overflow') and head > self.seen and self.missed(self.seen)
        self.gaps.append((self.seen, head))
        self.seen, self.newcomer = head, False

    @rule(way=st.sampled_from(['back', 'new']))
    def reconnect(self, way):
        "The connection breaks, and the same or a new reader connects"
        if way == 'new': self.last_id = None
        self.connect()

    @rule()
    def drain(self):
        "Take everything, and check that nothing is missing"
        while self.box.has_more(): self.take(10**6)
        assert self.box.advance_if_idle() and self.box.cursor == self.log.head
        assert not self.expected_directs and not self.box.size
        if not self.newcomer: self.skip_to(self.log.head)

    @invariant()
    def adds_up(self):
        "Check sizes and bounds"
        if not hasattr(self, 'box'): return
        waiting = [len(e) if isinstance(e, bytes) else e.length for e in self.box.contents()]
        assert self.box.size == sum(waiting) and self.box.qsize() == len(waiting)
        assert len(waiting) <= 3 * self.how['max_events'] + len(self.log.retained) + 2


test_mailbox, test_mailbox_long = both(MailboxMachine)


# ---- a queue in application code


class HandMachine(RuleBasedStateMachine):
    "A queue from `register` beside the list of its events: all in order, or the end of the queue"

    @initialize(limit=st.sampled_from([3, 10**4]), size=st.integers(1, 3), topics=WANTED)
    def begin(self, limit, size, topics):
        "Create a manager in its own loop"
        self.runner = asyncio.Runner()
        self.manager = BroadcastManager(size, queue_timeout=3_600, replay=Replay(max_events=limit))
        self.topics, self.sent, self.got, self.ended = topics, [], 0, False
        self.id, self.queue = self.runner.run(self.manager.register('me', topics=topics))

    def teardown(self):
        "Check that no task is left"
        if not hasattr(self, 'runner'): return
        self.runner.run(self.manager.unregister('me'))
        self.runner.run(self.turns())
        assert not asyncio.all_tasks(self.runner.get_loop())
        self.runner.close()

    async def turns(self):
        for _ in range(5): await asyncio.sleep(0)

    @rule(topic=SENT_TO, key=KEYS, exclude=EXCLUDED, way=st.sampled_from(['broadcast', 'nowait']), n=st.integers(1, 4))
    def send(self, topic, key, exclude, way, n):
        "Broadcast several events"
        async def send():
            for _ in range(n):
                what = dict(message_type='m', data={'n': len(self.sent)}, exclude=exclude, topic=topic, key=key)
                if way == 'broadcast': await self.manager.broadcast(**what)
                else: self.manager.broadcast_nowait(**what)
                self.sent.append((topic, key, 'me' not in exclude and asked_for(self.topics, topic)))
        self.runner.run(send())

    @rule(n=st.integers(1, 5))
    def get(self, n):
        "Read from the queue"
        async def get():
            for _ in range(n):
                try: self.check(self.queue.get_nowait().data['n'])
                except asyncio.QueueEmpty: return
                except ConnectionClosed:
                    self.ended = True
                    return
                await asyncio.sleep(0)
        self.runner.run(get())

    def check(self, n):
        "Check that the events are in order and that skipped ones were superseded"
        assert not self.ended and n >= self.got and self.sent[n][2]
        self.skip(n)
        self.got = n + 1

    def skip(self, upto):
        for i, sent in enumerate(self.sent[self.got:upto], self.got):
            replaced = sent[1] is not None and sent in self.sent[i + 1:]
            assert replaced or not sent[2], f'{i} was passed over'

    @rule()
    def drain(self):
        "Read everything, and check that nothing is missing or that the queue has ended"
        self.runner.run(self.turns())
        while not self.queue.empty() and not self.ended: self.get(1)
        if self.ended: assert self.manager.get_connection_count() == 0 and self.manager.hub.drops['overflow'] == 1
        else: self.skip(len(self.sent))


test_hand, test_hand_long = both(HandMachine)


# ---- topics


TOPIC = st.lists(st.sampled_from(['a', 'b', 'c', '']), min_size=1, max_size=4).map('/'.join).filter(bool)
PATTERN = st.one_of(TOPIC, st.tuples(TOPIC, st.sampled_from(['*', '**'])).map('/'.join), st.sampled_from(['*', '**']))


@settings(SHORT, max_examples=500)
@given(st.lists(st.frozensets(PATTERN, max_size=4), max_size=6), st.sets(st.integers(0, 5)),
    st.lists(st.one_of(st.none(), TOPIC), max_size=8))
def test_topics(wanted, leaving, topics):
    "The index returns exactly the subscribers that match, each once"
    index = TopicIndex()
    for i, patterns in enumerate(wanted): index.add(i, patterns)
    for i in leaving:
        if i < len(wanted): index.discard(i, wanted[i])
    here = [i for i in range(len(wanted)) if i not in leaving]
    for topic in topics:
        found = list(index.readers(topic))
        assert sorted(found) == [i for i in here if asked_for(wanted[i], topic)] and len(set(found)) == len(found)
        for patterns in wanted: assert matches(patterns, topic) == asked_for(patterns, topic)
    for i in here: index.discard(i, wanted[i])
    assert entries(index) == entries(TopicIndex())


# ---- defects


def test_a_stream_that_has_left_is_not_served_again():
    "A client that left while its stream was scheduled kept the loop busy forever"
    async def main():
        manager = BroadcastManager()
        stream = open_stream(manager.hub, Renderer())
        for _ in range(3): await manager.broadcast('m', {})
        assert not manager.hub.scheduler.is_idle
        stream.on_close('left')
        for _ in range(3): await asyncio.sleep(0)
        assert manager.hub.scheduler.is_idle
    asyncio.run(main())


@pytest.mark.parametrize('kind', ['stream', 'queue'])
def test_a_thread_broadcasts_while_the_first_reader_comes(kind):
    "No event may be sent between the choice of the cursor and the entry into the index"
    async def main():
        manager, threads = BroadcastManager(), []
        enter = manager.hub.registry.add
        def enter_slowly(connection):
            threads.append(threading.Thread(target=manager.broadcast_threadsafe, args=('m', {'n': 1})))
            threads[0].start()
            threads[0].join(0.2)
            return enter(connection)
        manager.hub.registry.add = enter_slowly
        if kind == 'stream': stream = open_stream(manager.hub, Renderer())
        else: _, queue = await manager.register()
        await asyncio.to_thread(threads[0].join)
        for _ in range(3): await asyncio.sleep(0)
        if kind == 'stream': assert b'"n": 1' in stream.queue.take()
        else: assert queue.get_nowait().data == {'n': 1}
    asyncio.run(main())


@pytest.mark.parametrize('way', ['registry', 'connection', 'unregister'])
def test_a_connection_closed_by_hand_does_not_stand_in_the_way(way):
    "Later readers in the index missed the event, and the sender got the error"
    async def main():
        manager = BroadcastManager()
        (first, _), (_, second) = await manager.register(), await manager.register()
        if way == 'registry': await manager.hub.registry.remove_connection(first)
        elif way == 'unregister': await manager.unregister(first)
        else: manager.hub.registry.get_connection(first).close()
        assert await manager.broadcast('m', {}) == 1 and second.qsize() == 1 and manager.get_connection_count() == 1
    asyncio.run(main())


@pytest.mark.parametrize('bad', [dict(message_type='\ud800'), dict(data={'x': Div('\ud800')}),
    dict(metadata={'x': Div('\udfff')})], ids=['type', 'element', 'metadata'])
def test_half_a_surrogate_pair(bad):
    "It was accepted, and its error ended the flush round"
    async def main():
        manager = BroadcastManager()
        args = {'message_type': 'm', 'data': {}, **bad}
        with pytest.raises(FrameError): await manager.broadcast(**args)
        with pytest.raises(FrameError): manager.broadcast_nowait(**args)
        assert manager.log.head == 0
    asyncio.run(main())


def test_a_stream_that_fails_does_not_stop_the_others_of_its_round():
    "The other streams were never flushed"
    async def main():
        manager = BroadcastManager()
        bad, good = open_stream(manager.hub, Renderer()), open_stream(manager.hub, Renderer())
        served = []
        bad.flush, good.flush = lambda: 1 / 0, lambda: served.append(good)
        await manager.broadcast('m', {})
        for _ in range(3): await asyncio.sleep(0)
        assert served and not good.queued
        for stream in (bad, good): stream.on_close('left')
    asyncio.run(main())


@pytest.mark.parametrize('who', ['log', 'mailbox'])
def test_superseded_events_are_let_go(who):
    "One old event of a key kept all newer ones in memory"
    log, alive = Log(Replay(10)), weakref.WeakSet()
    box = Mailbox(log, 'me', Renderer(), max_events=5)
    if who == 'log': log.append(message(0), key='k', exclude=frozenset({'x'}))
    for n in range(1_000):
        event = log.append(message(n), key='k', exclude=frozenset({'x'}) if not n and who == 'log' else frozenset())
        alive.add(ref := _Tracked())
        event.frames[ref] = None
        if who == 'mailbox': box.offer(event)
        del event, ref
    gc.collect()
    assert len(alive) <= 5 + 10


class _Tracked: "An object that is freed together with its event"


def test_the_id_that_closes_a_reset_comes_last():
    "With a private frame in the queue, the id came before the retained events, and the cursor moved back"
    log = Log(Replay(3))
    box = Mailbox(log, 'me', Renderer(), max_events=1)
    box.take()
    for n in range(2): box.offer(log.append(message(n), key='k', retain=True))
    for n in range(8): box.offer(log.append(message(n)))
    assert box.put_private(b'data: direct\n\n')
    ids = re.findall(r'^id: \w+-(\d+)', box.take().decode(), re.M)
    assert ids == ['10']


def test_a_newcomer_cut_off_inside_its_retained_events_is_a_newcomer_again():
    "With ids of their own, the client got a reset or events that it was not owed"
    log = Log(Replay(3))
    for n in range(2): log.append(message(n), key=f'k{n}', retain=True)
    for n in range(9): log.append(message(n))
    first = Mailbox(log, 'me', Renderer()).take(1)
    assert first and not re.search(rb'^id: ', first, re.M)


def test_a_cancelled_broadcast_leaves_nobody_behind():
    "A queue that was full at that moment got no events until the next broadcast"
    async def main():
        manager = BroadcastManager(max_queue_size=1)
        _, queue = await manager.register()
        await manager.broadcast('m', {'n': 1})
        task = asyncio.create_task(manager.broadcast('m', {'n': 2}))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with asyncio.timeout(30): assert [(await queue.get()).data['n'] for _ in range(2)] == [1, 2]
        await manager.unregister('conn_1')
    asyncio.run(main())


@pytest.mark.parametrize('limit', [1, 10**6])
def test_a_builder_that_broadcasts(limit):
    "Events that a builder sent during `take` were lost"
    log = Log()
    def build(kind, data):
        if data['n'] == 0: box.offer(log.append(message(99)))
        return Div(data['n'])
    box = Mailbox(log, 'me', Renderer(build))
    for n in range(3): box.offer(log.append(message(n)))
    data = b''
    while box.has_more(): data += box.take(limit)
    assert re.findall(rb'<div>(\d+)', data) == [b'0', b'1', b'2', b'99']


def test_bytes_are_bytes():
    "Sizes were counted in characters"
    async def main():
        manager = BroadcastManager(delivery=Delivery(max_event_bytes=1_000))
        with pytest.raises(FrameError): await manager.broadcast('m', {'x': '😀' * 300})
        await manager.broadcast('m', {'x': '😀' * 200})
        assert manager.log.size >= EVENT_OVERHEAD + 800
    asyncio.run(main())


def test_a_queue_that_is_behind_is_not_overtaken():
    "A private message comes after earlier broadcasts"
    async def main():
        manager = BroadcastManager(max_queue_size=2, queue_timeout=3_600)
        id, queue = await manager.register()
        for n in range(5): await manager.broadcast('m', {'n': n})
        first = queue.get_nowait()
        taken = await manager.send_to(id, 'alone', {'n': 9})
        got = [first.data['n']]
        async with asyncio.timeout(30):
            while len(got) < 5 + taken: got.append((await queue.get()).data['n'])
        assert got == [0, 1, 2, 3, 4, *([9] if taken else [])]
        await manager.unregister(id)
    asyncio.run(main())
