"""An engine that does what real ones do: it is away, takes no events, answers late, doubtfully or twice, or comes back
with nothing or with an older state. Each worker reaches it through a line of its own, which can fail alone.

The engine is a model in memory, whose state can be copied, or a real SQLite file. A line hands calls on to either and
notes for the oracle what the engine placed where. It notes nothing that a process of the application says.
"""

import asyncio
import re
import sqlite3
from collections import OrderedDict
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

from cjm_fasthtml_sse.backplanes.base import Entry, Gap, Limits, Opened, Unable
from cjm_fasthtml_sse.backplanes.sqlite import SqliteBackplane
from cjm_fasthtml_sse.events.wire import BackplaneError
from cjm_fasthtml_sse.testing.engine import EngineAdapter, InlineNotifier, InlineWorker, TestEngine

NUMBER = re.compile(rb'"n": ?(\d+)')  # of an event of the simulation, in the bytes of a record


@dataclass
class State:
    "Everything that an engine stores"
    epoch: str
    channels: dict = field(default_factory=lambda: dict(events=[], control=[]))
    heads: dict = field(default_factory=lambda: dict(events=0, control=0))
    kept: OrderedDict = field(default_factory=OrderedDict)  # newest retained entry by key
    nodes: dict = field(default_factory=dict)
    first: int = 0

    def append(self, publication, now):
        self.heads[publication.channel] += 1
        entry = Entry(self.heads[publication.channel], publication.body, publication.channel, now)
        self.channels[publication.channel].append(entry)
        if publication.key is not None: self.kept.pop(publication.key, None)
        if publication.retain: self.kept[publication.key] = entry
        return entry.position

    def trim(self, limits, now):
        events = self.channels['events']
        while events and (is_over(events, limits.events, limits.event_bytes) or is_old(events[0], limits.age, now)):
            self.first = events.pop(0).position
        control = self.channels['control']
        while is_over(control, limits.control, limits.control_bytes): control.pop(0)
        while is_over([*self.kept.values()], limits.retained, limits.retained_bytes): self.kept.popitem(last=False)


def is_over(entries, number, size):
    return len(entries) > number or len(entries) > 1 and sum(len(each.body) for each in entries) > size


def is_old(entry, age, now): return age is not None and now - entry.at > age


class Store:
    "A state and the adapters that wait for its next event"
    def __init__(self, time):
        self.time, self.state, self.limits, self.waiting = time, State(time.token(8)), Limits(), set()

    def wake(self):
        waiting, self.waiting = self.waiting, set()
        for future in waiting:
            if not future.done(): future.set_result(None)


class ModelAdapter:
    "The contract of a backplane over a `Store`"
    max_bytes, name = None, 'model'

    def __init__(self, store): self.store = store

    async def open(self, limits):
        store, now = self.store, self.store.time.monotonic()
        if limits.is_reader: store.limits = limits
        store.state.trim(store.limits, now)
        heads = store.state.heads
        return Opened(store.state.epoch, store.state.first, heads['events'], heads['control'], now)

    async def publish(self, publications):
        store, now = self.store, self.store.time.monotonic()
        positions = [store.state.append(each, now) for each in publications]
        store.state.trim(store.limits, now)
        store.wake()
        return positions

    async def read(self, after, count=500, wait=0):
        loop = asyncio.get_running_loop()
        until = loop.time() + wait
        while True:
            state = self.store.state
            if after.get('events', state.first) < state.first: raise Gap(self.name, state.first)
            found = [[e for e in state.channels[channel] if e.position > n][:count] for channel, n in after.items()]
            if any(found) or loop.time() >= until: return [entry for entries in found for entry in entries]
            self.store.waiting.add(future := loop.create_future())
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until): await future

    async def retained(self): return sorted(self.store.state.kept.values(), key=lambda entry: entry.position)

    async def new_epoch(self, epoch):
        state = self.store.state
        if state.epoch == epoch: state.epoch = self.store.time.token(8)
        return state.epoch

    async def put_node_info(self, node, body): self.store.state.nodes[node] = body
    async def node_info(self): return dict(self.store.state.nodes)
    async def drop_node_info(self, node): self.store.state.nodes.pop(node, None)
    async def close(self): "Nothing was opened"


