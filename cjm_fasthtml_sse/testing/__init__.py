"""Test live pages: an application with its workers, engine, clock and tabs in a test's hands

`from cjm_fasthtml_sse.testing import live` begins. Every public name of the wing is loaded when it is first asked for, as
in the package itself, so the plugin of pytest costs nothing where it is not used.
"""

from .. import _loader
from ._exports import modules as _modules

__all__ = list(_modules)
__getattr__ = _loader(__name__, _modules, globals())


def __dir__(): return sorted({*globals(), *_modules})
