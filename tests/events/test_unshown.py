"A builder that fails for an event: its readers get a reset, and all other events."

import asyncio
import logging

import pytest
from asgi_tab import Tab, until
from cjm_fasthtml_sse import create_broadcast_handler, setup_broadcast_routes
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane
from fasthtml.common import FastHTML, P
from settings import make_manager


class Shop:
    "An application whose builder fails for the numbers in `bad`; `tried` lists the numbers that it was called with."
    def __init__(self, named=False, **settings):
        self.bad, self.tried, self.now = set(), [], 100.0
        self.app, self.manager = FastHTML(secret_key="x"), make_manager(clock=lambda: self.now, **settings)
        setup_broadcast_routes(self.app, self.manager, element_builder=self.show, named=named)
        self.app.get("/json")(create_broadcast_handler(self.manager))

    def show(self, kind, data):
        self.tried.append(data["n"])
        if kind == "nothing": return None
        if data["n"] in self.bad: raise RuntimeError("database is locked")
        return P(f"line {data['n']}.")

    def tab(self, *args, **kwargs): return Tab(self.app, *args, **kwargs)

    async def say(self, *numbers, kind="said", **kwargs):
        for n in numbers: await self.manager.broadcast(kind, {"n": n}, **kwargs)

    @property
    def numbers(self): return self.manager.statistics()


def seen(tab):
    "Return the lines and resets of a tab in order."
    return [data if name in (None, "said") else name for name, _, data in tab.events]


def lines(*numbers): return [f"<p>line {n}.</p>" for n in numbers]


@pytest.fixture(autouse=True)
def quiet(caplog): caplog.set_level(logging.CRITICAL + 1, "cjm_fasthtml_sse.events.renderer")


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("engine", [None, "memory"])
def test_the_reset_stands_in_its_place(named, engine):
    async def main():
        shop = Shop(named, backplane=engine and MemoryBackplane())
        shop.bad = {2}
        async with shop.tab() as tab, shop.tab() as other, shop.tab(path="/json") as plain:
            await shop.say(1)
            await tab.hears("line 1.")
            await shop.say(2, 3)
            for each in (tab, other):
                await each.hears("line 3.")
                assert seen(each) == [*lines(1), "sse-reset", *lines(3)]
                reset, = each.resets
                assert reset == dict(reason="render", last_event_id=each.events[1][1]), "its id is the event's"
            await plain.hears('"n": 3')
            assert plain.resets == [] and [shop.numbers.render_failures, shop.numbers.resets] == [1, 2]
            assert shop.tried == [1, 2, 3], "the builder runs once for all readers"
        await shop.manager.close()
    asyncio.run(main())


def test_one_for_what_fails_in_a_row():
    async def main():
        shop = Shop()
        shop.bad = {*range(2, 9), 10}
        async with shop.tab() as tab:
            await shop.say(*range(1, 12))
            await tab.hears("line 11.")
            assert seen(tab) == [*lines(1), "sse-reset", *lines(9), "sse-reset", *lines(11)]
            assert shop.numbers.render_failures == 8 and shop.numbers.resets == 2
        await shop.manager.close()
    asyncio.run(main())


def test_each_that_is_missed_is_told():
    "A page that was refreshed between two failures gets both resets"
    async def main():
        shop = Shop()
        shop.bad = {1, 2}
        async with shop.tab() as tab:
            for n in (1, 2):
                await shop.say(n)
                await until(lambda n=n: len(tab.resets) == n)
        await shop.manager.close()
    asyncio.run(main())


def test_a_backlog_that_fails_does_not_hold_the_loop():
    async def main():
        shop = Shop()
        start = shop.manager.cursor()
        shop.bad = {*range(5_000)}
        await shop.say(*range(5_001))
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
            assert set(seen(tab)[:-1]) == {"sse-reset"} and len(tab.resets) < 20
        turns = [later - now for now, later in zip(steps, steps[1:], strict=False)]
        assert max(turns) < 1_000, "too many calls in one turn of the loop"
        await shop.manager.close()
    asyncio.run(main())


def test_who_comes_back_is_told_and_is_not_told_again():
    async def main():
        shop = Shop()
        async with shop.tab() as tab:
            await shop.say(1)
            await tab.hears("line 1.")
            last = tab.last_id
        shop.bad = {2}
        await shop.say(2)
        for want in (["sse-reset"], []):
            async with shop.tab(last_id=last) as tab:
                await until(lambda: shop.manager.cursor() == tab.last_id)
                assert seen(tab) == want
                last = tab.last_id
        await shop.manager.close()
    asyncio.run(main())


