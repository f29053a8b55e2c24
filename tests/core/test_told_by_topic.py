"Events that cannot be rendered, if tabs of one browser share a stream and each tab takes the events of its topics"

import asyncio

import pytest
from cjm_fasthtml_sse import BroadcastManager, create_broadcast_handler, create_sse_element, setup_broadcast_routes
from cjm_fasthtml_sse.testing import live
from fasthtml.common import FastHTML, P


def make(fails):
    "Create an application whose builder raises the value of `fails` for a number"
    def show(kind, data):
        if data["n"] in fails: raise fails[data["n"]]
        return P(data["n"])
    app, manager = FastHTML(secret_key="x"), BroadcastManager()
    setup_broadcast_routes(app, manager, element_builder=show)
    app.get("/json")(create_broadcast_handler(manager))
    @app.get("/")
    async def page(topic: str = "", path: str = "/sse/broadcast"):
        return create_sse_element(path, "numbers", "beforeend", topics=topic.split() or None)
    return app, manager


def numbers(tab): return [each.data if each.type == "" else each.type for each in tab.events]


@pytest.mark.parametrize("retain", [False, True])
def test_each_topic_is_told_of_what_fails_in_a_row(retain):
    "Once for each topic; after an event for all topics, no topic is notified again"
    app, manager = make(dict.fromkeys(range(6), OSError("locked")))
    topics = ["a", "b", "a", "b"] if not retain else ["a", "b"]
    with live(app) as world, world.expected("builder"):
        async def say():
            for n, topic in enumerate(topics):
                await manager.broadcast("n", {"n": n}, topic=topic, key=f"k{n}" if retain else None, retain=retain)
            await manager.broadcast("n", {"n": 9}, topic="a", key="good" if retain else None, retain=retain)
        browser = world.browser()
        if retain: world.do(say())
        tabs = [browser.tab(f"/?topic={topic}") for topic in "ab"]
        world.clock.advance(2)
        assert len(manager.connections) == 1, "they share a stream"
        if not retain:
            before = manager.statistics().resets
            world.do(say())
            assert manager.statistics().resets == before + 2
        assert [numbers(tab) for tab in tabs] == [["sse-reset", "<p>9</p>"], ["sse-reset"]]
        if retain: return
        async def go_on():
            for n, topic in enumerate([None, "a", "b"]): await manager.broadcast("n", {"n": n}, topic=topic)
            await manager.broadcast("n", {"n": 10})
        world.do(go_on())
        more = ["sse-reset", "<p>10</p>"]
        assert [numbers(tab) for tab in tabs] == [["sse-reset", "<p>9</p>", *more], ["sse-reset", *more]]


def test_a_builder_that_was_cancelled_keeps_nobody_waiting():
    app, manager = make({1: asyncio.CancelledError()})
    with live(app) as world, world.expected("builder"):
        first, plain, last = world.tab(), world.tab("/?path=/json"), world.tab()
        async def say():
            for n in (1, 2): await manager.broadcast("n", {"n": n})
        world.do(say())
        assert '"n": 1' in plain.events[0].data
        for tab in (first, last): assert numbers(tab) == ["sse-reset", "<p>2</p>"]
