"The swap style `morph` keeps what a reader and the scripts of a page have done, alike on every version of htmx"
import json
import random
import threading
from pathlib import Path

import pytest
from fasthtml.common import Button, Div, Input, Meta, NotStr, P, Table, Tbody, Td, Tr, to_xml
from fasthtml.svg import Circle, Svg
from starlette.responses import HTMLResponse

from cjm_fasthtml_sse.browser.elements import connection_indicator, create_sse_element, sse_headers
from cjm_fasthtml_sse.core.streaming import OOBStreamBuilder
from .conftest import HTMX2, HTMX4
from .engines import expect

CASES = json.loads((Path(__file__).parent/'morph_cases.json').read_text())
ROWS = 'the rows have no ids'  # a warning


def head(htmx, **settings):
    local = {'htmx.org': f'/npm/{htmx.folder}', 'htmx-ext-sse': '/npm/htmx-ext-sse', 'idiomorph': '/npm/idiomorph'}
    made = sse_headers(htmx.major, **{'local': local, 'morph': True, **settings})
    return [elt for elt in made if elt.tag != 'meta' or htmx.meta]


@pytest.fixture
def opened(site):
    "`opened(page, htmx, first)` opens a page with an element that merges; returns `send(html)`, which waits for it"
    def opened(page, htmx, first='', *beside, wait_until='load', **attrs):
        stream, path = site.stream()
        element = create_sse_element(path, 'live', 'morph', **attrs)(NotStr(first))
        page.goto(site.page(element, *beside, Div('0', id='last'), head=head(htmx)), wait_until=wait_until)
        stream.wait(readers=1)
        count = 0
        def send(*events):
            nonlocal count
            count += 1
            for event in events: stream.send(event)
            stream.send(f'<div id="last" hx-swap-oob="true">{count}</div>')
            expect(page.locator('#last')).to_have_text(str(count))
        send.stream = stream
        return send
    return opened


@pytest.fixture
def show(opened, page):
    "`opened` in the test's tab"
    return lambda htmx, *content, **attrs: opened(page, htmx, *content, **attrs)


@pytest.fixture
def chromium_page(chromium, console):
    "A tab of Chromium, for what the drivers of the others cannot do"
    context = chromium.new_context()
    context.set_default_timeout(10_000)
    page = context.new_page()
    console.watch(page)
    yield page
    context.close()


def play(page, send, user, *steps):
    "Let the reader act, then send the HTML of each step, and wait until what it should keep is there"
    page.evaluate(f'async () => {{ {user} }}')
    for html, kept in steps:
        send(html)
        page.wait_for_function(kept)


# What a page may not lose


@pytest.mark.sample(12)
@pytest.mark.parametrize('case', CASES, ids=lambda case: case['case'])
@pytest.mark.feature('a merge keeps what the reader has done')
def test_cases(show, page, console, htmx, case):
    "An event that comes twice changes nothing more; `steps` are pairs of HTML and what is then true"
    if case.get('htmx', htmx.major) != htmx.major: pytest.skip('only htmx 4 can match the rows of a list without ids')
    console.allow(ROWS, 'willReadFrequently')
    send = show(htmx, case['first'])
    if case.get('moves') and not page.evaluate('"moveBefore" in Element.prototype'): pytest.skip('no moveBefore')
    play(page, send, case['user'], *case.get('steps') or [(case['second'], case['kept'])] * 2)


# Conflicts


@pytest.mark.feature('a conflict of reader and server is marked')
def test_a_conflict_is_told_once_and_ends_with_the_servers_value(show, page, htmx):
    send = show(htmx, '<form id=f><input id=i value=a><b>1</b></form>')
    page.evaluate('''() => { window.told = [];
        addEventListener('sse:conflict', ({target, detail}) => { told.push([target.id, detail.server]); }); }''')
    field = page.locator('#i')
    field.fill('mine')
    for n in (1, 2): send(f'<form id=f><input id=i value=b><b>{n}</b></form>')
    expect(field).to_have_attribute('data-sse-conflict', 'b')
    expect(field).to_have_value('mine')
    assert page.evaluate('told') == [['i', 'b']]
    field.fill('other')
    expect(field).to_have_attribute('data-sse-conflict', 'b')
    field.fill('b')
    page.wait_for_function('!i.hasAttribute("data-sse-conflict")')
    field.fill('mine')
    send('<form id=f><input id=i value=c><b>3</b></form>')
    expect(field).to_have_attribute('data-sse-conflict', 'c')
    page.evaluate('f.reset()')
    page.wait_for_function('!i.hasAttribute("data-sse-conflict") && i.value === "c"')
    field.fill('mine')
    send('<form id=f><input id=i value=d><b>4</b></form>', '<form id=f><input id=i value=c><b>5</b></form>')
    page.wait_for_function('!i.hasAttribute("data-sse-conflict") && i.value === "mine"')
    assert page.evaluate('told') == [['i', 'b'], ['i', 'c'], ['i', 'd']]


