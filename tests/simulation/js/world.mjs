// A simulation of the browser's side: tabs of one browser, the real scripts, and one clock.
//
// What it models. The scripts of `assets/` run as they are, joined as `browser/scripts.py` joins them. Each page load runs
// them anew with its own globals (`tab.mjs`). Timers, messages between tabs, grants of locks, requests and bytes are tasks
// of one scheduler, and the seed decides when each runs. Promises settle after each task, as in a browser. Web Locks have
// queues, `steal` and `signal`, and end with their tab. A `BroadcastChannel` keeps the order of each sender alone. A frozen
// tab runs no task until it thaws, and keeps its locks; frozen as in Chromium, it still receives messages. The bytes of a
// stream are cut anywhere. Pages are those of htmx 2, of htmx 4, and scripts that call `subscribe`. The server (`server.mjs`)
// keeps what the documentation promises: ids, replay, resets, rights, tokens, restarts, several processes of which some
// lag. The network (`network.mjs`) breaks lines, silences them, and removes headers. `verbs.mjs` has all that may happen.
//
// Pages may show live regions. `regions.mjs` has rows, the views that show them, and two processes that render these, each
// at its own pace. `region_page.mjs` has their elements, and a merge that replaces, may be late, and may fail. Both follow
// what the pages of the wing promise. `region_oracle.mjs` judges what regions show, and how often a page fetches.
//
// A run is a seed and a list of verbs. Both together repeat it exactly. At its end the network is mended, and every tab
// that is not frozen has to be live, with everything that it may see and one connection for all. Then frozen tabs thaw.
// `oracle.mjs` judges what pages show.
//
// What it does not model. A tab has its own globals but shares the built-in classes with the others: no script changes
// these. The fake DOM has the elements that connect and those of regions, and no others: swaps, merges, out-of-band elements, indicators and statistics
// are tested in browsers. The throttling of timers in hidden tabs is not modelled, nor are retained and keyed events,
// `exclude` and `send_to`, streams without ids, requests of other origins, WebKit's delay of the last bytes, or a junk
// message that is a perfect forgery.
import {Channels, Locks} from './browser.mjs';
import {FakeTarget} from './dom.mjs';
import {Network} from './network.mjs';
import {Oracle} from './oracle.mjs';
import {Judge} from './region_oracle.mjs';
import {Chance, Scheduler} from './scheduler.mjs';
import {Server} from './server.mjs';
import {Tab} from './tab.mjs';
import {NAMES} from './regions.mjs';
import {apply, isCalm, mayBeAlone} from './verbs.mjs';

const PATIENCE = 240_000;  // ms until all tabs have to be live after the last fault
const QUIET = 30_000;  // ms at the end in which no region fetches
const MAX_TIMERS = 12, MAX_LISTENERS = 7, MAX_LOCKS = 2;  // of one tab; timers and locks also for each stream

export class World {
    scheduler = new Scheduler();
    user = 'ana';
    env = {};
    loads = 0;
    /** When the last page was opened or closed. */
    openedAt = 0;
    /** @type {(Tab | undefined)[]} The page that is shown in each slot. */
    tabs = [];
    failure = undefined;

    constructor(seed, compiled) {
        this.compiled = compiled;
        this.chance = new Chance(seed);
        this.locks = new Locks(this);
        this.channels = new Channels(this);
        this.judge = new Judge(this);
        this.server = new Server(this);
        this.network = new Network(this);
        this.oracle = new Oracle(this);
        for (const [user, topics] of [['ana', 'abc'], ['ben', 'ac'], ['', 'abc']]) this.server.rights.set(user, new Set(topics));
    }

    /** Replaced to see what happens. @type {undefined | ((who: any, text: string) => void)} */
    trace = undefined;

    fails(kind, text) {
        this.trace?.('oracle', new Error(`${kind}: ${text}`).stack);
        this.failure ??= {kind, text: `at ${Math.round(this.scheduler.now)} ms: ${text}`};
    }

    /** Call a listener or a task of a page. */
    guard(call) { try { call(); } catch (error) { this.onError(error); } }

