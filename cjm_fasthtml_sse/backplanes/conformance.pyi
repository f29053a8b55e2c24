# Written by `make export` from the module beside this file: do not edit.
from cjm_fasthtml_sse.backplanes.base import Backplane
from collections.abc import Callable

__all__ = ['check_backplane']

async def check_backplane(make: Callable[[str], Backplane], unreachable: Callable[[], Backplane] | None=None, secret: str | None=None, seconds: float=60) -> list[str]:
    """Check every rule of the contract; raises `AssertionError` with the first that the adapter breaks

    Args:
        make: Makes an adapter, not open yet, for the store of that name (letters and digits)
        unreachable: Makes one whose engine is down; None skips this check
        secret: The password of the adapters; no name and no error may show it
        seconds: Time limit of one check

    Returns:
        The rules that hold
    """
