"""Races of a stream: a disconnect, a cancellation or an error between any two of its steps

These tests call the application with their own `send` and `receive`, so they choose the moment.
"""
import asyncio
import logging
import threading

import pytest
from cjm_fasthtml_sse.core.admission import open_stream
from cjm_fasthtml_sse.asgi import response, shutdown
from cjm_fasthtml_sse.core.broadcast import BroadcastManager, create_broadcast_handler
from cjm_fasthtml_sse.events.renderer import Renderer
from cjm_fasthtml_sse.asgi.response import OPENING, SSEResponse, StreamMiddleware
from cjm_fasthtml_sse.asgi.stream import FrameStream
from until import until_async as until

PATIENCE = 10  # seconds; nothing here waits for a clock unless it fails


def scope(method='GET', query=b''):
    return dict(type='http', method=method, path='/', query_string=query, headers=[], asgi={'version': '3.0'})


class Wire:
    "The server's side of one request: the messages sent, and a client that disconnects when `left` is set"
    def __init__(self): self.messages, self.left, self.asked, self.hold, self.fail = [], asyncio.Event(), 0, None, None

    async def send(self, message):
        if self.fail is not None and self.fail(message): raise OSError('the connection is cut')
        if self.hold is not None: await self.hold.wait()
        self.messages.append(message)
        if message['type'] == 'http.response.body' and not message.get('more_body'): self.left.set()

    async def receive(self):
        self.asked += 1
        if self.asked == 1: return {'type': 'http.request', 'body': b'', 'more_body': False}
        await self.left.wait()
        return {'type': 'http.disconnect'}

    @property
    def body(self): return b''.join(m.get('body', b'') for m in self.messages if m['type'] == 'http.response.body')

    @property
    def complete(self): return any(m.get('more_body') is False for m in self.messages)


def run(coroutine):
    "Run one test on its own loop, and check that no task and no shutdown callback is left"
    async def whole():
        await asyncio.wait_for(coroutine, PATIENCE * 2)
        await asyncio.sleep(0)
        await until(lambda: asyncio.all_tasks() == {asyncio.current_task()}, 'the end of all tasks')
        assert shutdown.registrations == ({}, {}, {})
    try: asyncio.run(whole())
    finally: shutdown.reset()


def opens(manager): return SSEResponse(lambda scope: open_stream(manager.hub, Renderer(), None))


class Source:
    "Frames that record whether they were read and closed"
    def __init__(self, frames=(), forever=False):
        self.frames, self.forever, self.closed, self.read = list(frames), forever, 0, 0

    def __aiter__(self): return self

    async def __anext__(self):
        self.read += 1
        if self.frames: return self.frames.pop(0)
        if self.forever: await asyncio.Event().wait()
        raise StopAsyncIteration

    async def aclose(self): self.closed += 1


# A stream always leaves the registry

async def whole_life(app, wire, manager, leave):
    task = asyncio.create_task(app(scope(), wire.receive, wire.send))
    await leave(task, wire)
    await asyncio.wait([task])
    assert manager.get_connection_count() == 0
    assert manager.hub.heartbeats.count == 0 and not manager.hub.heartbeats.is_running
    await until(lambda: manager.hub.scheduler.is_idle, 'an idle scheduler')


@pytest.mark.parametrize('around', [False, True], ids=['plain', 'handed over'])
@pytest.mark.parametrize('turns', range(8))
def test_a_client_that_leaves_after_any_turn_of_the_loop_leaves_the_registry(around, turns):
    async def main():
        manager = BroadcastManager()
        app = StreamMiddleware(opens(manager)) if around else opens(manager)
        async def leave(task, wire):
            for _ in range(turns): await asyncio.sleep(0)
            wire.left.set()
        await whole_life(app, Wire(), manager, leave)
    run(main())


@pytest.mark.parametrize('around', [False, True], ids=['plain', 'handed over'])
@pytest.mark.parametrize('turns', range(1, 8))
def test_a_request_that_is_cancelled_after_any_turn_leaves_the_registry(around, turns):
    async def main():
        manager = BroadcastManager()
        app = StreamMiddleware(opens(manager)) if around else opens(manager)
        async def leave(task, wire):
            for i in range(turns):
                await asyncio.sleep(0)
                if i == 1: await manager.broadcast('t', {})
            task.cancel()
        await whole_life(app, Wire(), manager, leave)
    run(main())


