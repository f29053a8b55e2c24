"""A proxy that breaks streams in ways in which no proxy of Debian does.

Each connection is for one request, and a body is passed on as the app writes it, chunks included. `faults` sets the
treatment of the next streams. Methods hold, silence and cut the running ones, so no test waits for a time.
"""

import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from socketserver import StreamRequestHandler, ThreadingTCPServer

STREAM = b"/broadcast"


@dataclass
class Faults:
    "The faults of a stream."
    takes: bytes = b""  # Request header to remove
    hides: bytes = b""  # Prefix of response headers to remove
    query: bool = True  # Whether to pass on the query
    crumbs: int = 0  # Number of body bytes to send one by one
    caches: bool = False  # Whether all clients get the first response, whatever the query


class Hostile(ThreadingTCPServer):
    "A proxy on a free port, in front of the app on `app_port`."
    daemon_threads = True

    def __init__(self, app_port, **faults):
        super().__init__(("127.0.0.1", 0), Line)
        self.app_port, self.faults, self.asked = app_port, Faults(**faults), []
        self.lines, self.cached = set(), {}
        self.admits, self.flows = threading.Event(), threading.Event()
        self.admits.set()
        self.flows.set()

    @property
    def url(self): return f"http://127.0.0.1:{self.server_address[1]}"

    @contextmanager
    def holding(self):
        "Pass on response heads, and no bodies, within the block."
        self.flows.clear()
        try: yield
        finally: self.flows.set()

    @contextmanager
    def shut(self):
        "Cut all streams, and refuse new ones within the block."
        self.admits.clear()
        for line in list(self.lines): line.end()
        try: yield
        finally: self.admits.set()

    def silence(self):
        "Send nothing more of the running streams, without ending them."
        for line in list(self.lines): line.silent = True

    def handle_error(self, request, client_address):
        "Ignore errors: a tab or the app may disconnect."


class Line(StreamRequestHandler):
    "One connection of a browser, for one request."
    silent, app = False, None

    def handle(self):
        first, *headers = iter(self.rfile.readline, b"\r\n")
        length = [int(h.split(b":")[1]) for h in headers if h.lower().startswith(b"content-length:")]
        body = self.rfile.read(*length) if length else b""
        method, path, _ = first.split()
        self.hurts = STREAM in path
        faults = self.server.faults if self.hurts else Faults()
        if self.hurts:
            self.server.asked.append(path.decode())
            self.server.admits.wait()
        if not faults.query: path = path.split(b"?")[0]
        headers = [h for h in headers if not h.lower().startswith((b"connection:", faults.takes + b":"))]
        name = path.split(b"?")[0]
        if faults.caches and name in self.server.cached: return self.join(self.server.cached[name])
        kept = self.server.cached.setdefault(name, Kept()) if faults.caches else None
        with socket.create_connection(("127.0.0.1", self.server.app_port)) as self.app:
            first = b"%s %s HTTP/1.1\r\nConnection: close\r\n" % (method, path)
            self.app.sendall(b"".join([first, *headers, b"\r\n", body]))
            self.hand_on(self.app.makefile("rb"), faults, kept)

    def hand_on(self, answer, faults, kept):
        "Pass on the response's head, and each part of its body as soon as it arrives."
        head = [h for h in iter(answer.readline, b"\r\n") if not (faults.hides and h.lower().startswith(faults.hides))]
        self.give(b"".join([*head, b"\r\n"]), kept)
        if self.hurts: self.server.lines.add(self)
        crumbs = faults.crumbs
        while more := answer.read1(65536):
            if self.hurts: self.server.flows.wait()
            for i in range(min(crumbs, len(more))): self.give(more[i : i + 1], kept)
            if crumbs < len(more): self.give(more[crumbs:], kept)
            crumbs = max(0, crumbs - len(more))

    def give(self, data, kept):
        if kept: kept.add(data)
        if not self.silent: self.wfile.write(data)

    def join(self, kept):
        "Send another client's response from its beginning."
        for data in kept: self.wfile.write(data)

    def end(self):
        for each in (self.app, self.connection):
            try: each.shutdown(socket.SHUT_RDWR)
            except OSError: pass

    def finish(self):
        self.server.lines.discard(self)
        try: super().finish()
        except OSError: pass


class Kept:
    "A response that later clients get from its beginning."
    def __init__(self): self.pieces, self.more = [], threading.Condition()

    def add(self, data):
        with self.more:
            self.pieces.append(data)
            self.more.notify_all()

    def __iter__(self):
        given = 0
        while True:
            with self.more:
                while len(self.pieces) == given: self.more.wait()
            yield self.pieces[given]
            given += 1


@contextmanager
def hostile(app_port, **faults):
    "Run the proxy."
    with Hostile(app_port, **faults) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try: yield proxy
        finally:
            proxy.shutdown()
            for line in list(proxy.lines): line.end()