def test_another_radio_button_takes_the_mark(show, page, htmx):
    def group(checked):
        return ''.join(f'<input type=radio name=r value={v} id={v} {"checked" * (v == checked)}>' for v in 'abcd')
    send = show(htmx, group('a'))
    page.locator('#b').click()
    send(group('c'))
    expect(page.locator('#b')).to_have_attribute('data-sse-conflict', 'c')
    page.locator('#d').click()
    expect(page.locator('#d')).to_have_attribute('data-sse-conflict', 'c')
    page.locator('#c').click()
    page.wait_for_function('!document.querySelector("[data-sse-conflict]")')


# What a driver does


@pytest.mark.parametrize('htmx', [HTMX2, HTMX4], ids=str)
def test_a_composition_goes_on(opened, chromium_page, htmx):
    "An input method writes into a field that was empty for the server, which then sends another value"
    page = chromium_page
    send = opened(page, htmx, '<input id=i><textarea id=t></textarea><b>1</b>')
    page.evaluate('() => { window.ended = []; addEventListener("compositionend", e => { ended.push(e.data); }); }')
    session = page.context.new_cdp_session(page)
    for n, name in enumerate('it'):
        page.locator(f'#{name}').click()
        session.send('Input.imeSetComposition', dict(text='か', selectionStart=1, selectionEnd=1))
        send(f'<p>{n}</p><input id=i value=server><textarea id=t>server</textarea><b>{n}</b>')
        assert page.evaluate('ended.length') == n
        session.send('Input.imeSetComposition', dict(text='かん', selectionStart=2, selectionEnd=2))
        session.send('Input.insertText', dict(text='漢'))
        expect(page.locator(f'#{name}')).to_have_value('漢')
        expect(page.locator(f'#{name}')).to_have_attribute('data-sse-conflict', 'server')
        page.wait_for_function(f'ended.length === {n + 1}')
        page.evaluate('() => { i.value = i.defaultValue; t.value = t.defaultValue; }')
        send('<input id=i><textarea id=t></textarea><b>1</b>')


def test_a_composition_without_a_letter_yet(show, page, htmx):
    send = show(htmx, '<input id=i value=a>')
    page.evaluate('i.dispatchEvent(new CompositionEvent("compositionstart", {bubbles: true}))')
    send('<input id=i value=b>')
    assert page.evaluate('i.value') == 'a'
    page.evaluate('i.dispatchEvent(new CompositionEvent("compositionend", {bubbles: true}))')
    page.evaluate('i.value = "b"')
    send('<input id=i value=c>')
    expect(page.locator('#i')).to_have_value('c')


@pytest.mark.parametrize('htmx', [HTMX2, HTMX4], ids=str)
def test_a_drag_under_way_ends_in_its_drop(opened, chromium_page, htmx):
    page = chromium_page
    def board(*lists):
        cards = [''.join(f'<li id={c} draggable=true>{c}</li>' for c in cards) for cards in lists]
        return ''.join(f'<ul id={name} style="height:99px">{each}</ul>' for name, each in zip('LR', cards, strict=True))
    send = opened(page, htmx, board('abc', 'd'))
    page.evaluate('''() => {
        addEventListener('dragstart', e => { window.dragged = e.target; e.dataTransfer.setData('text', e.target.id); });
        addEventListener('dragover', e => e.preventDefault());
        addEventListener('drop', e => { e.preventDefault(); window.dropped = e.dataTransfer.getData('text'); });
        addEventListener('dragend', e => { window.ended = e.target; }); }''')
    page.locator('#b').hover()
    page.mouse.down()
    page.locator('#c').hover()
    page.wait_for_function('window.dragged')
    send(board('xabc', 'd'), board('cxab', 'de'))
    assert page.evaluate('dragged === b && b.isConnected && L.textContent === "cxab"')
    page.locator('#R').hover()
    page.mouse.up()
    page.wait_for_function('window.dropped === "b" && window.ended === b')


