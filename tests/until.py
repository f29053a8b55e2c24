"Wait for a condition by polling, in a thread or on an event loop."

import asyncio
import time

SECONDS = 60  # Until a wait fails. The limit is long because the machine may be busy.


def until(condition, what="the condition", seconds=SECONDS, pause=0.01):
    "Poll until `condition()` is true and return its value; `what` names it, or returns its name, in the failure"
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        check(deadline, what, seconds)
        time.sleep(pause)
    return value


async def until_async(condition, what="the condition", seconds=SECONDS, pause=0.005):
    "The same on an event loop, which runs other tasks between two polls"
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        check(deadline, what, seconds)
        await asyncio.sleep(pause)
    return value


def check(deadline, what, seconds):
    "Fail if the deadline has passed"
    if time.monotonic() > deadline: raise AssertionError(f"{what() if callable(what) else what}: not in {seconds:g} s")