    onError(error) { if (!error?.isOfPage) this.fails('error', String(error?.stack ?? error).split('\n').slice(0, 4).join(' ')); }

    onConsoleError(tab, [text, error]) {
        if (error?.isOfPage || ['SecurityError', 'DataCloneError'].includes(error?.name)) return;
        this.fails('error', `tab ${tab.slot}: ${text} ${error?.stack ?? error}`);
    }

    get living() { return this.tabs.filter(each => each?.isAlive); }

    // Pages

    /** A page is opened or closed, so a stream may be opened, and a break is shown. */
    disturb() {
        this.openedAt = this.scheduler.now;
        for (const each of this.oracle.views) each.calmUntil = 0;
    }

    open(slot, spec, navigation = 'navigate') {
        if (this.tabs[slot]?.isAlive) this.close(this.tabs[slot]);
        this.disturb();
        const until = ms => Math.floor(this.scheduler.now + ms);
        const elements = spec.elements.map(each => each.token ? {...each, token: {topic: each.token.topic, until: until(each.token.ms), since: this.server.revocations}} : each);
        this.tabs[slot] = new Tab(this, slot, {...spec, elements, original: spec}, navigation);
    }

    close(tab) {
        this.disturb();
        for (const each of tab.views) each.isOver = true;
        if (!tab.frozen) {
            tab.fire(tab.window, 'beforeunload');
            tab.fire(tab.window, 'pagehide', {persisted: false});
        }
        tab.die();
    }

    reload(tab) {
        if (!tab.isAlive) return;
        this.close(tab);
        this.scheduler.after(this.chance.delay(20, 500), () => { if (this.tabs[tab.slot] === tab) this.open(tab.slot, tab.spec.original, 'reload'); });
    }

    thaw(tab) {
        const {frozen, wasTold} = tab;
        if (!frozen) return;
        tab.thaw();
        tab.wasTold = false;
        if (wasTold) tab.fire(tab.document, 'resume');
        if (frozen === 'cache') tab.fire(tab.window, 'pageshow', {persisted: true});
    }

    publish(about) {
        const n = this.oracle.publish(about);
        this.server.publish(n, about);
    }

    /** A process changes rows, and then touches them. @param {number} ms In between. */
    change(name, how, ms, more) {
        const write = this.server.regions.change(name, how, more);
        this.scheduler.after(ms, () => this.server.regions.touch(name, write));
    }

    // A run

    /** @param {any[][]} verbs */
    async run(verbs) {
        FakeTarget.report = error => this.onError(error);
        const onRejection = error => this.onError(error);
        process.on('unhandledRejection', onRejection);
        this.isCalmRun = verbs.every(isCalm);
        try {
            for (const verb of verbs) {
                await this.#do(verb);
                if (this.failure) return this.failure;
            }
            this.shares = !verbs.some(mayBeAlone);
            await this.#end();
        } finally { process.off('unhandledRejection', onRejection); }
        return this.failure;
    }

