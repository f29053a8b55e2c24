"What holds for every test: one that hangs is stopped and fails under its own name."

import signal
import threading

import pytest

SECONDS, LONG_SECONDS = 180, 3600


@pytest.fixture(autouse=True)
def stopped_when_it_hangs(request):
    "Fail the test from within when its time is over, wherever it waits."
    seconds = LONG_SECONDS if request.node.get_closest_marker("long") else SECONDS
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(signum, frame): pytest.fail(f"still running after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try: yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
