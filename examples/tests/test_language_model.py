"The language model tutorial's application: an answer word by word."


def test_the_answer_comes_word_by_word(live):
    with live("language_model:app") as world:
        tab = world.tab()
        tab.submit("form", question="A proverb?")
        world.clock.advance(0.05)
        assert tab.texts("#talk article p") == ["Well begun"]
        world.clock.advance(5)
        assert tab.texts("#talk article p")[0].endswith("A watched pot never boils.")
        assert tab.texts("#talk button") == [] and tab.state == "closed"


def test_a_lost_line_does_not_stop_the_answer(live):
    with live("language_model:app") as world:
        tab = world.tab()
        tab.submit("form", question="A proverb?")
        world.clock.advance(0.05)
        tab.lose_line()
        world.clock.advance(5)
        tab.regain_line()
        assert tab.texts("#talk article p")[0].endswith("A watched pot never boils.")


def test_stop(live):
    with live("language_model:app") as world:
        tab = world.tab()
        tab.submit("form", question="Say more")
        world.clock.advance(0.05)
        tab.click("#talk button")
        assert tab.texts("#talk article p") == ["Well begun … (stopped)"]


def test_a_failure_shows_no_secret(live):
    with live("language_model:app") as world:
        tab = world.tab()
        tab.submit("form", question="I want trouble")
        world.clock.advance(5)
        assert "please ask again" in tab.texts("#talk article p")[0]
        world.assert_private(tab, "sk-1234")
