// The parts of the script that need no browser: run by `node --test tests/js`, on the files as they stand.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import vm from 'node:vm';

const assets = new URL('../../cjm_fasthtml_sse/assets/', import.meta.url);
const read = name => readFileSync(new URL(`${name}.js`, assets), 'utf8');

/** `window.cjmSSE` after the files that ask for no document; `globals` stand in for the browser's. */
function load(globals = {}) {
    const window = { isSecureContext: false };
    const context = vm.createContext({ window, navigator: {}, console, URL, AbortController, TextDecoder, ReadableStream, setTimeout, clearTimeout, performance,
        document: { baseURI: 'http://host/page', hidden: false }, location: { origin: 'http://host' }, ...globals });
    for (const name of ['stream', 'hub']) vm.runInContext(read(name), context);
    return window.cjmSSE;
}

const plain = value => JSON.parse(JSON.stringify(value));
const blocks = chunks => { const parse = load().parser(); return plain(chunks.flatMap(chunk => parse(chunk))); };

const CASES = [
    ['data: a\n\n', [{ data: 'a' }]],
    ['data:a\ndata:  b\ndata\n\n', [{ data: 'a\n b\n' }]],
    [': comment\n\n', [{ comment: 'comment' }]],
    ['id: e-7\n\n', [{ id: 'e-7' }]],
    ['id: bad\0\ndata: x\n\n', [{ data: 'x' }]],
    ['event: done\nid: e-8\nretry: 20\ntopic: job/42\ndata: x\n\n', [{ event: 'done', id: 'e-8', retry: 20, topic: 'job/42', data: 'x' }]],
    ['retry: soon\nretry: 3\n\n', [{ retry: 3 }]],
    ['data: a: b\nunknown: x\n\ndata: never', [{ data: 'a: b' }]],
    ['data: \u2028\u0085\n\n', [{ data: '\u2028\u0085' }]],
];

test('blocks are the same wherever the text is cut, and whichever line end it has', () => {
    for (const [text, expected] of CASES) {
        for (const end of ['\n', '\r', '\r\n']) {
            const given = text.replaceAll('\n', end);
            const settled = end === '\r' ? `${given}:` : given;  // a last CR may still become a CRLF
            assert.deepEqual(blocks([settled]), expected, JSON.stringify(given));
            assert.deepEqual(blocks([...settled]), expected, `one by one: ${JSON.stringify(given)}`);
            for (let cut = 1; cut < settled.length; cut++) {
                assert.deepEqual(blocks([settled.slice(0, cut), settled.slice(cut)]), expected, `${cut} of ${JSON.stringify(given)}`);
            }
        }
    }
});

test('a position is compared as the whole number that it is, however large', () => {
    const { isLater } = load();
    assert.ok(isLater('a-10', 'a-9'));
    assert.ok(!isLater('a-9', 'a-10'));
    assert.ok(!isLater('a-9', 'a-9'));
    assert.ok(isLater('a-9007199254740993', 'a-9007199254740992'));
    assert.ok(!isLater('a-9007199254740992', 'a-9007199254740993'));
    assert.ok(isLater('a-b-18446744073709551617', 'a-b-18446744073709551616'));
    assert.ok(isLater('a-10.0123abcd', 'a-9') && isLater('a-10', 'a-9.0123abcd.76543210'));
    assert.ok(!isLater('a-9.0123abcd', 'a-10') && !isLater('a-9', 'a-9.0123abcd'));
});

test('ids of two lives of a log have no order: either is news', () => {
    const { isLater } = load();
    assert.ok(isLater('a-1', 'b-9') && isLater('b-9', 'a-1') && isLater('a-1', ''));
});

test('delays double up to a limit, all of it at random', () => {
    const { delay, policy } = load();
    const drawn = (tries, retry) => Array.from({ length: 400 }, () => delay(tries, retry));
    for (const [tries, ceiling] of [[0, 1000], [1, 2000], [4, 16000], [5, 30000], [1000, 30000]]) {
        const found = drawn(tries);
        assert.ok(Math.min(...found) >= policy.least && Math.max(...found) <= ceiling);
        assert.ok(Math.max(...found) - Math.min(...found) > ceiling / 3, 'spread');
    }
});

test('what the server says by retry holds, and doubles if it does not help', () => {
    const { delay } = load();
    assert.equal(delay(0, 20), 20);
    assert.equal(delay(0, 0), 0);
    assert.ok(delay(2, 4000) <= 16000);
});

