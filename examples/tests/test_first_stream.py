"The first tutorial's application: what one tab says, all tabs show."


def test_all_tabs_show_the_same(live):
    with live("first_stream:app") as world:
        ann, bob = world.tab(), world.tab()
        ann.submit("form", text="<hello>")
        bob.submit("form", text="again")
        assert bob.texts("p") == ["<hello>", "again"] and bob.texts("strong") == ["2 messages"]
        world.assert_in_step(ann, bob)


def test_a_tab_that_lost_its_line_misses_nothing(live):
    with live("first_stream:app") as world:
        ann, bob = world.tab(), world.tab()
        bob.lose_line()
        for text in ("one", "two"): ann.submit("form", text=text)
        world.clock.advance(3600)
        bob.regain_line()
        world.assert_in_step(ann, bob)
        assert bob.resets == []


def test_after_a_restart_all_pages_are_refreshed(live):
    "The messages are in memory, so all tabs lose them together"
    with live("first_stream:app") as world:
        ann, bob = world.tab(), world.tab()
        ann.submit("form", text="lost")
        world.server.restart()
        world.clock.advance(60)
        ann.submit("form", text="kept")
        assert bob.texts("p") == ["kept"]
        world.assert_in_step(ann, bob)
