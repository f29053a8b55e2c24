# Written by `make export` from the module beside this file: do not edit.
from cjm_fasthtml_sse.core.manager import BroadcastManager
from cjm_fasthtml_sse.live.markup import Gone
from cjm_fasthtml_sse.live.regions import RoomName
from cjm_fasthtml_sse.tables.databases import TableName
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import datetime
from typing import Any

__all__ = ['Live']

class Live:
    """The live regions of an application

    Attributes:
        manager: Orders the touches
    """
    manager: BroadcastManager
    def __init__(self, app: Any, db: Any=None, *, library: str | None=None, poll_interval: float=0.25, manager: BroadcastManager | None=None, prefix: str='/live', allow_origins: Iterable[str]=..., local: str | Mapping[str, str] | None=None, max_views: int=1000) -> None:
        """
        Args:
            app: A FastHTML app
            db: The database whose tables regions depend on: of fastlite, a connection, an engine, or a path
            library: With a path: what the application opens it with, `sqlite3` or `apsw`
            poll_interval: Seconds between two looks at the database where it cannot be watched
            manager: Orders the touches; None for one of its own
            prefix: URL prefix of its routes
            allow_origins: Other sites whose pages may show regions
            local: Where Idiomorph is, as in `sse_headers`; None: the CDN
            max_views: Views that one client may have in this process; more get 429
        """
    def region(self, *depends: Any, min_interval: float=0.1, every: float | None=None, timeout: float=10.0) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Make a function a region; raises `ValueError` for a bad name or time, or a second region of that name

        Args:
            depends: Names, which may have arguments in braces, tables, or `live.presence(…)`
            min_interval: Seconds between two renderings of a view at least, 0 or more
            every: Seconds after which it is rendered again while somebody looks; None for never
            timeout: Seconds after which a call has failed; the page then keeps what it shows

        Returns:
            A decorator
        """
    def presence(self, room: str) -> RoomName:
        """Count the pages of a region in `room`; a parameter `presence` of the function gets the result

        Args:
            room: Name of the room, which may have arguments in braces

        Returns:
            For `region`
        """
    def Gone(self, *content: Any) -> Gone:
        """Make what a region shows last: the view ends with it, for the page and for presence

        Args:
            content: Elements or text, shown in place of the region

        Returns:
            For a region to return
        """
    def touch(self, *names: str) -> list[Future]:
        """Render again what depends on `names`, in all processes; callable from any thread or task.

        While the engine takes no events, a touch is kept. Raises `ValueError` for a bad name.

        Args:
            names: Names that regions depend on

        Returns:
            Each is done when its touch has its place; nothing needs to wait for it
        """
    def until(self, time: datetime | float) -> None:
        """Render the region in which this is called again at `time`, unless that is over.

        Raises `RuntimeError` outside of a region, `ValueError` for a time that is not finite.

        Args:
            time: When the region changes: local or aware time, or seconds as of `time.time()`
        """
    def rows(self, table: Any, *, where: str | None=None, order_by: str | None=None, limit: int | None=None, empty: Any=None, min_interval: float=0.1, timeout: float=10.0) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Make a function of a row a region of all rows; raises `ValueError` for a table that cannot be followed

        Args:
            table: A table of the database
            where: Which rows: SQL; its `?` or `:name` are arguments of the call
            order_by: Their order: SQL
            limit: The most rows
            empty: Element that is shown if there are none
            min_interval: Seconds between two renderings of a view at least, 0 or more
            timeout: Seconds after which a rendering has failed; the page then keeps what it shows

        Returns:
            A decorator of a function of one row
        """
    def table(self, name: str) -> TableName:
        """Name a table of the database, where no object stands for it

        Args:
            name: As it is in the schema

        Returns:
            For `region` and `rows`
        """
    def connection(self) -> Any:
        """Return this thread's own connection to the database, which only reads

        Returns:
            Of the application's library
        """
    def remove_triggers(self) -> None:
        """Remove the triggers and their marks from the database; stop all processes of the application before"""
