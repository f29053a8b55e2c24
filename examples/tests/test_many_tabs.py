"The tutorial on many tabs: the tabs of a browser share one connection."


def statistics(tab): return tab.request("GET", "/sse/status").json()


def test_thirty_tabs_share_a_connection(live):
    with live("many_tabs:app") as world:
        browser = world.browser()
        tabs = [browser.tab() for _ in range(30)]
        world.clock.advance(5)
        numbers = statistics(tabs[0])
        assert (numbers["connections"], numbers["tabs"]) == (1, 30)
        tabs[7].click("button")
        assert [tab.texts("#number") for tab in tabs] == [["1"]] * 30


def test_a_tab_counts_its_own_topic(live):
    with live("many_tabs:app") as world:
        browser = world.browser()
        everything, job = browser.tab(), browser.tab("/?topic=job/1")
        job.click("button")
        assert (everything.texts("#number"), job.texts("#number")) == (["0"], ["1"])


def test_the_connection_outlives_the_tab_that_opened_it(live):
    with live("many_tabs:app") as world:
        browser = world.browser()
        first, *others = [browser.tab() for _ in range(3)]
        first.close()
        others[0].click("button")
        world.assert_in_step(*others)


def test_the_indicator_shows_a_lost_line(live):
    with live("many_tabs:app") as world:
        tab = world.tab()
        online = tab.texts("[role=status]")
        tab.lose_line()
        world.clock.advance(10)
        assert tab.texts("[role=status]") != online
        tab.regain_line()
        assert tab.texts("[role=status]") == online
