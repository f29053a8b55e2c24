"Rules for all tests: a test that hangs is stopped and fails, and sampled cases take turns. And published versions."

import os
import signal
import subprocess
import sys
import threading
import zipfile
from datetime import date

import pytest
from features import Features

SECONDS, LONG_SECONDS = 180, 3600


def pytest_addoption(parser):
    said = "which cases of a test marked `sample` run: a number, which is that of a day unless told; `all` of them"
    chosen = os.environ.get("SSE_SAMPLE") or str(date.today().toordinal())
    parser.addoption("--sample", metavar="NUMBER", default=chosen, type=sample_number, help=said)
    said = "of the tests in a browser, all that run in this engine, and no others: chromium, firefox or webkit"
    parser.addoption("--engine", metavar="NAME", action="append", default=[], help=said)
    parser.addoption("--features", metavar="FILE", help="write what the tests show of each feature there, as JSON")


def pytest_configure(config):
    if config.option.features: config.pluginmanager.register(Features(config.option.features))


def sample_number(text): return text if text == "all" else int(text)


def takes_all(config):
    "Return whether all cases run: with the option, with the long tests, or if a case or an engine is named."
    named = any("[" in argument for argument in config.args) or config.option.engine
    return config.option.sample == "all" or "not long" not in (config.option.markexpr or "") or bool(named)


def kind(item):
    "Return mark and kind of a sampled case: the cases of one test, or those with the same name in `of=`."
    marks = list(item.iter_markers("sample"))
    if not marks: return None
    mark = next((mark for mark in marks if "of" in mark.kwargs), marks[0])
    return mark.kwargs.get("of", item.nodeid.partition("[")[0]), *mark.args


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    "Keep `n` cases of each kind marked `sample(n)`: each day the next ones, so that all take turns."
    if takes_all(config): return
    cases, left_out = {}, set()
    for item in items:
        if of := kind(item): cases.setdefault(of, []).append(item)
    for (_, n), of in cases.items():
        chosen = {(config.option.sample + i * len(of) // n) % len(of) for i in range(n)}  # spread over all
        left_out |= {item for i, item in enumerate(of) if i not in chosen}
    if not left_out: return
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    "If a sampled case fails, add the option that repeats it."
    report = yield
    if report.failed and item.get_closest_marker("sample") and not takes_all(item.config):
        said = f"one case of a sample: SSE_SAMPLE={item.config.option.sample} chooses it again, SSE_SAMPLE=all runs all"
        if hasattr(report.longrepr, "addsection"): report.longrepr.addsection("sample", said)
        else: report.longrepr = f"{report.longrepr}\n{said}"
    return report


@pytest.fixture(scope="session")
def published_version(tmp_path_factory):
    "`published_version(version)`: its folder, to put first on the path; the test is skipped if pip cannot download it."
    folders = {}

    def unpacked(version):
        folder = tmp_path_factory.mktemp("published")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        wanted = ["--retries=0", "-d", folder, f"cjm-fasthtml-sse=={version}"]
        done = subprocess.run([*command, *wanted], capture_output=True, text=True)
        if done.returncode: pytest.skip(f"pip cannot download {version}: {done.stderr.strip()[-200:]}")
        for wheel in folder.glob("*.whl"): zipfile.ZipFile(wheel).extractall(folder)
        return folder

    def published_version(version):
        if version not in folders: folders[version] = unpacked(version)
        return folders[version]

    return published_version


@pytest.fixture(scope="session")
def published(published_version): return published_version("0.0.12")


@pytest.fixture(autouse=True)
def stopped_when_it_hangs(request):
    "Fail the test from within at its timeout, wherever it waits."
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
