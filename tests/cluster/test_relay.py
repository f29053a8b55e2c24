"""The relay under random faults: several managers share a backplane, each over its own faulty connection

The backplane is in memory, so that a thousand faults take seconds. `tests/backplanes` kills real servers. The tests
check the guarantee itself. Two readers get the same events, in the same order, each event once, unless a reader got
`sse-reset`. An event whose broadcast returned reaches every reader that got no reset.
"""

import asyncio
import json
import logging
import random

import httpx2
import pytest

from cjm_fasthtml_sse.core.admission import open_stream
from cjm_fasthtml_sse import BackplaneError, BroadcastManager
from cjm_fasthtml_sse.backplanes.base import Limits, Publication, Unable
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane
from cjm_fasthtml_sse.events.record import Record, encode_record
from cjm_fasthtml_sse.events.renderer import Renderer
from cjm_fasthtml_sse import Cluster, Replay
from settings import make_manager
from until import until_async as until

MANAGERS, SENDERS, KEPT = 3, 4, 40


class Line:
    "One process's connection to the backplane"
    max_bytes, name = None, "line"

    def __init__(self, engine: "Engine", rng: random.Random):
        self.engine, self.rng, self.cut, self.late, self.forget = engine, rng, False, 0.0, 0.0

    async def pass_over(self):
        if self.late: await asyncio.sleep(self.rng.random() * self.late)
        if self.cut or self.engine.down: raise BackplaneError("the line is cut")

    async def open(self, limits):
        await self.pass_over()
        return await self.engine.open(limits)

    async def read(self, after, count=500, wait=0):
        await self.pass_over()
        starts = self.engine.starts
        found = await self.engine.read(after, self.rng.randint(1, count), min(wait, 0.02))
        await self.pass_over()
        if self.engine.starts != starts: raise BackplaneError("the engine was started anew")
        return found

    async def publish(self, publications):
        await self.pass_over()
        dies = self.rng.random() < self.forget
        if dies and self.rng.random() < 0.3: raise BackplaneError("lost on the way there", doubtful=True)
        positions = await self.engine.publish(publications)
        if dies or self.cut or self.engine.down: raise BackplaneError("lost on the way back", doubtful=True)
        return positions

    def __getattr__(self, name):
        async def call(*args):
            await self.pass_over()
            return await getattr(self.engine, name)(*args)
        return call


class Engine(MemoryBackplane):
    "A backplane that can be down, or return empty or without its newest events; it records the events that it lost"
    down, starts, first = False, 0, 0

    def __init__(self, name: str = "memory:"):
        super().__init__(name)
        self.given = []

    async def publish(self, publications):
        positions = await super().publish(publications)
        pairs = zip(positions, publications, strict=True)
        self.given += [(place, each.body) for place, each in pairs if each.channel == "events"]
        return positions

    def lose_newest(self, number: int):
        events = self._channels["events"]
        for _ in range(min(number, len(events))): events.pop()
        kept = [entry.position for entry in events]
        self._heads["events"] = max([self._first, *kept])  # like a file restored from a copy: positions are used again
        self.given = [(position, body) for position, body in self.given if position <= self._heads["events"]]
        self.starts += 1

    def lose_everything(self):
        self.__init__("again")
        self.starts += 1


class Reader:
    "The view of one tab: numbers, and None for each gap"
    def __init__(self, manager: BroadcastManager, last_event_id: str | None = None):
        self.manager, self.last, self.seen, self.reset_at = manager, last_event_id, [], None
        self.open()

    def open(self): self.stream = open_stream(self.manager.hub, Renderer(), last_event_id=self.last)

    async def come_back(self):
        try: self.last = await self.manager.ready(self.last)
        except BackplaneError: return  # it reconnects later
        self.open()

    def read(self):
        if self.stream is None: return
        request = httpx2.Request("GET", "http://reader")
        headers = {"content-type": "text/event-stream"}
        self.stream.hub.spill()
        content = self.stream.queue.take()
        for event in httpx2.EventSource(httpx2.Response(200, headers=headers, content=content, request=request)):
            self.last = event.id or self.last
            if event.event == "sse-reset":
                self.seen.append(None)
                self.reset_at = json.loads(event.data)["last_event_id"]
            elif event.data: self.seen.append(json.loads(event.data)["data"]["n"])

    def move_to(self, manager: BroadcastManager):
        if self.stream is not None: self.stream.on_close("left")
        self.manager, self.stream = manager, None


