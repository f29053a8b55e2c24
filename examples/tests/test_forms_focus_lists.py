"The tutorial on forms, focus and lists: what a page shows when it is opened. A browser's test has what stays in it."

PAGE = "/trip"


def test_a_new_tab_shows_the_changes_of_others(live):
    with live("forms_focus_lists:app") as world:
        ana = world.tab(PAGE, user="ana")
        ana.submit("form", text="Rope")
        ana.request("POST", "/trip/2/rename", text="Gas stove")
        ana.request("POST", "/trip/1/remove")
        ben = world.tab(PAGE, user="ben")
        assert [each["value"] for each in ben.dom.select("li input[name=text]")] == ["Gas stove", "Map", "Rope"]


def test_only_members_see_the_list(live):
    with live("forms_focus_lists:app") as world:
        stranger = world.tab(PAGE, user="eve")
        assert stranger.texts("h1") == ["Who are you?"] and stranger.dom.select("li") == []
