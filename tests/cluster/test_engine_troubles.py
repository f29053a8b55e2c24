"""Results for callers, readers and requests while a backplane refuses events, loses them or reconnects

The backplanes are the one in memory, over connections that a test can break, and an SQLite file. `tests/backplanes`
runs the same with a server. Readers are requests to a real application, made as a server makes them.
"""

import asyncio
import json
import logging
import re
import sqlite3
import time

import pytest
from fasthtml.common import fast_app

from cjm_fasthtml_sse import BackplaneError, BroadcastManager, setup_broadcast_routes
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane
from cjm_fasthtml_sse.backplanes.base import Unable
from cjm_fasthtml_sse.runtime.time import Time
from settings import make_manager
from faults import fail_once
from until import until_async as until


class Tab:
    "One request to the stream, and its results"
    def __init__(self, app, last_event_id="", query=""):
        self.status, self.text, self.left, self.asked = None, "", asyncio.Event(), False
        headers = [(b"host", b"localhost"), *([(b"last-event-id", last_event_id.encode())] if last_event_id else [])]
        scope = dict(type="http", asgi={"version": "3.0"}, http_version="1.1", method="GET", scheme="http",
            path="/sse/broadcast", raw_path=b"/sse/broadcast", query_string=query.encode(), root_path="",
            headers=headers, client=("127.0.0.1", 1), server=("localhost", 80), state={})
        self.task = asyncio.create_task(app(scope, self.receive, self.send))

    async def receive(self):
        if self.asked: await self.left.wait()
        self.asked = True
        return dict(type="http.disconnect" if self.left.is_set() else "http.request", body=b"", more_body=False)

    async def send(self, message):
        self.status = message.get("status", self.status)
        self.text += message.get("body", b"").decode()

    @property
    def seen(self):
        return [json.loads(data)["data"]["n"] for data in re.findall('^data: ?({"type".*)$', self.text, re.M)]

    @property
    def resets(self): return self.text.count("event: sse-reset")

    @property
    def last_id(self): return (re.findall("^id: ?(.*)$", self.text, re.M) or [""])[-1]

    async def leave(self):
        self.left.set()
        await self.task


class Line:
    "One process's connection to a backplane; it can be down, slow to read, and slow to open"
    max_bytes, name = None, "line"

    def __init__(self, engine):
        self.engine, self.down, self.opens, self.reads = engine, False, asyncio.Event(), asyncio.Event()
        self.refuses = lambda publications: None  # an error for some of them
        self.held = False  # whether a read waits for `reads`
        self.opens.set()
        self.reads.set()

    def check(self):
        if self.down: raise BackplaneError("the line is down")

    async def open(self, limits):
        self.check()
        await self.opens.wait()
        return await self.engine.open(limits)

    async def read(self, after, count=500, wait=0):
        self.check()
        await self.may_read()
        found = await self.engine.read(after, count, min(wait, 0.02))
        self.check()
        return found

    async def may_read(self):
        self.held = not self.reads.is_set()
        try: await self.reads.wait()
        finally: self.held = False

    async def hold(self):
        "Read nothing from now on"
        self.reads.clear()
        await until(lambda: self.held)

    async def publish(self, publications):
        self.check()
        if error := self.refuses(publications): raise error
        return await self.engine.publish(publications)

    async def close(self): "Close nothing: it holds no resources"

    def __getattr__(self, name):
        async def call(*args):
            self.check()
            return await getattr(self.engine, name)(*args)
        return call


def new_app(backplane, **settings):
    manager = make_manager(backplane=backplane, heartbeat_interval=0, **settings)
    app, _ = fast_app(secret_key="x")
    setup_broadcast_routes(app, manager)
    return manager, app


async def said(call):
    "Return the result of a broadcast"
    try: return await call
    except BackplaneError as e: return "doubtful" if e.doubtful else "not sent"


def kept(manager): return manager.statistics().buffered


def state(manager): return manager.statistics().backplane


@pytest.fixture(autouse=True)
def quiet(caplog): caplog.set_level(logging.ERROR)


@pytest.fixture
def short_pauses():
    "Return settings that reduce the pauses between retries to a hundredth"
    return dict(clock=Time(random=lambda least, most: 0.01))


# A backplane that can be read but not written

