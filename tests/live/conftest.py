"Sites of one test"
from contextlib import ExitStack

import pytest

from .site import Site, served


@pytest.fixture
def start():
    "`start(site)` serves a site until the end of the test; `start()` serves a new one"
    with ExitStack() as stack:
        def start(site=None, **settings):
            site = site or Site(**settings)
            stack.enter_context(served(site))
            return site
        yield start
