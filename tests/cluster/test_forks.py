"Workers forked after the application was loaded, and children of a process that already serves"
import asyncio
import contextlib
import gc
import http.client
import json
import logging
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys

import pytest
import uvicorn
from cjm_fasthtml_sse import BroadcastManager, ConnectionClosed, Publisher, setup_broadcast_routes
from fasthtml.common import FastHTML
from asgi.clients import Stream, until
from cjm_fasthtml_sse import AccessPolicy
from settings import make_manager

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='nothing is forked on this system')


class Child:
    "A child that is forked now, runs `job(*args)`, a coroutine function or a plain one, and returns its result"
    def __init__(self, job, *args):
        self.reading, writing = os.pipe()
        self.pid = os.fork()
        if not self.pid: self.be(writing, job, args)
        os.close(writing)

    def be(self, writing, job, args):
        said = 'it failed'
        try:
            result = job(*args)
            said = asyncio.run(result) if asyncio.iscoroutine(result) else result
        finally:
            os.write(writing, json.dumps(said).encode())
            os._exit(0)

    def says(self):
        with open(self.reading, 'rb') as file: said = json.loads(file.read())
        os.waitpid(self.pid, 0)
        return said

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.reading)
        os.waitpid(self.pid, 0)


class Tab:
    "One stream over ASGI, and everything that it received"
    def __init__(self, app, last_id='', query=''):
        self.text, self.left, self.asked = '', asyncio.Event(), False
        headers = [(b'host', b'x'), *([(b'last-event-id', last_id.encode())] if last_id else [])]
        about = dict(type='http', asgi={'version': '3.0'}, http_version='1.1', method='GET', scheme='http')
        path = dict(path='/sse/broadcast', raw_path=b'/sse/broadcast', query_string=query.encode(), headers=headers)
        ends = dict(client=('127.0.0.1', 1), server=('x', 80), state={}, root_path='')
        self.task = asyncio.create_task(app(about | path | ends, self.receive, self.send))

    async def receive(self):
        if self.asked: await self.left.wait()
        self.asked = True
        return dict(type='http.disconnect' if self.left.is_set() else 'http.request', body=b'', more_body=False)

    async def send(self, message): self.text += message.get('body', b'').decode()

    async def has(self, pattern):
        async with asyncio.timeout(20):
            while not re.search(pattern, self.text): await asyncio.sleep(0.01)  # noqa: ASYNC110

    async def leave(self):
        self.left.set()
        await self.task

    @property
    def last_id(self): return re.findall('^id: ?(.+)$', self.text, re.M)[-1]


def made(**settings):
    app, manager = FastHTML(secret_key='x'), make_manager(**settings)
    setup_broadcast_routes(app, manager)
    return app, manager


async def hear_three(app, manager):
    tab = Tab(app)
    await tab.has('id: ')
    for n in range(3): await manager.broadcast('note', {'of': f'one-{n}'})
    await tab.has('one-2')
    await tab.leave()
    return tab.last_id


async def come_back(app, manager, last_id):
    await manager.ready()
    for n in range(5): await manager.broadcast('note', {'of': f'two-{n}'})
    tab = Tab(app, last_id)
    await tab.has('id: ')
    await manager.broadcast('last', {})
    await tab.has('last')
    await tab.leave()
    return tab.text


@pytest.mark.parametrize('backplane', [None, 'memory://forked'])
def test_a_tab_that_comes_to_another_worker_is_told_that_its_log_is_another_one(backplane):
    app, manager = made(backplane=backplane)
    asyncio.run(manager.broadcast('before', {}))
    last_id = Child(hear_three, app, manager).says()
    text = Child(come_back, app, manager, last_id).says()
    assert text.count('event: sse-reset') == 1 and '"reason": "unknown"' in text and 'two-' not in text


async def look_in(app, manager):
    new = Tab(app)
    await new.has('(?s)first.*\n\n')
    await new.leave()
    again = Tab(app, new.last_id)
    await again.has('id: ')
    await manager.broadcast('last', {})
    await again.has('last')
    await again.leave()
    return new.text, again.text, new.last_id.partition('-')[0] == manager.cursor().partition('-')[0]


