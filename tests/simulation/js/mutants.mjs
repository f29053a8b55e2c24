// Scripts with one fault each, to see that the simulation finds it: `node mutants.mjs [NAME] [--check] [--list]`.
//
// A mutant replaces text that must occur exactly once in its file. `--check` only looks whether each still applies, and
// `--list` prints all as JSON, and `--show` the shortened script of each finding. Those that are named d… bring a mended fault back. The others break a sentence of the promise.
import {parseArgs} from 'node:util';
import {cpuSeconds, drawn, report, search} from './run.mjs';
import {compile, readSources} from './tab.mjs';

const LIMIT = 240;  // seconds of a core for one mutant

/** Name, the fault or sentence, and replacements: file, text, other text. @type {[string, string, ...[string, string, string][]][]} */
const MUTANTS = [
    ['d01-locks-rejected', 'Where the browser refuses locks, the page asks for them without an end.',
        ['tabs', 'canShare = false;\n      leave();\n      answer(false);', 'answer(true);'],
        ['election', 'if (!wasHeld) return this.#callbacks.onFailure();', '']],
    ['d05-partly-granted', 'A leader covers topics that the server did not grant to it.',
        ['leader', 'own.granted = opening?.topics ?? own.topics;', 'own.granted = own.topics;']],
    ['d09-end-of-a-topic', 'The end of one topic closes the tabs of other topics.',
        ['topics', 'return !Array.isArray(topics) || topics.some(topic => wanted.some(pattern => matches(pattern, topic) || matches(topic, pattern)));', 'return true;']],
    ['d16-own-dead-line', 'A page is denied because its own dead connection still has its id.',
        ['stream', 'const mayPass = status === 409 && ', 'const mayPass = false && ']],
    ['d41-one-channel', 'Tabs with two versions of the script share a channel and a lock.',
        ['tabs', 'NAME = `cjm-sse/${VERSION}`', 'NAME = "cjm-sse"']],
    ['d61-click', 'A click that does not leave the page shows a break in all tabs.',
        ['page', 'sse.leaving = performance.now();', '']],
    ['d62-no-channel', 'Where the browser refuses channels, an exception stops the subscription.',
        ['tabs', '} catch (error) { fail(error); }', '} catch (error) { throw error; }']],
    ['d63-frozen-answers', 'A frozen leader answers, so that no other tab takes its place.',
        ['group', 'a frozen page receives messages, but runs no timers\n        setTimeout(() => {', 'a frozen page\n        queueMicrotask(() => {']],
    ['d82-open-without-a-byte', 'A stream of which only the head arrives is shown as open.',
        ['stream', 'if (accept(response)) await', 'if (accept(response)) enter("open"), await']],
    ['d83-id-taken-away', 'A page does not notice that its id did not reach the server.',
        ['stream', 'if (opening && id && opening.from', 'if (false && opening && id && opening.from']],
    ['d84-no-heartbeat-header', 'Without its header, the interval of the heartbeats is unknown.',
        ['stream', '(opening?.heartbeat ?? Number(response.headers.get("SSE-Heartbeat")))', 'Number(response.headers.get("SSE-Heartbeat"))'],
        ['stream', '} else if (!maxSilence && blocks', '} else if (false && blocks']],
    ['d85-topics-lost', 'A page does not notice that its topics did not reach the server.',
        ['topics', 'if (!(/** @type {number} */ (opening?.asked)', 'if (true || !(/** @type {number} */ (opening?.asked)'],
        ['subscription', 'this.grant(opening?.topics ?? this.topics);', 'this.grant(this.topics);'],
        ['leader', 'own.granted = opening?.topics ?? own.topics;', 'own.granted = own.topics;']],
    ['joins-too-early', 'A tab follows the relay only when it has all events before it.',
        ['follower', ' || !own.cursor || this.#isAfter(floor)) return false;', ') return false;']],
    ['leader-without-a-cursor', 'A new leader continues where the last one was.',
        ['leader', 'return sse.requestTopics(this.#group.key, own, this.#group.lastId);', 'return sse.requestTopics(this.#group.key, own, "");']],
    ['robbed-leads-on', 'A leader whose lock was stolen leads no longer.',
        ['election', '        this.stepDown();\n        this.#campaign();', '        this.#campaign();'],
        ['election', 'if (this.isLeader) this.stepDown();  // there is a later leader', '// there is a later leader']],
    ['new-leader-unnoticed', 'With a new leader, a tab catches up again.',
        ['group', 'if (isNew || isLost) {', 'if (isLost) {']],
    ['twice-is-shown', 'An event that arrives twice is dropped by its id.',
        ['follower', 'if (id !== undefined && !this.#isAfter(id)) continue;', '']],
    ['own-event-is-shown', 'A tab does not show the events that it caused.',
        ['subscription', ' || (this.echo && block.echo?.includes(this.echo))', '']],
    ['echo-hides-all', 'Only the tab that caused an event does not show it.',
        ['subscription', '(this.echo && block.echo?.includes(this.echo))', 'block.echo']],
    ['gap-is-not-relayed', 'After a reset of the leader, each tab catches up on its own.',
        ['leader', 'this.#announce(/** @type {string} */ (id), true);', 'this.#announce(/** @type {string} */ (id));']],
    ['reset-is-dropped', 'A tab that missed events gets a reset.',
        ['page', 'entry.sink(block);', 'if (block.event !== "sse-reset") entry.sink(block);'],
        ['page', 'if (block.event === "sse-reset") (entry.onreset ?? sse.onReset)(entry, block);', '']],
    ['held-are-lost', 'Relayed events are held back while a tab catches up.',
        ['follower', 'this.#held.push(...events);', '']],
    ['mark-before-events', 'An id is not later than the events that were shown.',
        ['subscription', 'if (block.id !== undefined) this.cursor = block.id;', 'this.cursor = (this.group?.lastId ?? "") || (block.id ?? this.cursor);']],
    ['topics-of-the-dead', 'The topics of a tab that crashed are requested no longer.',
        ['leader', 'if (!isAlive(tab)) this.#members.delete(tab);', ';']],
    ['revoked-unseen', 'A tab shows that it may no longer read a topic.',
        ['leader', 'main.granted = sse.parseJSON(data).topics ?? [];', '']],
    ['any-user', 'A tab follows only a leader of its own user.',
        ['follower', 'if (floor === undefined || own.tag !== coverage.tag || ', 'if (floor === undefined || '],
        ['follower', 'const hasSameUser = own.tag === coverage.tag;', 'const hasSameUser = true;'],
        ['follower', 'if (coverage && this.#floor !== undefined && own.tag === coverage.tag) {', 'if (coverage && this.#floor !== undefined) {']],
    ['no-watchdog', 'A connection without a byte is given up.',
        ['stream', 'if (ms) watchdog = setTimeout(', 'if (false) watchdog = setTimeout(']],
    ['refresh-loses', 'Events that arrive during a refresh are shown after it.',
        ['refresh', 'for (const block of held) sse.deliver(entry, block);', '']],
    ['frozen-greets', 'A frozen leader does not answer a tab that joins.',
        ['leader', 'this.#members.set(tab, topicRequest);\n      setTimeout(() => {', 'this.#members.set(tab, topicRequest);\n      queueMicrotask(() => {']],
    ['two-streams-ask', 'Each stream of a page asks by its query before it gives up its id.',
        ['stream', 'if (!hasAsked) {', 'if (!sse.asksByQuery) {']],
    ['ended-by-status', 'A stream that the server ends by a status is not shown as connecting.',
        ['leader', 'isOver = state === "closed" || state === "denied";', 'isOver = state === "denied";']],
    ['stopped-election-steals', 'A tab that shares no longer leaves the lock alone.',
        ['election', '        const askedAt = Date.now();', '        this.#callbacks.onSilence();\n        const askedAt = Date.now();'],
        ['election', '        this.#callbacks.onSilence();  // last, because it may stop the election', '']],
    ['held-of-another-topic', 'A tab is shown no event of a topic for which it did not ask.',
        ['follower', 'this.receiveRelayed(held);', 'this.receiveRelayed(held.map(each => sse.matchesAny(coverage.topics, each.topic ?? "") ? each : {...each, topic: undefined}));']],
    ['held-of-another-user', 'A page is shown no event for another user.',
        ['leader', 'this.#announce(this.#group.lastId, (this.#group.coverage ?? own).tag !== own.tag);', 'this.#announce(this.#group.lastId);']],
    ['id-by-its-beginning', 'The id from which a stream continues is compared as a whole.',
        ['stream', 'opening.from !== id.slice(0, MAX_FROM)', '!(opening.from && id.startsWith(opening.from))']],
    ['two-marks', 'A tab has one stream of its own at most.',
        ['subscription', 'clearTimeout(this.#timer);\n      this.#timer = setTimeout(call, ms);', 'this.#timer = setTimeout(call, ms);']],
    ['closed-comes-back', 'A stream that the page closed stays closed until it is opened.',
        ['page', 'subscription.close("closed", undefined, true);', 'subscription.close();']],
    ['refresh-of-the-replaced', 'A refresh belongs to the present stream of its element.',
        ['page', 'Object.assign(same ?? {isStale: false}, {', 'Object.assign({isStale: Boolean(same?.isStale)}, {'],
        ['refresh', 'if (!sse.isAttached(entry)) return;', '']],
    ['id-of-another-right', 'A tab that was denied a topic takes no ids from a leader that had it.',
        ['follower', 'if (!isMine && topic && matchesAny(own.topics, topic)) return own.detach();', '']],
    ['given-back-after-a-refresh', 'A page refreshes again when a topic comes back that it lacked at the last refresh.',
        ['page', '!sse.includesAll(denied, [...entry.lacked ?? []])', 'false']],
    ['twice-after-a-refresh', 'An event that a refresh contains is not shown after it.',
        ['page', 'if (entry.seen && block.id', 'if (false && block.id']],
    ['region-early-dropped', 'A rendering that comes before the one that it changes is not lost.',
        ['live', 'this.#early = [...this.#early, /** @type {[any, string]} */ ([head, html])].slice(-MAX_EARLY);\n        return this.#fetchSoon();', 'return undefined;']],
    ['region-never-caught-up', 'A region that lacks a rendering fetches the state once its stream has caught up.',
        ['live', 'if (this.#isDue) this.#fetchSoon();\n        },', '},']],
    ['region-order-reversed', 'A region keeps the later one of two states.',
        ['live', 'sse.isLater(than, id) && !sse.isLater(id, than)', '!sse.isLater(than, id) && sse.isLater(id, than)']],
    ['region-takes-older', 'A region never shows an older state than before.',
        ['live', 'if (isOlder(at, this.at)) return this.#lookLater();', '']],
    ['region-no-floor', 'A rendering that is older than a write of the page is not shown.',
        ['live', 'if (reached) this.#floor = reached.split(", ").find(each => !isOfOther(each)) ?? reached;', '']],
    ['region-floor-without-request', 'After a write of the page, a region does not wait for ever for its rendering.',
        ['live', 'this.#need = this.#floor;\n        return this.#fetchSoon(REACH_PERIOD);', 'return undefined;']],
    ['region-writes-do-not-hold', 'Renderings wait while a request of the page writes.',
        ['live', 'if (!this.#next || writes.size || ', 'if (!this.#next || ']],
    ['region-writes-never-end', 'A request that writes ends, and renderings are shown again.',
        ['live', '    writes.delete(key);\n', '']],
    ['region-write-without-timeout', 'Renderings wait for a write for five seconds at most.',
        ['live', 'setTimeout(() => endWrite(key), WRITE_TIMEOUT)', '0']],
    ['region-any-from', 'A change is applied only to the rendering that it changes.',
        ['live', 'if (from !== undefined && from !== this.hash) {', 'if (false) {']],
    ['region-reset-unnoticed', 'After a reset, a region fetches the state.',
        ['live', 'this.#need = sse.parseJSON(data).last_event_id ?? id ?? this.#need;\n          this.#isPast = true;  // what it missed may be a rendering without a touch\n          this.#fetchSoon();', '']],
    ['region-reset-without-need', 'After a reset, a region does not take an earlier state for the present one.',
        ['live', 'this.#need = sse.parseJSON(data).last_event_id ?? id ?? this.#need;', '']],
    ['region-touch-unnoticed', 'A region notes each touch of a name that it depends on.',
        ['live', 'this.#need = id;\n', '']],
    ['region-hash-not-updated', 'A region knows which rendering it has.',
        ['live', '      this.hash = hash;\n      if (from', '      if (from']],
    ['region-place-not-updated', 'An empty answer says from which place on the state is the present one.',
        ['live', '        this.at = at;\n        this.#end = end;\n        this.#expectChange(after);\n        this.#mark(false);', '        this.#expectChange(after);']],
    ['region-no-retry', 'A request of the present state that fails is made again.',
        ['live', '          if (this.#isDue) this.#retry(++this.#failedRequests);', '']],
    ['region-asks-once', 'A reason that comes during a request of the present state causes another one.',
        ['live', 'if (this.#asksAgain && this.#isDue) this.#fetchSoon();', '']],
    ['region-asks-for-ever', 'A region that has the present state does not fetch it.',
        ['live', 'if (!this.#isDue) return this.show();', ''],
        ['live', 'if (this.#asksAgain && this.#isDue) this.#fetchSoon();', 'this.#fetchSoon();']],
    ['region-touch-causes-request', 'A touch alone causes no request.',
        ['live', 'if (Date.now() < this.#unsureUntil) this.#lookLater();', 'this.#fetchSoon();']],
    ['region-always-sure', 'A region whose rendering the server does not know fetches the state if a touch is followed by nothing.',
        ['live', 'if (Date.now() < this.#unsureUntil) this.#lookLater();', '']],
    ['region-time-unnoticed', 'A state that changes on its own is fetched if no stream was open then.',
        ['live', '        this.#isPast = true;\n        this.#fetchSoon();', '']],
    ['region-failed-merge', 'After a merge that failed, a region fetches the state.',
        ['live', 'this.#next = undefined;\n        this.#retry(++this.#failedMerges);', 'this.#next = undefined;']],
    ['region-merge-upon-failure', 'What changes a rendering that could not be merged is not shown.',
        ['live', '        this.#next = undefined;\n        this.#retry(++this.#failedMerges);', '        this.#retry(++this.#failedMerges);']],
    ['region-two-merges', 'A rendering waits for the merge before it.',
        ['live', 'writes.size || this.#isMerging || ', 'writes.size || ']],
    ['region-error-forgotten', 'A region that failed is fetched again when its stream has caught up.',
        ['live', 'this.#isPast || this.entry.isStale || this.#early', 'this.#isPast || this.#early']],
    ['region-any-answer', 'A page that is no answer, such as a sign-in page, is not shown in a region.',
        ['live', 'if (!at || isOlder(at, need)) throw', 'if (false) throw']],
    ['region-late-process', 'An answer of a process that is late is not taken for the present state.',
        ['live', 'if (!at || isOlder(at, need)) throw', 'if (!at) throw']],
    ['region-endless-request', 'A request of the present state that gets no answer is given up.',
        ['live', ', signal: AbortSignal.timeout(FETCH_TIMEOUT)', '']],
    ['region-ended-goes-on', 'A view that has ended is read no more.',
        ['live', '      this.entry.subscription.close("closed", undefined, true);\n      elt', '      elt']],
    ['region-forgets-when-moved', 'A region that a script moves knows what it shows.',
        ['live', '{...about, ...known.get(elt) ?? ofCopy(elt)}', 'about']],
    ['region-inside-begins-late', 'A region inside another one begins where that was rendered.',
        ['live', 'known.get(/** @type {Element} */ (elt.parentElement?.closest(LIVE)));', 'regions.get(/** @type {Element} */ (elt.parentElement?.closest(LIVE)));']],
    ['region-inside-is-replaced', 'A region inside another one is kept by its own renderings.',
        ['live', 'sse.isSameView = (old, theirs) => old.matches(LIVE) && viewOf(old) === viewOf(theirs);', 'sse.isSameView = () => false;']],
];

