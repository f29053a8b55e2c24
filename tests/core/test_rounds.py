"""Rounds give each reader the bytes that it gets without them, over uvicorn's own protocols.

The transport is the test's, so that it can pause. Two applications do the same, one with rounds and one without. One
may be some turns of the loop later than the other. So a reader that leaves has the beginning of what the other one has,
and a private frame that only one of them refuses, because its mailbox is full at that moment, is not compared. A
revocation ends a stream whose mailbox is full, so that is compared like one that left. An event that a newer one of its
key replaces may be shown by one of them. Resets of events that cannot be rendered are joined if they are sent
together. The marks of an id are those of the moment in which its frame is made, so they are compared only in the last
id. The log trims nothing, and a right ends when all is quiet. What a turn changes there is left to the simulation."""

import asyncio
import random
import re
import threading

import pytest
import uvicorn
from cjm_fasthtml_sse import AccessPolicy, BroadcastManager, Delivery, Replay, setup_broadcast_routes
from cjm_fasthtml_sse.core import rounds
from cjm_fasthtml_sse.runtime.time import Time
from fasthtml.common import FastHTML
from hypothesis import HealthCheck, given, settings, strategies as st
from uvicorn.server import ServerState

TOPICS = None, "a", "b/1"
ASKED = (), ("a",), ("b/*",), ("a", "b/1"), ("**",)
TURNS = 40  # of the loop, after which all is quiet
PATIENCE = 30  # seconds


class Transport(asyncio.Transport):
    "Keeps what is written, and pauses when it is told to"

    def __init__(self):
        super().__init__()
        self.written, self.is_closed, self.is_lost, self.is_paused, self.wrongs = bytearray(), False, False, False, []

    def write(self, data):
        has_ended = self.written.endswith(b"\r\n0\r\n\r\n")
        if self.is_paused or self.is_lost or has_ended: self.wrongs.append(bytes(data))
        self.written += data

    def close(self):
        if not self.is_closed: asyncio.get_running_loop().call_soon(self.lose)
        self.is_closed = True

    def lose(self):
        if not self.is_lost: self.protocol.connection_lost(None)
        self.is_closed = self.is_lost = True

    def abort(self): self.close()
    def is_closing(self): return self.is_closed
    def get_write_buffer_size(self): return 0
    def pause_reading(self): "Nothing is read"
    def resume_reading(self): "Nothing is read"
    def set_protocol(self, protocol): self.protocol = protocol


class Reader:
    "One request for a stream"

    def __init__(self, config, number, topics, last_id=""):
        self.transport, self.has_left, self.has_ended = Transport(), False, False
        self.protocol = config.http_protocol_class(config=config, server_state=ServerState(), app_state={})
        self.transport.protocol = self.protocol
        self.protocol.connection_made(self.transport)
        query = "&".join([f"connection_id=c{number}", *(f"topic={topic}" for topic in topics)])
        lines = [f"GET /sse/broadcast?{query} HTTP/1.1", "Host: localhost", f"X-User: u{number}"]
        if last_id: lines.append(f"Last-Event-ID: {last_id}")
        self.protocol.data_received("\r\n".join([*lines, "", ""]).encode())

    def pause(self):
        self.transport.is_paused = True
        self.transport.protocol.pause_writing()

    def resume(self):
        self.transport.is_paused = False
        self.transport.protocol.resume_writing()

    def leave(self):
        self.has_left = True
        self.transport.lose()

    def body(self):
        "What came after the head, without the frames of chunks"
        _, _, rest = bytes(self.transport.written).partition(b"\r\n\r\n")
        found = b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            found, rest = found + rest[:int(size, 16)], rest[int(size, 16) + 2:]
        return found


def offer(rounds, event, streams, version):
    "What a hub does without rounds"
    chosen = [each for each in streams if each.connection_id not in event.exclude]
    for each in chosen: each.offer(event)
    return len(chosen)


