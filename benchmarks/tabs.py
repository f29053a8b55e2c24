"""The load generator of `live.py`: tabs that load a page, and apply the frames of their streams to its list.

A tab keeps the rows of its list by id, and takes a whole list or some rows of it. Of a live region, it checks that each
rendering changes the one that it has. It merges nothing into a page, so that it needs little CPU for a frame.
"""
import html
import json
import re
import select
import sys
import time
import urllib.parse
import urllib.request
from collections import Counter
from functools import cache, lru_cache

from load import FLIGHT, NAP, Conn, Load

ROW, NUMBER = re.compile(r'<li [^>]*?\bid="(job-\d+-\d+)".*?</li>'), re.compile(r'value="(\d+)"')
OOB, SPACE = ' hx-swap-oob="true"', re.compile(r'>\s+<') # Of events of a row, of pages
REGION, STREAM = re.compile('data-sse-live="([^"]*)"'), re.compile('data-sse-connect="([^"]*)"')

def rows_of(text: str) -> dict: # By id: the HTML of the row, and the number of the write that it shows
    found = ROW.finditer(SPACE.sub('><', text).replace(OOB, ''))
    return {row[1]: (row[0], int(NUMBER.search(row[0])[1])) for row in found}

@lru_cache(maxsize=10_000) # The tabs of a list get the same frames
def parse(frame: bytes) -> tuple: # What it is, its rows, and its head if it is of a live region
    "Parse a frame: a `whole` list, `some` rows, a `touch`, or `other`; raises `ValueError` if a tab must not get it"
    fields = [line.partition(': ') for line in frame.decode().split('\n')]
    data = [value for name, _, value in fields if name == 'data']
    event = next((value for name, _, value in fields if name == 'event'), '')
    head = json.loads(data.pop(0)) if event == 'sse-live' else {}
    if event not in ('', 'sse-live') or 'error' in head: raise ValueError(f'a tab got {frame[:200]}')
    if 'touched' in head: return 'touch', {}, {}
    is_some = 'from' in head if head else not ''.join(data).startswith('<ul')
    rows = rows_of('\n'.join(data))
    return ('some' if is_some else 'whole') if rows else 'other', rows, head

class Tab(Conn):
    "One tab"
    def __init__(self, sock, number: int, rows: dict, hash: str):
        super().__init__(sock)
        self.number, self.rows, self.hash, self.chunks, self.text = number, dict(rows), hash, b'', b''
        self.newest = max(n for _, n in rows.values())

    def frames(self, data: bytes) -> list: # Complete ones
        "Return the frames that end in `data`, which is a part of a body in chunks"
        self.chunks += data
        while (end := self.chunks.find(b'\r\n')) >= 0:
            stop = end + 2 + int(self.chunks[:end], 16)
            if len(self.chunks) < stop + 2: break
            self.text, self.chunks = self.text + self.chunks[end + 2:stop], self.chunks[stop + 2:]
        *found, self.text = self.text.split(b'\n\n')
        return found

    def take(self, rows: dict, head: dict) -> list: # Numbers of the writes that it shows now and did not show before
        if head:
            if head.get('from', self.hash) != self.hash: raise ValueError('a tab lacks the rendering that one changes')
            self.hash = head['hash']
        new = [n for id, (row, n) in rows.items() if self.rows.get(id, ('',))[0] != row]
        self.rows |= rows
        self.newest = max(self.newest, *new, 0)
        return new

def check(tabs, load):
    "Compare the list of each tab with that of a page that `load` loads now; raises `ValueError` if they differ"
    for number in {tab.number for tab in tabs}:
        rows, *_ = load(number)
        if any(tab.rows != rows for tab in tabs if tab.number == number):
            raise ValueError(f'a tab of list {number} shows another state than its page')

