"Jobs on a live table: all tabs follow a worker, which is another process and knows nothing of the page."

import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest

EXAMPLES, DEADLINE = Path(__file__).parents[1], 30


@pytest.fixture
def world(live, monkeypatch):
    "The application; its `time.time()` is the clock of the world"
    with live("live_jobs:app", workers=2) as world:
        monkeypatch.setattr("time.time", world.clock.time)
        yield world


@pytest.fixture
def ana(world): return world.tab(worker=0)


@pytest.fixture
def ben(world): return world.tab(worker=1)


IMPORT = "import sqlite3, sys; from live_jobs_worker import *; con = sqlite3.connect(sys.argv[1], isolation_level=None)"


def work(world, code):
    "Call functions of the worker in a process of its own, which closes the file at its end"
    subprocess.run([sys.executable, "-c", f"{IMPORT}; {code}", Path("jobs.db").absolute()], cwd=EXAMPLES, check=True)
    world.settled()


def states(tab): return tab.texts("#jobs small")


def test_all_tabs_show_the_jobs_that_people_start_cancel_and_start_again(world, ana, ben):
    assert ben.texts("#jobs li") == ["No reports yet"]
    ana.submit("form", name="Sales")
    ben.submit("form", name="Stock")
    ana.click("#job-1 button")
    for tab in (ana, ben):
        assert tab.texts("#jobs strong") == ["Stock", "Sales"] and states(tab) == ["waiting, 0 %", "cancelled, 0 %"]
        assert tab.texts("#summary b") == ["0", "1", "0", "1"]
    ben.click("#job-1 button")
    assert states(ana) == ["waiting, 0 %", "waiting, 0 %"]
    world.assert_in_step(ana, ben)


def test_all_tabs_show_each_step_of_the_worker(world, ana, ben):
    ana.submit("form", name="Sales")
    ana.submit("form", name="Stock")
    work(world, "take(con); step(con, (1, 100), 30)")
    for tab in (ana, ben): assert states(tab) == ["waiting, 0 %", "running, 30 %"]
    work(world, "step(con, (1, 100), 100); take(con)")
    for tab in (ana, ben): assert states(tab) == ["running, 0 %", "done, 100 %"]
    assert ben.texts("#summary b") == ["1", "0", "1", "0"]
    world.assert_in_step(ana, ben)


def test_a_job_that_is_cancelled_in_the_middle_stays_cancelled(world, ana, ben):
    ana.submit("form", name="Sales")
    work(world, "take(con); step(con, (1, 100), 30)")
    ben.click("#job-1 button")
    work(world, "assert not step(con, (1, 100), 31)")
    assert states(ana) == states(ben) == ["cancelled, 30 %"]


def test_the_page_shows_that_the_worker_has_stopped(world, ana, ben):
    assert ana.texts("#worker") == ["No worker runs. Start live_jobs_worker.py"]
    work(world, "report(con)")
    assert ana.texts("#worker") == ben.texts("#worker") == ["The worker runs"]
    world.clock.advance(60)  # nothing is written meanwhile
    for tab in (ana, ben): assert tab.texts("#worker") == ["No worker runs. Start live_jobs_worker.py"]


def test_a_tab_that_slept_shows_what_the_worker_did_meanwhile(world, ana, ben):
    ana.submit("form", name="Sales")
    ben.freeze()
    work(world, "take(con); step(con, (1, 100), 30)")
    assert (states(ana), states(ben)) == (["running, 30 %"], ["waiting, 0 %"])
    ben.thaw()
    world.assert_in_step(ana, ben)
    assert states(ben) == ["running, 30 %"]


def test_the_worker_goes_on_while_no_server_runs(world, ana, ben):
    ana.submit("form", name="Sales")
    world.server.stop()
    work(world, "take(con); step(con, (1, 100), 100)")
    world.server.start()
    world.clock.advance(60)
    assert states(ana) == states(ben) == ["done, 100 %"]
    world.assert_in_step(ana, ben)


def test_the_program_of_the_worker(world, ana):
    ana.submit("form", name="Sales")
    work(world, "con.execute('UPDATE job SET steps = 3')")
    worker, deadline = subprocess.Popen([sys.executable, EXAMPLES / "live_jobs_worker.py"]), monotonic() + DEADLINE
    try:
        while states(ana) != ["done, 100 %"] and monotonic() < deadline: world.settled()
    finally:
        worker.terminate()
        worker.wait()
    assert states(ana) == ["done, 100 %"]
