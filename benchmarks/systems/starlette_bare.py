"""Starlette's `StreamingResponse` over an async generator with a queue for each client, and nothing else."""
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route
from common import FRAME, serve
from queues import Queues

queues = Queues()

async def stream(request): return StreamingResponse(queues.stream(), media_type='text/event-stream')
async def publish(kind): queues.put(FRAME[kind])

serve(Starlette(routes=[Route('/stream', stream)]), publish, '/stream')
