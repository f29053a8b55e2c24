# Written by `make export` from the module beside this file: do not edit.
from cjm_fasthtml_sse.runtime.time import Time
from dataclasses import dataclass
from typing import Any
from typing import NamedTuple

__all__ = ['BroadcastMessage', 'Event', 'Record', 'make_record', 'encode_record', 'decode_record']

@dataclass
class BroadcastMessage:
    """Standard broadcast message format for SSE communication

    Attributes:
        type: Type of the event, defined by the application
        data: JSON values, elements and dates
        timestamp: ISO 8601, in the server's local time
        metadata: Further values of the application, sent with the message
        id: Id in the log; None for a message to one connection
    """
    type: str
    data: dict[str, Any]
    timestamp: str = ...
    metadata: dict[str, Any] | None = None
    id: str | None = None
    def to_dict(self) -> dict[str, Any]:
        """Return `type`, `data`, `timestamp` and `metadata`, with elements as HTML and dates as ISO 8601

        Returns:
            Dictionary representation of the message
        """
    def to_json(self) -> str:
        """Return JSON of `to_dict`, with `<`, `>` and `&` escaped so that it is inert in a page

        Returns:
            JSON string representation of the message
        """
    def to_sse(self, event_type: str | None='message') -> str:
        """Return the message as one frame; raise `FrameError` for an `event_type` with a line break or a reserved prefix

        Args:
            event_type: SSE event type for the message; None for an event without a name

        Returns:
            SSE formatted message string
        """

@dataclass(slots=True, eq=False)
class Event:
    """A message with its position in the log

    Attributes:
        position: Order of the events; gaps have no meaning
        id: Id for clients; None for a message to one connection
        message: Message that was sent
        json: The message as JSON
        topic: Topic; None for all subscribers
        key: A newer event of the same topic and key replaces this one
        exclude: Ids of connections that do not get it
        added_at: Time of appending in seconds, by the log's clock
        size: Bytes, including frames
        frames: Frames by renderer
        length: Bytes of its JSON
        superseded: Connections excluded by all newer events of its key; None if none
        echo: Echoes of the tab that caused it, which does not show it; None if each tab does
    """
    position: int
    id: str | None
    message: BroadcastMessage
    json: str
    topic: str | None = None
    key: str | None = None
    exclude: frozenset[str] = ...
    added_at: float = 0.0
    size: int = 0
    frames: dict[Any, bytes | None] = ...
    length: int = 0
    superseded: frozenset[str] | None = None
    echo: str | None = None
    def excluded_for(self, connection_id: str) -> bool:
        """Return whether `connection_id` is excluded, or gets a newer event of this key

        Args:
            connection_id: Id of a connection

        Returns:
            Whether the connection does not get this event
        """
    def head(self, marks: str) -> bytes:
        """Return the fields that a frame with an id has and one without does not

        Args:
            marks: End of the id

        Returns:
            To be put before a frame without an id
        """

class Record(NamedTuple):
    """A checked event without a position

    Attributes:
        type: Type of the event, defined by the application
        data: Result of `wire.validate`
        timestamp: ISO 8601
        metadata: Further values of the application
        topic: Topic; None for all subscribers
        key: Replaces older events of its topic and key
        retain: Whether new subscribers get the event
        exclude: Ids of connections that do not get it
        json: The message as JSON
        echo: Echoes of the tab that caused it, separated by a space
    """
    type: str
    data: Any
    timestamp: str
    metadata: dict[str, Any] | None = None
    topic: str | None = None
    key: str | None = None
    retain: bool = False
    exclude: frozenset[str] = ...
    json: str | None = None
    echo: str | None = None

def make_record(message_type: str, data: Any, metadata: dict[str, Any] | None=None, exclude: set[str] | str | None=None, topic: str | None=None, key: str | None=None, retain: bool=False, max_event_bytes: int=..., time: Time=...) -> Record:
    """Check an event; raise `FrameError` for data that cannot be sent, `ValueError` for a bad type, topic or key

    Args:
        message_type: Non-empty text that is valid as an event name
        data: JSON values, elements and dates
        metadata: Further values of the same kinds
        exclude: Ids of connections that do not get the event
        topic: Topic without a star
        key: Non-empty text
        retain: Whether new subscribers get the event; needs a key
        max_event_bytes: Most bytes of its JSON
        time: Clock for the timestamp

    Returns:
        A copy of all values, with its JSON
    """

def encode_record(record: Record, publisher: str, number: int) -> bytes:
    """Encode a record for transport between processes

    Args:
        record: Record to send; its JSON is made if missing
        publisher: Name of the publisher
        number: Number of the record, counted by the publisher

    Returns:
        UTF-8: a line of JSON, then the message
    """

def decode_record(body: bytes) -> tuple[str, int, Record]:
    """Decode a record; raise `BackplaneError` if `body` is not one

    Args:
        body: Result of `encode_record`, from any process

    Returns:
        Publisher, number, and the record
    """
