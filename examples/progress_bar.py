"""The progress bar tutorial: a job streams its progress to one page.

    python examples/progress_bar.py    # then open http://localhost:5001

Tutorial: https://cj-mills.github.io/cjm-fasthtml-sse/tutorials/progress_bar.html
"""

import asyncio
from fasthtml.common import *
from cjm_fasthtml_sse import SSEResponse, SSEStream, StreamConfig, create_sse_element, sse_headers

async def bake(loaves=3):
    for done in range(loaves + 1):
        yield Progress(value=done, max=loaves)
        await asyncio.sleep(0.05)
    yield P('Enjoy your bread')

app, rt = fast_app(hdrs=sse_headers())
settings = StreamConfig(heartbeat_interval=15)

@rt
def index(): return Titled('Bakery', Button('Bake', hx_post=start, hx_swap='outerHTML'))

@app.post
def start(): return create_sse_element('/oven', swap_strategy='innerHTML')('Heating…')

@app.get('/oven')
def oven(): return SSEResponse(SSEStream(settings).stream(bake))

serve()
