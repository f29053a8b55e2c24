"Failures of the browser, of a page's code or of a stream do not affect other elements and tabs"
import asyncio

import pytest
from fasthtml.common import Div, Script
from starlette.responses import StreamingResponse

from cjm_fasthtml_sse.browser.elements import create_sse_element
from .conftest import HTMX2
from .engines import expect
from .live import HEARD
from .rooms import Rooms, expect_state, heard, state, until

pytestmark = [pytest.mark.needs('init script'), pytest.mark.sample(1), pytest.mark.heavy]

one_htmx = pytest.mark.parametrize('htmx', [HTMX2], ids=str)


@pytest.fixture
def rooms(serve, htmx, tabs):
    rooms = Rooms(htmx.head(), tabs)
    with serve(rooms.app) as rooms.url: yield rooms


# Calls that the browser refuses


REFUSED = {
    'locks.query rejects': "navigator.locks.query = () => Promise.reject(new DOMException('no', 'SecurityError'));",
    'locks.query never answers': "navigator.locks.query = () => new Promise(() => {});",
    'locks.query throws': "navigator.locks.query = () => { throw new DOMException('no', 'InvalidStateError'); };",
    'locks.request rejects': "navigator.locks.request = () => Promise.reject(new DOMException('no', 'SecurityError'));",
    'locks.request never answers': "navigator.locks.request = () => new Promise(() => {});",
    'locks.request throws': "navigator.locks.request = () => { throw new DOMException('no', 'SecurityError'); };",
    'no locks': "Object.defineProperty(navigator, 'locks', {value: undefined});",
    'postMessage throws': "BroadcastChannel.prototype.postMessage = () => { throw new DOMException('no'); };",
    'postMessage throws at times': """let said = 0; const post = BroadcastChannel.prototype.postMessage;
        BroadcastChannel.prototype.postMessage = function (message) {
            if (++said % 5 === 0) throw new DOMException('no', 'DataCloneError');
            post.call(this, message); };""",
    'postMessage is lost at times': """let said = 0; const post = BroadcastChannel.prototype.postMessage;
        BroadcastChannel.prototype.postMessage = function (message) { if (++said % 5) post.call(this, message); };""",
    'no channel': """window.BroadcastChannel = class {
        constructor() { throw new DOMException('no', 'SecurityError'); } };""",
    'BroadcastChannel is missing': "delete window.BroadcastChannel;",
    'crypto.randomUUID is missing': "delete Crypto.prototype.randomUUID;",
    'fetch throws at first': """{ const real = fetch; let tries = 0;
        window.fetch = (...given) => { if (++tries < 3) throw new TypeError('no'); return real(...given); }; }"""}
PLACES = ('all', 'first', 'second')
CASES = [pytest.param(kind, where, marks=pytest.mark.sample(3)) for kind in REFUSED for where in PLACES]


@pytest.mark.parametrize(('kind', 'where'), CASES)
@one_htmx
def test_what_a_browser_refuses_makes_nobody_deaf(rooms, tabs, console, kind, where):
    "A failing call in each tab, in the first, or in a later one may cost a stream and one message"
    console.allow_failing()
    console.allow('tabs share a connection')
    opened, said = [], []
    def tab():
        tab = tabs()
        if where in ('all', ['first', 'second', 'third'][len(opened)]): tab.add_init_script(REFUSED[kind])
        tab.on('console', lambda message: 'cjm-fasthtml-sse' in message.text and said.append((tab, message.text)))
        return tab
    for topic in 'aba':
        opened.append(rooms.tab(topic, tabs=tab))
        expect_state(opened[-1], 'open')
        rooms.send(topic='a')
    for each in opened:
        for topic in each.topics: rooms.expect_hears(each, topic)
    opened.pop(0).close()
    for each in opened:
        for topic in each.topics: rooms.expect_hears(each, topic)
        rooms.expect_all(each)
        assert each.evaluate('resets') == [] and state(each) == 'open'
    assert len({each for each, _ in said}) == len(said)


