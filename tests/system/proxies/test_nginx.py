"The statements of `production` about single lines of nginx are true."

from contextlib import contextmanager

import pytest
from browser.conftest import running
from cjm_fasthtml_sse import setup_broadcast_routes
from fasthtml.common import FastHTML

from .conftest import gone, port_of, said
from .real import NGINX, in_front
from settings import make_manager

pytestmark = pytest.mark.skipif(bool(NGINX.missing), reason=f"{NGINX.missing} is needed")
SHORT = ("proxy_read_timeout 1h", "proxy_read_timeout 1s")


@contextmanager
def behind(folder, *changes, **settings):
    "Yield a manager behind nginx with a changed file, and the proxied address."
    app, manager = FastHTML(secret_key="for this test"), make_manager(**settings)
    setup_broadcast_routes(app, manager)
    with running(app) as url, in_front(NGINX, folder, port_of(url), *changes) as way: yield manager, way


def test_heartbeats_keep_a_line_that_nginx_would_cut(tmp_path):
    with behind(tmp_path, SHORT, heartbeat_interval=0.2) as (_, way), way.stream() as stream:
        for _ in range(15): stream.line(": heartbeat")  # three seconds of silence for the proxy


def test_without_heartbeats_nginx_cuts_a_silent_line(tmp_path):
    with behind(tmp_path, SHORT, heartbeat_interval=0) as (manager, way), way.stream() as stream:
        stream.line(": connected")
        gone(manager)
        assert stream.ended()


def test_the_answer_of_a_stream_turns_buffering_off_by_itself(tmp_path):
    with behind(tmp_path, ("proxy_buffering off", "proxy_buffering on")) as (manager, way), way.stream() as stream:
        stream.line(": connected")
        manager.broadcast_threadsafe("said", {"n": 1})
        assert said(stream) == 1
