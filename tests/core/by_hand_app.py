"""An application as written for the published 0.0.12. It uses only what 0.0.12 has.

`test_by_hand.py` runs it against this package and against 0.0.12. `python by_hand_app.py FD` serves on the listening
socket with that number.
"""

import asyncio
import socket
import sys

import cjm_fasthtml_sse
import uvicorn
from cjm_fasthtml_sse.core.broadcast import BroadcastManager, create_broadcast_handler, setup_broadcast_routes
from cjm_fasthtml_sse.core.connections import ConnectionRegistry, ConnectionState, SSEConnection, create_sse_element
from cjm_fasthtml_sse.core.streaming import OOBStreamBuilder, SSEStream, StreamConfig
from fasthtml.common import Div, EventStream, FastHTML, Li, sse_message
from starlette.responses import JSONResponse

app = FastHTML()
manager = BroadcastManager(max_queue_size=20, history_limit=5, queue_timeout=0.2, debug=False)
registry = ConnectionRegistry()


def build(message_type, data): return Li(data["text"], id=message_type)


setup_broadcast_routes(app, manager)
setup_broadcast_routes(app, manager, prefix="/html", element_builder=build)
app.get("/own/stream")(create_broadcast_handler(manager))
app.get("/own/html")(create_broadcast_handler(manager, element_builder=build))


@app.get("/version")
def version(): return cjm_fasthtml_sse.__version__


# An endless loop over the queue; the handler registers, and the generator's `finally` unregisters.
@app.get("/queue")
async def read_queue(connection_id: str = None):
    connection_id, queue = await manager.register(connection_id, {"page": "by hand"})

    async def frames():
        try:
            yield f": I am {connection_id}\n\n"
            while True: yield (await queue.get()).to_sse()
        finally: await manager.unregister(connection_id)

    return EventStream(frames())


# A loop with a timeout and its own heartbeats until a client posts `bye`, all in the generator.
@app.get("/patient")
async def read_patiently(named: str = "message"):
    async def frames():
        connection_id, queue = await manager.register()
        try:
            while connection_id in manager.connections:
                try: message = await asyncio.wait_for(queue.get(), timeout=0.05)
                except asyncio.TimeoutError:  # noqa: UP041 - as it was written then
                    yield ": still here\n\n"
                    continue
                yield message.to_sse(event_type=named)
                if message.type == "bye": break
        finally: await manager.unregister(connection_id)

    return EventStream(frames())


@app.post("/say")
async def say(text: str, kind: str = "said", exclude: str = ""):
    left_out = {exclude} if exclude else None
    return JSONResponse(await manager.broadcast(kind, {"text": text}, metadata={"by": "hand"}, exclude=left_out))


@app.post("/tell/{connection_id}")
async def tell(connection_id: str, text: str):
    return JSONResponse(await manager.send_to(connection_id, "told", {"text": text}))


@app.get("/history")
def history(limit: int = None):
    messages = manager.get_history(limit) if limit else manager.get_history()
    return JSONResponse([[m.type, m.data, m.metadata, sorted(m.to_dict())] for m in messages])


@app.get("/attributes")
async def attributes():
    async with manager.lock: locked = manager.lock.locked()
    waiting = {id: queue.qsize() for id, queue in manager.connections.items()}
    pages = {id: metadata.get("page") for id, metadata in manager.connection_metadata.items()}
    kept = [message.data["text"] for message in manager.history]
    limits = [manager.max_queue_size, manager.queue_timeout, manager.debug, manager.history.maxlen]
    return JSONResponse([locked, waiting, pages, kept, limits, manager.get_connection_count()])


# A registry and its connections, managed by the application.
@app.get("/registry")
async def follow(kind: str = "job"):
    connection = await registry.add_connection(conn_type=kind, queue_size=3, metadata={"for": kind})

    async def frames():
        try:
            while connection.is_active():
                try: item = await asyncio.wait_for(connection.queue.get(), timeout=0.05)
                except asyncio.TimeoutError:  # noqa: UP041 - as it was written then
                    yield await connection.heartbeat()
                    continue
                yield sse_message(Div(item, id=connection.connection_id))
                if item == "end": connection.close()
        finally: await registry.remove_connection(connection.connection_id)

    return EventStream(frames())


@app.post("/registry/send")
async def send(text: str, kind: str = "job"):
    return JSONResponse([await c.send(text) for c in registry.get_active_connections(kind)])


@app.get("/registry/stats")
async def stats():
    async with registry.lock: kinds = {kind: sorted(ids) for kind, ids in registry.connections_by_type.items() if ids}
    known = {c.connection_id: [c.state.value, c.metadata, c.message_count] for c in registry.get_connections()}
    return JSONResponse([registry.get_stats(), kinds, known, sorted(registry.connections), registry.debug])


# A connection without a registry, with an ordinary queue.
@app.get("/alone")
async def alone():
    connection = SSEConnection("alone", asyncio.Queue(maxsize=1), "user", state=ConnectionState.CONNECTED)
    sent = [await connection.send("one"), await connection.send("two", timeout=0.01)]
    beat = await connection.heartbeat()
    connection.close()
    now = [connection.is_active(), connection.state.value, connection.message_count, await connection.queue.get()]
    return JSONResponse([sent, beat.startswith(": heartbeat alone "), beat.endswith("\n\n"), now])


async def items():
    yield "text"
    yield {"n": 1}
    yield Div("an element", id="x")
    yield OOBStreamBuilder().add_element(Li("one", id="one"), "list", "beforeend").build()


@app.get("/stream")
async def stream():
    config = StreamConfig(heartbeat_interval=5.0, initial_message="Hello", close_message="Goodbye")
    return EventStream(SSEStream(config).stream(items()))


@app.get("/transformed")
async def transformed():
    async def numbers():
        for n in range(3): yield n

    return EventStream(SSEStream().stream(numbers, transform_fn=lambda n: Li(n * n)))


@app.get("/page")
def page(): return create_sse_element("/html/broadcast", element_id="list", hidden=False, cls="live")


if __name__ == "__main__":
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
