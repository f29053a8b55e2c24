# Written by `make export` from the module beside this file: do not edit.
from dataclasses import dataclass
from typing import Any

__all__ = ['Broadcast']

@dataclass
class Broadcast:
    """An event that the application has sent

    Attributes:
        type: Type
        data: Data, as the application gave it
        topic: Topic; None for all subscribers
        is_private: Whether it was sent to one user
        id: Id in the log
        when: Seconds of the world's clock
        subscribers: How many took it, in all workers
    """
    type: str
    data: Any
    topic: str | None
    is_private: bool
    id: str | None
    when: float
    subscribers: int = 0