@pytest.mark.parametrize('htmx', [HTMX2, HTMX4], ids=str)
def test_a_chosen_file_stays(opened, chromium_page, htmx):
    page = chromium_page
    send = opened(page, htmx, '<ul><li id=a><input type=file id=i></li><li id=b>b</li></ul>')
    page.set_input_files('#i', dict(name='x.txt', mimeType='text/plain', buffer=b'x'))
    send('<ul><li id=b>b</li><li id=c>c</li><li id=a><input type=file id=i multiple></li></ul>')
    page.wait_for_function('i.files[0]?.name === "x.txt" && i.multiple')


@pytest.mark.parametrize('htmx', [HTMX2, HTMX4], ids=str)
@pytest.mark.feature('no click is lost while rows are swapped')
def test_no_click_is_lost_at_a_hundred_swaps_a_second(opened, chromium_page, htmx):
    page = chromium_page
    def rows(n):
        wide = 'style="width: 9em"'  # so that the button stays under the mouse
        return ''.join(f'<li id=r{i}><button id=b{i} class="c{n}" {wide}>{n}</button> {n}</li>' for i in range(20))
    send = opened(page, htmx, f'<ul>{rows(0)}</ul>')
    page.evaluate('''() => { window.clicks = 0; window.seen = 0;
        addEventListener('click', ({target}) => { clicks += target.id === 'b7'; });
        const any = {childList: true, characterData: true, subtree: true};
        new MutationObserver(() => { seen += 1; }).observe(b7, any); }''')
    stop = threading.Event()
    def swap():
        n = 0
        while not stop.wait(.01): send.stream.send(f'<ul>{rows(n := n + 1)}</ul>')
    thread = threading.Thread(target=swap)
    thread.start()
    try:
        page.locator('#b7').hover()
        for n in range(1, 21):
            seen = page.evaluate('seen')
            page.mouse.down()
            page.wait_for_function(f'seen > {seen + 10}')
            page.mouse.up()
            page.wait_for_function(f'clicks === {n}')
    finally:
        stop.set()
        thread.join()


# Ways on which HTML arrives


def built(element, id): return to_xml(OOBStreamBuilder().add_element(element, id, 'morph').build(), indent=False)


@pytest.mark.feature('out-of-band elements that merge')
def test_out_of_band_elements_merge(show, page, any_htmx):
    row = Table(Tbody(Tr(Td('1'), Td(Input(id='i', value='a')), id='row'), Tr(Td('2'))))
    send = show(any_htmx, '', row, Svg(Circle(r='1', id='c'), id='svg'), Div('old', id='text', cls='x'))
    page.evaluate('() => { i.value = "mine"; window.e = row; row.classList.add("mine"); window.shape = c; }')
    new = Tr(Td('new'), Td(Input(id='i', value='a')), cls='hot')
    send(built(new, 'row'), built(Circle(r='2'), 'c'), built('new', 'text'))
    assert page.evaluate('row === e && i.value') == 'mine'
    seen = page.evaluate('[row.className, row.cells[0].textContent, row.nextSibling.textContent]')
    assert seen == ['hot mine', 'new', '2']
    assert page.evaluate('c === shape && c.r.baseVal.value') == 2
    assert page.evaluate('text.textContent') == 'new'
    assert page.evaluate('live.textContent') == ''


def test_a_refresh_merges(site, show, page, htmx):
    content = ['<input id=i value=a><b>2</b>']
    url = site.route(lambda request: HTMLResponse(content[0], headers={'Last-Event-ID': 'e-9'})).removeprefix(site.url)
    send = show(htmx, '<input id=i value=a><b>1</b>', refresh=url, refresh_spread=0)
    page.evaluate('() => { i.value = "mine"; window.e = i; }')
    send.stream.send('{"reason": "expired", "last_event_id": "e-9"}', event='sse-reset', id='e-9')
    expect(page.locator('#live b')).to_have_text('2')
    expect(page.locator('#live')).to_have_attribute('data-sse-state', 'open')
    assert page.evaluate('i === e && i.value') == 'mine'


