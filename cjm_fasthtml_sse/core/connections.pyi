# Written by `make export` from the module beside this file: do not edit.
from cjm_fasthtml_sse.browser.elements import cleanup_sse_on_unload as cleanup_sse_on_unload
from cjm_fasthtml_sse.browser.elements import create_connection_manager_script as create_connection_manager_script
from cjm_fasthtml_sse.browser.elements import create_reconnection_script as create_reconnection_script
from cjm_fasthtml_sse.browser.elements import create_sse_element as create_sse_element
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any
import asyncio

__all__ = ['MAX_ID', 'ConnectionState', 'ClosableQueue', 'SSEConnection', 'check_connection_id', 'Capacity', 'ConnectionRegistry', 'cleanup_sse_on_unload', 'create_connection_manager_script', 'create_reconnection_script', 'create_sse_element']

class ConnectionState(Enum):
    """States for SSE connections"""
    CONNECTING = 'connecting'
    CONNECTED = 'connected'
    DISCONNECTED = 'disconnected'
    ERROR = 'error'
    RECONNECTING = 'reconnecting'

class ClosableQueue(asyncio.Queue[Any]):
    """An `asyncio.Queue` whose `get` raises `ConnectionClosed` once it is closed and empty

    Attributes:
        reason: Why it was closed; None while it is open
    """
    reason: str | None
    def close(self, reason: str) -> None:
        """Refuse further items, and end all waits once the queue is empty

        Args:
            reason: Message of the error that readers get
        """
    def qsize(self) -> int: ...
    def full(self) -> bool: ...
    def put_nowait(self, item: Any) -> None:
        """Put `item`; raise `QueueFull`, or `ConnectionClosed` if the queue is closed"""
    def get_nowait(self) -> Any:
        """Return the next item; raise `QueueEmpty`, or `ConnectionClosed` if the queue is closed and empty"""

@dataclass(eq=False)
class SSEConnection:
    """Represents a single SSE connection

    Attributes:
        connection_id: Unique id in its registry
        queue: Messages that were not read yet
        connection_type: Kind of connection; the registry counts by it
        state: Current state
        metadata: Data of the application
        created_at: Start, in the server's local time
        last_activity: Time of the last message or heartbeat
        message_count: Number of messages sent
    """
    connection_id: str
    queue: asyncio.Queue[Any]
    connection_type: str = 'global'
    state: ConnectionState = ...
    metadata: dict[str, Any] = ...
    created_at: datetime = ...
    last_activity: datetime = ...
    message_count: int = 0
    async def send(self, data: Any, timeout: float=1.0) -> bool:
        """Send data through the connection queue.

        Args:
            data: Data to send
            timeout: Seconds to wait for room in the queue

        Returns:
            True if it is in the queue, False if the connection has ended or had no room in time
        """
    async def heartbeat(self) -> str:
        """Return a comment that keeps the connection open, with its id and the time

        Returns:
            SSE formatted heartbeat message
        """
    def close(self) -> None:
        """Mark the connection as closed, and end all waits on its queue"""
    def is_active(self) -> bool:
        """Check if connection is active.

        Returns:
            True if messages can still be delivered
        """
    def end_in_child(self) -> None:
        """End in a forked process; the parent's connection stays open"""

MAX_ID: int
"""characters"""

def check_connection_id(connection_id: str) -> str:
    """Return `connection_id`; raise `ConnectionRefused` (400) if it is not valid

    Args:
        connection_id: An id from a client or the application

    Returns:
        The same id
    """

@dataclass(frozen=True)
class Capacity:
    """How many connections a manager accepts

    Attributes:
        max_connections: Connections in all; further streams get 503; None for no limit
        max_connections_per_user: Streams of one user; further ones get 429; None for no limit
        max_topics: Topics and patterns of one stream; more get 400
    """
    max_connections: int | None = None
    max_connections_per_user: int | None = None
    max_topics: int = ...

class ConnectionRegistry:
    """Registry to track and manage SSE connections

    Attributes:
        connections: By id
        connections_by_type: Ids of each type
        lock: Not used by this package
        node: Suffix of this process's ids, if several processes share a backplane
        left_in_parent: Connections that stayed in the parent when this process was forked
    """
    connections: dict[str, SSEConnection]
    connections_by_type: dict[str, set[str]]
    lock: asyncio.Lock
    node: str | None
    left_in_parent: int
    on_remove: Callable[[SSEConnection], None] | None
    debug: bool
    def __init__(self, debug: bool=False, on_remove: Callable[[SSEConnection], None] | None=None) -> None:
        """
        Args:
            debug: Log each added and removed connection
            on_remove: Called with each removed connection
        """
    def add(self, connection: SSEConnection) -> SSEConnection:
        """Add `connection`; raise `ConnectionRefused` (409) if its id is taken

        Args:
            connection: A new connection

        Returns:
            The same connection, now connected
        """
    def remove(self, connection: SSEConnection) -> bool:
        """Remove `connection` and close it; another connection with its id stays

        Args:
            connection: The connection to remove

        Returns:
            Whether it was registered
        """
    def new_id(self, kind: str) -> str:
        """Return the next unused id of the form `kind_1`, or `kind_1@node`

        Args:
            kind: Prefix of the id

        Returns:
            An unused id
        """
    def clear_after_fork(self) -> None:
        """Remove all connections in a forked process, without calling `on_remove`"""
    async def add_connection(self, conn_id: str | None=None, conn_type: str='global', queue_size: int=100, metadata: dict[str, Any] | None=None) -> SSEConnection:
        """Add a new connection; raise `ConnectionRefused` if the id is not valid (400) or taken (409)

        Args:
            conn_id: Optional connection ID (auto-generated if not provided)
            conn_type: Type of connection (e.g., 'global', 'job', 'user')
            queue_size: Size of the message queue; 0 for no limit
            metadata: Optional metadata for the connection

        Returns:
            The created SSEConnection
        """
    async def remove_connection(self, conn_id: str) -> None:
        """Remove a connection from the registry; an unknown id is no error

        Args:
            conn_id: Connection ID to remove
        """
    def get_connection(self, conn_id: str) -> SSEConnection | None:
        """Get a specific connection.

        Args:
            conn_id: Connection ID

        Returns:
            The connection if found, None otherwise
        """
    def get_connections(self, conn_type: str | None=None) -> list[SSEConnection]:
        """Get connections, optionally filtered by type.

        Args:
            conn_type: Optional connection type to filter by

        Returns:
            List of connections
        """
    def get_active_connections(self, conn_type: str | None=None) -> list[SSEConnection]:
        """Get active connections.

        Args:
            conn_type: Optional connection type to filter by

        Returns:
            List of active connections
        """
    def get_stats(self) -> dict[str, Any]:
        """Get registry statistics.

        Returns:
            Numbers only: `total`, `active`, `by_type`, `message_count`
        """
