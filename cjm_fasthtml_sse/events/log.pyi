# Written by `make export` from the module beside this file: do not edit.
from cjm_fasthtml_sse.events.record import BroadcastMessage
from cjm_fasthtml_sse.events.record import Event
from cjm_fasthtml_sse.runtime.time import Time
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ['Replay', 'Log']

@dataclass(frozen=True)
class Replay:
    """Limits on the events that a log keeps

    Attributes:
        max_events: Events kept for readers to resume from
        max_bytes: Bytes of these events, with their rendered frames
        max_age: Seconds that an event is kept; None for no limit
        max_retained: Retained keys; the key updated least recently is removed first
        max_retained_bytes: Bytes of retained events, in addition to `max_bytes`
    """
    max_events: int = 10000
    max_bytes: int = ...
    max_age: float | None = None
    max_retained: int = 1000
    max_retained_bytes: int = ...

class Log:
    """The newest events in one order, within limits

    Attributes:
        epoch: Begins the ids
        head: Position of the newest event
        event_count: Events in the log
        size: Bytes of them
    """
    epoch: str
    head: int
    event_count: int
    size: int
    replay: Replay
    may_lag: bool
    def __init__(self, replay: Replay=..., clock: Callable[[], float] | Time=..., *, epoch: str | None=None, may_lag: bool=False) -> None:
        """
        Args:
            replay: Limits on the events kept
            clock: Returns seconds, with any zero; or all of time and chance
            epoch: Epoch in the log's ids; None for a random one
            may_lag: Whether other processes may have read further than this log
        """
    def new(self, epoch: str | None=None) -> Log:
        """Return an empty log with the same limits, clock and `may_lag`

        Args:
            epoch: Epoch of the new log; None for a random one

        Returns:
            An empty log
        """
    def cursor(self) -> str:
        """Return the id of the newest event

        Returns:
            Names position 0 if the log has had no event
        """
    def append(self, message: BroadcastMessage, json: str | None=None, topic: str | None=None, key: str | None=None, retain: bool=False, exclude: frozenset[str]=..., *, echo: str | None=None, position: int | None=None, age: float=0.0) -> Event:
        """Append `message` at the next position

        Args:
            message: Message to send
            json: Its JSON, if the caller already has it
            topic: Topic; None for all subscribers
            key: Replaces the older event of this topic and key
            retain: Whether new readers get the newest event of this key
            exclude: Ids of connections that do not get the event
            echo: Echoes of the tab that caused the event
            position: Position from a backplane, beyond the head; None for the next one
            age: Seconds since the backplane assigned the position

        Returns:
            The event at its position
        """
    def trim(self) -> None:
        """Remove events that are over the limits, up to a fixed number"""
    def add_lost(self, topic: str | None, position: int) -> None:
        """Count an event that was lost before it reached the log as trimmed

        Args:
            topic: Topic of the event
            position: Position that the event had
        """
    def add_size(self, event: Event, size: int) -> None:
        """Count `size` more bytes for `event` while the log holds it

        Args:
            event: Event that was rendered
            size: Bytes that it has grown by
        """
    def replace_with(self, other: Log) -> None:
        """Take over all events of `other`, its epoch and its head

        Args:
            other: A log with the same limits; do not use it afterwards
        """
    def new_epoch(self) -> None:
        """Start a new epoch and rename the events, unless the epoch was given"""
    def position_of(self, id: str | None) -> int | None:
        """Read an id that this log issued

        Args:
            id: Id from a client

        Returns:
            Position, or None if this log did not issue the id
        """
    def parse_id(self, id: str | None) -> int | None:
        """Read an id of this epoch, which another process may have issued

        Args:
            id: Id from a client

        Returns:
            Position, possibly beyond the head, or None if the id is of another epoch
        """
    def marks(self, id: str | None) -> frozenset[str]:
        """Return the marks of an id

        Args:
            id: Id from a client

        Returns:
            Empty for an id of another epoch
        """
    def resume(self, last_event_id: str | None, topics: Iterable[str]=...) -> Resume:
        """Decide where a reader with `last_event_id` continues

        Args:
            last_event_id: Last id that the reader received; None or empty for a new reader
            topics: Topics and patterns of the reader

        Returns:
            Position to continue from
        """
    def read(self, after: int, topics: frozenset[str]=..., count: int=100, size: int=...) -> tuple[list[Event], int]:
        """Return the next events after `after` for a reader of `topics`

        Args:
            after: Last position that the reader has
            topics: Topics and patterns of the reader
            count: Events in a batch
            size: Bytes after which a batch is full

        Returns:
            The batch, and the position up to which it is complete
        """
    def of_topic(self, topic: str) -> list[Event]:
        """Return the events that match `topic`

        Args:
            topic: Topic or pattern

        Returns:
            Oldest first
        """
    def latest(self, count: int) -> list[Event]:
        """Return the newest events of all topics

        Args:
            count: Most events to return

        Returns:
            Oldest first
        """
    def lag(self, after: int) -> tuple[int, float]:
        """Return how far a position is behind the head of the log

        Args:
            after: Last position that a reader has

        Returns:
            Unread events in the log, and seconds since the first of them was appended
        """

class Resume(NamedTuple):
    """Position to continue from, and why the reader must be reset

    Attributes:
        position: Last position that the reader has
        reason: `unknown` or `expired` if the reader missed something
    """
    position: int
    reason: str | None = None