class App:
    "An application with its readers"

    def __init__(self, http):
        chance = random.Random(5)
        def token(size): return f"{chance.getrandbits(8 * size):x}"
        time = Time(lambda: 0.0, random=lambda least, most: least, token=token)
        delivery = Delivery(max_queue_bytes=2_000, max_send_bytes=400)
        about = dict(clock=time, replay=Replay(max_events=1000), delivery=delivery, heartbeat_interval=0)
        self.manager, self.readers, self.broken, self.n = BroadcastManager(4, **about), [], set(), 0
        self.private, self.newest, self.replaced = {}, {}, set()  # numbers of events
        async def identify(req): return req.headers["x-user"]
        async def authorize(req, topics): return topics
        app = FastHTML(secret_key="for this test")
        policy = AccessPolicy(identify, authorize)
        def build(kind, data): return self.build(kind, data)
        setup_broadcast_routes(app, self.manager, element_builder=build, policy=policy)
        self.config = uvicorn.Config(app, http=http, lifespan="off", log_config=None, access_log=False)
        self.config.load()

    def build(self, kind, data):
        if data["n"] in self.broken: raise ValueError("it cannot be rendered")
        return "" if data["n"] % 7 == 6 and "is_private" not in data else f"<p>{data['n']}{'x' * data['size']}</p>"

    async def join(self, topics):
        "Wait until the stream has begun, however long a thread of the application takes"
        self.readers.append(reader := Reader(self.config, len(self.readers), topics))
        async with asyncio.timeout(PATIENCE):
            while b"\nid: " not in reader.transport.written: await asyncio.sleep(0)  # noqa: ASYNC110 - it is a list

    async def turn(self, count=TURNS):
        for _ in range(count): await asyncio.sleep(0)

    def reader(self, number): return self.readers[number % len(self.readers)] if self.readers else None

    async def do(self, what, *given):
        if what == "join": return await self.join(*given)
        if what == "turn": return await self.turn(*given)
        if what == "send": return await self.send(*given)
        if what == "revoke":
            await self.turn()
            return await self.manager.revoke(f"u{given[0]}", given[1])
        if what == "private":
            data = self.data(0) | dict(is_private=True)
            self.private[data["n"]] = await self.manager.send_to(f"c{given[0]}", "note", data)
        elif what == "statistics": self.manager.statistics()
        elif what == "close":
            connection = self.manager.hub.registry.get_connection(f"c{given[0]}")
            if connection is not None: connection.close()
            if reader := self.reader(given[0]): reader.has_left = True
        elif reader := self.reader(given[0]): getattr(reader, what)()

    def data(self, size):
        self.n += 1
        return dict(n=self.n, size=size)

    async def send(self, topic, key, excluded, count, size, is_broken):
        results = []
        for _ in range(count):
            data = self.data(size)
            if is_broken: self.broken.add(data["n"])
            elif key: self.replaced.add(self.newest.get(topic)), self.newest.update({topic: data["n"]})
            ids = {f"c{number}" for number in excluded}
            about = dict(topic=topic, key=None if is_broken else key, exclude=ids or None)
            results.append(self.manager.broadcast_nowait("note", data, **about))
        return results


READER = st.integers(0, 4)
SEND = st.tuples(st.just("send"), st.sampled_from(TOPICS), st.sampled_from((None, None, "k")),
                 st.lists(READER, max_size=1), st.sampled_from((1, 1, 2, 3, 4, 6, 20)),
                 st.sampled_from((0, 0, 150, 300, 900)), st.sampled_from((False, False, False, True)))
STEP = st.one_of(
    SEND, SEND, SEND, st.tuples(st.just("turn"), st.sampled_from((1, 1, 1, 2, TURNS))),
    st.tuples(st.just("join"), st.sampled_from(ASKED)),
    st.tuples(st.sampled_from(("pause", "resume", "leave")), READER),
    st.tuples(st.just("revoke"), READER, st.sampled_from(("a", "b/1", "b/*"))),
    st.tuples(st.sampled_from(("private", "private", "close")), READER),
    st.just(("statistics",)))


async def play(steps, http):
    "Do the steps, and return the application, what each call returned, and how much still waits"
    app, results = App(http), []
    for topics in ASKED[:3]: await app.do("join", topics)
    await app.turn()
    for step in steps: results.append(await app.do(*step))
    await app.turn()
    for reader in app.readers: reader.resume()
    await app.turn(200)
    await app.send(None, None, (), 1, 0, False)
    await app.turn(200)
    waiting = app.manager.statistics().waiting
    for reader in app.readers: reader.has_ended = b"event: sse-retry" in reader.transport.written
    assert [reader.transport.wrongs for reader in app.readers] == [[]] * len(app.readers)
    await app.manager.close()
    return app, results, waiting


def without(body, numbers):
    "A body without the frames of these events, without marks, and without resets that the one before makes needless"
    body = re.sub(rb"([0-9a-f]{16}-[0-9]+)[.0-9a-f]+", rb"\1", body)
    kept, told = [], set()
    for block in body.split(b"\n\n"):
        if (shown := re.search(rb"<p>(\d+)", block)) and int(shown[1]) in numbers: continue
        is_reset = block.startswith(b"event: sse-reset") and b'"render"' in block
        topic = re.search(rb"\ntopic: .*|$", block)[0]
        is_mark = ID.sub(b"", block).strip(b"\n") in (b"", b": heartbeat")  # after a replay, or in silence
        if not is_mark and (not is_reset or told.isdisjoint((b"", topic))): kept.append(block)
        told = told | {topic} if is_reset else set()
    return b"\n\n".join(kept)


