"Messages between tabs: another version of the script and other scripts on the channel do no harm"
import pytest

from .conftest import HTMX2, HTMX4
from .rooms import PATIENCE, Rooms, expect_state, state

pytestmark = [pytest.mark.needs('init script'), pytest.mark.sample(1), pytest.mark.heavy]

NAMES = """window.channels = [];
window.BroadcastChannel = class extends BroadcastChannel { constructor(name) { super(name); channels.push(name); } };"""
FED = "[...cjmSSE.subscriptions].every(each => each.isRelayed)"
LOCKS = "async () => Object.values(await navigator.locks.query()).flat().map(lock => lock.name)"
# Simulates another version of the script: the number in its names and the types of its messages differ
ANOTHER = r"""{
const other = name => name.replace(/\/1\b/, '/2'), ours = name => name.replace(/\/2\b/, '/1');
window.BroadcastChannel = class extends BroadcastChannel {
    constructor(name) { super(other(name)); }
    postMessage(message) { super.postMessage({...message, type: `${message.type} of another version`}); }
    set onmessage(hear) { super.onmessage = ({data}) =>
        hear({data: {...data, type: data.type?.replace(' of another version', '')}}); } };
const {locks} = navigator, request = locks.request.bind(locks), query = locks.query.bind(locks);
const named = all => all.map(lock => ({...lock, name: ours(lock.name)}));
locks.request = (name, ...rest) => request(other(name), ...rest);
locks.query = () => query().then(({held, pending}) => ({held: named(held), pending: named(pending)})); }"""


@pytest.fixture
def rooms(serve, htmx, tabs, context):
    rooms = Rooms(htmx.head(), tabs)
    with serve(rooms.app) as rooms.url:
        yield rooms
        for page in context.pages: page.close()  # they need not notice the server's end


def with_script(tabs, script):
    "Open tabs that run `script` before all others"
    def tab():
        tab = tabs()
        tab.add_init_script(script)
        return tab
    return tab


# Versions


@pytest.mark.parametrize('htmx', [HTMX2, HTMX4], ids=str)
def test_names_and_requests_say_which_version_speaks(rooms, tabs):
    asked = []
    def tab():
        tab = with_script(tabs, NAMES)()
        tab.on('request', lambda request: '/sse/broadcast' in request.url and asked.append(request.headers))
        return tab
    opened = [rooms.tab('a', tabs=tab), rooms.tab('b', tabs=tab)]
    for each in opened: expect_state(each, 'open')
    rooms.expect_streams(opened[0], 1, 2)
    names = [name for each in opened for name in [*each.evaluate('channels'), *each.evaluate(LOCKS)]]
    assert len(names) >= 5 and all(name.startswith('cjm-sse/1') for name in names), names
    assert len(asked) >= 3 and all(headers.get('sse-version') == '1' for headers in asked), asked


@pytest.mark.parametrize('first', ['ours', 'another'])
def test_tabs_of_another_version_have_a_leader_of_their_own(rooms, tabs, first):
    "A deploy while pages are open: the tabs of each version share a connection"
    kinds = {'ours': tabs, 'another': with_script(tabs, ANOTHER)}
    opened = {}
    for kind in sorted(kinds, key=first.__ne__) * 2:
        tab = rooms.tab('a', tabs=kinds[kind])
        opened.setdefault(kind, []).append(tab)
        expect_state(tab, 'open')
        rooms.send(topic='a')
    every = opened['ours'] + opened['another']
    rooms.expect_streams(every[0], 2, 4)
    for tab in every: rooms.expect_hears(tab, 'a')
    for kind in kinds: opened[kind].pop(0).close()  # the leading ones
    for kind in kinds: rooms.expect_hears(opened[kind][0], 'a')
    for kind in kinds: rooms.expect_all(opened[kind][0])
    rooms.expect_streams(opened['ours'][0], 2, 2)


# Other scripts


