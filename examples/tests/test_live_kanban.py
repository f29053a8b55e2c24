"The kanban board on a live table: what people see of each other, and of another program, in tabs of two workers."

import subprocess
import sys

import pytest

DOOR, LADDER, FENCE, BRUSHES = (
    "Choose a colour for the door", "Ask ben about the ladder", "Paint the fence", "Buy brushes")


@pytest.fixture
def world(live):
    with live("live_kanban:app", workers=2) as world: yield world


@pytest.fixture
def ana(world): return world.tab(worker=0)


@pytest.fixture
def ben(world): return world.tab(worker=1)


def cards(tab): return [tab.values(f"#{column} textarea") for column in ("todo", "doing", "done")]


RUN = "import sqlite3, sys; sqlite3.connect('kanban.db').executescript(sys.argv[1])"


def run_sql(statements):
    "Write in a process of its own: this one has opened the file with apsw, so it must not open it with sqlite3"
    subprocess.run([sys.executable, "-c", RUN, statements], check=True)


def test_all_tabs_show_the_cards_that_people_add_edit_move_and_delete(world, ana, ben):
    cem = world.tab()
    ana.submit("form", text="<b>Sand</b> it")
    assert cards(ben) == [[DOOR, LADDER, "<b>Sand</b> it"], [FENCE], [BRUSHES]]
    ben.click("#card-1 .right")
    ana.click("#card-4 [aria-label=Delete]")
    ben.fill("#text-2", "Buy a ladder")
    cem.request("POST", "/cards/5/place", col="doing", before="1")  # by the script of the page, after a drop
    for tab in (ana, ben, cem): assert cards(tab) == [["Buy a ladder"], [FENCE, "<b>Sand</b> it", DOOR], []]
    world.assert_in_step(ana, ben, cem)


def test_typing_stays_while_others_edit_and_move_cards(world, ana, ben):
    ana.fill("#text-1", "Choose a colour for", leave=False)
    ben.click("#card-1 .right")
    ben.fill("#text-2", "Ask cem")
    run_sql("DELETE FROM card WHERE id = 3")
    world.settled()
    assert cards(ana) == [["Ask cem"], ["Choose a colour for"], [BRUSHES]]
    assert cards(ben) == [["Ask cem"], [DOOR], [BRUSHES]]
    ana.fill("#text-1", "Choose a colour for the fence")
    for tab in (ana, ben): assert cards(tab) == [["Ask cem"], ["Choose a colour for the fence"], [BRUSHES]]


def test_the_text_that_is_written_last_is_kept(ana, ben):
    ana.fill("#text-3", "Paint it green", leave=False)
    ben.fill("#text-3", "Paint it red")
    assert ana.values("#text-3") == ["Paint it green"]
    ana.fill("#text-3", "Paint it green")
    assert ana.values("#text-3") == ben.values("#text-3") == ["Paint it green"]


def test_all_tabs_show_what_another_program_writes(world, ana, ben):
    run_sql("UPDATE card SET col = 'done'; INSERT INTO card (col, place, text) VALUES ('todo', 0, '<oil>')")
    world.settled()
    for tab in (ana, ben): assert cards(tab) == [["<oil>"], [], [DOOR, FENCE, BRUSHES, LADDER]]
    world.assert_in_step(ana, ben)


def change_all(ana):
    "A person edits, moves and deletes, and another program adds"
    ana.fill("#text-1", "Choose a paint")
    ana.click("#card-3 .right")
    ana.click("#card-2 [aria-label=Delete]")
    run_sql("INSERT INTO card (col, place, text) VALUES ('doing', 0, 'Sand it')")


@pytest.mark.parametrize("leave, come_back", [("lose_line", "regain_line"), ("freeze", "thaw")])
def test_a_tab_that_was_away_for_ten_minutes(world, ana, ben, leave, come_back):
    getattr(ben, leave)()
    change_all(ana)
    world.clock.advance(600)
    assert cards(ben) == [[DOOR, LADDER], [FENCE], [BRUSHES]]
    getattr(ben, come_back)()
    assert cards(ben) == [["Choose a paint"], ["Sand it"], [BRUSHES, FENCE]]
    world.assert_in_step(ana, ben)


def test_a_board_continues_when_its_worker_is_killed(world, ana, ben):
    world.server.kill(1, replace=False)
    change_all(ana)
    world.clock.advance(60)
    assert cards(ben) == [["Choose a paint"], ["Sand it"], [BRUSHES, FENCE]]
    world.assert_in_step(ana, ben)


def test_a_board_shows_what_was_written_while_no_server_ran(world, ana, ben):
    world.server.stop()
    run_sql("DELETE FROM card WHERE col = 'todo'")
    world.server.start()
    world.clock.advance(60)
    assert cards(ana) == cards(ben) == [[], [FENCE], [BRUSHES]]
    ben.submit("form", text="Sand it")
    assert cards(ana) == [["Sand it"], [FENCE], [BRUSHES]]
