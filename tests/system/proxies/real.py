"""The proxies of Debian, each started with its file in `examples/proxies/`, with only ports and paths changed.

A proxy is its own process group, which is ended by its id. All of its files are in one folder.
"""

import os
import shutil
import signal
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from ports import free_port

EXAMPLES = Path(__file__).parents[3] / "examples/proxies"
DEADLINE = 30  # Maximum for each step; a generous limit, not a delay
PLACES = f"{os.environ['PATH']}{os.pathsep}/usr/sbin"
ROOT = os.geteuid() == 0


@dataclass(frozen=True)
class Kind:
    "A proxy: its command, and its properties in the documentation."
    program: str
    file: str
    listens: tuple[str, str]  # text of the file that sets its port, and the replacement in tests; empty if it has none
    command: str
    around: str = ""  # configuration that includes the file
    tls: bool = True  # with HTTP/2
    many: bool = True  # whether one HTTP/2 connection may have any number of streams from the start
    heartbeats: int = 0  # maximum heartbeats until a closed tab is noticed; 0: immediately
    forwards: bool = True  # whether it passes the request's scheme to the app

    def __str__(self): return self.program

    @property
    def missing(self):
        "Return the required programs that are not installed."
        needed = [self.program, "curl", *(["openssl"] if self.tls else [])]
        return " and ".join(each for each in needed if not shutil.which(each, path=PLACES))


BODIES = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
TEMPORARY = " ".join(f"{each}_temp_path {{folder}}/{each};" for each in BODIES)
NGINX = Kind("nginx", "nginx.conf", ("listen 443", "listen 127.0.0.1:{port}"),
    "-p {folder} -c {around} -e stderr", f"""
{'user root;' if ROOT else ''}
daemon off; pid {{folder}}/pid; error_log stderr; worker_rlimit_nofile 4000;
events {{{{ worker_connections 1000; }}}}
http {{{{ access_log off; {TEMPORARY} include {{file}}; }}}}
""")
HAPROXY = Kind("haproxy", "haproxy.cfg", ("bind :443", "bind 127.0.0.1:{port}"), "-db -f {file}")
CADDY = Kind("caddy", "Caddyfile", ("example.org {{", "example.org:{port} {{"),
    "run --adapter caddyfile --config {around}", """
{{
    admin off
    auto_https disable_redirects
    default_bind 127.0.0.1
}}
import {file}
""")
VARNISH = Kind("varnishd", "varnish.vcl", (),
    "-F -j none -n {folder}/varnish -a 127.0.0.1:{port} -f {file} -s malloc,16m", tls=False, many=False, forwards=False)
SQUID = Kind("squid", "squid.conf", ("http_port 80", "http_port 127.0.0.1:{port}"), "-N -d 1 -f {around}", """
pid_filename none
cache_log /dev/null
access_log none
coredump_dir {folder}
pinger_enable off
include {file}
""", tls=False, many=False, forwards=False)
MODULES = "mpm_event authz_core proxy proxy_http socache_shmcb ssl http2 headers deflate filter"
APACHE = Kind("apache2", "apache.conf", ("*:443", "127.0.0.1:{port}"), "-D FOREGROUND -f {around}", "\n".join(
    f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in MODULES.split()) + """
ServerRoot {folder}
ServerName example.org
DefaultRuntimeDir {folder}
PidFile {folder}/pid
ErrorLog /dev/stderr
Listen 127.0.0.1:{port}
Include {file}
""", heartbeats=2, many=False)
KINDS = [NGINX, HAPROXY, CADDY, VARNISH, SQUID, APACHE]


def certificate(folder):
    "Create a key and a certificate for the host name of the examples, also combined in one file."
    key, cert = folder / "example.org.key", folder / "example.org.pem"
    made = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=example.org -addext".split()
    files = ["subjectAltName=DNS:example.org", "-keyout", key, "-out", cert]
    subprocess.run([*made, *files], check=True, capture_output=True)
    (folder / "example.org.both.pem").write_text(cert.read_text() + key.read_text())


