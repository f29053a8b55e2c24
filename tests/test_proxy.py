"""What `production` says about nginx is true: its own configuration, taken from the page, with nginx and TLS in front.

It needs Debian's `nginx` and `openssl`; without them the tests say so and are skipped.
"""

import json
import os
import re
import shutil
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import httpx2
import pytest
import uvicorn
from cjm_fasthtml_sse import BroadcastManager, setup_broadcast_routes
from fastcore.net import free_port
from fasthtml.common import FastHTML
from playwright.sync_api import sync_playwright
from starlette.responses import HTMLResponse

PAGE = Path(__file__).parents[1] / "nbs/explains/production.ipynb"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
DEADLINE = 30  # seconds that anything here may take before it fails; a generous limit, not a delay
pytestmark = pytest.mark.skipif(not NGINX or not shutil.which("openssl"), reason="nginx and openssl are needed")

# What surrounds the page's settings: everything that nginx writes goes into one folder.
AROUND = """
{user}
daemon off; pid {folder}/pid; error_log stderr; worker_rlimit_nofile 4000;
events {{ worker_connections 1000; }}
http {{
  access_log off;
  {temporary}
  {settings}
}}
"""
KINDS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def settings():
    "The block of nginx's configuration on the page."
    cells = json.loads(PAGE.read_text(encoding="utf-8"))["cells"]
    (block,) = re.findall(r"^``` ?nginx\n(.*?)^```", "\n\n".join("".join(c["source"]) for c in cells), re.S | re.M)
    return block


def changed(text, *changes):
    "The settings with other addresses; each change has to fit."
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


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


@contextmanager
def proxy(folder, app_port, *changes):
    "nginx in front of the app, by the page's settings; yields its URL."
    port, key, cert = free_port(), folder / "key.pem", folder / "cert.pem"
    subject = ["-subj", "/CN=example.org", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", cert]
    subprocess.run([*made, *subject], check=True, capture_output=True)
    addresses = [("127.0.0.1:5001", f"127.0.0.1:{app_port}"), ("listen 443", f"listen 127.0.0.1:{port}"),
                 ("/etc/ssl/example.org.pem", str(cert)), ("/etc/ssl/example.org.key", str(key))]
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in KINDS)
    user = "user root;" if os.geteuid() == 0 else ""
    text = dict(settings=changed(settings(), *addresses, *changes), temporary=temporary, user=user, folder=folder)
    (folder / "nginx.conf").write_text(AROUND.format(**text))
    command = [NGINX, "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr"]
    nginx = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        with httpx2.Client(base_url=f"https://127.0.0.1:{port}", verify=False, timeout=DEADLINE) as client:
            wait_for(client, nginx)
            yield client
    finally:
        nginx.terminate()
        nginx.communicate(timeout=DEADLINE)


def wait_for(client, nginx):
    "Ask until nginx listens, which it does not announce."
    deadline = monotonic() + DEADLINE
    while True:
        try: return client.get("/plain")
        except httpx2.ConnectError:
            if nginx.poll() is None and monotonic() < deadline: continue
            nginx.kill()
            pytest.fail(nginx.communicate()[1])


def application(**limits):
    "An app whose manager the tests hold."
    app, manager = FastHTML(secret_key="for this test"), BroadcastManager(**limits)
    setup_broadcast_routes(app, manager)

    @app.get("/plain")
    def plain(req): return f"{req.url.scheme} {req.headers['host']}"

    @app.post("/say")
    async def say(text: str): await manager.broadcast("said", {"text": text})

    @app.get("/page")
    def page(): return HTMLResponse("<!doctype html><title>a page</title>")

    return app, manager


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    "A manager, and a client that reaches it through nginx."
    app, manager = application()
    with serving(app) as port, proxy(tmp_path_factory.mktemp("nginx"), port) as client: yield manager, client


def until(condition):
    deadline = monotonic() + DEADLINE
    while not condition(): assert monotonic() < deadline


def heard(stream):
    deadline = monotonic() + DEADLINE
    for event in httpx2.EventSource(stream):
        assert monotonic() < deadline, "nothing but heartbeats"
        if event.data: yield event


def text(event): return json.loads(event.data)["data"]["text"]


def test_each_event_arrives_by_itself_and_a_closed_tab_is_noticed(site):
    manager, client = site
    with client.stream("GET", "/sse/broadcast") as stream:
        told = heard(stream)
        for n in range(3):  # the next is sent when the one before has arrived, so nothing may wait in a buffer
            client.post("/say", params={"text": f"{n}"})
            event = next(told)
            assert text(event) == f"{n}"
        assert manager.get_connection_count() == 1
    until(lambda: manager.get_connection_count() == 0)
    client.post("/say", params={"text": "missed"})
    with client.stream("GET", "/sse/broadcast", headers={"Last-Event-ID": event.id}) as stream:
        assert text(next(heard(stream))) == "missed"


def test_the_app_hears_how_it_was_asked_for(site):
    _, client = site
    assert client.get("/plain", headers={"Host": "example.org"}).text.split() == ["https", "example.org"]


def test_one_browser_has_more_than_six_streams_by_http_2(site):
    manager, client = site
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(ignore_https_errors=True)
        page.goto(f"{client.base_url}/page")
        opened = page.evaluate("""async () => {
            const opening = n => new Promise(done => { new EventSource("/sse/broadcast").onopen = () => done(n); });
            return Promise.all([...Array(10).keys()].map(opening));
        }""")
        assert opened == list(range(10)) and manager.statistics().streams == 10
        by = "performance.getEntriesByType('navigation')[0].nextHopProtocol"
        assert page.evaluate(by) == "h2"
        browser.close()
    until(lambda: manager.get_connection_count() == 0)


def test_heartbeats_keep_a_line_that_nginx_would_cut(tmp_path):
    app, manager = application(heartbeat_interval=0.2)
    with serving(app) as port, proxy(tmp_path, port, ("proxy_read_timeout 1h", "proxy_read_timeout 1s")) as client:
        with client.stream("GET", "/sse/broadcast") as stream:
            beats = (line for line in stream.iter_lines() if line == ": heartbeat")
            for _ in range(15): next(beats)  # three seconds of silence, as the proxy would count them


def test_without_heartbeats_nginx_cuts_a_silent_line(tmp_path):
    app, manager = application(heartbeat_interval=0)
    with serving(app) as port, proxy(tmp_path, port, ("proxy_read_timeout 1h", "proxy_read_timeout 1s")) as client:
        with pytest.raises(httpx2.HTTPError), client.stream("GET", "/sse/broadcast") as stream: stream.read()
        until(lambda: manager.get_connection_count() == 0)


def test_the_answer_of_a_stream_turns_buffering_off_by_itself(tmp_path):
    app, manager = application()
    with serving(app) as port, proxy(tmp_path, port, ("proxy_buffering off", "proxy_buffering on")) as client:
        with client.stream("GET", "/sse/broadcast") as stream:
            client.post("/say", params={"text": "at once"})
            assert text(next(heard(stream))) == "at once"
