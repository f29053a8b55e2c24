# Written by `make export` from the module beside this file: do not edit.
from collections.abc import Iterable

__all__ = ['MAX_TOPIC', 'MAX_PARTS', 'MAX_TOPICS', 'check_topic', 'check_topics', 'matches', 'covers']

MAX_TOPIC: int
"""characters"""

MAX_PARTS: int
"""parts between slashes"""

def check_topic(topic: str, pattern: bool=False) -> str:
    """Return `topic`; raise `ValueError` if it is not valid

    Args:
        topic: A topic, or also a pattern if `pattern` is true
        pattern: Whether `*` or `**` may be the last part

    Returns:
        The same topic
    """

MAX_TOPICS: int
"""for one subscriber: each is an entry in the index"""

def check_topics(topics: str | Iterable[str]) -> frozenset[str]:
    """Check the topics of a subscriber; raise `ValueError` for an invalid one, or for more than `MAX_TOPICS`

    Args:
        topics: One topic or pattern, or several

    Returns:
        The checked topics and patterns
    """

def matches(topics: frozenset[str], topic: str | None) -> bool:
    """Return whether `topics` match an event of `topic`

    Args:
        topics: Topics and patterns of a subscriber
        topic: Topic of an event

    Returns:
        Whether the subscriber gets the event
    """

def covers(wide: str, narrow: str) -> bool:
    """Return whether `wide` covers `narrow`

    Args:
        wide: A topic or pattern
        narrow: Another one

    Returns:
        Whether `wide` matches every topic that `narrow` matches
    """
