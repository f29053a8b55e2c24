// Live regions on the side of one page: their elements, a merge that replaces, and the page's own requests that write.
import {parseHTML} from './dom.mjs';

const LIVE = 'data-sse-live', TIMEOUT = 5000;  // ms for which renderings wait for a write
const OURS = /^data-sse-(state|denied)$/;

/** The regions of one page load. */
export class PageRegions {
    /** @type {any[]} The root elements. */
    roots = [];
    /** Requests that write and have no answer. @type {Map<any, number>} */
    writes = new Map();
    /** The last answered write, and when. @type {{write: number, at: number, epoch: number}[]} */
    answered = [];
    /** Merges that failed in a row. */
    #failures = 0;

    constructor(tab) { this.tab = tab; }

    get all() { return this.roots.filter(each => each.isConnected).flatMap(each => each.all); }
    get elements() { return this.all.filter(each => each.hasAttribute(LIVE)); }
    find(id) { return this.all.find(each => each.id === id) ?? null; }

    /** The page has the views of its server. @param {string[]} views */
    load(views) {
        const {world, document} = this.tab;
        for (const each of views) {
            const [root] = parseHTML(world.server.regions.page(each));
            root.parent = document;
            this.roots.push(root);
        }
    }

    /** Begin, once the scripts run. */
    start() {
        const {tab} = this, {world, sse} = tab;
        Object.assign(sse, {noteBase() {}, morph: (...given) => this.#morph(...given)});
        world.guard(() => tab.run(world.compiled[2]));
        this.#look();
    }

    // What stands in for morph.js

    async #morph(elt, html, {unchanged = new Set()} = {}) {
        const {tab} = this, {chance, world} = tab, calledAt = tab.now;
        world.judge.called(this, elt);
        if (chance.happens(tab.spec.slowMorph ?? 0)) await new Promise(resolve => { tab.later(resolve, chance.delay(20, 900)); });
        if (this.#failures < 3 && chance.happens(tab.spec.failsMorph ?? 0)) {
            this.#failures += 1;
            world.server.regions.causes += 1;
            throw Object.assign(new Error('of the page'), {isOfPage: true});
        }
        this.#failures = 0;
        if (!elt.isConnected) return;
        this.#merge(elt, parseHTML(html)[0], unchanged);
        tab.changed();
        this.#look();
        world.judge.merged(this, elt, calledAt);
    }

    #merge(elt, theirs, unchanged) {
        for (const {name, value} of theirs.attributes) if (!OURS.test(name)) elt.setAttribute(name, value);
        elt.text = theirs.text;
        const kept = new Map(elt.children.filter(each => each.id).map(each => [each.id, each])), before = elt.children;
        elt.children = theirs.children.flatMap(each => {
            const old = kept.get(each.id);
            if (!old) return unchanged.has(each.id) ? [] : [each];
            if (!unchanged.has(old.id) && !this.tab.sse.isSameView(old, each)) this.#merge(old, each, unchanged);
            return [old];
        });
        for (const each of elt.children) each.parent = elt;
        for (const each of before) if (!elt.children.includes(each)) for (const gone of each.all) gone.isConnected = false;
    }

    /** Tell the judge which regions there are. */
    #look() {
        const {tab} = this, {oracle} = tab.world;
        for (const elt of this.elements) {
            if (tab.views.some(each => each.element === elt && !each.isOver)) continue;
            const view = tab.world.judge.open(this, elt);
            oracle.views.push(view);
            tab.views.push(view);
        }
        for (const each of tab.views) if (each.isRegion && !each.element.isConnected) each.isOver = true;
    }

    /** A script removes a region. */
    remove() {
        const elt = this.roots.findLast(each => each.isConnected);
        if (!elt) return;
        for (const each of elt.all) each.isConnected = false;
        this.tab.changed();
        this.#look();
    }

    /** A script takes a region out, and puts it back later. @param {number} ms */
    lift(ms) {
        const root = this.roots.findLast(each => each.isConnected), {tab} = this;
        if (!root) return;
        const connect = isConnected => {
            for (const each of root.all) each.isConnected = isConnected;
            tab.changed();
            this.#look();
        };
        connect(false);
        tab.later(() => connect(true), ms);
    }

    noteFetch(topic) { for (const each of this.tab.views) if (!each.isOver && each.element?.isConnected && each.topics[0] === topic && each.fetched) each.fetched(); }

    // The page's own requests that write

    /** @param {string} name @param {string} how @param {number | null} ms That the handler takes. */
    write(name, how, ms) {
        const {tab} = this, {world, now} = tab, {scheduler, network} = world, {chance} = tab;
        const headers = {}, get = key => headers[key] ?? null;
        const is4 = tab.spec.door === 'htmx4', xhr = {getResponseHeader: get};
        const ctx = {request: {method: 'POST'}, response: undefined};
        const detail = is4 ? {ctx} : {xhr, requestConfig: {verb: 'post'}};
        this.writes.set(detail, now);
        world.server.regions.causes += 1;
        const fire = event => tab.fire(tab.document, is4 ? event[1] : event[0], {detail});
        fire(['htmx:beforeSend', 'htmx:before:request']);
        const finish = (reached, write) => scheduler.after(chance.delay(20, 1500), () => {
            if (reached) headers['SSE-Reached'] = reached;
            const isTimely = tab.now - this.writes.get(detail) < TIMEOUT - 10;
            this.writes.delete(detail);
            if (reached && isTimely) this.answered.push({write, at: tab.now, epoch: world.server.epoch, reached});
            if (is4) ctx.response = {headers: {get}};
            fire(['htmx:afterRequest', 'htmx:after:request']);
            if (is4) fire(['', 'htmx:finally:request']);
        }, tab, 'net');
        if (ms === null) return undefined;  // no answer, ever
        if (network.isDown) return finish();
        scheduler.after(chance.delay(20, 1500), () => world.server.regions.handle(name, how, ms, finish));
    }

    /** Whether renderings have to wait now. A write about which the script may have given up does not count. */
    get isWriting() { return [...this.writes.values()].some(since => this.tab.now - since < TIMEOUT - 100); }
}