@pytest.mark.parametrize('backplane', [None, 'memory://retained'])
def test_what_was_retained_before_the_fork_has_an_id_of_the_worker_that_hands_it_out(backplane):
    app, manager = made(backplane=backplane)
    asyncio.run(manager.broadcast('state', {'is': 'first'}, key='state', retain=True))
    lives = set()
    for _ in range(2):
        new, again, same_life = Child(look_in, app, manager).says()
        lives.add(re.search('id: (.+)-', new)[1])
        assert same_life and 'sse-reset' not in again and 'first' not in again
    assert len(lives) == 2


def serve(app, sock): uvicorn.Server(uvicorn.Config(app, log_level='critical')).run(sockets=[sock])


def get(port, path):
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=20)
    with contextlib.closing(connection):
        connection.request('GET', path)
        return json.loads(connection.getresponse().read())


def shared_app(url):
    app, manager = FastHTML(secret_key='x'), BroadcastManager(backplane=url)
    def user(req): return req.query_params.get('user')
    setup_broadcast_routes(app, manager, policy=AccessPolicy(identify=user, can_list_connections=lambda: True))
    async def say(text: str): return await manager.broadcast('note', {'text': text}, topic='secret')
    async def revoke(): return await manager.revoke('ana', 'secret')
    async def others(): return len(manager.cluster.nodes())
    for each in (say, revoke, others): app.get(f'/{each.__name__}')(each)
    return app, manager


def test_forked_workers_on_one_engine_know_each_other_for_others(tmp_path):
    url = f'sqlite:///{tmp_path}/events.db'
    app, manager = shared_app(url)
    asyncio.run(manager.broadcast('before', {}))  # a backplane that was used before the fork, and released
    socks = [socket.create_server(('127.0.0.1', 0)) for _ in range(2)]
    workers, (one, two) = [Child(serve, app, sock) for sock in socks], [sock.getsockname()[1] for sock in socks]
    try:
        until(lambda: get(one, '/others') == get(two, '/others') == 2, 'the workers to know of each other')
        with (Stream(one, '/sse/broadcast?topic=secret&user=ana') as ana,
            Stream(two, '/sse/broadcast?topic=secret&user=ben') as ben):
            for each in (ana, ben): each.read(b'\nid: ')
            ids = [{each['connection_id'] for each in get(port, '/sse/connections')['each']} for port in (one, two)]
            assert all(ids) and not ids[0] & ids[1]
            assert get(two, '/revoke') == 1
            get(two, '/say?text=after')
            ben.read(b'after')
            get(one, '/say?text=later')
            ben.read(b'later')
            assert b'after' not in ana.data
            ana.sock.setblocking(False)
            with contextlib.suppress(BlockingIOError): assert b'after' not in ana.sock.recv(2**20)
    finally:
        for worker in workers: worker.kill()


async def publish_async(publisher, who):
    for n in range(3): await publisher.publish_async('note', {'who': who, 'n': n})
    await publisher.close_async()


def publish(publisher, who):
    with publisher:
        for n in range(3): publisher.publish('note', {'who': who, 'n': n})


def test_each_forked_worker_publishes_under_a_name_of_its_own(tmp_path):
    url = f'sqlite:///{tmp_path}/events.db'
    publisher = Publisher(url)
    with publisher: publisher.publish('note', {'who': 'parent', 'n': 0})
    children = {job.__name__: Child(job, publisher, job.__name__) for job in (publish_async, publish)}
    assert [child.says() for child in children.values()] == [None, None]
    with publisher: publisher.publish('note', {'who': 'parent', 'n': 1})
    async def heard():
        manager = BroadcastManager(backplane=url)
        await manager.ready()
        await manager.close()
        return [(message.data['who'], message.data['n']) for message in manager.get_history()]
    expected = [('parent', 0), ('parent', 1), *((who, n) for who in children for n in range(3))]
    assert sorted(asyncio.run(heard())) == sorted(expected)