    async #do(verb) {
        if (verb[0] === 'wait') return this.scheduler.run(verb[1], () => this.failure);
        apply(this, verb);
        await this.scheduler.run(0, () => this.failure);
    }

    async #end() {
        this.network.mend();
        Object.assign(this.server, {refusals: [], lag: 0, isDown: false});
        this.server.regions.mend();
        await this.#calm();
        const frozen = this.living.filter(each => each.frozen);
        if (this.failure || !frozen.length) return;
        for (const each of frozen) this.thaw(each);
        await this.#calm();
    }

    async #calm() {
        this.oracle.probes = this.oracle.events.length - 1;
        for (const wait of [PATIENCE, PATIENCE / 4]) {
            await this.scheduler.run(3000, () => this.failure);
            for (const topic of [undefined, 'a', 'b', 'c/1']) this.publish({topic});
            if (wait < PATIENCE) for (const name of NAMES) this.change(name, 'update', 0);
            const end = this.scheduler.now + wait;
            do await this.scheduler.run(4000, () => this.failure);
            while (!this.failure && this.scheduler.now < end && (this.#unrest() || this.#waits()));
            for (const each of this.#views()) if (each.isRegion) each.finish();  // the next touch would mend it
            if (this.failure) return;
        }
        const views = this.#views(), quietSince = this.scheduler.now, {causes} = this.server.regions;
        for (const each of views) each.finish();
        if (!this.failure && views.some(each => each.isRegion)) await this.scheduler.run(QUIET, () => this.failure);
        const hasGivenUp = each => each.tab.spec.settings && each.look().state === 'closed';  // it may still look for the present state
        const fetching = causes === this.server.regions.causes && views.find(each => each.lastFetch > quietSince && !hasGivenUp(each));
        if (fetching) this.fails('storm', `${fetching.label} fetches, although all is quiet`);
        const why = this.#unrest() || this.#growth();
        if (why) this.fails(why.startsWith('growth') ? 'growth' : 'hang', why);
    }

    #views() { return this.oracle.views.filter(each => !each.isOver && !each.tab.frozen); }

    /** Whether regions change soon, or fetch. */
    #waits() { return this.server.regions.isBusy || this.living.some(each => each.spec.regions && !each.frozen && each.requests.size); }

    #unrest() {
        for (const each of this.#views()) {
            const why = each.unrest();
            if (why) return `${each.label} is ${why}`;
        }
        return this.#connections();
    }

    /** Tabs of one version share one connection for each route. */
    #connections() {
        const isAwake = each => each.tab.isAlive && !each.tab.frozen;
        const groups = new Map();
        const groupOf = (tab, route) => {
            const key = `version ${tab.spec.version ?? 1}, ${route}`;
            if (!groups.has(key)) groups.set(key, {views: 0, pipes: 0, wanted: new Set(), asked: new Set()});
            return groups.get(key);
        };
        for (const {tab, route, isShared, look} of this.#views()) {
            if (isShared && look().state !== 'closed' && !(this.shares && look().state === 'denied')) groupOf(tab, route).views += 1;
        }
        for (const {tab, route, isOver, topics} of this.oracle.views) {
            const isUnnoticed = tab.isAlive && tab.frozen;  // the page has not noticed that its element is gone
            for (const each of isOver && !isUnnoticed ? [] : topics) groupOf(tab, route).wanted.add(each);
        }
        for (const {tab, route, stream} of [...this.network.pipes].filter(each => isAwake(each) && each.isShared)) {
            const group = groupOf(tab, route);
            group.pipes += 1;
            for (const each of stream?.asked ?? []) group.asked.add(each);
        }
        for (const tab of this.living) {
            const [views, pipes] = [tab.views.filter(each => !each.isOver), this.network.of_tab(tab)].map(list => list.filter(each => each.isShared).length);
            if (!tab.frozen && pipes > views) return `tab ${tab.slot}: ${pipes} connections for ${views} streams`;
        }
        for (const [key, {views, pipes, wanted, asked}] of groups) {
            const more = [...asked].filter(each => !wanted.has(each));
            if (this.shares && more.length) return `${key}: a stream of ${more}, which no tab wants`;
            if (pipes > Math.max(views, 1) || (this.shares && pipes !== Math.min(views, 1))) return `${key}: ${pipes} connections for ${views} streams`;
        }
        return '';
    }

    #growth() {
        for (const tab of this.living.filter(each => !each.frozen)) {
            const streams = Math.max(tab.views.length, 1), [timers, locks] = [tab.timers.size, this.locks.countOf(tab)];
            if (timers > MAX_TIMERS * streams) return `growth: tab ${tab.slot} has ${timers} timers`;
            if (locks > MAX_LOCKS * (1 + streams)) return `growth: tab ${tab.slot} has ${locks} locks and requests for locks`;
            if (tab.requests.size > 2 * streams) return `growth: tab ${tab.slot} has ${tab.requests.size} requests`;
            if (tab.channels.size > 1) return `growth: tab ${tab.slot} has ${tab.channels.size} channels`;
            for (const each of [tab.window, tab.document]) {
                if (each.listenerCount > MAX_LISTENERS * (tab.spec.regions ? 5 : 3)) return `growth: tab ${tab.slot} has ${each.listenerCount} listeners`;
            }
        }
        return '';
    }
}
