"""Failures of a reader, a sender or a connection: the others are not affected, and nothing is left"""
import asyncio
import gc
import json
import random
import re
import signal
import socket
import struct
import subprocess
import threading
import tracemalloc

import pytest
from cjm_fasthtml_sse.asgi.scheduler import SLOTS
from cjm_fasthtml_sse.core.broadcast import BroadcastManager
from cjm_fasthtml_sse.events.wire import FrameError

from .clients import PATIENCE, Stream, until
from .test_races import Wire, opens, run, scope
from .test_races import until as until_here
from cjm_fasthtml_sse import Delivery


RESET = struct.pack('ii', 1, 0)  # `SO_LINGER`: unsent bytes are dropped, and the peer gets a reset


def numbers(data): return [int(n) for n in re.findall(rb'"n": (\d+)[,}]', data)]


# Readers

def test_a_frozen_curl_is_dropped_with_its_memory(serve, stream):
    server = serve(manager=dict(send_timeout=1, heartbeat_interval=0))
    curl = subprocess.Popen(['curl', '-sN', server.url + '/sse/broadcast'], stdout=subprocess.DEVNULL)
    try:
        until(lambda: server.debug()['count'] == 1, 'the connection of curl')
        other = stream(server)
        other.read(b'id: ')
        curl.send_signal(signal.SIGSTOP)
        server.get('/big?size=1000000&n=12')
        other.read(b'"n": 11')
        until(lambda: server.debug()['buffered'] > 0, 'bytes buffered for curl')
        until(lambda: server.debug()['count'] == 1, 'curl to be dropped')
        debug = until(lambda: (d := server.debug())['buffered'] == 0 and d, 'its memory to be freed')
        assert debug['drops'] == {'stalled': 1} and server.log.count('dropped: stalled') == 1
        server.get('/say?text=on+it+goes')
        other.read(b'on it goes')
    finally:
        curl.kill()
        curl.wait()


def test_a_reader_of_a_byte_at_a_time_loses_nothing(serve, stream):
    "It reads single bytes at random times while the others read all; at the end it reads the rest"
    server = serve(manager=dict(heartbeat_interval=0))
    slow, others = stream(server, receive_buffer=4_096), [stream(server) for _ in range(3)]
    for one in others: one.read(b'id: ')
    for _ in range(60):
        server.get(f'/say?text={"x" * 3_000}&n=20')
        for one in others: one.read(b'"n": 19')
        for one in others: one.data = one.data.rpartition(b'\n\n')[2]
        slow.data += slow.sock.recv(1)
    server.get('/say?text=the+last')
    assert server.debug()['drops'] == {}
    slow.read(b'the last')
    assert numbers(slow.data)[:-1] == [*range(20)] * 60 and b'sse-reset' not in slow.data


def cookie_of(one): return re.search(r'set-cookie: (session_=[^;]+)', one.read(b'\r\n\r\n').decode(), re.I)[1]


def test_a_taken_id(serve, stream):
    server = serve(manager=dict(heartbeat_interval=0))
    path = '/sse/broadcast?connection_id=tab-1'
    first = stream(server, path)
    first.read(b'id: ')
    cookie = f'Cookie: {cookie_of(first)}\r\n'
    for stranger in ('', 'Cookie: session_=forged\r\n'):
        refused = stream(server, path, headers=stranger + 'Connection: close\r\n')
        refused.rest()
        assert b' 409 ' in refused.data.partition(b'\r\n')[0] and b'taken' in refused.data
    second = stream(server, path, headers=cookie)
    second.read(b'id: ')
    first.rest()
    assert b'event: sse-close' in first.data and first.data.endswith(b'0\r\n\r\n')
    first.close()
    assert server.get('/say?text=hello')[1] == b'1' and b'hello' in second.read(b'hello')
    assert server.debug()['count'] == 1 and server.debug()['drops'] == {}
    second.close()
    until(lambda: server.debug()['count'] == 0, 'the end of the second')
    third = stream(server, path)
    third.read(b'id: ')


