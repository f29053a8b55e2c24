"Ordinary mistakes of an application: what each is told, and where. None is silent."

import asyncio
import logging
import subprocess
import sys

import pytest
from cjm_fasthtml_sse import (
    BroadcastManager, Capacity, Cluster, Delivery, Publisher, Replay, SSEStream, check_topic, create_broadcast_handler,
    create_sse_element, setup_broadcast_routes, sign_topics, sse_headers)
from fasthtml.common import Div, Li, fast_app, to_xml

APP, RT = fast_app()
MANAGER = BroadcastManager()
URL = "/sse/broadcast"

ERRORS = [  # what is written, the error, and words of its sentence: the value, and what to give instead
    (lambda: BroadcastManager(heartbeat_interval="15"), TypeError, "heartbeat_interval must be a number, got '15'"),
    (lambda: BroadcastManager(heartbeat_interval=-1), ValueError, "heartbeat_interval must be 0 or more, got -1"),
    (lambda: BroadcastManager(max_queue_size="100"), TypeError, "max_queue_size must be a number, got '100'"),
    (lambda: BroadcastManager(max_queue_size=0), ValueError, "max_queue_size must be 1 or more, got 0"),
    (lambda: BroadcastManager(history_limit="50"), TypeError, "history_limit must be a number, got '50'"),
    (lambda: BroadcastManager(queue_timeout="1"), TypeError, "queue_timeout must be a number, got '1'"),
    (lambda: BroadcastManager(clock=5), TypeError, "clock must be a function, got 5"),
    (lambda: BroadcastManager(replay=10), TypeError, r"replay must be Replay\(…\), got 10"),
    (lambda: BroadcastManager(delivery=dict()), TypeError, r"delivery must be Delivery\(…\), got {}"),
    (lambda: BroadcastManager(capacity=dict(max_topics=3)), TypeError, r"capacity must be Capacity\(…\)"),
    (lambda: BroadcastManager(cluster=None), TypeError, r"cluster must be Cluster\(…\), got None"),
    (lambda: BroadcastManager(backplane="events.db"), ValueError, "for a file, pass 'sqlite:///events.db'"),
    (lambda: BroadcastManager(backplane="mysql://x:secret@host"), ValueError, "backplane is 'mysql'; pass an object"),
    (lambda: BroadcastManager(max_queues=5), TypeError, "max_queues"),
    (lambda: Replay(max_events="3"), TypeError, "max_events must be a number, got '3'"),
    (lambda: Replay(max_age=0), ValueError, "must be positive"),
    (lambda: Delivery(retry_range=1000), ValueError, r"retry_range must be \(least, most\) in milliseconds, got 1000"),
    (lambda: Delivery(retry_range=(3, 1)), ValueError, r"retry_range must be \(least, most\) in milliseconds"),
    (lambda: Delivery(retry_range=(1, 2, 3)), ValueError, r"retry_range must be \(least, most\) in milliseconds"),
    (lambda: Delivery(send_timeout="3"), TypeError, "send_timeout must be a number, got '3'"),
    (lambda: Delivery(overflow="drop"), ValueError, "overflow must be one of .* got 'drop'"),
    (lambda: Capacity(max_connections="3"), TypeError, "max_connections must be a number, got '3'"),
    (lambda: Capacity(max_topics=0), ValueError, "Limits must be 1 or more"),
    (lambda: Cluster(publish_timeout="3"), TypeError, "publish_timeout must be a number, got '3'"),
    (lambda: Cluster(buffer_limit=True), TypeError, "buffer_limit must be a number, got True"),
    (lambda: setup_broadcast_routes(RT, MANAGER), TypeError, r"app must be a FastHTML app, got .*fast_app\(\) returns"),
    (lambda: setup_broadcast_routes(MANAGER, APP), TypeError, "app must be a FastHTML app, got .*BroadcastManager"),
    (lambda: setup_broadcast_routes(APP, BroadcastManager), TypeError, "manager must be a BroadcastManager"),
    (lambda: setup_broadcast_routes(APP, MANAGER, "sse"), ValueError, "prefix must start with"),
    (lambda: setup_broadcast_routes(APP, MANAGER, element_builder=Div("x")), ValueError, "must be a plain function"),
    (lambda: setup_broadcast_routes(APP, MANAGER, policy={}), TypeError, r"policy must be AccessPolicy\(…\), got {}"),
    (lambda: setup_broadcast_routes(APP, MANAGER, authorize=print), TypeError, "authorize"),
    (lambda: create_broadcast_handler(APP), TypeError, "manager must be a BroadcastManager, got"),
    (lambda: create_sse_element(""), ValueError, "give the URL of a stream"),
    (lambda: create_sse_element("ws://host/sse"), ValueError, "only paths, http and https"),
    (lambda: create_sse_element(URL, "list", "BeforeEnd"), ValueError, "is 'BeforeEnd'; write 'beforeend'"),
    (lambda: create_sse_element(URL, "list", "innerhtml"), ValueError, "write 'innerHTML'"),
    (lambda: create_sse_element(URL, "list", Li("x")), ValueError, "To add children, call the element"),
    (lambda: create_sse_element(URL, topics="room"), ValueError, "give a list of names"),
    (lambda: create_sse_element(URL, cursor=MANAGER.cursor), ValueError, "give the id of an event"),
    (lambda: sse_headers(3), ValueError, "htmx is 3; give 2 or 4"),
    (lambda: sign_topics(APP, "job/*"), ValueError, "star"),
    (lambda: check_topic("a b\n"), ValueError, "."),
    (lambda: SSEStream(5), TypeError, r"config must be StreamConfig\(…\), got 5"),
    (lambda: Publisher("events.db"), ValueError, "for a file, pass 'sqlite:///events.db'"),
]


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_a_mistake_is_an_error_that_says_what_to_do(number):
    make, kind, words = ERRORS[number]
    with pytest.raises(kind, match=words) as raised: make()
    assert "secret" not in str(raised.value)


