"`create_sse_element` on a page: the same behavior on every version of htmx"
import itertools

import pytest
from fasthtml.common import B, Button, Div, Li, P, Table, Tbody, Td, Tr, Ul
from starlette.responses import HTMLResponse

from cjm_fasthtml_sse.browser.elements import create_sse_element
from .conftest import HTMX2, HTMX4
from .engines import expect


@pytest.fixture
def show(site, page):
    "`show(htmx, strategy, …)` opens a page with one element and returns its stream and the element"
    def show(htmx, strategy='message', *content, **attrs):
        stream, path = site.stream()
        element = create_sse_element(path, 'sse', strategy, **attrs)(Div('first', id='child'))
        page.goto(site.page(element, *content, head=htmx.head()))
        stream.wait(readers=1)
        return stream, page.locator('#sse')
    return show


@pytest.mark.feature('an element connects and shows events')
def test_connects_once_and_swaps(show, any_htmx):
    stream, element = show(any_htmx)
    stream.send('<b>one</b>')
    expect(element).to_have_text('one')
    stream.send('<b>two</b>')
    expect(element).to_have_text('two')
    assert len(stream.requests) == 1


@pytest.mark.feature('named events')
def test_named_events_swap_where_they_are_named(show, console, any_htmx):
    console.allow('have no name')
    stream, element = show(any_htmx, 'progress, done', hx_swap='beforeend')
    stream.send('<i>unnamed</i>')
    stream.send('<i>other</i>', event='other')
    stream.send('<i>1</i>', event='progress')
    stream.send('<i>2</i>', event='done')
    expect(element).to_have_text('first12')


BESIDE = {  # what stands beside the element, and what an event brings
    'list': (lambda: Ul(Li('one'), id='list'), '<li>{}</li>'),
    'table': (lambda: Table(Tbody(Tr(Td('one')), id='list')), '<tr><td>{}</td></tr>'),
}


@pytest.mark.sample(3)
@pytest.mark.parametrize('kind', BESIDE)
def test_a_list_or_table_beside_the_element_is_its_target(site, page, any_htmx, kind):
    "Neither may contain a Div"
    make, html = BESIDE[kind]
    stream, path = site.stream()
    element = create_sse_element(path, swap_strategy='beforeend', hx_target='#list')
    page.goto(site.page(element, make(), B(id='x'), head=any_htmx.head()))
    stream.wait(readers=1)
    for text in ('two', 'three'): stream.send(html.format(text) + f'<b id="x" hx-swap-oob="true">{text}</b>')
    expect(page.locator('#list > *')).to_have_text(['one', 'two', 'three'])
    expect(page.locator('#x')).to_have_text('three')


@pytest.mark.parametrize('strategy', ['beforeend', 'none', 'outerHTML'])
def test_what_is_in_the_element_does_not_inherit_its_swap_style(site, page, htmx, strategy):
    "A button and an inner element with a name of its own swap as if they stood elsewhere"
    stream, path = site.stream()
    button = Button('old', hx_get=site.route(lambda request: HTMLResponse('new')), id='button')
    inner = Div('old', id='inner', data_sse_swap='done')
    page.goto(site.page(create_sse_element(path, 'sse', strategy)(button, inner), head=htmx.head()))
    stream.wait(readers=1)
    page.locator('#button').click()
    expect(page.locator('#button')).to_have_text('new')
    stream.send('<b>new</b>', event='done')
    expect(page.locator('#inner')).to_have_text('new')


def test_json_is_never_swapped_by_htmx_4_nor_a_named_event_without_a_name(show, htmx):
    stream, element = show(htmx, 'progress')
    stream.send('{"a": 1}', event='message')
    stream.send('{"a": 2}')
    stream.send('end', event='progress')
    expect(element).to_have_text('end')


