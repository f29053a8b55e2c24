"""The tutorial on many tabs: all tabs of a browser share one connection.

    python examples/many_tabs.py    # then open http://localhost:5001 in several tabs,
                                    # or with a topic: http://localhost:5001/?topic=job/1

Tutorial: https://cj-mills.github.io/cjm-fasthtml-sse/tutorials/many_tabs.html
"""

from collections import Counter
from fasthtml.common import *
from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers
from cjm_fasthtml_sse import connection_indicator

look = Style('''body { font: 16px system-ui; text-align: center; margin: 1rem;
        color: #333; background: #fff }
    #number { font: bold 64px system-ui }
    [role=status]::before { content: "● "; color: #bbb }
    [data-sse-state=open][role=status]::before { color: #1a7f37 }''')
app, rt = fast_app(hdrs=[*sse_headers(), look], pico=False, surreal=False)

manager, counts = BroadcastManager(), Counter()
setup_broadcast_routes(app, manager, element_builder=lambda kind, data: Span(data['n']))

@app.post
async def add(topic: str = 'all'):
    counts[topic] += 1
    await manager.broadcast('counted', {'n': counts[topic]}, topic=topic, key='number')

@rt
async def index(topic: str = 'all', share: bool = True):
    options = dict(topics=[topic], cursor=manager.cursor(), share=share)
    number = create_sse_element('/sse/broadcast', 'number', 'innerHTML', **options)
    more = Button('+1', hx_post=add.to(topic=topic), hx_swap='none')
    return Title('Tab'), number(Span(counts[topic])), P(more), connection_indicator()

serve()