def test_an_element_in_the_place_of_an_id_is_the_child():
    text = to_xml(create_sse_element(URL, Li("x")))
    assert "<li>x</li>" in text and ' id="' not in text


MISSPELT = [("topic", "topics"), ("swap_stategy", "swap_strategy"), ("elementid", "element_id")]


@pytest.mark.parametrize("written,meant", MISSPELT)
def test_an_attribute_that_looks_like_a_setting_is_logged(written, meant, caplog):
    create_sse_element(URL, **{written: "room"})
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert repr(written) in line and repr(meant) in line


def test_free_attributes_are_not_logged(caplog):
    create_sse_element(URL, cls="card", hx_target="#list", data_id=3, title="News", style="color:red")
    assert not caplog.records


def broadcast(manager, readers=(), **kwargs):
    "Broadcast an event to queues that are read by hand, one for each list of topics."
    async def main():
        for topics in readers: await manager.register(topics=topics)
        await manager.broadcast("note", {}, **kwargs)
    asyncio.run(main())


def test_a_manager_without_routes_beside_one_with_routes(caplog):
    app, shown, used = fast_app()[0], BroadcastManager(), BroadcastManager()
    setup_broadcast_routes(app, shown)
    async def main():
        await shown.register()
        for manager in (shown, used, used): await manager.broadcast("note", {})
    asyncio.run(main())
    (line,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert "reached nobody" in line and "setup_broadcast_routes was given" in line


def test_managers_without_a_reader_are_not_told_if_that_may_be_right(caplog):
    "One whose reader has left; one whose routes come later; one beside another that has no reader either"
    app, shown, by_hand, alone = fast_app()[0], BroadcastManager(), BroadcastManager(), BroadcastManager()
    setup_broadcast_routes(app, shown)

    async def main():
        await alone.broadcast("note", {})
        await shown.register()
        id, _ = await by_hand.register()
        await by_hand.unregister(id)
        await by_hand.broadcast("note", {})
    asyncio.run(main())
    assert not caplog.records


TOPICS = [("rom/7", "room/7"), ("Room/7", "room/7"), ("rooms/7", "room/*"), ("room/8", None), ("kitchen", None)]


@pytest.mark.parametrize("written,meant", TOPICS)
def test_a_topic_that_no_page_asked_for(written, meant, caplog):
    caplog.set_level(logging.DEBUG, "cjm_fasthtml_sse.core.hints")
    manager = BroadcastManager()
    broadcast(manager, readers=[[meant or "room/7"]], topic=written)
    told = [record.getMessage() for record in caplog.records if record.name.endswith(".hints")]
    assert len(told) == bool(meant) and all(repr(written) in line and repr(meant) in line for line in told)


def test_an_element_without_a_script_for_its_page(tmp_path):
    code = "from cjm_fasthtml_sse import *\n"
    made = "for _ in range(2): create_sse_element('/sse/broadcast')\n"
    def run(text):
        done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stderr.splitlines()

    (line,) = run(code + made)
    assert "fast_app(hdrs=sse_headers())" in line
    assert run(f"{code}sse_headers(src='/sse')\n{made}") == run(f"{code}cleanup_sse_on_unload()\n{made}") == []


class Raising(logging.Handler):
    def emit(self, record): raise OSError("no space left")


def test_a_hint_that_fails_does_not_fail_the_broadcast():
    "The event has its place already, so the caller would send it twice"
    logger, handler, manager = logging.getLogger("cjm_fasthtml_sse.core.hints"), Raising(), BroadcastManager()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try: broadcast(manager, readers=[["room/7"]], topic="rom/7")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert len(manager.get_history()) == 1
