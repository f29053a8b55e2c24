"""The page of `board.py` rendered for each reader: its connection calls the function after each change.

It sends the list as a whole, or with `BENCH_DIFFED` the jobs that differ from what it sent last."""
import asyncio
import os
import time
from fasthtml.common import Div, FastHTML, to_xml
from starlette.responses import StreamingResponse
from board import INTERVAL, LISTS, Board

app, board = FastHTML(secret_key='benchmark'), Board()
is_diffed = bool(os.environ.get('BENCH_DIFFED'))
changes, waiting = [0] * LISTS, [asyncio.Event() for _ in range(LISTS)]

async def stream(number):
    seen, sent = -1, {}
    while True:
        while seen == changes[number]: await waiting[number].wait()
        seen, start, element = changes[number], time.monotonic(), board.jobs(number)
        if is_diffed:
            rows = {row.id: to_xml(row, indent=False) for row in element.children}
            html, sent = ''.join(row for id, row in rows.items() if sent.get(id) != row), rows
        else: html = to_xml(element, indent=False)
        yield f'data: {html}\n\n'
        await asyncio.sleep(max(0, start + INTERVAL - time.monotonic()))

@app.get('/stream/{number}')
def follow(number: int): return StreamingResponse(stream(number), media_type='text/event-stream')

def show(number): return Div(board.jobs(number), data_sse_connect=f'/stream/{number}')

async def publish(kind):
    number, _ = board.write(kind)
    changes[number] += 1
    waiting[number].set()
    waiting[number] = asyncio.Event()

board.serve(app, show, publish)
