"If one reader stops reading, it is removed, and all other readers and the sender are unaffected."

import asyncio
import logging

import pytest
from asgi_tab import Tab, until
from cjm_fasthtml_sse import setup_broadcast_routes
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane
from fasthtml.common import FastHTML
from settings import make_manager

needs_shutdown = pytest.mark.skipif(not hasattr(asyncio.Queue, "shutdown"), reason="Python 3.13 and later")
HOWS = dict(close=lambda queue: queue.close("done"), shutdown=lambda queue: queue.shutdown(),
    immediately=lambda queue: queue.shutdown(immediate=True),
    both=lambda queue: (queue.close("done"), queue.shutdown()))
WAYS = ["close"] + [pytest.param(how, marks=needs_shutdown) for how in ("shutdown", "immediately", "both")]


def served(**settings):
    app, manager = FastHTML(secret_key="for this test"), make_manager(**settings)
    setup_broadcast_routes(app, manager)
    return app, manager


@pytest.mark.parametrize("engine", [None, "memory"])
@pytest.mark.parametrize("how", WAYS)
def test_a_queue_that_its_reader_has_shut(how, engine):
    async def main():
        app, manager = served(backplane=engine and MemoryBackplane())
        await manager.ready()
        _, queue = await manager.register()
        async with Tab(app) as tab:
            _, other = await manager.register()
            HOWS[how](queue)
            assert [await manager.broadcast("note", {"n": n}) for n in range(3)] == [2, 2, 2]
            await tab.hears('"n": 2')
            assert [other.get_nowait().data["n"] for _ in range(3)] == [0, 1, 2] and tab.resets == []
            assert manager.statistics().drops == {"shut": 1} and manager.get_connection_count() == 2
        await manager.close()
    asyncio.run(main())


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("end", ["close", "unregister", "end", "send_to", "send"])
def test_whoever_meets_it_first_finds_it_gone(how, end):
    "There was no broadcast since it was closed"
    async def main():
        _, manager = served()
        (first, queue), (second, _) = await manager.register(), await manager.register()
        HOWS[how](queue)
        if end == "close": await manager.close()
        elif end == "end": manager.hub.end_all()
        elif end == "unregister": await manager.unregister(first)
        elif end == "send_to": assert not await manager.send_to(first, "note", {})
        else: assert not await manager.hub.registry.get_connection(first).send("anything")
        assert list(manager.connections) == ([] if end in ("close", "end") else [second])
        assert queue.qsize() == 0
        await manager.close()
    asyncio.run(main())


@pytest.mark.parametrize("how", WAYS)
def test_one_that_was_full_does_not_starve_those_that_come_after_it(how):
    async def main():
        _, manager = served(max_queue_size=2, queue_timeout=3600)
        _, first = await manager.register()
        _, second = await manager.register()
        got = []
        async def take_one_and_go():
            await first.get()
            HOWS[how](first)
        async def read():
            while True: got.append((await second.get()).data["n"])
        for n in range(2): await manager.broadcast("note", {"n": n})
        tasks = [asyncio.create_task(take_one_and_go()), asyncio.create_task(read())]
        for n in range(2, 8): await manager.broadcast("note", {"n": n})
        await until(lambda: got == [*range(8)], lambda: got)
        assert manager.statistics().drops == {"shut": 1}
        for task in tasks: task.cancel()
        await manager.close()
    asyncio.run(main())


@pytest.mark.parametrize("how", WAYS)
def test_one_that_is_shut_while_it_is_fed(how):
    async def main():
        _, manager = served(max_queue_size=1, queue_timeout=3600)
        _, queue = await manager.register()
        for n in range(3): await manager.broadcast("note", {"n": n})
        await asyncio.sleep(0)
        HOWS[how](queue)
        if how == "close": await queue.get()  # there is room for an event, but not for the missing ones
        await until(lambda: manager.get_connection_count() == 0)
        assert manager.statistics().drops == {"shut": 1}
    asyncio.run(main())


def test_many_that_go_at_once():
    "Readers that leave change the indexes that a broadcast iterates over"
    async def main():
        app, manager = served()
        queues = [(await manager.register(topics="a" if n % 3 else ()))[1] for n in range(30)]
        for queue in queues[::2]: queue.close("done")
        assert await manager.broadcast("note", {"n": 1}, topic="a") + await manager.broadcast("note", {"n": 2}) == 25
        assert [queue.qsize() for queue in queues[1::2]] == [2 if n % 3 else 1 for n in range(1, 30, 2)]
        assert manager.statistics().drops == {"shut": 15}
        await manager.close()
    asyncio.run(main())


def test_one_whose_queue_fails_in_a_way_of_its_own(caplog):
    async def main():
        app, manager = served()
        (id, queue), (_, other) = await manager.register(), await manager.register()
        def put_nowait(item): raise ZeroDivisionError("out of order")
        queue.put_nowait = put_nowait
        assert await manager.broadcast("note", {"n": 1}) == 1 and other.get_nowait().data == {"n": 1}
        assert manager.statistics().drops == {"error": 1} and id not in manager.connections
        await manager.close()
    with caplog.at_level(logging.ERROR): asyncio.run(main())
    told, = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "Connection 'conn_1' cannot take events" in told.getMessage() and "out of order" in caplog.text
