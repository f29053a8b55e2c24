"""Common mistakes and their error messages, which the troubleshooting page quotes.

`browser/test_teach.py` tests the messages in a page's console.
"""

import gc
import json
import re
from pathlib import Path

import pytest
from cjm_fasthtml_sse import BroadcastManager, setup_broadcast_routes
from cjm_fasthtml_sse.browser.scripts import FILES
from fasthtml.common import FastHTML, P
from starlette.testclient import TestClient

ROOT = Path(__file__).parents[2]
CELLS = json.loads((ROOT / "nbs/explains/troubleshooting.ipynb").read_text(encoding="utf-8"))["cells"]
PAGE = "\n".join("".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "markdown")
HEADINGS = re.findall(r"^### (.+)$", PAGE, re.M)


def anchor(heading): return re.sub(r"[^a-z0-9 -]", "", heading.lower()).strip().replace(" ", "-")


def test_what_the_console_points_to_is_there():
    scripts = "\n".join(path.read_text("utf-8") for path in (ROOT / "cjm_fasthtml_sse/assets").glob("*.js"))
    calls = re.findall(r"\bteach\?*\.?\((.*?)\);", scripts, re.S)
    for call in calls:
        assert re.findall(r'"([a-z-]+)"', call)[-1] in {anchor(heading) for heading in HEADINGS}, call


def sentences(text): return [each.strip() for each in re.split(r"(?<=[.?])\s+", text) if each.strip()]


def warnings():
    "The sentences of the console's warnings, as patterns that have any value in the place of a value"
    assets, texts = ROOT / "cjm_fasthtml_sse/assets", []
    names = {name for bundle in FILES.values() for name in bundle}
    script = "\n".join((assets / f"{name}.js").read_text("utf-8") for name in sorted(names))
    for call in re.findall(r"\bteach\((.*?)\);$", script, re.S | re.M):
        literals = [one or other for one, other in re.findall(r'`([^`]*)`|"([^"\n]*)"', call)]
        texts += sentences(re.sub(r"\$\{.*?\}", "\0", "".join(each for each in literals if " " in each)))
    return [re.compile(".+?".join(map(re.escape, text.split("\0")))) for text in texts]


def test_the_warnings_that_the_page_quotes_are_those_of_the_script():
    console = PAGE.partition("## In the browser's console")[2].partition("## In the server's log")[0]
    quoted = re.findall(r"(?:^|Or: )\*([^*\n]+)\*", console.partition("### ")[2], re.M)
    assert len(quoted) >= 7
    known = warnings()
    assert [each for text in quoted for each in sentences(text) if not any(w.fullmatch(each) for w in known)] == []


def test_broadcast_without_await_in_a_plain_handler():
    manager = BroadcastManager()
    with pytest.warns(RuntimeWarning) as told:
        manager.broadcast("said", {})
        gc.collect()
    assert str(told[0].message) in HEADINGS
    assert manager.get_history() == []


def served(builder, *events):
    "Return the first event in the stream that the builder can render."
    app, manager = FastHTML(secret_key="for this test"), BroadcastManager()
    setup_broadcast_routes(app, manager, element_builder=builder)
    with TestClient(app) as client, client.stream("GET", "/sse/broadcast") as stream:
        for kind in events: manager.broadcast_threadsafe(kind, {"text": "hello"})
        return next(line for line in stream.iter_lines() if line.startswith("data:") and '"reason"' not in line)


@pytest.mark.parametrize("wrong", [{"text": "hello"}, None, 42, object()], ids=["dict", "None", "number", "object"])
def test_a_builder_that_returns_no_element(wrong, caplog):
    def builder(kind, data): return P(kind) if kind == "good" else wrong

    assert served(builder, "bad", "bad", "good") == "data: <p>good</p>"
    (told,) = [record for record in caplog.records if record.name.startswith("cjm_fasthtml_sse")]
    assert "did not render an event of type 'bad'" in told.getMessage() and "builder" in told.getMessage()
    assert "must return an element, a list of elements, or a string of HTML, got" in str(told.exc_info[1])
    assert any("did not render an event of type" in heading for heading in HEADINGS)


def test_several_workers_on_memory(monkeypatch, caplog):
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    for _ in range(2): assert served(lambda kind, data: P(kind), "good") == "data: <p>good</p>"
    told = [r.getMessage() for r in caplog.records if "workers keeps its events in its own memory" in r.getMessage()]
    assert len(told) == 2, "each manager logs it once"
    assert "backplane=" in told[0] and "One of 4 workers" in told[0]
    assert told[0].split("One of 4 ")[1] in PAGE


def test_one_worker_on_memory_says_nothing(monkeypatch, caplog):
    monkeypatch.delenv("WEB_CONCURRENCY", raising=False)
    assert served(lambda kind, data: P(kind), "good") == "data: <p>good</p>"
    assert [record for record in caplog.records if record.name.startswith("cjm_fasthtml_sse")] == []


def test_a_second_manager_on_one_prefix(caplog):
    app, first, second = FastHTML(secret_key="for this test"), BroadcastManager(), BroadcastManager()
    for _ in range(2): setup_broadcast_routes(app, first)
    setup_broadcast_routes(app, second, prefix="/news")
    assert caplog.records == []
    setup_broadcast_routes(app, second)
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("/sse/broadcast belongs to another manager from now on") and told in PAGE
