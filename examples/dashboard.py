"""The dashboard tutorial: current values of three ovens.

    python examples/dashboard.py    # then open http://localhost:5001

Tutorial: https://cj-mills.github.io/cjm-fasthtml-sse/tutorials/dashboard.html
"""

import asyncio, math, time
from fasthtml.common import *
from cjm_fasthtml_sse import BroadcastManager, OOBStreamBuilder, create_sse_element, setup_broadcast_routes, sse_headers

OVENS = dict(stone='Stone oven', deck='Deck oven', steam='Steam oven')

def gauge(oven, degrees):
    bar = Progress(value=degrees, max=300)
    return Header(OVENS[oven]), Strong(f'{degrees} °C'), bar

def show(kind, data):
    pieces, oven = OOBStreamBuilder(), data.get('oven')
    if kind == 'measured': pieces.add_element(gauge(**data), oven)
    if kind == 'off': pieces.add_element((Header(OVENS[oven]), 'off'), oven)
    if kind == 'alarm': pieces.add_element(Li(data['text']), 'alarms', 'afterbegin')
    return pieces.build()

def index():
    ovens = [Article(Header(name), '…', id=oven) for oven, name in OVENS.items()]
    stream = create_sse_element('/sse/broadcast', swap_strategy='none')
    return Titled('Bakery', Div(*ovens, cls='grid'), Ul(id='alarms'), stream)

async def measured(oven, degrees):
    reading = dict(oven=oven, degrees=degrees)
    await manager.broadcast('measured', reading, key=oven, retain=True)

async def alarm(text): await manager.broadcast('alarm', dict(text=text))

def measure(oven):
    swing = 25 * math.sin(time.time() / 10 + len(oven))
    return round(dict(stone=240, deck=200, steam=180)[oven] + swing)

async def watch():
    while True:
        for oven in OVENS: await measured(oven, measure(oven))
        await asyncio.sleep(1)

async def lifespan(app):
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch())
        yield
        watching.cancel()

manager = BroadcastManager()
app, rt = fast_app(hdrs=sse_headers(), lifespan=lifespan)
rt(index)
setup_broadcast_routes(app, manager, element_builder=show)

serve()
