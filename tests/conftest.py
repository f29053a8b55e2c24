"What holds for every test: one that hangs is stopped and fails under its own name; of many of a kind, some take turns."

import os
import signal
import threading
from datetime import date

import pytest

SECONDS, LONG_SECONDS = 180, 3600


def pytest_addoption(parser):
    said = "which cases of a test marked `sample` run: a number, which is that of a day unless told; `all` of them"
    chosen = os.environ.get("SSE_SAMPLE") or str(date.today().toordinal())
    parser.addoption("--sample", metavar="NUMBER", default=chosen, type=sample_number, help=said)


def sample_number(text): return text if text == "all" else int(text)


def takes_all(config):
    "Whether every case runs: when told, with the long tests, and where somebody names a case."
    named = any("[" in argument for argument in config.args)
    return config.option.sample == "all" or "not long" not in (config.option.markexpr or "") or named


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    "Of each test's cases that carry `sample(n)`, leave `n`: every day the next ones, so that all have their turn."
    if takes_all(config): return
    cases, left_out = {}, set()
    for item in items:
        if mark := item.get_closest_marker("sample"):
            cases.setdefault((item.nodeid.partition("[")[0], *mark.args), []).append(item)
    for (_, n), of in cases.items():
        chosen = {(config.option.sample * n + i) % len(of) for i in range(n)}
        left_out |= {item for i, item in enumerate(of) if i not in chosen}
    if not left_out: return
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    "Where a case of a sample fails, say how to have it again."
    report = yield
    if report.failed and item.get_closest_marker("sample") and not takes_all(item.config):
        said = f"one case of a sample: SSE_SAMPLE={item.config.option.sample} chooses it again, SSE_SAMPLE=all runs all"
        if hasattr(report.longrepr, "addsection"): report.longrepr.addsection("sample", said)
        else: report.longrepr = f"{report.longrepr}\n{said}"
    return report


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
