# Written by `make export` from the module beside this file: do not edit.
from cjm_fasthtml_sse.backplanes.base import Backplane
from cjm_fasthtml_sse.runtime.time import Time

__all__ = ['TestEngine']

class TestEngine:
    """An engine that all workers of a world share, with failures as calls"""
    def __init__(self, store: str | None=None, time: Time=...) -> None:
        """
        Args:
            store: `sqlite:///path` for a file; None for memory
            time: Clock and chance
        """
    def adapter(self, number: int | str=0) -> Backplane:
        """Make an adapter, as a process makes its connection

        Args:
            number: Of the manager: each has a store of its own

        Returns:
            For one worker
        """
    def go_away(self, worker: int | None=None) -> None:
        """Break connections, and accept none

        Args:
            worker: Number of the worker that cannot reach it; None for all
        """
    def come_back(self) -> None:
        """Accept connections and events again"""
    def refuse_writes(self, reason: str='it is full') -> None:
        """Answer reads, and take no events

        Args:
            reason: Reason in the errors
        """
    def forget(self) -> None:
        """Lose all events, as an engine without a disk does by a restart, and accept connections again"""
