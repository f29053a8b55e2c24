"""Measure the effect of each proxy on a stream, with the files of `examples/proxies/` and with harmful settings.

    python benchmarks/proxies.py [NAME ...] [--quiet 33] [--write]

Each run sends ten events, 250 ms apart, and then only heartbeats, every 15 s. The client is curl, which accepts
compressed responses as browsers do. `--write` puts the table into `examples/proxies/README.md`. A run takes eight
minutes. The proxies are Debian's, which `make proxies` installs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic, sleep

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browser.conftest import running  # noqa: E402
from cjm_fasthtml_sse import BroadcastManager, setup_broadcast_routes  # noqa: E402
from fasthtml.common import FastHTML  # noqa: E402
from system.proxies.hurts import RUNS  # noqa: E402
from system.proxies.real import APACHE, CADDY, HAPROXY, NGINX, SQUID, VARNISH, Way, in_front  # noqa: E402

README = ROOT / "examples/proxies/README.md"
MARKS = "<!-- measured -->", "<!-- /measured -->"
EVENTS, APART, PATIENCE = 10, 0.25, 50  # In each run; seconds between two; seconds to wait for a close


@dataclass
class Seen:
    "Results of one run; times in seconds, None for never."
    head: float | None = None
    first: float | None = None
    late: float | None = None
    events: int = 0
    heartbeats: int = 0
    ended: float | None = None  # After the last byte
    second: float | None = None  # First byte of a second reader
    noticed: float | None = None  # Until the app has detected that the first reader disconnected


class Reader:
    "A stream that curl reads in a thread, with the time of each line."
    def __init__(self, way, packed=True):
        options = ["-i", "-D", "/dev/stderr", *(["--compressed"] if packed else [])]
        command = [part for part in way.command("/sse/broadcast", *options) if part != "-i"]
        command[command.index("-m") + 1] = "600"
        self.begun, self.head, self.lines, self.end = monotonic(), None, [], None
        pipe = subprocess.PIPE
        self.curl = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, bufsize=1)
        for read in (self.read_head, self.read): threading.Thread(target=read, daemon=True).start()

    def read_head(self):
        for _ in self.curl.stderr: self.head = self.head or monotonic() - self.begun

    def read(self):
        for line in self.curl.stdout: self.lines.append((monotonic(), line.strip()))
        self.end = monotonic()

    def times(self, begin): return [(at, line) for at, line in list(self.lines) if line.startswith(begin)]

    def first(self):
        "Return the start of the stream; None for an error page."
        begun = self.times(": connected")
        return begun[0][0] - self.begun if begun else None

    def close(self):
        self.curl.kill()
        self.curl.wait()


@contextmanager
def reading(way):
    reader = Reader(way)
    try: yield reader
    finally: reader.close()


def wait_for(condition, seconds):
    "Wait for `condition` and return the duration; None after a timeout."
    begun = monotonic()
    while monotonic() - begun < seconds:
        if condition(): return monotonic() - begun
        sleep(0.005)


@contextmanager
def setting(kind, changes):
    "Provide the app's manager and the proxied address."
    app, manager = FastHTML(secret_key="for this measurement"), BroadcastManager()
    setup_broadcast_routes(app, manager)
    with running(app) as url, tempfile.TemporaryDirectory() as folder:
        port = int(url.rpartition(":")[2])
        if kind is None: yield manager, Way(port)
        else:
            with in_front(kind, Path(folder), port, *changes) as way: yield manager, way


def measure(kind, changes, quiet):
    "Measure two readers and events, then silence, then the disconnect of the second reader."
    seen, sent = Seen(), {}
    with setting(kind, changes) as (manager, way), reading(way) as reader:
        wait_for(lambda: reader.lines, 5)
        with reading(way) as another:
            wait_for(lambda: another.lines, 2)
            for n in range(EVENTS):
                sent[n] = monotonic()
                manager.broadcast_threadsafe("said", {"n": n})
                sleep(APART)
            wait_for(lambda: reader.end is not None, quiet)
            came = [(at, json.loads(line[5:])["data"]["n"]) for at, line in reader.times("data:")]
            seen.head, seen.first, seen.second, seen.events = reader.head, reader.first(), another.first(), len(came)
            seen.late = median(at - sent[n] for at, n in came) if came else None
            seen.heartbeats = len(reader.times(": heartbeat"))
            if reader.end is not None: seen.ended = reader.end - (reader.lines[-1][0] if reader.lines else reader.begun)
        if seen.second is not None: seen.noticed = noticed(way, manager)
    return seen


def noticed(way, manager):
    "Connect one more reader, close it, and return the time until the app has detected that."
    with reading(way) as reader:
        wait_for(lambda: reader.lines, 8)
        before = manager.statistics().streams
        reader.close()
        return wait_for(lambda: manager.statistics().streams < before, PATIENCE)


def told(seen):
    "Return the cells of a row."
    holds = seen.first is None and seen.head and seen.ended is None
    first = f"headers {seconds(seen.head)}, then **never**" if holds else seconds(seen.first)
    late = "**never**" if seen.late is None else f"{seen.late * 1000:.0f} ms"
    if seen.late and seen.late > 0.05: late = f"**{late}**"
    some = "" if seen.events in (0, EVENTS) else f" ({seen.events} of {EVENTS})"
    cut = "no" if seen.ended is None else f"**after {seen.ended:.0f} s of silence**"
    if seen.first is None and seen.ended is not None: cut = f"**an error** after {seen.head:.0f} s"
    noticed = f"**not within {PATIENCE} s**" if seen.noticed is None else seconds(seen.noticed)
    if seen.second is None: noticed = "–"
    return [first, late + some, "yes" if seen.heartbeats else "no", cut, seconds(seen.second), noticed]


def seconds(value):
    if value is None: return "**never**"
    return "under 1 s" if value < 1 else f"{value:.0f} s"


HEAD = ["proxy", "first byte", "events late", "heartbeats", "cut", "first byte for a second client",
        "closed tab detected"]
NAMES = {APACHE: "Apache", CADDY: "Caddy", HAPROXY: "HAProxy", NGINX: "nginx", SQUID: "Squid", VARNISH: "Varnish"}


def table(found):
    rows, last = [HEAD, ["---"] * len(HEAD)], None
    for name, seen in found.items():
        kind, what, _ = RUNS[name]
        rows.append([what if kind is last else f"**{NAMES[kind]}**: {what}", *told(seen)])
        last = kind
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def versions():
    "Return the versions of the proxies."
    names = "nginx haproxy caddy varnish squid apache2".split()
    command = ["dpkg-query", "-W", "-f", "${Package} ${Version}, ", *names]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip(", ")


def main():
    parser = argparse.ArgumentParser(description="Measure the effect of each proxy on a stream")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"proxies to run: {', '.join(RUNS)}")
    parser.add_argument("--quiet", type=float, default=33, help="seconds of silence after the events")
    parser.add_argument("--write", action="store_true", help="put the table into the README of the examples")
    args = parser.parse_args()
    names = args.names or list(RUNS)

    def one(name):
        kind, _, changes = RUNS[name]
        seen = measure(kind, changes, args.quiet)
        print(name, seen, file=sys.stderr, flush=True)
        return seen

    with ThreadPoolExecutor(6) as pool: found = dict(zip(names, pool.map(one, names), strict=True))
    text = f"{table(found)}\n\nMeasured with {versions()}, by `python benchmarks/proxies.py --write`."
    print(text)
    if args.write:
        before, _, rest = README.read_text(encoding="utf-8").partition(MARKS[0])
        README.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}", encoding="utf-8")


if __name__ == "__main__": main()
