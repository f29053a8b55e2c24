"""The application of each tutorial as one file: it has the same code, and its command starts it."""

import ast
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from functools import partial
from html import unescape
from itertools import islice
from pathlib import Path
from time import monotonic

import httpx2
import pytest
from ports import free_port

ROOT = Path(__file__).parents[2]
TUTORIALS = sorted(path.stem for path in (ROOT / "nbs/tutorials").glob("*.ipynb"))
ALL = {path.stem: path for path in sorted((ROOT / "examples").glob("*.py"))}
EXAMPLES = {name: path for name, path in ALL.items() if not name.startswith("live_")}  # Of a tutorial each
MOST_LIVE = dict(live_kanban=5, live_jobs=7, live_chat=10)  # Lines of an application that exist since its page is live
PARSE = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
DEADLINE = 30  # Maximum for each step; a generous limit, not a delay


def statements(code):
    "Yield the statements of a module or a cell as written, with decorators and without imports."
    lines = code.splitlines()
    for node in compile(code, "code", "exec", PARSE).body:
        if isinstance(node, ast.Import | ast.ImportFrom): continue
        first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
        yield "\n".join(lines[first - 1 : node.end_lineno])


def taught(tutorial):
    "Return the statements of a tutorial's cells."
    cells = json.loads((ROOT / f"nbs/tutorials/{tutorial}.ipynb").read_text(encoding="utf-8"))["cells"]
    code = [re.sub(r"\A%%writefile .*\n", "", "".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"]
    return [statement for each in code for statement in statements(each)]


def test_each_tutorial_has_its_example():
    assert sorted(EXAMPLES) == TUTORIALS


@pytest.mark.parametrize("name", MOST_LIVE)
def test_an_application_on_live_tables_marks_its_few_live_lines(name):
    "Without them, no line uses the package"
    about, *code, last = statements(ALL[name].read_text(encoding="utf-8"))
    assert f"python examples/{name}.py" in about and "/explains/databases.html" in about
    assert last == "serve()"
    lines = ALL[name].read_text(encoding="utf-8").removeprefix(about).splitlines()
    marked = [line for line in lines if line.endswith("  # live")]
    rest = [line for line in lines if line not in marked]
    assert 3 <= len(marked) <= MOST_LIVE[name]
    assert [line for line in rest if re.search(r"\blive\b|\bLive\b|cjm_fasthtml_sse|data-sse", line)] == []


def test_the_worker_of_the_jobs_imports_nothing_of_the_package():
    code = ALL["live_jobs_worker"].read_text(encoding="utf-8")
    assert {name.name for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import) for name in node.names} == {
        "os", "sqlite3", "time"}
    assert not [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_what_its_tutorial_says(name):
    about, *code, last = statements(EXAMPLES[name].read_text(encoding="utf-8"))
    assert f"python examples/{name}.py" in about and f"/tutorials/{name}.html" in about
    assert last == "serve()"
    known = taught(name)
    assert [statement for statement in code if statement not in known] == []


def get(client, server, said):
    "Return the start page when the server answers; uvicorn prints nothing before it listens"
    deadline = monotonic() + DEADLINE
    while True:
        try: return client.get("/")
        except httpx2.ConnectError:
            if server.poll() is None and monotonic() < deadline: continue
            said.seek(0)
            pytest.fail(said.read())


@contextmanager
def running(name, folder, log="log"):
    "Run `python examples/NAME.py` on a free port; yield a client and the start page; Ctrl-C must end open streams too"
    port, said = free_port(), (folder / log).open("w+")
    how = dict(cwd=folder, env={**os.environ, "PORT": str(port)}, stdout=said, stderr=said, start_new_session=True)
    server = subprocess.Popen([sys.executable, EXAMPLES[name]], **how)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE) as client:
            page = get(client, server, said)
            assert page.status_code == 200 and "sse" in page.text
            yield client, page.text
            os.killpg(server.pid, signal.SIGINT)
            server.wait(DEADLINE)
    finally:
        try: os.killpg(server.pid, signal.SIGKILL)
        except ProcessLookupError: pass
        server.wait()
    said.seek(0)
    assert "Traceback" not in said.read()


def all_connects(html):
    "Return the URLs of the streams that the elements in `html` read."
    return [url.replace("&amp;", "&") for url in re.findall(r'data-sse-connect="([^"]+)"', html)]


def connects(html): return all_connects(html)[0]


def heard(stream):
    "Yield events with data, by an independent parser; the deadline also ends a stream of heartbeats"
    deadline = monotonic() + DEADLINE
    for event in httpx2.EventSource(stream):
        assert monotonic() < deadline, "only heartbeats"
        if event.data: yield event


def test_first_stream(tmp_path):
    with running("first_stream", tmp_path) as (tab, page):
        counted, said = all_connects(page)
        with tab.stream("GET", counted) as count, tab.stream("GET", said) as stream:
            for text in ("<hello>", "again"): tab.post("/say", data={"text": text})
            assert [e.data for e in islice(heard(stream), 2)] == ["<p>&lt;hello&gt;</p>", "<p>again</p>"]
            assert [e.data for e in islice(heard(count), 2)] == [f"<strong>{n} messages</strong>" for n in (1, 2)]
        for part in ("&lt;hello&gt;", "again", "2 messages"): assert part in tab.get("/").text


def test_progress_bar(tmp_path):
    with running("progress_bar", tmp_path) as (tab, _):
        with tab.stream("GET", connects(tab.post("/start").text)) as stream: told = list(heard(stream))
    assert [told[-2].data, told[-1].event] == ["<p>Enjoy your bread</p>", "sse-close"]


def open_room(tab, name):
    "Sign in; return the stream of the lounge's page"
    tab.get("/sign-in", params={"name": name})
    return tab.stream("GET", connects(tab.get("/room/lounge").text))


def test_chat(tmp_path, monkeypatch):
    "Two users in two processes talk and see each other; their lines are there after a restart"
    monkeypatch.setenv("SSE_BACKPLANE", f"sqlite:///{tmp_path}/events.db")
    with running("chat", tmp_path, "log of ana") as (ana, _), running("chat", tmp_path, "log of ben") as (ben, _):
        with open_room(ana, "ana") as of_ana, open_room(ben, "ben") as of_ben:
            for_ana, for_ben = heard(of_ana), heard(of_ben)
            for each in (for_ana, for_ben): next(event for event in each if ">2 here<" in event.data)
            ben.post("/room/lounge", data={"text": "<b>hello</b>"})
            ana.post("/room/lounge", data={"text": "good evening"})
            lines = ["<p><b>ben</b> &lt;b&gt;hello&lt;/b&gt;</p>", "<p><b>ana</b> good evening</p>"]
            for each in (for_ana, for_ben):
                assert [event.data for event in islice((e for e in each if "</b> " in e.data), 2)] == lines
    with running("chat", tmp_path) as (cem, _):
        cem.get("/sign-in", params={"name": "cem"})
        assert re.findall(r"<b>(\w+)</b> (.+?)\s*</p>", cem.get("/room/lounge").text) == [
            ("ben", "&lt;b&gt;hello&lt;/b&gt;"), ("ana", "good evening")]
        assert cem.get("/room/kitchen").status_code == 403


def test_dashboard(tmp_path):
    with running("dashboard", tmp_path) as (tab, page), tab.stream("GET", connects(page)) as stream:
        told = {re.search('id="(.*?)"', event.data)[1] for event in islice(heard(stream), 4)}
    assert told == {"stone", "deck", "steam"}


def test_list_from_a_database(tmp_path):
    "A page gets the rows of another program, also those that were written while the server was down"
    def shown(page): return re.findall('name="text" value="(.*?)"', page)

    def buy(*texts):
        with closing(sqlite3.connect(tmp_path / "shopping.db", isolation_level=None)) as db:
            for text in texts: db.execute("INSERT INTO item (text, place) VALUES (?, 0)", [text])

    with running("list_from_a_database", tmp_path) as (tab, page):
        about = json.loads(unescape(re.search('data-sse-live="(.*?)"', page)[1]))
        with tab.stream("GET", "/live/stream", params={"topic": about["view"], "last_event_id": about["at"]}) as stream:
            told = (event.data for event in heard(stream) if "<input" in event.data)
            buy("salt")
            assert shown(next(told)) == ["salt"]
            tab.post("/items", data={"text": "<milk>"})
            assert shown(next(told)) == ["&lt;milk&gt;"]
    buy("oil")
    with running("list_from_a_database", tmp_path) as (_, page): assert shown(page) == ["salt", "&lt;milk&gt;", "oil"]


def test_language_model(tmp_path):
    with running("language_model", tmp_path) as (tab, _):
        path = connects(tab.post("/ask", data={"question": "More?"}).text)
        with tab.stream("GET", path) as stream:
            told = heard(stream)
            next(told)
            tab.post(path.replace("answers", "stop"))
            rest = [(event.event, event.data) for event in told]
    assert "(stopped)" in "".join(data for _, data in rest) and rest[-1][0] == "sse-close"


def test_many_tabs(tmp_path):
    "The browser chooses the tab that reads the stream; the server tags the stream with its user and counts the tabs"
    with running("many_tabs", tmp_path) as (tab, page):
        job = connects(tab.get("/", params={"topic": "job/1"}).text)
        shared = f"{job}&topic=job/2&tabs=30"
        with tab.stream("GET", connects(page)) as everything, tab.stream("GET", shared) as jobs:
            assert jobs.headers["SSE-User"] == everything.headers["SSE-User"]
            numbers = tab.get("/sse/status").json()
            for topic in ("all", "job/1", "job/1", "job/2"): tab.post("/add", params={"topic": topic})
            told = [event.data for event in islice(heard(jobs), 3)]
            assert next(heard(everything)).data == "<span>1</span>"
        assert (numbers["connections"], numbers["tabs"]) == (2, 31)
        assert told == ["<span>1</span>", "<span>2</span>", "<span>1</span>"]
        assert "<span>2</span>" in tab.get("/", params={"topic": "job/1"}).text


def test_notifications_and_jobs(tmp_path):
    """All tabs of a user show a job, whose notification waits for the next page; other users get neither.

    A job that a killed server or a killed worker left does not stay as it is."""
    folder, here = tmp_path / "reports", {"name": "notifications_and_jobs", "folder": tmp_path / "reports"}
    folder.mkdir()

    def sign_in(tab, user):
        assert tab.get("/my/reports").headers["Location"] == "/"
        tab.get("/sign-in", params={"name": user})
        return connects(tab.get("/my/reports").text)

    def until(part, stream): return next(event for event in heard(stream) if part in event.data)

    def left_behind(state):
        newest = "UPDATE jobs SET state = ?, done = 3 WHERE id = (SELECT max(id) FROM jobs)"
        with closing(sqlite3.connect(folder / "reports.db", isolation_level=None)) as db: db.execute(newest, [state])

    with running(**here) as (laptop, _), httpx2.Client(base_url=laptop.base_url, timeout=DEADLINE) as phone:
        mine = [sign_in(tab, "ana") for tab in (laptop, phone)][1]
        with laptop.stream("GET", mine) as one, phone.stream("GET", mine) as two:
            laptop.post("/my/start", data={"report": "Sales"})
            last = [until("Your Sales report: done", each).id for each in (one, two)][0]
        assert "Your Sales report: done" in phone.get("/my/reports").text
        with httpx2.Client(base_url=laptop.base_url, timeout=DEADLINE) as ben:
            sign_in(ben, "ben")
            with ben.stream("GET", mine) as refused: assert refused.status_code == 403
            assert "Your Sales report" not in ben.post("/my/seen/1").text
        assert "Your Sales report" in phone.get("/my/now").text
        assert "Your Sales report" not in phone.post("/my/seen/1").text
        cookies = phone.cookies
    left_behind("running")
    worker = [sys.executable, "-c", "from notifications_and_jobs import *; asyncio.run(work())"]
    with running(**here) as (phone, _):
        phone.cookies = cookies
        with phone.stream("GET", mine, headers={"Last-Event-ID": last}) as stream: until("report: failed", stream)
        phone.post("/my/start", data={"report": "Sales", "later": "1"})
        left_behind("working")
        with phone.stream("GET", mine) as stream:
            env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "examples"), str(ROOT)])}
            subprocess.run(worker, cwd=folder, env=env, timeout=DEADLINE, check=True)
            until("Your Sales report: done", stream)


