"""Measure a broadcast to one reader among 10, 1,000 or 100,000 readers of other topics.

    python benchmarks/topics.py [--repeat 5] [--out DIR]

All readers are in one process, without sockets. Each reader is a stream of the manager with its own topic, and its
mailbox is emptied after each event. So the figures cover finding the reader and queueing the event. A ratio is taken
within a round. The result is printed and written to `topics.md` in DIR.
"""

import argparse
import asyncio
import random
import time
from pathlib import Path
from statistics import median

from cjm_fasthtml_sse.core.admission import open_stream
from cjm_fasthtml_sse import BroadcastManager
from cjm_fasthtml_sse.events.renderer import Renderer

SIZES, EVENTS = (10, 1_000, 100_000), 5_000


async def measure(topics: int) -> float:
    "Return the CPU seconds of a broadcast to one random reader of `topics`"
    manager, renderer, rng = BroadcastManager(heartbeat_interval=0), Renderer(), random.Random(topics)
    readers = [open_stream(manager.hub, renderer, topics=f"job/{n}") for n in range(topics)]
    chosen = [rng.randrange(topics) for _ in range(EVENTS)]
    start = time.process_time()
    for n in chosen:
        assert await manager.broadcast("step", {"n": n}, topic=f"job/{n}") == 1
        readers[n].queue.take()
    spent = time.process_time() - start
    for reader in readers: reader.on_close("left")
    return spent / EVENTS


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5, help="rounds (%(default)s)")
    parser.add_argument("--out", type=Path, help="folder of topics.md")
    args = parser.parse_args()
    rounds = [[asyncio.run(measure(size)) for size in SIZES] for _ in range(args.repeat)]
    heads = "topics, one reader each", "CPU a broadcast to one of them", "against the fewest"
    lines = ["| " + " | ".join(heads) + " |", "| ---: | ---: | ---: |"]
    for place, size in enumerate(SIZES):
        cost, ratio = median(r[place] for r in rounds), median(r[place] / r[0] for r in rounds)
        lines.append(f"| {size:,} | {cost * 1e6:.0f} µs | {ratio:.2f}x |")
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if args.out: (args.out / "topics.md").write_text(text, encoding="utf-8")


if __name__ == "__main__": main()