def test_while_a_file_is_locked_nobody_waits_and_what_is_kept_comes_in_order(tmp_path):
    async def go():
        manager, app = new_app(f"sqlite:///{tmp_path}/events.db?timeout=0.2", publish_timeout=1)
        await manager.ready()
        tab = Tab(app)
        await until(lambda: tab.last_id)
        other = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert await said(manager.broadcast("t", {"n": 0}, buffer=True)) == 0
        start = time.monotonic()
        calls = [manager.broadcast("t", {"n": n}, buffer=True) for n in range(1, 200)]
        assert {await said(call) for call in calls} == {0}
        assert await said(manager.broadcast("t", {"n": "plain"})) == "not sent"
        assert time.monotonic() - start < 0.8 and state(manager) == "open" and kept(manager) == 200
        with pytest.raises(BackplaneError, match="takes nothing at present.*lock"): await manager.broadcast("t", {})
        other.execute("ROLLBACK")
        other.close()
        await until(lambda: not kept(manager))
        assert await said(manager.broadcast("t", {"n": 200})) == 1
        await until(lambda: len(tab.seen) == 201)
        assert tab.seen == [*range(201)] and not tab.resets
        await tab.leave()
        await manager.close()
    asyncio.run(go())


def test_what_was_not_sent_is_not_called_doubtful():
    "The backplane blocks on one publication; those behind it have not been sent at their timeout"
    async def go():
        line, begun, hangs = Line(MemoryBackplane()), asyncio.Event(), asyncio.Event()
        async def publish(publications):
            begun.set()
            await hangs.wait()
            return await line.engine.publish(publications)
        manager, _ = new_app(line, publish_timeout=0.2)
        await manager.ready()
        await manager.broadcast("t", {"n": 0})
        line.publish = publish
        calls = [asyncio.create_task(said(manager.broadcast("t", {"n": 1})))]
        await asyncio.wait_for(begun.wait(), 20)
        calls += [asyncio.create_task(said(manager.broadcast("t", {"n": n}, buffer=n == 3))) for n in (2, 3)]
        assert await asyncio.gather(*calls) == ["doubtful", "not sent", 0]
        hangs.set()
        await until(lambda: not kept(manager))
        assert [message.data["n"] for message in manager.get_history()] == [0, 1, 3]
        await manager.close()
    asyncio.run(go())


def test_an_engine_that_refuses_all_for_long_loses_nothing_that_was_kept(short_pauses):
    async def go():
        tried, line = [], Line(MemoryBackplane())
        manager, app = new_app(line, buffer=True, **short_pauses)
        await manager.ready()
        tab = Tab(app)
        await until(lambda: tab.last_id)
        def refuses(publications):
            tried.append(publications)
            return BackplaneError("no room") if len(tried) < 40 else None
        line.refuses = refuses
        for n in range(6): assert await manager.broadcast("t", {"n": n}) == 0
        await until(lambda: len(tab.seen) >= 5 and not kept(manager))
        assert tab.seen == [*range(6)] and not tab.resets
        await tab.leave()
        await manager.close()
    asyncio.run(go())


def test_an_engine_without_room_for_a_large_event_takes_it_once_there_is_room(short_pauses):
    async def go():
        tried, line = [], Line(MemoryBackplane())
        manager, app = new_app(line, buffer=True, **short_pauses)
        await manager.ready()
        tab = Tab(app)
        await until(lambda: tab.last_id)
        def refuses(publications):
            tried.append(publications)
            large = any(len(draft.body) > 1000 for draft in publications)
            return Unable("its disk is full") if large and len(tried) < 60 else None
        line.refuses = refuses
        for n, text in enumerate(("x" * 2000, "", "")): await manager.broadcast("t", {"n": n, "text": text})
        await until(lambda: not kept(manager) and len(tab.seen) == 3)
        assert tab.seen == [0, 1, 2] and not tab.resets
        await tab.leave()
        await manager.close()
    asyncio.run(go())


def poison(publications):
    return BackplaneError("refused") if any(b"poison" in each.body for each in publications) else None


