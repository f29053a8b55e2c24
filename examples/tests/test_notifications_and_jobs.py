"The tutorial on notifications and jobs: a job outlives its page, and only its user sees it."

PAGE = "/my/reports"


def test_all_tabs_of_a_user_show_the_job(live):
    with live("notifications_and_jobs:app") as world:
        laptop, phone = world.tab(PAGE, user="ana"), world.tab(PAGE, user="ana")
        laptop.submit("form", report="Sales")
        world.clock.advance(0.25)
        assert phone.texts("#job p") == ["Sales: running, 2 of 5"]
        world.clock.advance(1)
        assert phone.texts("#job p") == ["Sales: done, 5 of 5"]
        assert phone.texts("#notes p") == ["Your Sales report: done"]
        world.assert_in_step(laptop, phone, "#now")


def test_the_next_page_shows_the_notification(live):
    with live("notifications_and_jobs:app") as world:
        laptop = world.tab(PAGE, user="ana")
        laptop.submit("form", report="Sales")
        laptop.close()
        world.clock.advance(60)
        assert world.tab(PAGE, user="ana").texts("#notes p") == ["Your Sales report: done"]


def test_no_other_user_sees_it(live):
    with live("notifications_and_jobs:app") as world:
        ana, ben = world.tab(PAGE, user="ana"), world.tab(PAGE, user="ben")
        ana.submit("form", report="Sales")
        world.clock.advance(60)
        world.assert_private(ben, "Sales: ")
        assert ben.request("GET", "/sse/broadcast", topic="jobs/ana").status == 403


def test_a_notification_that_was_seen_leaves_all_tabs(live):
    with live("notifications_and_jobs:app") as world:
        laptop, phone = world.tab(PAGE, user="ana"), world.tab(PAGE, user="ana")
        laptop.submit("form", report="Sales")
        world.clock.advance(60)
        laptop.click("#notes button")
        assert phone.texts("#notes p") == []


def test_a_job_that_fails_is_reported(live):
    with live("notifications_and_jobs:app") as world:
        tab = world.tab(PAGE, user="ana")
        tab.submit("form", report="Stock")
        world.clock.advance(60)
        assert tab.texts("#notes p") == ["Your Stock report: failed"]


def test_a_cancelled_job_ends(live):
    with live("notifications_and_jobs:app") as world:
        tab = world.tab(PAGE, user="ana")
        tab.submit("form", report="Sales")
        world.clock.advance(0.25)
        tab.click("#job button")
        world.clock.advance(60)
        assert tab.texts("#notes p") == ["Your Sales report: cancelled"]


def test_a_job_that_a_killed_server_left_has_failed(live):
    with live("notifications_and_jobs:app") as world:
        tab = world.tab(PAGE, user="ana")
        tab.submit("form", report="Sales")
        world.clock.advance(0.25)
        world.server.kill()
        world.clock.advance(60)
        assert tab.texts("#notes p") == ["Your Sales report: failed"]
