"""Measure the test kit: a test with two tabs, an hour of two tabs, and a day of ten tabs.

    python benchmarks/testing.py [--repeat 20] [--out DIR]

A test makes the application, opens two tabs, submits a form, compares the tabs, and ends. A ratio is taken to the same
requests by Starlette's `TestClient`, which has no streams and no time, in the same round. The result is printed and
written to `testing.md` in DIR.
"""

import argparse
import time
from pathlib import Path
from statistics import median

from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers
from cjm_fasthtml_sse.testing import live
from fasthtml.common import Form, Input, Li, Titled, fast_app
from starlette.testclient import TestClient

HOUR, DAY, DAY_TABS = 3600, 24 * 3600, 10


def make():
    "A board of cards, as in the tutorial"
    app, rt = fast_app(hdrs=sse_headers(), secret_key="not a secret" * 3)
    manager, cards = BroadcastManager(), []
    setup_broadcast_routes(app, manager, element_builder=lambda kind, data: Li(data["title"]), named=True)

    @rt("/")
    def board():
        element = create_sse_element("/sse/broadcast", "cards", "card", hx_swap="beforeend", cursor=manager.cursor())
        return Titled("Board", element(*map(Li, cards)), Form(Input(name="title"), hx_post="/add", id="new"))

    @app.post("/add")
    async def add(title: str):
        cards.append(title)
        await manager.broadcast("card", {"title": title})
        return Form(Input(name="title"), hx_post="/add", id="new")

    return app


def kit_test():
    "A test with two tabs, its world up and down included"
    with live(make) as world:
        ann, bob = world.tab("/"), world.tab("/")
        ann.submit("#new", title="Milk")
        assert bob.texts("#cards li") == ["Milk"] == ann.texts("#cards li")


def client_test():
    "The requests of that test without streams"
    with TestClient(make()) as client:
        for _ in range(2): assert client.get("/").status_code == 200
        assert client.post("/add", data={"title": "Milk"}).status_code == 200


def advance(tabs: int, seconds: float) -> float:
    "Seconds of real time for some virtual time of `tabs`"
    with live(make) as world:
        opened = [world.tab("/") for _ in range(tabs)]
        began = time.perf_counter()
        world.clock.advance(seconds)
        spent = time.perf_counter() - began
        assert all(tab.state == "open" and not tab.resets for tab in opened)
    return spent


def timed(call) -> float:
    "Seconds of real time of one call"
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=20, help="rounds (%(default)s)")
    parser.add_argument("--out", type=Path, help="folder of testing.md")
    args = parser.parse_args()
    for call in (kit_test, client_test): call()  # The first one imports and compiles
    rounds = [(timed(kit_test), timed(client_test)) for _ in range(args.repeat)]
    kit, ratio = median(kit for kit, _ in rounds), median(kit / client for kit, client in rounds)
    hour, day = median(advance(2, HOUR) for _ in range(5)), advance(DAY_TABS, DAY)
    rows = [("a test with two tabs", f"{kit * 1e3:.0f} ms", f"{ratio:.1f}x its requests by `TestClient`"),
            ("an hour of two tabs", f"{hour * 1e3:.0f} ms", f"{HOUR / hour:,.0f}x real time"),
            (f"a day of {DAY_TABS} tabs", f"{day:.1f} s", f"{DAY / day:,.0f}x real time")]
    lines = ["| what | real time | against |", "| --- | ---: | ---: |", *(f"| {' | '.join(row)} |" for row in rows)]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if args.out: (args.out / "testing.md").write_text(text, encoding="utf-8")


if __name__ == "__main__": main()
