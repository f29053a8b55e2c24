"Engines, proxies and workers in separate processes that a test can break, and tabs that read from them"
import asyncio
import contextlib
import http.client
import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlencode

from ports import free_port
from redis import Redis
from until import until

HERE = Path(__file__).parent
# The server of Valkey or Redis; `SSE_TEST_ENGINE` overrides it
SERVER = os.environ.get('SSE_TEST_ENGINE') or shutil.which('valkey-server') or shutil.which('redis-server')
PATIENCE = 40  # seconds, on a busy machine, for something that should be immediate


def check_received(tabs, expected, least=0):
    "Check that all tabs got the `expected` events once and in one order, without a reset"
    wanted = {tuple(n) for n in expected}
    until(lambda: all(wanted <= {tuple(n) for n in one.data()} for one in tabs), 'all tabs to get all events')
    assert len(wanted) >= least, f'the test has sent only {len(wanted)} events'
    for one in tabs:
        assert one.resets == [] and len(one.ids()) == len(set(one.ids()))
        assert sorted(one.data()) == sorted({tuple(n): n for n in one.data()}.values()), 'a tab got an event twice'
    common = [[n for n in one.data() if tuple(n) in wanted] for one in tabs]
    assert all(other == common[0] for other in common), 'the tabs got different orders'


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', port), timeout=5): return True


class Process:
    "A command with a log file, in a separate process group"
    def __init__(self, command, log_file, env=None):
        self.log_file = log_file
        with open(log_file, 'a') as log:
            options = dict(stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **(env or {})})
            self.process = subprocess.Popen(command, start_new_session=True, **options)

    @property
    def log(self): return self.log_file.read_text()

    @property
    def alive(self): return self.process.poll() is None

    def end(self, number=signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError): os.killpg(self.process.pid, number)
        try: return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired: return self.end()


class Valkey:
    "A server of Valkey or Redis on a free port; `options` are its settings: `Valkey(folder, appendfsync='always')`"
    def __init__(self, folder, **options):
        self.folder, self.port, self.running = folder, free_port(), None
        self.options = dict(save='""', appendonly='yes', appendfsync='always', enable_debug_command='yes') | options
        folder.mkdir(exist_ok=True)
        self.start()

    @property
    def url(self): return f'redis://127.0.0.1:{self.port}'

    @property
    def client(self):
        return Redis(port=self.port, password=self.options.get('requirepass'), socket_timeout=PATIENCE, protocol=2)

    def start(self):
        place = dict(bind='127.0.0.1', port=self.port, dir=self.folder)
        lines = [f'{name.replace("_", "-")} {value}\n' for name, value in (place | self.options).items()]
        (self.folder/'valkey.conf').write_text(''.join(lines))
        self.running = Process([SERVER, self.folder/'valkey.conf'], self.folder/'log.txt')
        until(lambda: not self.running.alive or self.serves(), 'the engine to answer')
        assert self.running.alive, self.running.log

    def serves(self):
        "Return whether it answers and has loaded its files"
        with contextlib.suppress(Exception), self.client as client: return client.info('persistence')['loading'] == 0

    def kill(self): self.running.end()

    def stop(self):
        if self.running.alive: self.running.end(signal.SIGTERM)

    def empty(self):
        "Delete its stored data while it is stopped"
        for path in self.folder.iterdir():
            if path.name not in ('log.txt', 'valkey.conf'): shutil.rmtree(path) if path.is_dir() else path.unlink()

    def tail_file(self): return max(self.folder.rglob('*.incr.aof'), key=lambda path: path.stat().st_mtime)

    def forget_after(self, size):
        "Truncate its stored data to `size` bytes while it is stopped"
        with open(self.tail_file(), 'r+b') as file: file.truncate(size)


class Proxy:
    "A proxy for a port whose connections can be cut, held, delayed, limited in `rate`, or lose an answer"
    def __init__(self, target):
        self.target, self.port, self.delay, self.swallow, self.rate = target, free_port(), 0.0, b'', 0
        self.swallowed, self.loop, self.pairs = 0, asyncio.new_event_loop(), set()
        self._held, self._ready = [], threading.Event()
        self._open = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE)

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self._open = asyncio.Event()
        self._open.set()
        self.server = self.loop.run_until_complete(asyncio.start_server(self._serve, '127.0.0.1', self.port))
        self._ready.set()
        self.loop.run_forever()

    async def _serve(self, reader, writer):
        "Forward one connection in both directions until one ends"
        with contextlib.suppress(asyncio.CancelledError, OSError): await self._carry(reader, writer)
        writer.close()

    async def _carry(self, reader, writer):
        await self._open.wait()
        there = await asyncio.open_connection('127.0.0.1', self.target)
        state = dict(swallow=False)
        self.pairs.add(pair := (writer, there[1]))
        jobs = [asyncio.ensure_future(self._pump(*ends, state, way))
            for way, ends in dict(up=(reader, there[1]), down=(there[0], writer)).items()]
        await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        for job in jobs: job.cancel()
        for end in pair: end.close()
        self.pairs.discard(pair)

    async def _pump(self, reader, writer, state, way):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._open.wait()
                if way == 'up' and self.swallow and self.swallow in data: state['swallow'], self.swallow = True, b''
                if way == 'down' and state['swallow']:
                    self.swallowed += 1
                    return
                if self.delay: self.loop.call_later(self.delay, self._write, writer, data)
                else: writer.write(data)
                await writer.drain()
                if self.rate: await asyncio.sleep(len(data) / self.rate)

    def _write(self, writer, data):
        if not writer.is_closing(): writer.write(data)

    def _call(self, function):
        done = threading.Event()
        self.loop.call_soon_threadsafe(lambda: (function(), done.set()))
        assert done.wait(PATIENCE)

    def cut(self):
        "Abort every open connection"
        self._call(lambda: [end.transport.abort() for pair in list(self.pairs) for end in pair])

    def hold(self):
        "Forward no bytes, on new connections either, without closing any"
        self._call(self._open.clear)

    def release(self): self._call(self._open.set)

    def close(self):
        self._call(self.server.close)
        self.cut()
        self._call(lambda: [task.cancel() for task in asyncio.all_tasks(self.loop)])
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE)
        self.loop.close()