def job_of_a_server(manager, queue, handler, lines):
    "Test the abilities of a child of a process with open streams"
    logged = []
    logging.getLogger('cjm_fasthtml_sse').addHandler(kept := logging.Handler())
    kept.emit = lambda record: logged.append(record.getMessage())
    reached = [manager.broadcast_threadsafe('from the child', {'n': n}).result(10) for n in range(2)]
    async def read():
        try: return await asyncio.wait_for(queue.get(), 10)
        except ConnectionClosed as e: return str(e)
    told = asyncio.run(read())
    asyncio.run(manager.close())
    gc.collect()
    ours = signal.getsignal(signal.SIGTERM) is handler
    lines.put((reached, told, ours, manager.get_connection_count(), manager.statistics().streams, logged))


def test_a_child_of_a_server_leaves_its_streams_and_queues_alone():
    handler, context = (lambda *_: None), multiprocessing.get_context('fork')
    before = signal.signal(signal.SIGTERM, handler)
    async def serve_on():
        app, manager = made(heartbeat_interval=0.05)
        tab = Tab(app)
        await tab.has('id: ')
        _, queue = await manager.register()
        lines = context.SimpleQueue()
        def fork(): context.Process(target=job_of_a_server, args=(manager, queue, handler, lines)).start()
        await asyncio.to_thread(fork)
        said = await asyncio.wait_for(asyncio.to_thread(lines.get), 20)
        await manager.broadcast('from the parent', {})
        await tab.has('from the parent')
        heard = await asyncio.wait_for(queue.get(), 10)
        beats = tab.text.count(': heartbeat')
        await tab.has(f'(?s)(: heartbeat.*){{{beats + 2}}}')
        numbers = manager.get_connection_count(), manager.log.position_of(tab.last_id)
        await tab.leave()
        await manager.close()
        return said, tab.text, heard.type, numbers
    try: said, text, heard, numbers = asyncio.run(serve_on())
    finally: signal.signal(signal.SIGTERM, before)
    reached, told, handler_is_back, connections, streams, logged = said
    assert (reached, connections, streams) == ([0, 0], 0, 0) and 'forked from' in told and handler_is_back
    assert [line for line in logged if 'forked while 2 connections were open' in line] == logged
    assert 'from the child' not in text and heard == 'from the parent' and numbers == (2, 1)


async def serve_a_tab(app, served, end):
    warned = []
    logging.getLogger('cjm_fasthtml_sse').addHandler(kept := logging.Handler())
    kept.emit = lambda record: warned.append(record.getMessage())
    tab = Tab(app)
    await tab.has('id: ')
    await tab.leave()
    os.write(served, b'.')
    os.read(end, 1)
    return warned


def workers_log(app, number):
    "Return the log of several workers, each of which has served a tab before the first of them ends"
    (done, served), (end, over) = os.pipe(), os.pipe()
    children = [Child(serve_a_tab, app, served, end) for _ in range(number)]
    for _ in children: os.read(done, 1)
    os.write(over, b'.' * number)
    said = [line for child in children for line in child.says()]
    for descriptor in (done, served, end, over): os.close(descriptor)
    return said


async def fail_once(app, manager):
    tab = Tab(app)
    await tab.has('id: ')
    await manager.broadcast('note', {})
    await tab.has('"reason": "render"')
    await tab.leave()
    return manager.statistics().render_failures


def test_a_forked_worker_counts_the_failures_of_its_own_routes():
    app, manager = FastHTML(secret_key='x'), make_manager()
    setup_broadcast_routes(app, manager, element_builder=lambda type, data: data['no such name'])
    assert [Child(fail_once, app, manager).says() for _ in range(2)] == [1, 1]


@pytest.mark.parametrize('backplane', [None, 'memory://alone'])
@pytest.mark.parametrize('number', [1, 3])
def test_forked_workers_with_a_memory_say_so_and_one_alone_does_not(backplane, number):
    "In a separate process, which has never served"
    command = [sys.executable, __file__, json.dumps([backplane, number])]
    env = os.environ | dict(PYTHONPATH=os.pathsep.join(path for path in sys.path if path))
    said = json.loads(subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60).stdout)
    lines = [re.match('One of ([23]) workers keeps its events in its own memory', line)[1] for line in said]
    if number == 1: assert lines == []
    else: assert len(lines) >= number - 1 and max(lines) == '3'  # the first sees itself, or more; the last one all


if __name__ == '__main__':
    backplane, number = json.loads(sys.argv[1])
    print(json.dumps(workers_log(made(backplane=backplane)[0], number)))
