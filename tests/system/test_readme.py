"The README's length and sections, and its applications: each block of Python that calls `serve()` is run as written."

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from time import monotonic
from types import FunctionType

import cjm_fasthtml_sse
import httpx2
import pytest
from bs4 import BeautifulSoup
from ports import free_port

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools"))
from rooms import APART, WINGS  # noqa: E402

DEADLINE = 20  # Seconds until a wait fails
WRITE = "import sqlite3, sys; con = sqlite3.connect('lunch.db'); con.execute(sys.argv[1]); con.commit()"


def apps(text):
    "The blocks of Python in `text` that start a server."
    blocks = re.findall(r"^``` ?python\n(.*?)^```", text, re.S | re.M)
    return [block for block in blocks if re.search(r"^serve\(", block, re.M)]


TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
README = apps(TEXT)
SECTIONS = ["Install", "Project Structure", "Module Dependencies", "CLI Reference", "Module Overview"]
SEED = ["core.broadcast", "core.connections", "core.streaming"]


def test_it_is_short_and_has_its_sections():
    assert len(TEXT.splitlines()) <= 400
    headings = re.findall(r"^## (.+)$", TEXT, re.M)
    assert [name for name in headings if name in SECTIONS] == SECTIONS


@pytest.mark.parametrize("name", SEED)
def test_it_has_a_line_for_each_public_name_of_the_modules_of_0_0_12(name):
    section = TEXT.partition(f"### [`{name}`]")[2].partition("\n### ")[0]
    module = import_module(f"cjm_fasthtml_sse.{name}")
    for each in module.__all__:
        value = getattr(module, each)
        if each not in cjm_fasthtml_sse.__all__ or not callable(value): continue
        assert re.search(rf"^(async )?(def|class) {each}\b", section, re.M)
        for method in methods(value): assert re.search(rf"^    .*\b{method}\(", section, re.M), f"{each}.{method}"
        for base in getattr(value, "__bases__", ()):
            if base.__module__.startswith("cjm_fasthtml_sse."):
                assert (base.__name__ in cjm_fasthtml_sse.__all__) == (base.__name__ in section), "an internal name"


def methods(value):
    "The public methods of a class and of its bases that the package defines and that are not public"
    own = [base for base in getattr(value, "__mro__", ()) if base.__module__.startswith("cjm_fasthtml_sse.")]
    bases = [base for base in own if base is value or base.__name__ not in cjm_fasthtml_sse.__all__]
    return [name for base in bases for name, each in vars(base).items()
            if isinstance(each, FunctionType) and not name.startswith("_")]


def test_it_links_every_other_module():
    folder = ROOT / "cjm_fasthtml_sse"
    listed = [wing for wing in WINGS if wing not in APART]
    assert all(f"{wing}/index.html" in TEXT for wing in WINGS)
    for path in (each for wing in listed for each in folder.glob(f"{wing}/[!_]*.py")):
        assert path.relative_to(folder).with_suffix(".html").as_posix() in TEXT


def test_the_apps_have_fifteen_and_twelve_lines():
    assert [len([line for line in app.splitlines() if line.strip()]) for app in README] == [15, 12]


def test_the_site_shows_the_same_apps():
    cells = json.loads((ROOT / "nbs/index.ipynb").read_text(encoding="utf-8"))["cells"]
    assert apps("\n\n".join("".join(cell["source"]) for cell in cells)) == README


@contextmanager
def running(app, folder):
    "Run `python main.py` on a free port; yield a client and a function that presses Ctrl-C"
    (folder / "main.py").write_text(app, encoding="utf-8")
    port, log = free_port(), (folder / "log").open("w+")
    how = dict(cwd=folder, env={**os.environ, "PORT": str(port)}, stdout=log, stderr=log, start_new_session=True)
    server = subprocess.Popen([sys.executable, "main.py"], **how)

    def ctrl_c():
        os.killpg(server.pid, signal.SIGINT)
        return server.wait(DEADLINE)

    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE) as client:
            wait_for(client, server, log)
            yield client, ctrl_c
    finally:
        try: os.killpg(server.pid, signal.SIGKILL)
        except ProcessLookupError: pass
        server.wait()
    log.seek(0)
    assert "Traceback" not in log.read()


def wait_for(client, server, log):
    "Retry until the server listens"
    deadline = monotonic() + DEADLINE
    while True:
        try: return client.get("/")
        except httpx2.ConnectError:
            if server.poll() is None and monotonic() < deadline: continue
            log.seek(0)
            pytest.fail(log.read())


def received(stream):
    "Yield the data of a stream, without heartbeats, by a parser of another package"
    deadline = monotonic() + DEADLINE
    for event in httpx2.EventSource(stream):
        assert monotonic() < deadline, "only heartbeats"
        if event.data: yield event.data


def test_every_tab_shows_a_vote_and_what_another_program_writes(tmp_path):
    with running(README[0], tmp_path) as (tab, ctrl_c):
        page = BeautifulSoup(tab.get("/").text, "html.parser")
        button, region = page.find(id="dish-Soup"), page.find(attrs={"data-sse-live": True})
        about = json.loads(region["data-sse-live"])
        url = httpx2.URL(about["url"], params={"topic": about["view"], "last_event_id": about["at"]})
        with tab.stream("GET", url) as one, tab.stream("GET", url) as two:
            tabs = [received(one), received(two)]
            def changed():
                one_has, two_has = (next(data for data in stream if "touched" not in data) for stream in tabs)
                assert one_has == two_has
                return BeautifulSoup(one_has.partition("\n")[2], "html.parser")("button")
            for n in (1, 2):
                assert tab.post(button["hx-post"]).is_success
                new = changed()
                if n == 1 and new[-1].text.split() == ["Soup", "0"]: new = changed()  # the rows of the start come first
                assert new[-1].text.split() == ["Soup", str(n)]
            assert len(new) == 1
            (command,) = re.findall(r'`sqlite3 lunch.db "(.+)"`', TEXT)
            subprocess.run([sys.executable, "-c", WRITE, command], cwd=tmp_path, check=True)
            assert [each.text.split() for each in changed()] == [["Soup", "9"]]
            ctrl_c()
            assert [list(stream) for stream in tabs] == [[], []]


def test_every_tab_gets_what_one_tab_broadcasts(tmp_path):
    with running(README[1], tmp_path) as (tab, ctrl_c):
        page = tab.get("/").text
        (post,), (url,) = re.findall(r'hx-post="([^"]+)"', page), set(re.findall(r'sse[-:]connect="([^"]+)"', page))
        (name,) = re.findall(r'<input[^>]* name="([^"]+)"', page)
        with tab.stream("GET", url) as one, tab.stream("GET", url) as two:
            assert tab.post(post, data={name: "<hello>"}).is_success
            tabs = [received(one), received(two)]
            first = [next(stream) for stream in tabs]
            assert first[0] == first[1] and BeautifulSoup(first[0], "html.parser").p.text == "<hello>"
            ctrl_c()
            assert [list(stream) for stream in tabs] == [[], []]


def test_both_apps_are_on_the_first_eighty_lines():
    assert README[1] in "\n".join(TEXT.splitlines()[:80])