@pytest.mark.parametrize('around', [False, True], ids=['plain', 'handed over'])
@pytest.mark.parametrize('at', range(5))
def test_a_send_that_fails_at_any_message_leaves_the_registry(around, at):
    async def main():
        manager, wire, seen = BroadcastManager(), Wire(), []
        wire.fail = lambda message: seen.append(message) or len(seen) > at
        app = StreamMiddleware(opens(manager)) if around else opens(manager)
        async def leave(task, wire):
            while not task.done() and len(seen) <= at:
                await manager.broadcast('t', {})
                await asyncio.sleep(0)
        await whole_life(app, wire, manager, leave)
    run(main())


def raises_after(app):
    async def middleware(scope, receive, send):
        await app(scope, receive, send)
        raise RuntimeError('a middleware fails after the start')
    return middleware


def raises_at_start(app):
    async def middleware(scope, receive, send):
        async def refuse(message): raise RuntimeError('a middleware fails at the start')
        await app(scope, receive, refuse)
    return middleware


@pytest.mark.parametrize('failing', [raises_after, raises_at_start])
def test_a_middleware_that_raises_leaves_the_registry_and_an_idle_scheduler(failing):
    async def main():
        manager = BroadcastManager()
        app = StreamMiddleware(failing(opens(manager)))
        async def leave(task, wire):
            while not task.done():
                if manager.get_connection_count(): await manager.broadcast('t', {})
                await asyncio.sleep(0)
            assert isinstance(task.exception(), RuntimeError)
        await whole_life(app, Wire(), manager, leave)
    run(main())


def test_the_scheduler_is_idle_while_a_stream_has_not_begun():
    "Between `open_stream` and `run` there is no `send`: events wait, and the loop does not spin"
    async def main():
        manager = BroadcastManager()
        stream = open_stream(manager.hub, Renderer())
        await manager.broadcast('t', {})
        for _ in range(5): await asyncio.sleep(0)
        assert manager.hub.scheduler.is_idle, 'the scheduler spins: flush() adds a stream again that cannot send'
        stream.on_close('left')
    run(main())


# Ends

def test_ending_a_stream_does_not_cancel_what_the_request_does_afterwards():
    "The task belongs to the request, so a middleware's cleanup is not interrupted"
    async def main():
        manager, wire, cleaned = BroadcastManager(), Wire(), []
        inner = opens(manager)
        async def app(scope, receive, send):
            await inner(scope, receive, send)
            await asyncio.sleep(0.01)
            cleaned.append(True)
        task = asyncio.create_task(app(scope(), wire.receive, wire.send))
        await until(lambda: b'id: ' in wire.body)
        manager.hub.end_all()
        await asyncio.wait([task])
        assert not task.cancelled() and cleaned == [True]
    run(main())


def test_a_background_task_does_not_hold_up_the_stream():
    async def main():
        manager, wire, go = BroadcastManager(), Wire(), asyncio.Event()
        answer = SSEResponse(lambda scope: open_stream(manager.hub, Renderer()), background=go.wait)
        task = asyncio.create_task(StreamMiddleware(answer)(scope(), wire.receive, wire.send))
        try:
            await until(lambda: manager.get_connection_count() == 1)
            await manager.broadcast('t', {'n': 1})
            await until(lambda: b'"n": 1' in wire.body, seconds=2)
        finally:
            go.set()
            wire.left.set()
            await asyncio.wait([task])
    run(main())


def test_a_closing_frame_reaches_a_reader_whose_writer_is_at_work():
    async def main():
        manager, wire = BroadcastManager(), Wire()
        task = asyncio.create_task(opens(manager)(scope(), wire.receive, wire.send))
        await until(lambda: b'id: ' in wire.body)
        wire.hold = asyncio.Event()
        await manager.broadcast('t', {'n': 1})
        await until(lambda: manager.hub.registry.get_connections()[0].writer is not None)
        manager.hub.end_all()
        wire.hold.set()
        await asyncio.wait([task])
        assert wire.body.index(b'"n": 1') < wire.body.index(b'retry: ') and wire.complete
        assert manager.hub.drops == {}
    run(main())


