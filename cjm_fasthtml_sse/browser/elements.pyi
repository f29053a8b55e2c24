# Written by `make export` from the module beside this file: do not edit.
from collections.abc import Mapping
from fastcore.xml import FT
from typing import Any

__all__ = ['SWAP_STYLES', 'STATES', 'create_sse_element', 'connection_indicator', 'sse_headers', 'cleanup_sse_on_unload', 'create_reconnection_script', 'create_connection_manager_script']

SWAP_STYLES: frozenset[str]

def create_sse_element(endpoint: str, element_id: str | None=None, swap_strategy: str='message', hidden: bool=False, *, topics: list[str] | None=None, cursor: str | None=None, share: bool=True, refresh: str | bool | None=None, refresh_spread: int=3000, **attrs: Any) -> FT:
    """Make an element that connects to `endpoint` and swaps its events, on htmx 2 and htmx 4.

    Raise `ValueError` for an empty endpoint, a scheme other than http(s), or an empty `swap_strategy`.

    Args:
        endpoint: URL of the stream: a path, or http(s)
        element_id: Id of the element; an element here becomes its child
        swap_strategy: Name of an event (or a,b,c), or one of `SWAP_STYLES` for events without a name
        hidden: Whether to hide the element
        topics: Topics to subscribe to, each added to the URL as `topic`
        cursor: Id of the last event that the page already shows, added to the URL as `last_event_id`
        share: Whether tabs may share the connection, if the stream allows it
        refresh: URL of the content after a reset; True reloads the page
        refresh_spread: Milliseconds over which the refreshes of all pages are spread
        attrs: Additional attributes for the element; they override those made here

    Returns:
        SSE-enabled Div element configured for HTMX
    """

STATES: dict[str, str]

def connection_indicator(*, texts: Mapping[str, str] | None=None, **attrs: Any) -> FT:
    """Make an element that shows the state of the page's streams; raise `ValueError` for an unknown state

    Args:
        texts: Other texts for some of `STATES` and for the button (`reload`)
        attrs: Additional attributes for the element; they override those made here

    Returns:
        Element that the script updates
    """

def sse_headers(htmx: int=2, *, local: str | Mapping[str, str] | None=None, nonce: str | None=None, src: str | None=None, share: bool=True, teach: bool=True, morph: bool=False) -> tuple[FT, ...]:
    """Return the elements for the head of a page with `create_sse_element`, in addition to FastHTML's own

    Args:
        htmx: Major version of htmx on the page: 2 or 4
        local: URL of a folder like `node_modules`, or one a package; None: the CDN
        nonce: Nonce of the page's Content Security Policy
        src: Prefix of the routes that serve the script; None: inline script
        share: Whether the page's tabs may share a connection
        teach: Whether to warn about mistakes of the page in the console
        morph: Whether the page uses the swap style `morph`

    Returns:
        Elements for `fast_app(hdrs=…)`
    """

def cleanup_sse_on_unload(*, nonce: str | None=None, src: str | None=None) -> FT:
    """Create a script that closes the page's streams when the user leaves it, and resumes them when the user returns

    Args:
        nonce: Nonce of the page's Content Security Policy
        src: Prefix of the routes that serve the script; None: inline script

    Returns:
        Script element
    """

def create_reconnection_script(check_interval: int=5000, max_retries: int=5, debug: bool=False, *, nonce: str | None=None, src: str | None=None) -> FT:
    """Create a script that sets how the page reconnects

    Args:
        check_interval: Milliseconds from a failure to the next attempt, plus up to a quarter
        max_retries: Maximum number of attempts in a row; 0 for none
        debug: Whether to log attempts at the console's debug level
        nonce: Nonce of the page's Content Security Policy
        src: Prefix of the routes that serve the script; None: inline script

    Returns:
        Script element
    """

def create_connection_manager_script(registry_endpoint: str='/sse/connections', update_interval: int=10000, *, debug: bool=False, nonce: str | None=None, src: str | None=None) -> FT:
    """Create a script that shows the server's statistics in `[data-sse-stats]` elements

    Args:
        registry_endpoint: URL of the statistics, as JSON
        update_interval: Milliseconds between two requests
        debug: Whether to log failures at the console's debug level
        nonce: Nonce of the page's Content Security Policy
        src: Prefix of the routes that serve the script; None: inline script

    Returns:
        Script element
    """