class Noted:
    "An adapter whose placements are noted in the step in which they happen"
    def __init__(self, engine, inner): self.engine, self.inner = engine, inner

    async def publish(self, publications):
        positions = await self.inner.publish(publications)
        self.engine.note(publications, positions)
        return positions

    def __getattr__(self, name): return getattr(self.inner, name)


@dataclass(frozen=True)
class Placement:
    "That the engine gave an event a place"
    n: int  # the event
    life: int  # of the engine: it grows when a state is lost
    position: int
    moment: int  # by the simulation's count of what happened


class Engine(TestEngine):
    "An engine with faults; it knows what it has placed"
    def __init__(self, path, time, moments):
        super().__init__(path and f'sqlite:///{path}', time)
        self.model, self.moments, self.copy, self.copied_at, self.copied_in = Store(time), moments, None, 0, 0
        self.life, self.lives, self.placements, self.last_lost = 0, {}, [], 0
        self.opened, self.lines, self.is_read_only, self.limit = [], [], False, None
        self.restored_at, self.trimmed = None, 0
        self.newest = (0, 0)  # life and position

    def adapter(self, number=0):
        self.lines.append(line := Line(self, EngineAdapter(self, self.connect)))
        self.adapters.add(line)
        return line

    def connect(self):
        inline = dict(make_worker=InlineWorker, make_notifier=InlineNotifier, time=self.time)
        self.opened.append(made := SqliteBackplane(self.path, **inline) if self.path else ModelAdapter(self.model))
        return Noted(self, made)

    async def close(self):
        "Close what lost connections and killed workers have left open"
        for each in self.opened: await each.close()

    def note_epoch(self, epoch): self.lives.setdefault(epoch, set()).add(self.life)

    def note(self, publications, positions):
        for each, position in zip(publications, positions, strict=True):
            if each.channel == 'events': self.newest = self.life, position
            if each.channel == 'events' and (found := NUMBER.search(each.body)):
                self.placements.append(Placement(int(found[1]), self.life, position, self.moments()))

    def heal(self):
        "End all faults"
        self.is_away, self.refuses, self.is_read_only, self.limit = False, None, False, None
        for line in self.lines: line.heal()

    def refuse(self): self.refuses = 'it is full'
    def be_read_only(self): self.is_read_only = True
    def limit_size(self): self.limit = 1000

    def keep_copy(self):
        "Copy the state, as a snapshot or a backup does"
        if self.path:
            with sqlite3.connect(self.path) as file, sqlite3.connect(self.path + '-copy') as copy: file.backup(copy)
            file.close(), copy.close()
        self.copy, self.copied_at, self.copied_in = deepcopy(self.model.state), self.moments(), self.life

    def restore(self):
        "Come back with the state of the copy"
        self.lose_all()
        if self.path: replace_file(self.path, self.path + '-copy')
        else: self.model.state = deepcopy(self.copy)
        is_older = any(each.moment > self.copied_at for each in self.placements)
        self.begin_life()
        if is_older: self.restored_at = self.life

    def forget(self):
        "Come back empty"
        self.lose_all()
        if self.path: replace_file(self.path, None)
        else: self.model = Store(self.time)
        self.begin_life()

    def is_unnoticed(self):
        "Return whether events were lost by an older state, and no process has begun a new epoch since"
        return self.restored_at == self.life and not any(lives == {self.life} for lives in self.lives.values())

    def lose_all(self):
        for line in self.lines: line.lose()

    def begin_life(self):
        self.life, self.last_lost = self.life + 1, self.moments()
        for line in self.lines:
            if line.worker is not None and line.has_read < self.newest: line.worker.lacks_since = self.last_lost


