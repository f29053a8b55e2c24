"""The first tutorial: messages and a counter that are the same in all tabs.

    python examples/first_stream.py    # then open http://localhost:5001 in two tabs

Tutorial: https://cj-mills.github.io/cjm-fasthtml-sse/tutorials/first_stream.html
"""

from collections import Counter
from fasthtml.common import *
from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers

app, rt = fast_app(hdrs=sse_headers())
manager, total = BroadcastManager(), Counter()

def show(kind, data):
    if kind == 'said': return P(data['text'])
    if kind == 'counted': return Strong(f"{data['count']} messages")

setup_broadcast_routes(app, manager, element_builder=show)

@app.post
async def say(text: str):
    total['said'] += 1
    await manager.broadcast('said', {'text': text}, topic='said')
    await manager.broadcast('counted', {'count': total['said']}, topic='counted')

@rt('/said')
async def messages():
    said = [m for m in manager.get_history() if m.type == 'said']
    return [show(m.type, m.data) for m in said]

@rt('/counted')
async def count(): return show('counted', {'count': total['said']})

def reader(topic, swap, here):
    options = dict(topics=[topic], cursor=here, refresh=f'/{topic}')
    return create_sse_element('/sse/broadcast', swap_strategy=swap, **options)

@rt
async def index():
    field = Input(name='text', placeholder='Say something')
    form = Form(field, hx_post=say, hx_swap='none')
    here = manager.cursor()
    said = reader('said', 'beforeend', here)
    counted = reader('counted', 'innerHTML', here)
    return Titled('In step', form, counted(await count()), said(*await messages()))

serve()
