"The application of the workers of these tests; the environment variable `SSE_TEST` has its settings as JSON"
import asyncio
import sys
import datetime as dates
import json
import os
import time
from pathlib import Path
from contextlib import suppress

CONFIG = json.loads(os.environ.get('SSE_TEST', '{}'))

if SKEW := CONFIG.get('skew'):  # a wrong clock for this worker, set before the package reads it
    right = time.time
    time.time = lambda: right() + SKEW

    class Skewed(dates.datetime):
        @classmethod
        def now(cls, tz=None): return dates.datetime.fromtimestamp(time.time(), tz)
    dates.datetime = Skewed

from cjm_fasthtml_sse.core.broadcast import setup_broadcast_routes  # noqa: E402
from cjm_fasthtml_sse.events.wire import SSEError  # noqa: E402
from fasthtml.common import Div, FastHTML, Li, Span  # noqa: E402
from sqlite_tools import Connections  # noqa: E402
from starlette.responses import JSONResponse, PlainTextResponse  # noqa: E402

sys.path.append(str(Path(__file__).parents[1]))
from settings import make_manager  # noqa: E402

connections = Connections()
manager = make_manager(backplane=CONFIG.get('backplane'), **CONFIG.get('manager', {}))
outcomes, jobs = [], {}


def builder(type, data): return Div(data.get('row', ''), Span(data.get('text', '')), Span(str(data.get('at', ''))))


async def send(data, type='note', **options):
    "Broadcast once; return `sent`, `failed` (certainly not sent) or `doubtful`, and the error"
    try: await manager.broadcast(type, data, **options)
    except SSEError as e: return ['doubtful' if getattr(e, 'doubtful', False) else 'failed', str(e)]
    return ['sent', '']


async def load(tag, rate, n):
    "Send `n` events, `rate` a second, without waiting for earlier ones"
    start, sending = time.monotonic(), set()
    async def one(i): outcomes.append([[tag, i], *(await send({'n': [tag, i]}))])
    for i in range(n):
        sending.add(asyncio.create_task(one(i)))
        await asyncio.sleep(max(0, start + (i + 1) / rate - time.monotonic()))
    await asyncio.gather(*sending)


async def burst(tag, n, at_once=50):
    "Send `n` events in order, as fast as possible, with at most `at_once` unanswered"
    sending = set()
    for i in range(n):
        sending.add(asyncio.create_task(send({'n': [tag, i]})))
        if len(sending) >= at_once: _, sending = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.gather(*sending)


def routes(app):
    async def note(n: str = '0', size: int = 0, topic: str = None, key: str = None, retain: bool = False,
        exclude: str = None, others: bool = False):
        data = {'n': json.loads(n)} | ({'text': 'x' * size} if size else {})
        about = dict(topic=topic, key=key, retain=retain, exclude=exclude, others=others)
        return JSONResponse(await send(data, **about))

    async def begin(what: str, tag: str, n: int, rate: float = 0):
        work = load(tag, rate, n) if what == 'load' else burst(tag, n)
        jobs[tag] = asyncio.create_task(work)
        return JSONResponse('begun')

    async def done(): return JSONResponse([all(job.done() for job in jobs.values()), outcomes])

    async def markup(text: str):
        data = {'row': Li('a < b', Span('in')), 'text': text, 'at': dates.date(2026, 5, 1), 'n': 0}
        return JSONResponse(await send(data))

    async def send_to(id: str):
        return JSONResponse(await manager.send_to(id, 'hint', {'n': 'for you'}))

    async def state():
        with suppress(SSEError): await manager.ready()
        now, epoch = manager.statistics(), manager.cursor().split('-')[0]
        return JSONResponse(dict(backplane=now.backplane, buffered=now.buffered, epoch=epoch,
            here=manager.get_connection_count(), tasks=len(asyncio.all_tasks())))

    async def total(): return JSONResponse(await manager.get_total_connection_count())

    async def pages(n: int):
        "Limit the pages of the SQLite file for this process"
        connections.limit_pages(n)
        return JSONResponse(n)

    async def plain(session=None): return PlainTextResponse('ok')
    for each in (note, begin, done, markup, send_to, state, total, pages, plain): app.get(f'/{each.__name__}')(each)


def make():
    app = FastHTML(secret_key='of these tests')
    routes(app)
    setup_broadcast_routes(app, manager, prefix='/sse')
    setup_broadcast_routes(app, manager, prefix='/html', element_builder=builder)
    return app


app = make()
