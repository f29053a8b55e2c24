"Apps that a proxy stands in front of, and what stands in front of them"

import json
import threading
from contextlib import ExitStack, contextmanager
from time import monotonic, sleep

import pytest
import uvicorn
from cjm_fasthtml_sse import BroadcastManager, setup_broadcast_routes
from fastcore.net import free_port
from fasthtml.common import FastHTML

from .real import DEADLINE, running


@contextmanager
def serving(app):
    "`app` by uvicorn in a thread; yields its port."
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=(port := free_port()), log_level="critical"))
    ready, startup = threading.Event(), server.startup

    async def started(**kwargs):
        await startup(**kwargs)
        ready.set()

    server.startup = started
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert ready.wait(DEADLINE)
    try: yield port
    finally:
        server.should_exit = True
        thread.join(DEADLINE)


def until(condition, what="the condition"):
    "Poll until `condition()`, whatever it returns, is true."
    deadline = monotonic() + DEADLINE
    while not (found := condition()):
        assert monotonic() < deadline, f"{what} did not come true"
        sleep(0.01)
    return found


def gone(manager): until(lambda: manager.statistics().streams == 0, "the end of all streams")


def said(stream): return json.loads(stream.event()["data"])["data"]["n"]


class App:
    "An app with a stream that is silent between events, and one whose heartbeats come often."
    def __init__(self):
        self.app, self.silent = FastHTML(secret_key="for this test"), BroadcastManager(heartbeat_interval=3600)
        self.beating = BroadcastManager(heartbeat_interval=0.5)
        setup_broadcast_routes(self.app, self.silent)
        setup_broadcast_routes(self.app, self.beating, prefix="/sse/beating")
        self.app.get("/plain")(self.plain)

    def plain(self, req): return f"{req.url.scheme} {req.headers['host']}"


@pytest.fixture(scope="module")
def site(request, tmp_path_factory):
    "The proxy that is the fixture's parameter: its kind, the app behind it, and the way there."
    kind, app = request.param, App()
    if not kind.found: pytest.skip(f"{kind} is not installed; `make proxies` brings it")
    with ExitStack() as stack:
        port = stack.enter_context(serving(app.app))
        with running(kind, tmp_path_factory.mktemp(kind.program), port) as way:
            yield kind, app, way
            stack.close()  # the app ends first, and with it all streams, for whose end a proxy would wait
