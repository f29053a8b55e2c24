"""One run of one system: a fresh server and a fresh load generator, each on its own core, and the commands to both."""
import contextlib
import json
import os
import pathlib
import resource
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

HERE = pathlib.Path(__file__).resolve().parent
RELEASE = 'cjm-fasthtml-sse==0.0.12'
ANSWER = 180 # Seconds to wait for a server or the load generator; the longest phase takes a tenth
PROGRAMS = { # Server of each system, in `systems/`
    'transports': 'transports', 'nchan': 'nchan', 'package': 'package', 'package-left': 'package',
    'starlette': 'starlette_bare', 'starlette-fasthtml': 'starlette_fasthtml',
    'sse-starlette': 'sse_starlette_bare', 'published': 'package',
    'events': 'live_events', 'region': 'live_region', 'region-each': 'live_region', 'whole': 'live_region',
    'whole-each': 'live_region', 'readers': 'live_readers', 'readers-diffed': 'live_readers',
    'table': 'live_table', 'table-apsw': 'live_table', 'table-polled': 'live_table'}
SETTINGS = { # Environment of a system's server
    'package-left': dict(BENCH_HTTP='cjm_fasthtml_sse.asgi.uvicorn:HttpTools'),
    'region-each': dict(BENCH_INTERVAL='0'), 'whole': dict(BENCH_WHOLE='1'),
    'whole-each': dict(BENCH_INTERVAL='0', BENCH_WHOLE='1'), 'readers-diffed': dict(BENCH_DIFFED='1'),
    'table': dict(BENCH_LIBRARY='sqlite3'), 'table-apsw': dict(BENCH_LIBRARY='apsw'),
    'table-polled': dict(BENCH_LIBRARY='sqlite3', BENCH_POLLED='1')}
SERVER = 'benchmarks/systems/package.py' # Server of a checkout's own package, in that checkout

class Failed(Exception): "A server or the load generator stopped or did not respond."

@dataclass
class Tools:
    "The parts that a run needs besides the servers."
    load: list[str] # Command of the load generator
    tmp: str # Temporary folder: working directory of servers, with the release and the load generator
    cpus: tuple[set, set] # Core of the server, core of the load generator
    release: str | None = None # Folder of the unpacked release
    checkouts: dict = field(default_factory=dict) # Further systems, with the folders of their checkouts

    @property
    def language(self): return 'C' if len(self.load) == 1 else 'Python'

