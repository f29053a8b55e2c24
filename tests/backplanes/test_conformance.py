"The suite that holds adapters to the contract can fail: each adapter here is wrong in one way, and is found out"
import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from cjm_fasthtml_sse.backplanes.base import Publication, Entry, Gap
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane
from cjm_fasthtml_sse.backplanes.conformance import check_backplane
from cjm_fasthtml_sse.events.wire import BackplaneError

Memory = MemoryBackplane


def stores(kind):
    "Makes adapters of that kind, one for each store"
    made = {}
    return lambda store: made.setdefault(store, kind(store))


class Backwards(Memory):
    async def read(self, *args, **kwargs): return (await super().read(*args, **kwargs))[::-1]


class Forgets(Memory):
    "Now and then one entry is not handed out"
    async def read(self, *args, **kwargs):
        found = await super().read(*args, **kwargs)
        return [entry for entry in found if entry.position != 17] if len(found) < 17 else found


class OfOneMind(Memory):
    "Gives what two processes read in another order, by who asks for less"
    async def read(self, after, count=500, wait=0):
        found = await super().read(after, count, wait)
        if count != 50 or len(found) < 3: return found
        first, second, *rest = found
        return [Entry(first.position, second.body), Entry(second.position, first.body), *rest]


class OtherEpochs(Memory):
    async def open(self, limits):
        opened = await super().open(limits)
        self.epoch += 'x'
        return opened


class NoFirst(Memory):
    async def open(self, limits):
        opened = await super().open(limits)
        return type(opened)(opened.epoch, 0, opened.last, opened.last_control, opened.now)


class NoGap(Memory):
    "Begins with the oldest that is left, without a word"
    async def read(self, after, count=500, wait=0):
        if 'events' in after: after = {**after, 'events': max(after['events'], self._first)}
        return await super().read(after, count, wait)


class GapAtTheEdge(Memory):
    "Takes the place before the oldest that is left for a gap"
    async def read(self, after, count=500, wait=0):
        if 0 < after.get('events', 0) == self._first: raise Gap(self.name, self._first)
        return await super().read(after, count, wait)


class KeepsAll(Memory):
    def _trim(self): pass


