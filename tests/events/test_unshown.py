"A builder that fails for an event: its readers get a reset, and all other events."

import asyncio
import json
from contextlib import contextmanager
from urllib.parse import urlencode

import pytest
from asgi_tab import Tab
from cjm_fasthtml_sse import create_broadcast_handler, create_sse_element, setup_broadcast_routes
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane
from cjm_fasthtml_sse.testing import live
from fasthtml.common import FastHTML, P
from settings import make_manager


class Shop:
    "An application whose builder fails for the numbers in `bad`; `tried` lists the numbers that it was called with."
    def __init__(self, named=False, **settings):
        self.bad, self.tried, self.world = set(), [], None
        self.app, self.manager = FastHTML(secret_key="x"), make_manager(**settings)
        setup_broadcast_routes(self.app, self.manager, element_builder=self.show, named=named)
        self.app.get("/json")(create_broadcast_handler(self.manager))
        @self.app.get("/")
        async def page(path: str = "/sse/broadcast", topic: str = "", cursor: str = ""):
            about = dict(topics=[topic] if topic else None, cursor=cursor or None)
            return create_sse_element(path, "lines", "beforeend", **about)

    def show(self, kind, data):
        self.tried.append(data["n"])
        if kind == "nothing": return None
        if data["n"] in self.bad: raise RuntimeError("database is locked")
        return P(f"line {data['n']}.")

    @contextmanager
    def opens(self, mistake):
        "Run the shop in a world in which this mistake happens"
        with live(self.app) as self.world, self.world.expected(mistake): yield self.world

    def tab(self, **query): return self.world.tab("/?" + urlencode(query), names=["said"])

    def say(self, *numbers, kind="said", **kwargs):
        for n in numbers: self.world.do(self.manager.broadcast(kind, {"n": n}, **kwargs))

    @property
    def numbers(self): return self.manager.statistics()


def seen(tab):
    "Return the lines and resets of a tab in order."
    return [each.data if each.type in ("", "said") else each.type for each in tab.events]


def lines(*numbers): return [f"<p>line {n}.</p>" for n in numbers]




@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("engine", [None, "memory"])
def test_the_reset_stands_in_its_place(named, engine):
    shop = Shop(named, backplane=engine and MemoryBackplane())
    shop.bad = {2}
    with shop.opens("builder"):
        tab, other, plain = shop.tab(), shop.tab(), shop.tab(path="/json")
        shop.say(1, 2, 3)
        for each in (tab, other):
            assert seen(each) == [*lines(1), "sse-reset", *lines(3)]
            about = dict(reason="render", last_event_id=each.events[1].id)
            assert json.loads(each.events[1].data) == about, "its id is the event's"
        assert plain.resets == [] and '"n": 3' in plain.events[-1].data
        assert [shop.numbers.render_failures, shop.numbers.resets] == [1, 2]
        assert shop.tried == [1, 2, 3], "the builder runs once for all readers"


def test_one_for_what_fails_in_a_row():
    shop = Shop()
    shop.bad = {*range(2, 9), 10}
    with shop.opens("builder"):
        tab = shop.tab()
        async def say():
            for n in range(1, 12): await shop.manager.broadcast("said", {"n": n})
        shop.world.do(say())
        assert seen(tab) == [*lines(1), "sse-reset", *lines(9), "sse-reset", *lines(11)]
        assert shop.numbers.render_failures == 8 and shop.numbers.resets == 2


def test_each_that_is_missed_is_told():
    "A page that was refreshed between two failures gets both resets"
    shop = Shop()
    shop.bad = {1, 2}
    with shop.opens("builder"):
        tab = shop.tab()
        for n in (1, 2):
            shop.say(n)
            assert len(tab.resets) == n


def test_a_backlog_that_fails_does_not_hold_the_loop():
    async def main():
        shop = Shop()
        start = shop.manager.cursor()
        shop.bad = {*range(5_000)}
        for n in range(5_001): await shop.manager.broadcast("said", {"n": n})
        steps = [0]
        class Line(Tab):
            async def send(self, message):
                await asyncio.sleep(0)  # like a server that waits for its client
                await super().send(message)
        async def watch():
            while True:
                await asyncio.sleep(0)
                steps.append(len(shop.tried))
        watching = asyncio.create_task(watch())
        async with Line(shop.app, last_id=start) as tab:
            await tab.hears("line 5000.")
            watching.cancel()
            assert {name or data for name, _, data in tab.events[:-1]} == {"sse-reset"}
            assert len(tab.resets) < 200, "one for each batch; a busy machine makes more of them"
        turns = [later - now for now, later in zip(steps, steps[1:], strict=False)]
        assert max(turns) < 1_000, "too many calls in one turn of the loop"
        await shop.manager.close()
    asyncio.run(main())


