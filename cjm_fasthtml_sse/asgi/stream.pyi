# Written by `make export` from the module beside this file: do not edit.
from collections.abc import AsyncIterable
from collections.abc import Awaitable
from collections.abc import Callable
from starlette.types import Message
from starlette.types import Receive
from starlette.types import Send
from typing import Any

__all__ = ['Stream', 'FrameStream']

class Stream:
    """One open response, written through the server's `send`

    Attributes:
        send_timeout: seconds that one send may wait for the client
        server_send: None before the stream begins and after it is over
        wrap_send: called when the stream begins; the result has `end`
        cycle: uvicorn's object of the response, if its body can be written as chunks
    """
    send_timeout: float
    server_send: Send | None
    wrap_send: Callable[[Stream, Send], Any] | None
    cycle: Any
    def take(self) -> bytes:
        """Return the next bytes; defined by a kind of stream

        Returns:
            Empty if none wait
        """
    def take_more(self) -> bytes:
        """Return the bytes that a writer sends next

        Returns:
            Empty if none wait, or if `flush` will be called for them
        """
    def on_close(self, reason: str) -> None:
        """Handle the end of the stream; defined by a kind of stream

        Args:
            reason: `left`, or the reason of a drop
        """
    async def discard(self) -> None:
        """Close a stream that has not begun"""
    async def on_finish(self) -> None:
        """Finish the work that is left before the request's task returns"""
    def flush(self) -> None:
        """Move waiting bytes to the server, without waiting"""
    def send_now(self, body: bytes, last: bool=False) -> None:
        """Send `body`, and take the first step here if that is safe

        Args:
            body: Bytes to send, while no writer is at work
            last: Whether the response ends with them
        """
    async def finish_send(self, message: Message, started: Awaitable[Any] | None=None) -> bool:
        """Send `message`, or await its `started` send, within `send_timeout`; False if the stream is over

        Args:
            message: ASGI message
            started: Its send, if that has begun

        Returns:
            False if the stream is over
        """
    def end(self, closing_frame: bytes=b'') -> None:
        """End the response after `closing_frame`; abort it if the client does not read that in time

        Args:
            closing_frame: The last frames
        """
    def abort(self, reason: str) -> None:
        """End the stream without a closing frame, and free the bytes buffered for it

        Args:
            reason: Shown in the log and the counts
        """
    def send_failed(self) -> None:
        """Abort the stream after an exception of the server's `send`, which is no failure if the client has left"""
    async def run(self, receive: Receive, send: Send) -> None:
        """Stream until the client, the server or the application ends the response

        Args:
            receive: Returns a message when the client has disconnected
            send: Takes the body; the start of the response was already sent
        """
    def start(self) -> None:
        """Send the first bytes; called once the response has begun"""

class FrameStream(Stream):
    """A stream that sends the frames of an async iterator"""
    frames: AsyncIterable[str | bytes]
    def __init__(self, frames: AsyncIterable[str | bytes]) -> None:
        """
        Args:
            frames: Whole frames
        """
    def start(self) -> None:
        """Read the frames in a task that `run` owns"""
    def end(self, closing_frame: bytes=b'') -> None:
        """Stop reading frames, and end the response after `closing_frame`

        Args:
            closing_frame: The last frames
        """
    async def on_finish(self) -> None:
        """Close the source, once"""
    async def discard(self) -> None:
        """Close the source of a stream that has not begun"""
