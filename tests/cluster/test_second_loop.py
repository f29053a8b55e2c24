"A manager, and everything else that outlives its event loop, continues on the next loop."

import asyncio
import gc
import json
import logging
import threading

import pytest
from asgi_tab import Tab, until
from cjm_fasthtml_sse import BackplaneError, BroadcastManager, Publisher, setup_broadcast_routes
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane
from fasthtml.common import FastHTML
from cjm_fasthtml_sse import AccessPolicy
from settings import make_manager
from starlette.testclient import TestClient

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of leftover resources


def served(**settings):
    app, manager = FastHTML(secret_key="for this test"), make_manager(**settings)
    setup_broadcast_routes(app, manager, policy=AccessPolicy(identify=lambda req: req.headers.get("x-user")))
    return app, manager


def left_behind(first, last_word=None):
    "Run `first()` on a loop, broadcast once more without writing it, and close the loop."
    loop = asyncio.new_event_loop()
    kept = loop.run_until_complete(first())
    if last_word is not None: loop.call_soon(last_word)
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    return kept


@pytest.fixture(autouse=True)
def quiet(caplog):
    "Silence asyncio's warnings about unfinished tasks, which these tests create on purpose."
    caplog.set_level(logging.CRITICAL, "asyncio")


def test_a_stream_hears_though_something_waited_to_be_written_when_the_first_loop_ended():
    app, manager = served()
    async def first(): return [await Tab(app).__aenter__() for _ in range(3)]
    async def second():
        async with Tab(app) as tab:
            assert manager.get_connection_count() == 1 and await manager.broadcast("note", {"n": 2}) == 1
            await tab.hears('"n": 2')
        await manager.close()
    kept = left_behind(first, lambda: manager.broadcast_nowait("note", {"n": 1}))
    assert len(kept) == 3
    asyncio.run(second())


def test_who_was_left_behind_takes_no_place_and_no_name():
    app, manager = served(max_connections=2, max_connections_per_user=1)
    async def first():
        return await Tab(app, "connection_id=tab", **{"x-user": "ana"}).__aenter__(), await manager.register("queue")
    async def second():
        assert not await manager.send_to("tab", "note", {}), "nobody reads there any more"
        async with Tab(app, "connection_id=tab", **{"x-user": "ben"}) as tab:
            assert tab.status == 200
            await manager.broadcast("note", {"n": 2})
            await tab.hears('"n": 2')
            assert manager.statistics().connections == manager.statistics().tabs == 1
    kept = left_behind(first)
    assert manager.get_connection_count() == 0 and kept
    asyncio.run(second())


def test_signs_of_life_go_on():
    app, manager = served(heartbeat_interval=0.1)
    async def first(): return await Tab(app).__aenter__()
    async def second():
        async with Tab(app) as tab: await tab.hears(": heartbeat")
    kept = left_behind(first)
    assert kept
    asyncio.run(second())


def test_queues_that_were_waited_on_and_fed_when_the_first_loop_ended():
    app, manager = served(max_queue_size=1, queue_timeout=3600)
    async def first():
        _, idle = await manager.register()
        _, full = await manager.register(topics="full")
        waits = asyncio.create_task(idle.get())
        for n in range(3): await manager.broadcast("note", {"n": n}, topic="full")
        await until(lambda: full.full())
        return idle, full, waits
    async def second():
        async with Tab(app) as tab:
            await manager.broadcast("note", {"n": 4})
            await tab.hears('"n": 4')
            _, queue = await manager.register()
            await manager.broadcast("note", {"n": 5})
            assert (await queue.get()).data == {"n": 5} and manager.get_connection_count() == 2
        await manager.close()
    kept = left_behind(first)
    assert len(kept) == 3
    asyncio.run(second())


def test_a_farewell_that_nobody_waited_for_does_not_hold_up_the_next():
    app, manager = served()
    async def first():
        tab = await Tab(app).__aenter__()
        closing = asyncio.create_task(manager.close())
        await asyncio.sleep(0)
        return tab, closing
    async def second(): await asyncio.wait_for(manager.close(), 10)
    kept = left_behind(first)
    assert kept
    asyncio.run(second())
    assert manager.get_connection_count() == 0


def test_a_lock_that_somebody_held_is_free_again():
    _, manager = served()
    async def first():
        await manager.register()
        await manager.lock.acquire()
        waits = asyncio.create_task(manager.lock.acquire())
        await asyncio.sleep(0)
        return waits
    async def second():
        async with asyncio.timeout(10), manager.lock: return True
    kept = left_behind(first)
    assert asyncio.run(second()) and kept


