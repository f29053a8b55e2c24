"A browser's EventSource over ASGI, without sockets"
import asyncio
import json
from urllib.parse import urlencode
from until import until_async as until

PATIENCE = 20  # seconds; enough for a busy machine


class Tab:
    "One request to a stream; `leave` disconnects it, like a closed page"
    def __init__(self, app, *topics, user='', last_id='', path='/sse/broadcast', script=None, **query):
        self.text, self.status, self.headers, self.left, self._asked = '', None, {}, asyncio.Event(), False
        headers = [(b'host', b'localhost'), (b'x-user', user.encode())]
        if last_id: headers.append((b'last-event-id', last_id.encode()))
        if script is not None: headers.append((b'sse-version', script.encode('latin-1')))
        asked = urlencode([*(('topic', topic) for topic in topics), *query.items()])
        scope = dict(type='http', asgi=dict(version='3.0'), http_version='1.1', method='GET', scheme='http',
            path=path, raw_path=path.encode(), query_string=asked.encode(), root_path='', headers=headers,
            client=('127.0.0.1', 1), server=('localhost', 80), state={})
        self.task = asyncio.get_running_loop().create_task(app(scope, self._receive, self._send))

    async def _receive(self):
        if self._asked: await self.left.wait()
        self._asked = True
        return dict(type='http.disconnect' if self.left.is_set() else 'http.request', body=b'', more_body=False)

    async def _send(self, message):
        self.status = message.get('status', self.status)
        self.headers |= {name.decode(): value.decode() for name, value in message.get('headers', ())}
        self.text += message.get('body', b'').decode()

    async def opens(self):
        "Wait until it has caught up or was refused, and return it"
        await until(lambda: '\nid: ' in self.text or self.task.done(), 'the stream to open')
        return self

    async def leave(self):
        self.left.set()
        await self.task

    async def receives(self, text): await until(lambda: text in self.text, f'{text!r} in the stream')

    @property
    def blocks(self):
        blocks = [block.split('\n') for block in self.text.split('\n\n') if block]
        return [dict(line.split(': ', 1) for line in block if ': ' in line[1:]) for block in blocks]

    @property
    def opening(self):
        "The JSON of the first comment"
        return json.loads(self.text.partition('\n\n')[0].removeprefix(': connected '))

    @property
    def last_id(self): return next((block['id'] for block in reversed(self.blocks) if 'id' in block), '')

    @property
    def data(self):
        "Data of the application's events, in order"
        plain = [b['data'] for b in self.blocks if 'data' in b and not b.get('event', '').startswith('sse-')]
        return [json.loads(text)['data'] for text in plain]

    @property
    def resets(self):
        "Reasons of its resets"
        return [json.loads(b['data'])['reason'] for b in self.blocks if b.get('event') == 'sse-reset']


class BackplaneProxy:
    "A backplane for one process, over a shared one; a test sets `up` (is connected) and `holds` (reads are held back)"
    max_bytes = None

    def __init__(self, engine):
        self.engine, self.name, self.up, self.holds, self.held = engine, engine.name, True, False, False

    async def hold(self):
        "Hold back all reads from now on"
        self.holds = True
        await until(lambda: self.held, 'a read to be held')

    def _check(self):
        from cjm_fasthtml_sse import BackplaneError
        if not self.up: raise BackplaneError('The connection is down')

    async def read(self, after, count=500, wait=0):
        self._check()
        found = await self.engine.read(after, count, min(wait, 0.05))
        self.held = self.holds
        while self.holds: await asyncio.sleep(0.005)  # noqa: ASYNC110 - a test changes it
        self.held = False
        self._check()
        return found

    async def close(self): pass

    def __getattr__(self, name):
        async def through(*args):
            self._check()
            return await getattr(self.engine, name)(*args)
        return through