/** @returns {Map<string, string>} The sources with the fault. Throws if one text does not occur exactly once. */
export function mutate([name, , ...replacements]) {
    const sources = readSources();
    for (const [file, text, other] of replacements) {
        const parts = sources.get(file).split(text);
        if (parts.length !== 2) throw new Error(`${name}: ${file}.js has this ${parts.length - 1} times: ${text}`);
        sources.set(file, parts.join(other));
    }
    return sources;
}

async function main() {
    const {values, positionals} = parseArgs({allowPositionals: true, options: {check: {type: 'boolean'}, list: {type: 'boolean'}, show: {type: 'boolean'}, seconds: {type: 'string'}, first: {type: 'string'}}});
    if (values.list) return console.log(JSON.stringify(MUTANTS.map(([name, fault, ...given]) => ({name, fault, files: [...new Set(given.map(([file]) => `${file}.js`))]})), null, 1));
    const chosen = MUTANTS.filter(([name]) => !positionals.length || positionals.some(each => name.startsWith(each)));
    const missed = [];
    for (const mutant of chosen) {
        const compiled = compile(mutate(mutant));
        if (values.check) continue;
        const {runs, seconds, seed, failure} = await search(Number(values.seconds ?? LIMIT), compiled, values.first ? Number(values.first) : undefined, cpuSeconds);
        if (!failure) missed.push(mutant[0]);
        else if (values.show) await report(seed, drawn(seed), compiled, failure);
        console.log(`${mutant[0].padEnd(26)} ${failure ? `${failure.kind.padEnd(9)} after ${String(runs).padStart(6)} runs, ${seconds.toFixed(1).padStart(6)} s, seed ${seed}` : `not found in ${runs} runs`}`);
    }
    if (!missed.length) return;
    console.log(`not found: ${missed.join(', ')}`);
    process.exitCode = 1;
}

if (process.argv[1] === new URL(import.meta.url).pathname) await main();