def replace_file(path, other):
    for ending in ('', '-wal', '-shm'): Path(path + ending).unlink(missing_ok=True)
    if other: Path(path).write_bytes(Path(other).read_bytes())


class Line:
    "One worker's connection to the engine, which fails as it is told to"
    def __init__(self, engine, inner):
        self.engine, self.inner, self.has_read = engine, inner, (0, 0)  # life and position
        self.may_read = asyncio.Event()
        self.heal()

    def heal(self):
        self.delay, self.doubt, self.repeats = 0.0, None, False
        self.inner.is_away = False
        self.may_read.set()

    @property
    def name(self): return 'engine'

    @property
    def max_bytes(self): return self.inner.max_bytes

    @property
    def worker(self): return self.inner.worker

    @worker.setter
    def worker(self, worker): self.inner.worker = worker

    def is_well(self): return not self.is_away and self.may_read.is_set() and self.delay < 0.1

    @property
    def is_away(self): return self.inner.is_away

    @is_away.setter
    def is_away(self, is_away): self.inner.is_away = is_away

    def lose_connection(self): self.lose()

    def cut(self):
        self.inner.cut()
        self.may_read.set()

    def lose(self):
        self.inner.lose_connection()
        self.may_read.set()

    def go_away(self):
        self.inner.is_away = True
        self.lose()

    def read_nothing(self): self.may_read.clear()

    async def pause(self):
        if self.delay: await asyncio.sleep(self.delay)

    async def open(self, limits):
        await self.pause()
        opened = await self.inner.open(limits)
        self.engine.note_epoch(opened.epoch)
        self.engine.trimmed = max(self.engine.trimmed, opened.first)
        await self.pause()
        return opened

    async def publish(self, publications):
        await self.pause()
        self.check_writable()
        limit = self.engine.limit
        if limit and any(len(each.body) > limit for each in publications):
            raise BackplaneError(f'{self.name}: one event is over {limit} bytes')
        doubt = self.doubt if any(NUMBER.search(each.body) for each in publications) else None
        if doubt: self.doubt = None
        if doubt == 'lost': self.break_off()
        positions, repeats, self.repeats = await self.inner.publish(publications), self.repeats, False
        if repeats: await self.inner.publish(publications)
        if doubt: self.break_off()
        await self.pause()
        return positions

    def break_off(self):
        self.lose()
        raise BackplaneError(f'{self.name}: the connection was lost before the answer came', doubtful=True)

    def check_writable(self):
        if self.engine.is_read_only or self.engine.refuses: raise Unable(f'{self.name}: it takes nothing')

    async def read(self, after, count=500, wait=0):
        await self.pause()
        await self.may_read.wait()
        life = self.engine.life
        try: found = await self.inner.read(after, count, wait)
        except Gap as e:
            self.engine.trimmed = max(self.engine.trimmed, e.first)
            raise
        await self.pause()
        if not self.may_read.is_set(): await self.may_read.wait()
        newest = max((each.position for each in found if each.channel == 'events'), default=0)
        if newest: self.has_read = max(self.has_read, (life, newest))
        return found

    async def retained(self):
        await self.pause()
        return await self.inner.retained()

    async def new_epoch(self, epoch):
        await self.pause()
        if self.engine.is_read_only: raise Unable(f'{self.name}: it is read-only')
        found = await self.inner.new_epoch(epoch)
        self.engine.note_epoch(found)
        return found

    async def put_node_info(self, node, body):
        if self.engine.is_read_only: raise Unable(f'{self.name}: it is read-only')
        await self.inner.put_node_info(node, body)

    async def node_info(self): return await self.inner.node_info()

    async def drop_node_info(self, node):
        if self.engine.is_read_only: raise Unable(f'{self.name}: it is read-only')
        await self.inner.drop_node_info(node)

    async def close(self): await self.inner.close()
