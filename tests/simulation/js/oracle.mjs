// Judges what the pages were shown. Written from the promise: a tab gets every event that it may see, once and in order,
// or it is told. It knows what was published, who may read what and what each page shows, and nothing of the scripts.
//
// Events have numbers, from 1, over all epochs. A view is one element, or one subscription of a script, of one page load.

const contains = (pattern, topic) => pattern === topic || (pattern.endsWith('/*') && topic.startsWith(pattern.slice(0, -1)));

export class Oracle {
    /** @type {any[]} By number; the first is a dummy. */
    events = [{}];
    views = [];
    /** The number of the last event before each epoch. */
    epochs = [0];
    /** What the run has done that explains what pages show. */
    happened = {refused: false, lostQuery: false, closed: []};
    trimmedTo = 0;

    /** @param {(kind: string, text: string) => void} fails @param {any} server Says who may read what, now. */
    constructor(fails, server, user) { Object.assign(this, {fails, server, user}); }

    open(about) {
        const view = new View(this, about);
        this.views.push(view);
        return view;
    }

    publish({topic, user, isBad}) {
        const n = this.events.length;
        this.events.push({n, topic, user, isBad});
        for (const each of this.views) each.note(n);
        return n;
    }

    /** Rights, the user or the time have changed. @param {string} [user] Who lost `topic` for good. @param {string} [topic] */
    rightsChanged(user, topic) { for (const each of this.views) each.review(user, topic); }

    /** The number that an id stands for. */
    numberOf(id) {
        const [, epoch, position] = /^e(\d+)-(\d+)/.exec(id) ?? [];
        return epoch === undefined ? undefined : this.epochs[Number(epoch)] + Number(position);
    }
}

class View {
    isOver = false;
    /** The last event that it was shown or need not be shown; undefined until the first, for a page without an id. */
    at;
    heard;
    shown = new Set();
    missing = [];
    /** Topics that it could not read for a while since its last reset. */
    lapsed = new Set();
    wasLapsed = new Set();
    /** By topic: who of this page's users may read it. */
    #holders = new Map();
    /** Numbers of the events that it might see when they were published. */
    #allowed = new Set();
    users;

    constructor(oracle, {tab, topics, hasCursor, token, name, route}) {
        Object.assign(this, {oracle, tab, topics, token, name, route, users: new Set([oracle.user()])});
        this.at = hasCursor ? oracle.events.length - 1 : undefined;
        this.heard = this.at ?? 0;
        this.epoch = oracle.epochs.length;
        this.review();
    }

    get label() { return `tab ${this.tab.slot} [${this.topics}]`; }

    #fail(kind, text) { this.oracle.fails(kind, `${this.label} ${text}; it is at ${this.at} and shows ${JSON.stringify(this.look())}`); }

    review(user, topic) {
        const now = this.oracle.user(), {server} = this.oracle;
        this.users.add(now);
        for (const each of this.topics) {
            const holders = this.#holders.get(each) ?? new Set();
            if (topic && each.split('/')[0] === topic) for (const by of ['', ' by token']) holders.delete(user + by);
            const byToken = one => this.token && contains(this.token.topic, each) && server.accepts(this.token, one);
            if (server.may(now, each)) holders.add(now);
            if (byToken(now)) holders.add(`${now} by token`);
            if ([...this.users].some(one => !server.may(one, each) && !byToken(one))) this.wasLapsed.add(each), this.lapsed.add(each);
            this.#holders.set(each, holders);
        }
    }

