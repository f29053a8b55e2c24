// Judges what the pages were shown. Written from the promise: a tab gets every event that it may see, once and in order,
// or it is told. It knows what was published, who may read what and what each page shows, and nothing of the scripts.
//
// Events have numbers, from 1, over all epochs. A view is one element, or one subscription of a script, of one page load.
import {contains} from './server.mjs';

export class Oracle {
    /** @type {any[]} By number; the first is a dummy. */
    events = [{}];
    views = [];
    /** The number of the last event before each epoch. */
    epochs = [0];
    /** What the run has done that explains what pages show. */
    happened = {refused: false, lostQuery: false, closed: []};
    trimmedTo = 0;
    probes = 0;  // the last event before the network was mended

    constructor(world) { this.world = world; }

    open(about) {
        const view = new View(this, about);
        this.views.push(view);
        this.events.forEach((event, n) => view.note(n));  // a process that lags may send it earlier events
        return view;
    }

    /** @param {any} about `tab` is the page that causes the event and does not show it. */
    publish({topic, user, isBad, tab, touch}) {
        const n = this.events.push({n: this.events.length, topic, user, isBad, tab, touch, by: this.world.user}) - 1;
        for (const each of this.views) each.note(n);
        return n;
    }

    rightsChanged(user, topic) {
        for (const each of this.views) each.review(user, topic);
        for (const each of this.views) this.events.forEach((event, n) => each.note(n));  // earlier events too, which may be sent now
    }
}

class View {
    isOver = false;
    calmUntil = 0;
    covered = 0;  // the last event of a refresh
    leftOut = new Set();  // events of topics that the last refresh left out
    owed = new Set();  // those of them whose topic was shown as denied since then
    shown = new Set();
    missing = [];  // events that were passed over
    lapsed = new Map();  // topics that it could not read for a while, until when, since its last reset
    wasLapsed = new Set();  // and ever
    #holders = new Map();  // by topic: who of this page's users may read it
    #allowed = new Set();  // events that it might see when they were published

    constructor(oracle, {tab, topics, hasCursor, token, name, route, isShared, refreshes = false}) {
        const isLate = tab.spec.door === 'htmx4' || refreshes;  // it may show an event later than it gets it, even once its right has ended
        Object.assign(this, {oracle, tab, topics, token, name, route, isShared, isLate, users: new Set([tab.world.user])});
        this.at = hasCursor ? oracle.events.length - 1 : undefined;  // the last event that it need not be shown; unknown for a page without an id
        [this.heard, this.epoch] = [this.at ?? 0, oracle.epochs.length];
        this.review();
    }

    get label() { return `tab ${this.tab.slot} [${this.topics}]`; }
    #fail(kind, text) { this.tab.world.fails(kind, `${this.label} ${text}; it is at ${this.at} and shows ${JSON.stringify(this.look())}`); }

    review(user, topic) {
        const {user: now, server} = this.tab.world;
        this.users.add(now);
        for (const each of this.topics) {
            const holders = this.#holders.get(each) ?? new Set();
            if (topic && each.split('/')[0] === topic) for (const by of ['', ' by token']) holders.delete(user + by);
            const byToken = one => this.token && contains(this.token.topic, each) && server.accepts(this.token, one);
            if (server.may(now, each)) holders.add(now);
            if (byToken(now)) holders.add(`${now} by token`);
            if ([...this.users].some(one => !server.may(one, each) && !byToken(one))) this.wasLapsed.add(each), this.lapsed.set(each, this.tab.world.scheduler.now);
            this.#holders.set(each, holders);
        }
    }

    #asksFor({topic, user, touch}) { return touch !== undefined ? false : user !== undefined ? this.users.has(user) : topic === undefined || this.topics.some(each => contains(each, topic)); }

    #isDue(event) { return event.tab !== this.tab && (event.n > this.covered || this.owed.has(event.n)) && this.#asksFor(event) && (event.user === undefined || this.users.size === 1); }

    #mayRead({topic, user}) {
        if (user !== undefined || topic === undefined) return true;
        const isSigned = ({token, isOver}) => !isOver && token && contains(token.topic, topic);  // of any tab: they share a stream
        return this.topics.some(each => contains(each, topic) && this.#holders.get(each).size) || this.oracle.views.some(isSigned);
    }

