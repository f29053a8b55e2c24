# Written by `make export` from the module beside this file: do not edit.
from cjm_fasthtml_sse.events.wire import BackplaneError
from cjm_fasthtml_sse.runtime.time import Time
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ['Limits', 'Publication', 'Entry', 'Opened', 'Gap', 'Unable', 'Backplane', 'backplane_from_url']

@dataclass(frozen=True, slots=True)
class Limits:
    """How much an engine keeps

    Attributes:
        events: Entries of the channel `events`
        age: Seconds after which an event is trimmed, by the engine's clock; None for never
        retained: Keys of which the newest retained entry is kept
        control: Entries of the channel `control`
        event_bytes: Bytes of the channel `events`
        retained_bytes: Bytes of retained entries, in addition
        control_bytes: Bytes of the channel `control`
        is_reader: False for a process that only publishes; it leaves the detection of lost events to readers
    """
    events: int = 10000
    age: float | None = None
    retained: int = 1000
    control: int = 10000
    event_bytes: int = ...
    retained_bytes: int = ...
    control_bytes: int = ...
    is_reader: bool = True

@dataclass(frozen=True, slots=True)
class Publication:
    """An event without a position

    Attributes:
        body: The result of `encode_record`; an adapter does not decode it
        channel: `events` or `control`
        key: Scope and name of an event with a key; a newer event replaces the retained one
        retain: Whether the engine keeps it for its key, at any age
    """
    body: bytes
    channel: str = 'events'
    key: str | None = None
    retain: bool = False

@dataclass(frozen=True, slots=True)
class Entry:
    """An event with its position

    Attributes:
        position: Grows within the channel
        body: As published
        channel: `events` or `control`
        at: Time of publication, in seconds by the engine's clock
    """
    position: int
    body: bytes
    channel: str = 'events'
    at: float = 0.0

@dataclass(frozen=True, slots=True)
class Opened:
    """The state of an engine

    Attributes:
        epoch: Id of this sequence of events: 1 to 40 of a-z and 0-9; stored in the engine
        first: No event after this position was trimmed; 0 if none ever was
        last: The newest position of `events`; 0 if there is none
        last_control: The newest position of `control`; 0 if there is none
        now: The engine's clock, in seconds: `now - entry.at` is an entry's age
    """
    epoch: str
    first: int
    last: int
    last_control: int
    now: float

class Gap(BackplaneError):
    """An event after the requested position was trimmed"""
    first: int
    def __init__(self, name: str, first: int) -> None:
        """
        Args:
            name: The engine's name, for the message
            first: No event after this position was trimmed
        """

class Unable(BackplaneError):
    """The engine refuses events at present: it is full, locked, read-only, starting, or at another address"""

class Backplane(Protocol):
    """A store that orders the events of several processes and keeps the newest of them

    Attributes:
        name: Kind and address for logs, without a password
        max_bytes: The largest body, set by `open`
    """
    name: str
    max_bytes: int | None
    async def open(self, limits: Limits) -> Opened:
        """Connect, and return the state of the engine

        Args:
            limits: How much the engine keeps

        Returns:
            The state of the engine
        """
    async def publish(self, publications: Sequence[Publication]) -> list[int]:
        """Give `publications` their positions, all or none

        Args:
            publications: In the order of their positions

        Returns:
            Their positions
        """
    async def read(self, after: Mapping[str, int], count: int=500, wait: float=0) -> list[Entry]:
        """Return the entries after the given positions

        Args:
            after: The last known position of each channel
            count: Maximum entries of a channel
            wait: Seconds to wait for the first

        Returns:
            Each channel in order; empty if none came in time
        """
    async def retained(self) -> list[Entry]:
        """Return the newest retained entry of each key

        Returns:
            Oldest first
        """
    async def new_epoch(self, epoch: str) -> str:
        """Set a new epoch if the stored one is still `epoch`

        Args:
            epoch: The epoch to end

        Returns:
            The epoch that holds now
        """
    async def put_node_info(self, node: str, body: bytes) -> None:
        """Store information about `node`

        Args:
            node: Id of a process
            body: JSON; replaces the node's former value
        """
    async def node_info(self) -> dict[str, bytes]:
        """Return the information about all nodes

        Returns:
            By node
        """
    async def drop_node_info(self, node: str) -> None:
        """Remove the information about `node`, if there is any

        Args:
            node: Id of a process that has ended
        """
    async def close(self) -> None:
        """Release everything that `open` created"""

def backplane_from_url(url: str, time: Time=...) -> Backplane:
    """Return the adapter for `url`.

    Raises `ValueError` for a URL without an adapter, and `BackplaneError` if the adapter's package is missing.

    Args:
        url: Such as `sqlite:///path/to/file.db` or `redis://localhost:6379/0`
        time: Clock and source of epochs for the adapter

    Returns:
        Not open yet
    """