    #asksFor({topic, user}) {
        return user !== undefined ? this.users.has(user) : topic === undefined || this.topics.some(each => contains(each, topic));
    }

    #mayRead({topic, user}) {
        if (user !== undefined || topic === undefined) return true;
        const isSigned = ({token, isOver}) => !isOver && token && contains(token.topic, topic);  // of any tab: they share a stream
        return this.topics.some(each => contains(each, topic) && this.#holders.get(each).size) || this.oracle.views.some(isSigned);
    }

    note(n) { if (this.#mayRead(this.oracle.events[n])) this.#allowed.add(n); }

    receive(event, data, id, now) {
        if (this.isOver) return;
        if (event === 'sse-reset') {
            const {reason, last_event_id: last} = JSON.parse(data);
            return this.reset(reason, last ?? id, now);
        }
        if (event === 'note') this.#show(JSON.parse(data).n);
    }

    #show(n) {
        this.tab.world.trace?.(this.tab, `shows ${n} ${this.label}`);
        const event = this.oracle.events[n];
        if (!event) return this.#fail('invented', `was shown ${n}, which was never sent`);
        if (!this.#asksFor(event)) return this.#fail('leak', `was shown ${n} of ${event.topic ?? event.user}, for which it did not ask`);
        const isAllowed = this.#allowed.has(n) || this.#mayRead(event);
        const isLate = this.tab.spec.door === 'htmx4';  // it shows an event later than the script hands it over
        if (!isAllowed || (!isLate && this.#showsDenied(event))) return this.#fail('leak', `was shown ${n} of ${event.topic}, which it may not read`);
        if (this.shown.has(n)) return this.#fail('twice', `was shown ${n} again`);
        if (this.at !== undefined && n <= this.at) return this.#fail('disorder', `was shown ${n}`);
        if (this.at !== undefined) this.#pass(n - 1);
        this.shown.add(n);
        this.at = this.heard = n;
    }

    /** All events up to `n` are due. */
    #pass(n) {
        for (let i = this.at + 1; i <= n; i++) if (this.#isDue(this.oracle.events[i])) this.missing.push(i);
        this.at = Math.max(this.at, n);
        this.#tellLoss();
    }

    #tellLoss() {
        const lost = this.missing.filter(i => this.#isDue(this.oracle.events[i]) && !this.#isTold(this.oracle.events[i]));
        if (lost.length) this.#fail('loss', `was not shown ${lost.slice(0, 5)} and not told`);
    }

    #isDue(event) { return event.user !== undefined ? this.users.size === 1 && this.users.has(event.user) : this.#asksFor(event); }

    #showsDenied({topic}) { return topic !== undefined && this.look().denied.some(each => contains(each, topic)); }

    /** Whether the page shows that it does not get this event. */
    #isTold(event) { return ['closed', 'denied'].includes(this.look().state) || this.#showsDenied(event); }

    reset(reason, id, now) {
        if (this.isOver) return;
        const {oracle} = this, place = oracle.numberOf(id);
        if (reason === 'render') return oracle.events[place]?.isBad ? this.#show(place) : this.#fail('reset', `was reset for ${place}, which is no bad event`);
        this.review();
        const isCaused = {
            unknown: () => this.epoch < oracle.epochs.length || oracle.happened.lostQuery,
            regained: () => this.lapsed.size > 0,
            expired: () => oracle.events.some(each => each.n > (oracle.happened.lostQuery ? 0 : this.heard) && each.n <= oracle.trimmedTo && this.#asksFor(each)),
        }[reason === 'overflow' ? 'expired' : reason];
        if (!isCaused?.()) return this.#fail('reset', `was reset without a cause: ${reason} ${id} at ${now}`);
        this.epoch = Number(/^e(\d+)/.exec(id)[1]) + 1;
        this.lapsed.clear();
        this.review();
        this.missing = [];
        const isCut = reason === 'unknown' && oracle.happened.lostQuery;  // it has the id that did not reach the server
        if (isCut) this.shown.clear();
        this.at = isCut ? undefined : Math.max(this.at ?? 0, place);
        this.heard = Math.max(this.heard, place);
    }

    /** A break that a click causes is not shown, and a stream is open once a byte of it has arrived. */
    stateShown(state, now) {
        if (!this.isOver && now < this.calmUntil && state === 'reconnecting') this.#fail('flicker', 'shows a break');
        if (state === 'open' && !this.tab.world.network.hasDelivered) this.#fail('early', 'is shown as open, and no byte has arrived');
    }

    /** The page shows a state that contains all events up to `n`. */
    refreshed(n) {
        this.at = Math.max(this.at ?? 0, n);
        this.missing = this.missing.filter(each => each > n);
    }

    /** After all faults have ended: why this view is not live yet, or an empty string. */
    unrest() {
        this.review();  // tokens expire
        const {oracle} = this, {state, denied} = this.look(), {happened} = oracle;
        const isClosed = happened.closed.some(({topic, user, name}) => (topic === undefined || this.topics.some(each => contains(each, topic)))
            && (!user || this.users.has(user)) && (!name || this.name === name));
        if (state === 'closed') return isClosed ? '' : 'closed without a cause';
        const isRefused = happened.refused || happened.lostQuery || this.topics.some(each => this.wasLapsed.has(each));
        if (state === 'denied' && !isRefused) return 'denied without a cause';
        if (!['open', 'stale', 'denied'].includes(state)) return `still ${state}`;
        if (state !== 'denied' && denied.some(each => !this.wasLapsed.has(each))) return `denied ${denied} without a cause`;
        const due = oracle.events.filter(each => each.n > (this.at ?? oracle.probes) && this.#isDue(each) && !this.#isTold(each));
        return due.length ? `not shown ${due.map(each => each.n).slice(0, 5)} of ${oracle.events.length - 1}` : '';
    }

    /** At the end. */
    finish() {
        const why = this.unrest();
        if (why) return this.#fail(why.startsWith('not shown') ? 'loss' : 'hang', `is ${why}`);
        this.#tellLoss();
    }
}
