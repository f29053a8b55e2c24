# Written by `make export` from the module beside this file: do not edit.
from cjm_fasthtml_sse.events.log import Log
from cjm_fasthtml_sse.events.record import BroadcastMessage
from cjm_fasthtml_sse.events.record import Event
from cjm_fasthtml_sse.runtime.time import Time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ['Renderer']

@dataclass(slots=True)
class Counters:
    """Counts of the mailboxes, streams and renderers of one manager

    Attributes:
        resets: `sse-reset` events sent
        render_failures: Events that a renderer failed to render
        replays: Readers that reconnected and continued from the log
        frames: Frames handed to the server
        sends: Sends of one or more frames
        bytes: Bytes of these sends
    """
    resets: int = 0
    render_failures: int = 0
    replays: int = 0
    frames: int = 0
    sends: int = 0
    bytes: int = 0
    def clear(self) -> None: ...

class Renderer:
    """One form of events, shared by all subscribers of a route"""
    builder: Callable[[str, Any], Any] | None
    named: bool
    def __init__(self, builder: Callable[[str, Any], Any] | None=None, named: bool=False, counters: Counters | None=None, time: Time=...) -> None:
        """
        Args:
            builder: Makes elements of type and data; None for JSON
            named: Whether each event is sent under its type, so that a page can select by name
            counters: Counters for failures
            time: Clock for the pauses between two log lines about failures
        """
    def frame(self, event: Event, log: Log, with_id: bool=True) -> bytes | None:
        """Return the frame of `event`, rendered on the first call

        Args:
            event: Event of `log`
            log: Log that counts the bytes
            with_id: False for a frame that does not move a reader's cursor

        Returns:
            The frame, or None if the route does not show this event
        """
    def render(self, message: BroadcastMessage, json: str, id: str | None=None, topic: str | None=None, echo: str | None=None) -> bytes | None:
        """Render a message without storing the frame; raise `RenderError` if the builder fails

        Args:
            message: Message to render
            json: The message as JSON
            id: Id of the frame
            topic: Topic of the frame
            echo: Echoes of the frame

        Returns:
            The frame, or None if the builder shows nothing
        """