def test_overflow_disconnect_ends_a_reader_that_missed_something(serve, stream):
    limits = dict(max_events=20, max_queue_size=5)
    server = serve(manager=dict(overflow='disconnect', heartbeat_interval=0, send_timeout=60, **limits))
    healthy, slow = stream(server), stream(server, receive_buffer=4_096)
    for one in (healthy, slow): one.read(b'id: ')
    for _ in range(12):
        server.get('/big?size=100000&n=10')
        healthy.read(b'"n": 9')
        healthy.data = healthy.data.rpartition(b'\n\n')[2]
    slow.rest()
    assert b'sse-reset' not in slow.data and slow.data.endswith(b'0\r\n\r\n')
    assert server.debug()['drops'] == {'overflow': 1} and server.log.count('dropped: overflow') == 1
    assert server.debug()['count'] == 1
    last = re.findall(rb'\nid: (\S+)\n', slow.data)[-1].decode()
    back = stream(server, headers=f'Last-Event-ID: {last}\r\n')
    assert b'expired' in back.read(b'event: sse-reset\n') + back.read(b'expired')


def test_a_byte_over_the_limit_is_an_error_to_the_sender():
    manager = BroadcastManager(delivery=Delivery(max_event_bytes=1_000))
    async def main():
        _, queue = await manager.register()
        with pytest.raises(FrameError, match='max_event_bytes'): await manager.broadcast('t', {'x': 'y' * 1_000})
        with pytest.raises(FrameError, match='max_event_bytes'): await manager.broadcast('t', {'x': 'é' * 500})
        await manager.broadcast('t', {'x': 'y' * 800})
        assert queue.qsize() == len(manager.get_history()) == 1
        await manager.close()
    run(main())


# Senders

def test_poison_harms_no_reader(serve, stream):
    server = serve(manager=dict(heartbeat_interval=0, max_event_bytes=100_000))
    readers = [stream(server) for _ in range(3)]
    for one in readers: one.read(b'id: ')
    results = json.loads(server.get('/poison')[1])
    assert results.pop('history') == 0 and len(results) == 5 and set(results.values()) == {'FrameError'}
    server.get('/say?text=good')
    for one in readers: assert numbers(one.read(b'good')) == [0]
    assert 'Traceback' not in server.log


def test_a_builder_that_fails_is_logged_and_ends_no_stream(serve, stream):
    server = serve(manager=dict(heartbeat_interval=0), html=True)
    readers = [stream(server) for _ in range(3)]
    for one in readers: one.read(b'id: ')
    for kind in ('raises', 'none', 'raises', 'none'): assert server.get(f'/say?type={kind}')[1] == b'3'
    server.get('/say?text=good')
    for one in readers:
        shown = one.read(b'good')
        assert 1 <= shown.count(b'event: sse-reset') <= 2 and shown.count(b'data: <div') == 1
    assert [server.log.count(part) for part in ("type 'raises'", "type 'none'", 'ZeroDivisionError')] == [1, 1, 1]
    assert server.debug()['count'] == 3


def test_a_handler_that_is_cancelled_has_broadcast_one_half_and_not_the_other(serve, stream):
    server = serve(manager=dict(heartbeat_interval=0))
    reader, caller = stream(server), stream(server, '/two_halves')
    reader.read(b'first half')
    until(lambda: 'between' in server.debug()['seen']['events'], 'the handler to wait')
    before = server.debug()['tasks']
    caller.close()
    until(lambda: server.debug()['tasks'] < before, 'the handler to be cancelled')
    server.get('/say?text=after')
    assert b'second half' not in reader.read(b'after') and server.debug()['count'] == 1


def test_handlers_in_threads_and_on_the_loop_at_once(serve, stream):
    server = serve(manager=dict(heartbeat_interval=0))
    readers = [stream(server) for _ in range(3)]
    for one in readers: one.read(b'id: ')
    def call(i):
        path = '/say_sync' if i % 2 else '/say'
        for j in range(10): assert server.get(f'{path}?text=t{i}-{j}.')[1] == b'3'
    callers = [threading.Thread(target=call, args=(i,)) for i in range(6)]
    for one in callers: one.start()
    for one in callers: one.join()
    server.get('/say?text=the+end')
    orders = [re.findall(rb'"text": "(t\d-\d)\."', one.read(b'the end')) for one in readers]
    assert orders[0] == orders[1] == orders[2] and len(set(orders[0])) == 60
    for i in range(6): assert [t[3:] for t in orders[0] if t[1:2] == b'%d' % i] == [b'%d' % j for j in range(10)]


