"The swap style `morph` keeps what a reader and the scripts of a page have done, alike on every version of htmx"
import json
from pathlib import Path

import pytest
from fasthtml.common import Div, NotStr

from cjm_fasthtml_sse.browser.elements import create_sse_element, sse_headers
from .engines import expect

CASES = json.loads((Path(__file__).parent/'morph_cases.json').read_text())


def head(htmx, **settings):
    local = {'htmx.org': f'/npm/{htmx.folder}', 'htmx-ext-sse': '/npm/htmx-ext-sse', 'idiomorph': '/npm/idiomorph'}
    made = sse_headers(htmx.major, local=local, morph=True, **settings)
    return [elt for elt in made if elt.tag != 'meta' or htmx.meta]


@pytest.fixture
def show(site, page):
    "`show(htmx, first)` opens a page with an element that merges; returns `send(html)`, which waits for the merge"
    def show(htmx, first, **attrs):
        stream, path = site.stream()
        element = create_sse_element(path, 'live', 'morph', **attrs)(NotStr(first))
        page.goto(site.page(element, Div('0', id='last'), head=head(htmx)))
        stream.wait(readers=1)
        count = 0
        def send(html):
            nonlocal count
            count += 1
            stream.send(html)
            stream.send(f'<div id="last" hx-swap-oob="true">{count}</div>')
            expect(page.locator('#last')).to_have_text(str(count))
        return send
    return show


@pytest.mark.parametrize('case', CASES, ids=lambda case: case['case'])
def test_cases(show, page, htmx, case):
    send = show(htmx, case['first'])
    page.evaluate(case['user'] or '0')
    for _ in range(2):
        send(case['second'])
        page.wait_for_function(case['kept'])