def test_a_reader_that_takes_no_closing_frame_is_dropped(monkeypatch):
    async def main():
        manager, wire = BroadcastManager(), Wire()
        task = asyncio.create_task(opens(manager)(scope(), wire.receive, wire.send))
        await until(lambda: b'id: ' in wire.body)
        wire.hold = asyncio.Event()
        await manager.broadcast('t', {'n': 1})
        await manager.close()
        await asyncio.wait([task])
        assert not task.cancelled() and manager.hub.drops == {'no closing frame': 1}
        assert manager.get_connection_count() == 0
    run(main())


@pytest.mark.parametrize('turns', range(8))
def test_close_in_any_phase_of_a_connect_ends_it_with_a_closing_frame(turns):
    async def main():
        manager, wire = BroadcastManager(), Wire()
        task = asyncio.create_task(StreamMiddleware(opens(manager))(scope(), wire.receive, wire.send))
        for _ in range(turns): await asyncio.sleep(0)
        await manager.close()
        await asyncio.wait([task])
        assert wire.body.startswith(OPENING) and wire.body.count(b'retry: ') == 1 and wire.complete
        assert manager.get_connection_count() == 0
    run(main())


def test_a_second_end_sends_nothing_more():
    async def main():
        manager, wire = BroadcastManager(), Wire()
        task = asyncio.create_task(opens(manager)(scope(), wire.receive, wire.send))
        await until(lambda: b'id: ' in wire.body)
        for _ in range(3): manager.hub.end_all()
        await manager.close()
        await asyncio.wait([task])
        manager.hub.end_all()
        await manager.broadcast('t', {})
        assert wire.body.count(b'retry: ') == 1 and [m.get('more_body') for m in wire.messages[1:]].count(False) == 1
    run(main())


def test_an_end_also_ends_queues_by_hand():
    "A handler of 0.0.12's kind waits on its queue forever, and would keep the server from stopping"
    async def main():
        manager = BroadcastManager()
        _, queue = await manager.register()
        manager.hub.end_all()
        try:
            with pytest.raises(Exception, match='ended'): await asyncio.wait_for(queue.get(), 2)
        finally:
            await manager.close()
    run(main())


# Frames of a source

@pytest.mark.parametrize('around', [False, True], ids=['plain', 'handed over'])
@pytest.mark.parametrize('turns', range(8))
def test_a_source_is_closed_whenever_its_client_leaves(around, turns):
    async def main():
        source, wire = Source([b'data: 1\n\n'], forever=True), Wire()
        app = StreamMiddleware(SSEResponse(source)) if around else SSEResponse(source)
        task = asyncio.create_task(app(scope(), wire.receive, wire.send))
        for _ in range(turns): await asyncio.sleep(0)
        wire.left.set()
        await asyncio.wait([task])
        assert source.closed == 1
    run(main())


def test_a_source_is_closed_when_its_client_was_gone_before_it_began():
    async def main():
        source, wire = Source(forever=True), Wire()
        async def receive(): return {'type': 'http.disconnect'}
        await SSEResponse(source)(scope(), receive, wire.send)
        assert source.closed == 1
    run(main())


@pytest.mark.parametrize('failing', [raises_after, raises_at_start])
def test_a_source_is_closed_when_a_middleware_raises(failing):
    async def main():
        source, wire = Source(forever=True), Wire()
        app = StreamMiddleware(failing(SSEResponse(source)))
        with pytest.raises(RuntimeError): await app(scope(), wire.receive, wire.send)
        assert source.closed == 1
    run(main())


def test_a_source_is_closed_after_head():
    async def main():
        source, wire = Source(), Wire()
        await SSEResponse(source)(scope('HEAD'), wire.receive, wire.send)
        assert (source.read, source.closed, wire.body) == (0, 1, b'')
    run(main())


def test_a_source_that_never_awaits_leaves_the_loop_its_turns():
    "After a disconnect, a server's `send` always returns immediately; without turns no other request is served"
    async def main():
        wire, turns = Wire(), 0
        async def frames():
            for _ in range(60_000): yield b'data: x\n\n'
        async def ticker():
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1
                if turns == 20: wire.left.set()
        ticking = asyncio.create_task(ticker())
        task = asyncio.create_task(SSEResponse(frames())(scope(), wire.receive, wire.send))
        await asyncio.wait([task])
        ticking.cancel()
        assert len(wire.messages) < 1_000
    run(main())


def failing_source(error):
    async def frames():
        yield b'data: 1\n\n'
        raise error
    return frames()


