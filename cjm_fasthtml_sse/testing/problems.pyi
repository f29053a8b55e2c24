# Written by `make export` from the module beside this file: do not edit.
from dataclasses import dataclass

__all__ = ['AppError', 'Problem']

class AppError(AssertionError):
    """The application under test made a mistake"""

@dataclass(frozen=True)
class Problem:
    """A mistake of the application

    Attributes:
        kind: `handler`, `answer`, `builder`, `task`, `await`, `blocked`, `unshown`, `region`, `log`
        text: What happened, and where
        error: The exception, if there is one
    """
    kind: str
    text: str
    error: BaseException | None = None
    def is_like(self, expected: type[BaseException] | str) -> bool:
        """Return whether `expected` describes this problem

        Args:
            expected: Class of the exception, kind of the problem, or pattern for its text

        Returns:
            Whether this problem is meant
        """
