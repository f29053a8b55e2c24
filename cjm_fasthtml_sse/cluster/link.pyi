# Written by `make export` from the module beside this file: do not edit.
from dataclasses import dataclass

__all__ = ['Cluster']

@dataclass(frozen=True)
class Cluster:
    """How a manager with a backplane deals with the engine and with other nodes

    Attributes:
        buffer: Whether events are kept while the engine takes none; `broadcast(buffer=…)` overrides it
        buffer_limit: Publications that may wait for the engine
        buffer_bytes: Bytes of them
        publish_timeout: Seconds that it may stay unknown whether the engine has an event
        open_timeout: Seconds that a request waits for an engine that was never reached
        report_interval: Seconds between two reports to the other nodes
    """
    buffer: bool = False
    buffer_limit: int = 10000
    buffer_bytes: int = ...
    publish_timeout: float = 5.0
    open_timeout: float = 5.0
    report_interval: float = 5.0