def opened(manager: BroadcastManager) -> bool: return manager.statistics().backplane == "open"


async def run(seed: int, steps: int, losses: bool) -> tuple[list[Reader], dict[int, str], Engine]:
    "Cause random faults while senders send; then end all faults, and let all readers read to the end"
    rng, engine, outcome = random.Random(seed), Engine(), {}
    lines = [Line(engine, random.Random(rng.random())) for _ in range(MANAGERS)]
    settings = dict(report_interval=0.05, publish_timeout=2, max_queue_size=7, max_events=KEPT if losses else 10_000)
    managers = [make_manager(backplane=line, **settings) for line in lines]
    for manager in managers: await manager.ready()
    readers = [Reader(manager) for manager in managers for _ in range(2)]
    numbers = iter(range(10**6))

    async def send():
        for _ in range(steps):
            n, manager, keep = next(numbers), rng.choice(managers), rng.random() < 0.3
            try: outcome[n] = "sent" if await manager.broadcast("t", {"n": n}, buffer=keep) else "kept"
            except BackplaneError as e: outcome[n] = "doubtful" if e.doubtful else "failed"
            await asyncio.sleep(rng.random() * 0.004)

    async def fail():
        while True:
            await asyncio.sleep(rng.random() * 0.03)
            line = rng.choice(lines)
            line.cut, line.late = rng.random() < 0.3, rng.choice([0, 0, 0.01])
            line.forget = rng.choice([0, 0, 0.2])
            if rng.random() < 0.1:
                engine.down = True
                await asyncio.sleep(0.05)
                if losses: rng.choice([engine.lose_everything, lambda: engine.lose_newest(3), lambda: None])()
                engine.down = False
            reader = rng.choice(readers)
            if rng.random() < 0.5: await reader_moves(reader, rng.choice(managers))
            for each in readers:
                if rng.random() < 0.7: each.read()

    async def reader_moves(reader, manager):
        if not opened(manager): return
        reader.read()
        reader.move_to(manager)
        await reader.come_back()

    faults = asyncio.create_task(fail())
    await asyncio.wait_for(asyncio.gather(*(send() for _ in range(SENDERS))), 120)
    faults.cancel()
    await asyncio.wait([faults])
    engine.down = False
    for line in lines: line.cut, line.late, line.forget = False, 0, 0
    await until(lambda: all(opened(m) and not m.statistics().buffered for m in managers))
    await managers[0].broadcast("t", {"n": -1})
    await until(lambda: len({m.log.head for m in managers}) == 1)
    for reader in readers:
        here = reader.manager.hub.registry
        if reader.stream is None or here.get_connection(reader.stream.connection_id) is None: await reader.come_back()
        reader.read()
        while reader.stream.queue.has_more(): reader.read()
        reader.stream.on_close("left")
    for manager in managers: await manager.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    engine.first = (await engine.open(Limits(is_reader=False))).first  # no event after it was trimmed
    return readers, outcome, engine


def given(engine: Engine) -> list[tuple[int, str, int, int]]:
    "Return position, publisher, number and data of each event that the backplane ever received and has not lost"
    parts = [(position, *map(json.loads, body.split(b"\n", 1))) for position, body in engine.given]
    return [(position, *head[1:3], text["data"]["n"]) for position, head, text in parts if text["type"] == "t"]