STYLES = {
    'innerHTML': '<div id="sse"><b>new</b></div>',
    'textContent': '<div id="sse">new</div>',
    'outerHTML': '<b>new</b>',
    'beforebegin': '<b>new</b><div id="sse"><div id="child">first</div></div>',
    'afterbegin': '<div id="sse"><b>new</b><div id="child">first</div></div>',
    'beforeend': '<div id="sse"><div id="child">first</div><b>new</b></div>',
    'beforeend scroll:bottom': '<div id="sse"><div id="child">first</div><b>new</b></div>',
    'afterend': '<div id="sse"><div id="child">first</div></div><b>new</b>',
    'delete': '',
    'none': '<div id="sse"><div id="child">first</div></div>'}
MORPHS = {'innerMorph': STYLES['innerHTML'], 'outerMorph': STYLES['outerHTML']}
# The surroundings of the element, without attributes that htmx writes
AROUND = '''() => {
    const copy = document.querySelector('#around').cloneNode(true);
    for (const elt of copy.querySelectorAll('*'))
        for (const {name, value} of [...elt.attributes]) if (name !== 'id' || !value) elt.removeAttribute(name);
    return copy.innerHTML; }'''


CASES = [*itertools.product((HTMX2, HTMX4), STYLES), *itertools.product([HTMX4], MORPHS)]


@pytest.mark.sample(6)
@pytest.mark.parametrize('htmx, style', CASES, ids=str)
@pytest.mark.feature('all swap styles')
def test_swap_styles(site, page, htmx, style):
    stream, path = site.stream()
    element = create_sse_element(path, 'sse', style)(Div('first', id='child'))
    page.goto(site.page(Div(element, id='around'), Div(id='marker'), head=htmx.head()))
    stream.wait(readers=1)
    if style != 'textContent': stream.send('<b>new</b><p hx-swap-oob="innerHTML:#marker">swapped</p>')
    else: stream.send('new')  # htmx 2 would show markup as text
    if style != 'textContent': expect(page.locator('#marker')).to_have_text('swapped')
    page.wait_for_function(f'(expected) => ({AROUND})() === expected', arg={**STYLES, **MORPHS}[style])


@pytest.mark.parametrize('style', ['outerHTML', 'delete'])
@pytest.mark.feature('a removed element ends its stream')
def test_an_element_that_leaves_the_page_ends_its_stream(show, htmx, style):
    stream, element = show(htmx, style)
    stream.send('<b>new</b>')
    expect(element).to_have_count(0)
    stream.wait(readers=0)


TARGETS = (Table(Tbody(Tr(Td('row 1')), id='rows')), Ul(Li('item 1'), id='items'))
PAYLOADS = {
    'table': '<div><table><tbody hx-swap-oob="beforeend:#rows"><tr><td>row 2</td></tr></tbody></table>'
             '<ul hx-swap-oob="beforeend:#items"><li>item 2</li></ul></div>',
    'bare': '<tbody hx-swap-oob="beforeend:#rows"><tr><td>row 2</td></tr></tbody>'
            '<ul hx-swap-oob="beforeend:#items"><li>item 2</li></ul>',
    'template': '<div><template><tbody hx-swap-oob="beforeend:#rows"><tr><td>row 2</td></tr></tbody></template>'
                '<div><ul hx-swap-oob="beforeend:#items"><li>item 2</li></ul></div></div>'}


def expect_rows_and_items(page):
    expect(page.locator('#rows > tr')).to_have_text(['row 1', 'row 2'])
    expect(page.locator('#items > li')).to_have_text(['item 1', 'item 2'])


@pytest.mark.parametrize('payload', PAYLOADS)
@pytest.mark.feature('out-of-band elements')
def test_rows_and_items_land_where_they_belong(show, page, htmx, payload):
    stream, element = show(htmx, 'beforeend', *TARGETS)
    stream.send(PAYLOADS[payload])
    expect_rows_and_items(page)
    expect(element).to_have_text('first')


@pytest.mark.parametrize('strategy', ['innerHTML', 'beforeend', 'none', 'todo'])
def test_out_of_band_only_leaves_the_element_alone(show, page, htmx, strategy):
    stream, element = show(htmx, strategy, *TARGETS)
    stream.send(PAYLOADS['table'], event='todo' if strategy == 'todo' else None)
    expect_rows_and_items(page)
    assert element.inner_html().replace(' class=""', '') == '<div id="child">first</div>'


