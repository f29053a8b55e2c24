"`OOBStreamBuilder` on a page: every element gets into its place on htmx 2 and htmx 4"
import pytest
from fasthtml.common import (
    Caption, Col, Colgroup, Dd, Div, Dl, Dt, Li, NotStr, Option, P, Select, Table, Tbody, Td, Tfoot, Th, Thead, Tr, Ul,
    to_xml
)
from fasthtml.svg import Circle, Svg

from cjm_fasthtml_sse.browser.elements import create_sse_element
from cjm_fasthtml_sse.core.streaming import OOBStreamBuilder

BOX = Div(P('old'), id='t', title='kept')
LIST = Ul(Li('1', id='t'), Li('2'))
TABLE = Table(Tbody(Tr(Td('1'), id='t'), Tr(Td('2'))))
CELLS = Table(Tbody(Tr(Td('1', id='t'))))

# Each mode with its effect on a `Div`, an `Li` and a `Tr`: `t` is the target, `new` the new element
BESIDE = {
    'beforebegin': '{new}{t}{rest}', 'afterend': '{t}{new}{rest}', 'delete': '{rest}', 'none': '{t}{rest}',
    'true': '{new_t}{rest}', 'outerHTML': '{new_t}{rest}'}
INSIDE = {'innerHTML': '{new}', 'afterbegin': '{new}{old}', 'beforeend': '{old}{new}'}


def row(text, **attrs): return Tr(Td(text), **attrs)


def beside(page, sent, around, t, new, new_t, rest):
    "Return a case for each mode that changes the target and its neighbors"
    parts = dict(t=t, new=new, new_t=new_t, rest=rest)
    return [(page, (sent, 't', mode), around.format(result.format(**parts))) for mode, result in BESIDE.items()]


def inside(page, sent, around, old, new):
    "Return a case for each mode that changes the target's content"
    parts = dict(old=old, new=new)
    return [(page, (sent, 't', mode), around.format(result.format(**parts))) for mode, result in INSIDE.items()]


CASES = [
    *beside(BOX, P('new'), '{}', '<div id="t" title="kept"><p>old</p></div>', '<p>new</p>', '<p id="t">new</p>', ''),
    *beside(LIST, Li('new'), '<ul>{}</ul>', '<li id="t">1</li>', '<li>new</li>', '<li id="t">new</li>', '<li>2</li>'),
    *beside(TABLE, row('new'), '<table><tbody>{}</tbody></table>', '<tr id="t"><td>1</td></tr>',
            '<tr><td>new</td></tr>', '<tr id="t"><td>new</td></tr>', '<tr><td>2</td></tr>'),
    *beside(CELLS, Td('new'), '<table><tbody><tr>{}</tr></tbody></table>', '<td id="t">1</td>', '<td>new</td>',
            '<td id="t">new</td>', ''),
    *inside(BOX, P('new'), '<div id="t" title="kept">{}</div>', '<p>old</p>', '<p>new</p>'),
    *inside(Ul(Li('1'), id='t'), Li('new'), '<ul id="t">{}</ul>', '<li>1</li>', '<li>new</li>'),
    *inside(Table(Tbody(row('1'), id='t')), row('new'), '<table><tbody id="t">{}</tbody></table>',
            '<tr><td>1</td></tr>', '<tr><td>new</td></tr>'),
    *inside(Table(Tbody(row('1', id='t'))), Th('new'), '<table><tbody><tr id="t">{}</tr></tbody></table>',
            '<td>1</td>', '<th>new</th>'),
    *inside(Table(Colgroup(Col(span='1'), id='t')), Col(span='2'), '<table><colgroup id="t">{}</colgroup></table>',
            '<col span="1">', '<col span="2">'),
    *inside(Select(Option('1'), id='t'), Option('new'), '<select id="t">{}</select>', '<option>1</option>',
            '<option>new</option>'),
    *inside(Dl(Dt('1'), id='t'), Dd('new'), '<dl id="t">{}</dl>', '<dt>1</dt>', '<dd>new</dd>'),
    *inside(Svg(Circle(r='1'), id='t'), Circle(r='2'), '<svg id="t">{}</svg>', '<circle r="1"></circle>',
            '<circle r="2"></circle>')]

# Parts of a table that are replaced as a whole, elements that replace the target, text, and lists
PARTS = (('caption', Caption, 'new', 'new'), ('thead', Thead, row('new'), '<tr><td>new</td></tr>'),
         ('tfoot', Tfoot, row('new'), '<tr><td>new</td></tr>'), ('colgroup', Colgroup, Col(), '<col>'))
for tag, part, content, html in PARTS:
    after = f'<table><{tag} id="t">{html}</{tag}></table>'
    CASES.append((Table(part(id='t')), (part(content), 't', 'outerHTML'), after))
