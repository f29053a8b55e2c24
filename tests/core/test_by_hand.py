"""An application of the published 0.0.12 (`by_hand_app.py`) runs unchanged, with everything that it can rely on.

It runs over a real socket against this package and, if pip can download it, against 0.0.12. Both must give the same
results. The application avoids the cases in which 0.0.12 loses or duplicates events, or returns wrong results.
"""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic

import cjm_fasthtml_sse
import httpx2
import pytest
from cjm_fasthtml_sse import BroadcastManager, ConnectionClosed
from until import until

APP = Path(__file__).with_name("by_hand_app.py")
DEADLINE = 20  # Maximum for each step; a generous limit, not a delay


@contextmanager
def served(path):
    "Run the application in a process of its own; its socket listens before the process starts"
    env = {**os.environ, "PYTHONPATH": str(path)}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command, port = [sys.executable, APP, str(listener.fileno())], listener.getsockname()[1]
        process = subprocess.Popen(command, env=env, pass_fds=[listener.fileno()], stderr=subprocess.PIPE, text=True)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE) as client: yield client
    finally:
        process.terminate()
        try: _, said = process.communicate(timeout=DEADLINE)
        finally: process.kill()
    assert "Traceback" not in said, said


@pytest.fixture(scope="module", params=["this package", "0.0.12"])
def caller(request):
    "Provide a client of the application, for each of the two versions"
    ours = request.param == "this package"
    path = Path(cjm_fasthtml_sse.__file__).parents[1] if ours else request.getfixturevalue("published")
    with served(path) as client:
        assert client.get("/version").text == (cjm_fasthtml_sse.__version__ if ours else "0.0.12")
        yield client


def count(client): return client.get("/sse/status").json()["connections"]


def heard(stream):
    "Yield events with data, by an independent parser; the deadline also ends a stream of heartbeats"
    deadline = monotonic() + DEADLINE
    for event in httpx2.EventSource(stream):
        assert monotonic() < deadline, "only heartbeats"
        if event.data: yield event


@contextmanager
def listening(client, *urls):
    "Yield the events of each stream when all are registered; at the end, all have left"
    with ExitStack() as stack:
        before, streams = count(client), [stack.enter_context(client.stream("GET", url)) for url in urls]
        until(lambda: count(client) == before + len(urls))
        yield [heard(stream) for stream in streams]
    until(lambda: count(client) == before)


def message(event):
    "Return name and content of an event that contains a message as JSON, without the time"
    found = json.loads(event.data)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?", found.pop("timestamp"))
    return event.event, found


def said(text, kind="said"): return {"type": kind, "data": {"text": text}, "metadata": {"by": "hand"}}


def say(client, text, **params): return client.post("/say", params={"text": text, **params}).json()


def test_a_queue_read_by_hand_gets_every_broadcast_in_order(caller):
    with listening(caller, "/queue", "/queue") as tabs:
        assert [say(caller, f"{n}") for n in range(10)] == [2] * 10
        expected = [("message", said(f"{n}")) for n in range(10)]
        for tab in tabs: assert [message(next(tab)) for _ in range(10)] == expected


def test_a_queue_has_the_id_and_the_metadata_that_were_given(caller):
    with listening(caller, "/queue?connection_id=mine") as (mine,):
        locked, waiting, pages, kept, limits, total = caller.get("/attributes").json()
        assert (locked, waiting, pages, total) == (True, {"mine": 0}, {"mine": "by hand"}, 1)
        assert limits == [20, 0.2, False, 5]
        assert say(caller, "not for me", exclude="mine") == 0
        assert caller.post("/tell/mine", params={"text": "for me"}).json() is True
        assert message(next(mine)) == ("message", {"type": "told", "data": {"text": "for me"}, "metadata": None})
    assert caller.post("/tell/mine", params={"text": "gone"}).json() is False


def test_ids_that_the_server_makes_look_as_they_did(caller):
    with listening(caller, "/queue"): ids = list(caller.get("/attributes").json()[1])
    assert len(ids) == 1 and re.fullmatch(r"conn_\d+", ids[0])


def test_waiting_with_a_limit_and_heartbeats_of_its_own(caller):
    with caller.stream("GET", "/patient?named=tick") as response:
        lines = response.iter_lines()
        assert [next(lines) for _ in range(4)] == [": still here", ""] * 2
        assert [say(caller, "one"), say(caller, "two", kind="bye")] == [1, 1]
        rest = [line for line in lines if line.startswith(("event: ", "data: "))]
    assert rest[::2] == ["event: tick"] * 2
    assert [json.loads(line[6:])["data"]["text"] for line in rest[1::2]] == ["one", "two"]
    until(lambda: count(caller) == 0)