@pytest.mark.parametrize("engine", ["memory", "sqlite"])
def test_a_manager_with_an_engine(engine, tmp_path):
    app, manager = served(backplane=MemoryBackplane() if engine == "memory" else f"sqlite:///{tmp_path}/events.db")
    async def first():
        tab = await Tab(app).__aenter__()
        await manager.broadcast("note", {"n": 1})
        return [tab]
    async def second():
        async with Tab(app) as tab:
            kept.clear()
            gc.collect()  # coroutines suspended on the first loop end only now, and must not end this loop with them
            await manager.broadcast("note", {"n": 2})
            await tab.hears('"n": 2')
            assert await manager.get_total_connection_count() == 1
        await manager.close()
    kept = left_behind(first)
    assert kept
    asyncio.run(second())


def test_a_publisher(tmp_path):
    publisher, url = Publisher(f"sqlite:///{tmp_path}/events.db"), f"sqlite:///{tmp_path}/events.db"
    async def once(n): return await publisher.publish_async("note", {"n": n})
    ids = [asyncio.run(once(n)) for n in range(2)]
    async def read():
        manager = BroadcastManager(backplane=url)
        await manager.ready()
        try: return [(message.id, message.data["n"]) for message in manager.get_history()]
        finally:
            await manager.close()
            await publisher.close_async()
    assert asyncio.run(read()) == [(id, n) for n, id in enumerate(ids)]


def test_comings_and_goings_are_told():
    app, manager = served()
    manager.announce_presence("room/1", down_period=0.3, interval=0.05)
    async def first():
        tab = await Tab(app, "topic=room/1", **{"x-user": "ana"}).__aenter__()
        await tab.hears('"join"')
        return tab
    async def second():
        async with Tab(app, "topic=room/1", **{"x-user": "ben"}) as tab:
            await until(lambda: {("join", "ben"), ("leave", "ana")} <= told(tab), lambda: tab.text)
        await manager.close()
    def told(tab): return {(m["type"], m["data"].get("user")) for m in (json.loads(d) for *_, d in tab.events)}
    kept = left_behind(first)
    assert kept
    asyncio.run(second())


def test_an_application_starts_on_a_second_loop_while_the_first_serves_it():
    "Two test clients of one application at once, as for two browsers"
    app, manager = served(backplane=MemoryBackplane())
    @app.get("/send")
    async def send(): return str(await manager.broadcast("note", {}))
    with TestClient(app) as first, TestClient(app) as second:
        assert [client.get("/send").status_code for client in (first, second)] == [200, 200]


def test_presence_is_counted_on_the_loop_of_the_connections():
    "Elsewhere it would walk over books that change meanwhile"
    app, manager = served()
    count, seen = manager.cluster.handlers["presence"], []
    def noted(topic):
        seen.append(threading.get_ident())
        return count(topic)
    manager.cluster.handlers["presence"] = noted
    async def main():
        async with Tab(app):
            there = await asyncio.to_thread(lambda: asyncio.run(manager.presence()))
            assert there.connections == 1 and seen == [threading.get_ident()]
    asyncio.run(main())


def test_a_callback_of_a_broadcast_may_wait_for_another_thread_that_broadcasts():
    app, manager = served()
    outcomes = []
    def on_done(future):
        thread = threading.Thread(target=lambda: manager.broadcast_threadsafe("second", {}), daemon=True)
        thread.start()
        thread.join(20)
        outcomes.append(thread.is_alive())
    def send(): manager.broadcast_threadsafe("first", {}).add_done_callback(on_done)
    async def main():
        async with Tab(app) as tab:
            thread = threading.Thread(target=send)
            thread.start()
            thread.join()  # the loop is held until the callback is set
            await tab.hears("second")
    asyncio.run(main())
    assert outcomes == [False]


class SlowTab(Tab):
    "A client that does not read the end of its stream until `reads` is set"
    def __init__(self, app):
        self.reads = asyncio.Event()
        super().__init__(app)

    async def send(self, message):
        await super().send(message)
        if "sse-retry" in self.text: await self.reads.wait()


@pytest.mark.parametrize("how", ["while it closes", "after a close that was cancelled"])
def test_a_manager_that_closes_refuses_events(how):
    app, manager = served(backplane=MemoryBackplane())
    async def main():
        async with SlowTab(app) as tab:
            closing = asyncio.create_task(manager.close())
            await tab.hears("sse-retry")
            if how != "while it closes": closing.cancel()
            await asyncio.wait([closing], timeout=0 if how == "while it closes" else None)
            with pytest.raises(BackplaneError, match="closed"): await manager.broadcast("note", {})
            tab.reads.set()
            await manager.close()
    asyncio.run(main())


@pytest.mark.parametrize("call", ["revoke", "disconnect"])
def test_the_first_call_of_all_may_end_rights(call):
    async def main():
        manager = make_manager(backplane=MemoryBackplane())
        assert await (manager.revoke("ana", "room") if call == "revoke" else manager.disconnect(dict(user="ana"))) == 0
        await manager.close()
    asyncio.run(main())
