"Events that cannot be rendered, if tabs of one browser share a stream and each tab takes the events of its topics"

import asyncio
import re

import pytest
from asgi_tab import Tab
from cjm_fasthtml_sse import BroadcastManager, create_broadcast_handler, setup_broadcast_routes
from fasthtml.common import FastHTML, P


def make(fails):
    "Create an application whose builder raises the value of `fails` for a number"
    def show(kind, data):
        if data["n"] in fails: raise fails[data["n"]]
        return P(data["n"])
    app, manager = FastHTML(secret_key="x"), BroadcastManager()
    setup_broadcast_routes(app, manager, element_builder=show)
    app.get("/json")(create_broadcast_handler(manager))
    return app, manager


def told(tab): return re.findall("^event: sse-reset\n(?:id: .*\n)?(?:topic: (.*)\n)?", tab.text, re.M)


@pytest.mark.parametrize("retain", [False, True])
def test_each_topic_is_told_of_what_fails_in_a_row(caplog, retain):
    "Once for each topic; after an event for all topics, no topic is notified again"
    async def main():
        app, manager = make(dict.fromkeys(range(6), OSError("locked")))
        topics = ["a", "b", "a", "b"] if not retain else ["a", "b"]
        async def say():
            for n, topic in enumerate(topics):
                await manager.broadcast("n", {"n": n}, topic=topic, key=f"k{n}" if retain else None, retain=retain)
            await manager.broadcast("n", {"n": 9}, topic="a", key="good" if retain else None, retain=retain)
        if retain: await say()
        async with Tab(app, query="topic=a&topic=b") as tab:
            if not retain: await say()
            await tab.hears("<p>9</p>")
            assert told(tab) == ["a", "b"] and manager.statistics().resets == 2
            if not retain:
                for n, topic in enumerate([None, "a", "b"]): await manager.broadcast("n", {"n": n}, topic=topic)
                await manager.broadcast("n", {"n": 10})
                await tab.hears("<p>10</p>")
                assert told(tab) == ["a", "b", ""]
        await manager.close()
    asyncio.run(main())


def test_a_builder_that_was_cancelled_keeps_nobody_waiting(caplog):
    async def main():
        app, manager = make({1: asyncio.CancelledError()})
        async with Tab(app) as first, Tab(app, path="/json") as plain, Tab(app) as last:
            await manager.broadcast("n", {"n": 1})
            await plain.hears('"n": 1')
            for tab in (first, last): await tab.hears("sse-reset")
            await manager.broadcast("n", {"n": 2})
            for tab in (first, last): await tab.hears("<p>2</p>")
        await manager.close()
    asyncio.run(main())
