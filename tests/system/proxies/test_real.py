"""Each proxy passes on a stream as it arrives, with its file in `examples/proxies/`.

An event is sent only after the previous one has arrived, and nothing else is sent. So an event that waits in a buffer
would wait forever. `benchmarks/proxies.py` measures the delay of each event.
"""

import pytest
from browser.conftest import running

from .conftest import App, gone, port_of, said, skip_without
from .hurts import RUNS
from .real import EXAMPLES, KINDS, NGINX, in_front



def cases(kinds):
    "Return nginx and another proxy each day, and all of them with the long tests."
    return [pytest.param(kind, id=str(kind), marks=[] if kind is NGINX else pytest.mark.sample(1)) for kind in kinds]


each_proxy = pytest.mark.parametrize("site", cases(KINDS), indirect=True)


@each_proxy
def test_the_opening_and_ten_events_arrive_each_by_itself(site):
    "Also for a client that accepts compression, as browsers do and curl does only with `--compressed`."
    _, app, way = site
    for packed in (True, False):
        with way.stream(packed=packed) as stream:
            stream.line(": connected")
            for n in range(10):
                app.silent.broadcast_threadsafe("said", {"n": n})
                assert said(stream) == n


@pytest.mark.parametrize("site", cases([kind for kind in KINDS if kind.many]), indirect=True)
def test_one_browser_has_more_than_six_streams_by_http_2(site, tab, console):
    _, app, way = site
    console.allow_failing()  # there is no icon
    gone(app.silent)
    tab.goto(f"{way.url}/plain")
    opened = tab.evaluate("""async () => {
        const opening = n => new Promise(done => { new EventSource("/sse/broadcast").onopen = () => done(n); });
        return Promise.all([...Array(10).keys()].map(opening));
    }""")
    assert opened == list(range(10)) and app.silent.statistics().streams == 10
    assert tab.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"


@each_proxy
def test_heartbeats_pass(site):
    _, _, way = site
    with way.stream("/sse/beating/broadcast") as stream:
        for _ in range(3): stream.line(": heartbeat")


@each_proxy
def test_a_closed_tab_is_noticed(site):
    "Immediately, without a write; or by a heartbeat that cannot be delivered."
    kind, app, way = site
    manager, path = (app.beating, "/sse/beating/broadcast") if kind.heartbeats else (app.silent, "/sse/broadcast")
    gone(manager)
    with way.stream(path) as stream:
        stream.line(": connected")
        assert manager.statistics().streams == 1
    gone(manager)


@each_proxy
def test_a_tab_that_comes_back_has_what_it_missed(site):
    _, app, way = site
    with way.stream() as stream:
        stream.line(": connected")
        app.silent.broadcast_threadsafe("said", {"n": "seen"})
        last = stream.event()["id"]
    for n in (1, 2): app.silent.broadcast_threadsafe("said", {"n": n})
    with way.stream(last=last) as stream: assert [said(stream), said(stream)] == [1, 2]


@each_proxy
def test_the_app_hears_how_it_was_asked_for(site):
    kind, _, way = site
    assert way.get("/plain").split() == ["https" if kind.forwards else "http", f"example.org:{way.port}"]


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in RUNS if name.endswith("-mended")])
def test_what_is_said_to_mend_a_setting_that_hurts_does(name, tmp_path):
    "Two users each have a stream and get each event immediately."
    kind, _, changes = RUNS[name]
    skip_without(kind)
    app = App()
    with running(app.app) as url, in_front(kind, tmp_path, port_of(url), *changes) as way:
        with way.stream() as one, way.stream() as another:
            for stream in (one, another): stream.line(": connected")
            assert app.silent.statistics().streams == 2
            for n in range(3):
                app.silent.broadcast_threadsafe("said", {"n": n})
                assert [said(one), said(another)] == [n, n]


def test_each_setting_that_is_known_was_measured():
    table = (EXAMPLES / "README.md").read_text(encoding="utf-8").split("<!-- measured -->")[1]
    assert [what for _, what, _ in RUNS.values() if f"{what} |" not in table] == []