@pytest.mark.parametrize("url", ["/sse/broadcast", "/own/stream", "/own/stream?connection_id=given"])
def test_the_ready_made_stream_sends_the_same_json(caller, url):
    with listening(caller, url, "/queue") as tabs:
        assert say(caller, "to all") == 2
        for tab in tabs: assert message(next(tab)) == ("message", said("to all"))
        assert ("given" in caller.get("/attributes").json()[1]) == ("given" in url)


@pytest.mark.parametrize("url", ["/html/broadcast", "/own/html"])
def test_an_element_builder_gets_type_and_data(caller, url):
    with listening(caller, url) as (page,):
        assert say(caller, "a < b", kind="note") == 1
        assert next(page).data == '<li id="note">a &lt; b</li>'


def test_a_client_that_leaves_is_gone_for_all(caller):
    with listening(caller, "/queue") as (stays,):
        with listening(caller, "/queue", "/sse/broadcast"): assert say(caller, "three") == 3
        assert say(caller, "one") == 1
        assert [message(next(stays)) for _ in range(2)] == [("message", said("three")), ("message", said("one"))]


def test_status_and_history_tell_what_was_sent(caller):
    for n in range(7): assert say(caller, f"{n}") == 0
    status = caller.get("/sse/status").json()
    assert (status["connections"], status["history_size"]) == (0, 5)
    keys = ["data", "metadata", "timestamp", "type"]
    assert caller.get("/history").json() == [["said", {"text": f"{n}"}, {"by": "hand"}, keys] for n in range(2, 7)]
    assert [m[1]["text"] for m in caller.get("/history", params={"limit": 2}).json()] == ["5", "6"]
    assert caller.get("/attributes").json()[3] == ["2", "3", "4", "5", "6"]


def test_a_registry_by_hand(caller):
    def stats(): return caller.get("/registry/stats").json()
    with caller.stream("GET", "/registry") as response:
        lines = response.iter_lines()
        assert re.match(r": heartbeat job_\d+ \d{4}-", next(lines))
        numbers, kinds, known, ids, debug = stats()
        assert numbers == {"total": 1, "active": 1, "by_type": {"job": 1}, "message_count": 0}
        assert (kinds, known, debug) == ({"job": ids}, {ids[0]: ["connected", {"for": "job"}, 0]}, False)
        assert caller.post("/registry/send", params={"text": "half way"}).json() == [True]
        assert caller.post("/registry/send", params={"text": "nobody", "kind": "other"}).json() == []
        assert stats()[0]["message_count"] == 1
        assert caller.post("/registry/send", params={"text": "end"}).json() == [True]
        expected = [f'data: <div id="{ids[0]}">{text}</div>' for text in ("half way", "end")]
        assert [line for line in lines if "data" in line] == expected
    until(lambda: stats()[0]["total"] == 0)
    numbers, *rest = stats()
    assert (numbers["active"], numbers["message_count"], rest) == (0, 0, [{}, {}, [], False])


def test_a_connection_without_a_registry(caller):
    answer = [[True, False], True, True, [False, "disconnected", 1, "one"]]
    assert caller.get("/alone").json() == answer


def test_a_stream_yielded_through_fasthtml(caller):
    answer = caller.get("/stream")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [e.data for e in httpx2.EventSource(answer) if e.event == "message" and e.data]
    assert (events[0], json.loads(events[1]), events[2]) == ("text", {"n": 1}, '<div id="x">an element</div>')
    assert 'hx-swap-oob="beforeend"' in events[3] and '<li id="one">one</li>' in events[3]
    assert answer.text.startswith(": Hello\n\n") and answer.text.endswith(": Goodbye\n\n")


def test_a_stream_of_a_callable_with_a_transform(caller):
    events = [e.data for e in httpx2.EventSource(caller.get("/transformed")) if e.event == "message" and e.data]
    assert events == [f"<li>{n}</li>" for n in (0, 1, 4)]


def test_an_element_for_the_page(caller):
    page = caller.get("/page").text
    assert re.search(r'<div [^>]*sse-connect="/html/broadcast"', page)
    for part in ('hx-ext="sse"', 'sse-swap="message"', 'id="list"', 'class="live"'): assert part in page


async def story():
    manager = BroadcastManager()
    async def handler():
        connection_id, queue = await manager.register("tab")
        async def frames():
            try:
                while True: yield await queue.get()
            finally: await manager.unregister(connection_id)
        return frames()
    async def request():
        frames = await handler()  # registered in the task of the request ...
        await asyncio.create_task(anext(frames))  # ... and read and closed in a child task, as Starlette does
    older = asyncio.create_task(request())
    await asyncio.sleep(0)
    newer = asyncio.create_task(request())
    with pytest.raises(ConnectionClosed): await older
    left = manager.get_connection_count()
    newer.cancel()
    return left


def test_an_id_taken_again_stays_with_the_newcomer():
    assert asyncio.run(story()) == 1
