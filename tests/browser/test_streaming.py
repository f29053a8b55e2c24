"`SSEStream` on a page: a job streams, ends, and is not requested again"
import pytest
from fasthtml.common import EventStream, P, Script

from cjm_fasthtml_sse.browser.elements import create_sse_element
from cjm_fasthtml_sse.core.streaming import SSEStream, StreamConfig
from .engines import expect

pytestmark = pytest.mark.sample(1)

# the name in htmx 2, and in htmx 4 in both spellings
COUNT_ENDS = """window.ends = 0;
for (const name of ['htmx:sseClose', 'htmx:sse:close', 'htmx-sse-close'])
    document.addEventListener(name, () => window.ends++);"""


async def job():
    for percent in (10, 50, 100): yield P(f'{percent} %')


def follow(site, page, htmx, config):
    "Open a page that follows `job`; return a list that grows with each of its starts"
    started = []
    def answer(request):
        started.append(request)
        return EventStream(SSEStream(config).stream(job))
    head = [Script(COUNT_ENDS), *htmx.head()]
    page.goto(site.page(create_sse_element(site.route(answer), 'sse', hx_swap='beforeend'), head=head))
    return started


@pytest.mark.feature('no reconnect after the server ends a stream')
@pytest.mark.needs('clock')
def test_a_finished_job_is_not_connected_again(site, page, any_htmx):
    page.clock.install()
    started = follow(site, page, any_htmx, StreamConfig())
    expect(page.locator('#sse p')).to_have_text(['10 %', '50 %', '100 %'])
    page.wait_for_function('() => window.ends')
    page.clock.run_for(120_000)
    page.evaluate('() => fetch(location.href).then(response => response.text())')
    assert len(started) == 1


def test_without_a_closing_event_it_is(site, page, any_htmx, console):
    console.allow_failing()  # browsers and htmx say that a stream ended, each in its own words
    started = follow(site, page, any_htmx, StreamConfig(close_event=None))
    expect(page.locator('#sse p').nth(5)).to_have_text('100 %')
    assert len(started) >= 2
