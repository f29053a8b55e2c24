"The test kit and Chromium show the same page after each verb, get the same events, and are in the same states"
import pytest

from cjm_fasthtml_sse.testing import NotInKit, live
from .live_pages import CASES, Site
from .parity import Chromium, Kit


def cases(): return [pytest.param(case, major, id=f'{case.name}-htmx{major}') for case in CASES
    for major in case.majors]


@pytest.mark.sample(3)
@pytest.mark.parametrize(('case', 'major'), cases())
def test_kit_and_browser_agree_on_a_live_page(chromium, npm_files, case, major):
    Chromium(case, major, chromium, Kit(case, major).run()).run()


def test_a_stream_that_waits_for_a_trigger_is_not_in_the_kit():
    def make():
        site = Site(4)
        site.page(lambda req: [site.stream('sse', hx_trigger='click')])
        return site.app
    with live(make) as world, pytest.raises(NotInKit, match='hx-trigger'): world.tab('/')
