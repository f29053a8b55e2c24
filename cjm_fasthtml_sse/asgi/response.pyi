# Written by `make export` from the module beside this file: do not edit.
from cjm_fasthtml_sse.asgi.stream import Stream
from collections.abc import AsyncIterable
from collections.abc import Callable
from collections.abc import Mapping
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.types import ASGIApp
from starlette.types import Receive
from starlette.types import Scope
from starlette.types import Send
from typing import Any

__all__ = ['StreamMiddleware', 'bypass_middleware', 'SSEResponse']

class StreamMiddleware:
    """The outermost layer of an application, which runs the streams that bypass the others"""
    app: ASGIApp
    def __init__(self, app: ASGIApp) -> None:
        """
        Args:
            app: The application with all its middleware
        """
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

def bypass_middleware(app: Starlette) -> None:
    """Let the streams of `app` bypass its middleware once they have started

    Args:
        app: A FastHTML or Starlette application
    """

class SSEResponse(Response):
    """An event stream as a response

    Attributes:
        background: What is awaited when the stream has ended
    """
    background: Any
    content: AsyncIterable[str | bytes] | Callable[[Scope], Stream]
    def __init__(self, content: AsyncIterable[str | bytes] | Callable[[Scope], Stream], headers: Mapping[str, str] | None=None, background: Callable[[], Any] | None=None) -> None:
        """
        Args:
            content: Frames, or a function that opens a stream
            headers: Added to the headers that keep proxies from buffering
            background: Awaited when the stream has ended, as in Starlette
        """
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...
