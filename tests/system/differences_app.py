"""Run each case of the differences page with the version that is on the path, and print one JSON object.

Each function is one row of the table in `nbs/explains/differences.ipynb` and returns the result that a caller gets.
"""

import asyncio
import json
import sys

from cjm_fasthtml_sse.core.broadcast import BroadcastManager, BroadcastMessage, create_broadcast_handler
from cjm_fasthtml_sse.core.connections import ConnectionRegistry, SSEConnection, create_sse_element
from cjm_fasthtml_sse.core.streaming import OOBStreamBuilder, SSEStream, StreamConfig
from fasthtml.common import Div, Li, P, to_xml

ROWS = []
MISSED = 0.3  # Seconds to wait for an event that 0.0.12 does not send; expected events are awaited


def row(function):
    ROWS.append(function)
    return function


async def caught(awaitable):
    "Return the result, or the name of the error."
    try: return await asyncio.wait_for(awaitable, 20)
    except Exception as e: return type(e).__name__  # noqa: BLE001 - its name is the result


async def frames(source, **config): return [frame async for frame in SSEStream(StreamConfig(**config)).stream(source)]


@row
async def heartbeat_ends_source():
    async def source():
        yield "before"
        await asyncio.sleep(0.2)
        yield "after"

    said = await frames(source(), heartbeat_interval=0.05)
    return "data: after\n\n" in said


@row
async def list_as_source():
    said = await caught(frames(["one", "two"]))
    return said if isinstance(said, str) else "data: two\n\n" in said


@row
async def error_in_source():
    async def source():
        yield "one"
        raise OSError("secret")

    said = await caught(frames(source()))
    return said if isinstance(said, str) else ["sse-error" in "".join(said), "secret" in "".join(said)]


@row
async def end_is_final(): return "sse-close" in "".join(await frames(source_of("one")))


async def source_of(*items):
    for item in items: yield item


@row
async def stop_while_source_is_silent():
    stream, never = SSEStream(StreamConfig(heartbeat_interval=60)), asyncio.Event()

    async def silent():
        await never.wait()
        yield "never"

    async def read(): return [frame async for frame in stream.stream(silent())][-1]

    reading = asyncio.create_task(read())
    await asyncio.sleep(0.05)
    stream.stop()
    done, _ = await asyncio.wait({reading}, timeout=20 if NEW else MISSED)
    reading.cancel()
    return bool(done)


@row
async def builder_in_stream():
    built = OOBStreamBuilder().add_element(P("hello"), "place").build()
    said = "".join(await frames(source_of(built), send_close_message=False))
    return said.count("data:")


@row
async def build_of_nothing(): return type(OOBStreamBuilder().build()).__name__


@row
async def build_of_one(): return type(OOBStreamBuilder().add_element(P("one"), "place").build()).__name__


@row
async def builder_changes_the_callers_element():
    mine = Li("one")
    OOBStreamBuilder().add_element(mine, "place", "outerHTML", wrap=False)
    return "hx-swap-oob" in mine.attrs


@row
async def full_queue_read_by_hand():
    manager = BroadcastManager(max_queue_size=1, queue_timeout=0.05)
    _, queue = await manager.register("slow")
    for n in range(3): await manager.broadcast("tick", {"n": n})
    async with asyncio.timeout(20):
        while manager.get_connection_count(): await asyncio.sleep(0.01)  # noqa: ASYNC110 - 0.0.12 has no event for it

    async def read_on():
        while True: await queue.get()

    reading = asyncio.create_task(read_on())
    done, _ = await asyncio.wait({reading}, timeout=20 if NEW else MISSED)
    if not done: reading.cancel()
    return type(reading.exception()).__name__ if done else "waits for ever"


@row
async def taken_id():
    manager = BroadcastManager()
    _, first = await manager.register("mine")
    waiting = asyncio.create_task(first.get())
    await asyncio.sleep(0)
    await manager.register("mine")
    done, _ = await asyncio.wait({waiting}, timeout=20 if NEW else MISSED)
    if not done: waiting.cancel()
    return type(waiting.exception()).__name__ if done else "waits for ever"


@row
async def taken_id_in_a_registry():
    registry = ConnectionRegistry()
    first = await registry.add_connection("mine")
    second = await caught(registry.add_connection("mine"))
    return second if isinstance(second, str) else registry.get_connection("mine") is not first


@row
async def history_of_none_and_of_less():
    manager = BroadcastManager()
    for n in range(3): await manager.broadcast("tick", {"n": n})

    async def less(): return len(manager.get_history(-1))

    return [len(manager.get_history(0)), await caught(less())]


@row
async def data_that_is_no_json():
    manager = BroadcastManager()
    await manager.register("mine")
    return await caught(manager.broadcast("note", {"what": object()}))


@row
async def elements_in_data():
    manager = BroadcastManager()
    _, queue = await manager.register("mine")
    await caught(manager.broadcast("note", {"list": [Div("one")]}))
    message = await queue.get()
    try: return json.loads(message.to_json())["data"]["list"][0].strip()
    except TypeError as e: return type(e).__name__


@row
async def name_of_an_event_without_one(): return BroadcastMessage("note", {}).to_sse(None).startswith("event: None")


@row
async def line_breaks_in_a_name():
    async def told(): return BroadcastMessage("note", {}).to_sse("a\nretry: 1")

    return (await caught(told())).split("\ndata")[0]


@row
async def line_breaks_in_a_type(): return await caught(BroadcastManager().broadcast("a\nretry: 1", {}))


@row
async def send_after_close():
    connection = SSEConnection("mine", asyncio.Queue())
    connection.close()
    return await connection.send("too late")


@row
async def exclude_as_text():
    manager = BroadcastManager()
    for name in ("a", "b"): await manager.register(name)
    return await manager.broadcast("note", {}, exclude="ab")


@row
async def swap_style_as_strategy():
    page = to_xml(create_sse_element("/sse/broadcast", swap_strategy="beforeend"))
    return ['sse-swap="beforeend"' in page, 'hx-swap="beforeend"' in page]


@row
async def attribute_is_spelled():
    page = to_xml(create_sse_element("/sse/broadcast"))
    return ' sse-connect="/sse/broadcast"' in page


@row
async def events_have_ids():
    manager = BroadcastManager()
    if NEW:
        _, queue = await manager.register()
        await manager.broadcast("note", {})
        return bool((await queue.get()).id)
    response = await create_broadcast_handler(manager)()
    stream = response.body_iterator
    await anext(stream)
    await manager.broadcast("note", {})
    return "\nid:" in await anext(stream)


NEW = hasattr(BroadcastManager, "cursor")


async def main(): return {function.__name__: await caught(function()) for function in ROWS}


json.dump(asyncio.run(main()), sys.stdout)
