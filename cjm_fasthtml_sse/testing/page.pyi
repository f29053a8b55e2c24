# Written by `make export` from the module beside this file: do not edit.
from dataclasses import dataclass

__all__ = ['TabEvent']

@dataclass(frozen=True)
class TabEvent:
    """An event that a tab has received

    Attributes:
        id: Id in the log; None for one without an id
        type: Name; empty for an event without a name
        data: Text
        when: Seconds of the world's clock
        url: Path of the stream
        element: Start tag of the element that received it
    """
    id: str | None
    type: str
    data: str
    when: float
    url: str
    element: str
