"A manager's indexes agree after every way to start and end a connection, also by the registry's own methods."

import asyncio

import pytest
from cjm_fasthtml_sse.core.admission import open_stream
from cjm_fasthtml_sse import BroadcastManager, BroadcastMessage, ConnectionClosed, FrameError, setup_broadcast_routes
from cjm_fasthtml_sse.asgi import shutdown
from cjm_fasthtml_sse.events.renderer import Renderer
from fasthtml.common import fast_app
from starlette.testclient import TestClient


def books_are_empty(manager):
    assert manager.get_connection_count() == 0 and manager.hub.home.loop is None
    assert not manager.hub.heartbeats.is_running
    assert not manager.hub.subscribers_in(None) and not shutdown.registrations.callbacks


def test_a_connection_that_the_registry_added_is_one_like_any_other():
    async def story():
        manager = BroadcastManager()
        added = await manager.hub.registry.add_connection(conn_type="job")
        stream = open_stream(manager.hub, Renderer(), "tab", user="ana")
        assert await manager.broadcast("note", {"n": 1}) == 2
        assert await manager.send_to(added.connection_id, "hint", {})
        assert [(await added.queue.get()).type for _ in range(2)] == ["note", "hint"]
        assert manager.statistics().connections == 2
        assert manager.hub.registry.get_stats()["by_type"] == {"global": 1, "job": 1}
        manager.hub.end_all()
        assert stream.ended
        with pytest.raises(ConnectionClosed): await added.queue.get()
        stream.on_close("left")
        books_are_empty(manager)

    asyncio.run(story())


def test_a_reader_by_hand_that_leaves_no_room_is_told():
    async def story():
        manager = BroadcastManager(max_queue_size=1)
        connection_id, queue = await manager.register()
        connection = manager.hub.registry.get_connection(connection_id)
        assert await connection.send("one") and not await connection.send("two", timeout=0.01)
        assert await manager.broadcast("note", {}) == 0 and dict(manager.hub.drops) == {"slow": 1}
        assert await queue.get() == "one"
        with pytest.raises(ConnectionClosed): await queue.get()
        books_are_empty(manager)

    asyncio.run(story())


def test_what_a_closed_loop_left_behind_does_not_bind_the_next():
    manager = BroadcastManager()
    async def set_up(): await manager.register("left behind")
    async def story():
        _, queue = await manager.register("new")
        assert manager.hub.registry.get_connections()[0].queue is queue and await manager.broadcast("note", {}) == 1
        assert shutdown.registrations.callbacks[manager.hub.end_all] is asyncio.get_running_loop()
        await manager.unregister("new")
        books_are_empty(manager)

    asyncio.run(set_up())
    asyncio.run(story())


def test_a_stream_is_sent_messages_by_hand():
    async def story():
        manager = BroadcastManager()
        stream = open_stream(manager.hub, Renderer())
        assert await stream.send(BroadcastMessage("hint", {"n": 7}))
        assert b'"n": 7' in stream.take()
        with pytest.raises(FrameError, match="send_to"): await stream.send({"n": 7})
        stream.on_close("left")
        assert not await stream.send(BroadcastMessage("hint", {}))
        books_are_empty(manager)

    asyncio.run(story())


def test_the_session_is_the_applications():
    "Session entries of the application, under any name, neither break an id nor become its user"
    app, rt = fast_app(secret_key="test")
    manager = BroadcastManager()
    setup_broadcast_routes(app, manager)

    @rt
    def keep(sess):
        sess["sse"] = {"mine": 1}
        return "kept"

    with TestClient(app) as client:
        client.get("/keep")
        with client.stream("GET", "/sse/broadcast?connection_id=tab") as response:
            assert response.status_code == 200 and manager.get_connection_count() == 1
            assert TestClient(app).get("/sse/broadcast?connection_id=tab").status_code == 409


def test_a_heartbeat_that_fails_is_one_streams_affair(caplog):
    class Broken:
        dropped = None
        def send_heartbeat(self, is_due): raise ZeroDivisionError
        def abort(self, reason): self.dropped = reason

    class Quiet:
        beats = 0
        def send_heartbeat(self, is_due):
            self.beats += 1
            return True

    async def story():
        manager = BroadcastManager()
        broken, quiet = Broken(), [Quiet() for _ in range(40)]
        for stream in (broken, *quiet): manager.hub.heartbeats.add(stream)
        for _ in range(64): manager.hub.heartbeats.tick()
        for stream in (broken, *quiet): manager.hub.heartbeats.discard(stream)
        assert broken.dropped == "error" and {stream.beats for stream in quiet} == {1}
        assert "could not be written" in caplog.text and not manager.hub.heartbeats.is_running

    asyncio.run(story())


def test_a_queue_of_a_lone_manager_starts_no_search_for_workers(monkeypatch):
    "A program without routes has no other workers that serve its tabs"
    searches = []
    monkeypatch.setattr("cjm_fasthtml_sse.core.calls.count_copies", lambda: searches.append(1) or 1)
    async def story():
        manager = BroadcastManager()
        await manager.register()
        assert not searches
        await manager.ready()
        assert searches
        manager.hub.end_all()
    asyncio.run(story())