class Session:
    "A fresh server and a fresh load generator, each on its core, for one run of one system."
    def __init__(self, tools: Tools, system: str, sndbuf: int = 0, backplane: str = '', heartbeats: bool = False):
        self.tools, (program, env) = tools, self.program(tools, system)
        if sndbuf: env['BENCH_SNDBUF'] = str(sndbuf)
        if backplane: env['BENCH_BACKPLANE'] = backplane
        if heartbeats: env['BENCH_HEARTBEATS'] = '1' # Of bare transports; the package has its own in any case
        self.stack, self.log = contextlib.ExitStack(), tempfile.TemporaryFile('w+')
        self.stack.callback(self.log.close)
        try:
            self.server = self.start([sys.executable, program], tools.cpus[0], env)
            self.hello = h = self.greeting()
            where = map(str, (h['port'], h['path'], h['publish'], h['small'], h['large'], *h['pids']))
            self.load = self.start([*tools.load, *where], tools.cpus[1], env)
        except BaseException:
            self.close()
            raise

    @staticmethod
    def program(tools: Tools, system: str) -> tuple[pathlib.Path, dict]:
        "Return the file of a system's server and its environment."
        env = dict(os.environ, PYTHONDONTWRITEBYTECODE='1')
        for k in [*env]:
            if k.startswith('BENCH_'): del env[k]
        env['PYTHONPATH'] = str(HERE.parent) # Servers use the package of this checkout
        env |= SETTINGS.get(system, {})
        if folder := tools.checkouts.get(system):
            # Compiled files stay outside of all checkouts: a server that compiles has different memory to reuse.
            del env['PYTHONDONTWRITEBYTECODE']
            env |= dict(PYTHONPATH=str(folder), BENCH_PACKAGE=str(folder), PYTHONPYCACHEPREFIX=f'{tools.tmp}/compiled')
            return folder / SERVER, env
        if system == 'published':
            if not tools.release: raise Failed('the release could not be installed')
            env['BENCH_PACKAGE'] = tools.release
        return HERE / 'systems' / f'{PROGRAMS[system]}.py', env

    def start(self, cmd, cpus, env):
        p = subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, bufsize=1,
                             cwd=self.tools.tmp, env=env, preexec_fn=lambda: os.sched_setaffinity(0, cpus))
        self.stack.callback(self.stop, p)
        return p

    @staticmethod
    def stop(p):
        with contextlib.suppress(OSError): p.stdin.close()
        try: p.wait(5)
        except subprocess.TimeoutExpired: p.kill()
        p.wait()
        p.stdout.close()

    def line(self, p):
        "Return the next line of the process `p`, or raise `Failed` with its errors."
        if not select.select([p.stdout], [], [], ANSWER)[0]: raise Failed(f'no answer in {ANSWER} s')
        if line := p.stdout.readline(): return line
        self.log.seek(0)
        raise Failed((self.log.read().strip().splitlines() or ['it stopped without output'])[-1][:300])

    def greeting(self) -> dict:
        "Return the server's first line, printed when it listens."
        line = self.line(self.server)
        try: return json.loads(line)
        except ValueError: raise Failed(f'its first line is no JSON: {line.strip()[:300]}') from None

    def tell(self, *words):
        "Send a command to the load generator and return the answer."
        self.ask(*words)
        return self.answer()

    def ask(self, *words):
        "Send a command to the load generator; `answer` has to follow."
        with contextlib.suppress(BrokenPipeError): print(*words, file=self.load.stdin, flush=True)

    def answer(self): return json.loads(self.line(self.load))

    def control(self, command: str) -> str:
        "Send a command to the server itself, if it is a Python server."
        if not self.hello['control']: return ''
        with socket.create_connection(('127.0.0.1', self.hello['publish'])) as s:
            s.sendall(command.encode())
            answer = b''
            while part := s.recv(65536):
                answer += part
                if answer.endswith(b'\0'): return answer[:-1].decode()
        raise Failed('the server closed its publish port')

    def rss(self) -> int:
        "Return the resident bytes of the server, after a garbage collection."
        self.control('g')
        pages = sum(int(pathlib.Path(f'/proc/{pid}/statm').read_text().split()[1]) for pid in self.hello['pids'])
        return pages * resource.getpagesize()

    def blocked(self) -> int:
        "Count the connections with bytes that the server's kernel cannot deliver."
        rows = [r.split() for r in pathlib.Path('/proc/net/tcp').read_text().splitlines()[1:]]
        return sum(int(r[1].split(':')[1], 16) == self.hello['port'] and int(r[4].split(':')[0], 16) > 0 for r in rows)

    def close(self): self.stack.close()
    def __enter__(self): return self
    def __exit__(self, *exc): self.close()

def prepare(tmp: str, systems, checkouts=None) -> Tools:
    "Build the load generator, fetch the release and choose the cores."
    cc = next(filter(shutil.which, ('cc', 'gcc', 'clang')), None)
    load = [f'{tmp}/load']
    if not cc or subprocess.run([cc, '-O2', '-o', load[0], HERE / 'load.c']).returncode:
        load = [sys.executable, str(HERE / 'load.py')]
    cpus = sorted(os.sched_getaffinity(0))
    tools = Tools(load, tmp, ({cpus[0]}, {cpus[1]}) if len(cpus) > 1 else (set(cpus), set(cpus)),
                  checkouts=checkouts or {})
    if 'published' in systems:
        target = f'{tmp}/release'
        pip = [sys.executable, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps']
        done = subprocess.run([*pip, '--target', target, RELEASE], cwd=tmp, capture_output=True)
        tools.release = target if not done.returncode else None
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard)) # Inherited by servers and load generators
    return tools
