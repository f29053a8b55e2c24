# Written by `make export` from the module beside this file: do not edit.
from cjm_fasthtml_sse.testing.serving import Exchange
from cjm_fasthtml_sse.testing.serving import Worker
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from starlette.datastructures import Headers
from typing import Any

__all__ = ['Answer', 'LineLost', 'Browser']

@dataclass(frozen=True)
class Answer:
    """The answer to a request

    Attributes:
        status: HTTP status
        url: Path and query, after redirects
        headers: Header fields
        text: Body
        error: What the handler raised
    """
    status: int
    url: str
    headers: Headers
    text: str
    error: BaseException | None = None
    def json(self) -> Any:
        """Return the body, read as JSON

        Returns:
            Raises `ValueError` for other text
        """

class LineLost(ConnectionError):
    """The line of a browser is down"""

class Browser:
    """Tabs that share cookies, a line and connections"""
    world: Any
    def __init__(self, world: Any, session: Mapping[str, Any] | None=None, cookies: Mapping[str, str] | None=None, headers: Mapping[str, str] | None=None) -> None:
        """
        Args:
            world: The world that it belongs to
            session: Session of the application
            cookies: Further cookies
            headers: Sent with each request
        """
    def tab(self, path: str='/', **settings: Any) -> Any:
        """Open a page in another tab of this browser

        Args:
            path: Path and query of the page
            settings: As for `World.tab`: `worker`, `htmx`, `names`

        Returns:
            The tab, once it is quiet
        """
    def send(self, worker: Worker, method: str, url: str, headers: Mapping[str, str], body: bytes, on_message: Callable[[Exchange, dict], None]) -> Exchange:
        """Start a request

        Args:
            worker: Worker that answers
            method: Such as `POST`
            url: Path and query
            headers: Header fields, beside those of the browser
            body: Body
            on_message: Called with each part of the answer, and its end

        Returns:
            Also if the line is down: it is then lost at once
        """
    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call a function later

        Args:
            seconds: Of virtual time
            call: Function without arguments
        """
    def lose_line(self) -> None:
        """Break all connections, and open none"""
    async def fetch(self, worker: Worker, method: str, url: str, headers: Mapping[str, str] | None=None, body: bytes=b'') -> Answer:
        """Send a request and return the answer, after redirects; raises `LineLost`

        Args:
            worker: Worker that answers
            method: Such as `POST`
            url: Path and query
            headers: Header fields, beside those of the browser
            body: Body

        Returns:
            The last of a chain of redirects
        """
