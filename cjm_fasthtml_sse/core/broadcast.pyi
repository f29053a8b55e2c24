# Written by `make export` from the module beside this file: do not edit.
from cjm_fasthtml_sse.core.access import AccessPolicy
from cjm_fasthtml_sse.core.manager import BroadcastManager as BroadcastManager
from cjm_fasthtml_sse.events.record import BroadcastMessage as BroadcastMessage
from collections.abc import Callable
from typing import Any

__all__ = ['create_broadcast_handler', 'setup_broadcast_routes', 'BroadcastMessage', 'BroadcastManager']

def create_broadcast_handler(manager: BroadcastManager, element_builder: Callable[[str, Any], Any] | None=None, *, named: bool=False, policy: AccessPolicy=...) -> Callable[..., Any]:
    """Create a broadcast handler function that can be used with FastHTML routes.

    Args:
        manager: The manager whose events are sent
        element_builder: Type and data to element, not blocking; None sends JSON
        named: Whether each event has its type as its name, so that a page can choose by it
        policy: The application's decisions

    Returns:
        An asynchronous handler that takes `connection_id`
    """

def setup_broadcast_routes(app: Any, manager: BroadcastManager, prefix: str='/sse', element_builder: Callable[[str, Any], Any] | None=None, *, named: bool=False, policy: AccessPolicy=...) -> None:
    """Setup broadcast routes on a FastHTML app, under `prefix`: the stream, numbers, tags and the script

    Args:
        app: A FastHTML app
        manager: The manager whose events are sent
        prefix: URL prefix for SSE endpoints
        element_builder: Makes an element of type and data; None sends JSON
        named: Whether each event has its type as its name, so that a page can choose by it
        policy: The application's decisions
    """