def test_a_failure_is_not_kept_for_who_comes_later():
    async def main():
        shop = Shop()
        start = shop.manager.cursor()
        shop.bad = {1}
        await shop.say(1)
        async def came():
            async with shop.tab(last_id=start) as tab:
                await until(lambda: shop.manager.cursor() == tab.last_id)
                return seen(tab)
        assert [await came() for _ in range(3)] == [["sse-reset"]] * 3
        assert shop.tried == [1], "readers within one second do not call the failing builder again"
        shop.bad, shop.now = set(), shop.now + 2
        assert [await came() for _ in range(2)] == [lines(1)] * 2 and shop.tried == [1, 1]
        await shop.manager.close()
    asyncio.run(main())


def test_a_newcomer_is_told_of_what_is_retained_and_cannot_be_shown():
    async def main():
        shop = Shop()
        shop.bad = {1, 2, 3}
        for n in range(1, 5): await shop.say(n, key=f"k{n}", retain=True)
        async with shop.tab() as tab:
            await until(lambda: f"id: {shop.manager.cursor()}\n\n" in tab.text)
            assert seen(tab) == ["sse-reset", *lines(4)] and tab.resets[0]["last_event_id"] == shop.manager.cursor()
            assert all(id is None for _, id, _ in tab.events), "the cursor moves only after the last retained event"
            await shop.say(5)
            await tab.hears("line 5.")
        shop.bad, shop.now = set(), shop.now + 2
        async with shop.tab() as tab:
            await tab.hears("line 5.") if "line 5." in tab.text else await tab.hears("line 4.")
            assert seen(tab) == lines(1, 2, 3, 4)
        await shop.manager.close()
    asyncio.run(main())


def test_who_is_told_of_a_gap_is_not_told_of_what_is_retained_as_well():
    "A heartbeat brings the newest id when all else has been sent"
    async def main():
        shop = Shop(heartbeat_interval=0.1)
        shop.bad = {1, 2}
        for n in (1, 2): await shop.say(n, key=f"k{n}", retain=True)
        async with shop.tab(last_id="gone-7") as tab:
            await until(lambda: f"id: {shop.manager.cursor()}\n\n" in tab.text)
            assert [reset["reason"] for reset in tab.resets] == ["unknown"] == [*{r["reason"] for r in tab.resets}]
            assert shop.numbers.resets == 1
        await shop.manager.close()
    asyncio.run(main())


def test_what_was_sent_to_one_alone():
    async def main():
        shop = Shop()
        shop.bad = {1}
        async with shop.tab() as tab, shop.tab() as other:
            id, _ = shop.manager.connections
            assert not await shop.manager.send_to(id, "said", {"n": 1}), "the call returns False"
            assert await shop.manager.send_to(id, "said", {"n": 2})
            await tab.hears("line 2.")
            assert seen(tab) == ["sse-reset", *lines(2)] and other.events == [] and shop.numbers.resets == 1
            assert [id for _, id, _ in tab.events] == [None, None]
        await shop.manager.close()
    asyncio.run(main())


def test_with_disconnect_nobody_is_ended_for_it():
    "A client whose stream ends would reconnect and fail again"
    async def main():
        shop = Shop(overflow="disconnect")
        shop.bad = {1}
        async with shop.tab() as tab:
            await shop.say(1, 2)
            await tab.hears("line 2.")
            assert seen(tab) == ["sse-reset", *lines(2)]
        await shop.manager.close()
    asyncio.run(main())


def test_a_builder_that_shows_nothing_of_an_event_has_not_failed():
    async def main():
        shop = Shop()
        async with shop.tab() as tab:
            await shop.say(1, kind="nothing")
            await shop.say(2)
            await tab.hears("line 2.")
            assert seen(tab) == lines(2) and [shop.numbers.render_failures, shop.numbers.resets] == [0, 0]
        await shop.manager.close()
    asyncio.run(main())


def test_the_reset_belongs_to_the_topic_of_the_event():
    "Tabs that share a stream filter resets by topic"
    async def main():
        shop = Shop()
        shop.bad = {1}
        async with shop.tab("topic=room/1") as tab:
            await shop.say(1, topic="room/1")
            await until(lambda: tab.resets)
            assert "topic: room/1\n" in tab.text.partition("sse-reset")[2]
        await shop.manager.close()
    asyncio.run(main())


def test_failures_are_logged_with_their_number_and_not_each(caplog):
    async def main():
        shop = Shop()
        shop.bad = {*range(100)}
        async with shop.tab() as tab:
            await shop.say(*range(101))
            await tab.hears("line 100.")
        await shop.manager.close()
    caplog.set_level(logging.ERROR, "cjm_fasthtml_sse.events.renderer")
    asyncio.run(main())
    told, = [record for record in caplog.records if record.name == "cjm_fasthtml_sse.events.renderer"]
    assert "did not render an event of type 'said'; its readers get sse-reset" in told.getMessage()
    assert "database is locked" in caplog.text