def test_a_response_merges(site, show, page, htmx):
    "As with any other swap style, a button may use it"
    url = site.route(lambda request: HTMLResponse('<input id=i value=a><b>2</b>'))
    button = Button('get', id='get', hx_get=url, hx_target='#box', hx_swap='morph')
    show(htmx, '', button, Div(NotStr('<input id=i value=a><b>1</b>'), id='box'))
    page.evaluate('() => { i.value = "mine"; window.e = i; }')
    page.locator('#get').click()
    expect(page.locator('#box b')).to_have_text('2')
    assert page.evaluate('i === e && i.value') == 'mine'


def test_an_indicator_keeps_its_state(show, page, htmx):
    send = show(htmx, to_xml(connection_indicator(id='says'), indent=False) + '<b>1</b>')
    expect(page.locator('#says')).to_have_text('Live')
    send(to_xml(connection_indicator(id='says'), indent=False) + '<b>2</b>')
    assert page.evaluate('[says.textContent, says.dataset.sseState]') == ['Live', 'open']


# What htmx does after a swap


def test_new_and_changed_elements_are_read_by_htmx(site, show, page, any_htmx):
    urls = [site.route(lambda request, n=n: HTMLResponse(str(n))) for n in range(3)]
    def buttons(*urls): return ''.join(f'<button id=b{n} hx-get="{url}">b</button>' for n, url in enumerate(urls))
    send = show(any_htmx, buttons(urls[0]))
    send(buttons(urls[1], urls[2]))
    for n in (0, 1):
        page.locator(f'#b{n}').click()
        expect(page.locator(f'#b{n}')).to_have_text(str(n + 1))


def test_a_stream_that_arrives_in_a_merge_and_leaves_in_one(site, show, page, htmx):
    inner, path = site.stream()
    element = to_xml(create_sse_element(path, 'inner', 'beforeend'), indent=False)
    send = show(htmx, '<b>1</b>')
    send(f'<b>2</b>{element}')
    inner.wait(readers=1)
    inner.send('<i>in</i>')
    expect(page.locator('#inner')).to_have_text('in')
    send(f'<p>3</p><b>3</b>{element}')
    assert len(inner.requests) == 1
    inner.send('<i>side</i>')
    expect(page.locator('#inner i').last).to_have_text('side')
    send('<b>4</b>')
    inner.wait(readers=0)


def test_htmx_lets_go_of_a_removed_element(show, page, htmx):
    "It fires its event for that, and drops what it knows of the element"
    send = show(htmx, '<b>1</b>')
    send('<b>1</b><p id=p hx-get="/x" hx-trigger="ping from:body"></p>')
    page.wait_for_function('p.matches("[data-htmx-powered]") || p["htmx-internal-data"]?.listenerInfos')
    page.evaluate('''() => {
        for (const name of ['htmx:beforeCleanupElement', 'htmx:before:cleanup', 'htmx-before-cleanup'])
            p.addEventListener(name, () => { window.dropped = true; }); }''')
    send('<b>2</b>')
    page.wait_for_function('window.dropped')


def test_a_script_runs_once_and_again_when_it_changes(show, page, htmx):
    send = show(htmx, '<b>1</b>')
    page.evaluate('window.ran = []')
    for n in '112': send(f'<b>{n}</b><script id=s>ran.push({n})</script>')
    send('<b>3</b><script id=s>ran.push(2)</script>')
    assert page.evaluate('ran') == [1, 2]


def test_a_new_field_takes_no_focus_from_a_reader(show, page, htmx):
    send = show(htmx, '<input id=i>')
    page.locator('#i').click()
    send('<input id=i><input id=j autofocus>')
    send('<input id=i><input id=j autofocus><p></p>')
    expect(page.locator('#i')).to_be_focused()
    for attribute in ('', ' autofocus'): send(f'<input id=i><div{attribute}></div>')  # one that was there takes it too
    assert page.evaluate('live.lastChild.outerHTML') == '<div autofocus=""></div>'


def test_a_new_field_takes_the_focus_if_nobody_has_it(show, page, htmx):
    send = show(htmx, '<input id=i>')
    send('<input id=i><input id=j autofocus>')
    expect(page.locator('#j')).to_be_focused()


