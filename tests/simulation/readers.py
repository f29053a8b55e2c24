"""Those who read: tabs that open streams as a page does, and code that reads a queue of `register`.

A tab keeps what a client can see: the bytes of its streams, in the order in which they came. It understands the stream
by a parser of its own. It comes back as the page's script does: after the delay that it was told, and never after a
refusal that is final.
"""

import json
import re
from dataclasses import dataclass, field

from cjm_fasthtml_sse.events.wire import ConnectionClosed

from .oracle import fits

SHOWN = re.compile(r'n=(\d+)')
FAILING = 'This reader cannot take it'
FIRST_RETRY, RETRY = 0.2, (0.5, 3.0)  # seconds


@dataclass
class Seen:
    "One thing that a reader saw"
    kind: str  # `asked`, `open`, `event`, `reset`, `topics`, `closed`, `broken` or `refused`
    moment: int
    n: int | None = None  # of an event
    id: str | None = None  # of the frame, or of a reset
    about: dict = field(default_factory=dict)


class Tab:
    "A page with one stream"
    def __init__(self, world, name, user, topics, connection_id=None):
        self.world, self.name, self.user, self.topics = world, name, user, frozenset(topics)
        self.connection_id, self.token, self.last_id, self.seen = connection_id, None, '', []
        self.state, self.exchange, self.buffer, self.timer, self.heard_at = 'new', None, b'', None, 0.0
        self.bytes_left, self.is_stalled, self.retry, self.is_kept_off = None, False, None, False
        self.worker, self.is_signed = None, False

    def __repr__(self): return self.name

    def note(self, kind, **about): self.seen.append(Seen(kind, self.world.moments(), **about))

    def has(self, topics):
        "Return whether its stream has these topics, as far as it was told"
        about = next((seen.about for seen in reversed(self.seen) if seen.kind in ('open', 'topics')), None)
        return about is None or all(fits(about['topics'], topic) for topic in topics)

    def lives(self): return self.world.truth.lives.get(self.last_id.partition('-')[0], set())

    def url(self):
        topics = [('signed', self.token)] if self.token else [('topic', topic) for topic in sorted(self.topics)]
        own = [('connection_id', self.connection_id)] if self.connection_id else []
        return '/sse/broadcast?' + '&'.join(f'{name}={value}' for name, value in topics + own)

    def connect(self, worker=None):
        "Ask for the stream, on the loop"
        self.cancel_timer()
        worker = self.world.choose(worker)
        if worker is None: return self.come_later(1.0)
        self.state, self.worker, self.buffer, self.retry = 'connecting', worker, b'', None
        headers = {'host': 'localhost', 'x-user': self.user}
        if self.last_id: headers['last-event-id'] = self.last_id
        self.note('asked', id=self.last_id)
        self.heard_at = self.world.now()
        self.exchange = self.world.request(worker, self.url(), headers, self.on_message)
        if self.is_stalled: self.exchange.flows.clear()
        self.exchange.start()

    def cancel_timer(self):
        timer, self.timer = self.timer, None
        if timer is not None: timer.cancel()

    def come_later(self, seconds):
        self.state = 'waiting'
        self.cancel_timer()
        if not self.is_kept_off: self.timer = self.world.thread.loop.call_later(seconds, self.connect)

    def on_message(self, exchange, message):
        if exchange is not self.exchange: return
        kind = message['type']
        if kind == 'http.response.start': self.on_start(message['status'], exchange.headers)
        elif kind == 'http.response.body' and self.state in ('opening', 'open'): self.on_bytes(message.get('body', b''))
        elif kind in ('lost', 'end') and self.state in ('connecting', 'opening', 'open'): self.on_broken()

    def on_start(self, status, headers):
        self.heard_at = self.world.now()
        if status == 200:
            self.state = 'opening'
            return
        wait = dict(headers).get('retry-after')
        self.exchange, is_final = None, wait is None
        self.note('refused', about=dict(status=status))
        if is_final: self.state = 'refused'
        else: self.come_later(float(wait))

    def on_bytes(self, body):
        self.heard_at = self.world.now()
        is_cut = self.bytes_left is not None and len(body) > self.bytes_left
        if self.bytes_left is not None: body, self.bytes_left = body[:self.bytes_left], self.bytes_left - len(body)
        *blocks, self.buffer = (self.buffer + body).split(b'\n\n')
        for block in blocks: self.on_block(block.decode())
        if is_cut: self.lose()

    def on_block(self, block):
        lines = [line.partition(':') for line in block.split('\n')]
        fields = {name: value.removeprefix(' ') for name, _, value in lines if name}
        if self.state == 'opening':
            self.state = 'open'
            self.note('open', about=json.loads(next(v for name, _, v in lines if not name).partition('connected ')[2]))
        if self.state != 'open': return
        before, self.last_id = self.last_id, fields.get('id', self.last_id)
        if 'retry' in fields: self.retry = int(fields['retry']) / 1000
        kind, data, id = fields.get('event'), fields.get('data', ''), fields.get('id')
        if kind == 'sse-reset':
            about = json.loads(data)
            about |= dict(topic=fields.get('topic'), before=before)
            self.note('reset', id=about['last_event_id'], about=about)
        elif kind == 'sse-topics': self.note('topics', about=json.loads(data))
        elif kind == 'sse-close':
            self.note('closed', about=json.loads(data))
            self.leave('closed')
        elif found := SHOWN.search(data): self.note('event', n=int(found[1]), id=id)

    def on_broken(self):
        self.exchange = None
        self.note('broken')
        self.come_later(FIRST_RETRY if self.retry is None else self.retry)

    def lose(self):
        "Lose the line, in both directions"
        exchange, self.exchange, self.bytes_left = self.exchange, None, None
        if exchange is None: return
        exchange.leave()
        self.note('broken')
        self.come_later(self.world.chance.uniform(*RETRY))

    def leave(self, state='left'):
        "Close the page, or go on without a stream"
        exchange, self.exchange, self.state = self.exchange, None, state
        self.cancel_timer()
        if exchange is not None: exchange.leave()

    def sleep(self):
        "Lose the line until `wake`"
        if self.state in ('left', 'closed', 'refused'): return
        self.is_kept_off = True
        self.cancel_timer()
        self.lose()

    def wake(self, worker):
        self.is_kept_off = False
        if self.state == 'waiting': self.connect(worker)

    def vanish(self):
        "Leave as a computer does that is switched off: the server is not told"
        exchange, self.exchange = self.exchange, None
        if exchange is None: return
        exchange.flows.clear()
        self.note('broken')
        self.come_later(self.world.chance.uniform(*RETRY))

    def stall(self):
        "Read nothing more for a while; the line stays"
        self.is_stalled = True
        if self.exchange is not None: self.exchange.flows.clear()

    def flow(self):
        self.is_stalled, self.heard_at = False, self.world.now()
        if self.exchange is not None: self.exchange.flows.set()


class Hand:
    "Code of the application that reads a queue"
    def __init__(self, world, name, topics, worker, queue, connection_id):
        self.world, self.name, self.user, self.topics, self.worker = world, name, None, frozenset(topics), worker
        self.queue, self.connection_id, self.seen, self.state = queue, connection_id, [], 'open'
        self.seen.append(Seen('open', world.moments()))

    def __repr__(self): return self.name

    def read(self, number):
        "Take up to `number` messages that wait"
        while number and self.state == 'open' and not self.queue.empty():
            try: message = self.queue.get_nowait()
            except ConnectionClosed: return self.close()
            self.seen.append(Seen('event', self.world.moments(), n=message.data['n'], id=message.id))
            number -= 1
        if self.state == 'open' and self.queue.reason is not None and self.queue.empty(): self.close()

    def lives(self): return {self.worker.life}

    def has(self, topics): return True

    def close(self):
        self.state = 'closed'
        self.seen.append(Seen('closed', self.world.moments()))

    def fail(self, shut):
        "Shut the queue, or let it raise at each event from now on"
        def put_nowait(item): raise OSError(FAILING)
        if shut: self.queue.close('not read any more')
        else: self.queue.put_nowait = put_nowait
        self.state = 'failing'
