"The parts of the benchmarks that need no stopwatch: arithmetic, order, messages, and a complete round."

import importlib
import importlib.util
import json
import subprocess
import sys
from itertools import product
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
SERVER = "benchmarks/systems/package.py"


@pytest.fixture(scope="module")
def before():
    "Import the module that compares two checkouts; benchmarks are programs, found by their folder."
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        return importlib.import_module("before")


def imported(name):
    "Import a module of the benchmarks of which another module of the tests has the name."
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        spec = importlib.util.spec_from_file_location(f"{name}_of_benchmarks", BENCHMARKS / f"{name}.py")
        sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


@pytest.fixture(scope="module")
def regions():
    "Import the module that measures live regions."
    return imported("live")


@pytest.fixture(scope="module")
def tables():
    "Import the module that measures live tables."
    return imported("tables")


@pytest.fixture(scope="module")
def tabs():
    "Import its load generator."
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        return importlib.import_module("tabs")


def fanout(*args, seconds=60, program="fanout.py"):
    "Run a benchmark."
    command = [sys.executable, BENCHMARKS / program, *args]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=seconds)


# Ranks as in tables of the sign test: the interval's ends are the values of the first rank and its mirror image.
@pytest.mark.parametrize("n, rank", [(6, 1), (8, 1), (9, 2), (10, 2), (15, 4), (20, 6), (25, 8), (40, 14), (100, 40)])
def test_the_ends_of_an_interval_are_those_of_the_tables(before, n, rank):
    assert before.interval(list(range(n, 0, -1))) == (rank, n + 1 - rank)


@pytest.mark.parametrize("n", range(6))
def test_few_values_have_no_interval(before, n): assert before.interval([1.0] * n) is None


@pytest.mark.parametrize("n", range(6, 15))
def test_an_interval_holds_the_median_as_often_as_it_says_and_is_the_narrowest_that_does(before, n):
    "Count all patterns: each value lies below or above the median with equal probability."
    low, high = before.interval(list(range(n)))

    def held(low, high):
        "Return the share of all patterns in which the median lies between the values of rank `low` and rank `high`."
        return sum(low < sum(below) <= high for below in product((0, 1), repeat=n)) / 2**n

    assert held(low, high) >= 0.95 > held(low + 1, high - 1)


@given(st.lists(st.floats(0.5, 2), min_size=6, max_size=60))
def test_an_interval_lies_around_the_median_in_any_order(before, values):
    low, high = before.interval(values)
    assert low <= median(values) <= high and {low, high} <= set(values)
    assert before.interval(values[::-1]) == (low, high)
    assert before.interval([2 * x for x in values]) == (2 * low, 2 * high)


def test_a_drift_cancels(before):
    "Each side is measured equally late on average, and in every round."
    steps = before.plan(["one", "two"], 4)
    assert len(steps) == len(set(steps)) == 4 * 2 * 3
    late = {side: sum(at for at, step in enumerate(steps) if step[2] == side) for side in before.SIDES}
    assert len(set(late.values())) == 1
    assert [step[0] for step in steps] == sorted(step[0] for step in steps)


def figures(cpu): return dict(cpu=cpu, memory=1000 * cpu, connect=10 * cpu)


def runs(rounds, **cpus):
    "Build runs in which each side's figures are constant, except for the machine's speed in a round."
    return [dict(round=i, scenario=scenario, side=side, figures=figures(cpu * (1 + i % 3)))
            for i in range(rounds) for scenario in ("fanout", "bursts") for side, cpu in cpus.items()]


def test_ratios_are_taken_within_a_round_and_judged_by_their_lower_end(before):
    rows = before.judge(runs(6, this=4.0, before=2.0, again=4.0))
    assert [(r["ratio"]["median"], r["ratio"]["low"], r["itself"]["median"]) for r in rows] == [(2, 2, 1)] * 4
    assert [r.get("within") for r in rows] == [False, False, None, None]
    assert [r.get("within") for r in before.judge(runs(6, this=2.0, before=2.0, again=4.0))] == [True, True, None, None]
    assert [r.get("within") for r in before.judge(runs(5, this=4.0, before=2.0, again=4.0))] == [None] * 4


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")
def test_what_is_no_checkout_is_named(tmp_path):
    done = fanout("--before", tmp_path / "nowhere")
    assert done.returncode == 2
    assert f"{tmp_path}/nowhere is no checkout of this project: it has no {SERVER}" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")
@pytest.mark.parametrize("program, said", [
    ("raise RuntimeError('out of luck')", "RuntimeError: out of luck"),
    ("import sys; sys.exit()", "it stopped without output"),
    ("print('hello', flush=True)", "hello")])