def heard(engine: Engine, after: int = 0) -> list[int]:
    "Return the backplane's events after a position, without the repetitions of each publisher"
    newest, found = {}, []
    for position, publisher, number, n in given(engine):
        if newest.get(publisher, 0) >= number: continue
        newest[publisher] = number
        if position > max(after, engine.first): found.append(n)
    return found


def perhaps_new(engine: Engine) -> set[int]:
    "Events that were sent again after the backplane had trimmed them are new only to a reader that started in between"
    first, again = {}, set()
    for position, _, _, n in given(engine):
        if position - first.setdefault(n, position) >= KEPT: again.add(n)
    return again


@pytest.mark.sample(3)
@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_lost_or_doubled_by_lines_that_fail(seed, caplog): faults(seed, 80, caplog)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 160))
def test_nothing_is_lost_or_doubled_at_length(seed, caplog): faults(seed, 400, caplog)


def faults(seed, steps, caplog):
    caplog.set_level(logging.CRITICAL)
    readers, outcome, engine = asyncio.run(run(seed, steps, losses=False))
    order = heard(engine)
    for reader in readers: assert reader.seen == order
    assert len(order) == len(set(order))
    assert {n for n, how in outcome.items() if how in ("sent", "kept")} <= set(order)
    assert not {n for n, how in outcome.items() if how == "failed"} & set(order)
    assert "sent" in outcome.values() and -1 in order


@pytest.mark.sample(2)
@pytest.mark.parametrize("seed", range(6))
def test_who_misses_something_is_told(seed, caplog): losses(seed, 80, caplog)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(200, 260))
def test_who_misses_something_is_told_at_length(seed, caplog): losses(seed, 400, caplog)


def stretches(seen: list) -> list[list[int]]:
    "Yield the events between two resets; a lost event may be sent again to readers that got a reset"
    found = [[]]
    for n in seen: found.append([]) if n is None else found[-1].append(n)
    return found


def losses(seed, steps, caplog):
    caplog.set_level(logging.CRITICAL)
    readers, outcome, engine = asyncio.run(run(seed, steps, losses=True))
    order, again = heard(engine), perhaps_new(engine)
    def sure(numbers): return [n for n in numbers if n not in again]
    for reader in readers:
        seen = [sure(stretch) for stretch in stretches(reader.seen)]
        for stretch in seen: assert len(stretch) == len(set(stretch)), "an event came twice"
        epoch, position = (reader.reset_at or f"{engine.epoch}-0").split("-")
        whole = seen[-1][-len(sure(order)):] == sure(order)
        if reader.reset_at is None: assert whole, "nobody was told, and nothing is missing"
        assert epoch == engine.epoch
        expected = sure(heard(engine, int(position)))
        whole = len(seen[-1]) >= len(expected) and seen[-1][len(seen[-1]) - len(expected):] == expected
        assert whole, "after the last reset nothing is missing"
    assert not {n for n, how in outcome.items() if how == "failed"} & set(order)


class OneAtATime(MemoryBackplane):
    "A slow backplane that fails if it gets two calls at once besides reading"
    busy = False


def alone(name):
    async def call(self, *args):
        assert not self.busy, f"{name} while something else is asked"
        self.busy = True
        try:
            await asyncio.sleep(0.002)
            return await getattr(MemoryBackplane, name)(self, *args)
        finally: self.busy = False
    return call


for name in ("open", "publish", "retained", "new_epoch", "put_node_info", "node_info", "drop_node_info"):
    setattr(OneAtATime, name, alone(name))


def test_an_adapter_is_asked_one_thing_at_a_time(caplog):
    async def ask_much():
        manager = BroadcastManager(backplane=OneAtATime(), cluster=Cluster(report_interval=0.01))
        sent = (manager.broadcast("t", {"n": n}, key="k", retain=True) for n in range(20))
        await asyncio.gather(*sent, *(manager.collect_info("connections") for _ in range(20)))
        await manager.close()
    asyncio.run(asyncio.wait_for(ask_much(), 60))
    assert not caplog.records


