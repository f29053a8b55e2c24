"The chat on live tables: what is said, who is there, who is typing, and a host who removes a person."

import re
import subprocess
import sys

import pytest


@pytest.fixture
def world(live, monkeypatch):
    "The application; its `time.time()` is the clock of the world"
    with live("live_chat:app", workers=2) as world:
        monkeypatch.setattr("time.time", world.clock.time)
        yield world


@pytest.fixture
def ana(world):
    tab = world.tab("/rooms", user="ana", worker=0)
    tab.submit("form", name="Kitchen")
    return tab


@pytest.fixture
def ben(world, ana): return world.tab("/rooms/1", user="ben", worker=1)


RUN = "import sqlite3, sys; sqlite3.connect('live_chat.db').executescript(sys.argv[1])"
BELL = "INSERT INTO message (room, who, text, at) VALUES (1, 'bell', 'Lunch', 0)"


def ring():
    "Write in a process of its own: this one has opened the file with apsw, so it must not open it with sqlite3"
    subprocess.run([sys.executable, "-c", RUN, BELL], check=True)


def said(tab): return [re.sub(r" \d\d:\d\d", ": ", line) for line in tab.texts("#talk li")]


def test_a_room_shows_what_is_said_and_no_other_room_gets_it(world, ana, ben):
    dan, cem = world.tab("/rooms", user="dan"), world.tab("/rooms", user="cem")
    cem.submit("form", name="Garden")
    assert dan.texts("#rooms li") == ["Garden by cem", "Kitchen by ana"]
    ana.submit("#composer form", text="<b>The cake</b> is a secret")
    ben.submit("#composer form", text="Good")
    ring()
    world.settled()
    for tab in (ana, ben): assert said(tab) == ["ana: <b>The cake</b> is a secret", "ben: Good", "bell: Lunch"]
    assert said(cem) == [] and cem.texts("#people li") == ["1 here", "cem"]
    for tab in (cem, dan): world.assert_private(tab, "The cake")


def test_a_room_shows_who_is_there(world, ana, ben):
    assert ben.texts("#people li") == ["2 here", "ana", "ben"]
    phone = ben.browser.tab("/rooms/1")
    ben.close()
    world.clock.advance(60)
    assert phone.texts("#here") == ["2 here"]
    phone.close()
    world.clock.advance(60)
    assert ana.texts("#people li") == ["1 here", "ana"]


def test_a_room_shows_who_is_typing_until_a_time_has_passed(world, ana, ben):
    ben.fill("#text", "Is there", leave=False)
    assert ana.texts("#typing") == ["ben is typing …"] and ben.texts("#typing") == [""]
    ana.fill("#text", "Goo", leave=False)
    assert ben.texts("#typing") == ["ana is typing …"] and ben.values("#text") == ["Is there"]
    ben.submit("#composer form")
    assert said(ana) == ["ben: Is there"] and ana.texts("#typing") == [""] and ana.values("#text") == ["Goo"]
    assert ben.values("#text") == [""] and ben.texts("#typing") == ["ana is typing …"]
    world.clock.advance(60)  # nobody writes anything meanwhile
    assert ben.texts("#typing") == [""]


def test_a_person_who_is_removed_sees_that_and_gets_nothing_more(world, ana, ben):
    ana.click("[aria-label='Remove ben']")
    assert ben.texts("main .end") == ["The host has removed you from this room"]
    assert ben.texts("#composer, #people") == [] and ana.texts("#here") == ["1 here"]
    ana.submit("#composer form", text="Only for me")
    ben.reload()
    world.assert_private(ben, "Only for me")
    assert ben.request("POST", "/rooms/1", text="Hello").status == 403
    assert ben.request("POST", "/rooms/1/admit", who="ben").status == 403
    ana.click("[aria-label='Let in ben']")
    ben.reload()
    assert said(ben) == ["ana: Only for me"] and ana.texts("#here") == ben.texts("#here") == ["2 here"]


def test_a_tab_that_slept_shows_what_was_said_meanwhile(world, ana, ben):
    ben.freeze()
    ana.submit("#composer form", text="Hello?")
    ring()
    world.clock.advance(600)
    assert said(ben) == []
    ben.thaw()
    assert said(ben) == ["ana: Hello?", "bell: Lunch"]
    world.assert_fresh(ben)


def test_a_room_continues_when_a_worker_is_killed_and_when_all_are_restarted(world, ana, ben):
    ben.fill("#text", "half a sen", leave=False)
    world.server.kill(1, replace=False)
    ana.submit("#composer form", text="Hello?")
    world.server.restart()
    ring()
    world.clock.advance(60)
    ben.submit("#composer form")
    for tab in (ana, ben):
        assert said(tab) == ["ana: Hello?", "bell: Lunch", "ben: half a sen"] and tab.texts("#here") == ["2 here"]
        world.assert_fresh(tab)
