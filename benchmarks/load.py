"""The load generator of `load.c` in Python, for machines without a compiler. It uses more CPU for each read."""
import json
import select
import socket
import struct
import sys
import time

NAP, FLIGHT, PATIENCE = 100e-6, 64, 120

class Conn:
    "One reader."
    def __init__(self, sock): self.sock, self.head, self.events = sock, b'', 0

class Load:
    "The readers, the publisher's trigger, and the clocks."
    def __init__(self, port, path, publish, small, large, *pids):
        self.port, self.events = int(port), dict(s=small.encode(), l=large.encode())
        self.pids = [int(pid) for pid in pids]
        head = ['Host: bench', 'Accept: text/event-stream', 'User-Agent: load', '', '']
        self.request = '\r\n'.join([f'GET {path} HTTP/1.1', *head]).encode()
        self.epoll, self.conns, self.frozen, self.buf = select.epoll(), {}, [], bytearray(1 << 18)
        self.waiting = self.bytes = 0
        self.delays = []
        self.publish = self.dial(int(publish), 0)
        self.epoll.register(self.publish, select.EPOLLIN)

    def server_cpu(self, kind=2): return sum(time.clock_gettime((~pid << 3) | kind) for pid in self.pids)

    def dial(self, port, i, rcvbuf=0):
        "Connect a socket to `port`, with one source address for each 4,000."
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_IP, 24, 1) # IP_BIND_ADDRESS_NO_PORT
        if rcvbuf: sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        sock.bind((f'127.0.0.{1 + i // 4000}', 0))
        sock.connect(('127.0.0.1', port))
        return sock

    def look(self, t0):
        "Read all available data and return the number of events."
        seen, ready = 0, self.epoll.poll(0, 1024)
        if not ready: time.sleep(NAP)
        for fd, _ in ready:
            c = self.conns.get(fd)
            n = (c.sock if c else self.publish).recv_into(self.buf)
            if not n: raise ConnectionError('the server closed a connection')
            if not c: continue
            self.bytes += n
            if c.head is not None:
                c.head += self.buf[:n]
                if b'\r\n\r\n' in c.head:
                    if not c.head.startswith(b'HTTP/1.1 200'): raise ConnectionError(c.head[:60])
                    c.head, self.waiting = None, self.waiting - 1
            if k := self.buf.count(b'~', 0, n):
                c.events += k
                seen += k
                self.delays.append((time.monotonic() - t0, k))
        return seen

    def until(self, done, t0, what):
        "Read until `done()`."
        while not done():
            self.look(t0)
            if time.monotonic() - t0 > PATIENCE: raise TimeoutError(what)

    def settle(self):
        "Wait until the server is idle: under 1 ms of CPU in 40 ms."
        end, before = time.monotonic() + 30, -1
        while (cpu := self.server_cpu()) - before > 1e-3 and time.monotonic() < end:
            before = cpu
            for _ in range(20):
                self.look(time.monotonic())
                time.sleep(.002)

    def measured(self, work):
        "Return the result of `work`, with its CPU and wall time."
        cpu, user, own, t0 = self.server_cpu(), self.server_cpu(1), time.process_time(), time.monotonic()
        res = work(t0)
        times = dict(wall=time.monotonic() - t0, load_cpu=time.process_time() - own)
        self.settle()
        return res | times | dict(server_cpu=self.server_cpu() - cpu, server_user=self.server_cpu(1) - user)

    def connect(self, n, frozen=False):
        def work(t0):
            for _ in range(n):
                sock = self.dial(self.port, len(self.conns), 2048 if frozen else 0)
                sock.sendall(self.request)
                self.conns[fd := sock.fileno()] = Conn(sock)
                self.epoll.register(sock, select.EPOLLIN)
                self.waiting += 1
                self.until(lambda: self.waiting < (1 if frozen else FLIGHT), t0, 'no response head')
                if frozen:
                    self.epoll.unregister(sock)
                    self.frozen.append(self.conns.pop(fd))
            self.until(lambda: not self.waiting, t0, 'no response head')
            return dict(n=n)
        return self.measured(work)

    def run(self, seconds, least, burst, kind):
        trigger, want = self.events[kind] * burst, burst * len(self.conns)
        for c in self.conns.values(): c.events = 0
        self.delays, self.bytes = [], 0
        def work(t0):
            rounds = 0
            while rounds < least or time.monotonic() - t0 < seconds:
                t, got = time.monotonic(), 0
                self.publish.sendall(trigger)
                while got < want:
                    got += self.look(t)
                    if time.monotonic() - t > PATIENCE: raise TimeoutError('an event never reached every reader')
                rounds += 1
            return dict(rounds=rounds, deliveries=rounds * want)
        res = self.measured(work)
        if any(c.events != res['rounds'] * burst for c in self.conns.values()):
            raise ValueError('a reader got an event twice or not at all')
        each = sorted(d for d, k in self.delays for _ in range(k))
        return res | dict(bytes=self.bytes, p50=each[len(each) // 2], p99=each[len(each) * 99 // 100], max=each[-1])

def main():
    load = Load(*sys.argv[1:])
    for line in sys.stdin:
        match line.split():
            case ['connect', n]: res = load.connect(int(n))
            case ['freeze', n]: res = load.connect(int(n), frozen=True)
            case ['run', seconds, least, burst, kind]: res = load.run(float(seconds), int(least), int(burst), kind)
        print(json.dumps(res), flush=True)

if __name__ == '__main__': main()
