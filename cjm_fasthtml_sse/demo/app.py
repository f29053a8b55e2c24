"""What happens in the demo: the requests that change its state, and what they tell all tabs

An event says what has changed, and what a tab is shown is the state as it is then. So it does not matter which worker
changed it, nor whether two changed it at once: the last event of each kind shows how things stand, in every tab.
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
SETTINGS = 'CJM_FASTHTML_SSE_DEMO'  # the environment's variable by which workers hear of the command's options

settings = json.loads(os.environ.get(SETTINGS, '{}'))
manager, routes = BroadcastManager(backplane=settings.get('backplane')), APIRouter()
state, working = State(settings.get('state', ':memory:')), set()


def show(kind: str, data: dict) -> FT:
    "The pieces of every page that a broadcast changes; `all` is what a page asks for when it has missed something"
    pieces = OOBStreamBuilder()
    if kind in ('counted', 'all'): pieces.add_element(page.figure(state.count), 'counter')
    if kind in ('todos', 'all'): pieces.add_element(page.todo_items(state.todos), 'todos')
    if kind in ('jobs', 'all'): pieces.add_element(page.tally(**state.tally()), 'tally')
    return pieces.build()


async def tell(kind: str): await manager.broadcast(kind, {}, key=kind)


@routes('/')
async def index():
    cursor = manager.cursor()  # first: what happens while the page is made comes by its stream
    return page.whole(state, cursor)


@routes('/now')
async def now(): return show('all', {})


@routes.post('/increment')
async def increment():
    state.add_one()
    await tell('counted')
    return Response(status_code=204)


@routes.post('/todos')
async def add_todo(text: str):
    if text := ' '.join(text.split())[:page.MAX_TEXT]:
        state.add_todo(text)
        await tell('todos')
    return page.todo_form(autofocus=True)


@routes.delete('/todos/{number}')
async def remove_todo(number: int):
    if state.remove_todo(number): await tell('todos')
    return Response(status_code=204)


@routes.post('/jobs')
async def start_job():
    if (number := state.start_job()) is None: return Response(status_code=204)
    task = asyncio.create_task(work(number))
    working.add(task)
    task.add_done_callback(working.discard)
    await tell('jobs')
    return page.job(number, state.steps)


async def work(number: int):
    "Do the job, watched or not"
    step = 0
    while step < state.steps:
        await asyncio.sleep(STEP_SECONDS)
        step = state.advance(number)
        await manager.broadcast('step', {}, topic=f'job/{number}', key='step')
    await tell('jobs')


@routes.get('/jobs/{number}')
async def job_stream(number: int):
    "A stream that ends with its job, and tells the browser not to connect again"
    return SSEResponse(SSEStream().stream(watch(number)))


async def watch(number: int) -> AsyncIterator[FT]:
    "The job's bar at each step, whichever worker does the job"
    connection_id, moved = await manager.register(topics=f'job/{number}', metadata={'kind': 'job'})
    try:
        while (step := state.step(number)) < state.steps:
            yield page.bar(number, step, state.steps)
            await moved.get()
        yield page.bar(number, step, state.steps)
    finally: await manager.unregister(connection_id)
