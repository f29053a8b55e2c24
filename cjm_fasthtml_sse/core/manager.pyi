# Written by `make export` from the module beside this file: do not edit.
from cjm_fasthtml_sse.backplanes.base import Backplane
from cjm_fasthtml_sse.cluster.link import Cluster
from cjm_fasthtml_sse.core.connections import Capacity
from cjm_fasthtml_sse.core.presence import Presence
from cjm_fasthtml_sse.events.log import Log
from cjm_fasthtml_sse.events.log import Replay
from cjm_fasthtml_sse.events.mailbox import Delivery
from cjm_fasthtml_sse.events.record import BroadcastMessage
from cjm_fasthtml_sse.runtime.time import Time
from collections import deque
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fasthtml.core import FastHTML
from typing import Any
import asyncio

__all__ = ['Statistics', 'BroadcastManager']

@dataclass(frozen=True)
class Statistics:
    """A manager's numbers at one moment

    Attributes:
        connections: Open streams and queues
        streams: Open responses
        tabs: Browser tabs that share them
        waiting: Events and frames in all mailboxes and queues
        lag: Events of the log that the slowest subscriber has not read
        broadcasts: Events since the start
        drops: Dropped connections: `slow stalled overflow failed shut error`, `no closing frame`
        resets: Resets sent to subscribers that missed events
        render_failures: Times that an element builder failed
        replays: Clients that reconnected and read on from the log
        frames: Frames sent
        sends: Sends that they were joined into
        bytes: Bytes sent
        log_events: Events that can be replayed
        log_bytes: Bytes of them, rendered frames included
        retained_bytes: Bytes of retained events, of which the log has some too
        backplane: `memory`, or an engine's state: `new`, `connecting`, `open`, `lost`, `closed`
        buffered: Events that wait for the engine
        lag_seconds: Age of the first event of `lag`
    """
    connections: int
    streams: int
    tabs: int
    waiting: int
    lag: int
    broadcasts: int
    drops: dict[str, int]
    resets: int
    render_failures: int
    replays: int
    frames: int
    sends: int
    bytes: int
    log_events: int
    log_bytes: int
    retained_bytes: int
    backplane: str
    buffered: int
    lag_seconds: float = 0.0
    @property
    def frames_per_send(self) -> float:
        """Average number of frames in a send

        Returns:
            0 before anything was sent; near 1 if subscribers keep up with single events
        """

