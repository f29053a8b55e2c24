# Written by `make export` from the module beside this file: do not edit.
from typing import Any

__all__ = ['asset_url', 'serve_assets']

def asset_url(prefix: str='/sse', *, name: str='sse') -> str:
    """Return the URL of a script, which differs for each version

    Args:
        prefix: URL prefix under which `serve_assets` serves
        name: One of `FILES`

    Returns:
        A path
    """

def serve_assets(app: Any, prefix: str='/sse') -> None:
    """Add routes for the scripts under `prefix`, unless they exist

    Args:
        app: A FastHTML or Starlette application
        prefix: URL prefix
    """
