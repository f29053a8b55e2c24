"Apps behind a proxy, and their clients: curl and Chromium"

import json
from contextlib import ExitStack

import pytest
from browser.conftest import ARGS, CHROMIUM, TIMEOUT, Console, running
from cjm_fasthtml_sse import BroadcastManager, setup_broadcast_routes
from fasthtml.common import FastHTML
from playwright.sync_api import sync_playwright
from until import until

from .real import in_front


def gone(manager): until(lambda: manager.statistics().streams == 0, "the end of all streams")


def said(stream): return json.loads(stream.event()["data"])["data"]["n"]


def skip_without(kind):
    if kind.missing: pytest.skip(f"{kind.missing} is needed; `make proxies` installs it")


def port_of(url): return int(url.rpartition(":")[2])


class App:
    "An app with a stream that is silent between events, and one with frequent heartbeats."
    def __init__(self):
        self.app, self.silent = FastHTML(secret_key="for this test"), BroadcastManager(heartbeat_interval=3600)
        self.beating = BroadcastManager(heartbeat_interval=0.5)
        setup_broadcast_routes(self.app, self.silent)
        setup_broadcast_routes(self.app, self.beating, prefix="/sse/beating")
        self.app.get("/plain")(self.plain)

    def plain(self, req): return f"{req.url.scheme} {req.headers['host']}"


@pytest.fixture(scope="module")
def site(request, tmp_path_factory):
    "Start the proxy of the fixture's parameter: its kind, the app behind it, and the proxied address."
    kind, app = request.param, App()
    skip_without(kind)
    with ExitStack() as stack:
        port = port_of(stack.enter_context(running(app.app)))
        with in_front(kind, tmp_path_factory.mktemp(kind.program), port) as way:
            yield kind, app, way
            stack.close()  # the app ends first, with its streams, because a proxy would wait for them


@pytest.fixture(scope="package")
def chromium():
    "Start the browser once for this folder; it resolves the host name of the examples to the proxies."
    arguments = [*ARGS, "--host-resolver-rules=MAP example.org 127.0.0.1"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def console():
    "Collect the console messages of the test's pages; an unexpected one fails the test."
    console = Console()
    yield console
    assert not console.unexpected()


@pytest.fixture
def tab(chromium, console):
    "Open a tab with a new session."
    context = chromium.new_context(ignore_https_errors=True)
    context.set_default_timeout(3 * TIMEOUT)
    console.watch(page := context.new_page())
    yield page
    context.close()