class Tabs(Load):
    "The tabs, and the writes to their lists"
    def __init__(self, *args):
        super().__init__(*args)
        self.sent = [0] # When each write was sent, by its number
        self.got, self.stale = Counter(), 0

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f'http://127.0.0.1:{self.port}{path}', timeout=120) as response:
            return response.read().decode()

    def load(self, number: int) -> tuple: # Rows, hash of the region, URL of the stream
        "Load the page of a list"
        text = self.get(f'/list/{number}')
        if not (region := REGION.search(text)): return rows_of(text), '', html.unescape(STREAM.search(text)[1])
        about = json.loads(html.unescape(region[1]))
        query = urllib.parse.urlencode(dict(topic=about['view'], last_event_id=about['at']))
        return rows_of(text), about['hash'], f'{about["url"]}?{query}'

    def look(self, t0):
        "Read all available data and return the number of renderings"
        seen, ready = 0, self.epoll.poll(0, 1024)
        if not ready: time.sleep(NAP)
        for fd, _ in ready:
            tab = self.conns[fd]
            data = tab.sock.recv(1 << 18)
            if not data: raise ConnectionError('the server closed a connection')
            self.bytes += len(data)
            if tab.head is not None:
                tab.head += data
                if b'\r\n\r\n' not in tab.head: continue
                head, data = tab.head.split(b'\r\n\r\n', 1)
                if not head.startswith(b'HTTP/1.1 200'): raise ConnectionError(head[:60])
                tab.head, self.waiting = None, self.waiting - 1
            for frame in tab.frames(data): seen += self.take(tab, frame)
        return seen

    def take(self, tab: Tab, frame: bytes) -> bool: # Whether it is a rendering
        kind, rows, head = parse(frame)
        self.got[kind] += 1
        if not rows: return False
        now = time.monotonic()
        self.delays += [now - self.sent[n] for n in tab.take(rows, head)]
        return True

    def open(self, n: int, lists: int):
        "Open `n` tabs on the first `lists` lists"
        page = cache(self.load)
        def work(t0):
            for i in range(n):
                rows, hash, path = page(i % lists)
                sock = self.dial(self.port, len(self.conns))
                lines = f'GET {path} HTTP/1.1', 'Host: bench', 'Accept: text/event-stream', 'User-Agent: load', '', ''
                sock.sendall('\r\n'.join(lines).encode())
                self.conns[sock.fileno()] = Tab(sock, i % lists, rows, hash)
                self.epoll.register(sock, select.EPOLLIN)
                self.waiting += 1
                self.until(lambda: self.waiting < FLIGHT, t0, 'no response head')
            self.until(lambda: not self.waiting, t0, 'no response head')
            return dict(n=n)
        return self.measured(work)

    def write(self, rate: float, n: int, kind: str):
        "Send `n` writes, `rate` a second, and return when each tab shows the last one of its list"
        tabs, rendered = self.conns.values(), self.state()['rendered']
        self.delays, self.bytes, self.got = [], 0, Counter()
        def work(t0):
            for i in range(n):
                while time.monotonic() < t0 + i / rate: self.look(t0)
                self.sent.append(time.monotonic())
                self.publish.sendall(self.events[kind])
            while max(newest := self.state()['newest']) < len(self.sent) - 1: self.look(t0)
            self.until(lambda: all(tab.newest == newest[tab.number] for tab in tabs), t0, 'a tab shows an old state')
            return dict(seconds=n / rate)
        res = self.measured(work) | dict(rendered=self.state()['rendered'] - rendered)
        check(tabs, self.load)
        each = sorted(self.delays)
        delays = dict(p50=each[len(each) // 2], p99=each[len(each) * 99 // 100], max=each[-1])
        return res | delays | dict(tabs=len(tabs), bytes=self.bytes, got=self.got)

    def state(self): return json.loads(self.get('/state')) # Of the server: what it has rendered, and newest writes

def main():
    tabs = Tabs(*sys.argv[1:])
    for line in sys.stdin:
        match line.split():
            case ['open', n, lists]: res = tabs.open(int(n), int(lists))
            case ['write', rate, n, kind]: res = tabs.write(float(rate), int(n), kind)
        print(json.dumps(res), flush=True)

if __name__ == '__main__': main()
