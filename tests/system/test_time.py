"One object has the time and the chance of a manager: no module asks another source, and a test that owns it owns both."

import ast
import asyncio
import itertools
import random
import sys
from pathlib import Path

import pytest
from asgi_tab import Tab
from fasthtml.common import FastHTML

from cjm_fasthtml_sse import BackplaneError, BroadcastManager, BroadcastMessage, Cluster, Log, Mailbox, MemoryBackplane
from cjm_fasthtml_sse import Renderer, Replay, setup_broadcast_routes, sign_topics
from cjm_fasthtml_sse.runtime.time import Time

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools"))
from rooms import all_rooms  # noqa: E402

SOURCES = {"time": None, "random": None, "secrets": None, "uuid": ["uuid1", "uuid4"], "os": ["urandom", "getrandom"],
           "datetime": ["now", "today", "utcnow"]}  # the names of a module that count; None for all
EXCEPTIONS = {
    "runtime.time": {"time", "random", "secrets"},  # where the defaults come from
    "core.access": {"secrets"},  # a key to sign with is a secret and not a name; it is made with the module
    "core.connections": {"datetime"},  # SSEConnection of 0.0.12, which applications make themselves, has no manager
    "backplanes.sqlite_file": {"time"},  # pauses of a thread that SQLite makes wait
    "backplanes.sqlite_library": {"time"},  # as above
    # The kit owns time and chance. Its engine of time reads how long real steps take.
    "testing.loop": {"time"}, "testing.server": {"random", "time"}, "testing.world": {"random"},
    "testing.stream": {"random"},
    "backplanes.conformance": {"secrets"}, "backplanes.conformance_life": {"secrets"},  # names of stores, and bytes
}


def sources_of(tree):
    "The modules of SOURCES that `tree` imports or asks."
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
        if isinstance(node, ast.Import): yield from (name for name in names if SOURCES.get(name, "") is None)
        if isinstance(node, ast.ImportFrom) and not node.level and node.module in SOURCES:
            wanted = SOURCES[node.module]
            if wanted is None or set(wanted) & set(names): yield node.module
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in (SOURCES.get(node.value.id) or ()): yield node.value.id


def test_no_module_has_another_source_of_time_or_chance():
    found = {name.removeprefix("cjm_fasthtml_sse."): set(sources_of(room.tree)) for name, room in all_rooms().items()}
    assert {name: sources for name, sources in found.items() if sources} == EXCEPTIONS


@pytest.mark.parametrize("code", ["import time", "from random import choice", "from os import urandom\nurandom(3)",
                                  "from datetime import datetime\ndatetime.now()", "import os\nos.urandom(1)",
                                  "import uuid\nuuid.uuid4()"])
def test_the_check_finds(code): assert set(sources_of(ast.parse(code)))


class Owned:
    "A world of which a test owns the time: `seconds` since the start, and the same chance in each run."
    def __init__(self): self.seconds, self.chance, self.names = 0.0, random.Random(1), itertools.count(1)

    @property
    def time(self):
        names = self.names
        return Time(lambda: 1000.0 + self.seconds, lambda: 1_800_000_000.0 + self.seconds, self.chance.uniform,
                    lambda n: f"{next(names):0{2 * n}x}")


@pytest.fixture
def owned(): return Owned()


def app_of(owned, **kwargs):
    manager = BroadcastManager(clock=owned.time, heartbeat_interval=0, **kwargs)
    app = FastHTML(secret_key="k" * 32)
    setup_broadcast_routes(app, manager)
    return app, manager


async def one_run(owned, backplane):
    "Return a token, the bytes that a page reads up to the closing frame, and when its connection began."
    app, manager = app_of(owned, backplane=backplane)
    token = sign_topics(manager, "room/1")
    async with Tab(app, f"signed={token}&connection_id=mine") as tab:
        for n in range(3):
            owned.seconds += 0.25
            await manager.broadcast("tick", {"n": n}, topic="room/1", key=f"k{n}", retain=n == 2)
        await tab.hears('"n": 2')
        await manager.register("queue")
        listed = [each["connected_at"] for each in manager.connection_metadata.values()]
        await manager.disconnect(dict(topic="room/1"), reconnect=True)
        await tab.task
    await manager.close()
    return token, tab.text, listed


@pytest.mark.parametrize("engine", [None, "sqlite"])
def test_two_runs_write_the_same_bytes(engine, tmp_path):
    urls = [engine and f"sqlite:///{tmp_path}/{name}.db" for name in "ab"]
    first, second = [asyncio.run(one_run(Owned(), url)) for url in urls]
    assert first == second and "retry:" in first[1] and first[1].count("event: message") == 3


def test_the_age_of_a_token_is_measured_by_the_managers_clock(owned): asyncio.run(token_ages(owned))


async def token_ages(owned):
    app, manager = app_of(owned)
    token = sign_topics(manager, "room/1")
    owned.seconds = 24 * 3600 - 1
    async with Tab(app, f"signed={token}") as tab: assert tab.status == 200
    owned.seconds += 2
    async with Tab(app, f"signed={token}") as tab: assert (tab.status, "expired" in tab.text) == (403, True)


@pytest.mark.parametrize("engine", [None, "sqlite"])
def test_the_age_of_an_event_is_measured_by_the_managers_clock(engine, owned, tmp_path):
    asyncio.run(event_ages(owned, engine and f"sqlite:///{tmp_path}/log.db"))


async def event_ages(owned, url):
    app, manager = app_of(owned, backplane=url, replay=Replay(max_age=60))
    await manager.ready()
    before = manager.cursor()
    await manager.broadcast("tick", {})
    owned.seconds = 59
    async with Tab(app, last_id=before) as tab:
        await tab.hears("tick")
        assert not tab.resets
    owned.seconds = 61
    async with Tab(app, last_id=before) as tab:
        await tab.hears("sse-reset")
        assert [each["reason"] for each in tab.resets] == ["expired"]
    await manager.close()
    if url is None: return
    after = BroadcastManager(clock=owned.time, backplane=url, replay=Replay(max_age=60))
    await after.ready()
    assert (after.statistics().log_events, after.get_history()) == (0, [])
    await after.close()


def test_a_clock_that_stands_still_holds_no_deadline_up():
    "Waits and their deadlines are measured by the loop's clock, never by two"
    class Hanging(MemoryBackplane):
        async def publish(self, publications): await asyncio.sleep(3600)
    async def main():
        stands = Time(monotonic=lambda: 0.0)
        assert await MemoryBackplane(time=stands).read({"events": 0}, wait=0.05) == []
        manager = BroadcastManager(clock=stands, backplane=Hanging(), cluster=Cluster(publish_timeout=0.2))
        with pytest.raises(BackplaneError, match="in 0.2 s"): await manager.broadcast("tick", {})
        await manager.close()
    asyncio.run(asyncio.wait_for(main(), 30))


def test_a_mailbox_reads_on_however_fast_the_clock_goes():
    "A slice of work ends after its first batch at the earliest"
    ticks = itertools.count()
    log = Log(clock=lambda: next(ticks))
    mailbox = Mailbox(log, "conn_1", Renderer())
    for n in range(500): mailbox.offer(log.append(BroadcastMessage("tick", {"n": n})))
    taken = b"".join(mailbox.take() for _ in range(500))
    assert taken.count(b"event: message") == 500