CUT = """{ const real = fetch; window.cuts = 0;
window.fetch = async (url, options) => {
    const answer = await real(url, options);
    if (!String(url).includes('/broadcast') || window.cuts > 2) return answer;
    let left = %d;
    const cut = new TransformStream({transform(chunk, out) {
        if (left > chunk.length) { left -= chunk.length; return out.enqueue(chunk); }
        window.cuts += 1;
        if (left) out.enqueue(chunk.slice(0, left));
        out.error(new TypeError('cut')); }});
    return new Response(answer.body.pipeThrough(cut), answer); }; }"""


@pytest.mark.sample(2)
@pytest.mark.parametrize('after', [1, 12, 60, 130, 200, 333])
@one_htmx
def test_a_body_that_breaks_within_an_event(rooms, tabs, console, after):
    "The page drops the data that it has received and reads it again; a regression test"
    console.allow_failing()
    def cut():
        tab = tabs()
        tab.add_init_script(CUT % after)
        return tab
    tab = rooms.tab('a', tabs=cut)
    until(tab, lambda: rooms.send(topic='a') or tab.evaluate('cuts') > 2)
    rooms.expect_hears(tab, 'a')
    rooms.expect_all(tab)
    expect_state(tab, 'open')


# Errors of a page


THROW = """for (const name of ['sse:state', 'sse:reset', 'htmx:sseBeforeMessage', 'htmx:sse:before:message',
        'htmx-sse-before-message', 'htmx:sseMessage', 'htmx:beforeSwap', 'htmx:before:swap', 'htmx-before-swap',
        'htmx:afterSwap', 'htmx:after:swap', 'htmx:sseOpen', 'htmx:sse:after:connection', 'htmx:load'])
    addEventListener(name, ({target: {id}}) => { if (id === 'one') throw new Error(`of the test: ${name}`); }, true);"""


@pytest.mark.parametrize('wrong', ['listeners', 'subscription'])
def test_what_one_part_of_a_page_does_wrong_is_not_felt_elsewhere(rooms, tabs, console, htmx, wrong):
    "Listeners that throw, and a subscription of a script; the element beside it and other tabs get all events"
    console.allow_failing()  # streams that break
    console.allow('of the test', 'cjm-fasthtml-sse: Error')  # Firefox logs no more of them
    other = rooms.tab('a')
    expect_state(other, 'open')
    own = """cjmSSE.subscribe({url: '/sse/broadcast?topic=a', headers: {}, share: true, cursor: '',
        onevent() { throw new Error('of the test: event'); }, onstate() { throw new Error('of the test: state'); }})"""
    def content(topics, share):
        def one(name): return create_sse_element('/sse/broadcast', name, 'beforeend', topics=['a'])
        script = Script(THROW) if wrong == 'listeners' else Script(f"try {{ {own} }} catch {{}}")
        return Div(script, one('one'), one('two'))
    rooms.content = content
    pages = [rooms.tab(), rooms.tab()]
    for page in pages: expect(page.locator('#two')).to_have_attribute('data-sse-state', 'open')
    rooms.expect_hears(other, 'a')
    first = rooms.sent
    other.close()  # one of the two leads now
    rooms.send(2, topic='a')
    for page in pages: expect(page.locator('#two')).to_have_text(''.join(str(n) for n in range(first, first + 3)))
    rooms.cut()
    rooms.send(topic='a')
    for page in pages:
        expect(page.locator('#two')).to_have_text(''.join(str(n) for n in range(first, first + 4)))
        expect(page.locator('#two')).to_have_attribute('data-sse-state', 'open')
    assert len(console.said) > 0


# Malformed streams


NO_JSON = ['no json', '{', 'null', '[]', '5', '"text"', '{"reason": 5}', '{"reason": null, "last_event_id": {}}',
           '{"topics": 5}', '{"topics": "b"}']