test('an interval of the page is the delay, and a quarter more at most', () => {
    const { delay, policy } = load();
    policy.interval = 100;
    for (const tries of [0, 1, 50]) assert.ok(delay(tries) >= 100 && delay(tries) <= 125);
    assert.equal(delay(0, 20), 20);
});

test('topics and patterns are heard as the server hears them', () => {
    const { hears } = load();
    for (const [wanted, topic, heard] of [
        ['job/42', 'job/42', true], ['job/42', 'job/421', false], ['job/*', 'job/42', true], ['job/*', 'job/42/log', false],
        ['job/*', 'job', false], ['job/**', 'job/42', true], ['job/**', 'job/42/log', true], ['job/**', 'job', false],
        ['*', 'news', true], ['*', 'job/42', false], ['**', 'job/42/log', true], ['**', 'news', true], ['a.b', 'axb', false],
    ]) assert.equal(hears([wanted], topic), heard, `${wanted} ${topic}`);
    assert.equal(hears([], 'news'), false);
});

/** A subscription without tabs, on answers made up here. */
async function subscribe(url, wanted, ...answers) {
    const asked = [];
    const states = [];
    let over;
    const ended = new Promise(resolve => { over = resolve; });
    const fetch = async (address, { headers }) => {
        asked.push({ url: address, ...headers });
        const { status = 200, headers: given = {}, text = '', redirected = false } = answers[asked.length - 1] ?? { status: 204 };
        const response = new Response(status === 204 ? null : text, { status, headers: { 'Content-Type': 'text/event-stream', ...given } });
        return redirected ? Object.defineProperty(response, 'redirected', { value: true }) : response;
    };
    const sse = load({ fetch });
    Object.assign(sse.policy, { interval: 1 });
    const events = [];
    sse.subscribe({ url, headers: {}, share: true, cursor: '', onevent: block => events.push(plain(block)), onstate: (state, status) => {
        states.push(status === undefined ? state : `${state} ${status}`);
        if (['closed', 'denied'].includes(state)) over();
    }, ...wanted });
    await ended;
    return { asked, states, events };
}

test('a stream that breaks is asked for again from the newest id', async () => {
    const { asked, events, states } = await subscribe('/s?topic=a', {}, { text: 'id: e-1\ndata: x\n\n' }, { status: 500 }, { text: 'id: e-2\n\n' });
    assert.deepEqual(asked.map(each => [each.url, each['Last-Event-ID']]),
        [['http://host/s?topic=a', undefined], ['http://host/s?topic=a', 'e-1'], ['http://host/s?topic=a', 'e-1'], ['http://host/s?topic=a', 'e-2']]);
    assert.deepEqual(events, [{ id: 'e-1', data: 'x' }]);
    assert.deepEqual(states, ['connecting', 'open', 'reconnecting 0', 'reconnecting 500', 'open', 'reconnecting 0', 'closed 204']);
});

test('across origins, or with an id that no header can hold, the URL names it', async () => {
    const { asked } = await subscribe('http://other/s?last_event_id=e-0&x=1', {}, { text: 'id: e-1\n\n' });
    assert.deepEqual(asked.map(each => each.url), ['http://other/s?last_event_id=e-0&x=1', 'http://other/s?last_event_id=e-1&x=1']);
    const odd = await subscribe('/s', {}, { text: 'id: ü\n\n' });
    assert.deepEqual(odd.asked.map(each => [each.url, each['Last-Event-ID']]), [['http://host/s', undefined], ['http://host/s?last_event_id=%C3%BC', undefined]]);
});

test('refusals and a sign-in page in the place of the stream are the end', async () => {
    for (const status of [400, 401, 403, 409]) assert.deepEqual((await subscribe('/s', {}, { status })).states, ['connecting', `denied ${status}`]);
    const signIn = { redirected: true, headers: { 'Content-Type': 'text/html' } };
    assert.deepEqual((await subscribe('/s', {}, signIn)).states, ['connecting', 'denied 200']);
});

test('sse-close is the end, after what came before it', async () => {
    const { asked, events, states } = await subscribe('/s', {}, { text: 'data: a\n\nevent: sse-close\ndata: {}\n\ndata: never\n\n' });
    assert.deepEqual([asked.length, events.map(each => each.data), states.at(-1)], [1, ['a', '{}'], 'closed']);
});

test('what a server says by Retry-After is waited for', async () => {
    const before = Date.now();
    const { asked } = await subscribe('/s', {}, { status: 503, headers: { 'Retry-After': '1' } });
    assert.ok(asked.length === 2 && Date.now() - before >= 1000);
});
