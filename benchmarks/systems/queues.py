"""A queue a client and one put for each: the fan-out that a Starlette application writes by hand."""
import asyncio

class Queues:
    "The clients' queues. What goes in is built once by the caller."
    def __init__(self): self.queues = set()

    async def stream(self):
        "Yield what is put, for one client."
        self.queues.add(queue := asyncio.Queue())
        try:
            while True: yield await queue.get()
        finally: self.queues.discard(queue)

    def put(self, item):
        "Give `item` to each client."
        for queue in self.queues: queue.put_nowait(item)
