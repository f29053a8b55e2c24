"""The demo as an application: live regions, the handlers that touch them, and a broadcast by hand

Each handler changes the state and touches a name. The regions that depend on the name are rendered again, once for all
tabs. A wave is no state. It is an event, which the other tabs show when it comes.
"""
import asyncio
import json
import os
from pathlib import Path

from fasthtml.common import FastHTML, Response
from starlette.staticfiles import StaticFiles

from cjm_fasthtml_sse import BroadcastManager, Live, setup_broadcast_routes

from . import page
from .state import SHOWN, State

STEP_SECONDS = 0.06
KEY = 'the demo has no users'  # the same in all workers and after a restart, so that the views of a page stay valid
settings = json.loads(os.environ.get('CJM_FASTHTML_SSE_DEMO', '{}'))  # the command's options, for each worker
folder, htmx = settings.get('htmx_from') and Path(settings['htmx_from']), settings.get('htmx', 2)
state, manager = State(settings.get('state', ':memory:')), BroadcastManager(backplane=settings.get('backplane'))
local = folder and page.packages(folder, htmx)
app = FastHTML(hdrs=page.head(htmx, local), htmx=not folder and htmx == 2, htmx4=not folder and htmx == 4,
               surreal=False, htmlkw={'lang': 'en'}, secret_key=KEY)
if folder: app.mount('/npm', StaticFiles(directory=folder))
live, working = Live(app, manager=manager, local=local), set()
setup_broadcast_routes(app, manager, element_builder=page.wave)
done = Response(status_code=204)


@live.region('counter')
def counter(): return page.counter(state.count())


@live.region('todos')
def todos(): return page.todos(state.todos())


@live.region('jobs')
def jobs():
    found = state.jobs()
    if found: live.until(min(moved for _, _, moved in found) + SHOWN)
    return page.jobs(found, state.finished())


@live.region(live.presence('demo'), every=1)
def numbers(presence):
    about, browsers = manager.statistics(), presence.user_count
    return page.numbers(tabs=presence.tabs, browsers=browsers, events=about.broadcasts, resets=about.resets)


@app.get('/')
async def index(): return page.whole(counter(), todos(), jobs(), numbers())


@app.post('/increment')
async def increment():
    state.add_one()
    live.touch('counter')
    return done


@app.post('/todos')
async def add_todo(text: str):
    if text := ' '.join(text.split())[:page.MAX_TEXT]: state.add_todo(text)
    live.touch('todos')
    return page.todo_form(autofocus=True)


@app.delete('/todos/{number}')
async def remove_todo(number: int):
    state.remove_todo(number)
    live.touch('todos')
    return done


@app.post('/jobs')
async def start_job():
    if (number := state.start_job()) is None: return done
    working.add(task := asyncio.create_task(work(number)))
    task.add_done_callback(working.discard)
    return done


async def work(number: int):
    "Run the job, with or without a reader"
    while state.advance(number):
        live.touch('jobs')
        await asyncio.sleep(STEP_SECONDS)
    live.touch('jobs')


@app.delete('/jobs/{number}')
async def stop_job(number: int):
    state.stop_job(number)
    live.touch('jobs')
    return done


@app.get('/waves')
async def waves(): return '' # after a reset, a page shows no wave


@app.post('/wave')
async def wave():
    await manager.broadcast('wave', {}, others=True)
    return done
