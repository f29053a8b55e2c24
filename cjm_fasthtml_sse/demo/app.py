"""What happens in the demo: its state, and the requests that change it

Every handler is `async`, so it runs on the loop of the connections, and nothing comes between a change and its
broadcast, nor between the state that a page shows and the page's cursor. No tab misses what happens while it loads.
"""
import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import count

from fasthtml.common import FT, APIRouter, Response

from cjm_fasthtml_sse import BroadcastManager, OOBStreamBuilder, SSEResponse, SSEStream

from . import page

MAX_ITEMS = 8  # the oldest makes room
STEPS, STEP_SECONDS = 50, 0.06

manager, routes = BroadcastManager(), APIRouter()


@dataclass
class Job:
    "Work in steps; `moved` wakes whoever watches"
    number: int
    step: int = 0
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task | None = None


@dataclass
class State:
    "What all tabs show"
    count: int = 0
    todos: dict[int, str] = field(default_factory=dict)
    running: dict[int, Job] = field(default_factory=dict)
    finished: int = 0

    def tally(self) -> dict[str, int]: return {'running': len(self.running), 'finished': self.finished}


state, todo_numbers, job_numbers = State(), count(1), count(1)


def show(kind: str, data: dict) -> FT:
    "The pieces of every page that a broadcast changes"
    pieces = OOBStreamBuilder()
    match kind:
        case 'counted': pieces.add_element(page.figure(**data), 'counter')
        case 'added': pieces.add_element(page.todo(**data), 'todos', 'beforeend')
        case 'removed': pieces.add_element('', f'todo-{data["number"]}', 'delete')
        case 'jobs': pieces.add_element(page.tally(**data), 'tally')
    return pieces.build()


@routes('/')
async def index(): return page.whole(state, manager.cursor())


@routes.post('/increment')
async def increment():
    state.count += 1
    await manager.broadcast('counted', {'count': state.count}, key='counter')
    return Response(status_code=204)


@routes.post('/todos')
async def add_todo(text: str):
    if text := ' '.join(text.split())[:page.MAX_TEXT]:
        if len(state.todos) >= MAX_ITEMS: await remove(min(state.todos))
        number = next(todo_numbers)
        state.todos[number] = text
        await manager.broadcast('added', {'number': number, 'text': text})
    return page.todo_form(autofocus=True)


@routes.delete('/todos/{number}')
async def remove_todo(number: int):
    await remove(number)
    return Response(status_code=204)


async def remove(number: int):
    if state.todos.pop(number, None): await manager.broadcast('removed', {'number': number})


@routes.post('/jobs')
async def start_job():
    if len(state.running) >= page.MAX_JOBS: return Response(status_code=204)
    job = Job(next(job_numbers))
    state.running[job.number], job.task = job, asyncio.create_task(work(job))
    await tell_tally()
    return page.job(job.number, STEPS)


@routes.get('/jobs/{number}')
async def job_stream(number: int):
    "A stream that ends with its job, and tells the browser not to connect again; a job that does not run has ended"
    job = state.running.get(number) or Job(number, STEPS)
    return SSEResponse(SSEStream().stream(watch(job)))


async def watch(job: Job) -> AsyncIterator[FT]:
    while job.step < STEPS:
        yield page.bar(job.number, job.step, STEPS)
        await job.moved.wait()
    yield page.bar(job.number, job.step, STEPS)


async def work(job: Job):
    "Do the job, watched or not"
    while job.step < STEPS:
        await asyncio.sleep(STEP_SECONDS)
        job.step += 1
        job.moved.set()
        if job.step < STEPS: job.moved.clear()
    del state.running[job.number]
    state.finished += 1
    await tell_tally()


async def tell_tally(): await manager.broadcast('jobs', state.tally(), key='jobs')