def test_forms_focus_lists(tmp_path):
    "Two people have views of their own, and one rendering each shows what one of them adds"
    def sign_in(tab, name):
        page = tab.get("/sign-in", params={"name": name}, follow_redirects=True).text
        regions = [json.loads(unescape(each)) for each in re.findall('data-sse-live="(.*?)"', page)]
        (about,) = [each for each in regions if "things" in each["names"]]
        return about["url"], {"topic": about["view"], "last_event_id": about["at"]}

    other = partial(httpx2.Client, timeout=DEADLINE)
    with running("forms_focus_lists", tmp_path) as (ana, _), other(base_url=ana.base_url) as ben:
        (url, of_ana), (_, of_ben) = sign_in(ana, "ana"), sign_in(ben, "ben")
        with ana.stream("GET", url, params=of_ana) as one, ben.stream("GET", url, params=of_ben) as two:
            ana.post("/trip/add", data={"text": "<rope>"})
            for each in (one, two): assert any("&lt;rope&gt;" in event.data for event in heard(each))
        assert ben.get(url, params=of_ana).status_code == 403


def test_testing(tmp_path):
    with running("testing", tmp_path) as (tab, page), tab.stream("GET", connects(page)) as stream:
        tab.post("/add", data={"title": "<tea>"})
        assert "<span>&lt;tea&gt;</span>" in next(heard(stream)).data and "&lt;tea&gt;" in tab.get("/").text


def test_many_workers(tmp_path, monkeypatch):
    "A board shows an order from another worker, and continues there when its own worker is killed"
    monkeypatch.setenv("SSE_BACKPLANE", f"sqlite:///{tmp_path}/orders.db")
    monkeypatch.setenv("SECRET_KEY", "one for all workers")
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders: folder.mkdir()
    with running("many_workers", folders[1]) as (second, page):
        board = connects(page)
        with running("many_workers", folders[0]) as (first, _), first.stream("GET", board) as stream:
            for worker, order in ((second, "<tea>"), (first, "cake")): worker.post("/take", data={"order": order})
            shown = list(islice(heard(stream), 2))
        assert [event.data for event in shown] == ["<p>&lt;tea&gt;</p>", "<p>cake</p>"]
        second.post("/take", data={"order": "toast"})
        with second.stream("GET", board, headers={"Last-Event-ID": shown[1].id}) as stream:
            assert next(heard(stream)).data == "<p>toast</p>"