@pytest.mark.feature('out-of-band elements')
def test_out_of_band_beside_content(show, page, htmx):
    stream, element = show(htmx, 'innerHTML', *TARGETS)
    stream.send('<b>main</b><ul hx-swap-oob="beforeend:#items"><li>item 2</li></ul>')
    expect(element).to_have_text('main')
    expect(page.locator('#items > li')).to_have_text(['item 1', 'item 2'])


@pytest.mark.feature('no reconnect after the server ends a stream')
@pytest.mark.needs('clock')
def test_sse_close_ends_the_stream_for_good(show, page, any_htmx):
    page.clock.install()
    stream, element = show(any_htmx)
    stream.send('<b>last</b>')
    expect(element).to_have_text('last')
    stream.send('{}', event='sse-close')
    stream.wait(readers=0)
    page.clock.run_for(120_000)
    assert len(stream.requests) == 1


def test_hidden_is_hidden_and_still_swaps(show, page, htmx):
    stream, element = show(htmx, 'message', P('shown'), hidden=True)
    expect(element).to_be_hidden()
    stream.send('<p>quiet</p>')
    expect(element).to_have_text('quiet')
    expect(element).to_be_hidden()


def test_topics_and_cursor_reach_the_server(show, htmx):
    stream, _ = show(htmx, topics=['job/42', 'a&b'], cursor='k1-7')
    assert stream.requests[0]['query'] == 'topic=job/42&topic=a%26b&last_event_id=k1-7'


def test_a_hidden_tab_keeps_its_connection(show, page, htmx):
    stream, element = show(htmx)
    page.evaluate('''() => { Object.defineProperty(document, 'hidden', {value: true, configurable: true});
                             document.dispatchEvent(new Event('visibilitychange')); }''')
    stream.send('<b>seen</b>')
    expect(element).to_have_text('seen')
    assert len(stream.requests) == 1


def test_two_tabs_in_step(site, tabs, htmx):
    stream, path = site.stream()
    url = site.page(create_sse_element(path, 'sse', 'beforeend'), head=htmx.head())
    both = [tabs(url), tabs(url)]
    stream.wait(readers=2)
    for text in 'abc': stream.send(f'<b>{text}</b>')
    for tab in both: expect(tab.locator('#sse')).to_have_text('abc')


def test_processing_again_does_not_double(show, page, htmx):
    stream, element = show(htmx)
    stream.send('<b>one</b>')
    expect(element).to_have_text('one')
    page.evaluate("document.querySelector('#sse').setAttribute('data-x', 'changed')")
    page.evaluate('htmx.process(document.body)')
    stream.send('<b>two</b>')
    expect(element).to_have_text('two')
    assert len(stream.requests) == 1  # htmx 2 makes another source after a changed attribute; it gets the same stream


@pytest.mark.feature('the body of a refusal is not shown')
@pytest.mark.needs('requests')
def test_a_refusal_is_not_swapped(site, page, any_htmx, console):
    console.allow_failing()
    stream, path = site.stream()
    stream.status = 503
    page.goto(site.page(create_sse_element(path, 'sse')('waiting'), head=any_htmx.head()))
    with page.expect_response(f'**{path}'): page.reload()
    stream.wait(requests=2)
    page.wait_for_function('() => !document.querySelector(".htmx-request")')
    expect(page.locator('#sse')).to_have_text('waiting')
    assert page.title() == 'test'


@pytest.mark.feature('a page written for 0.0.12')
def test_page_of_012_by_hand(site, page, htmx, console):
    console.allow('legacy attribute', 'sse-swap is removed')
    stream, path = site.stream()
    by_hand = Div('first', id='sse', hx_ext='sse', sse_connect=path, sse_swap='message')
    page.goto(site.page(by_hand, head=htmx.head()))
    stream.wait(readers=1)
    stream.send('<b>new</b>')
    expect(page.locator('#sse')).to_have_text('new')
    assert len(stream.requests) == 1
