"""The `StreamingResponse` of `starlette_bare` from a handler of a FastHTML app, to measure the cost of a connect."""
from fasthtml.common import FastHTML
from starlette.responses import StreamingResponse
from common import FRAME, serve
from queues import Queues

queues, app = Queues(), FastHTML(secret_key='benchmark')

@app.get('/stream')
def stream(): return StreamingResponse(queues.stream(), media_type='text/event-stream')

async def publish(kind): queues.put(FRAME[kind])

serve(app, publish, '/stream')
