"The tutorial on tests: a board of cards."


def test_all_tabs_show_a_card_until_it_is_done(live):
    with live("testing:app") as world:
        ann, bob = world.tab(), world.tab()
        ann.submit("#new", title="Milk")
        bob.submit("#new", title="<b>Bread</b>")
        ann.click("#card-1 button")
        assert bob.texts("#todo span") == ["<b>Bread</b>"]
        world.assert_in_step(ann, bob, "#todo")


def test_a_tab_that_was_away_for_an_hour(live):
    with live("testing:app") as world:
        ann, bob = world.tab(), world.tab()
        ann.submit("#new", title="Milk")
        bob.lose_line()
        ann.submit("#new", title="Bread")
        ann.click("#card-1 button")
        world.clock.advance(3600)
        bob.regain_line()
        world.assert_in_step(ann, bob, "#todo")
        assert bob.resets == []


def test_a_page_is_refreshed_after_a_restart(live):
    with live("testing:app") as world:
        ann, bob = world.tab(), world.tab()
        bob.lose_line()
        ann.submit("#new", title="Milk")
        world.server.restart()
        bob.regain_line()
        world.clock.advance(30)
        world.assert_in_step(ann, bob, "#todo")
        assert bob.resets == ["unknown"] and bob.texts("#todo span") == ["Milk"]


def test_a_page_continues_when_its_worker_is_killed(live):
    with live("testing:app", workers=2) as world:
        ann, bob = world.tab(worker=0), world.tab(worker=1)
        world.server.kill(0)
        bob.submit("#new", title="Milk")
        world.clock.advance(60)
        world.assert_in_step(ann, bob, "#todo")


def test_a_card_needs_a_title(live):
    with live("testing:app") as world:
        tab = world.tab()
        with world.expected("A card needs a title"), world.assert_no_broadcasts(): tab.submit("#new", title="")