def test_a_server_that_does_not_start_says_why(tmp_path, program, said):
    for name, text in {SERVER: program, "cjm_fasthtml_sse/__init__.py": ""}.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    done = fanout("--before", tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"the server of {tmp_path} does not run: " in done.stderr and said in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")
@pytest.mark.parametrize("args, said", [
    (["--rows", "1"], "--before measures two checkouts and nothing else"),
    (["--systems", "nchan"], "--before measures two checkouts and nothing else"),
    (["--profile", "package"], "not allowed with"), (["--repeat", "0"], "--repeat is at least 1")])
def test_what_does_not_go_together_is_refused(args, said):
    done = fanout("--before", ROOT, *args)
    assert done.returncode == 2 and said in done.stderr


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")
def test_a_round_comes_to_its_end(tmp_path):
    "Compare this checkout with itself: all figures must be present, whatever their values."
    done = fanout("--before", ROOT, "--quick", "--out", tmp_path, seconds=600)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "before.json").read_text())
    assert len(found["runs"]) == 2 * 3 and found["settings"]["rounds"] == 1
    assert all(row["ratio"]["median"] > 0 and row["ratio"]["low"] is None for row in found["rows"])
    assert "this / before" in done.stdout and "Fewer than 6 rounds" in done.stdout


def row(job, number): return f'<li id="job-0-{job}"><progress value="{number}"></progress></li>'


def rendering(html, **head): return f"event: sse-live\ntopic: live/x\ndata: {json.dumps(head)}\ndata: {html}".encode()


def opened(tabs, *numbers):
    "Return a tab whose page shows a job for each of `numbers`."
    return tabs.Tab(None, 0, tabs.rows_of("".join(row(job, n) for job, n in enumerate(numbers))), "h0")


@given(st.lists(st.integers(1, 40), max_size=30))
def test_a_tab_reads_the_frames_of_a_body_however_it_arrives(tabs, sizes):
    frames = [rendering(row(0, 1), at="1", hash="a"), b": heartbeat\nid: x-1", f"data: {row(1, 2)}".encode()]
    parts = [frames[0] + b"\n\n" + frames[1][:5], frames[1][5:] + b"\n\n", frames[2] + b"\n\n"]
    body, tab, found = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts), opened(tabs, 0, 0), []
    for size in [*sizes, len(body)]:
        found += tab.frames(body[:size])
        body = body[size:]
    assert found == frames


def test_a_tab_shows_what_it_gets_and_names_the_writes_that_are_new(tabs):
    tab = opened(tabs, 1, 2, 3)
    for frame, kind, new in [
            (rendering("<ul>" + row(0, 1) + row(1, 5) + row(2, 3) + "</ul>", at="1", hash="h1"), "whole", [5]),
            (rendering(row(2, 6), at="2", hash="h2", **{"from": "h1"}), "some", [6]),
            (f"id: x-1\ndata: {row(0, 7)}".replace("<li ", '<li hx-swap-oob="true" ').encode(), "some", [7]),
            (f"data: <ul>{row(0, 7)}{row(1, 8)}{row(2, 6)}</ul>".encode(), "whole", [8])]:
        found, rows, head = tabs.parse(frame)
        assert (found, tab.take(rows, head)) == (kind, new)
    assert tab.newest == 8 and tab.rows == opened(tabs, 7, 8, 6).rows
    assert tabs.parse(b'event: sse-live\nid: x-1\ndata: {"touched": "list/0"}') == ("touch", {}, {})
    assert tabs.parse(b"id: x-1") == ("other", {}, {})


def test_a_tab_that_lacks_something_ends_the_run(tabs):
    tab = opened(tabs, 1)
    _, rows, head = tabs.parse(rendering(row(0, 2), at="1", hash="h2", **{"from": "h1"}))
    with pytest.raises(ValueError, match="a tab lacks the rendering that one changes"): tab.take(rows, head)
    for frame in (b'event: sse-reset\ndata: {"reason": "overflow"}', rendering("", error=True)):
        with pytest.raises(ValueError, match="a tab got"): tabs.parse(frame)


def test_tabs_are_compared_with_the_page(tabs):
    pages = {0: opened(tabs, 1, 2)}
    tabs.check([opened(tabs, 1, 2)], lambda number: (pages[number].rows, "", ""))
    for other in (opened(tabs, 1, 1), opened(tabs, 1), opened(tabs, 1, 2, 3)):
        with pytest.raises(ValueError, match="a tab of list 0 shows another state"):
            tabs.check([opened(tabs, 1, 2), other], lambda number: (pages[number].rows, "", ""))


def test_figures_of_live_regions_are_compared_within_a_round(regions):
    def run(i, system, size): return dict(round=i, part="bars", system=system, figures=dict(bytes=size))
    sizes = [(100, 90), (10, 13), (50, 55)]
    rows = regions.judge([run(i, *each) for i, (ours, by_hand) in enumerate(sizes)
                       for each in (("region", by_hand), ("events", ours))])
    assert [(r["ratio"], r["target"], r["reached"]) for r in rows] == [(1.1, 1.2, True)]
    assert rows[0]["values"] == [0.9, 1.1, 1.3]
    assert not regions.judge([run(0, "region", 130), run(0, "events", 100)])[0]["reached"]
    assert regions.judge([run(0, "region", 1), run(1, "events", 1)]) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")