ID = re.compile(rb"^id: [0-9a-f]{16}-([0-9]+).*$", re.M)


def no_id_is_ahead(body):
    "An id says that the reader has all events up to it, so each event has a later one than those before it"
    newest = -1
    for block in body.split(b"\n\n"):
        if (found := ID.search(block)) is None: continue
        is_event = b"<p>" in block
        assert int(found[1]) > newest or (not is_event and int(found[1]) == newest), block
        newest = int(found[1])


def compare(one, other):
    "Compare two applications that did the same"
    differ = [n for n, result in one.private.items() if result != other.private[n]] + [*one.replaced]
    for reader, twin in zip(one.readers, other.readers, strict=True):
        for each in (reader, twin): no_id_is_ahead(each.body())
        bodies = [without(each.body(), differ) for each in (reader, twin)]
        ids = [re.findall(rb"\nid: (.*)\n", each.body())[-1:] for each in (reader, twin)]
        is_cut_off = any(each.has_left or each.has_ended for each in (reader, twin))
        assert is_cut_off or ids[0] == ids[1]
        if is_cut_off: bodies = [body.partition(b"event: sse-retry")[0] for body in bodies]
        if is_cut_off: bodies = [body[:min(map(len, bodies))] for body in bodies]
        assert bodies[0] == bodies[1]


@pytest.mark.sample(1)
@pytest.mark.parametrize("http", ["httptools", "h11", "cjm_fasthtml_sse.asgi.uvicorn:HttpTools"])
@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=60, database=None)
@given(steps=st.lists(STEP, max_size=25), is_cut=st.booleans())
def test_each_reader_gets_the_bytes_that_it_gets_without_rounds(http, steps, is_cut):
    "If it is cut, a round writes to one reader in each turn of the loop."
    with pytest.MonkeyPatch.context() as patch:
        if is_cut:
            patch.setattr(rounds, "SLICE", 1)
            patch.setattr(rounds, "ROUND_TIME", -1)
        one, *results = asyncio.run(play(steps, http))
        patch.setattr(rounds.Rounds, "add", offer)
        other, *others = asyncio.run(play(steps, http))
    assert results == others
    compare(one, other)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_was_noted_when_a_loop_ended_holds_up_nothing_on_the_next_one(monkeypatch):
    app = App("httptools")
    monkeypatch.setattr(rounds, "SLICE", 1)
    monkeypatch.setattr(rounds, "ROUND_TIME", -1)
    async def leave_it():
        for _ in range(5): await app.join(())
        app.manager.broadcast_nowait("note", app.data(0))  # the loop ends before all have it
    async def go_on():
        await app.join(())
        for _ in range(3):
            await app.send(None, None, (), 1, 0, False)
            await app.turn()
        return app.readers[-1].body()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave_it())
    loop.close()  # at once, unlike `asyncio.run`
    body = asyncio.run(go_on())
    assert [int(n) for n in re.findall(rb"<p>(\d+)", body)] == [app.n - 2, app.n - 1, app.n]


@pytest.mark.parametrize("topic", [None, "a"])
def test_an_element_builder_may_broadcast(topic):
    "Its event comes while the chunk of the first one is made"
    app = App("httptools")
    def build(kind, data):
        if data["n"] == 1: app.manager.broadcast_nowait("note", app.data(0), topic=topic)
        return f"<p>{data['n']}</p>"
    app.build = build
    async def main():
        for _ in range(3): await app.join(("a",))
        await app.send(None, None, (), 1, 0, False)
        await app.turn()
        await app.send(None, None, (), 1, 0, False)
        await app.turn()
    asyncio.run(main())
    for reader in app.readers: assert re.findall(rb"<p>(\d+)", reader.body()) == [b"1", b"2", b"3"]


def test_a_thread_that_asks_for_numbers_takes_no_event_from_a_reader():
    "It asks while the chunk of a round is made, as a sync handler may"
    app, counts = App("httptools"), []
    def ask(): counts.append((app.manager.statistics().connections, len(app.manager.connections)))
    def build(kind, data):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        return f"<p>{data['n']}</p>"
    app.build = build
    async def main():
        for _ in range(3): await app.join(())
        await app.turn()
        await app.send(None, None, (), 2, 0, False)
        await app.turn()
    asyncio.run(main())
    assert set(counts) == {(3, 3)}
    for reader in app.readers: assert re.findall(rb"<p>(\d+)", reader.body()) == [b"1", b"2"]
