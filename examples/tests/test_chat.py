"The chat tutorial's application: rooms, and who may read them."


def said(tab): return tab.texts("#lines p")


def test_a_room_shows_who_says_what(live):
    with live("chat:app") as world:
        ana, ben = world.tab("/room/lounge", user="ana"), world.tab("/room/lounge", user="ben")
        ana.submit("form", text="<b>hello</b>")
        assert "ana <b>hello</b>" in said(ana) and said(ana)[-1] == said(ben)[-1]


def test_a_user_signs_in_by_the_form(live):
    with live("chat:app") as world:
        tab = world.tab()
        tab.submit("form", name="ana")
        assert tab.url == "/room/lounge"


def test_no_word_of_the_kitchen_reaches_the_lounge(live):
    with live("chat:app") as world:
        ana, cem = world.tab("/room/kitchen", user="ana"), world.tab("/room/lounge", user="cem")
        ana.submit("form", text="The cake is a secret")
        world.assert_private(cem, "The cake is a secret")


def test_only_members_enter_the_kitchen(live):
    with live("chat:app") as world:
        cem = world.tab("/room/kitchen", user="cem")
        assert cem.status == 403
        assert cem.request("GET", "/sse/broadcast", topic="room/kitchen").status == 403


def test_the_heading_counts_who_is_here(live):
    with live("chat:app") as world:
        ana, ben = world.tab("/room/lounge", user="ana"), world.tab("/room/lounge", user="ben")
        world.clock.advance(1)
        assert ana.texts("#people") == ["2 here"]
        ben.close()
        world.clock.advance(5)
        assert ana.texts("#people") == ["1 here"] and said(ana)[-1] == "ben has gone"