# Calls of scripts


def test_a_stub_stands_for_its_element(show, page, htmx):
    show(htmx, '<li id=a class=x>A<input></li><li id=b>B</li><li id=c>C</li>')
    page.evaluate('() => { window.e = a; a.querySelector("input").value = "mine"; a.title = "t"; }')
    page.evaluate('''cjmSSE.morph(live, '<li id=c>C2</li><li id=a></li><li id=z></li><li id=d>D</li>',
        {unchanged: new Set(['a', 'z'])})''')
    page.wait_for_function('live.textContent === "C2AD" && a === e && a.className === "x" && a.title === "t" && '
                           'a.querySelector("input").value === "mine" && !document.getElementById("z")')


def test_the_element_itself_is_merged_or_replaced(show, page, htmx):
    show(htmx, '', Div(P('old', id='p'), id='box', cls='x', title='old'))
    page.evaluate('() => { window.e = box; window.f = p; box.classList.add("mine"); }')
    page.evaluate('cjmSSE.morph(box, "<div id=box class=y><p id=p>new</p></div>", {outer: true})')
    merged = 'box === e && box.className === "y mine" && !box.title && p === f && p.textContent === "new"'
    page.wait_for_function(merged)
    page.evaluate('cjmSSE.morph(box, " <p id=box>other</p> ", {outer: true})')
    page.wait_for_function('box !== e && box.tagName === "P" && box.textContent === "other"')


def test_content_of_an_svg_element(show, page, htmx):
    "htmx reads it as HTML"
    show(htmx, '<svg id=s><circle id=c r=1></circle></svg>')
    page.evaluate('() => { window.e = c; }')
    page.evaluate('cjmSSE.morph(s, "<circle id=c r=2></circle><rect id=r width=3></rect>")')
    page.wait_for_function('c === e && c.r.baseVal.value === 2 && r instanceof SVGRectElement')


def test_a_note_makes_what_is_there_the_servers(show, page, htmx):
    send = show(htmx, '<p id=i>1</p>')
    page.evaluate('() => { i.className = "x"; cjmSSE.noteBase(live); i.title = "mine"; }')
    send('<p id=i>2</p>')
    assert page.evaluate('[i.className, i.title]') == ['', 'mine']


def test_a_wrong_element_is_refused(show, page, htmx):
    show(htmx)
    assert 'give an element' in page.evaluate('cjmSSE.morph("#live", "").catch(error => error.message)')


# Idiomorph


@pytest.mark.needs('routes')
def test_events_wait_for_idiomorph_in_their_order(opened, context, page, htmx):
    "htmx 4 never loads it"
    asked, may_go = [], []
    def answer(route):
        asked.append(route.request.url)
        may_go.append(route)
    context.route('**/idiomorph/**', answer)
    send = opened(page, htmx, '<input id=i value=a>', wait_until='domcontentloaded')
    page.evaluate('() => { i.value = "mine"; window.e = i; }')
    send.stream.send('<input id=i value=a><ul id=u></ul>')
    send.stream.send('<ul id="u" hx-swap-oob="beforeend"><li>1</li></ul>')
    if htmx.major == 2:
        while not may_go: page.evaluate('1')
        assert page.evaluate('live.innerHTML') == '<input id="i" value="a">'
        may_go[0].continue_()
    expect(page.locator('#u')).to_have_text('1')
    assert page.evaluate('i === e && i.value') == 'mine'
    assert len(asked) == (htmx.major == 2)


@pytest.mark.needs('routes', 'messages')
def test_without_idiomorph_the_content_is_replaced(opened, context, page, console):
    console.allow('Idiomorph cannot be loaded', 'Failed to load resource', 'net::ERR')
    context.route('**/idiomorph/**', lambda route: route.abort())
    send = opened(page, HTMX2, '<input id=i value=a>', Div('old', id='box', cls='x'))
    send('<input id=i value=b>', '<div id="box" hx-swap-oob="morph" class="y">new</div>')
    expect(page.locator('#i')).to_have_value('b')
    boxes = page.evaluate('[...document.querySelectorAll("#box")].map(each => [each.textContent, each.className])')
    assert boxes == [['new', 'y']]
    assert sum('Idiomorph cannot be loaded from /npm/idiomorph' in line for line in console.said) == 1