def test_who_comes_back_is_told_and_is_not_told_again():
    shop = Shop()
    shop.bad = {2}
    with shop.opens("builder"):
        tab = shop.tab()
        shop.say(1)
        tab.lose_line()
        shop.say(2)
        for _ in range(2):
            tab.regain_line()
            assert seen(tab) == [*lines(1), "sse-reset"]
            tab.lose_line()


def test_a_failure_is_not_kept_for_who_comes_later():
    shop = Shop()
    with shop.opens("builder") as world:
        start, shop.bad = shop.manager.cursor(), {1}
        shop.say(1)
        assert [seen(shop.tab(cursor=start)) for _ in range(3)] == [["sse-reset"]] * 3
        assert shop.tried == [1], "readers within one second do not call the failing builder again"
        shop.bad = set()
        world.clock.advance(2)
        assert [seen(shop.tab(cursor=start)) for _ in range(2)] == [lines(1)] * 2 and shop.tried == [1, 1]


def test_a_newcomer_is_told_of_what_is_retained_and_cannot_be_shown():
    shop = Shop()
    shop.bad = {1, 2, 3}
    with shop.opens("builder") as world:
        for n in range(1, 5): shop.say(n, key=f"k{n}", retain=True)
        tab = shop.tab()
        assert seen(tab) == ["sse-reset", *lines(4)]
        assert json.loads(tab.events[0].data)["last_event_id"] == shop.manager.cursor()
        assert all(each.id is None for each in tab.events), "the cursor moves only after the last retained event"
        shop.say(5)
        assert seen(tab)[-1:] == lines(5)
        shop.bad = set()
        world.clock.advance(2)
        assert seen(shop.tab()) == lines(1, 2, 3, 4)


def test_who_is_told_of_a_gap_is_not_told_of_what_is_retained_as_well():
    shop = Shop()
    shop.bad = {1, 2}
    with shop.opens("builder"):
        for n in (1, 2): shop.say(n, key=f"k{n}", retain=True)
        tab = shop.tab(cursor="gone-7")
        assert tab.resets == ["unknown"] and shop.numbers.resets == 1


def test_what_was_sent_to_one_alone():
    shop = Shop()
    shop.bad = {1}
    with shop.opens("builder") as world:
        tab, other = shop.tab(), shop.tab()
        id, _ = shop.manager.connections
        assert not world.do(shop.manager.send_to(id, "said", {"n": 1})), "the call returns False"
        assert world.do(shop.manager.send_to(id, "said", {"n": 2}))
        assert seen(tab) == ["sse-reset", *lines(2)] and other.events == [] and shop.numbers.resets == 1
        assert [each.id for each in tab.events] == [None, None]


def test_with_disconnect_nobody_is_ended_for_it():
    "A client whose stream ends would reconnect and fail again"
    shop = Shop(overflow="disconnect")
    shop.bad = {1}
    with shop.opens("builder"):
        tab = shop.tab()
        before = [*shop.manager.connections]
        shop.say(1, 2)
        assert seen(tab) == ["sse-reset", *lines(2)] and [*shop.manager.connections] == before


def test_a_builder_that_shows_nothing_of_an_event_has_not_failed():
    shop = Shop()
    with shop.opens("must return an element"):
        tab = shop.tab()
        shop.say(1, kind="nothing")
        shop.say(2)
        assert seen(tab) == lines(2) and [shop.numbers.render_failures, shop.numbers.resets] == [0, 0]


def test_the_reset_belongs_to_the_topic_of_the_event():
    "Tabs that share a stream filter resets by topic"
    shop = Shop()
    shop.bad = {1}
    with shop.opens("builder") as world:
        browser = world.browser()
        tabs = [browser.tab(f"/?topic=room/{n}") for n in (1, 2)]
        world.clock.advance(2)
        assert len(shop.manager.connections) == 1, "they share a stream"
        shop.say(1, topic="room/1")
        assert [tab.resets for tab in tabs] == [["render"], []]


def test_failures_are_logged_with_their_number_and_not_each(caplog):
    "Without a world, which reports each failure"
    async def main():
        shop = Shop()
        shop.bad = {*range(100)}
        async with Tab(shop.app) as tab:
            for n in range(101): await shop.manager.broadcast("said", {"n": n})
            await tab.hears("line 100.")
        await shop.manager.close()
    asyncio.run(main())
    told, = [record for record in caplog.records if record.name == "cjm_fasthtml_sse.events.renderer"]
    assert "did not render an event of type 'said'; its readers get sse-reset" in told.getMessage()
    assert "database is locked" in caplog.text