def test_a_kept_event_that_is_given_up_is_told_to_whom_it_was_for_and_to_nobody_else(short_pauses, caplog):
    "Once for each: connected readers, another process, a reader that reconnects, and a reader of a later process"
    async def go():
        engine = MemoryBackplane()
        line = Line(engine)
        (here, app), (there, other_app) = new_app(line, **short_pauses), new_app(Line(engine), **short_pauses)
        for manager in (here, there): await manager.ready()
        matches = [Tab(app, query="topic=a"), Tab(other_app, query="topic=a&topic=b"), Tab(app, query="topic=*")]
        others = [Tab(app), Tab(other_app, query="topic=b")]
        await until(lambda: all(tab.last_id for tab in matches + others))
        await here.broadcast("t", {"n": 0})
        await until(lambda: all(tab.seen == [0] for tab in matches + others))
        before, by_hand = matches[0].last_id, (await there.register(topics="a"))[1]
        line.refuses = poison
        assert await here.broadcast("t", {"n": "poison"}, topic="a", buffer=True) == 0
        for n in (1, 2): assert await here.broadcast("t", {"n": n}, buffer=True) == 0
        await until(lambda: all(tab.seen == [0, 1, 2] for tab in matches + others))
        (late, late_app), back = new_app(Line(engine), **short_pauses), Tab(app, before, "topic=a")
        await late.ready()
        comers = [back, Tab(late_app, before, "topic=a"), Tab(late_app, before, "topic=b")]
        await until(lambda: all(tab.text.count("\n\n") for tab in comers))
        assert [tab.resets for tab in matches] == [1, 1, 1] and [tab.resets for tab in others] == [0, 0]
        assert [tab.resets for tab in comers] == [1, 1, 0]
        for tab in matches: assert tab.text.index("sse-reset") < tab.text.index('"n": 1')
        with pytest.raises(Exception, match="clos|ended|overflow"):  # a queue cannot carry a reset, so it ends
            while True: await asyncio.wait_for(by_hand.get(), 5)
        assert not any("poison" in tab.text for tab in matches + comers)
        for tab in matches + others + comers: await tab.leave()
        for manager in (here, there, late): await manager.close()
    asyncio.run(go())
    assert caplog.text.count("it is given up") == 1


def test_an_event_that_an_engine_no_longer_takes_spoils_no_others():
    "The backplane was reopened with lower limits: each caller gets an error only for its own event"
    async def go():
        line = Line(MemoryBackplane())
        manager, _ = new_app(line)
        await manager.ready()
        def refuses(publications):
            return BackplaneError("too large") if any(len(each.body) > 1000 for each in publications) else None
        line.refuses = refuses
        texts = ("", "x" * 2000, "")
        calls = [asyncio.create_task(said(manager.broadcast("t", {"text": text}))) for text in texts]
        await asyncio.sleep(0)  # they wait together
        line.max_bytes = 1000
        assert await asyncio.gather(*calls) == [0, "not sent", 0]
        await manager.close()
    asyncio.run(go())


def test_a_question_is_refused_at_once_while_the_engine_takes_nothing_and_works_behind_one_bad_event():
    async def go():
        engine = MemoryBackplane()
        line = Line(engine)
        here, there = (make_manager(backplane=each, report_interval=0.05) for each in (line, Line(engine)))
        for manager in (here, there): await manager.ready()
        there.cluster.handlers["who"] = lambda _: "there"
        await until(lambda: len(here.cluster.nodes()) == 2)
        line.refuses = lambda publications: Unable("full")
        for n in range(5): await here.broadcast("t", {"n": n}, buffer=True)
        start = time.monotonic()
        with pytest.raises(BackplaneError, match="Not sent") as e: await here.survey("who", None)
        assert not e.value.doubtful and time.monotonic() - start < 3
        line.refuses = lambda publications: None
        await until(lambda: not kept(here))
        line.refuses = poison
        await here.broadcast("t", {"n": "poison"}, buffer=True)
        assert await here.survey("who", None) == ["there"] and kept(here)
        for manager in (here, there): await manager.close()
    asyncio.run(go())


def test_an_event_that_cannot_be_handed_on_is_told(caplog):
    async def go():
        manager, app = new_app(MemoryBackplane())
        await manager.ready()
        tab = Tab(app)
        await until(lambda: tab.last_id)
        fail_once(manager.log)
        await manager.broadcast("t", {"n": 1})
        await manager.broadcast("t", {"n": 2})
        await until(lambda: tab.seen == [2])
        assert tab.resets == 1
        await tab.leave()
        await manager.close()
    asyncio.run(go())
    assert "could not be dispatched" in caplog.text