def test_a_process_that_joins_is_known_at_once():
    async def join():
        engine = MemoryBackplane()
        seldom = Cluster(report_interval=600)  # longer than `until` waits
        managers = [BroadcastManager(backplane=engine, cluster=seldom) for _ in range(3)]
        for manager in managers:
            await manager.ready()
            manager.cluster.handlers["who"] = lambda _, manager=manager: manager.cluster.node
        for manager in managers: await until(lambda manager=manager: len(manager.cluster.nodes()) == 3)
        for manager in managers: assert len(await manager.survey("who", None)) == 3
        for manager in managers: await manager.close()
    asyncio.run(join())


class Faulty(MemoryBackplane):
    "A backplane that can be down, and can refuse writes"
    away = full = False

    async def open(self, limits):
        if self.away: raise BackplaneError("connection refused")
        return await super().open(limits)

    async def read(self, after, count=500, wait=0):
        if self.away: raise BackplaneError("connection refused")
        return await super().read(after, count, min(wait, 0.02))


async def faulty_publish(self, publications):
    if self.full or any(len(draft.body) > 1000 for draft in publications): raise BackplaneError("refused")
    return await MemoryBackplane.publish(self, publications)


Faulty.publish = faulty_publish


def entry(n: int, publisher: str = "elsewhere") -> Publication:
    return Publication(encode_record(Record("t", {"n": n}, ""), publisher, n + 1))


def test_a_process_that_fell_behind_what_the_engine_keeps_tells_its_readers_once(caplog):
    async def fall_behind():
        engine = MemoryBackplane()
        manager = BroadcastManager(backplane=engine, replay=Replay(max_events=10))
        await manager.ready()
        reader = Reader(manager)
        await engine.publish([entry(n) for n in range(50)])
        await until(lambda: manager.log.head == 50)
        await manager.broadcast("t", {"n": 50})
        reader.read()
        assert reader.seen == [None, 50]
        await manager.close()
    asyncio.run(fall_behind())
    assert "has trimmed events" in caplog.text


def test_a_repeated_or_unreadable_entry_moves_every_process_alike(caplog):
    async def pass_over():
        engine = MemoryBackplane()
        one = BroadcastManager(backplane=engine)
        await one.ready()
        await one.broadcast("t", {"n": 0})
        last = (await engine.read(dict(events=0)))[-1].body
        changed = last.replace(b', null, ', b', 5, ', 1)
        await engine.publish([Publication(last), Publication(b"what is this?"), Publication(changed)])
        two = BroadcastManager(backplane=engine)
        await two.ready()
        await one.ready(two.cursor())
        assert one.cursor() == two.cursor() and one.cursor().endswith("-4")
        for manager in (one, two): await manager.close()
    asyncio.run(pass_over())
    assert "Skipped an entry" in caplog.text


def test_one_event_that_is_refused_for_good_holds_up_no_others(caplog):
    async def refuse():
        manager = BroadcastManager(backplane=Faulty())
        await manager.ready()
        assert await manager.broadcast("t", {"text": "x" * 2000}, buffer=True) == 0
        for n in range(5): assert await manager.broadcast("t", {"n": n}, buffer=True) == 0
        await until(lambda: not manager.statistics().buffered)
        assert await manager.broadcast("t", {"n": 5}) == 0
        await manager.close()
    asyncio.run(refuse())
    assert caplog.text.count("it is given up") == 1


