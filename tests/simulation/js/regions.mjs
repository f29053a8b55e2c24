// Live regions on the server's side: an application with rows, its views, and two processes that render them. Written from
// what the pages of the wing promise: a touch has a place in the log, and a rendering says from which place it began.

const INTERVAL = 100;  // ms between two renderings of a view
const RETRY = [1000, 60_000];  // ms before a region that failed is called again
export const NAMES = ['x', 'y', 'z'];

const element = (tag, id, content, more = '') => `<${tag}${id && ` id="${id}"`}${more}>${content}</${tag}>`;
const lines = (view, rows) => rows.map(({id, v}) => element('p', `${view}-${id}`, `row ${v}`));
const escaped = data => JSON.stringify(data).replaceAll('&', '&amp;').replaceAll('"', '&quot;');

/** Each view: the names that it depends on, after how many ms it is rendered again, and its children. @type {Record<string, {names: string[], every?: number, children: (db: any, about: any) => string[]}>} */
export const VIEWS = {
    board: {names: ['x'], children: db => lines('board', db.x)},
    flat: {names: ['x'], children: db => db.x.map(({v}) => element('li', '', `row ${v}`))},
    pair: {names: ['x', 'y'], children: db => [...lines('pair-x', db.x), ...lines('pair-y', db.y)]},
    outer: {names: ['z'], children: (db, about) => [...lines('outer', db.z), ...db.hasInner ? [about(db, 'inner')] : []]},
    inner: {names: ['y'], children: db => lines('inner', db.y)},
    mine: {names: ['y'], children: db => lines('mine', db.y)},
    club: {names: ['x'], children: db => db.isBanned ? [element('p', 'gone', 'you were removed')] : lines('club', db.x)},
    clock: {names: [], every: 3000, children: db => [element('p', 'clock-time', `tick ${db.tick}`)]},
    soon: {names: ['z'], children: db => [...lines('soon', db.z), ...db.typing ? [element('p', 'soon-typing', `typing ${db.typing}`)] : []]},
};
export const PAGE_VIEWS = Object.keys(VIEWS).filter(each => each !== 'inner');

const topicOf = view => `live/${view}`;
const viewOf = topic => topic.slice(5);

/** A region inside another one has no place and no hash. */
const childrenOf = (view, db) => VIEWS[view].children(db, (now, inner) =>
    markup(inner, now, ` data-sse-live="${escaped({view: topicOf(inner), names: VIEWS[inner].names, url: '/sse/stream'})}"`));

function markup(view, db, more = '') { return element(view === 'flat' ? 'ul' : 'div', view, childrenOf(view, db).join(''), more); }

const hashOf = html => {
    let hash = 7;
    for (const char of html) hash = Math.imul(hash, 31) + char.charCodeAt(0) | 0;
    return `h${hash >>> 0}`;
};

