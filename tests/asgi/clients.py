"Servers in their own processes, and clients that are plain sockets"
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from until import until

HERE = Path(__file__).parent
PATIENCE = 30  # seconds for a condition that should hold immediately, on a busy machine


PLAIN = http.client.HTTPConnection, {}


class Server:
    "A server process with its port and its log"
    def __init__(self, command, port, folder, env=None, ready='/plain', cwd=None, context=None):
        self.port, self.url, self.context = port, f'http://127.0.0.1:{port}', context  # a context for TLS
        self.log_file = folder/f'log-{port}.txt'
        env = {**os.environ, 'PYTHONUNBUFFERED': '1', **(env or {})}
        with open(self.log_file, 'w') as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=env, cwd=cwd,
                start_new_session=True)
        try:
            until(lambda: self.process.poll() is not None or self.answers(ready), 'the server to answer')
            assert self.process.poll() is None, self.log
        except BaseException:
            self.stop()
            raise

    @property
    def log(self): return self.log_file.read_text()

    def answers(self, path):
        with contextlib.suppress(OSError, http.client.HTTPException): return self.get(path)[0] < 500

    def request(self, path, method='GET', headers=None, timeout=PATIENCE):
        kind, more = (http.client.HTTPSConnection, dict(context=self.context)) if self.context else PLAIN
        connection = kind('127.0.0.1', self.port, timeout=timeout, **more)
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally: connection.close()

    def get(self, path, **kwargs):
        status, _, body = self.request(path, **kwargs)
        return status, body

    def debug(self): return json.loads(self.get('/debug')[1])

    def signal(self, number): os.kill(self.process.pid, number)

    def gone(self, patience=8):
        "Wait for the process to exit, and return its status"
        return self.process.wait(patience)

    def stop(self):
        "Kill the process group"
        with contextlib.suppress(ProcessLookupError): os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Stream:
    "One open event stream, over a plain socket"
    def __init__(self, port, path='/sse/broadcast', headers='', receive_buffer=None, version='1.1', more='',
                 context=None):
        self.sock = socket.socket()
        if receive_buffer: self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(('127.0.0.1', port))
        if context: self.sock = context.wrap_socket(self.sock, server_hostname='localhost')
        self.sock.sendall(f'GET {path} HTTP/{version}\r\nHost: x\r\n{headers}\r\n{more}'.encode())
        self.data = b''

    def read(self, part, patience=PATIENCE):
        "Read until `part` has arrived, and return all bytes so far"
        end, data, seen = time.monotonic() + patience, bytearray(self.data), 0
        try:
            while data.find(part, max(0, seen - len(part))) < 0:
                seen = len(data)
                self.sock.settimeout(max(0.01, end - time.monotonic()))
                try: more = self.sock.recv(2**20)
                except TimeoutError: raise AssertionError(f'no {part!r} in time: {bytes(data[-300:])!r}') from None
                assert more, f'the stream ended before {part!r}: {bytes(data[-300:])!r}'
                data += more
        finally: self.data = bytes(data)
        return self.data

    def rest(self, patience=PATIENCE):
        "Read to the end of the connection or of the response"
        self.sock.settimeout(patience)
        with contextlib.suppress(ConnectionResetError):
            while not self.data.endswith(b'0\r\n\r\n') and (more := self.sock.recv(65536)): self.data += more
        return self.data

    @property
    def head(self): return self.read(b'\r\n\r\n').partition(b'\r\n\r\n')[0].decode().lower()

    def close(self): self.sock.close()

    def __enter__(self): return self

    def __exit__(self, *_): self.close()


def retries(data): return [int(n) for n in re.findall(rb'retry: (\d+)\n', data)]


def uvicorn_command(port, *arguments, app='app:app'):
    given = ['--app-dir', str(HERE), '--port', str(port), '--no-access-log', *arguments]
    return [sys.executable, '-m', 'uvicorn', app, *given]
