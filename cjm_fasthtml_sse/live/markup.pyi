# Written by `make export` from the module beside this file: do not edit.
from typing import Any

__all__ = ['Gone']

class Gone:
    """What a region shows last: its view ends with it, for the page and for presence

    Attributes:
        content: Elements or text
    """
    content: tuple[Any, ...]
    def __init__(self, *content: Any) -> None:
        """
        Args:
            content: Elements or text, shown in place of the region
        """
