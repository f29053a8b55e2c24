# Written by `make export` from the module beside this file: do not edit.
from dataclasses import dataclass

__all__ = ['UserPresence', 'Presence']

@dataclass(frozen=True)
class UserPresence:
    """One user in a topic

    Attributes:
        connections: Streams, in all processes
        tabs: Browser tabs that share them
    """
    connections: int
    tabs: int

@dataclass(frozen=True)
class Presence:
    """The users in a topic at one moment

    Attributes:
        topic: The topic; None for all connections
        users: By name
        guests: Clients without a name
        connections: Streams of all of them
        tabs: Tabs of all of them
    """
    topic: str | None
    users: dict[str, UserPresence]
    guests: int
    connections: int
    tabs: int
    @property
    def user_count(self) -> int:
        """Number of users

        Returns:
            Each user once, guests included
        """
