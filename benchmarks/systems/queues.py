"""A queue for each client, and one put for each: the fan-out of a minimal Starlette application."""
import asyncio

class Queues:
    "The clients' queues. The caller builds each item once."
    def __init__(self): self.queues = set()

    async def stream(self):
        "Yield the items of one client."
        self.queues.add(queue := asyncio.Queue())
        try:
            while True: yield await queue.get()
        finally: self.queues.discard(queue)

    def put(self, item):
        "Put `item` into each client's queue."
        for queue in self.queues: queue.put_nowait(item)
