"The dashboard tutorial's application: current values, which a new page shows immediately."


def ovens(tab): return tab.texts("article strong")


def test_a_page_that_opens_late_shows_all_ovens(live):
    with live("dashboard:app") as world:
        first = world.tab()
        world.clock.advance(60)
        late = world.tab()
        assert len(ovens(late)) == 3 and ovens(late) == ovens(first)


def test_a_page_that_was_away_gets_the_newest_values(live):
    "Not the sixty values of each oven in between"
    with live("dashboard:app") as world:
        tab = world.tab()
        tab.lose_line()
        world.clock.advance(60)
        before = len(tab.events)
        tab.regain_line()
        assert len(tab.events) == before + 3 and tab.state == "open"


def test_an_alarm_reaches_a_page_that_reconnects(live):
    with live("dashboard:app") as world:
        tab = world.tab()
        tab.lose_line()
        manager, = world.server.workers[0].managers
        manager.broadcast_threadsafe("alarm", {"text": "Smoke"})
        world.settled()
        tab.regain_line()
        assert tab.texts("#alarms li") == ["Smoke"]