@pytest.mark.parametrize("args, said", [
    (["--only", "bars,rows"], "unknown: rows"), (["--rounds", "0"], "--rounds is at least 1")])
def test_live_refuses_what_it_cannot_measure(tmp_path, args, said):
    done = fanout(*args, "--out", tmp_path / "out", program="live.py")
    assert done.returncode == 2 and said in done.stderr and not (tmp_path / "out").exists()


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")
def test_a_round_of_live_regions_comes_to_its_end(tmp_path):
    "All figures must be present, whatever their values; each tab is compared with its page."
    done = fanout("--quick", "--out", tmp_path, program="live.py", seconds=300)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "live.json").read_text())
    assert {part: len(systems) for part, systems in found["parts"].items()} == {"crowd": 4, "bars": 5}
    assert all(value >= 0 for each in found["runs"] for value in each["figures"].values())
    assert set(found["scripts"]) == {"sse", "morph", "live"} and "a live region" in done.stdout


def test_a_commit_has_arrived_with_its_number_or_a_later_one(tables):
    commits = [(1, 10), (2, 20), (3, 30), (4, 40)]
    assert tables.delays(commits, [(0, 5), (1, 11), (1, 12), (3, 34), (4, 41)]) == [1, 14, 4, 1]
    assert tables.delays(commits, [(9, 50)]) == [40, 30, 20, 10]
    for seen in ([], [(3, 34)]):
        with pytest.raises(tables.Failed, match=f"commit {4 if seen else 1} did not arrive"):
            tables.delays(commits, seen)


@given(st.lists(st.tuples(st.integers(1, 50), st.booleans()), min_size=1))
def test_a_delay_is_the_least_of_all_notes_that_contain_the_commit(tables, steps):
    "Notes are taken at random moments, and contain all commits until then."
    time, commits, seen = 0, [], []
    for pause, is_commit in [*steps, (1, False)]:
        time += pause
        if is_commit: commits.append((len(commits), time))
        else: seen.append((len(commits) - 1, time))
    expected = [min(at for newest, at in seen if newest >= number) - time for number, time in commits]
    assert tables.delays(commits, seen) == expected


def test_figures_of_live_tables_are_judged_by_their_median(tables):
    def run(i, part, system, **figures): return dict(round=i, part=part, system=system, figures=figures)
    late = [run(i, "commits", "table", p99=p99) for i, p99 in enumerate((0.03, 0.009, 0.01))]
    rows = tables.judge([*late, run(0, "dom", "table-apsw", above=0.051, p99=0), run(0, "trigger", "insert", ratio=9)])
    assert [(r["part"], r["median"], r["target"], r["reached"]) for r in rows] == [
        ("commits", 0.01, 0.01, True), ("dom", 0.051, 0.05, False)]
    assert rows[0]["values"] == [0.009, 0.01, 0.03]
    assert tables.judge([run(0, "commits", "table-polled", p99=0.2)]) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")
@pytest.mark.parametrize("args, said", [
    (["--only", "dom,rows"], "unknown: rows"), (["--rounds", "0"], "--rounds is at least 1")])
def test_tables_refuses_what_it_cannot_measure(tmp_path, args, said):
    done = fanout(*args, "--out", tmp_path / "out", program="tables.py")
    assert done.returncode == 2 and said in done.stderr and not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")
def test_tables_names_what_the_browser_lacks(tmp_path, monkeypatch):
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "nowhere"))
    done = fanout("--only", "dom", "--out", tmp_path / "out", program="tables.py")
    assert done.returncode == 2 and f"{tmp_path}/nowhere is missing: apt-get install chromium" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")
def test_the_cost_of_triggers_is_measured(tmp_path):
    done = fanout("--quick", "--only", "trigger", "--out", tmp_path, program="tables.py")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "tables.json").read_text())
    assert set(found["parts"]) == {"trigger"} and len(found["parts"]["trigger"]) == 7 and found["rows"] == []
    assert all(each["plain"] > 0 and each["marked"] > 0 for each in found["parts"]["trigger"].values())


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")
def test_a_round_of_live_tables_comes_to_its_end(tmp_path):
    "All figures must be present, whatever their values; each commit arrives, and each tab shows the last ones."
    done = fanout("--quick", "--out", tmp_path, program="tables.py", seconds=300)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "tables.json").read_text())
    parts = found["parts"]
    assert {part: len(systems) for part, systems in parts.items()} == {"commits": 3, "dom": 2, "trigger": 7}
    for each in (*parts["commits"].values(), *parts["dom"].values()):
        assert 300 > each["max"] >= each["p99"] >= each["p50"] > 0  # By one clock, in seconds
        assert each["took_p99"] >= each["took_p50"] > 0 and each["late"] >= 0
    assert parts["commits"]["table-polled"]["calls"] < parts["commits"]["table"]["calls"]
    assert len(found["rows"]) == 4 and "From a commit to the page" in done.stdout