/** What turns one rendering into another; undefined if the whole has to be sent. */
function difference(before, after) {
    if (after.isGone || before.view === 'flat') return undefined;
    const [old, now] = [before, after].map(({children}) => new Map(children.map(each => [each.match(/ id="([^"]*)"/)[1], each])));
    const changed = [...now].filter(([id, html]) => old.get(id) !== html).map(([, html]) => html).join('');
    const ids = `${[...now.keys()]}` === `${[...old.keys()]}` ? undefined : [...now.keys()];
    return changed.length + (ids ?? []).join('').length < after.html.length ? {changed, ids} : undefined;
}

/** The rows, in every state that they had. A write has a number. */
export class Rows {
    states = [{x: [{id: 'a', v: 'A'}, {id: 'b', v: 'B'}], y: [{id: 'c', v: 'C'}], z: [{id: 'd', v: 'D'}], hasInner: true, isBanned: false, tick: 0, typing: 0, until: Infinity}];
    get last() { return this.states.length - 1; }

    /** @param {string} name @param {string} how @returns {number} The number of the write. */
    write(name, how) {
        const before = this.states.at(-1), n = this.states.length, rows = before[name], i = n % Math.max(rows.length, 1), now = {...before};
        if (how === 'insert' && rows.length < 8) now[name] = [...rows.slice(0, i), {id: `k${n}`, v: n}, ...rows.slice(i)];
        else if (how === 'delete') now[name] = rows.filter((_, j) => j !== i);
        else if (how === 'move') now[name] = [...rows.slice(i), ...rows.slice(0, i)];
        else if (how === 'bulk') now[name] = rows.map(each => ({...each, v: n}));
        else if (how === 'toggle') now[name] = rows.map((each, j) => j ? each : {...each, v: each.v === 'on' ? 'off' : 'on'});
        else if (how === 'tick') now.tick = before.tick > 2 ? 0 : before.tick + 1;
        else if (how === 'inner') now.hasInner = !now.hasInner;
        else if (how === 'ban') now.isBanned = !now.isBanned;
        else if (how === 'rest') Object.assign(now, {typing: 0, until: Infinity});
        else if (how !== 'same') now[name] = rows.map((each, j) => j === i ? {...each, v: n} : each);
        this.states.push(now);
        return n;
    }
}

/** One process: how far it has read the log, and its renderings. */
class Worker {
    views = new Map();
    position = 0;
    isOver = false;

    constructor(app, isLate) {
        this.app = app;
        this.isLate = isLate;
        this.position = app.server.log?.length ?? 0;
    }

    get lag() { return this.isLate ? this.app.server.lag : 0; }

    /** An event is in the log. */
    wake() {
        const {app} = this, {scheduler} = app;
        scheduler.after(this.lag + app.chance.delay(0.3, 20), () => this.advance());
    }

    advance() {
        const {log} = this.app.server, {now} = this.app.scheduler;
        if (this.isOver) return;
        while (this.position < log.length && log[this.position].at <= now - this.lag) {
            const {touch} = log[this.position++];
            if (touch === undefined) continue;
            for (const state of this.views.values()) {
                if (!VIEWS[state.view].names.includes(touch)) continue;
                state.dirty = this.position;
                this.schedule(state);
            }
        }
        for (const each of this.app.streamsOf(this)) this.app.server.flush(each);
    }

    state(view) {
        if (!this.views.has(view)) this.views.set(view, {view, dirty: 0, started: -Infinity, failures: 0, waiting: [], rendering: undefined, pushed: undefined, joined: new Set(), isRunning: false, timer: undefined});
        return this.views.get(view);
    }

    readers({view}) { return this.app.streamsOf(this).filter(each => each.granted.includes(topicOf(view))); }

    schedule(state, pause = 0) {
        const {scheduler} = this.app;
        if (state.isRunning || this.isOver || !this.readers(state).length) return;
        if (state.timer) state.timer.cancelled = true;
        state.timer = scheduler.after(Math.max(pause, state.started + INTERVAL - scheduler.now), () => {
            state.timer = undefined;
            if (this.readers(state).length) this.start(state);
        });
    }

    /** A view of a clock is rendered again while somebody looks. */
    watch(state, wait = Infinity) {
        const least = Math.min(wait, VIEWS[state.view].every ?? Infinity);
        if (least < Infinity) this.schedule(state, Math.max(50, least));
    }

    start(state) {
        const {app} = this, {scheduler, chance, rows} = app;
        if (state.isRunning) return;
        if (state.timer) state.timer.cancelled = true;
        Object.assign(state, {timer: undefined, isRunning: true, started: scheduler.now});
        const position = this.position, cursor = app.server.idOf(position);
        scheduler.after(chance.delay(3, app.slow), () => {
            const made = app.fails ? undefined : app.render(state.view, position, cursor);
            scheduler.after(chance.delay(3, app.slow), () => {
                if (made) made.end = app.server.idOf(this.position);
                this.#finish(state, made);
            });
        });
    }

    #finish(state, made) {
        if (this.isOver) return;
        state.isRunning = false;
        if (made) {
            state.failures = 0;
            state.rendering = made;
            this.#pushRendering(state);
        } else {
            state.failures += 1;
            for (const each of this.readers(state)) this.app.push(each, topicOf(state.view), {error: true}, '');
            state.pushed = undefined;
        }
        for (const call of state.waiting.splice(0)) call(made);
        if (state.failures) this.schedule(state, Math.min(RETRY[0] * 2 ** (state.failures - 1), RETRY[1]));
        else if (!made || state.dirty > made.position) this.schedule(state);
        else this.watch(state, made.until - this.app.scheduler.now);
    }

    #pushRendering(state) {
        const {pushed: before, rendering: made} = state, isSame = before?.hash === made.hash, readers = this.readers(state);
        const found = before && !isSame ? difference(before, made) : undefined;
        const head = {at: made.cursor, ...made.end !== made.cursor && {end: made.end}, hash: made.hash, ...made.isGone && {gone: true}, ...this.app.afterOf(made)};
        for (const each of readers) {
            const isNew = state.joined.has(each), push = (more, html) => this.app.push(each, topicOf(state.view), {...head, ...more}, html);
            if (isSame && isNew) push({from: made.hash}, '');
            else if (found && !isNew) push({from: before.hash, ids: found.ids}, found.changed);
            else if (!isSame) push({}, made.html);
        }
        state.pushed = readers.length ? made : undefined;
        state.joined.clear();
    }

    /** Call with a rendering that began at a position or later, or with undefined if the region fails. */
    current(state, atLeast, call) {
        const needed = Math.max(atLeast, state.dirty), {now} = this.app.scheduler, {every} = VIEWS[state.view];
        const old = state.rendering?.until <= now || (every && now - state.started > INTERVAL) ? state.rendering : undefined;
        const isDue = made => !made || made.position < needed || made === old;
        const look = () => {
            if (!isDue(state.rendering)) return call(state.rendering);
            state.waiting.push(made => made ? look() : call(undefined));
            this.start(state);
        };
        look();
    }
}

export class RegionApp {
    rows = new Rows();
    fails = false;
    busyUntil = -Infinity;
    slow = 400;  // ms for the slowest rendering, twice
    /** Renderings that a mailbox has no room for. */
    full = 0;
    /** What happens to the next requests of a present state. @type {string[]} */
    odd = [];
    unanswered = [];
    /** What may cause a request of the present state: streams, announcements, resets, touches, writes, failed requests. */
    causes = 0;
    /** The newest write that a touch up to a position guarantees, in this epoch. */
    guaranteed = [0];

    constructor(world, server) {
        Object.assign(this, {world, server, scheduler: world.scheduler, chance: world.chance.branch('regions')});
        this.workers = [new Worker(this, false), new Worker(this, true)];
    }

    /** What goes wrong has ended. */
    mend() {
        Object.assign(this, {fails: false, full: 0, slow: 400, odd: []});
        for (const reply of this.unanswered.splice(0).slice(1)) reply({status: 502, headers: {}, text: 'an error'});
    }

    restart(keepsLog) {
        for (const each of this.workers) each.isOver = true;
        if (!keepsLog) this.guaranteed = [this.rows.last];
        this.workers = [new Worker(this, false), new Worker(this, true)];
    }

    pickWorker() { return this.workers[this.chance.below(2)]; }
    streamsOf(worker) { return [...this.server.streams].filter(each => each.worker === worker); }

    mayRead(topic, user) { return Boolean(VIEWS[viewOf(topic)]) && (topic !== topicOf('mine') || user === 'ana'); }

    /** A stream is opened. @returns {{worker: Worker, names: Set<string>}} */
    streamOf(stream) {
        const worker = this.pickWorker(), views = stream.granted.map(viewOf);
        this.causes += 1;
        for (const each of views) {
            const state = worker.state(each);
            state.joined.add(stream);
            if (VIEWS[each].every) this.scheduler.after(1, () => worker.watch(state));
        }
        return {worker, names: new Set(views.flatMap(each => VIEWS[each].names))};
    }

    /** The log has another event. */
    published({touch, write}) {
        const position = this.server.log.length;
        this.guaranteed[position] = Math.max(this.guaranteed[position - 1] ?? 0, touch === undefined ? 0 : write);
        for (const each of this.workers) each.wake();
    }

    // What the application does

    change(name, how, ms) {
        const n = this.rows.write(name, how);
        if (how === 'type') this.#beginTyping(n, ms);
        return n;
    }

    /** What a view shows until a time changes at that time without a touch. */
    #beginTyping(n, ms) {
        this.busyUntil = this.scheduler.now + ms;
        Object.assign(this.rows.states[n], {typing: n, until: this.busyUntil});
        this.scheduler.after(ms, () => { if (this.rows.states.at(-1).typing === n) this.rows.write('z', 'rest'); });
    }

    /** Whether a view changes soon without a touch, or a slow rendering runs, or has just ended. */
    get isBusy() {
        const {now} = this.scheduler, views = this.workers.flatMap(each => [...each.views.values()]);
        if (views.some(each => each.isRunning && now - each.started > 1000)) this.busyUntil = now;
        return this.rows.states.at(-1).typing > 0 || now < this.busyUntil + 5000;
    }

    /** What a clock shows changes. */
    tick() {
        this.rows.write('x', 'tick');
        this.busyUntil = Math.max(this.busyUntil, this.scheduler.now);
    }

    touch(name, write) {
        this.causes += 1;
        this.world.publish({touch: name, write});
    }

    render(view, position, cursor) {
        const write = this.rows.last, db = this.rows.states[write];
        const children = childrenOf(view, db), html = markup(view, db), isGone = view === 'club' && db.isBanned;
        const made = {view, children, html, isGone, hash: hashOf(`${isGone}${html}`), position, cursor, write, until: view === 'soon' ? db.until : Infinity};
        this.world.judge.rendered(made);
        return made;
    }

    /** @returns {{after?: number}} After how many seconds a rendering changes on its own. */
    afterOf({until}) { return until < Infinity ? {after: Math.max(0, until - this.scheduler.now) / 1000} : {}; }

    /** The HTML of a view in a page. */
    page(view) {
        const worker = this.pickWorker(), cursor = this.server.idOf(worker.position), made = this.render(view, worker.position, cursor);
        if (made.isGone) return made.html;  // it has ended before it began
        const about = {view: topicOf(view), at: cursor, hash: made.hash, names: VIEWS[view].names, url: '/sse/stream', ...this.afterOf(made)};
        return markup(view, this.rows.states[made.write], ` data-sse-live="${escaped(about)}"`);
    }

    push(stream, topic, head, html) {
        if (this.full > 0) {
            this.full -= 1;
            this.server.overflow(stream);
            if (!VIEWS[viewOf(topic)].every) return;  // that of a clock follows the reset, since no touch tells of it
        }
        if (head.error) this.causes += 1;
        this.server.flush(stream);
        this.server.push(stream, topic, `${JSON.stringify(head)}\n${html}`);
    }

    /** The present state of one view. @param {(answer: any) => void} reply */
    answer(request, reply) {
        const odd = this.odd.shift(), topic = request.url.searchParams.get('topic') ?? '';
        if (odd) this.causes += 1;
        request.pipe.tab.regions.noteFetch(topic);
        if (odd === 'page') return reply({status: 200, headers: {}, redirected: true, text: '<p id="sign-in">sign in</p>'});
        if (odd === 'empty') return reply({status: 204, headers: {}});
        if (odd === 'error') return reply({status: 500, headers: {}, text: 'an error'});
        if (odd === 'never') return this.unanswered.push(reply);
        if (odd === 'late') return this.scheduler.after(this.chance.between(500, 10_000), () => this.#answer(topic, request, reply));
        this.#answer(topic, request, reply, odd === 'behind');
    }

    #answer(topic, {url, user}, reply, isBehind = false) {
        const query = url.searchParams, worker = isBehind ? this.workers[1] : this.pickWorker(), [, epoch, text] = query.get('at')?.match(/^e(\d+)-(\d+)/) ?? [];
        const atLeast = Number(epoch) === this.server.epoch && !isBehind ? Number(text) : 0;
        const fail = status => {
            this.causes += 1;
            reply({status, headers: {}, text: 'an error'});
        };
        if (!this.mayRead(topic, user)) return fail(403);
        const whenRead = () => {
            if (worker.isOver) return fail(502);
            if (worker.position < atLeast) return this.scheduler.after(20, whenRead);
            worker.current(worker.state(viewOf(topic)), atLeast, made => {
                if (!made) return fail(500);
                const headers = {'SSE-At': made.cursor, 'SSE-Hash': made.hash, ...made.end !== made.cursor && {'SSE-End': made.end}, ...made.isGone && {'SSE-Gone': 'true'}};
                const {after} = this.afterOf(made);
                if (after !== undefined) headers['SSE-After'] = String(after);
                if (query.get('hash') === made.hash) reply({status: 204, headers});
                else reply({status: 200, headers, text: made.html});
            });
        };
        whenRead();
    }

    /** A request of a page that writes. @param {(reached?: string, write?: number) => void} reply */
    handle(name, how, ms, reply) {
        const {scheduler, chance} = this;
        if (this.server.isDown) return reply();
        scheduler.after(ms, () => {
            const write = this.change(name, how, 3000), {epoch} = this.server;
            scheduler.after(chance.delay(3, 300), () => {
                this.touch(name, write);
                scheduler.after(chance.delay(1, 100), () => reply(this.server.epoch === epoch ? this.server.cursor : undefined, write));
            });
        });
    }
}
