"The tutorial on many workers: one engine, so that every board gets every order."

from cjm_fasthtml_sse import BackplaneError


def test_a_board_shows_the_orders_of_all_workers(live):
    with live("many_workers:app", workers=2) as world:
        one, two = world.tab(worker=0), world.tab(worker=1)
        one.submit("form", order="<tea>")
        two.submit("form", order="cake")
        assert one.texts("p") == two.texts("p") == ["<tea>", "cake"]


def test_a_board_continues_when_its_worker_is_killed(live):
    with live("many_workers:app", workers=2) as world:
        one, two = world.tab(worker=0), world.tab(worker=1)
        world.server.kill(0)
        two.submit("form", order="toast")
        world.clock.advance(60)
        assert one.texts("p") == ["toast"] and one.resets == []


def test_while_the_engine_is_away_orders_are_refused(live):
    with live("many_workers:app", workers=2) as world:
        one, two = world.tab(worker=0), world.tab(worker=1)
        world.engine.go_away()
        with world.expected(BackplaneError): one.submit("form", order="refused")
        world.engine.come_back()
        world.clock.advance(60)
        one.submit("form", order="tea")
        assert one.texts("p") == two.texts("p") == ["tea"]
        assert one.resets == two.resets == []
