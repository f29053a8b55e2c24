# Written by `make export` from the module beside this file: do not edit.
from cjm_fasthtml_sse.runtime.time import Time
from cjm_fasthtml_sse.testing.loop import VirtualLoop
from cjm_fasthtml_sse.testing.serving import AppSource
from cjm_fasthtml_sse.testing.serving import Worker
from random import Random
from typing import Any

__all__ = ['Clock', 'Server']

class Clock:
    """The time of a world"""
    def __init__(self, world: Any) -> None:
        """
        Args:
            world: World of which it is the time
        """
    @property
    def now(self) -> float:
        """
        Returns:
            Seconds since the world began
        """
    def time(self) -> float:
        """Return the seconds since 1970, as `time.time` does

        Returns:
            For an application, in place of `time.time`
        """
    def advance(self, seconds: float) -> None:
        """Let time pass: heartbeats, delays between attempts and ages happen, and no real time passes

        Args:
            seconds: How much time passes
        """
    def for_managers(self, loop: VirtualLoop, chance: Random) -> Time:
        """Return the clocks that managers read, and follow a loop from now on

        Args:
            loop: Loop whose time it is
            chance: Source of random delays and names

        Returns:
            All of time and chance
        """

class Server:
    """The workers of a world, and what can happen to them"""
    def __init__(self, world: Any, source: AppSource, count: int) -> None:
        """
        Args:
            world: World that it belongs to
            source: Where each worker gets its application
            count: Number of workers
        """
    def start(self) -> None:
        """Start all workers that do not run"""
    def choose(self, number: int | None=None) -> Worker:
        """Return the worker for a browser

        Args:
            number: Number of a worker; None for the next in turn

        Returns:
            One that lives, if there is one
        """
    def stop(self) -> None:
        """Stop all workers as a deployment does: streams get a closing frame, and the application its shutdown"""
    def restart(self) -> None:
        """Stop all workers, and start new ones, which remember nothing"""
    def kill(self, worker: int=0, *, replace: bool=True) -> None:
        """End a worker without any notice, as a signal does: connections break, and nothing is saved

        Args:
            worker: Its number
            replace: Whether a new worker takes its place, as a server's parent process does
        """
