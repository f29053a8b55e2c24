# Written by `make export` from the module beside this file: do not edit.
from collections.abc import AsyncGenerator
from collections.abc import Callable
from dataclasses import dataclass
from fastcore.xml import FT
from typing import Any

__all__ = ['SWAP_MODES', 'StreamConfig', 'SSEStream', 'OOBStreamBuilder']

@dataclass
class StreamConfig:
    """Heartbeats, limits, and first and last messages of a stream

    Attributes:
        heartbeat_interval: Seconds of silence before a heartbeat comment; 0 turns heartbeats off
        timeout: Seconds until the stream is cut off; None for no limit
        send_initial_message: Whether a comment is sent before the first item
        initial_message: Text of that comment
        send_close_message: Whether a comment is sent at the end
        close_message: Text of that comment
        debug: Whether the start and end of each stream are logged
        close_event: Event after which a page does not reconnect; None: not sent
    """
    heartbeat_interval: float = 30.0
    timeout: float | None = None
    send_initial_message: bool = True
    initial_message: str = 'Connected'
    send_close_message: bool = True
    close_message: str = 'Connection closed'
    debug: bool = False
    close_event: str | None = ...

class SSEStream:
    """Items of any source as the frames of one stream

    Attributes:
        config: The settings
    """
    config: StreamConfig
    def __init__(self, config: StreamConfig | None=None) -> None:
        """
        Args:
            config: Settings; None for the defaults
        """
    def stream(self, data_source: Any, transform_fn: Callable[[Any], Any] | None=None) -> AsyncGenerator[str, None]:
        """Read `data_source` to its end, one frame for each item, and close it

        Args:
            data_source: Async or sync iterable, generator or queue, or a function (sync or async) that returns one
            transform_fn: Changes an item, sync or async; None leaves the item out

        Returns:
            Frames, for a `StreamingResponse` or FastHTML's `EventStream`
        """
    def stop(self) -> None:
        """End all streams of this object immediately; callable from any task or thread"""

SWAP_MODES: tuple[str, ...]

class OOBStreamBuilder:
    """Elements with their targets, for one event

    Attributes:
        elements: With their targets as attributes
    """
    elements: list[Any]
    def __init__(self) -> None: ...
    def add_element(self, element: Any, target_id: str | None=None, swap_mode: str='innerHTML', wrap: bool=True) -> OOBStreamBuilder:
        """Add one element; raise `ValueError` for an invalid id or mode

        Args:
            element: Element, text, or a list of them; never changed
            target_id: Id of the element to swap; None adds `element` without a target
            swap_mode: htmx swap mode, one of `SWAP_MODES`
            wrap: Whether `element` is content for the target; False if it represents the target

        Returns:
            The builder, for chaining
        """
    def add_elements(self, elements: list[Any]) -> OOBStreamBuilder:
        """Add several elements, or none and raise `ValueError` with the index of the wrong one

        Args:
            elements: Elements, or tuples of one to four parts: (element, target_id, swap_mode, wrap)

        Returns:
            The builder, for chaining
        """
    def build(self) -> FT:
        """Return the content of one event

        Returns:
            A `Div` of all elements, even for one or none
        """
    def clear(self) -> OOBStreamBuilder:
        """Remove all elements

        Returns:
            The builder, for chaining
        """
