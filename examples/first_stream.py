"""The first tutorial: messages that appear in all tabs.

    python examples/first_stream.py    # then open http://localhost:5001 in two tabs

Tutorial: https://cj-mills.github.io/cjm-fasthtml-sse/tutorials/first_stream.html
"""

from fasthtml.common import *
from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers

app, rt = fast_app(hdrs=sse_headers())
manager = BroadcastManager()

def show(kind, data): return P(data['text'])
def shown(): return [show(m.type, m.data) for m in manager.get_history()]

setup_broadcast_routes(app, manager, element_builder=show)

@rt
async def index():
    form = Form(Input(name='text', placeholder='Say something'), hx_post=say, hx_swap='none')
    here = manager.cursor()
    stream = create_sse_element('/sse/broadcast', swap_strategy='beforeend', cursor=here, refresh='/said')
    return Titled('In step', form, stream(*shown()))

@rt('/said')
async def now(): return shown()

@app.post
async def say(text: str): await manager.broadcast('said', {'text': text})

serve()
