"""Figures in prose. They follow from defaults of the package, or are facts: prose has no figure that was measured.

Outputs in notebooks are compared by `make test`, and tables of measurements are written by the programs that measure.
"""

import inspect
import json
import re
from pathlib import Path

import pytest
from cjm_fasthtml_sse import BroadcastManager, Capacity, Cluster, Delivery, Replay, sse_headers
from cjm_fasthtml_sse.asgi.stream import CLOSING_TIMEOUT
from fasthtml.common import to_xml

NBS = Path(__file__).parents[2] / "nbs"
MANAGER = {name: each.default for name, each in inspect.signature(BroadcastManager).parameters.items()}
REPLAY, DELIVERY, CLUSTER, CAPACITY = Replay(), Delivery(), Cluster(), Capacity()
POLL = 2  # Seconds between two polls on the page that compares polling with streams


def binary(n):
    "A number of bytes, as pages write it"
    return f"{n // 2**20} MiB" if n % 2**20 == 0 else f"{n // 2**10} KiB"


LOG = f"{REPLAY.max_events:,} events, {binary(REPLAY.max_bytes)}"
RETAINED = f"{REPLAY.max_retained:,} {{}}keys{{}} {binary(REPLAY.max_retained_bytes)}"
SEND, HEARTBEAT = f"{DELIVERY.send_timeout:g}", f"{MANAGER['heartbeat_interval']:g}"
RETRY = "{:,} to {:,} ms".format(*DELIVERY.retry_range)
CLOSING = f"{CLOSING_TIMEOUT:g} seconds"
EXTENSION = re.search("htmx-ext-sse@[0-9.]+", to_xml(sse_headers()))[0]  # Loaded with its checksum
CLAIMS = [
    ("core/manager", f"resume from: {LOG}, any age; {RETAINED.format('retained ', ',')}"),
    ("core/manager", f"{binary(DELIVERY.max_queue_bytes)} waiting for one subscriber, "
     f"{binary(DELIVERY.max_send_bytes)} a send, {binary(DELIVERY.max_event_bytes)} an event, {SEND} s for one send, "
     f"reconnect after {RETRY}"),
    ("core/manager", f"no limit; {CAPACITY.max_topics} topics a connection"),
    ("core/manager", f"{CLUSTER.buffer_limit:,} events and {binary(CLUSTER.buffer_bytes)} waiting for the engine, "
     f"{CLUSTER.publish_timeout:g} s for its answer, a report every {CLUSTER.report_interval:g} s"),
    ("explains/delivery", f"| `Replay(max_events=…, max_bytes=…)` | {LOG} |"),
    ("explains/delivery", f"At 10 events a second, {REPLAY.max_events:,} events cover "
     f"{REPLAY.max_events / 10 / 60:.0f} minutes."),
    ("explains/delivery", f"At most {RETAINED.format('', ' are retained, with')}"),
    ("explains/delivery", f"| {MANAGER['max_queue_size']} events, {binary(DELIVERY.max_queue_bytes)} |"),
    ("explains/delivery", f"| `Delivery(max_event_bytes=…)` | {binary(DELIVERY.max_event_bytes)} |"),
    ("explains/delivery", f"| `Delivery(overflow=…)` | `{DELIVERY.overflow!r}` |"),
    ("explains/delivery", f"| `history_limit` | {MANAGER['history_limit']} messages |"),
    ("explains/delivery", f"| `Delivery(send_timeout=…)` | {SEND} s |"),
    ("explains/delivery", f"| `queue_timeout` | {MANAGER['queue_timeout']} s |"),
    ("explains/lifecycle", f"at most `heartbeat_interval` ({HEARTBEAT} seconds)"),
    ("explains/lifecycle", f"After `Delivery(send_timeout=…)` ({SEND} seconds)"),
    ("explains/lifecycle", f"did not read the closing frame within {CLOSING}"),
    ("asgi/stream", f"A closing frame has {CLOSING} to reach the client."),
    ("core/hub", f"does not take its closing frame is disconnected after {CLOSING}"),
    ("explains/production", f"more silence than `heartbeat_interval` ({HEARTBEAT} seconds)"),
    ("explains/security", f"the bytes of one send ({binary(DELIVERY.max_send_bytes)} at most"),
    ("explains/why_sse", f"polling every {POLL} s; heartbeats every {HEARTBEAT} s) | {3600 // POLL:,} requests |"),
    ("explains/why_sse", f"one request, {3600 / MANAGER['heartbeat_interval']:.0f} heartbeats"),
    ("tutorials/many_tabs", f"`npm install htmx.org@2 {EXTENSION}`"),
    ("tutorials/many_workers", f"keeps the newest {REPLAY.max_events:,} events by default"),
]


def prose(page):
    cells = json.loads((NBS / f"{page}.ipynb").read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


@pytest.mark.parametrize("page, claim", CLAIMS)
def test_a_figure_is_that_of_the_defaults(page, claim): assert claim in prose(page)


def test_the_demo_has_the_element_that_the_page_about_delivery_shows():
    (shown,) = re.findall(r"demo's page has this element:\n\n``` py\n(.*?)\n```", prose("explains/delivery"), re.S)
    assert shown in (NBS.parent / "cjm_fasthtml_sse/demo/page.py").read_text(encoding="utf-8")


# Durations below a second, shares and rates, as measurements have them; and comparisons of cost
MEASURED = re.compile(r"(?:\d|\b(?:an?|few|some|two|ten|twenty|hundred)) ?"
                      r"(?:[nµu]s|ms|(?:nano|micro|milli)seconds?|%|percent)(?!\w)|\d events a second|"
                      r"\b(?:twice|half|times) (?:the|of the|that|as much) (?:CPU|memory|time|cost)")
# Such figures that no program measured, each with its source
FACTS = {
    "asgi/scheduler": ["ends after 5 milliseconds"],  # A limit of the code, as in the next three
    "backplanes/sqlite_file": ["waits up to 100 ms"],
    "backplanes/sqlite_notify": ["polls 2 ms after"],
    "events/mailbox": ["After 5 milliseconds"],
    "backplanes/sqlite_session": ["up to 5 ms (`sys.getswitchinterval`)"],  # Python's default
    "explains/production": ["ten events, 250 ms apart"],  # What `benchmarks/proxies.py` sends
}


def pages():
    "The pages of the site, without their folder and ending"
    return sorted(path.relative_to(NBS).with_suffix("").as_posix() for path in NBS.rglob("*.ipynb"))


def measured(text, known=()):
    "The figures in Markdown that look measured and are in no known sentence"
    text = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    for sentence in known: text = text.replace(sentence, "")
    return [text[max(0, found.start() - 40):found.end() + 20] for found in MEASURED.finditer(text)]


@pytest.mark.parametrize("page", pages())
def test_prose_has_no_figure_that_was_measured(page):
    facts = FACTS.get(page, [])
    assert [fact for fact in facts if len(measured(fact)) != 1 or fact not in prose(page)] == []
    assert measured(prose(page), [*facts, *(claim for where, claim in CLAIMS if where == page)]) == []


@pytest.mark.parametrize("sentence", ["It takes 0.2 ms.", "It takes a few microseconds.", "It needs 3 % of a core.",
                                      "About 120,000 events a second pass.", "That is seven times the CPU."])
def test_a_figure_that_was_measured_is_found(sentence): assert measured(sentence)
