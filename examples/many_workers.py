"""The tutorial on many workers: orders from one worker appear on the boards of all workers.

    python examples/many_workers.py    # then open http://localhost:5001

Start two workers that share their events:

    export SSE_BACKPLANE=sqlite:///orders.db
    PORT=5001 python examples/many_workers.py & PORT=5002 python examples/many_workers.py

Tutorial: https://cj-mills.github.io/cjm-fasthtml-sse/tutorials/many_workers.html
"""

import os
from fasthtml.common import *
from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers

app, rt = fast_app(hdrs=sse_headers(), secret_key=os.environ.get('SECRET_KEY'))
manager = BroadcastManager(backplane=os.environ.get('SSE_BACKPLANE') or None)

def show(kind, data): return P(data['order'])

setup_broadcast_routes(app, manager, element_builder=show)

@app.post
async def take(order: str): await manager.broadcast('taken', {'order': order})

@rt
def index():
    form = Form(Input(name='order', placeholder='Order'), hx_post=take, hx_swap='none')
    stream = create_sse_element('/sse/broadcast', swap_strategy='beforeend')
    return Titled('Orders', form, stream)

serve()