def test_a_full_buffer_and_an_engine_that_takes_nothing_leave_hearing_whole(caplog):
    async def fill():
        engine = Faulty()
        manager = BroadcastManager(backplane=engine, cluster=Cluster(buffer=True, buffer_limit=3))
        await manager.ready()
        engine.away = engine.full = True
        await until(lambda: manager.statistics().backplane == "lost")
        for n in range(3): await manager.broadcast("t", {"n": n})
        with pytest.raises(BackplaneError, match="too much waits"): await manager.broadcast("t", {"n": 3})
        reader = Reader(manager)
        engine.away = False
        await until(lambda: opened(manager))
        await MemoryBackplane.publish(engine, [entry(7)])
        await until(lambda: manager.log.head == 1)
        assert opened(manager) and manager.statistics().buffered == 3
        engine.full = False
        await until(lambda: not manager.statistics().buffered and manager.log.head == 4)
        reader.read()
        assert reader.seen == [7, 0, 1, 2]
        await manager.close()
    asyncio.run(fill())
    assert caplog.text.count("is lost") == caplog.text.count("is back") == 1


def test_what_is_on_its_way_at_the_end_is_told_truly():
    class Slow(MemoryBackplane):
        async def read(self, after, count=500, wait=0):
            found = await super().read(after, count, min(wait, 0.02))
            if found: await asyncio.sleep(3)
            return found
    async def end():
        manager = BroadcastManager(backplane=Slow())
        await manager.ready()
        sending = asyncio.create_task(manager.broadcast("t", {"n": 1}))
        await until(lambda: manager.cluster.sender.queue.unanswered())
        await manager.close()
        assert await sending == 0  # it has its position, and was not received here
    asyncio.run(end())


def test_the_log_has_the_number_of_the_kept_events_that_end_with_their_process(caplog):
    class Full(MemoryBackplane):
        async def publish(self, publications): raise Unable("it is full")
    async def end():
        manager = BroadcastManager(backplane=Full())
        await manager.ready()
        for n in range(3): await manager.broadcast("t", {"n": n}, buffer=True)
        await manager.close()
    asyncio.run(end())
    assert [line for line in caplog.messages if line.startswith("3 events ") and line.endswith(" are given up")]


def test_a_closed_manager_stays_closed_and_a_lifespan_may_begin_again():
    async def close():
        manager = BroadcastManager(backplane=MemoryBackplane())
        for _ in range(2):
            async with manager.lifespan(): assert await manager.broadcast("t", {}) == 0
            with pytest.raises(BackplaneError, match="closed"): await manager.ready()
        await manager.close()
        calls = (manager.ready, manager.get_total_connection_count, lambda: manager.send_to("x", "t", {}))
        for call in (*calls, lambda: manager.broadcast("t", {})):
            with pytest.raises(BackplaneError, match="closed"): await call()
        assert asyncio.all_tasks() == {asyncio.current_task()}
    asyncio.run(close())


def test_from_another_loop_everything_works_without_a_connection():
    async def go():
        manager = BroadcastManager(backplane=MemoryBackplane())
        await manager.ready()
        async def elsewhere():
            told = await manager.broadcast("t", {}), await manager.send_to("x", "t", {})
            return *told, await manager.get_total_connection_count(), await manager.close()
        assert await asyncio.to_thread(lambda: asyncio.run(elsewhere())) == (0, False, 0, None)
    asyncio.run(go())


def test_who_registers_before_the_engine_was_reached_loses_nothing():
    async def go():
        manager = BroadcastManager(backplane=MemoryBackplane())
        stream = open_stream(manager.hub, Renderer())
        _, queue = await manager.register()
        assert await manager.broadcast("t", {"n": 1}) == 2
        assert (await queue.get()).data == {"n": 1} and b"sse-reset" not in stream.queue.take()
        stream.on_close("left")
        await manager.close()
    asyncio.run(go())


def test_a_reader_that_has_heard_more_than_its_new_process_is_neither_reset_nor_told_twice(caplog):
    async def move():
        rng, engine = random.Random(1), Engine()
        lines = [Line(engine, rng), Line(engine, rng)]
        one, two = (BroadcastManager(backplane=line, cluster=Cluster(report_interval=0.05)) for line in lines)
        for manager in (one, two): await manager.ready()
        reader = Reader(one)
        lines[1].cut = True
        await until(lambda: not opened(two))
        for n in range(3): await one.broadcast("t", {"n": n})
        reader.read()
        reader.move_to(two)
        await two.ready(reader.last)
        reader.open()
        lines[1].cut = False
        await until(lambda: opened(two))
        await one.broadcast("t", {"n": 3})
        await until(lambda: two.log.head == one.log.head)
        reader.read()
        assert reader.seen == [0, 1, 2, 3]
        for manager in (one, two): await manager.close()
    asyncio.run(move())


