"""sse-starlette's `EventSourceResponse` over an async generator with a queue for each client, as in its README."""
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.routing import Route
from common import TEXT, serve
from queues import Queues

queues = Queues()

async def stream(request): return EventSourceResponse(queues.stream())
async def publish(kind): queues.put({'data': TEXT[kind]})

serve(Starlette(routes=[Route('/stream', stream)]), publish, '/stream')