class Worker:
    "One process of `app.py` under uvicorn"
    def __init__(self, folder, **config):
        self.port = free_port()
        command = [sys.executable, '-m', 'uvicorn', 'app:app', '--app-dir', str(HERE), '--port', str(self.port),
            '--no-access-log', '--timeout-graceful-shutdown', '5']
        self.running = Process(command, folder/f'worker-{self.port}.txt', dict(SSE_TEST=json.dumps(config)))
        try: until(lambda: not self.running.alive or answers(self.port), 'the worker to answer')
        finally:
            if not answers(self.port): self.running.end()
        assert self.running.alive, self.running.log

    def get(self, path, **query):
        "Return status and body of one request"
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE)
        try:
            connection.request('GET', f'{path}?{urlencode(query)}')
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally: connection.close()

    def ask(self, path, **query):
        "Return the JSON of one request"
        status, body = self.get(path, **query)
        assert status == 200, (path, status, body[:500], self.log[-2000:])
        return json.loads(body)

    @property
    def log(self): return self.running.log

    def kill(self): self.running.end()

    @contextlib.contextmanager
    def stand_still(self):
        os.killpg(self.running.process.pid, signal.SIGSTOP)
        try: yield
        finally: os.killpg(self.running.process.pid, signal.SIGCONT)

    def stop(self): return self.running.end(signal.SIGTERM)

    def is_open(self): return self.ask('/state')['backplane'] == 'open'


class Tab:
    """A correct browser tab in a few lines. It reads an event stream from a plain socket, reconnects with its last id
    to the next of `workers()`, and keeps every event"""
    def __init__(self, workers, topics=(), html=False, since='', connection_id=''):
        self.workers, self.query = workers, urlencode([('topic', topic) for topic in topics])
        if connection_id: self.query += f'&connection_id={connection_id}'
        self.path, self.id, self.events, self.resets, self.opened = '/html' if html else '/sse', since, [], [], 0
        self.errors, self._turn, self._sock, self._over = [], itertools.count(), None, threading.Event()
        self.caught_up = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()
        assert self.caught_up.wait(PATIENCE), self.errors[-3:]

    def _live(self):
        while not self._over.is_set():
            if workers := self.workers():
                try: self._read(workers[next(self._turn) % len(workers)].port)
                except OSError as e: self.errors.append(repr(e))
            self._over.wait(random.uniform(0.05, 0.2))

    def _read(self, port):
        self._sock, data, head = socket.create_connection(('127.0.0.1', port), timeout=PATIENCE), b'', None
        with self._sock:
            last = f'Last-Event-ID: {self.id}\r\n' if self.id else ''
            self._sock.sendall(f'GET {self.path}/broadcast?{self.query} HTTP/1.0\r\nHost: x\r\n{last}\r\n'.encode())
            while more := self._sock.recv(2**18):
                data += more
                if head is None:
                    if b'\r\n\r\n' not in data: continue
                    head, _, data = data.partition(b'\r\n\r\n')
                    if b' 200 ' not in head.splitlines()[0]: return self.errors.append(data.decode()[:200])
                    self.opened += 1
                *blocks, data = data.split(b'\n\n')
                for block in blocks: self._take(block.decode())

    def _take(self, block):
        "Parse one block by the WHATWG's standard, as far as these tests need it"
        fields = {}
        for line in block.split('\n'):
            name, _, value = line.partition(':')
            fields.setdefault(name, []).append(value.removeprefix(' '))
        name = fields.get('event', ['message'])[0]
        if 'data' in fields:
            data = '\n'.join(fields['data'])
            if name == 'sse-reset': self.resets.append(json.loads(data) | dict(before=len(self.events)))
            elif name == 'message':
                self.events.append((fields.get('id', [None])[0], data if self.path == '/html' else json.loads(data)))
        if 'id' in fields:
            self.id = fields['id'][-1]
            if 'data' not in fields: self.caught_up.set()

    def data(self, key='n'): return [event['data'][key] for _, event in list(self.events)]

    def ids(self): return [id for id, _ in list(self.events)]

    def leave(self):
        self._over.set()
        with contextlib.suppress(OSError, AttributeError): self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