@pytest.mark.parametrize('error', [ValueError('x'), TimeoutError('not ours'), asyncio.CancelledError()], ids=repr)
def test_a_source_that_fails_ends_its_stream_and_is_logged(error, caplog):
    "Its own `TimeoutError` is not a slow client, and its own cancellation is not `end`"
    async def main():
        wire = Wire()
        with caplog.at_level(logging.WARNING):
            task = asyncio.create_task(SSEResponse(failing_source(error))(scope(), wire.receive, wire.send))
            done, _ = await asyncio.wait([task], timeout=2)
        wire.left.set()
        await asyncio.wait([task])
        assert done and wire.complete, 'the response was never ended'
        assert [r for r in caplog.records if r.exc_info], 'no traceback in the log'
    run(main())


def test_a_source_that_fails_while_closing_still_ends():
    async def main():
        wire = Wire()
        async def frames():
            try: yield b'data: 1\n\n'
            finally: raise ValueError('in the cleanup')
        task = asyncio.create_task(SSEResponse(frames())(scope(), wire.receive, wire.send))
        done, _ = await asyncio.wait([task], timeout=2)
        wire.left.set()
        await asyncio.wait([task])
        assert done and wire.complete
    run(main())


def test_a_source_that_will_not_close_does_not_hold_up_the_end():
    async def main():
        wire = Wire()
        async def frames():
            try:
                yield b'data: 1\n\n'
                await asyncio.Event().wait()
            finally: await asyncio.sleep(30)
        task = asyncio.create_task(SSEResponse(frames())(scope(), wire.receive, wire.send))
        await until(lambda: b'data: 1' in wire.body)
        shutdown.notify()
        done, _ = await asyncio.wait([task], timeout=5)
        task.cancel()
        await asyncio.wait([task])
        assert done
    run(main())


def test_an_end_while_the_source_is_being_closed_still_ends_the_response():
    async def main():
        wire, closing, go = Wire(), asyncio.Event(), asyncio.Event()
        async def frames():
            try: yield b'data: 1\n\n'
            finally:
                closing.set()
                await go.wait()
        task = asyncio.create_task(SSEResponse(frames())(scope(), wire.receive, wire.send))
        await closing.wait()
        shutdown.notify()
        go.set()
        done, _ = await asyncio.wait([task], timeout=5)
        wire.left.set()
        await asyncio.wait([task])
        assert done and wire.complete
    run(main())


def test_a_stalled_reader_of_frames_is_given_up_at_the_end():
    "Its source may be many frames ahead; it ends within one second too"
    async def main():
        wire = Wire()
        async def frames():
            while True:
                yield b'data: x\n\n'
                await asyncio.sleep(0)
        task = asyncio.create_task(SSEResponse(frames())(scope(), wire.receive, wire.send))
        await until(lambda: len(wire.messages) > 3)
        wire.hold = asyncio.Event()
        await asyncio.sleep(0.01)
        shutdown.notify()
        done, _ = await asyncio.wait([task], timeout=5)
        task.cancel()
        await asyncio.wait([task])
        assert done
    run(main())


def test_streams_of_frames_end_with_a_delay_for_reconnecting():
    async def main():
        wire = Wire()
        answer = SSEResponse(Source([b'data: 1\n\n'], forever=True))
        task = asyncio.create_task(answer(scope(), wire.receive, wire.send))
        await until(lambda: b'data: 1' in wire.body)
        shutdown.notify()
        done, _ = await asyncio.wait([task], timeout=5)
        wire.left.set()
        await asyncio.wait([task])
        assert done and wire.complete and b'retry: ' in wire.body
    run(main())


# Broadcasting

def test_a_broadcast_that_is_cancelled_has_done_all_or_nothing():
    "It waits only while full queues get a turn; if it is cancelled there, the queue is still filled"
    async def main():
        manager = BroadcastManager(max_queue_size=1, queue_timeout=5)
        id, queue = await manager.register()
        await manager.broadcast('t', {'n': 1})
        sending = asyncio.create_task(manager.broadcast('t', {'n': 2}))
        await asyncio.sleep(0)
        sending.cancel()
        await asyncio.wait([sending])
        assert [(await asyncio.wait_for(queue.get(), 2)).data['n'] for _ in range(2)] == [1, 2]
        await manager.unregister(id)
    run(main())


