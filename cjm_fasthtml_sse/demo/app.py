"""The routes of the demo, and the events that they broadcast

An event names the kind of the change, and a tab is sent the current state of that kind. So several workers may change
the state at the same time. After the last event of each kind, all tabs show the current state.
"""
import asyncio
import json
import os
from collections.abc import AsyncIterator

from fasthtml.common import FT, APIRouter, Response

from cjm_fasthtml_sse import BroadcastManager, OOBStreamBuilder, SSEResponse, SSEStream

from . import page
from .state import State

STEP_SECONDS = 0.06
SETTINGS = 'CJM_FASTHTML_SSE_DEMO'  # environment variable with the command's options for the workers

settings = json.loads(os.environ.get(SETTINGS, '{}'))
manager, routes = BroadcastManager(backplane=settings.get('backplane')), APIRouter()
state, working = State(settings.get('state', ':memory:')), set()


def show(kind: str, data: dict) -> FT:
    "Build the pieces that a broadcast changes in every page; `all` is requested by a page that missed events"
    pieces = OOBStreamBuilder()
    if kind in ('counted', 'all'): pieces.add_element(page.figure(state.count), 'counter')
    if kind in ('todos', 'all'): pieces.add_element(page.todo_items(state.todos), 'todos')
    if kind in ('jobs', 'all'): pieces.add_element(page.tally(**state.tally()), 'tally')
    return pieces.build()


async def notify(kind: str): await manager.broadcast(kind, {}, key=kind)


@routes('/')
async def index():
    cursor = manager.cursor()  # first, so that changes during the rendering arrive by the stream
    return page.whole(state, cursor)


@routes('/now')
async def now(): return show('all', {})


@routes.post('/increment')
async def increment():
    state.add_one()
    await notify('counted')
    return Response(status_code=204)


@routes.post('/todos')
async def add_todo(text: str):
    if text := ' '.join(text.split())[:page.MAX_TEXT]:
        state.add_todo(text)
        await notify('todos')
    return page.todo_form(autofocus=True)


@routes.delete('/todos/{number}')
async def remove_todo(number: int):
    if state.remove_todo(number): await notify('todos')
    return Response(status_code=204)


@routes.post('/jobs')
async def start_job():
    if (number := state.start_job()) is None: return Response(status_code=204)
    task = asyncio.create_task(work(number))
    working.add(task)
    task.add_done_callback(working.discard)
    await notify('jobs')
    return page.job(number, state.steps)


async def work(number: int):
    "Run the job, with or without a reader"
    step = 0
    while step < state.steps:
        await asyncio.sleep(STEP_SECONDS)
        step = state.advance(number)
        await manager.broadcast('step', {}, topic=f'job/{number}', key='step')
    await notify('jobs')


@routes.get('/jobs/{number}')
async def job_stream(number: int):
    "A stream that ends with its job; the browser does not reconnect"
    return SSEResponse(SSEStream().stream(watch(number)))


async def watch(number: int) -> AsyncIterator[FT]:
    "Yield the job's bar at each step, from whichever worker runs the job"
    connection_id, moved = await manager.register(topics=f'job/{number}', metadata={'kind': 'job'})
    try:
        while (step := state.step(number)) < state.steps:
            yield page.bar(number, step, state.steps)
            await moved.get()
        yield page.bar(number, step, state.steps)
    finally: await manager.unregister(connection_id)