# `post(name, key, next)` sends wrong messages on the channel; `next` returns the next message of a leader
WRONG = {
    'no message': """post => [null, undefined, 0, NaN, '', 'text', true, 5n, [], [null], {}, new Date(),
        {type: 'events'}, {type: 'coverage'}, {type: 'coverage', coverage: 5}, {key: null}, {key: {}},
        {key: 5, type: 'coverage'}].forEach(post)""",
    'no type': """(post, key) => [undefined, null, 5, {}, [], '', 'toString', '__proto__', 'unknown'].forEach(type => {
        post({key, type});
        post({key, type, from: 'x', term: 1, number: 1}); })""",
    'no fields': """(post, key) => TYPES.forEach(type => {
        post({key, type});
        post({key, type, from: null, term: null, number: null, topics: null, signed: null, coverage: null, events: null,
            state: null, tag: null}); })""",
    'wrong fields': """(post, key) => TYPES.forEach(type => {
        for (const each of [5, 'x', {}, [null], [{}], NaN]) post({key, type, from: each, term: each, number: each,
            topics: each, signed: each, coverage: each, events: each, state: each, last: each}); })""",
    'huge terms': """(post, key) => TYPES.forEach(type => {
        for (const term of [Infinity, Number.MAX_VALUE, 1e300, 2 ** 53, Number.MAX_SAFE_INTEGER, -Infinity])
            post({key, type, from: 'x', term, number: 1}); })""",
    'no coverage': """(post, key, next) => [null, undefined, 5, 'x', {}, {topics: null}, {asked: ['a'], topics: ['a']},
        {asked: 5, topics: 5, signed: 5, floor: 5}].forEach((coverage, i) =>
            post({...next(i), type: 'coverage', coverage}))""",
    'no events': """(post, key, next) => [null, undefined, 5, 'x', {}, [null], [5], [[]], [{id: 5}], [{id: {}}],
        [{id: null, data: 'x'}], [{event: 5}], [{event: 'sse-close', data: 5}], [{event: 'sse-reset', data: {}, id: 7}],
        [{topic: 5, id: 'x'}]].forEach((events, i) => post({...next(i), type: 'events', events, last: 5}))""",
    'no state': """(post, key, next) => [null, undefined, 5, 'x', {}, 'open ', 'toString']
        .forEach((state, i) => post({...next(i), type: 'state', state}))"""}
SAY = """async ([wrong, name, key]) => {
    const TYPES = ['hello', 'bye', 'ping', 'pong', 'verify', 'reconnect', 'lead', 'coverage', 'events', 'state'];
    const channel = new BroadcastChannel(name);
    let latest;
    channel.onmessage = ({data}) => { if (data.term) latest = data; };
    while (!latest) await fetch('/say?topic=a');
    const next = i => ({key, from: latest.from, term: latest.term, number: latest.number + 1 + i});
    eval(wrong)(message => channel.postMessage(message), key, next);
    channel.close(); }"""


@pytest.mark.parametrize('kind', WRONG)
@pytest.mark.parametrize('htmx', [HTMX2], ids=str)
def test_another_script_on_the_channel_does_no_harm(rooms, tabs, console, kind):
    "Invalid messages are ignored: no event is lost or shown twice; the console may name them"
    console.allow('cjm-fasthtml-sse: TypeError')
    opened = [rooms.tab('a', tabs=with_script(tabs, NAMES)), rooms.tab('a')]
    for tab in opened: expect_state(tab, 'open')
    rooms.expect_streams(opened[0], 1, 2)
    (name,) = opened[0].evaluate('channels')
    stranger = tabs(f'{rooms.url}/plain')
    for _ in range(2):
        stranger.evaluate(SAY, [WRONG[kind], name, f'{rooms.url}/sse/broadcast'])
        for tab in opened: rooms.expect_hears(tab, 'a')
        late = rooms.tab('a')
        rooms.expect_hears(late, 'a')
        for tab in (*opened, late): expect_state(tab, 'open')
        opened.append(late)
    for tab in opened: tab.wait_for_function(FED, timeout=PATIENCE * 1000)  # by one leader for all
    rooms.expect_streams(opened[0], 1, len(opened))
    for tab in opened: rooms.expect_all(tab)
    for tab in opened: assert tab.evaluate('resets') == [] and state(tab) == 'open'


@pytest.mark.parametrize('htmx', [HTMX4], ids=str)
def test_a_lock_that_another_script_has_taken(rooms, tabs):
    "A script holds the leader's lock and sends nothing: the tabs steal it back; a regression test"
    opened = [rooms.tab('a'), rooms.tab('a')]
    for tab in opened: expect_state(tab, 'open')
    rooms.expect_streams(opened[0], 1, 2)
    stranger = tabs(f'{rooms.url}/plain')
    key = f'{rooms.url}/sse/broadcast'
    (name,) = {name for name in stranger.evaluate(LOCKS) if name.endswith(key)}
    stranger.evaluate("""name => {
        navigator.locks.request(name, {steal: true}, () => new Promise(() => {})).catch(() => {}); }""", name)
    for tab in opened: rooms.expect_hears(tab, 'a')
    for tab in opened: rooms.expect_all(tab)
