// The parts of the script that need no browser, run by `node --test tests/browser/js` on the files before minification.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import vm from 'node:vm';

const assets = new URL('../../../cjm_fasthtml_sse/assets/', import.meta.url);
const FILES = ['parse', 'retry', 'stream', 'topics', 'tabs', 'election', 'leader', 'group', 'follower', 'subscription'];
const read = name => readFileSync(new URL(`${name}.js`, assets), 'utf8');

/** Load the files that need no document, after `first`; `globals` replace those of a browser. */
function load(globals = {}, first = '') {
    const window = { isSecureContext: false };
    const context = vm.createContext({ window, navigator: {}, console, crypto, URL, AbortController, TextDecoder, ReadableStream, setTimeout, clearTimeout, performance,
        document: { baseURI: 'http://host/page', hidden: false }, location: { origin: 'http://host' }, ...globals });
    for (const text of [first, ...FILES.map(read)]) vm.runInContext(text, context);
    return window.cjmSSE;
}

const plain = value => JSON.parse(JSON.stringify(value));
const blocks = chunks => { const parse = load().createParser(); return plain(chunks.flatMap(chunk => parse(chunk))); };

const CASES = [
    ['data: a\n\n', [{ data: 'a' }]],
    ['data:a\ndata:  b\ndata\n\n', [{ data: 'a\n b\n' }]],
    [': comment\n\n', [{ comment: 'comment' }]],
    ['id: e-7\n\n', [{ id: 'e-7' }]],
    ['id: bad\0\ndata: x\n\n', [{ data: 'x' }]],
    ['event: done\nid: e-8\nretry: 20\ntopic: job/42\ndata: x\n\n', [{ event: 'done', id: 'e-8', retry: 20, topic: 'job/42', data: 'x' }]],
    ['id: e-9\necho: a1 b2\ndata: x\n\n', [{ id: 'e-9', echo: 'a1 b2', data: 'x' }]],
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

/** A parser that counts its work: the characters that its calls on strings read. */
function counting() {
    const counted = { work: 0 };
    const sse = load({ counted }, `{
        const count = (proto, name, seen) => {
            const real = proto[name];
            proto[name] = function (...given) {
                const result = Reflect.apply(real, this, given);
                counted.work += seen(this, given, result);
                return result; };
        };
        count(String.prototype, 'indexOf', (text, [what, from = 0], at) => at < 0 ? text.length - from : at - from + what.length);
        for (const name of ['split', 'match', 'matchAll', 'search', 'replace', 'replaceAll', 'includes', 'lastIndexOf', 'trim', 'concat'])
            count(String.prototype, name, text => text.length);
        for (const name of ['slice', 'substring', 'substr', 'repeat'])
            count(String.prototype, name, (text, given, result) => result.length);
        for (const name of ['charAt', 'charCodeAt', 'codePointAt', 'at', 'startsWith', 'endsWith']) count(String.prototype, name, () => 1);
        count(RegExp.prototype, 'test', (expression, [text]) => text.length);
        count(Array.prototype, 'join', (list, given, result) => result.length);
    }`);
    return { counted, parse: sse.createParser() };
}

/** The work of reading `text` in pieces, per character. */
function workFor(text, piece) {
    const { counted, parse } = counting();
    const bytes = Buffer.from(text), decoder = new TextDecoder(), found = [];
    for (let i = 0; i < bytes.length; i += piece) found.push(...parse(decoder.decode(bytes.subarray(i, i + piece), { stream: true })));
    return { found, work: counted.work / text.length };
}

test('the work for a line grows with its length, not with the number of its pieces', () => {
    const sizes = [[1 << 13, 1], [1 << 16, 1], [1 << 18, 7], [1 << 20, 1000], [1 << 22, 16 * 1024], [1 << 22, 1 << 22]];
    for (const [size, piece] of sizes) {
        const { found, work } = workFor(`data: ${'é'.repeat(size / 2)}\n\n`, piece);
        assert.deepEqual([found.length, found[0].data.length], [1, size / 2]);
        assert.ok(work > 0.5 && work < 8, `${work} reads of each character of a line of ${size} in pieces of ${piece}`);
    }
});

test('so does that for an event of many lines, for many events in one piece, and for a comment', () => {
    const texts = { lines: `${'data: x\n'.repeat(50_000)}\n`, events: 'data: x\n\n'.repeat(50_000), empty: '\n'.repeat(300_000),
        comment: `: ${'x'.repeat(30_000)}\n\n`, returns: `${'data: x\r'.repeat(50_000)}\r:\n\n`, 'no colon': `${'x'.repeat(30_000)}\n\n` };
    for (const [kind, text] of Object.entries(texts)) {
        for (const piece of [3, 1000, text.length]) {
            const { work } = workFor(text, piece);
            assert.ok(work < 12, `${work} reads of each character of ${kind} in pieces of ${piece}`);
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

test('ids of two epochs of a log have no order: each is later', () => {
    const { isLater } = load();
    assert.ok(isLater('a-1', 'b-9') && isLater('b-9', 'a-1') && isLater('a-1', ''));
});

test('delays double up to a limit, all of it at random', () => {
    const { chooseDelay, policy } = load();
    const drawn = (tries, retry) => Array.from({ length: 400 }, () => chooseDelay(tries, retry));
    for (const [tries, ceiling] of [[0, 1000], [1, 2000], [4, 16000], [5, 30000], [1000, 30000]]) {
        const found = drawn(tries);
        assert.ok(Math.min(...found) >= policy.minDelay && Math.max(...found) <= ceiling);
        assert.ok(Math.max(...found) - Math.min(...found) > ceiling / 3, 'spread');
    }
});

test('the delay of retry is used first, and doubles after each failure', () => {
    const { chooseDelay } = load();
    assert.equal(chooseDelay(0, 20), 20);
    assert.equal(chooseDelay(0, 0), 0);
    assert.ok(chooseDelay(2, 4000) <= 16000);
});

test('an interval of the page is the delay, and a quarter more at most', () => {
    const { chooseDelay, policy } = load();
    policy.interval = 100;
    for (const tries of [0, 1, 50]) assert.ok(chooseDelay(tries) >= 100 && chooseDelay(tries) <= 125);
    assert.equal(chooseDelay(0, 20), 20);
});

test('topics match patterns as on the server', () => {
    const { matchesAny } = load();
    for (const [pattern, topic, matches] of [
        ['job/42', 'job/42', true], ['job/42', 'job/421', false], ['job/*', 'job/42', true], ['job/*', 'job/42/log', false],
        ['job/*', 'job', false], ['job/**', 'job/42', true], ['job/**', 'job/42/log', true], ['job/**', 'job', false],
        ['*', 'news', true], ['*', 'job/42', false], ['**', 'job/42/log', true], ['**', 'news', true], ['a.b', 'axb', false],
    ]) assert.equal(matchesAny([pattern], topic), matches, `${pattern} ${topic}`);
    assert.equal(matchesAny([], 'news'), false);
});

/** A subscription without other tabs; `answers` are the responses to its requests. */
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

test('a broken stream is reopened from the newest id', async () => {
    const { asked, events, states } = await subscribe('/s?topic=a', {}, { text: 'id: e-1\ndata: x\n\n' }, { status: 500 }, { text: 'id: e-2\n\n' });
    assert.deepEqual(asked.map(each => [each.url, each['Last-Event-ID']]),
        [['http://host/s?topic=a', undefined], ['http://host/s?topic=a', 'e-1'], ['http://host/s?topic=a', 'e-1'], ['http://host/s?topic=a', 'e-2']]);
    assert.deepEqual(events, [{ id: 'e-1', data: 'x' }]);
    assert.deepEqual(states, ['connecting', 'open', 'reconnecting 0', 'reconnecting 500', 'open', 'reconnecting 0', 'closed 204']);
});

test('across origins, or with an id that no header can contain, the URL contains it', async () => {
    const { asked } = await subscribe('http://other/s?last_event_id=e-0&x=1', {}, { text: 'id: e-1\n\n' });
    assert.deepEqual(asked.map(each => each.url), ['http://other/s?last_event_id=e-0&x=1', 'http://other/s?last_event_id=e-1&x=1']);
    const odd = await subscribe('/s', {}, { text: 'id: ü\n\n' });
    assert.deepEqual(odd.asked.map(each => [each.url, each['Last-Event-ID']]), [['http://host/s', undefined], ['http://host/s?last_event_id=%C3%BC', undefined]]);
});

test('an id that did not arrive is noticed, also if it begins like the one in the URL', async () => {
    const opening = from => `: connected ${JSON.stringify({ asked: 0, from, topics: [], heartbeat: 0 })}\n\n`;
    const { asked, events } = await subscribe('/s?last_event_id=e-1', {}, { text: `${opening('e-1')}id: e-10\ndata: x\n\n` },
        { text: `${opening('e-1')}id: e-10\ndata: x\n\n` }, { text: `${opening('e-10')}id: e-11\ndata: y\n\n` });
    assert.deepEqual(asked.slice(1, 3).map(each => each.url), ['http://host/s?last_event_id=e-1', 'http://host/s?last_event_id=e-10']);
    assert.deepEqual(events.map(each => each.data), ['x', 'y']);
});

test('refusals and a sign-in page instead of the stream end it', async () => {
    for (const status of [400, 401, 403, 409]) assert.deepEqual((await subscribe('/s', {}, { status })).states, ['connecting', `denied ${status}`]);
    const signIn = { redirected: true, headers: { 'Content-Type': 'text/html' } };
    assert.deepEqual((await subscribe('/s', {}, signIn)).states, ['connecting', 'denied 200']);
});

test('sse-close ends the stream after the events before it', async () => {
    const { asked, events, states } = await subscribe('/s', {}, { text: 'data: a\n\nevent: sse-close\ndata: {}\n\ndata: never\n\n' });
    assert.deepEqual([asked.length, events.map(each => each.data), states.at(-1)], [1, ['a', '{}'], 'closed']);
});

test('Retry-After delays the next attempt', async () => {
    const before = Date.now();
    const { asked } = await subscribe('/s', {}, { status: 503, headers: { 'Retry-After': '1' } });
    assert.ok(asked.length === 2 && Date.now() - before >= 1000);
});