@pytest.mark.needs('routes')
@pytest.mark.feature('files from a CDN, with their checksums')
def test_idiomorph_from_the_cdn(site, context, page, npm_files, htmx):
    "A page with a nonce; its policy forbids inline styles too, and a script of the page has set one"
    asked = []
    def answer(route):
        asked.append(route.request.url)
        path = route.request.url.partition('@')[2].partition('/')[2]
        route.fulfill(body=(npm_files/'idiomorph'/path).read_bytes(),
                      headers={'Access-Control-Allow-Origin': '*', 'Content-Type': 'text/javascript'})
    context.route('https://cdn.jsdelivr.net/npm/idiomorph@**', answer)
    stream, path = site.stream()
    local = head(htmx, nonce='n1')
    cdn = [*sse_headers(htmx.major, nonce='n1', morph=True)][-1]
    config = Meta(name='htmx-config', content='{"includeIndicatorStyles": false, "metaCharacter": "-"}')
    content = create_sse_element(path, 'live', 'morph')(NotStr('<p id=i>1</p>'))
    policy = {'Content-Security-Policy': "script-src 'nonce-n1'; style-src 'self'"}
    scripts = [each for each in local[:-1] if each.tag != 'meta']
    page.goto(site.page(content, head=[config, *scripts, cdn], headers=policy))
    stream.wait(readers=1)
    page.evaluate('() => { window.e = i; i.style.color = "red"; }')
    stream.send('<p id=i class=x>2</p>')
    expect(page.locator('#i')).to_have_text('2')
    assert page.evaluate('i === e && i.style.color') == 'red'
    assert len(asked) == (htmx.major == 2)


# Warnings


@pytest.mark.needs('messages')
def test_rows_without_ids_are_told(show, page, htmx, console):
    console.allow(ROWS)
    send = show(htmx, '<ul><li>a<input></li><li>b<input></li></ul>')
    for n in (1, 2): send(f'<ul><li>{n}<input></li><li>b<input></li></ul>')
    assert sum(ROWS in line and '#rows-without-ids' in line for line in console.said) == 1


# Any page


TAGS = 'div p ul section article'.split()
LEAVES = 'b text check area choice details'.split()


class Server:
    "A random tree of elements with ids, which changes; each keeps its tag"
    def __init__(self, random):
        self.random, self.count, self.tops = random, 0, []
        for _ in range(4): self.tops.append(self.element(0))

    def element(self, depth):
        self.count += 1
        kind = self.random.choice(LEAVES if depth > 2 else [*TAGS, *LEAVES])
        each = dict(id=f'n{self.count}', kind=kind, text='0', attrs={}, children=[])
        if kind in TAGS: each['children'] = [self.element(depth + 1) for _ in range(self.random.randrange(4))]
        return each

    def all(self, under=None):
        for each in self.tops if under is None else under['children']:
            yield each
            yield from self.all(each)

    def parents(self): return [self.tops, *(each['children'] for each in self.all() if each['kind'] in TAGS)]

    def change(self):
        act = self.random.choice('text text attribute attribute add remove move move'.split())
        all, home = [*self.all()], self.random.choice(self.parents())
        if act == 'add' or not all: return home.insert(self.random.randint(0, len(home)), self.element(2))
        each = self.random.choice(all)
        if act == 'text': each['text'] = str(self.random.randrange(100))
        elif act == 'attribute': each['attrs'][self.random.choice(['class', 'title'])] = self.random.choice('xyz')
        else:
            next(home for home in self.parents() if each in home).remove(each)
            inside = [each['children'], *(one['children'] for one in self.all(each))]
            if act == 'remove' or any(home is one for one in inside): return
            home.insert(self.random.randint(0, len(home)), each)

    def html(self, under=None):
        if under is None: return f'<hr>{"".join(map(self.markup, self.tops))}'
        return ''.join(map(self.markup, under['children']))

    def markup(self, each):
        attrs = ''.join(f' {name}="{value}"' for name, value in [('id', each['id']), *each['attrs'].items()])
        kind, text = each['kind'], each['text']
        if kind in TAGS: return f'<{kind}{attrs}>{self.html(each)}</{kind}>'
        if kind == 'b': return f'<b{attrs}>{text}</b>'
        if kind == 'text': return f'<input{attrs} value="{text}">'
        if kind == 'check': return f'<input type="checkbox"{attrs}{" checked" * (int(text) % 2)}>'
        if kind == 'area': return f'<textarea{attrs}>{text}</textarea>'
        if kind == 'details': return f'<details{attrs}><summary>{text}</summary></details>'
        options = ''.join(f'<option{" selected" * (int(text) % 3 == n)}>{n}</option>' for n in range(3))
        return f'<select{attrs}>{options}</select>'


