"`check_backplane` can fail: each adapter here has one mistake, and the check of that rule finds it"
import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from cjm_fasthtml_sse.backplanes.base import Publication, Entry, Gap, Limits
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane
from cjm_fasthtml_sse.backplanes.conformance import check_backplane
from cjm_fasthtml_sse.events.wire import BackplaneError

Memory = MemoryBackplane
ASK = Limits(is_reader=False)  # with these, `open` changes no limit


def stores(kind):
    "Return a function that makes one adapter of that kind for each store"
    made = {}
    return lambda store: made.setdefault(store, kind(store))


class Backwards(Memory):
    async def read(self, *args, **kwargs): return (await super().read(*args, **kwargs))[::-1]


class Forgets(Memory):
    "Sometimes omits one entry"
    async def read(self, *args, **kwargs):
        found = await super().read(*args, **kwargs)
        return [entry for entry in found if entry.position != 17] if len(found) < 17 else found


class OfOneMind(Memory):
    "Returns another order to a reader with a small `count`"
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
    "Begins with the oldest entry that is left, without an error"
    async def read(self, after, count=500, wait=0):
        try: return await super().read(after, count, wait)
        except Gap as e: return await super().read({**after, 'events': e.first}, count, wait)


class GapAtTheEdge(Memory):
    "Raises a gap at the position before the oldest entry"
    async def read(self, after, count=500, wait=0):
        first = (await super().open(ASK)).first
        if 0 < after.get('events', 0) == first: raise Gap(self.name, first)
        return await super().read(after, count, wait)


class KeepsAll(Memory):
    async def open(self, limits): return await super().open(replace(limits, events=2**40, control=2**40))


class KeepsTooFew(Memory):
    async def open(self, limits): return await super().open(replace(limits, events=limits.events // 2))


class NoAge(Memory):
    async def open(self, limits): return await super().open(replace(limits, age=None))


class NoBytes(Memory):
    "Ignores the limit `which`"
    which = 'event_bytes'

    async def open(self, limits): return await super().open(replace(limits, **{self.which: 2**40}))


class NoCallBytes(NoBytes): which = 'control_bytes'


class NoRetainedBytes(NoBytes): which = 'retained_bytes'


class KeepsTooFewBytes(Memory):
    async def open(self, limits): return await super().open(replace(limits, event_bytes=limits.event_bytes // 2))


class DropsTheLarge(Memory):
    "Trims an entry above the limit even if it is the newest"
    most = 2**40

    async def open(self, limits):
        self.most = limits.event_bytes
        return await super().open(limits)

    async def read(self, *args, **kwargs):
        return [entry for entry in await super().read(*args, **kwargs) if len(entry.body) <= self.most]


class KeepsKeys(Memory):
    "An event with `retain=False` does not remove the retained entry"
    async def publish(self, publications):
        return await super().publish([d if d.retain else Publication(d.body, d.channel) for d in publications])


class OneLane(Memory):
    async def publish(self, publications): return await super().publish([Publication(d.body) for d in publications])


class Mixed(Memory):
    "Returns control messages with every read"
    async def read(self, after, count=500, wait=0): return await super().read({'control': 0, **after}, count, wait)


class Deaf(Memory):
    "Waits for its whole time, even if an entry arrives"
    async def read(self, after, count=500, wait=0):
        await asyncio.sleep(wait)
        return await super().read(after, count)


class Hasty(Memory):
    async def read(self, after, count=500, wait=0): return await super().read(after, count)


class Blocking(Memory):
    async def read(self, after, count=500, wait=0):
        if wait > 5: time.sleep(11)  # noqa: ASYNC251 - this is its mistake
        return await super().read(after, count)


class NoCount(Memory):
    async def read(self, after, count=500, wait=0): return await super().read(after, 10**6, wait)


class Takes(Memory):
    "Loses the entries that arrived for a read that was cancelled"
    taken = 0

    async def read(self, after, count=500, wait=0):
        after = {channel: max(at, self.taken) if channel == 'events' else at for channel, at in after.items()}
        try: return await super().read(after, count, wait)
        except asyncio.CancelledError:
            self.taken = (await super().open(ASK)).last
            raise


class Waits(Memory):
    "Blocks other methods during a read"
    def __init__(self, name):
        super().__init__(name)
        self.lock = asyncio.Lock()

    async def read(self, *args, **kwargs):
        async with self.lock: return await super().read(*args, **kwargs)

    async def retained(self):
        async with self.lock: return await super().retained()


class Late(Memory):
    "Returns the positions of an earlier publication that was cancelled"
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
    "Publishes the part of a batch that is below its limit"
    max_bytes = 2**21

    async def publish(self, publications):
        places = await super().publish([d for d in publications if len(d.body) <= self.max_bytes])
        if len(places) < len(publications): raise BackplaneError('too large')
        return places


class Reports(Memory):
    async def drop_node_info(self, node):
        if node not in await self.node_info(): raise KeyError(node)
        await super().drop_node_info(node)


class Leaves(Memory):
    "Leaves a task behind"
    async def open(self, limits):
        self.task = asyncio.ensure_future(asyncio.sleep(30))
        return await super().open(limits)


class OneLoop(Memory):
    "Depends on the loop on which it was opened first"
    loop = None

    async def open(self, limits):
        self.loop = self.loop or asyncio.get_running_loop()
        if self.loop is not asyncio.get_running_loop(): raise RuntimeError('attached to a different loop')
        return await super().open(limits)


WRONG = {Backwards: 'in their order', Forgets: 'in their order|cancelled', OfOneMind: 'in the same order',
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
    "Unreachable, with the password in its error"
    async def open(self, limits): raise BackplaneError(f'{self.name}: no way in with s3cret')

    async def publish(self, publications): raise BackplaneError(f'{self.name}: not open')

    async def retained(self): raise BackplaneError(f'{self.name}: not open')


class Raises(Memory):
    "Unreachable, with an error of another class"
    async def open(self, limits): raise ConnectionRefusedError('nobody there')


NOT_THERE = {Shows: 'none shows its password', Raises: 'Errors are `BackplaneError`s'}


@pytest.fixture(scope='module')
def verdicts():
    "The results for all of them, run at the same time because they mostly wait"
    def verdict(kind):
        absent = (lambda: kind('x')) if kind in NOT_THERE else None
        make = stores(Memory if absent else kind)
        try: return asyncio.run(check_backplane(make, unreachable=absent, secret='s3cret', seconds=12))
        except AssertionError as e: return str(e)
    kinds = [*WRONG, *NOT_THERE]
    with ThreadPoolExecutor(len(kinds)) as pool: return dict(zip(kinds, pool.map(verdict, kinds), strict=True))


@pytest.mark.parametrize('kind', [*WRONG, *NOT_THERE], ids=lambda kind: kind.__name__)
def test_finds_what_is_wrong(kind, verdicts):
    assert isinstance(verdicts[kind], str), 'its mistake was not found'
    assert re.search((WRONG | NOT_THERE)[kind], verdicts[kind]), verdicts[kind]