def test_an_event_loop_of_another_thread_can_await_broadcast():
    async def main():
        manager, wire = BroadcastManager(), Wire()
        task = asyncio.create_task(opens(manager)(scope(), wire.receive, wire.send))
        _, queue = await manager.register()
        await until_here(lambda: b'id: ' in wire.body)
        async def elsewhere(): return [await manager.broadcast('t', {'n': n}) for n in range(50)]
        assert await asyncio.to_thread(lambda: asyncio.run(elsewhere())) == [2] * 50
        await until_here(lambda: numbers(wire.body) == [*range(50)])
        assert [queue.get_nowait().data['n'] for _ in range(50)] == [*range(50)]
        with pytest.raises(FrameError): await asyncio.to_thread(manager.broadcast_threadsafe, 't', {'x': object()})
        await manager.close()
        await asyncio.wait([task])
    run(main())


# Numbers

def test_five_thousand_broadcasts_in_a_row_reach_a_healthy_reader(serve, stream):
    "No await suspends; the stream continues from the log"
    server = serve(manager=dict(heartbeat_interval=0))
    one = stream(server)
    one.read(b'id: ')
    assert server.get('/say?n=5000')[1] == b'1'
    assert numbers(one.read(b'"n": 4999}')) == [*range(5_000)] and b'sse-reset' not in one.data


def test_five_thousand_broadcasts_in_a_row_reach_a_queue_by_hand():
    async def main():
        manager = BroadcastManager(queue_timeout=PATIENCE)
        id, queue = await manager.register()
        async def read(): return [(await queue.get()).data['n'] for _ in range(5_000)]
        reading = asyncio.create_task(read())
        for n in range(5_000): await manager.broadcast('t', {'n': n})
        assert await reading == [*range(5_000)] and manager.hub.drops == {}
        await manager.unregister(id)
    run(main())


def test_a_broadcast_waits_for_no_one_although_a_tenth_never_reads():
    "It completes at its first step, since it has nothing to wait for"
    async def main():
        manager, wires = BroadcastManager(), [Wire() for _ in range(1_000)]
        tasks = [asyncio.create_task(opens(manager)(scope(), wire.receive, wire.send)) for wire in wires]
        await until_here(lambda: all(len(wire.messages) > 2 for wire in wires))
        for wire in wires[:100]: wire.hold = asyncio.Event()
        for n in range(300):
            broadcast = manager.broadcast('t', {'n': n})
            with pytest.raises(StopIteration) as answer: broadcast.send(None)
            assert answer.value.value == 1_000
            if n % 50 == 0: await asyncio.sleep(0)
        await until_here(lambda: all(b'"n": 299' in wire.messages[-1]['body'] for wire in wires[100:]))
        assert all(numbers(wire.body) == [*range(300)] for wire in wires[100:])
        assert not any(numbers(wire.body) for wire in wires[:100]) and manager.get_connection_count() == 1_000
        for wire in wires: wire.left.set()
        for wire in wires[:100]: wire.hold.set()
        await asyncio.wait(tasks)
    run(main())


def test_a_thousand_connects_at_once(serve):
    server = serve(manager=dict(heartbeat_interval=0))
    before = server.debug()['tasks']
    async def client():
        reader, writer = await asyncio.open_connection('127.0.0.1', server.port)
        writer.write(b'GET /sse/broadcast HTTP/1.1\r\nHost: x\r\n\r\n')
        await reader.readuntil(b'id: ')
        return reader, writer
    async def main():
        async with asyncio.timeout(60):
            clients = await asyncio.gather(*(client() for _ in range(1_000)))
            assert (await asyncio.to_thread(server.get, '/say?text=hello'))[1] == b'1000'
            for reader, _ in clients: await reader.readuntil(b'hello')
            for _, writer in clients: writer.close()
    asyncio.run(main())
    until(lambda: server.debug()['count'] == 0, 'an empty registry')
    until(lambda: server.debug()['tasks'] == before, 'the end of the tasks')
    assert server.debug()['drops'] == {} and 'Traceback' not in server.log