    note(n) { if (this.#mayRead(this.oracle.events[n])) this.#allowed.add(n); }
    #showsDenied({topic}) { return topic !== undefined && this.look().denied.some(each => contains(each, topic)); }
    #isTold(event) {
        const {state} = this.look();
        return ['closed', 'denied'].includes(state) || this.#showsDenied(event) || (state === 'stale' && this.owed.has(event.n));
    }

    show(n) {
        const event = this.oracle.events[n], isLate = this.isLate;
        this.tab.world.trace?.(this.tab, `shows ${n} in ${this.label}`);
        if (this.isOver) return;
        if (!event) return this.#fail('invented', `was shown ${n}, which was never sent`);
        const isOwn = event.tab === this.tab && this.users.size === 1 && this.users.has(event.by) && !event.isBad;
        if (isOwn) return this.#fail('echo', `was shown ${n}, which it has caused`);
        if (!this.#asksFor(event)) return this.#fail('leak', `was shown ${n} of ${event.topic ?? event.user}, for which it did not ask`);
        const isAllowed = (this.#allowed.has(n) || this.#mayRead(event)) && (isLate || !this.#showsDenied(event));
        if (!isAllowed) return this.#fail('leak', `was shown ${n} of ${event.topic}, which it may not read`);
        if (this.shown.has(n)) return this.#fail('twice', `was shown ${n} again`);
        if (n <= this.at) return this.#fail('disorder', `was shown ${n}`);
        for (let i = (this.at ?? n) + 1; i < n; i++) if (this.#isDue(this.oracle.events[i])) this.missing.push(i);
        this.shown.add(this.at = this.heard = n);
        this.#findLoss();
    }

    #findLoss() {
        const lost = this.missing.map(n => this.oracle.events[n]).filter(event => this.#isDue(event) && !this.#isTold(event));
        if (lost.length) this.#fail('loss', `was not shown ${lost.map(({n}) => n).slice(0, 5)} and not told`);
    }

    reset(reason, id) {
        if (this.isOver) return;
        const {oracle} = this, {lostQuery} = oracle.happened, [, epoch, position] = /^e(\d+)-(\d+)/.exec(id), place = oracle.epochs[epoch] + Number(position);
        if (reason === 'render') return oracle.events[place]?.isBad ? this.show(place) : this.#fail('reset', `was reset for ${place}, which is no bad event`);
        this.review();
        const isCaused = {
            unknown: () => this.epoch < oracle.epochs.length || lostQuery,
            regained: () => this.lapsed.size > 0,
            expired: () => oracle.events.some(each => each.n > (lostQuery ? 0 : this.heard) && each.n <= oracle.trimmedTo && this.#asksFor(each)),
        }[reason === 'overflow' ? 'expired' : reason];
        const {cutResets} = this.tab.world.network, isRepeated = place >= this.told?.place && cutResets > this.told.cutResets;
        this.told = {place, cutResets};
        if (!isRepeated && !isCaused?.()) return this.#fail('reset', `was reset without a cause: ${reason} ${id}`);
        const isCut = reason === 'unknown' && lostQuery;  // such a reset has the id that did not reach the server
        if (isCut) this.shown.clear();
        Object.assign(this, {epoch: Number(epoch) + 1, missing: [], at: isCut ? undefined : Math.max(this.at ?? 0, place), heard: Math.max(this.heard, place)});
        const {scheduler, server} = this.tab.world, sent = server.resets.get(`e${epoch}-${position}`) ?? scheduler.now;
        for (const [each, until] of this.lapsed) if (until < sent) this.lapsed.delete(each);
        this.review();
    }

    showState(state) {
        const {scheduler, network} = this.tab.world;
        this.#noteDenied();
        if (!this.isOver && scheduler.now < this.calmUntil && state === 'reconnecting') this.#fail('flicker', 'shows a break that a click caused');
        if (state === 'open' && !network.hasDelivered) this.#fail('early', 'is shown as open, and no byte has arrived');
    }

    /** The page shows a state that contains all events up to `number`, without those of topics that the user may not read. */
    showRefreshed(number, denied) {
        const n = Number(number), topics = this.users.size === 1 ? denied.split(',') : [];
        const isLeftOut = ({topic}) => topics.includes(topic) && !(this.token && contains(this.token.topic, topic));
        if (this.epoch === this.oracle.epochs.length) this.at = Math.max(this.at ?? 0, n);  // ids of two epochs have no order
        this.covered = n;
        this.owed = new Set();
        this.leftOut = new Set(this.oracle.events.filter(each => each.n <= n && isLeftOut(each) && this.#asksFor(each)));
        this.missing = this.missing.filter(each => each > n || this.leftOut.has(this.oracle.events[each]));
        this.#noteDenied();
    }

    /** What a refresh left out is owed only if the page learned that it lost the topic. */
    #noteDenied() {
        for (const event of this.leftOut) {
            if (this.look().state !== 'denied' && !this.#showsDenied(event)) continue;
            this.leftOut.delete(event);
            this.owed.add(event.n);
            this.missing.push(event.n);
        }
    }

    /** After all faults have ended: why this view is not live yet, or an empty string. */
    unrest() {
        this.review();  // tokens expire
        const {events, probes, happened} = this.oracle, {state, denied} = this.look();
        const isMeant = ({topic, user, name}) => (topic === undefined || this.topics.some(each => contains(each, topic))) && (!user || this.users.has(user)) && (!name || this.name === name);
        if (this.isShut) return state === 'closed' ? '' : `${state}, although the page closed it`;
        if (state === 'closed' && this.tab.spec.settings) return '';  // it gives up after some tries
        if (state === 'closed') return happened.closed.some(isMeant) ? '' : 'closed without a cause';
        if (state === 'denied' && !happened.refused && !happened.lostQuery && !this.wasLapsed.size) return 'denied without a cause';
        if (!['open', 'stale', 'denied'].includes(state)) return `still ${state}`;
        if (state !== 'denied' && denied.some(each => !this.wasLapsed.has(each))) return `denied ${denied} without a cause`;
        const due = events.filter(each => each.n > (this.at ?? probes) && this.#isDue(each) && !this.#isTold(each));
        return due.length ? `not shown ${due.map(each => each.n).slice(0, 5)} of ${events.length - 1}` : '';
    }

    finish() {
        const why = this.unrest();
        why ? this.#fail(why.startsWith('not shown') ? 'loss' : 'hang', `is ${why}`) : this.#findLoss();
    }
}
