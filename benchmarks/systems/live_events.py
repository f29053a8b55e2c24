"""The page of `board.py` with events that an application writes by hand: each has the job that changed."""
from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers
from fasthtml.common import FastHTML
from board import Board

app, board, manager = FastHTML(hdrs=sse_headers(), secret_key='benchmark'), Board(), BroadcastManager()

def build(kind, data):
    board.rendered += 1
    return board.job(data['number'], data['job'], hx_swap_oob='true')

def show(number):
    stream = create_sse_element('/sse/broadcast', hx_swap='none', topics=[f'list/{number}'], cursor=manager.cursor())
    return stream(board.jobs(number))

async def publish(kind):
    number, job = board.write(kind)
    await manager.broadcast('job', dict(number=number, job=job), topic=f'list/{number}')

setup_broadcast_routes(app, manager, element_builder=build)
board.serve(app, show, publish)