@pytest.mark.sample(1)
@pytest.mark.parametrize('middleware', ['own', 'all', 'shouting'])
def test_clients_that_leave_at_any_moment_leave_nothing(serve, middleware):
    "Before the answer, during the connect, while events arrive, or by a reset of the connection"
    server, moments = serve(middleware=middleware, manager=dict(heartbeat_interval=0.2)), random.Random(7)
    before, stop = server.debug()['tasks'], threading.Event()
    def talk():
        while not stop.is_set(): server.get('/say?n=5&text=' + 'x' * 2_000)
    parts = [b'HTTP', b': connected', b'id: ', b'xxxx']
    if middleware == 'shouting': parts = [part.upper() for part in parts]
    talking = threading.Thread(target=talk)
    talking.start()
    try:
        for i in range(150):
            one = Stream(server.port, f'/sse/broadcast?connection_id=c{i}' if i % 3 else '/sse/broadcast')
            if moments.random() < 0.5: one.read(moments.choice(parts))
            if moments.random() < 0.5: one.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            one.close()
    finally:
        stop.set()
        talking.join()
    until(lambda: server.debug()['count'] == 0, 'an empty registry')
    until(lambda: server.debug()['tasks'] == before, 'the end of the tasks')
    debug = until(lambda: (d := server.debug())['idle'] and d, 'an idle scheduler')
    assert (debug['watched'], debug['timers'], debug['clock']) == (0, 0, False)
    assert 'Traceback' not in server.log, server.log[-3_000:]


# Long runs

class Timer:
    "A timer that the test fires"
    def __init__(self): self.tick = None

    def __call__(self, delay, tick):
        self.tick = tick
        return self

    def cancel(self): self.tick = None


def test_ten_thousand_heartbeats_leave_memory_flat():
    "Forty-two hours at the usual interval: each reader gets one heartbeat an interval, and memory does not grow"
    async def main():
        manager = BroadcastManager()
        manager.hub.heartbeats.call_later = timer = Timer()
        wires = [Wire() for _ in range(20)]
        tasks = [asyncio.create_task(opens(manager)(scope(), wire.receive, wire.send)) for wire in wires]
        await until_here(lambda: all(b'id: ' in wire.body for wire in wires))
        for wire in wires: wire.messages.clear()
        async def hours(intervals):
            counts = [0] * len(wires)
            for _ in range(intervals):
                for _ in range(SLOTS): timer.tick()
                await until_here(lambda: all(wire.messages for wire in wires))
                for i, wire in enumerate(wires):
                    counts[i] += sum(m['body'].count(b': heartbeat') for m in wire.messages)
                    wire.messages.clear()
            return counts
        await hours(100)
        gc.collect()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            assert await hours(500) == [500] * 20
            gc.collect()
            after = tracemalloc.get_traced_memory()[0]
        finally: tracemalloc.stop()
        # 10,000 heartbeats to twenty readers; one object of 56 bytes kept for each would be 560 KB
        assert after - before < 50_000
        for wire in wires: wire.left.set()
        await asyncio.wait(tasks)
        assert timer.tick is None
    run(main())


def test_two_thousand_readers_that_read_nothing_cost_what_is_bounded(serve):
    "Each is sent 64 KiB, and reads nothing"
    number, size = 2_000, 64 * 1024
    server = serve(manager=dict(heartbeat_interval=0, send_timeout=600))
    base, streams = server.debug()['rss'], []
    try:
        for _ in range(number): streams.append(Stream(server.port, receive_buffer=4_096))
        until(lambda: server.debug()['count'] == number, 'all connections')
        connected = server.debug()['rss']
        for _ in range(8): server.get(f'/big?size={size // 8}')
        until(lambda: (d := server.debug())['idle'] and d['lag'] == 0, 'all sends to end')
        debug = server.debug()
        # Bytes that the kernel has not taken are in the transports, once for each reader. A connection may cost 40 KiB
        # in uvicorn, in asyncio and here. The allocator may keep 32 MiB. The log holds each event once.
        assert connected - base < number * 40 * 1024 + 32 * 2**20
        assert debug['rss'] - connected < number * size + 8 * size + 32 * 2**20
        assert debug['buffered'] <= number * (size + 4_096) and debug['drops'] == {} and debug['count'] == number
    finally:
        for one in streams: one.close()
    until(lambda: server.debug()['count'] == 0, 'an empty registry')
    assert server.debug()['buffered'] == 0
