# Written by `make export` from the module beside this file: do not edit.
from typing import Any

__all__ = ['CLOSE_EVENT', 'RETRY_RANGE', 'MAX_DEPTH', 'SSEError', 'FrameError', 'ConnectionClosed', 'ConnectionRefused', 'BackplaneError', 'encode_frame', 'encode_comment', 'is_markup', 'validate', 'render_html', 'to_json']

CLOSE_EVENT: str

RETRY_RANGE: tuple[int, int]
"""least and most milliseconds before a closed client reconnects"""

class SSEError(Exception):
    """Root of all errors that this package raises"""

class FrameError(SSEError, ValueError):
    """A name, an id or data that cannot be sent in a frame"""

class ConnectionClosed(SSEError):
    """The connection has ended and its queue is empty"""

class ConnectionRefused(SSEError):
    """A refused request; `status` is the HTTP status, `passing` whether a retry may succeed"""
    passing: bool
    status: int
    def __init__(self, reason: str, status: int=400, passing: bool=False) -> None:
        """
        Args:
            reason: One sentence for the client
            status: HTTP status code of the response
            passing: Whether the same request may succeed soon; always true for 429 and 503
        """

class BackplaneError(SSEError):
    """The backplane failed or cannot be reached; `doubtful` if it may still have the event"""
    doubtful: bool
    def __init__(self, reason: str, doubtful: bool=False) -> None:
        """
        Args:
            reason: One sentence, without a password
            doubtful: Whether it is unknown if the event was published
        """

def encode_frame(data: str | None=None, event: str | None=None, id: str | None=None, retry: int | None=None, topic: str | None=None, echo: str | None=None) -> bytes:
    """Encode one event as bytes.

    Raise `FrameError` for CR, LF or NUL in any text but `data`, for a `retry` that is not a whole number or that
    stands alone, for text that is not valid Unicode, and for an empty frame. Format: WHATWG HTML 9.2.5.

    Args:
        data: Text of the event; None for a frame that only moves the cursor or names an event
        event: Event name; clients use `message` if there is none
        id: Id that a client returns as `Last-Event-ID`
        retry: Milliseconds before a client reconnects
        topic: Topic of the event, for tabs that share a stream; other clients ignore it
        echo: Names the tab that does not show the event; other clients ignore it

    Returns:
        The frame as UTF-8, with its closing blank line
    """

def encode_comment(text: str) -> bytes:
    """Encode a comment

    Args:
        text: Text of the comment; each of its lines becomes a comment line

    Returns:
        Bytes that every client ignores
    """

MAX_DEPTH: int
"""levels of nesting; deeper data is a mistake or contains itself"""

def is_markup(value: Any) -> bool:
    """Return whether `value` renders itself to HTML

    Args:
        value: Any value

    Returns:
        Whether it is an FT element or another object that renders itself to HTML
    """

def validate(data: Any, path: str='data', depth: int=0) -> Any:
    """Return a copy of `data`; raise `FrameError` with the path of a value that cannot be sent

    Args:
        data: Data from a caller
        path: Path of the data, for error messages
        depth: Depth of nesting

    Returns:
        A copy of all dicts and lists, safe to keep
    """

def render_html(element: Any) -> str:
    """Render `element` by FastHTML's rules: text in an element is escaped, a plain string is HTML as it is

    Args:
        element: An element, a list or tuple of them, or text

    Returns:
        HTML, on one line if the element allows it
    """

def to_json(data: Any) -> str:
    """Encode `data` as JSON that is inert in a page

    Args:
        data: Data that `validate` accepts

    Returns:
        JSON without `<`, `>` and `&`
    """
