# Written by `make export` from the module beside this file: do not edit.
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ['TOKEN_MAX_AGE', 'sign_topics', 'AccessPolicy', 'signed_only']

TOKEN_MAX_AGE: int
"""seconds; a page that stays open reconnects with its token for this long"""

def sign_topics(app: Any, topics: str | Iterable[str], user: Any=None, *, patterns: bool=False) -> str:
    """Return a token that grants `topics`; raise `ValueError` for an invalid topic, or for none.

    The token contains the log cursor of the manager, or of each manager of `app`. It does not grant topics that were
    revoked later. A token that was made with a bare key, or before the backplane was connected, has no cursor. Every
    revocation that is still kept applies to it.

    Args:
        app: The manager of the stream, the FastHTML app that serves it, or that app's secret key
        topics: Topics that the page may subscribe to
        user: User of the token, as in `auth` or from `identify`; None for any user
        patterns: Whether patterns such as `job/*` and `job/**` may be signed

    Returns:
        Token for the URL of a stream, as `signed=`
    """

@dataclass(frozen=True)
class AccessPolicy:
    """Access settings of an application

    Attributes:
        identify: Hook that returns the user of a request; None uses `auth`
        authorize: Hook that returns the allowed `topics`; None allows all
        can_list_connections: Hook: True if a request may list connections; None: never
        allow_origins: Other sites whose pages may read, such as `https://app.example.org`
        token_max_age: Seconds for which a token of `sign_topics` is valid
    """
    identify: Callable[..., Any] | None = None
    authorize: Callable[..., Any] | None = None
    can_list_connections: Callable[..., Any] | None = None
    allow_origins: Iterable[str] = ...
    token_max_age: float = ...

def signed_only(topics: list[str]) -> bool:
    """Allow topics with a token only; for `authorize=`

    Args:
        topics: Topics requested without a token

    Returns:
        Whether there are none
    """