def test_an_event_that_was_sent_again_to_the_same_place_hides_no_other(caplog):
    "The events before it may be new, if a backplane has lost its newest events"
    async def go():
        engine = Engine()
        line = Line(engine, random.Random(1))
        manager = BroadcastManager(backplane=line)
        await manager.ready()
        reader = Reader(manager)
        await engine.publish([entry(n) for n in range(4)] + [entry(4, "in doubt")])
        await until(lambda: manager.log.head == 5)
        reader.read()
        line.cut = True
        await until(lambda: not opened(manager))
        engine.lose_newest(3)
        await engine.publish([entry(7, "new"), entry(8, "new"), entry(4, "in doubt")])
        line.cut = False
        await until(lambda: opened(manager))
        reader.read()
        assert reader.seen == [0, 1, 2, 3, 4, None] and manager.log.epoch == engine.epoch
        assert [message.data["n"] for message in manager.get_history()] == [0, 1, 7, 8, 4]
        await manager.close()
    asyncio.run(go())


def test_a_new_life_is_known_to_all_where_who_made_it_told_nobody(caplog):
    "The creator died, or lost its connection before it could notify the others; so the first to find the epoch does"
    async def go():
        engine = Engine()
        lines = [Line(engine, random.Random(n)) for n in range(2)]
        one, two = managers = [BroadcastManager(backplane=line) for line in lines]
        for manager in managers: await manager.ready()
        reader = Reader(one)
        await two.broadcast("t", {"n": 1})
        await until(lambda: one.log.head == 1)
        reader.read()
        await engine.new_epoch(engine.epoch)
        lines[1].cut = True
        await until(lambda: not opened(two))
        lines[1].cut = False
        await until(lambda: opened(two) and two.log.epoch == engine.epoch)
        await until(lambda: opened(one) and one.log.epoch == engine.epoch, 5)
        reader.read()
        assert reader.seen == [1, None] and reader.reset_at == engine.epoch + "-1"
        assert await two.broadcast("t", {"n": 2}) == 0
        await until(lambda: one.log.head == 2)
        reader.read()
        assert reader.seen == [1, None, 2]
        for manager in managers: await manager.close()
    asyncio.run(go())


def test_two_who_close_at_once_take_leave_all_the_same(caplog):
    "The others learn immediately that the process has left, although its closing takes a while"
    async def go():
        engine = Engine()
        line = Line(engine, random.Random(1))
        one, two = BroadcastManager(backplane=line), BroadcastManager(backplane=engine)
        for manager in (one, two): await manager.ready()
        leaves = asyncio.Event()
        async def drop_node_info(node):
            leaves.set()
            await asyncio.sleep(0.05)
            await engine.drop_node_info(node)
        line.drop_node_info = drop_node_info
        first = asyncio.create_task(one.close())
        await leaves.wait()
        await one.close()
        await first
        assert list(await engine.node_info()) == [two.cluster.node] == list(await two.collect_info("connections"))
        await two.close()
    asyncio.run(go())


def test_who_waits_for_an_engine_when_a_manager_is_closed_is_told_at_once(caplog):
    "Even if it is closed before the first call to the backplane"
    async def go():
        for turns in range(4):
            manager = BroadcastManager(backplane=Engine())
            call = asyncio.create_task(manager.broadcast("t", {"n": 1}))
            for _ in range(turns): await asyncio.sleep(0)
            await manager.close()
            assert manager.statistics().backplane == ("closed" if turns else "new")
            async with asyncio.timeout(2):
                with pytest.raises(BackplaneError): await call
    asyncio.run(go())
