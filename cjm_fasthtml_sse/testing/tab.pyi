# Written by `make export` from the module beside this file: do not edit.
from bs4 import BeautifulSoup
from cjm_fasthtml_sse.testing.browser import Answer
from cjm_fasthtml_sse.testing.browser import Browser
from cjm_fasthtml_sse.testing.page import TabEvent
from cjm_fasthtml_sse.testing.stream import TabStream
from collections.abc import Coroutine
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

__all__ = ['Tab']

class Tab:
    """A tab of a browser, with a page of the application

    Attributes:
        events: All that it has received, of all pages
    """
    events: list[TabEvent]
    world: Any
    browser: Browser
    def __init__(self, world: Any, browser: Browser, worker: Any, htmx: int | None=None, names: Iterable[str]=...) -> None:
        """
        Args:
            world: World that it belongs to
            browser: Browser that it is a tab of
            worker: Worker that answers
            htmx: Major version; None to find it in the page
            names: Events that scripts of the page take
        """
    @property
    def dom(self) -> BeautifulSoup:
        """
        Returns:
            The document, as it is now
        """
    @property
    def url(self) -> str:
        """
        Returns:
            Path and query of the page
        """
    @property
    def status(self) -> int:
        """
        Returns:
            HTTP status of the page
        """
    @property
    def state(self) -> str | None:
        """
        Returns:
            The worst state of its streams; None without streams
        """
    @property
    def resets(self) -> list[str]:
        """Return the reasons of all resets that the tab has received

        Returns:
            Empty if nothing was missed
        """
    def texts(self, css: str) -> list[str]:
        """Return the text of each element that matches

        Args:
            css: CSS selector

        Returns:
            With single spaces
        """
    def values(self, css: str) -> list[str]:
        """Return the values of the fields that match, as a form sends them

        Args:
            css: CSS selector of inputs, selects and textareas

        Returns:
            What a person sees in them, or has chosen
        """
    def html(self, css: str) -> str:
        """Return the HTML of an element, an element a line; raises `LookupError` if there are none or several

        Args:
            css: CSS selector of one element

        Returns:
            Without what htmx adds for its own use
        """
    def click(self, css: str, *, confirm: bool=True) -> None:
        """Click an element; raises `NotInKit` if nothing of htmx or HTML listens there

        Args:
            css: CSS selector of one element
            confirm: Answer to `hx-confirm`
        """
    def fill(self, css: str, value: Any, *, leave: bool=True) -> None:
        """Fill in a field, and let htmx know by `input` and `change`

        Args:
            css: CSS selector of one input, select or textarea
            value: What a person types or chooses; True or False for a checkbox
            leave: Whether the person then leaves the field, since `change` happens only then
        """
    def submit(self, css: str, *, confirm: bool=True, **fields: Any) -> None:
        """Submit a form, as its button does; raises `ValueError` for a field that it lacks

        Args:
            css: CSS selector of one form
            confirm: Answer to `hx-confirm`
            fields: Fields to fill in first, by name
        """
    def request(self, method: str, path: str, **fields: str) -> Answer:
        """Send a request with the cookies of the browser

        Args:
            method: Such as `POST`
            path: Path and query
            fields: Fields of the form or of the query

        Returns:
            As a script of the page would get it; nothing is swapped
        """
    def goto(self, path: str) -> None:
        """Open another page in this tab

        Args:
            path: Path and query of the page
        """
    def reload(self) -> None:
        """Load the page again"""
    def back(self) -> None:
        """Go back to the page before, as it was; raises `LookupError` if there is none"""
    def lose_line(self) -> None:
        """Break the line of the tab's browser: connections end, and no request gets through"""
    def regain_line(self) -> None:
        """Mend the line; the pages of the browser connect again at once, as on the event `online`"""
    def freeze(self) -> None:
        """Stop the page, as a browser does with one that was hidden for long or a computer that sleeps"""
    def thaw(self) -> None:
        """Let a frozen page go on"""
    def hide(self) -> None:
        """Put another tab in front; a page in the background goes on reading"""
    def show(self) -> None:
        """Put this tab in front; its page connects at once if it waits between two attempts"""
    def stop_reading(self) -> None:
        """Take no more bytes from the connections, which stay open, as a stalled computer does"""
    def start_reading(self) -> None:
        """Take bytes again"""
    def close(self) -> None:
        """Close the tab; closing it twice is no error"""
    @property
    def worker(self) -> Any:
        """The worker that answers this tab; another one if it has gone"""
    async def fetch(self, method: str, url: str, headers: Mapping[str, str], body: bytes=b'') -> Answer:
        """Send a request to the tab's worker; raises `LineLost`

        Args:
            method: Such as `POST`
            url: Path and query
            headers: Header fields, beside those of the browser
            body: Body

        Returns:
            After redirects
        """
    async def load(self, path: str, method: str='GET', body: bytes=b'', kind: str='') -> None:
        """Load a page; the one before stays in the history

        Args:
            path: Path and query of the page
            method: `GET`, or `POST` for a form
            body: Fields of the form, encoded
            kind: Content type of the body
        """
    def spawn(self, coroutine: Coroutine) -> None: ...
    def open_stream(self, owner: Any) -> TabStream:
        """Open a stream

        Args:
            owner: Subscription, or group of them, that reads it

        Returns:
            Not connected yet
        """
