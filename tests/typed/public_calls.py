"""Every public name, method and property, as an application uses it. Type checkers read this file; nothing runs it.

tests/system/test_types.py proves that nothing is missing: each class has a function with a parameter of that class.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any, assert_type

from cjm_fasthtml_sse import (
    CLOSE_EVENT,
    MAX_DEPTH,
    MAX_ID,
    MAX_PARTS,
    MAX_SEND_BYTES,
    MAX_TOPIC,
    MAX_TOPICS,
    RETRY_RANGE,
    STATES,
    SWAP_MODES,
    SWAP_STYLES,
    TOKEN_MAX_AGE,
    AccessPolicy,
    Backplane,
    BackplaneError,
    BroadcastManager,
    BroadcastMessage,
    Capacity,
    ClosableQueue,
    Cluster,
    ConnectionClosed,
    ConnectionRefused,
    ConnectionRegistry,
    ConnectionState,
    Delivery,
    Entry,
    Event,
    FrameError,
    FrameStream,
    Gap,
    Gone,
    Limits,
    Live,
    Log,
    Mailbox,
    MemoryBackplane,
    OOBStreamBuilder,
    Opened,
    Presence,
    Publication,
    Publisher,
    Record,
    Renderer,
    Replay,
    SSEConnection,
    SSEError,
    SSEResponse,
    SSEStream,
    Statistics,
    Stream,
    StreamConfig,
    StreamMiddleware,
    Unable,
    UserPresence,
    asset_url,
    backplane_from_url,
    bypass_middleware,
    check_backplane,
    check_connection_id,
    check_topic,
    check_topics,
    cleanup_sse_on_unload,
    connection_indicator,
    covers,
    create_broadcast_handler,
    create_connection_manager_script,
    create_reconnection_script,
    create_sse_element,
    decode_record,
    encode_comment,
    encode_frame,
    encode_record,
    is_markup,
    make_record,
    matches,
    render_html,
    serve_assets,
    setup_broadcast_routes,
    sign_topics,
    signed_only,
    sse_headers,
    to_json,
    validate,
)
from cjm_fasthtml_sse.core import broadcast, connections, streaming
from fasthtml.common import P, fast_app
from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send

ROW: dict[str, Any] = {"text": "Hello", "count": 3}


def element(kind: str, data: Any) -> Any: return P(f"{kind}: {data['text']}")


def application() -> None:
    "An application with routes, access and the elements of a page."
    app, _ = fast_app(hdrs=(*sse_headers(4, nonce="n", morph=True), *sse_headers(local={"htmx.org": "/htmx"})))
    manager = BroadcastManager(100, 50, 0.1, False, backplane="sqlite:///events.db", heartbeat_interval=10,
        replay=Replay(max_events=500, max_age=60), delivery=Delivery(overflow="disconnect", send_timeout=5),
        capacity=Capacity(max_connections=100, max_topics=MAX_TOPICS), cluster=Cluster(buffer=True, open_timeout=1))
    policy = AccessPolicy(identify=lambda session: session.get("user"), authorize=signed_only,
        can_list_connections=lambda auth: auth == "admin", allow_origins=["https://a.example"], token_max_age=3600)
    setup_broadcast_routes(app, manager)
    setup_broadcast_routes(app, manager, "/news", element, named=True, policy=policy)
    assert_type(create_broadcast_handler(manager, element, named=True, policy=policy), Callable[..., Any])
    serve_assets(app, "/scripts")
    token = sign_topics(app, ["job/*"], user="ana", patterns=True)
    create_sse_element(f"/sse/broadcast?signed={token}", "news", "beforeend", True, topics=["job/1"],
        cursor=manager.cursor(), share=False, refresh="/news", refresh_spread=0, cls="list")
    connection_indicator(texts=STATES, cls="state")
    cleanup_sse_on_unload(nonce="n")
    create_reconnection_script(1000, 3, True, src="/sse")
    create_connection_manager_script("/sse/connections", 5000, debug=True)
    assert_type(asset_url("/sse", name="teach"), str)


def use_live(live: Live, gone: Gone) -> None:
    @live.region("cards", "board/{project}", live.presence("room/{project}"), min_interval=0.5, every=60,
                 timeout=5)
    def board(project: int) -> Any:
        live.until(datetime.now())
        return live.Gone("You were removed") if project else gone
    page: Any = board(3)
    futures: list[Future[Any]] = live.touch("cards", "board/3")
    print(page, futures, live.manager, gone.content)


def use_tables(live: Live, app: Any, db: Any) -> None:
    Live(app, db, library="sqlite3", poll_interval=1)
    @live.rows(live.table("job"), where="state = ?", order_by="id", limit=10, empty="none", min_interval=0, timeout=5)
    def job(row: Any) -> Any: return row.id
    rows: Any = job("running")
    con: Any = live.connection()
    print(rows, con)
    live.remove_triggers()


async def use_manager(manager: BroadcastManager) -> None:
    connection_id, queue = await manager.register("tab-1", {"page": "news"}, topics=["job/*"])
    assert_type(queue, asyncio.Queue[Any])
    await manager.unregister(connection_id)
    sent = await manager.broadcast("note", ROW, {"by": "ana"}, {connection_id}, topic="job/1", key="row", retain=True,
        buffer=False, others=True, every=0.5)
    assert_type(sent, int)
    assert_type(manager.broadcast_nowait("note", ROW, topic="job/1", others=True), int)
    assert_type(manager.broadcast_threadsafe("note", ROW, others=True, key="row", every=2), Future[int])
    assert_type(await manager.send_to(connection_id, "note", ROW, metadata=None), bool)
    assert_type(await manager.send_to_user("ana", "note", ROW, key="row", others=True, every=1), int)
    assert_type(await manager.stream_to("job/1", [1, 2], "item", None, transform_fn=str, key="row", retain=True,
        every=1), int)
    assert_type(await manager.revoke("ana", ["job/*"]), int)
    assert_type(await manager.disconnect({"user": ["ana", "ben"]}, reconnect=True), int)
    use_presence(await manager.presence("job/1"))
    manager.announce_presence("job/*", "room/*", down_period=1, label=str.upper)
    assert_type(manager.get_connection_count(), int)
    assert_type(await manager.get_total_connection_count(), int)
    assert_type(manager.get_history(limit=10), list[BroadcastMessage])
    assert_type(manager.cursor(), str)
    assert_type(manager.connections, dict[str, Any])
    assert_type(manager.connection_metadata, dict[str, dict[str, Any]])
    assert_type(manager.history.popleft().type, str)
    assert_type((manager.max_queue_size, manager.queue_timeout, manager.debug), tuple[int, float, bool])
    assert_type(manager.secret_key, str)
    use_statistics(manager.statistics())
    async with manager.lock, manager.lifespan(): assert_type(await manager.ready("epoch-1"), str | None)
    assert_type(await manager.survey("presence", None, wait=0.5, to="node"), list[Any])
    assert_type(await manager.collect_info("connections"), dict[str, Any])
    await manager.close()


def use_statistics(statistics: Statistics) -> None:
    assert_type(statistics.frames_per_send, float)
    assert_type(statistics.drops, dict[str, int])


def use_presence(presence: Presence) -> None:
    assert_type(presence.user_count, int)
    assert_type(presence.users["ana"], UserPresence)
    assert_type(presence.users["ana"].tabs, int)


def use_message(message: BroadcastMessage) -> None:
    message = BroadcastMessage("note", ROW, message.timestamp, message.metadata)
    assert_type(message.to_dict(), dict[str, Any])
    assert_type(message.to_json() + message.to_sse(event_type=None), str)


async def use_registry(registry: ConnectionRegistry) -> None:
    registry = ConnectionRegistry(debug=True, on_remove=lambda connection: connection.close())
    connection = await registry.add_connection(registry.new_id("job"), "job", 10, {"page": "news"})
    assert_type(registry.remove(registry.add(connection)), bool)
    await registry.remove_connection(connection.connection_id)
    assert_type(registry.get_connection("job_1"), SSEConnection | None)
    assert_type(registry.get_connections("job"), list[SSEConnection])
    assert_type(registry.get_active_connections(), list[SSEConnection])
    assert_type(registry.get_stats(), dict[str, Any])
    assert_type(registry.connections, dict[str, SSEConnection])
    assert_type(registry.connections_by_type, dict[str, set[str]])
    async with registry.lock: registry.debug = False
    registry.clear_after_fork()


async def use_connection(connection: SSEConnection) -> None:
    connection = SSEConnection(check_connection_id("tab-1"[:MAX_ID]), asyncio.Queue(), state=ConnectionState.CONNECTED)
    assert_type(await connection.send(ROW, timeout=0.5), bool)
    assert_type(await connection.heartbeat(), str)
    assert_type(connection.is_active(), bool)
    assert_type(connection.last_activity - connection.created_at < datetime.resolution, bool)
    assert_type((connection.connection_type, connection.message_count), tuple[str, int])
    connection.end_in_child()
    connection.close()


async def use_queue(queue: ClosableQueue) -> None:
    queue.put_nowait(ROW)
    if not queue.full() and queue.qsize(): print(queue.get_nowait(), await queue.get())
    queue.close("The page has left")


async def use_stream_of_items(stream: SSEStream) -> None:
    stream = SSEStream(StreamConfig(heartbeat_interval=5, timeout=60, close_event=CLOSE_EVENT))
    frames = stream.stream([1, 2, 3], transform_fn=lambda item: item + 1)
    assert_type(frames, AsyncGenerator[str, None])
    async for frame in frames: assert_type(frame, str)
    assert_type(stream.config, StreamConfig)
    stream.stop()


def use_builder(builder: OOBStreamBuilder) -> None:
    builder.add_element(P("One"), "list", "beforeend", wrap=True).add_element(P("Two"))
    assert_type(builder.add_elements([P("Three"), (P("Four"), "list")]), OOBStreamBuilder)
    assert_type(builder.clear().elements, list[Any])
    print(builder.build(), SWAP_MODES, "innerHTML" in SWAP_STYLES)


def use_log(log: Log) -> None:
    log = Log(Replay(max_bytes=2**20), clock=lambda: 1.0, epoch="abc", may_lag=True)
    event = log.append(BroadcastMessage("note", ROW), topic="job/1", key="row", retain=True, age=0.5)
    log.add_size(event, 10)
    log.add_lost("job/1", 7)
    log.trim()
    assert_type(log.parse_id(log.cursor()), int | None)
    assert_type(log.position_of("abc-1"), int | None)
    assert_type(log.marks("abc-1"), frozenset[str])
    assert_type(log.resume("abc-1", ["job/*"]).reason, str | None)
    assert_type(log.read(0, frozenset({"job/1"}), count=10), tuple[list[Event], int])
    assert_type(log.of_topic("job/1") + log.latest(5), list[Event])
    assert_type(log.lag(0), tuple[int, float])
    assert_type((log.epoch, log.head, log.size, log.event_count), tuple[str, int, int, int])
    log.replace_with(log.new(epoch="abd"))
    log.new_epoch()


def use_event(event: Event) -> None:
    assert_type(event.excluded_for("tab-1"), bool)
    assert_type(event.head(".0a1b2c3d"), bytes)


def use_renderer(renderer: Renderer) -> None:
    renderer, log = Renderer(element, named=True), Log()
    event = log.append(BroadcastMessage("note", ROW))
    assert_type(renderer.frame(event, log, with_id=False), bytes | None)
    assert_type(renderer.render(event.message, event.json, id="1"), bytes | None)


def use_mailbox(mailbox: Mailbox) -> None:
    log = Log()
    mailbox = Mailbox(log, "tab-1", Renderer(), frozenset({"job/*"}), 10, Delivery(), last_event_id=log.cursor())
    mailbox.offer(log.append(BroadcastMessage("note", ROW)))
    if mailbox.has_more() and not mailbox.ahead: assert_type(mailbox.take(MAX_SEND_BYTES), bytes)
    assert_type(mailbox.contents(), list[Event | bytes])
    assert_type(mailbox.advance_if_idle() or mailbox.put_private(b": hi\n\n") or mailbox.put_reset(), bool)
    mailbox.reset("overflow")
    mailbox.add_marks(["0123abcd"])
    assert_type((mailbox.restrict(frozenset()), mailbox.qsize()), tuple[bool, int])


class Store:
    "An adapter as an application writes it: it has the methods of `Backplane` and no base."
    name: str = "store:"
    max_bytes: int | None = 2**20

    def __init__(self) -> None: self.entries: list[Entry] = []

    async def open(self, limits: Limits) -> Opened: return Opened("abc", 0, len(self.entries), 0, limits.age or 0.0)

    async def publish(self, publications: Sequence[Publication]) -> list[int]:
        for each in publications: self.entries.append(Entry(len(self.entries), each.body, each.channel))
        return list(range(len(self.entries)))

    async def read(self, after: Mapping[str, int], count: int = 500, wait: float = 0) -> list[Entry]:
        if after["events"] < 0: raise Gap(self.name, first=0)
        if wait > 9: raise Unable("It is full", doubtful=False)
        return self.entries[:count]

    async def retained(self) -> list[Entry]: return []
    async def new_epoch(self, epoch: str) -> str: return epoch
    async def put_node_info(self, node: str, body: bytes) -> None: ...
    async def node_info(self) -> dict[str, bytes]: return {}
    async def drop_node_info(self, node: str) -> None: ...
    async def close(self) -> None: ...


async def use_backplane(backplane: Backplane) -> None:
    opened = await backplane.open(Limits(events=10))
    positions = await backplane.publish([Publication(b"{}", key="row", retain=True)])
    entries = await backplane.read({"events": positions[0]}, count=10, wait=1) + await backplane.retained()
    assert_type((opened.last, entries[0].at), tuple[int, float])
    assert_type(await backplane.new_epoch(opened.epoch), str)
    await backplane.put_node_info("node", b"{}")
    await backplane.drop_node_info(next(iter(await backplane.node_info())))
    await backplane.close()


async def use_memory(memory: MemoryBackplane) -> None:
    await memory.open(Limits())
    await memory.publish([Publication(b"{}")])
    print(await memory.read({"events": 0}), await memory.retained(), await memory.new_epoch("abc"))
    await memory.put_node_info("node", b"{}")
    assert_type(await memory.node_info(), dict[str, bytes])
    await memory.drop_node_info("node")
    await memory.close()


async def backplanes() -> None:
    await use_backplane(backplane_from_url("memory://news"))
    for each in (Store(), MemoryBackplane("memory:")): BroadcastManager(backplane=each)
    assert_type(await check_backplane(lambda name: MemoryBackplane(name), secret="s", seconds=5), list[str])


async def use_publisher(publisher: Publisher) -> None:
    with Publisher("sqlite:///events.db", timeout=5) as here: assert_type(here.publish("note", ROW, topic="a"), str)
    async with publisher: assert_type(await publisher.publish_async("note", ROW, key="row", retain=True), str)
    with publisher: assert_type(publisher.touch("cards", "board/3"), list[str])
    assert_type(await publisher.touch_async("cards"), list[str])
    publisher.publish("note", ROW)
    await publisher.close_async()
    publisher.close()


async def frames() -> AsyncIterator[bytes]:
    yield encode_comment("hello")
    yield encode_frame(to_json(validate(ROW)), event="note", id="1", retry=RETRY_RANGE[0], topic="job/1")


async def use_response(scope: Scope, receive: Receive, send: Send) -> None:
    await SSEResponse(frames(), {"x-a": "b"}, background=lambda: None)(scope, receive, send)
    await SSEResponse(lambda scope: FrameStream(frames()))(scope, receive, send)
    app = Starlette()
    bypass_middleware(app)
    await StreamMiddleware(app)(scope, receive, send)


async def use_stream(stream: Stream, receive: Receive, send: Send, message: Message) -> None:
    stream.send_timeout = 5
    assert_type(stream.take() + stream.take_more(), bytes)
    assert_type(await stream.finish_send(message), bool)
    stream.start()
    stream.flush()
    stream.send_now(b": hi\n\n", last=False)
    stream.end(closing_frame=b"")
    stream.abort("stalled")
    stream.send_failed()
    stream.on_close("left")
    await stream.on_finish()
    await stream.discard()
    await stream.run(receive, send)


async def use_frame_stream(stream: FrameStream) -> None:
    stream.start()
    stream.end(b"")
    await stream.on_finish()
    await stream.discard()


def small_functions() -> Iterator[Any]:
    yield assert_type(check_topic("job/*", pattern=True), str)
    yield assert_type(check_topics(["job/1"]), frozenset[str])
    yield assert_type(matches(frozenset({"job/*"}), "job/1") and covers("job/*", "job/1"), bool)
    record = make_record("note", ROW, exclude={"tab-1"}, topic="job/1", key="row", retain=True)
    yield assert_type(encode_record(record, "me", 1), bytes)
    yield assert_type(decode_record(b""), tuple[str, int, Record])
    yield assert_type(is_markup(P("Hi")), bool)
    yield assert_type(render_html([P("Hi"), "there"]), str)
    yield assert_type(MAX_DEPTH + MAX_PARTS + MAX_TOPIC + TOKEN_MAX_AGE, int)


def errors() -> None:
    "All errors have one root, and two of them have attributes."
    try: check_topic("")
    except ConnectionRefused as e: assert_type((e.status, e.passing), tuple[int, bool])
    except BackplaneError as e: assert_type(e.doubtful, bool)
    except (FrameError, ConnectionClosed): raise ConnectionRefused("Try again", 503, passing=True) from None
    except SSEError as e: raise BackplaneError("It is full", doubtful=True) from e


# The addresses that version 0.0.12 had.
assert_type(broadcast.BroadcastManager(), BroadcastManager)
assert_type(broadcast.BroadcastMessage("note", ROW), BroadcastMessage)
print(connections.create_sse_element("/sse/broadcast"))
assert_type(streaming.OOBStreamBuilder().add_elements([]), OOBStreamBuilder)