def written(kind, folder, port, app_port, changes):
    "Write the files of a proxy to `folder` with `changes` applied, and return its command."
    text = (EXAMPLES / kind.file).read_text(encoding="utf-8")
    names = dict(folder=folder, port=port, file=folder / kind.file, around=folder / "around")
    listens = [tuple(part.format(**names) for part in kind.listens)] if kind.listens else []
    for old, new in [*listens, *changes]:
        assert old in text, f"{old!r} is not in {kind.file}"
        text = text.replace(old, new)
    text = text.replace("5001", str(app_port)).replace("/etc/ssl/", f"{folder}/")
    (folder / kind.file).write_text(text)
    (folder / "around").write_text(kind.around.format(**names))
    return [shutil.which(kind.program, path=PLACES), *kind.command.format(**names).split()]


@contextmanager
def group(command, folder, said):
    "Run `command` in its own process group, and end all of it."
    env = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    process = subprocess.Popen(command, cwd=folder, env=env, stdout=said, stderr=said, start_new_session=True)
    try: yield process
    finally:
        for sig in (signal.SIGTERM, signal.SIGKILL):
            try: os.killpg(process.pid, sig)
            except ProcessLookupError: break
            try: process.wait(10)
            except subprocess.TimeoutExpired: continue
        process.wait(DEADLINE)


@contextmanager
def in_front(kind, folder, app_port, *changes):
    "Start the proxy in front of the app, and yield the proxied address."
    if kind.tls: certificate(folder)
    command = written(kind, folder, port := free_port(), app_port, changes)
    with (folder / "said").open("w+") as said, group(command, folder, said) as process:
        deadline = monotonic() + DEADLINE
        while not listens(port):
            if process.poll() is None and monotonic() < deadline: sleep(0.02)
            else: raise RuntimeError(f"{kind} did not start: {(folder / 'said').read_text()}")
        yield Way(port, "https" if kind.tls else "http")


def listens(port):
    "Return whether the port accepts connections; a proxy does not announce that."
    try: socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError: return False
    return True


@dataclass
class Way:
    "The address of an app behind a proxy. curl sends the requests and accepts compression, like a browser."
    port: int
    scheme: str = "http"

    @property
    def url(self): return f"{self.scheme}://example.org:{self.port}"

    def command(self, path, *options):
        resolve = ["--resolve", f"example.org:{self.port}:127.0.0.1"]
        return ["curl", "-skN", *resolve, "-m", str(DEADLINE), *options, self.url + path]

    def get(self, path):
        return subprocess.run(self.command(path), capture_output=True, text=True, check=True).stdout

    @contextmanager
    def stream(self, path="/sse/broadcast", packed=True, last=None):
        "Open a stream: its head, and then its lines as they arrive, until the deadline."
        options = ["--compressed"] * packed + (["-H", f"Last-Event-ID: {last}"] if last else [])
        curl = subprocess.Popen(self.command(path, "-i", *options), stdout=subprocess.PIPE, text=True, bufsize=1)
        try: yield Stream(curl)
        finally:
            curl.kill()
            curl.wait()
            curl.stdout.close()


class Stream:
    "A stream as curl prints it; a line that does not arrive before curl's timeout is an error."
    def __init__(self, curl):
        self.curl = curl
        self.lines = (line.rstrip("\r\n") for line in curl.stdout)
        self.status = next(self.lines, "")
        self.headers = {}
        for line in self.lines:
            if not line: break
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value

    def line(self, begin):
        "Return the rest of the next line with this prefix."
        for line in self.lines:
            if line.startswith(begin): return line[len(begin):].strip()
        raise TimeoutError(f"no line that begins with {begin!r}")

    def ended(self):
        "Return whether the server or the proxy ended it, and not curl's timeout."
        for _ in self.lines: pass
        return self.curl.wait(DEADLINE) != 28

    def event(self):
        "Return the fields of the next event with data."
        fields = {}
        for line in self.lines:
            if not line and "data" in fields: return fields
            name, _, value = line.partition(": ")
            fields = fields | {name: value} if line else {}
        raise TimeoutError("no event")
