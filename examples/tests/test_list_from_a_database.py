"The application of the tutorial on a list from a database: each request changes the table, and the page shows it."

import re
import subprocess
import sys
from importlib import import_module

import pytest
from starlette.testclient import TestClient


@pytest.fixture
def client(monkeypatch):
    "A client of a new application, whose database is in the test's folder"
    monkeypatch.delitem(sys.modules, "list_from_a_database", raising=False)
    module = import_module("list_from_a_database")
    with TestClient(module.app) as client: yield client
    module.db.conn.close()


def texts(client): return re.findall(r'name="text" value="(.*?)"', client.get("/").text)


def test_items_are_added_edited_moved_and_deleted(client):
    assert "Nothing to buy" in client.get("/").text
    for text in ("bread", "<milk>", "salt"): client.post("/items", data={"text": text})
    assert texts(client) == ["bread", "&lt;milk&gt;", "salt"]
    client.post("/items/3/first")
    client.post("/items/1", data={"text": "two loaves"})
    assert texts(client) == ["salt", "two loaves", "&lt;milk&gt;"]
    client.post("/items/2/first")
    client.delete("/items/3")
    assert texts(client) == ["&lt;milk&gt;", "two loaves"]


BUY = """
import sqlite3
con = sqlite3.connect('shopping.db', timeout=5)
with con: con.execute("INSERT INTO item (text, place) VALUES ('oil', 0)")
con.close()"""


def test_another_program_may_write(client):
    "In a process of its own: this one has opened the file with apsw, so it must not open it with sqlite3"
    subprocess.run([sys.executable, "-c", BUY], check=True)
    assert texts(client) == ["oil"]


def test_a_response_names_the_place_of_its_write(client):
    "So the page knows which renderings are older"
    reached = [client.post("/items", data={"text": text}).headers["sse-reached"] for text in ("bread", "milk")]
    assert len({*reached}) == 2
    assert "sse-reached" not in client.get("/").headers
