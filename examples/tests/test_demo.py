"The demo, `python -m cjm_fasthtml_sse.demo`: a counter, a list and jobs."

import pytest

DEMO = "cjm_fasthtml_sse.demo.__main__:make_app"


@pytest.fixture
def two(live):
    "Two tabs of the demo."
    with live(DEMO) as world: yield world, world.tab(), world.tab()


def test_counter_and_list_are_the_same_in_both_tabs(two):
    world, one, other = two
    one.click(".counter button")
    one.submit("form", text="Milk")
    other.submit("form", text="<b>Bread</b>")
    assert other.texts("#counter") == ["1"] and one.texts("#todos li span") == ["Milk", "<b>Bread</b>"]
    one.click("#todos li:first-child button")
    assert other.texts("#todos li span") == ["<b>Bread</b>"]
    world.assert_in_step(one, other, ".counter, #todos")


def test_a_job_shows_its_bar_in_one_tab_and_its_number_in_both(two):
    world, one, other = two
    one.click(".jobs footer button")
    assert other.texts("#tally") == ["1 running, 0 finished"]
    world.clock.advance(1)
    assert 10 < int(one.dom.select_one("#job progress")["value"]) < 20
    world.clock.advance(10)
    assert one.dom.select_one("#job progress")["value"] == "50"
    assert other.texts("#job") == ["No job started in this tab."]
    assert other.texts("#tally") == ["0 running, 1 finished"]


def test_a_tab_that_was_away_for_an_hour(two):
    world, one, other = two
    other.lose_line()
    for _ in range(3): one.click(".counter button")
    world.clock.advance(3600)
    other.regain_line()
    assert other.texts("#counter") == ["3"] and other.resets == []
