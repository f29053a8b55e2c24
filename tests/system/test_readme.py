"The apps of the README run as they stand, started as it says: a block of Python that ends in `serve()` is an app."

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import httpx2
import pytest
from fastcore.net import free_port

ROOT = Path(__file__).parents[2]
DEADLINE = 20  # seconds that anything here may take before it fails; a generous limit, not a delay


def apps(text):
    "The blocks of Python in `text` that start a server."
    blocks = re.findall(r"^``` ?python\n(.*?)^```", text, re.S | re.M)
    return [block for block in blocks if re.search(r"^serve\(", block, re.M)]


README = apps((ROOT / "README.md").read_text(encoding="utf-8"))


def test_the_first_app_has_twelve_lines():
    assert len([line for line in README[0].splitlines() if line.strip()]) == 12


def test_the_site_shows_the_same_apps():
    cells = json.loads((ROOT / "nbs/index.ipynb").read_text(encoding="utf-8"))["cells"]
    assert apps("\n\n".join("".join(cell["source"]) for cell in cells)) == README


@contextmanager
def running(app, folder):
    "`python main.py`, as a reader of the README types it, on a free port: a client, and what a Ctrl-C does"
    (folder / "main.py").write_text(app, encoding="utf-8")
    port, said = free_port(), (folder / "log").open("w+")
    how = dict(cwd=folder, env={**os.environ, "PORT": str(port)}, stdout=said, stderr=said, start_new_session=True)
    server = subprocess.Popen([sys.executable, "main.py"], **how)

    def ctrl_c():
        os.killpg(server.pid, signal.SIGINT)
        return server.wait(DEADLINE)

    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE) as client:
            wait_for(client, server, said)
            yield client, ctrl_c
    finally:
        try: os.killpg(server.pid, signal.SIGKILL)
        except ProcessLookupError: pass
        server.wait()
    said.seek(0)
    assert "Traceback" not in said.read()


def wait_for(client, server, said):
    "Ask until the server answers; uvicorn says nothing that could be waited for before it listens"
    deadline = monotonic() + DEADLINE
    while True:
        try: return client.get("/")
        except httpx2.ConnectError:
            if server.poll() is None and monotonic() < deadline: continue
            said.seek(0)
            pytest.fail(said.read())


def heard(stream):
    "What a stream says, by a parser that is not ours; heartbeats do not count"
    deadline = monotonic() + DEADLINE
    for event in httpx2.EventSource(stream):
        assert monotonic() < deadline, "nothing but heartbeats"
        if event.data: yield event.data


@pytest.mark.parametrize("app", README, ids=range(1, len(README) + 1))
def test_what_one_tab_says_every_tab_hears(app, tmp_path):
    with running(app, tmp_path) as (tab, ctrl_c):
        page = tab.get("/").text
        (post,), (url,) = re.findall(r'hx-post="([^"]+)"', page), set(re.findall(r'sse[-:]connect="([^"]+)"', page))
        (name,) = re.findall(r'<input[^>]* name="([^"]+)"', page)
        with tab.stream("GET", url) as one, tab.stream("GET", url) as two:
            assert tab.post(post, data={name: "<hello>"}).is_success
            tabs = [heard(one), heard(two)]
            assert [next(stream) for stream in tabs] == ["<p>&lt;hello&gt;</p>"] * 2
            ctrl_c()
            assert [list(stream) for stream in tabs] == [[], []]
