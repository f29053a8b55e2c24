"The progress bar tutorial's application: a job with a stream that ends."


def test_the_bar_fills_and_the_stream_ends(live):
    with live("progress_bar:app") as world:
        tab = world.tab()
        tab.click("button")
        assert tab.dom.progress["value"] == "0"
        world.clock.advance(0.1)
        assert tab.dom.progress["value"] == "2"
        world.clock.advance(1)
        assert tab.texts("p") == ["Enjoy your bread"] and tab.state == "closed"


def test_each_tab_has_its_own_job(live):
    with live("progress_bar:app") as world:
        first, second = world.tab(), world.tab()
        first.click("button")
        world.clock.advance(0.1)
        second.click("button")
        assert (first.dom.progress["value"], second.dom.progress["value"]) == ("2", "0")


def test_after_a_lost_line_the_job_begins_again(live):
    with live("progress_bar:app") as world:
        tab = world.tab()
        tab.click("button")
        world.clock.advance(0.1)
        tab.lose_line()
        world.clock.advance(60)
        tab.regain_line()
        assert tab.dom.progress["value"] == "0"
        world.clock.advance(1)
        assert tab.texts("p") == ["Enjoy your bread"]