class BroadcastManager:
    """Manages SSE broadcast connections across multiple tabs/clients"""
    settings: Cluster
    log: Log
    app: FastHTML | None
    def __init__(self, max_queue_size: int=100, history_limit: int=50, queue_timeout: float=0.1, debug: bool=False, *, backplane: str | Backplane | None=None, heartbeat_interval: float=15.0, replay: Replay=..., delivery: Delivery=..., capacity: Capacity=..., cluster: Cluster=..., clock: Callable[[], float] | Time | None=None) -> None:
        """
        Args:
            max_queue_size: Events that wait for one subscriber in memory; it reads further ones from the log
            history_limit: Messages that `get_history` keeps
            queue_timeout: Seconds that a queue may be full before its connection is dropped
            debug: Whether connections and broadcasts are logged
            backplane: Orders the events: None for this process, a URL, or an adapter
            heartbeat_interval: Seconds of silence on a stream at most; 0 for no heartbeats
            replay: Limits of the log
            delivery: Limits on what is sent
            capacity: Limits on connections
            cluster: How to deal with an engine and other processes
            clock: Seconds, for ages of events; or all time and chance
        """
    async def send_to_user(self, user: Any, message_type: str, data: dict[str, Any], metadata: dict[str, Any] | None=None, *, key: str | None=None, retain: bool=False, others: bool=False, every: float | None=None) -> int:
        """Send a message to all connections of one user, in all processes

        Args:
            user: The user, as `auth` or `identify` names them
            message_type: Type of the message
            data: Message data
            metadata: Optional metadata
            key: Replaces older events of this user and key that were not read yet
            retain: Whether later connections get the newest event of this key
            others: Whether to leave out the tab whose request causes the event
            every: Seconds of which each sends one event of this key; None for all events

        Returns:
            Number of connections of this process that took it
        """
    async def revoke(self, user: Any, topics: str | Iterable[str]) -> int:
        """Revoke topics from a user: no event sent after this returns reaches them, in any process.

        Raises `BackplaneError` if other processes could not be reached.

        Args:
            user: The user, as `auth` or `identify` names them
            topics: Topics and patterns; `**` for every topic

        Returns:
            Streams restricted or ended, in all processes that answered within a second
        """
    async def disconnect(self, where: Mapping[str, Any], *, reconnect: bool=False) -> int:
        """End streams in all processes; raises `BackplaneError` if other processes could not be reached

        Args:
            where: `user`, `connection_id`, `topic`: a value or a list of values each; empty for all
            reconnect: Whether the pages connect again

        Returns:
            Streams ended, in all processes that answered within a second
        """
    async def presence(self, topic: str | None=None) -> Presence:
        """Return who is in `topic`; raises `BackplaneError` if other processes cannot be asked

        Args:
            topic: A topic; None for all connections

        Returns:
            Over all processes
        """
    def announce_presence(self, *topics: str, down_period: float=5.0, interval: float=1.0, max_announced: int=100, label: Callable[[str], Any] | None=None) -> None:
        """Send `join`, `leave` (`topic`, `user`) and `presence` (`topic`, `users`, `connections`, `tabs`) to `topics`.

        Call it in every process, before the first stream. Raises `ValueError` for a bad topic or time.

        Args:
            topics: Topics and patterns
            down_period: Seconds within which a user who returns has not left
            interval: Seconds between two announcements at least
            max_announced: Users of a topic beyond which only counts are sent
            label: Makes what events contain for a user; None for the name
        """
    async def send_to(self, connection_id: str, message_type: str, data: dict[str, Any], metadata: dict[str, Any] | None=None) -> bool:
        """Send a message to a specific connection; raises `FrameError` for bad data

        Args:
            connection_id: Target connection ID
            message_type: Type of the message
            data: Message data
            metadata: Optional metadata

        Returns:
            True if the connection took it; False if it is unknown, or full
        """
    async def stream_to(self, topic: str, source: Any, message_type: str='item', end_type: str | None='end', *, transform_fn: Callable[[Any], Any] | None=None, key: str | None=None, retain: bool=False, every: float | None=None) -> int:
        """Broadcast what `source` yields; raises what the source raises, and what `broadcast` does

        Args:
            topic: Topic of the events
            source: Async or sync iterable, generator or queue, or a function (sync or async) that returns one
            message_type: Type of the event for an item
            end_type: Type of the last event, with `reason` and `items`; None for none
            transform_fn: Changes an item first, sync or async; None skips the item
            key: Replaces older items of this topic and key that were not read yet
            retain: Whether new subscribers get the newest item of this key
            every: Seconds of which each sends one item of this key; None for all items

        Returns:
            Number of items sent
        """
    async def broadcast(self, message_type: str, data: dict[str, Any], metadata: dict[str, Any] | None=None, exclude: set[str] | None=None, *, topic: str | None=None, key: str | None=None, retain: bool=False, buffer: bool | None=None, others: bool=False, every: float | None=None) -> int:
        """Broadcast a message to all connected clients.

        An event that is kept, or waits for its period, returns 0. Raises `FrameError` for bad data, `ValueError` for
        a bad topic, key or rate, and `BackplaneError` if the engine did not take it or, with `doubtful`, if that is
        unknown.

        Args:
            message_type: Its type, the builder's first argument; with `named`, the event's name in the page
            data: Its data, the builder's second argument
            metadata: Optional metadata
            exclude: Set of connection IDs to exclude from broadcast
            topic: Its topic; None for all connections
            key: Replaces older events of this topic and key that were not read yet
            retain: Whether new subscribers get the newest event of this key
            buffer: Whether to keep it while the engine takes none; None for the setting
            others: Whether to leave out the tab whose request causes the event
            every: Seconds of which each sends one event of this key; None for all events

        Returns:
            Number of connections of this process that took it
        """
    def broadcast_nowait(self, message_type: str, data: dict[str, Any], metadata: dict[str, Any] | None=None, exclude: set[str] | None=None, *, topic: str | None=None, key: str | None=None, retain: bool=False, others: bool=False, every: float | None=None) -> int:
        """`broadcast` for a plain function on the loop, not for a handler in a thread; else raises `RuntimeError`

        Args:
            message_type: Type of the message
            data: Message data
            metadata: Optional metadata
            exclude: Ids of connections that do not get it
            topic: Its topic; None for all connections
            key: Replaces older events of this topic and key that were not read yet
            retain: Whether new subscribers get the newest event of this key
            others: Whether to leave out the tab whose request causes the event
            every: Seconds of which each sends one event of this key; None for all events

        Returns:
            Number of connections that took it
        """
    def broadcast_threadsafe(self, message_type: str, data: dict[str, Any], metadata: dict[str, Any] | None=None, exclude: set[str] | None=None, *, topic: str | None=None, key: str | None=None, retain: bool=False, buffer: bool | None=None, others: bool=False, every: float | None=None) -> Future[int]:
        """`broadcast` from any thread, as in a handler that is not `async`; a bad event raises immediately

        Args:
            message_type: Type of the message
            data: Message data
            metadata: Optional metadata
            exclude: Ids of connections that do not get it
            topic: Its topic; None for all connections
            key: Replaces older events of this topic and key that were not read yet
            retain: Whether new subscribers get the newest event of this key
            buffer: Whether to keep it while the engine takes none; None for the setting
            others: Whether to leave out the tab whose request causes the event
            every: Seconds of which each sends one event of this key; None for all events

        Returns:
            Of the number of connections; `.result()` waits, in any thread but the loop's own
        """
    def statistics(self) -> Statistics:
        """Return the numbers of this process's connections and log

        Returns:
            Frozen; a new one at each call
        """
    @property
    def secret_key(self) -> str:
        """Key that signs tags and tokens; raises `ValueError` before there are routes

        Returns:
            Of the application whose routes were set up last
        """
    @property
    def history(self) -> deque[BroadcastMessage]:
        """The messages that `get_history` returns"""
    @property
    def lock(self) -> asyncio.Lock:
        """The registry's lock

        Returns:
            Not used by this package
        """
    @property
    def max_queue_size(self) -> int:
        """Events that wait for one subscriber in memory"""
    @property
    def queue_timeout(self) -> float:
        """Seconds that a queue may be full before its connection is dropped"""
    @property
    def debug(self) -> bool:
        """Whether connections and broadcasts are logged"""
    async def register(self, connection_id: str | None=None, metadata: dict[str, Any] | None=None, *, topics: str | Iterable[str]=...) -> tuple[str, asyncio.Queue[Any]]:
        """Register a new connection and return its queue; raises `ConnectionRefused` (400, 409)

        Args:
            connection_id: Optional ID for the connection (auto-generated if not provided)
            metadata: Optional metadata for the connection
            topics: Topics and patterns that it receives besides what all connections do

        Returns:
            Tuple of (connection_id, queue)
        """
    async def unregister(self, connection_id: str) -> None:
        """Unregister a connection; it is no error if it is not there, or has a new owner

        Args:
            connection_id: ID of the connection to unregister
        """
    def get_connection_count(self) -> int:
        """Get the number of active connections.

        Returns:
            Number of active connections
        """
    def get_history(self, limit: int | None=None) -> list[BroadcastMessage]:
        """Get broadcast history, oldest first; raises `ValueError` for a negative `limit`

        Args:
            limit: Maximum number of messages to return, 0 or more; None for all

        Returns:
            List of broadcast messages from history
        """
    def cursor(self) -> str:
        """Return the id of the newest event

        Returns:
            For `create_sse_element(..., cursor=)`; empty before an engine was reached
        """
    @property
    def connections(self) -> dict[str, Any]:
        """The queue of each connection by id; a stream's is its mailbox

        Returns:
            A new dictionary at each reading
        """
    @property
    def connection_metadata(self) -> dict[str, dict[str, Any]]:
        """The metadata of each connection by id

        Returns:
            A new dictionary at each reading
        """
    async def ready(self, last_event_id: str | None=None) -> str | None:
        """Return once streams can be opened; raises `BackplaneError` if an engine was not reached in time

        Args:
            last_event_id: The id that a client received last, perhaps from another process

        Returns:
            The id to open its stream with
        """
    @asynccontextmanager
    def lifespan(self) -> AsyncIterator[None]:
        """Join the other processes before the application's first request, and leave at its end"""
    async def survey(self, kind: str, payload: Any, wait: float=1.0, to: str | None=None) -> list[Any]:
        """Ask every process; raises `BackplaneError` if the others could not be asked

        Args:
            kind: Which of the cluster's `handlers` to ask
            payload: JSON
            wait: Seconds to wait for other processes
            to: One node; None for all

        Returns:
            The answers, this process's first
        """
    async def collect_info(self, name: str) -> dict[str, Any]:
        """Return what each process reports under `name`; raises `BackplaneError` if the engine does not answer

        Args:
            name: Which entry of the cluster's `node_info`

        Returns:
            By node; at most one `report_interval` old
        """
    async def get_total_connection_count(self) -> int:
        """Return the number of connections of all processes; raises `BackplaneError` if the engine does not answer

        Returns:
            At most one `report_interval` old
        """
    async def close(self) -> None:
        """End all connections, refuse new ones, and leave the other processes; callable from any loop"""