def test_who_has_seen_elsewhere_what_is_lost_here_is_not_told_and_sees_nothing_twice():
    async def go():
        engine = MemoryBackplane()
        slow = Line(engine)
        (here, app), (there, other_app) = new_app(Line(engine)), new_app(slow)
        for manager in (here, there): await manager.ready()
        tab = Tab(app)
        await until(lambda: tab.last_id)
        slow.reads.clear()
        for n in (1, 2, 3): await here.broadcast("t", {"n": n})
        await until(lambda: tab.seen == [1, 2, 3])
        await tab.leave()
        moved, stays = Tab(other_app, tab.last_id), Tab(other_app)
        await until(lambda: moved.text and stays.last_id)
        fail_once(there.log)
        slow.reads.set()
        await here.broadcast("t", {"n": 4})
        await until(lambda: moved.seen[-1:] == stays.seen[-1:] == [4])
        assert moved.seen == [4] and [moved.resets, stays.resets] == [0, 1]
        for each in (moved, stays): await each.leave()
        for manager in (here, there): await manager.close()
    asyncio.run(go())


# A backplane that lost its events

def test_an_event_that_was_lost_after_others_saw_it_is_doubtful():
    async def go():
        engine = MemoryBackplane()
        lines = [Line(engine), Line(engine)]
        (here, _), (there, app) = (new_app(line) for line in lines)
        for manager in (here, there): await manager.ready()
        tab = Tab(app)
        await until(lambda: tab.last_id)
        await lines[0].hold()  # this process reads slowly
        sent = asyncio.create_task(said(here.broadcast("t", {"n": 1})))
        await until(lambda: tab.seen == [1])
        for line in lines: line.down = True
        lines[0].reads.set()
        await until(lambda: {state(here), state(there)} == {"lost"})
        fresh = MemoryBackplane()
        for line in lines: line.engine, line.down = fresh, False
        assert await sent == "doubtful"
        await until(lambda: tab.resets == 1)
        await tab.leave()
        for manager in (here, there): await manager.close()
    asyncio.run(go())


async def one_is_back_the_other_not():
    "Two processes and a backplane that returned empty: the first uses the new epoch, the second has yet to open it"
    engine = MemoryBackplane()
    lines = [Line(engine), Line(engine)]
    (here, app), (there, other_app) = (new_app(line) for line in lines)
    for manager in (here, there): await manager.ready()
    await here.broadcast("t", {"n": 0})
    await until(lambda: here.cursor() == there.cursor())
    old = here.cursor()
    for line in lines: line.down = True
    await until(lambda: {state(here), state(there)} == {"lost"})
    fresh = MemoryBackplane()
    lines[1].opens.clear()
    for line in lines: line.engine, line.down = fresh, False
    await until(lambda: state(here) == "open")
    await here.broadcast("t", {"n": 1})
    return lines[1], here, there, app, other_app, old


def test_readers_of_a_new_life_wait_for_a_process_that_is_not_back_yet():
    async def go():
        line, here, there, _, app, old = await one_is_back_the_other_not()
        tabs, mine, strange = [Tab(app, here.cursor()) for _ in range(50)], Tab(app, old), Tab(app, "no id")
        await until(lambda: mine.status and strange.status)  # a reader with an id of its own epoch need not wait
        assert strange.resets == 1 and not any(tab.status for tab in tabs)
        line.opens.set()
        await until(lambda: all(tab.status == 200 for tab in tabs))
        await here.broadcast("t", {"n": 2})
        await until(lambda: all(tab.seen == [2] for tab in [*tabs, mine]))
        assert {tab.resets for tab in tabs} == {0} and mine.resets == 1
        for tab in [*tabs, mine, strange]: await tab.leave()
        for manager in (here, there): await manager.close()
    asyncio.run(go())


def test_readers_of_a_new_life_may_come_later_where_a_process_is_not_back_in_time():
    async def go():
        line, here, there, _, app, _ = await one_is_back_the_other_not()
        there.cluster.open_timeout = 0.1
        tab = Tab(app, here.cursor())
        await tab.task
        assert tab.status == 503 and not tab.resets
        line.opens.set()
        for manager in (here, there): await manager.close()
    asyncio.run(go())


class Forgetful(Line):
    "A connection to a backplane that reports a loss of its events only when asked, and not to a waiting read"
    async def open(self, limits):
        self.opened = await super().open(limits)
        return self.opened

    async def read(self, after, count=500, wait=0):
        if wait: await self.may_read()
        if self.opened.epoch != self.engine.epoch: raise BackplaneError("it has lost its events; open it again")
        return await super().read(after, count, wait)


