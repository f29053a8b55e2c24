"""An application of the published 0.0.12 (`by_hand_app.py`) runs unchanged, with everything that it can rely on.

It runs over a real socket against this package and, if pip can download it, against 0.0.12. Both must give the same
results. The application avoids the cases in which 0.0.12 loses or duplicates events, or returns wrong results.
"""

import asyncio
import inspect
import json
import os
import re
import socket
import subprocess
import sys
import zipfile
from contextlib import ExitStack, contextmanager
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from time import monotonic

import cjm_fasthtml_sse
import httpx2
import pytest
from cjm_fasthtml_sse import BroadcastManager, ConnectionClosed
from cjm_fasthtml_sse.core import broadcast, connections, streaming
from until import until

APP = Path(__file__).with_name("by_hand_app.py")
DEADLINE = 20  # Maximum for each step; a generous limit, not a delay


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    "Provide a folder with 0.0.12 from PyPI, to put first on the path"
    folder = tmp_path_factory.mktemp("published")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    wanted = ["--retries=0", "-d", folder, "cjm-fasthtml-sse==0.0.12"]
    done = subprocess.run([*command, *wanted], capture_output=True, text=True)
    if done.returncode: pytest.skip(f"pip cannot fetch 0.0.12: {done.stderr.strip()[-200:]}")
    for wheel in folder.glob("*.whl"): zipfile.ZipFile(wheel).extractall(folder)
    return folder


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


# Every function, class, method, parameter, order and default of 0.0.12. `MADE` is a default that each instance
# creates anew.
MADE = object()
SIGNATURES = {
    "broadcast": {
        "create_broadcast_handler": "manager, element_builder=None",
        "setup_broadcast_routes": "app, manager, prefix='/sse', element_builder=None",
        "BroadcastMessage": "type, data, timestamp=MADE, metadata=None",
        "BroadcastMessage.to_dict": "self",
        "BroadcastMessage.to_json": "self",
        "BroadcastMessage.to_sse": "self, event_type='message'",
        "BroadcastManager": "max_queue_size=100, history_limit=50, queue_timeout=0.1, debug=False",
        "async BroadcastManager.register": "self, connection_id=None, metadata=None",
        "async BroadcastManager.unregister": "self, connection_id",
        "async BroadcastManager.broadcast": "self, message_type, data, metadata=None, exclude=None",
        "async BroadcastManager.send_to": "self, connection_id, message_type, data, metadata=None",
        "BroadcastManager.get_connection_count": "self",
        "BroadcastManager.get_history": "self, limit=None",
    },
    "connections": {
        "create_sse_element": "endpoint, element_id=None, swap_strategy='message', hidden=False, **attrs",
        "cleanup_sse_on_unload": "",
        "create_reconnection_script": "check_interval=5000, max_retries=5, debug=False",
        "create_connection_manager_script": "registry_endpoint='/sse/connections', update_interval=10000",
        "SSEConnection": (
            "connection_id, queue, connection_type='global', state=connections.ConnectionState.CONNECTING, "
            "metadata=MADE, created_at=MADE, last_activity=MADE, message_count=0"),
        "async SSEConnection.send": "self, data, timeout=1.0",
        "async SSEConnection.heartbeat": "self",
        "SSEConnection.close": "self",
        "SSEConnection.is_active": "self",
        "ConnectionRegistry": "debug=False",
        "async ConnectionRegistry.add_connection":
            "self, conn_id=None, conn_type='global', queue_size=100, metadata=None",
        "async ConnectionRegistry.remove_connection": "self, conn_id",
        "ConnectionRegistry.get_connection": "self, conn_id",
        "ConnectionRegistry.get_connections": "self, conn_type=None",
        "ConnectionRegistry.get_active_connections": "self, conn_type=None",
        "ConnectionRegistry.get_stats": "self",
    },
    "streaming": {
        "StreamConfig": (
            "heartbeat_interval=30.0, timeout=None, send_initial_message=True, initial_message='Connected', "
            "send_close_message=True, close_message='Connection closed', debug=False"),
        "SSEStream": "config=None",
        "SSEStream.stream": "self, data_source, transform_fn=None",
        "SSEStream.stop": "self",
        "OOBStreamBuilder": "",
        "OOBStreamBuilder.add_element": "self, element, target_id=None, swap_mode='innerHTML', wrap=True",
        "OOBStreamBuilder.add_elements": "self, elements",
        "OOBStreamBuilder.build": "self",
        "OOBStreamBuilder.clear": "self",
    },
}
STATES = {name.upper(): name for name in ("connecting", "connected", "disconnected", "error", "reconnecting")}
MODULES = dict(broadcast=broadcast, connections=connections, streaming=streaming)
CASES = [(module, name, asked) for module, names in SIGNATURES.items() for name, asked in names.items()]


def positional(found):
    "Return names, defaults and kinds of the parameters that can be positional, or `**attrs`"
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.VAR_KEYWORD)
    return [(p.name, p.default, p.kind) for p in found.parameters.values() if p.kind in kinds]


@pytest.mark.parametrize("module, name, asked", CASES, ids=[name.split()[-1] for _, name, _ in CASES])
def test_a_signature_begins_as_in_the_description(module, name, asked):
    known = {"connections": connections, "MADE": MADE}
    expected = positional(inspect.signature(eval(f"lambda {asked}: None", known)))
    owner, _, method = name.split()[-1].partition(".")
    ours = getattr(MODULES[module], owner)
    assert getattr(cjm_fasthtml_sse, owner) is ours
    own_fields = fields(ours) if is_dataclass(ours) and not method else ()
    made = {field.name for field in own_fields if field.default_factory is not MISSING}
    if method: ours = getattr(ours, method)
    found = [(n, MADE if n in made else default, kind) for n, default, kind in positional(inspect.signature(ours))]
    assert found[:len(expected)] == expected
    added = [p for p in inspect.signature(ours).parameters.values() if p.name not in {n for n, *_ in expected}]
    assert all(p.default is not p.empty or p.kind is p.VAR_KEYWORD for p in added), "what is added has a default"
    assert inspect.iscoroutinefunction(ours) == name.startswith("async ")


def test_the_states_are_those_of_the_description():
    assert {state.name: state.value for state in connections.ConnectionState} == STATES


def test_a_stream_hands_out_an_async_generator():
    frames = streaming.SSEStream().stream([])
    assert hasattr(frames, "__anext__") and hasattr(frames, "aclose") and hasattr(frames, "asend")


def test_the_description_itself_says_the_same(published):
    "Compare the table above with 0.0.12, so that it cannot be wrong"
    program = """
import inspect, json, sys
from importlib import import_module
def signature(module, name):
    of = import_module(f"cjm_fasthtml_sse.core.{module}")
    for part in name.split()[-1].split("."): of = getattr(of, part)
    return [p.name for p in inspect.signature(of).parameters.values()], inspect.iscoroutinefunction(of)
print(json.dumps([signature(module, name) for module, name in json.load(sys.stdin)]))
"""
    asked = json.dumps([(module, name) for module, name, _ in CASES])
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, input=asked, cwd=published, capture_output=True, text=True, check=True)
    for (_, name, text), (names, is_async) in zip(CASES, json.loads(done.stdout), strict=True):
        signature = inspect.signature(eval(f"lambda {text}: None", {"connections": connections, "MADE": MADE}))
        assert list(signature.parameters) == names, name
        assert is_async == name.startswith("async "), name


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