@pytest.fixture
def show(site, page, htmx, console):
    "`show(shared)` opens a page with an element on a stream of the test's own"
    def show(shared):
        stream, path = site.stream()
        if shared: stream.headers = {'SSE-User': 'someone'}
        page.goto(site.page(create_sse_element(f'{path}?topic=a', 'sse', 'beforeend'), head=htmx.head()))
        stream.wait(readers=1)
        return stream
    return show


@pytest.mark.parametrize('shared', [False, True], ids=['alone', 'shared'])
@pytest.mark.parametrize('text', [pytest.param(text, marks=pytest.mark.sample(1)) for text in NO_JSON])
@one_htmx
def test_a_reset_without_json_is_a_reset(show, page, text, shared):
    stream = show(shared)
    for n in (9, 10):
        page.evaluate("window.told = 0; addEventListener('sse:reset', () => { window.told += 1; }); 0")
        stream.send(text, event='sse-reset', id=f'e-{n}')
        until(page, lambda: page.evaluate('window.told') or len(stream.queues) == 2)  # its own
        stream.send(text, event='sse-reset', id=f'e-{n}')
        page.wait_for_function('window.told')
    expect_state(page, 'stale')
    sent = iter(range(11, 1000))
    until(page, lambda: (n := next(sent)) and stream.send(f'<i>{n}</i>', id=f'e-{n}') or page.evaluate(HEARD))
    numbers = page.evaluate(HEARD)
    assert numbers == [*range(numbers[0], numbers[-1] + 1)]
    asked = len(stream.requests)
    assert asked <= (4 if shared else 1)


@pytest.mark.parametrize('shared', [False, True], ids=['alone', 'shared'])
@pytest.mark.parametrize('text', [pytest.param(text, marks=pytest.mark.sample(1)) for text in NO_JSON])
@one_htmx
def test_an_end_without_json_is_an_end(show, page, text, shared):
    page.clock.install()
    stream = show(shared)
    stream.send('{"reason": "expired"}', event='sse-reset', id='e-9')
    expect_state(page, 'stale')
    stream.send(text, event='sse-close')
    expect_state(page, 'closed')
    stream.wait(readers=0)
    page.clock.run_for(60_000)
    assert len(stream.requests) == 1 and state(page) == 'closed'


OPENINGS = ['connected', 'connected {', 'connected null', 'connected 5', 'connected "text"', 'connected []',
            'connected{}', 'connected {"heartbeat":"x","topics":5,"asked":"many","from":{}}',
            'connected {"heartbeat":-5}', 'connected {"heartbeat":1e300}', 'connected {"heartbeat":2147484}',
            'connected {"heartbeat":null,"topics":null}',
            'connected {"topics":[5,null,{}]}', 'connected {"asked":1,"topics":{}}', 'x' * 100_000]


@pytest.mark.parametrize('shared', [False, True], ids=['alone', 'shared'])
@pytest.mark.parametrize('said', [pytest.param(said, marks=pytest.mark.sample(1), id=said[:60]) for said in OPENINGS])
@one_htmx
def test_a_stream_that_opens_with_other_words_is_read(site, page, console, htmx, said, shared):
    "A stream with a different opening comment is from another server, and is read as usual"
    requests = []
    async def frames():
        yield f': {said}\n\n'
        n = 0
        while True:
            n += 1
            yield f'data: <i>{n}</i>\n\n'
            await asyncio.sleep(0.1)
    def answer(request):
        requests.append(request)
        headers = {'SSE-User': 'someone'} if shared else {}
        return StreamingResponse(frames(), media_type='text/event-stream', headers=headers)
    page.goto(site.page(create_sse_element(site.route(answer), 'sse', 'beforeend'), head=htmx.head()))
    expect_state(page, 'open')
    until(page, lambda: len(heard(page)) >= 8)
    numbers = heard(page)
    assert numbers == [*range(1, len(numbers) + 1)] and len(requests) == 1
