# Written by `make export` from the module beside this file: do not edit.
from cjm_fasthtml_sse.backplanes.base import Backplane
from cjm_fasthtml_sse.runtime.time import Time
from typing import Any

__all__ = ['Publisher']

class Publisher:
    """Publishes to a backplane from outside of a web server"""
    timeout: float
    max_event_bytes: int
    def __init__(self, url: str | Backplane, timeout: float=10.0, max_event_bytes: int=..., time: Time=...) -> None:
        """
        Args:
            url: The backplane, as for `BroadcastManager`
            timeout: Seconds to retry an event or a connection before an error
            max_event_bytes: Maximum bytes of JSON of an event
            time: Clock, random delays and random names
        """
    async def __aenter__(self) -> Publisher: ...
    async def __aexit__(self, *_: Any) -> None: ...
    async def close_async(self) -> None:
        """Close the backplane; the next publication connects again"""
    async def publish_async(self, message_type: str, data: Any, metadata: dict[str, Any] | None=None, exclude: set[str] | None=None, *, topic: str | None=None, key: str | None=None, retain: bool=False) -> str:
        """Publish an event, and return once it has its position.

        Raises `FrameError` and `ValueError` as `broadcast` does, and `BackplaneError` if it could not be sent.

        Args:
            message_type: The event's type
            data: As for `broadcast`
            metadata: Data for the application
            exclude: Ids of connections that do not get the event
            topic: Topic of the event; None for all subscribers
            key: Replaces older events of this topic and key that a reader has not received yet
            retain: Whether new subscribers get the newest event of this key

        Returns:
            The event's id, or perhaps a slightly later one if the event was sent twice
        """
    def publish(self, message_type: str, data: Any, metadata: dict[str, Any] | None=None, exclude: set[str] | None=None, *, topic: str | None=None, key: str | None=None, retain: bool=False) -> str:
        """Publish an event from any thread; block until it has its position, for `timeout` at most

        Args:
            message_type: The event's type
            data: As for `broadcast`
            metadata: Data for the application
            exclude: Ids of connections that do not get the event
            topic: Topic of the event; None for all subscribers
            key: Replaces older events of this topic and key that a reader has not received yet
            retain: Whether new subscribers get the newest event of this key

        Returns:
            The event's id
        """
    def __enter__(self) -> Publisher: ...
    def __exit__(self, *_: Any) -> None: ...
    async def touch_async(self, *names: str) -> list[str]:
        """Render again what depends on `names`; raises `ValueError` for a bad name, `BackplaneError` if it was not sent

        Args:
            names: Names that live regions depend on

        Returns:
            Ids of the touches
        """
    def touch(self, *names: str) -> list[str]:
        """Do the same from any thread; block until they have their positions

        Args:
            names: Names that live regions depend on

        Returns:
            Ids of the touches
        """
    def close(self) -> None:
        """End the thread and close the backplane; may be called twice"""