class KeepsTooFew(Memory):
    async def open(self, limits): return await super().open(replace(limits, events=limits.events // 2))


class NoAge(Memory):
    async def open(self, limits): return await super().open(replace(limits, age=None))


class NoBytes(Memory):
    "Counts events, calls and keys, and not their bytes; `which` limit it forgets"
    which = 'event_bytes'

    async def open(self, limits): return await super().open(replace(limits, **{self.which: 2**40}))


class NoCallBytes(NoBytes): which = 'control_bytes'


class NoRetainedBytes(NoBytes): which = 'retained_bytes'


class KeepsTooFewBytes(Memory):
    async def open(self, limits): return await super().open(replace(limits, event_bytes=limits.event_bytes // 2))


class DropsTheLarge(Memory):
    "Lets go of what is larger than all that may be kept, also where it is the newest"
    def _over(self, kind, kept, number, size): return len(kept) > number or self._sizes[kind] > size


class KeepsKeys(Memory):
    "An event that is not to be retained does not take away what is"
    async def publish(self, publications):
        return await super().publish([d if d.retain else Publication(d.body, d.channel) for d in publications])


class OneLane(Memory):
    async def publish(self, publications): return await super().publish([Publication(d.body) for d in publications])


class Mixed(Memory):
    "Calls come with whatever is read"
    async def read(self, after, count=500, wait=0): return await super().read({'control': 0, **after}, count, wait)


class Deaf(Memory):
    "Waits its time, whatever comes"
    async def read(self, after, count=500, wait=0):
        await asyncio.sleep(wait)
        return await super().read(after, count)


class Hasty(Memory):
    async def read(self, after, count=500, wait=0): return await super().read(after, count)


class Blocking(Memory):
    async def read(self, after, count=500, wait=0):
        if wait > 5: time.sleep(11)  # noqa: ASYNC251 - that is what is wrong with it
        return await super().read(after, count)


class NoCount(Memory):
    async def read(self, after, count=500, wait=0): return await super().read(after, 10**6, wait)


class Takes(Memory):
    "What had come for a reader is gone when it is cancelled"
    taken = 0

    async def read(self, after, count=500, wait=0):
        after = {channel: max(at, self.taken) if channel == 'events' else at for channel, at in after.items()}
        try: return await super().read(after, count, wait)
        except asyncio.CancelledError:
            self.taken = self._heads['events']
            raise


class Waits(Memory):
    "Nothing else goes on while it reads"
    def __init__(self, name):
        super().__init__(name)
        self.lock = asyncio.Lock()

    async def read(self, *args, **kwargs):
        async with self.lock: return await super().read(*args, **kwargs)

    async def retained(self):
        async with self.lock: return await super().retained()


class Late(Memory):
    "Answers a publication with the places of the one before, when that was cancelled"
    debt = None

    async def publish(self, publications):
        places = await super().publish(publications)
        self.debt, places = (places, self.debt) if self.debt else (None, places)
        try: await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.debt = places
            raise
        return places


class EachRenews(Memory):
    async def new_epoch(self, epoch):
        await asyncio.sleep(0)
        self.epoch += 'y'
        return self.epoch


class Text(Memory):
    async def publish(self, publications):
        changed = [Publication(d.body.replace(b'\r\n', b'\n'), d.channel, d.key, d.retain) for d in publications]
        return await super().publish(changed)


class Small(Memory):
    "Has a limit, and lets the part of a batch in that is below it"
    max_bytes = 2**21

    async def publish(self, publications):
        places = await super().publish([d for d in publications if len(d.body) <= self.max_bytes])
        if len(places) < len(publications): raise BackplaneError('too large')
        return places


class Reports(Memory):
    async def drop_node_info(self, node): del self._node_info[node]


class Leaves(Memory):
    "Leaves a task behind"
    async def open(self, limits):
        self.task = asyncio.ensure_future(asyncio.sleep(30))
        return await super().open(limits)


class OneLoop(Memory):
    "Holds on to the loop on which it was opened first"
    loop = None

    async def open(self, limits):
        self.loop = self.loop or asyncio.get_running_loop()
        if self.loop is not asyncio.get_running_loop(): raise RuntimeError('attached to a different loop')
        return await super().open(limits)


WRONG = {Backwards: 'in their order', Forgets: 'in their order|cancelled', OfOneMind: 'the same entries, in the same order',
    OtherEpochs: 'returns the state', NoFirst: '`first` shows', NoGap: 'raises `Gap`',
    GapAtTheEdge: 'may keep a little more|in no other case', KeepsAll: 'may keep a little more',
    KeepsTooFew: 'keeps the newest entries', NoBytes: 'and a megabyte', NoCallBytes: 'and a megabyte',
    NoRetainedBytes: 'and a megabyte', KeepsTooFewBytes: 'and a megabyte',
    DropsTheLarge: 'and a megabyte', NoAge: 'by the clock of the engine', KeepsKeys: 'replaces or removes it',
    OneLane: 'returns the state', Mixed: 'in their order', Deaf: 'without gaps|waits up to', Hasty: 'waits up to',
    Blocking: 'does not block the loop', NoCount: 'at most `count`', Takes: 'misses nothing', Waits: 'work at once',
    Late: 'after one that was cancelled', EachRenews: 'the same result', Text: 'as published',
    Small: 'refused with all of its batch', Reports: 'Node info is stored', Leaves: 'left 1 tasks|tasks behind',
    OneLoop: 'on this loop and on another one'}


class Shows(Memory):
    "Not there, and says so with its password"
    async def open(self, limits): raise BackplaneError(f'{self.name}: no way in with s3cret')

    async def publish(self, publications): raise BackplaneError(f'{self.name}: not open')

    async def retained(self): raise BackplaneError(f'{self.name}: not open')


class Raises(Memory):
    "Not there, and says so in its own way"
    async def open(self, limits): raise ConnectionRefusedError('nobody there')


NOT_THERE = {Shows: 'none shows its password', Raises: 'Errors are `BackplaneError`s'}


@pytest.fixture(scope='module')
def verdicts():
    "What the suite says of each of them; all at once, since most of it is waiting"
    def verdict(kind):
        absent = (lambda: kind('x')) if kind in NOT_THERE else None
        make = stores(Memory if absent else kind)
        try: return asyncio.run(check_backplane(make, unreachable=absent, secret='s3cret', seconds=12))
        except AssertionError as e: return str(e)
    kinds = [*WRONG, *NOT_THERE]
    with ThreadPoolExecutor(len(kinds)) as pool: return dict(zip(kinds, pool.map(verdict, kinds), strict=True))


@pytest.mark.parametrize('kind', [*WRONG, *NOT_THERE], ids=lambda kind: kind.__name__)
def test_finds_what_is_wrong(kind, verdicts):
    assert isinstance(verdicts[kind], str), 'nothing was found wrong with it'
    assert re.search((WRONG | NOT_THERE)[kind], verdicts[kind]), verdicts[kind]