CASES += [
    (Svg(Circle(r='1', id='t')), (Circle(r='2'), 't', 'outerHTML'), '<svg><circle id="t" r="2"></circle></svg>'),
    (BOX, (Div('new', title='lost'), 't', 'innerHTML', False), '<div id="t" title="kept">new</div>'),
    (BOX, (Div('new', title='taken'), 't', 'outerHTML', False), '<div id="t" title="taken">new</div>'),
    (BOX, (Div('new', id='mine'), 't', 'outerHTML'), '<div id="t">new</div>'),
    (BOX, (P('new', id='mine'), 't'), '<div id="t" title="kept"><p id="mine">new</p></div>'),
    (TABLE, (row('new'), 't', 'innerHTML', False),
        '<table><tbody><tr id="t"><td>new</td></tr><tr><td>2</td></tr></tbody></table>'),
    (BOX, ('a < b', 't'), '<div id="t" title="kept">a &lt; b</div>'),
    (BOX, ([P('a'), 'b'], 't', 'beforeend'), '<div id="t" title="kept"><p>old</p><p>a</p>b</div>'),
    (Table(Tbody(id='t')), (NotStr('<tr><td>a</td></tr><tr><td>b</td></tr>'), 't'),
        '<table><tbody id="t"><tr><td>a</td></tr><tr><td>b</td></tr></tbody></table>'),
    (Table(Tbody(id='t')), ([row('a'), row('b')], 't'),
        '<table><tbody id="t"><tr><td>a</td></tr><tr><td>b</td></tr></tbody></table>'),
    (TABLE, (row('own', id='t', hx_swap_oob='true'),),
        '<table><tbody><tr id="t"><td>own</td></tr><tr><td>2</td></tr></tbody></table>')]

# The content of each place without htmx's attributes; the other attributes are sorted
RESULTS = '''() => [...document.querySelectorAll('.place')].map(place => {
    const copy = place.cloneNode(true);
    for (const elt of copy.querySelectorAll('*')) {
        const kept = [...elt.attributes].filter(({name}) => ['id', 'r', 'span', 'title'].includes(name));
        for (const {name} of [...elt.attributes]) elt.removeAttribute(name);
        for (const {name, value} of kept.sort((a, b) => a.name < b.name ? -1 : 1)) elt.setAttribute(name, value);
    }
    return copy.innerHTML;
})'''
ODD = '''() => [...document.querySelectorAll('circle')].filter(elt => !(elt instanceof SVGElement)).length'''


@pytest.fixture
def show(site, page):
    "`show(htmx, *content)` opens a page with a stream, and returns the stream"
    def show(htmx, *content):
        stream, path = site.stream()
        sse = create_sse_element(path, 'sse', 'none')('kept')
        page.goto(site.page(sse, *content, Div(id='last'), head=htmx.head()))
        stream.wait(readers=1)
        return stream
    return show


def markup(builder): return to_xml(builder.build(), indent=False)


def numbered(text, i): return text.replace('id="t"', f'id="t{i}"')


@pytest.mark.feature('out-of-band elements')
def test_every_element_lands_where_it_belongs(show, page, any_htmx):
    places = [numbered(to_xml(before, indent=False), i) for i, (before, _, _) in enumerate(CASES)]
    stream = show(any_htmx, *(Div(NotStr(place), cls='place') for place in places))
    for i, (_, sent, _) in enumerate(CASES):
        stream.send(numbered(markup(OOBStreamBuilder().add_elements([sent])), i))
    stream.send(markup(OOBStreamBuilder().add_element('done', 'last')))
    page.wait_for_function("() => document.getElementById('last').textContent === 'done'")
    results = page.evaluate(RESULTS)
    assert len(results) == len(CASES)
    for i, (_, sent, expected) in enumerate(CASES): assert results[i] == numbered(expected, i), sent
    assert page.evaluate(ODD) == 0
    assert page.locator('#sse').text_content() == 'kept'


@pytest.mark.feature('out-of-band elements')
def test_many_places_in_one_event(show, page, any_htmx):
    stream = show(any_htmx, Table(Tbody(id='rows')), Ul(id='list'), Div('0', id='count'))
    builder = OOBStreamBuilder()
    for n in range(3):
        builder.clear().add_element(row(n), 'rows', 'beforeend').add_element(Li(n), 'list', 'afterbegin')
        stream.send(markup(builder.add_element(str(n + 1), 'count')))
    stream.send(markup(OOBStreamBuilder().add_element('done', 'last')))
    page.wait_for_function("() => document.getElementById('last').textContent === 'done'")
    assert page.locator('#rows > tr > td').all_text_contents() == ['0', '1', '2']
    assert page.locator('#list > li').all_text_contents() == ['2', '1', '0']
    assert page.locator('#count').text_content() == '3'


def test_the_cases_can_fail(show, page, htmx):
    "Without its wrapper, the parser drops a row in both versions; the builder prevents this"
    stream = show(htmx, Table(Tbody(id='rows')))
    stream.send(f'<div><div id="rows" hx-swap-oob="beforeend">{to_xml(row("lost"), indent=False)}</div></div>')
    stream.send(markup(OOBStreamBuilder().add_element('done', 'last')))
    page.wait_for_function("() => document.getElementById('last').textContent === 'done'")
    assert page.locator('#rows').text_content() == 'lost' and page.locator('#rows tr').count() == 0
