"Warnings in the console for mistakes of a page, and none for a correct page"
from urllib.parse import urlsplit

import pytest
from fasthtml.common import Div, Script
from starlette.responses import HTMLResponse

from cjm_fasthtml_sse import create_sse_element, sse_headers
from .engines import expect

pytestmark = [pytest.mark.needs('clock'), pytest.mark.sample(1), pytest.mark.heavy]
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


@pytest.mark.parametrize('swap', ['morph', 'none'])
@pytest.mark.needs('messages')
@pytest.mark.feature('console warnings for mistakes in a page')
def test_a_merge_without_its_script(site, told, console, htmx, swap):
    "The element merges, or an event"
    console.allow('Unknown swap style')
    stream, path = site.stream()
    content = create_sse_element(path, swap_strategy=swap), Div('old', id='here')
    def send(page):
        stream.wait(readers=1)
        if swap == 'morph': return
        with page.expect_console_message(lambda m: 'morph=True' in m.text): stream.send(oob('morph', 'here'))
    said, = told(site.page(*content, head=htmx.head()), send)
    assert 'sse_headers(morph=True)' in said and 'troubleshooting.html#no-script-for-morph' in said


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


MANY = 10  # events that a page does not show, until it is told
HTML = '<p>new</p>'
UNSHOWN = {  # the element's swap_strategy and attributes, the names of the events, and words of the one warning
    'events without a name': ('note', {}, [''], ['have no name', 'only "note"', 'named=True', '"beforeend"']),
    'events with a name': ('beforeend', {}, ['note'], ['have names', 'swap_strategy="note"']),
    'events with a name, and no style': ('message', {}, ['note'], ['have names', 'swap_strategy="note"']),
    'a plural': ('notes', {}, ['note'], ['is named "note"', 'shows "notes"']),
    'another case': ('jobDone', {}, ['job-done'], ['is named "job-done"', 'shows "jobDone"']),
    'another case alone': ('Note', {}, ['note'], ['is named "note"', 'shows "Note"']),
    'a letter too few': ('progess', {}, ['progress'] * MANY, ['is named "progress"', 'shows "progess"']),
    'no such event': ('alarm', {}, ['tick', 'tock'] * (MANY // 2), ['shows "alarm"', 'the first 10 events', '"tick"']),
    'one of two': ('note,done', {}, ['note', 'Done'], ['is named "Done"', 'shows "done"']),
    'one message for one mistake': ('notes', {}, ['note'] * MANY, ['is named "note"']),
    'pieces for elsewhere': ('none', {}, ['note'], ['have names', 'swap_strategy="note"']),
}


def send_all(stream, names, text=HTML):
    "Send an event of each name to all elements of the page, and wait for the end of the stream"
    def send(page):
        stream.wait(readers=page.locator('[data-sse-connect]').count())
        for name in names: stream.send(text, event=name)
        stream.send('{}', event='sse-close')
        expect(page.locator('[data-sse-connect]').first).to_have_attribute('data-sse-state', 'closed')
    return send


@pytest.mark.sample(3)
@pytest.mark.parametrize('case', UNSHOWN)
@pytest.mark.feature('console warnings for mistakes in a page')
def test_an_event_that_no_element_shows(site, told, htmx, case):
    swap, attrs, names, words = UNSHOWN[case]
    stream, path = site.stream()
    page = site.page(create_sse_element(path, swap_strategy=swap, **attrs), head=htmx.head())
    said, = told(page, send_all(stream, names, oob('innerHTML', 'x') if swap == 'none' else HTML))
    assert [word for word in (path, 'troubleshooting.html#', *words) if word not in said] == []


SHOWN = {  # the element, and the names of the events
    'a name': (lambda path: create_sse_element(path, swap_strategy='note'), ['note', '', 'other'] * MANY),
    'no name': (lambda path: create_sse_element(path, swap_strategy='beforeend'), [''] * MANY),
    'an inner element': (
        lambda path: create_sse_element(path, swap_strategy='note')(Div(data_sse_swap='other')), ['other']),
    'a trigger': (lambda path: create_sse_element(path, swap_strategy='note')(
        Div(hx_trigger='sse:other, click', hx_get='/npm/htmx.org/LICENSE', hx_swap='none')), ['other']),
    'another element': (lambda path: Div(create_sse_element(path, swap_strategy='beforeend'),
        create_sse_element(f'{path}?topic=a', swap_strategy='note')), ['', 'note']),
    'other numbers': (lambda path: create_sse_element(path, swap_strategy='row-2'), ['row-1', 'row-2'] * 3),
    'other ids': (lambda path: create_sse_element(path, swap_strategy='row-a12'), ['row-4b2'] * (MANY - 1)),
    'other short names': (lambda path: create_sse_element(path, swap_strategy='cpu'), ['gpu'] * (MANY - 1)),
    'names alike that arrive': (
        lambda path: create_sse_element(path, swap_strategy='price-BTC'), ['price-ETC', 'price-BTC'] * MANY),
    'text for a script': (lambda path: create_sse_element(path, swap_strategy='none'), ['note'] * MANY),
    'a trigger elsewhere': (lambda path: Div(create_sse_element(path, swap_strategy='none'),
        Div(hx_trigger='note from:body', hx_get='/npm/htmx.org/LICENSE', hx_swap='none')), ['note']),
    'a few others first': (
        lambda path: create_sse_element(path, swap_strategy='alarm'), ['tick'] * (MANY - 1) + ['alarm']),
}


@pytest.mark.sample(3)
@pytest.mark.parametrize('case', SHOWN)
def test_events_that_a_page_may_leave_out(site, told, htmx, case):
    make, names = SHOWN[case]
    stream, path = site.stream()
    assert told(site.page(make(path), head=htmx.head()), send_all(stream, names)) == []


JSON = {  # the element's swap_strategy, the name of the events, and whether the page is told
    'swapped': ('beforeend', 'message', True),
    'swapped by name': ('note', 'note', True),
    'for a script': ('none', 'message', False),
    'for a script, with a modifier': ('none swap:0s', 'message', False),
    'for a script, by name': ('none', 'note', False),
    'beside events that are shown': ('note', 'message', False),
}


@pytest.mark.sample(2)
@pytest.mark.parametrize('case', JSON)
def test_json_is_for_scripts(site, told, htmx, case):
    swap, name, is_told = JSON[case]
    stream, path = site.stream()
    page = site.page(create_sse_element(path, swap_strategy=swap), head=htmx.head())
    said = told(page, send_all(stream, [name], '{"n": 1}'))
    assert len(said) == is_told
    assert all('are JSON' in each and '#json-appears-in-the-page' in each for each in said)


def test_html_of_the_type_message_is_not_shown_by_htmx_4(site, told, htmx):
    stream, path = site.stream()
    said = told(site.page(create_sse_element(path), head=htmx.head()), send_all(stream, ['message']))
    assert len(said) == (htmx.major == 4) and all('another type' in each for each in said)


def test_each_stream_is_counted_by_itself(site, told, htmx):
    (one, path), (two, other) = site.stream(), site.stream()
    content = [create_sse_element(each, swap_strategy='alarm') for each in (path, other)]
    def send(page):
        for stream, times in ((one, MANY - 1), (two, 1)):
            stream.wait(readers=1)
            for _ in range(times): stream.send(HTML, event='tick')
            stream.send('{}', event='sse-close')
        for element in page.locator('[data-sse-connect]').all():
            expect(element).to_have_attribute('data-sse-state', 'closed')
    assert told(site.page(*content, head=htmx.head()), send) == []


TWINS = {  # what stands on the element that an event brings, and the versions of htmx that then leave two in the page
    'no attribute': ('', {2, 4}),
    'an attribute without a value': ('hx-swap-oob', {2}),
    'right': ('hx-swap-oob="true"', set()),
}


@pytest.mark.sample(2)
@pytest.mark.parametrize('case', TWINS)
@pytest.mark.feature('console warnings for mistakes in a page')
def test_an_element_that_comes_beside_the_one_that_it_should_replace(site, told, htmx, case):
    attribute, versions = TWINS[case]
    stream, path = site.stream()
    content = Div('1', id='count'), create_sse_element(path, swap_strategy='beforeend')
    send = send_all(stream, [''], f'<p>new</p><b id="count" {attribute}>2</b>')
    said = told(site.page(*content, head=htmx.head()), send)
    assert len(said) == (htmx.major in versions)
    assert all('"count"' in each and 'hx_swap_oob="true"' in each for each in said)


def test_an_element_whose_content_is_replaced_with_its_ids(site, told, htmx):
    stream, path = site.stream()
    element = create_sse_element(path, swap_strategy='innerHTML')(Div('1', id='count'))
    assert told(site.page(element, head=htmx.head()), send_all(stream, ['', ''], '<b id="count">2</b>')) == []


@pytest.mark.feature('console warnings for mistakes in a page')
@pytest.mark.parametrize('status', [404, 405, 200])
def test_no_stream_at_that_url(site, told, console, htmx, status):
    console.allow_failing()
    def answer(request): return HTMLResponse('no stream', status)
    path = urlsplit(site.route(answer)).path
    def wait(page): expect(page.locator('#one')).to_have_attribute('data-sse-state', 'reconnecting')
    said, = told(site.page(create_sse_element(path, 'one'), head=htmx.head()), wait)
    assert path in said and 'setup_broadcast_routes' in said and '#no-stream-at-that-url' in said
    assert f'(status {status})' in said


@pytest.mark.needs('names')
@pytest.mark.feature('plain http at a name other than localhost')
@pytest.mark.parametrize('share', [True, False])
def test_tabs_that_cannot_share_over_plain_http(site, told, htmx, share):
    stream, path = site.stream()
    head = htmx.head() if share else [*htmx.head(), Script('cjmSSE.sharing.on = false')]
    url = site.page(create_sse_element(path), head=head).replace('127.0.0.1', 'plain.test')
    said = told(url, lambda page: stream.wait(readers=1))
    assert len(said) == share and all('only on https and on localhost' in each for each in said)


def test_a_failure_that_passes_is_not_told(site, told, console, htmx):
    console.allow_failing()
    stream, path = site.stream()
    stream.status = 503
    def wait(page): expect(page.locator('#one')).to_have_attribute('data-sse-state', 'reconnecting')
    assert told(site.page(create_sse_element(path, 'one'), head=htmx.head()), wait) == []