def test_a_broadcast_from_another_loop_that_is_cancelled_makes_no_noise():
    async def main():
        manager, errors = BroadcastManager(), []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context))
        id, queue = await manager.register()
        async def elsewhere():
            sending = asyncio.create_task(manager.broadcast('t', {'n': 1}))
            await asyncio.sleep(0)
            sending.cancel()
            await asyncio.wait([sending])
        other = threading.Thread(target=lambda: asyncio.run(elsewhere()))
        other.start()
        other.join()
        await asyncio.sleep(0.01)
        assert queue.qsize() in (0, 1) and not errors
        await manager.unregister(id)
    run(main())


async def removed(manager, id): await manager.hub.registry.remove_connection(id)


async def closed(manager, id): manager.hub.registry.get_connection(id).close()


@pytest.mark.parametrize('leave', [removed, closed])
def test_a_queue_that_was_closed_behind_the_managers_back_harms_no_other(leave):
    "Any code may call `manager.hub.registry` and `SSEConnection.close`"
    async def main():
        manager = BroadcastManager()
        first, _ = await manager.register()
        second, queue = await manager.register()
        await leave(manager, first)
        assert await manager.broadcast('t', {'n': 1}) == 1
        assert queue.get_nowait().data == {'n': 1} and manager.get_connection_count() == 1
        for id in (first, second): await manager.unregister(id)
        assert not any(shutdown.registrations)
    run(main())


def test_a_stream_removed_behind_the_managers_back_is_removed_everywhere():
    async def main():
        manager, wire = BroadcastManager(), Wire()
        task = asyncio.create_task(opens(manager)(scope(), wire.receive, wire.send))
        await until(lambda: b'id: ' in wire.body)
        await manager.hub.registry.remove_connection(manager.hub.registry.get_connections()[0].connection_id)
        await manager.broadcast('t', {})
        wire.left.set()
        await asyncio.wait([task])
        assert not any(shutdown.registrations) and not manager.hub.heartbeats.is_running
    run(main())


def test_every_stream_is_flushed_although_one_fails():
    "A round of the scheduler serves all its streams"
    async def main():
        manager, wires = BroadcastManager(), [Wire() for _ in range(3)]
        tasks = [asyncio.create_task(opens(manager)(scope(), wire.receive, wire.send)) for wire in wires]
        await until(lambda: all(b'id: ' in wire.body for wire in wires))
        wires[0].fail = lambda message: True
        await manager.broadcast('t', {'n': 1})
        await until(lambda: all(b'"n": 1' in wire.body for wire in wires[1:]) and manager.get_connection_count() == 2)
        assert sum(manager.hub.drops.values()) == 1
        for wire in wires: wire.left.set()
        await asyncio.wait(tasks)
    run(main())


# Opening

def test_a_handler_opens_a_stream_without_any_routes():
    async def main():
        manager, wire = BroadcastManager(), Wire()
        answer = await create_broadcast_handler(manager)()
        task = asyncio.create_task(answer(scope(), wire.receive, wire.send))
        await until(lambda: b'id: ' in wire.body)
        await manager.close()
        await asyncio.wait([task])
        assert wire.complete
    run(main())


def test_a_changed_first_frame_passes_without_waiting(monkeypatch):
    "A middleware that rewrites bodies is detected immediately, without waiting for the timeout"
    monkeypatch.setattr(response, 'HANDOVER_TIMEOUT', 60)
    async def main():
        manager, wire = BroadcastManager(), Wire()
        inner = opens(manager)
        async def upper(scope, receive, send):
            async def changed(message): await send({**message, 'body': message.get('body', b'').upper()})
            await inner(scope, receive, changed)
        task = asyncio.create_task(StreamMiddleware(upper)(scope(), wire.receive, wire.send))
        try: await until(lambda: b'ID: ' in wire.body, seconds=3)
        finally:
            wire.left.set()
            task.cancel()
            await asyncio.wait([task])
    run(main())


def test_frame_streams_stop_at_once():
    async def main():
        stream, wire = FrameStream(Source(forever=True)), Wire()
        task = asyncio.create_task(stream.run(wire.receive, wire.send))
        await asyncio.sleep(0)
        stream.end(b'data: bye\n\n')
        await asyncio.wait([task])
        assert wire.body == b'data: bye\n\n' and wire.complete and stream.frames.closed == 1
    run(main())