def test_readers_of_a_new_life_at_a_process_that_has_not_noticed_it_are_not_reset():
    async def go():
        line = Forgetful(MemoryBackplane())
        manager, app = new_app(line)
        await manager.ready()
        await line.hold()  # it waits, and the backplane loses its events
        line.engine = MemoryBackplane()
        newcomer = BroadcastManager(backplane=line.engine)
        await newcomer.broadcast("t", {"n": 1})
        tab = Tab(app, newcomer.cursor())
        await until(lambda: line.opened.epoch == line.engine.epoch)
        line.reads.set()
        await until(lambda: tab.status == 200)
        await newcomer.broadcast("t", {"n": 2})
        await until(lambda: tab.seen == [2])
        assert not tab.resets
        await tab.leave()
        for each in (manager, newcomer): await each.close()
    asyncio.run(go())


# Positions that were never assigned

async def a_file_put_back(tmp_path):
    "A cursor after ten events, and a file with five of them"
    path = f"{tmp_path}/events.db"
    async with asyncio.timeout(20):
        manager, _ = new_app(f"sqlite:///{path}")
        for n in range(10):
            await manager.broadcast("t", {"n": n})
            if n == 4: copy(path, f"{tmp_path}/backup.db")
        seen = manager.cursor()
        await manager.close()
    copy(f"{tmp_path}/backup.db", path)
    return f"sqlite:///{path}", seen


def copy(source, target):
    one, two = sqlite3.connect(source), sqlite3.connect(target)
    with two: one.backup(two)
    one.close()
    two.close()


@pytest.mark.parametrize("how", ["quiet", "busy", "burst"])
def test_a_tab_that_is_further_than_an_older_state_of_the_engine_is_told_once(tmp_path, how):
    async def go():
        url, seen = await a_file_put_back(tmp_path)
        manager, app = new_app(url)
        await manager.ready()
        await manager.broadcast("t", {"n": 5})
        tab, pause = Tab(app, seen), dict(quiet=0.1, busy=0.02, burst=0)[how]
        if how != "burst": await until(lambda: tab.status)
        for n in range(6, 16):
            await manager.broadcast("t", {"n": n})
            await asyncio.sleep(pause)
        await until(lambda: tab.seen and tab.seen[-1] == 15)
        assert tab.resets == 1 and tab.seen == [*range(tab.seen[0], 16)]
        assert tab.text.index("sse-reset") < tab.text.index('"n"')
        again = Tab(app, tab.last_id)
        await until(lambda: again.last_id)
        assert not again.resets
        for each in (tab, again): await each.leave()
        await manager.close()
    asyncio.run(go())


def test_a_tab_that_merely_comes_to_a_slow_process_is_not_reset():
    async def go():
        engine = MemoryBackplane()
        line = Line(engine)
        (here, app), (there, slow_app) = new_app(Line(engine)), new_app(line)
        for manager in (here, there): await manager.ready()
        await line.hold()
        tab = Tab(app)
        for n in range(20): await here.broadcast("t", {"n": n})
        await until(lambda: len(tab.seen) == 20)
        moved = [Tab(slow_app, tab.last_id) for _ in range(10)]
        early = Tab(slow_app, tab.last_id.rpartition("-")[0] + "-1000000")  # and one with an invented id
        await asyncio.sleep(0.3)
        line.reads.set()
        await here.broadcast("t", {"n": 20})
        await until(lambda: all(one.seen == [20] for one in moved) and early.resets)
        assert {one.resets for one in moved} == {0} and early.resets == 1
        for each in [tab, early, *moved]: await each.leave()
        for manager in (here, there): await manager.close()
    asyncio.run(go())


def test_ids_that_strangers_make_up_do_no_harm(tmp_path):
    async def go():
        manager, app = new_app(f"sqlite:///{tmp_path}/events.db")
        await manager.ready()
        epoch = manager.cursor().rpartition("-")[0]
        ids = [f"{epoch}-{10**k - 1}" for k in range(1, 21)] + [f"{epoch}-{7 * k}" for k in range(1, 80)]
        tabs = [Tab(app, id) for id in ids]
        await until(lambda: all(tab.resets for tab in tabs))
        assert await manager.broadcast("t", {"n": 1}) == len(tabs) and state(manager) == "open"
        await until(lambda: all(tab.seen == [1] for tab in tabs))
        assert {tab.resets for tab in tabs} == {1}
        for tab in tabs: await tab.leave()
        await manager.close()
    asyncio.run(go())
