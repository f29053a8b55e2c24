"""The page of `board.py` as a live region. With `BENCH_WHOLE`, a child has no id, so that a list is sent as a whole."""
import os
from cjm_fasthtml_sse.live.live import Live
from fasthtml.common import FastHTML, Li
from board import INTERVAL, Board

app, board = FastHTML(secret_key='benchmark'), Board()
live, first = Live(app), [Li('Imports')] if os.environ.get('BENCH_WHOLE') else []

@live.region('list/{number}', min_interval=INTERVAL)
def jobs(number: int): return board.jobs(number, *first)

async def publish(kind): live.touch(f'list/{board.write(kind)[0]}')

board.serve(app, jobs, publish)
