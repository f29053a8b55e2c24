"The test kit does with a page what the real htmx does: the same request, the same tree, the same events"
import json
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import pytest
from browser.conftest import HTMX2, HTMX4
from fasthtml.common import to_xml

from cjm_fasthtml_sse.testing.answers import answer
from cjm_fasthtml_sse.testing.htmx import request_of
from cjm_fasthtml_sse.testing.pages import find_one, outline, read_page
from cjm_fasthtml_sse.testing.messages import connections_of, take
from cjm_fasthtml_sse.testing.triggers import navigation_of
from .cases import CASES, FOLLOWED, MESSAGES, PLAIN, Answer

ORIGIN = 'http://testserver'
URL = f'{ORIGIN}/dir/page?p=1'
VERSIONS = {2: HTMX2, 4: HTMX4}
WATCH = '''
window.seen = []; window.finished = 0;
for (const name of ['one', 'two', 'three']) addEventListener(name, e => {
  const {elt, ...detail} = e.detail ?? {};
  seen.push([name, e.target.id ?? '', detail]);
});
for (const name of ['htmx:afterRequest', 'htmx-finally-request', 'htmx:finally:request'])
  document.addEventListener(name, () => finished++);
'''
DONE = '() => finished && !document.querySelector(".htmx-swapping, .htmx-settling, .htmx-added, .htmx-request")'


def each(cases):
    "The cases on the versions that they are for"
    return [pytest.param(case, major, id=f'{case.name}-htmx{major}') for case in cases for major in case.majors]


def whole(case, major):
    head = ''.join(to_xml(elt, indent=False) for elt in VERSIONS[major].head())
    head += '<title>old</title><link rel="icon" href="data:,">'
    return f'<!doctype html><html><head>{head}</head><body>{case.html}</body></html>'


def pairs_of(body, kind):
    "The fields of a body, in their order"
    if not body: return []
    if 'multipart' not in kind: return parse_qsl(body.decode(), keep_blank_values=True)
    message = BytesParser(policy=HTTP).parsebytes(f'Content-Type: {kind}\r\n\r\n'.encode() + body)
    return [(part.get_param('name', header='content-disposition'), part.get_payload(decode=True).decode())
        for part in message.iter_parts()]


def path(url):
    parts = urlsplit(url)
    return parts.path, parse_qsl(parts.query, keep_blank_values=True)


def ours(headers): return {name.lower(): value for name, value in headers.items()
    if name.lower().startswith(('hx-', 'x-'))}


class Chromium:
    "A page in the browser, whose server is a table"
    def __init__(self, browser, npm):
        self.npm, self.page = npm, browser.new_page()
        self.page.set_default_timeout(5000)
        self.page.add_init_script(WATCH)
        self.page.route('**/*', self.serve)

    def open(self, html, case):
        self.html, self.case, self.requests, self.then = html, case, [], None
        self.page.goto(URL)

    def serve(self, route):
        request = route.request
        parts = urlsplit(request.url)
        if parts.path.startswith('/npm/'): return route.fulfill(path=self.npm/Path(parts.path[5:]))
        if request.is_navigation_request() and request.url == URL: return route.fulfill(body=self.html,
            content_type='text/html; charset=utf-8')
        if parts.path == '/stream': return route.fulfill(body=self.case.frames, content_type='text/event-stream')
        headers, body = request.headers, request.post_data_buffer
        self.requests.append((request.method, path(request.url), pairs_of(body, headers.get('content-type', '')),
            ours(headers)))
        given = self.case.answer if len(self.requests) == 1 or not self.then else self.then
        route.fulfill(status=given.status, headers=given.headers | {'content-type': 'text/html; charset=utf-8'},
            body=given.body)

    def type(self, name, value):
        for field in self.page.locator(f'[name="{name}"]').all():
            kind = field.evaluate('each => each.type')
            if kind == 'checkbox': field.set_checked(value if isinstance(value, bool)
                else field.get_attribute('value') in value)
            elif kind == 'radio' and field.get_attribute('value') == value: field.check()
            elif kind.startswith('select'): field.select_option(value)
            elif kind != 'radio': field.fill(value)

    def act(self, case):
        for name, value in case.fields.items(): self.type(name, value)
        element = self.page.locator(case.button or case.css)
        if case.event == 'click': element.evaluate('each => each.click()')
        else: element.dispatch_event(case.event)
        self.page.wait_for_function(DONE)

    def state(self):
        body, title, seen, url = self.page.evaluate('[document.body.outerHTML, document.title, seen, location.href]')
        return outline(read_page(body).body), title, seen, url


