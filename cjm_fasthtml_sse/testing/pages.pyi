# Written by `make export` from the module beside this file: do not edit.

__all__ = ['NotInKit']

class NotInKit(ValueError):
    """Raised for something in a page that only a browser can do"""
