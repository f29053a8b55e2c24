# Written by `make export` from the module beside this file: do not edit.

__all__ = ['Live']

Live: type
