# Written by `make export` from the module beside this file: do not edit.
from cjm_fasthtml_sse.events.log import Log
from cjm_fasthtml_sse.events.record import Event
from cjm_fasthtml_sse.events.renderer import Counters
from cjm_fasthtml_sse.events.renderer import Renderer
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ['MAX_SEND_BYTES', 'Delivery', 'Mailbox']

MAX_SEND_BYTES: int
"""bytes of one send, unless a single event is larger"""

@dataclass(frozen=True)
class Delivery:
    """Limits on the delivery of events to one subscriber

    Attributes:
        max_queue_bytes: Bytes that wait for one reader; an empty mailbox accepts any event
        max_send_bytes: Bytes after which no further event joins a send
        max_event_bytes: Bytes of JSON of one event
        overflow: For a reader whose events were trimmed: `reset` or `disconnect`
        send_timeout: Seconds that one send may wait for a reader
        retry_range: Least and most milliseconds before a closed stream reconnects
    """
    max_queue_bytes: int = ...
    max_send_bytes: int = ...
    max_event_bytes: int = ...
    overflow: str = 'reset'
    send_timeout: float = 30.0
    retry_range: tuple[int, int] = ...

class Mailbox:
    """The bounded queue of one reader

    Attributes:
        cursor: Position up to which the reader has all events
        behind: Whether it reads on from the log
        size: Bytes that wait here
    """
    cursor: int
    behind: bool
    size: int
    log: Log
    connection_id: str
    renderer: Renderer
    topics: frozenset[str]
    max_events: int
    delivery: Delivery
    def __init__(self, log: Log, connection_id: str, renderer: Renderer, topics: frozenset[str]=..., max_events: int=100, delivery: Delivery=..., counters: Counters | None=None, *, last_event_id: str | None=None, marks: Iterable[str]=..., regained: bool=False) -> None:
        """
        Args:
            log: Log to read from while the reader is behind
            connection_id: Id of the connection, for events that exclude some
            renderer: Renders the events
            topics: Topics and patterns of the reader
            max_events: Events that wait here; further events wait in the log
            delivery: Limits in bytes, and what happens if events were trimmed
            counters: Counters to update
            last_event_id: Last id that the reader received; None for a new reader
            marks: Marks of requested topics that the reader does not receive
            regained: Whether the reader now receives a topic that its last id lacks
        """
    def offer(self, event: Event) -> None:
        """Add `event`, or mark the reader as behind

        Args:
            event: Newest event of the log, not excluded for this reader
        """
    @property
    def ahead(self) -> bool:
        """Return whether the reader has received events that the log does not have yet

        Returns:
            Only if several processes share a backplane
        """
    def contents(self) -> list[Event | bytes]:
        """Return the events and frames that wait here

        Returns:
            Empty for a reader that is behind and has taken its last batch
        """
    def qsize(self) -> int:
        """Return how many events and frames wait here

        Returns:
            Number of events and frames
        """
    def has_more(self) -> bool:
        """Return whether events wait, here or in the log

        Returns:
            Whether to call `take`
        """
    def advance_if_idle(self) -> bool:
        """Move the cursor to the head of the log if nothing waits

        Returns:
            Whether the reader has all of its events
        """
    def reset(self, reason: str) -> None:
        """Queue an `sse-reset` and continue from the head of the log

        Args:
            reason: Reason, in the event's data
        """
    def put_private(self, frame: bytes) -> bool:
        """Add a frame that is in no log

        Args:
            frame: Frame for this reader alone

        Returns:
            False if the mailbox is full
        """
    def take(self, limit: int=...) -> bytes:
        """Return the next bytes; raise `ConnectionClosed` if events were trimmed and `overflow` is `disconnect`

        Args:
            limit: Bytes after which no further event is joined

        Returns:
            Joined frames; empty if nothing waits
        """
    def add_marks(self, marks: Iterable[str]) -> None:
        """Add marks to all later ids

        Args:
            marks: Marks from `marks.mark_of`
        """
    def put_reset(self) -> bool:
        """Add a reset in the place of a private frame that could not be rendered

        Returns:
            False if the mailbox is full
        """
    def restrict(self, topics: frozenset[str]) -> bool:
        """Read only `topics` from now on, and drop waiting events of other topics

        Args:
            topics: Topics and patterns that the reader keeps

        Returns:
            False if frames of unknown topics wait; nothing has changed then
        """
