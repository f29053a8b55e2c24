"The demo, `python -m cjm_fasthtml_sse.demo`: what a page shows when it is opened, and a wave."

import pytest

DEMO = "cjm_fasthtml_sse.demo.app:app"


@pytest.fixture
def two(live):
    "Two tabs of the demo."
    with live(DEMO) as world: yield world, world.tab(), world.tab()


def test_a_new_tab_shows_what_others_have_done(two):
    world, one, _ = two
    for _ in range(2): one.click(".counter > button")
    one.submit("form", text="Milk")
    one.submit("form", text="<b>Bread</b>")
    later = world.tab()
    assert later.texts("#counter") == ["2"] and later.texts("#todos li span") == ["Milk", "<b>Bread</b>"]


def test_a_wave_reaches_the_other_tab(two):
    _, one, other = two
    one.click("header > button")
    assert other.texts("#waves") == ["Another tab waves."] and one.texts("#waves") == [""]
