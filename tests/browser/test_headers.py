"`sse_headers` on the pages of a real FastHTML app, from the CDN (with npm's files) and from local files"
import pytest
from fasthtml.common import Script, fast_app
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from cjm_fasthtml_sse.browser.elements import create_sse_element, sse_headers
from .conftest import Stream
from .engines import expect

pytestmark = [pytest.mark.needs('routes'), pytest.mark.sample(1)]
CDN = 'https://cdn.jsdelivr.net/'
FOLDERS = {'htmx.org@2.0.7': 'htmx.org', 'htmx.org@4.0.0': 'htmx-4.0.0', 'htmx-ext-sse@2.2.4': 'htmx-ext-sse'}
PAGES = {
    'cdn-2': dict(hdrs=sse_headers(), pico=False),
    'cdn-4': dict(htmx4=True, hdrs=sse_headers(4), pico=False),
    'local-2': dict(htmx=False, surreal=False, pico=False, hdrs=sse_headers(local='/npm')),
    'local-4': dict(htmx=False, surreal=False, pico=False, hdrs=sse_headers(4, local={'htmx.org': '/npm/htmx-4.0.0'}))}


@pytest.fixture
def cdn(context, npm_files):
    "The CDN, with npm's files; `cdn.asked` lists the requested ones, `cdn.change` is put in front of each"
    def answer(route):
        path = route.request.url.removeprefix(f'{CDN}npm/')
        package, _, file = path.partition('/')
        headers = {'Access-Control-Allow-Origin': '*', 'Content-Type': 'text/javascript'}
        if package not in FOLDERS: return route.fulfill(body='', headers=headers)
        answer.asked.append(path)
        route.fulfill(body=answer.change + (npm_files/FOLDERS[package]/file).read_bytes(), headers=headers)
    answer.asked, answer.change = [], b''
    context.route(f'{CDN}**', answer)
    return answer


@pytest.mark.parametrize('kind', PAGES)
@pytest.mark.feature('files from a CDN, with their checksums')
def test_one_line_is_enough(serve, npm_files, page, cdn, kind):
    stream = Stream()
    app, rt = fast_app(**PAGES[kind])
    app.router.routes[:0] = [Mount('/npm', StaticFiles(directory=npm_files)), Route('/stream', stream.answer)]
    icon = Script("document.head.append(Object.assign(document.createElement('link'), {rel: 'icon', href: 'data:,'}))")
    rt('/')(lambda: (icon, create_sse_element('/stream', 'sse', 'done')))
    with serve(app) as url:
        page.goto(url)
        stream.wait(readers=1)
        stream.send('<b>there</b>', event='done')
        expect(page.locator('#sse')).to_have_text('there')
        assert len(stream.requests) == 1
        assert len(cdn.asked) == (2 if kind.startswith('cdn') else 0)
        page.close()
        stream.wait(readers=0)


@pytest.mark.parametrize('major', [2, 4])
@pytest.mark.feature('files from a CDN, with their checksums')
def test_a_file_with_other_content_is_refused(site, page, cdn, console, major):
    console.allow('integrity', 'Failed to load resource')
    cdn.change = b'window.hurt = true;'
    page.goto(site.page(head=sse_headers(major)[:1]))
    page.wait_for_function('() => document.readyState === "complete"')
    assert len(cdn.asked) == 1 and page.evaluate('window.hurt') is None
    assert any('integrity' in line for line in console.said)