class Kit:
    "The same page in the test kit"
    def __init__(self, html, major): self.page, self.major, self.seen, self.url = read_page(html), major, [], URL

    def act(self, case):
        button = case.button and find_one(self.page, case.button)
        request = request_of(self.page, find_one(self.page, case.css), self.major, button, case.fields, url=URL)
        self.requests = [(request.method, path(request.url), [*request.body], ours(request.headers))]
        given = case.answer
        self.done = done = answer(self.page, request, given.status, given.headers, given.body, self.major, url=URL)
        self.seen = [[event.name, event.element.get('id', ''), event.detail] for event in done.events]
        new = done.push_url or done.replace_url
        if new: self.url = ORIGIN + new

    def state(self): return outline(self.page.body), self.page.title.string, self.seen, self.url


@pytest.fixture(scope='module')
def tab(chromium, npm_files):
    "One tab for all cases"
    tab = Chromium(chromium, npm_files)
    yield tab
    tab.page.close()


@pytest.mark.sample(3)
@pytest.mark.parametrize(('case', 'major'), each(CASES))
def test_kit_and_browser_agree(tab, case, major):
    html = whole(case, major)
    kit = Kit(html, major)
    kit.act(case)
    tab.open(html, case)
    tab.act(case)
    assert kit.requests == tab.requests
    assert json.dumps(kit.state(), indent=1) == json.dumps(tab.state(), indent=1)


def frames(events):
    "The bytes of a stream that ends for good"
    def frame(name, data):
        return (f'event: {name}\n' if name else '') + ''.join(f'data: {line}\n' for line in data.split('\n')) + '\n'
    return ''.join(frame(*event) for event in (*events, ('sse-close', 'bye')))


def shown(body):
    "The tree without the state of connections"
    page = read_page(body)
    for element in page.find_all(True):
        for name in ('data-sse-state', 'data-sse-denied', 'hx-sse:connect', 'hx-sse:close'): element.attrs.pop(name,
            None)
    return outline(page.body)


ENDED = """() => {
  const elt = document.querySelector("[sse-connect], [data-sse-connect], [hx-sse-connect]");
  const isOver = !elt || elt.dataset.sseState === "closed";
  return isOver && !document.querySelector(".htmx-swapping, .htmx-settling, .htmx-added, .htmx-request");
}"""


@pytest.mark.sample(2)
@pytest.mark.parametrize(('case', 'major'), each(MESSAGES))
def test_kit_and_browser_show_the_same_events(tab, case, major):
    html = whole(case, major)
    page = read_page(html)
    element = connections_of(page, major)[0].element
    for name, data in case.events:
        if any(each is page for each in element.parents): take(page, element, name, data, major)
    tab.open(html, SimpleNamespace(frames=frames(case.events)))
    tab.page.wait_for_function(ENDED)
    assert shown(str(page.body)) == shown(tab.page.evaluate('document.body.outerHTML'))


@pytest.mark.sample(1)
@pytest.mark.parametrize('case', PLAIN, ids=lambda case: case.name)
def test_plain_links_and_forms_lead_to_the_same_page(tab, case):
    html = f'<!doctype html><html><head><title>old</title></head><body>{case.html}</body></html>'
    page = read_page(html)
    found = navigation_of(page, find_one(page, case.button or case.css), case.fields, URL)
    tab.open(html, case)
    for name, value in case.fields.items(): tab.type(name, value)
    with tab.page.expect_navigation(): tab.page.locator(case.button or case.css).evaluate('each => each.click()')
    body = () if found.encoding == 'query' else found.fields
    assert (found.method, path(found.url), [*body]) == tab.requests[0][:3]


@pytest.mark.sample(1)
@pytest.mark.parametrize(('case', 'major'), each(FOLLOWED))
def test_an_answer_leads_to_the_same_request_or_page(tab, case, major):
    html, second = whole(case, major), Answer('<b>new</b><i>2</i>')
    kit = Kit(html, major)
    kit.act(case)
    tab.open(html, case)
    tab.then = second
    leads_away = kit.done.refresh or kit.done.navigate
    if leads_away:
        with tab.page.expect_navigation(): tab.page.locator(case.css).evaluate('each => each.click()')
        assert path(tab.page.url) == path(kit.done.navigate or URL)
        return
    tab.page.locator(case.css).evaluate('each => each.click()')
    tab.page.wait_for_function(DONE.replace('finished', 'finished > 1').replace(', .htmx-request', ''))
    request = kit.done.location
    done = answer(kit.page, request, second.status, {}, second.body, major, url=URL)
    kit.requests.append((request.method, path(request.url), [*request.body], ours(request.headers)))
    kit.url = ORIGIN + (done.push_url or done.replace_url)
    assert kit.requests == tab.requests
    assert json.dumps(kit.state(), indent=1) == json.dumps(tab.state(), indent=1)
