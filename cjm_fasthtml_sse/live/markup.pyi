# Written by `make export` from the module beside this file: do not edit.
from dataclasses import dataclass
from typing import Any

__all__ = ['Gone']

class Gone:
    """What a region shows last: its view ends with it, for the page and for presence"""
    def __init__(self, *content: Any) -> None:
        """
        Args:
            content: Elements or text, shown in place of the region
        """

@dataclass(frozen=True)
class Markup:
    """The HTML of one element

    Attributes:
        start: Its opening tag
        inner: Its content
        end: Its closing tag
        children: HTML of its children by id; None if one has no id, or two have the same
        is_gone: Whether it is the last
    """
    start: str
    inner: str
    end: str
    children: dict[str, str] | None
    is_gone: bool = False
    @property
    def html(self) -> str: ...
    @property
    def hash(self) -> str:
        """
        Returns:
            96 bits
        """
    def with_attribute(self, name: str, value: str) -> str:
        """Return the HTML with an attribute added to the element"""