def user_acts(random, server, done):
    "What a reader does to some elements; `done` has the acts that are still to be seen, by id"
    for each in random.sample([*server.all()], min(3, len([*server.all()]))):
        kind, number = each['kind'], random.randrange(1000, 2000)
        act = dict(text='value', area='value', check='checked', details='open', choice='choice').get(kind, 'class')
        if act in ('checked', 'open') and act in done.get(each['id'], {}): continue
        value = dict(choice=number % 3, value=number).get(act, 7)
        if act == 'choice' and value == int(each['text']) % 3: continue
        yield each['id'], act, str(value)
        done.setdefault(each['id'], {})[act] = str(value)


ACT = '''acts => { for (const [id, act, value] of acts) {
    const elt = document.getElementById(id);
    if (act === 'value') { elt.focus(); elt.value = value; }
    else if (act === 'checked') elt.click();
    else if (act === 'open') elt.open = true;
    else if (act === 'choice') elt.value = value;
    else { elt.classList.add('u' + value); elt.setAttribute('aria-label', value); elt.style.top = value + 'px'; }
} }'''
# The page, and the server's HTML with the acts of the reader, each as a list of lines
LINES = '''([html, acts]) => {
    const lines = (elt, given, out = []) => {
        const others = /^(data-htmx-powered|data-sse-conflict|value|checked|selected)$/;
        const attrs = [...elt.attributes].filter(({name, value}) => value && !others.test(name))
            .map(({name, value}) => [name, name === 'class' ? [...elt.classList].sort() : value]).sort().join(';');
        const value = given(elt);
        out.push([elt.tagName, attrs, value, elt.firstElementChild ? '' : elt.textContent].join('|'));
        for (const each of elt.children) lines(each, given, out);
        return out;
    };
    const value = elt => elt.tagName === 'OPTION' ? '' : elt.type === 'checkbox' ? elt.checked : elt.value ?? '';
    const holder = document.createElement('div');
    holder.innerHTML = html;
    for (const [id, each] of Object.entries(acts)) {
        const elt = holder.querySelector('#' + id);
        if (!elt) continue;
        for (const [act, value] of Object.entries(each)) {
            if (act === 'value' || act === 'choice') elt.value = value;
            else if (act === 'checked') elt.checked = value === 'true';
            else if (act === 'open') elt.open = true;
            else {
                elt.classList.add('u' + value);
                elt.setAttribute('aria-label', value);
                elt.style.top = value + 'px';
            }
        }
    }
    return [live, holder].map(root => [...root.children].flatMap(each => lines(each, value)));
}'''


@pytest.mark.sample(2)
@pytest.mark.parametrize('seed', range(12))
@pytest.mark.feature('a merge keeps what the reader has done')
def test_any_page_is_the_servers_where_the_reader_did_nothing(show, page, htmx, seed):
    chance = random.Random(seed)
    server, done = Server(chance), {}
    send = show(htmx, server.html())
    for turn in range(25):
        acts = [*user_acts(chance, server, done)]
        page.evaluate(ACT, acts)
        for id, act, _ in acts:
            if act == 'checked': done[id][act] = str(page.evaluate(f'{id}.checked')).lower()
        for _ in range(chance.randint(1, 4)): server.change()
        there = {each['id']: each for each in server.all()}
        done = {id: each for id, each in done.items() if id in there}
        for id, each in done.items():  # the server has come to what the reader chose
            text = there[id]['text']
            if each.get('checked') == str(bool(int(text) % 2)).lower(): del each['checked']
            if each.get('choice') == str(int(text) % 3): del each['choice']
        send(server.html())
        found, expected = page.evaluate(LINES, [server.html(), done])
        assert found == expected, (seed, turn)
