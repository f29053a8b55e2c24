# Written by `make export` from the module beside this file: do not edit.
from cjm_fasthtml_sse.testing.browser import Browser
from cjm_fasthtml_sse.testing.checks import Broadcast
from cjm_fasthtml_sse.testing.engine import TestEngine
from cjm_fasthtml_sse.testing.server import Clock
from cjm_fasthtml_sse.testing.server import Server
from cjm_fasthtml_sse.testing.serving import Worker
from cjm_fasthtml_sse.testing.tab import Tab
from collections.abc import Callable
from collections.abc import Coroutine
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from starlette.applications import Starlette
from typing import Any

__all__ = ['World', 'live']

class World:
    """An application in a test's hands; a context manager

    Attributes:
        clock: Its time
        server: Its workers
        engine: What several workers share
    """
    clock: Clock
    server: Server
    engine: TestEngine | None
    patience: float
    def __init__(self, app: Any, workers: int=1, engine: str | TestEngine | None=None, *, seed: int=0, block_limit: float=0.5, patience: float=60.0) -> None:
        """
        Args:
            app: `'module:app'`, a function that makes the app, or the app
            workers: Number of workers
            engine: `sqlite:///path`, or None for one in memory where one is needed
            seed: Of everything random: the same seed draws the same delays and names
            block_limit: Seconds of real time that one callback may take
            patience: Seconds of virtual time within which an answer must come
        """
    def __enter__(self) -> World: ...
    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None: ...
    def take_over(self, worker: Worker) -> None:
        """Give the managers of a worker the time of the world, and an engine if they need one

        Args:
            worker: Worker that has not started
        """
    def cut_engine(self, worker: Worker) -> None:
        """End the engine's connections of a worker

        Args:
            worker: Worker that dies
        """
    def do(self, coroutine: Coroutine) -> Any:
        """Run `coroutine` until everything is quiet; raises its exception, or the first problem of the application

        Args:
            coroutine: Such as `manager.broadcast(…)`

        Returns:
            Its result
        """
    def call(self, function: Callable[[], Any]) -> Any:
        """Call `function` on the loop until everything is quiet

        Args:
            function: Function without arguments

        Returns:
            Its result
        """
    def check(self) -> None:
        """Raise the first problem of the application, if there is one"""
    def spawn(self, coroutine: Coroutine) -> None:
        """Run `coroutine` beside the verbs

        Args:
            coroutine: What a page starts by itself
        """
    @property
    def app(self) -> Starlette:
        """
        Returns:
            That of the first worker; raises `ValueError` if none runs
        """
    def browser(self, *, user: Any=None, session: Mapping[str, Any] | None=None, cookies: Mapping[str, str] | None=None, headers: Mapping[str, str] | None=None) -> Browser:
        """Make a browser, whose tabs share cookies, a line and connections

        Args:
            user: User: `auth` in the session
            session: Session of the application
            cookies: Cookies
            headers: Sent with each request

        Returns:
            Without tabs
        """
    def tab(self, path: str='/', *, worker: int | None=None, htmx: int | None=None, names: Iterable[str]=..., **who: Any) -> Tab:
        """Open a page in a browser of its own

        Args:
            path: Path and query of the page
            worker: Number of the worker that answers; None for the next in turn
            htmx: Major version; None to find it in the page
            names: Events that scripts of the page take
            who: As for `browser`: `user`, `session`, `cookies`, `headers`

        Returns:
            Once its streams are open
        """
    def open_tab(self, browser: Browser, path: str, *, worker: int | None=None, htmx: int | None=None, names: Iterable[str]=...) -> Tab:
        """Open a page in a tab of `browser`

        Args:
            browser: Browser in which it is opened
            path: Path and query of the page
            worker: Number of the worker that answers; None for the next in turn
            htmx: Major version; None to find it in the page
            names: Events that scripts of the page take

        Returns:
            Once its streams are open
        """
    def settled(self) -> None:
        """Wait until everything is quiet, and pages show what other programs have written to the tables of regions

        Args:
            self: For what happens outside of verbs: in a thread of the test, or in another program
        """
    def expected(self, *kinds: type[BaseException] | str) -> Any:
        """Expect mistakes of the application inside the block

        Args:
            kinds: Each an exception's class, a kind of `Problem`, or a pattern for its text

        Returns:
            A context manager; it returns a list of the problems
        """
    def broadcasts(self, type: str | None=None, topic: str | None=None) -> list[Broadcast]:
        """Return what the application has sent

        Args:
            type: Type of the events; None for any
            topic: Topic; None for any

        Returns:
            In order
        """
    @contextmanager
    def assert_broadcasts(self, count: int=1, *, type: str | None=None, topic: str | None=None) -> Iterator[list[Broadcast]]:
        """Assert that the block sends `count` events

        Args:
            count: How many
            type: Type of the events; None for any
            topic: Topic; None for any

        Returns:
            Filled at the end of the block
        """
    def assert_no_broadcasts(self, **which: str | None) -> Any:
        """Assert that the block sends nothing

        Returns:
            `type` and `topic`, as for `assert_broadcasts`
        """
    def assert_in_step(self, *tabs: Any) -> None:
        """Assert that tabs show the same, and what a freshly loaded page shows

        Args:
            tabs: Tabs that show the same; and then a CSS selector of what they share, or nothing for the whole body
        """
    def assert_fresh(self, tab: Any, css: str | None=None) -> None:
        """Assert that a tab shows what a freshly loaded page shows

        Args:
            tab: The tab
            css: CSS selector of the part to compare; None for the whole body
        """
    def assert_private(self, tab: Any, text: str) -> None:
        """Assert that a text never crossed the line of a tab's browser, in any form

        Args:
            tab: The tab that may not see it
            text: The text
        """

def live(app: Any, workers: int=1, engine: str | TestEngine | None=None, **settings: Any) -> World:
    """Return a world that runs an application

    Args:
        app: `'module:app'`, a function that makes the app, or the app
        workers: Number of workers
        engine: `sqlite:///path`, or None for one in memory where one is needed
        settings: As for `World`: `seed`, `block_limit`, `patience`

    Returns:
        A context manager
    """
