"Every call that sends an event rejects reserved and invalid event names."

import asyncio
import subprocess
import sys

import pytest
from asgi_tab import Tab, until
from cjm_fasthtml_sse import FrameError, Publisher, SSEStream, encode_frame, setup_broadcast_routes
from cjm_fasthtml_sse.backplanes.base import Publication, Limits
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane
from cjm_fasthtml_sse.events.record import Record, encode_record, make_record
from cjm_fasthtml_sse.core.broadcast import BroadcastMessage
from fasthtml.common import FastHTML
from settings import make_manager

BAD = ["sse-close", "sse-reset", "sse-error", "sse-retry", "sse-", "sse-to-come", "two\nlines", "cr\rhere", "nul\0"]
FINE = ["error", "open", "message", "sse", "ssessment", "SSE-close", " sse-close", "note"]


def served(named=True, **settings):
    app, manager = FastHTML(secret_key="x"), make_manager(**settings)
    setup_broadcast_routes(app, manager, named=named)
    return app, manager


WAYS = dict(
    broadcast=lambda m, name, id: m.broadcast(name, {}),
    broadcast_nowait=lambda m, name, id: m.broadcast_nowait(name, {}),
    broadcast_threadsafe=lambda m, name, id: asyncio.to_thread(m.broadcast_threadsafe, name, {}),
    send_to=lambda m, name, id: m.send_to(id, name, {}),
    send_to_user=lambda m, name, id: m.send_to_user("ana", name, {}),
    stream_to=lambda m, name, id: m.stream_to("job/1", source(), name),
    end_of_stream_to=lambda m, name, id: m.stream_to("job/1", source(), end_type=name),
    send=lambda m, name, id: m.hub.registry.get_connection(id).send(BroadcastMessage(name, {})),
)


async def source():
    pytest.fail("the source must not be read if the name is invalid")
    yield


@pytest.mark.parametrize("way", WAYS)
def test_of_a_manager(way):
    async def main():
        app, manager = served()
        async with Tab(app) as tab:
            id, = manager.connections
            for name in BAD:
                with pytest.raises(FrameError) as told:
                    if (sent := WAYS[way](manager, name, id)) is not None: await sent
                assert repr(name)[1:-1] in str(told.value) and ("'sse-'" in str(told.value)) == name.startswith("sse-")
            await manager.broadcast("note", {"n": "the last"})
            await tab.hears("the last")
            assert [name for name, *_ in tab.events] == ["note"] and manager.statistics().broadcasts == 1
        await manager.close()
    asyncio.run(main())


def test_of_a_publisher():
    async def main():
        engine = MemoryBackplane()
        async with Publisher(engine) as publisher:
            for name in BAD:
                with pytest.raises(FrameError): await publisher.publish_async(name, {})
        assert (await engine.open(Limits())).last == 0
    asyncio.run(main())


def test_of_a_publisher_in_plain_code(tmp_path):
    with Publisher(f"sqlite:///{tmp_path}/events.db") as publisher:
        for name in BAD:
            with pytest.raises(FrameError): publisher.publish(name, {})


def test_of_the_command(tmp_path):
    command = [sys.executable, "-m", "cjm_fasthtml_sse", "publish", "--url", f"sqlite:///{tmp_path}/events.db"]
    done = subprocess.run([*command, "--type", "sse-close", "--data", "1"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("'sse-close' cannot name an event") and "Traceback" not in done.stderr


@pytest.mark.parametrize("make", [lambda name: BroadcastMessage(name, {}).to_sse(name),
    lambda name: encode_frame("x", event=name)])
def test_of_a_stream_of_items(make):
    class Item:
        def __init__(self, name): self.name = name
        def to_sse(self): return frame if isinstance(frame := make(self.name), str) else frame.decode()
    async def read(items): return "".join([frame async for frame in SSEStream().stream(items)])
    async def main():
        for name in BAD:
            text = await read([Item(name), "never"])
            assert "never" not in text and 'data: {"reason": "The source of this stream failed"}' in text
            assert f"event: {name}\ndata: x" not in text
        if isinstance(make("note"), bytes): assert "never" not in await read([make("sse-close"), "never"])
        assert "event: note\n" in await read([Item("note")])
        assert "data: event: sse-close" in await read(["x\nevent: sse-close"]), "text is not a name"
    asyncio.run(main())


def test_what_only_looks_like_one_is_a_name():
    async def main():
        app, manager = served()
        async with Tab(app) as tab:
            for name in FINE: await manager.broadcast(name, {})
            await tab.hears('"type": "note"')
            assert [name for name, *_ in tab.events] == FINE
        await manager.close()
    asyncio.run(main())


def test_what_another_version_has_sent():
    "A backplane can hold an event with a name that is now reserved. A named route sends a reset in its place."
    async def main():
        engine = MemoryBackplane()
        record = make_record("note", {"n": 1})
        reserved = record.json.replace("note", "sse-close")
        record = Record("sse-close", record.data, record.timestamp, json=reserved)
        apps = [served(named, backplane=engine) for named in (True, False)]
        async with Tab(apps[0][0]) as named, Tab(apps[1][0]) as plain:
            await engine.publish([Publication(encode_record(record, "an older one", 1))])
            await apps[0][1].broadcast("note", {"n": 2})
            await named.hears('"n": 2')
            assert [name for name, *_ in named.events] == ["sse-reset", "note"]
            await until(lambda: len(plain.events) == 2)
            assert {name for name, *_ in plain.events} == {"message"}
        for _, manager in apps: await manager.close()
    asyncio.run(main())
