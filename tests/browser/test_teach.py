"Warnings in the console for mistakes of a page, and none for a correct page"
import pytest
from fasthtml.common import Div, Script

from cjm_fasthtml_sse import create_sse_element, sse_headers
from .engines import expect

pytestmark = pytest.mark.needs('clock')
LATER = 2500  # milliseconds of the page's clock until it has checked itself


@pytest.fixture
def told(tabs, console):
    "`told(url, until)` opens a page, lets its clock run, and returns its warnings"
    console.allow('cjm-fasthtml-sse:', 'htmx:oobErrorNoTarget', 'defineExtension')
    def open(url, until=None):
        page, said = tabs(), []
        page.on('console', lambda m: 'cjm-fasthtml-sse:' in m.text and said.append((m.type, m.text)))
        page.clock.install()
        page.goto(url, wait_until='load')
        if until: until(page)
        page.clock.run_for(LATER)
        with page.expect_console_message(lambda m: m.text == 'looked'): page.evaluate('console.log("looked")')
        assert {kind for kind, _ in said} <= {'warning'}
        return [text for _, text in said]
    return open


def local(htmx): return f'/npm/{htmx.folder}/dist/htmx.min.js'


def own():
    "The package's scripts alone"
    return sse_headers(2)[-2:]


@pytest.mark.feature('console warnings for mistakes in a page')
def test_no_extension(site, told, htmx):
    stream, path = site.stream()
    head = (Script(src=local(htmx)), *own())
    said, = told(site.page(create_sse_element(path), head=head))
    assert f'sse_headers({htmx.major})' in said and 'troubleshooting.html#no-extension' in said
    assert not stream.requests


def test_a_page_can_do_without(site, told, htmx):
    _, path = site.stream()
    head = (Script(src=local(htmx)), sse_headers(2, teach=False)[-1])
    assert told(site.page(create_sse_element(path), head=head)) == []


def test_no_htmx(site, told):
    _, path = site.stream()
    said, = told(site.page(create_sse_element(path), head=own()))
    assert 'there is no htmx' in said


def test_an_old_htmx(site, told):
    _, path = site.stream()
    head = (Script('window.htmx = {version: "1.9.12"}'), *own())
    said, = told(site.page(create_sse_element(path), head=head))
    assert 'htmx 1.9.12' in said and '2 or 4' in said


def oob(where, id='brought'): return f'<div><div id="{id}" hx-swap-oob="{where}">new</div></div>'


@pytest.mark.parametrize('wrong', [oob('innerHTML', 'nowhere'), oob('beforeend:#nowhere')], ids=['id', 'selector'])
@pytest.mark.feature('console warnings for mistakes in a page')
def test_no_element_with_that_id(site, told, any_htmx, wrong):
    stream, path = site.stream()
    def send(page):
        stream.wait(readers=1)
        for _ in range(2): stream.send(wrong)
        stream.send(oob('innerHTML', 'here'))
        expect(page.locator('#here')).to_have_text('new')
    content = create_sse_element(path, swap_strategy='none'), Div('old', id='here')
    said, = told(site.page(*content, head=any_htmx.head()), send)
    assert '"nowhere"' in said and 'troubleshooting.html#no-element-with-that-id' in said


def test_what_finds_its_place_and_what_is_not_shown_at_all(site, told, any_htmx):
    "A selector with any id; a deletion; a target that the previous event made; another name"
    stream, path = site.stream()
    def send(page):
        stream.wait(readers=1)
        stream.send(oob('beforeend:#here'))
        stream.send(oob('delete', 'gone'))
        stream.send('<p id="made"></p>')
        stream.send(oob('innerHTML', 'made'))
        stream.send(oob('innerHTML', 'nowhere'), event='for somebody else')
        stream.send(oob('innerHTML', 'here'))
        expect(page.locator('#here')).to_have_text('new')
        expect(page.locator('#made')).to_have_text('new')
    content = create_sse_element(path, swap_strategy='innerHTML'), Div('old', id='here')
    assert told(site.page(*content, head=any_htmx.head()), send) == []


def test_a_page_that_is_right_hears_nothing(site, told, any_htmx):
    stream, path = site.stream()
    assert told(site.page(create_sse_element(path), head=any_htmx.head()), lambda page: stream.wait(readers=1)) == []


def test_what_is_refused_was_read(site, told, console, htmx):
    console.allow_failing()
    stream, path = site.stream()
    stream.status = 403
    page = site.page(create_sse_element(path), head=htmx.head())
    assert told(page, lambda page: stream.wait(requests=1)) == []


def test_a_page_without_streams_hears_nothing(site, told): assert told(site.page('hello', head=own())) == []


@pytest.mark.needs('routes')
def test_nothing_for_a_long_time(site, told, context, htmx):
    "A proxy that buffers responses: the request is accepted, and not answered"
    taken = []
    context.route('**/never', lambda route: taken.append(route))
    def wait(page):
        while not taken: page.evaluate('1')  # Playwright calls `taken.append` while it talks to the page
        page.clock.run_for(11_000)
    said, = told(site.page(create_sse_element('/never'), head=htmx.head()), wait)
    assert '/never has not begun after 10 s' in said and '#nothing-for-a-long-time' in said
