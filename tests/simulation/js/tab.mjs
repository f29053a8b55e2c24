// One page load in one tab: the globals that the scripts use, and the scripts as they are.
import {readFileSync} from 'node:fs';
import vm from 'node:vm';
import {PageRegions} from './region_page.mjs';
import {FakeElement, FakeEvent, FakeResponse, FakeStream, FakeTarget} from './dom.mjs';
import {createHtmx} from './htmx.mjs';

const assets = new URL('../../../cjm_fasthtml_sse/assets/', import.meta.url);
const scripts = readFileSync(new URL('../browser/scripts.py', assets), 'utf8');
/** The files in the order in which `browser/scripts.py` joins them. */
export const FILES = scripts.match(/_SSE = '''([^']*)'''/)[1].split(/\s+/).filter(Boolean);

/** @returns {Map<string, string>} The text of each file. */
export const readSources = () => new Map([...FILES, 'live'].map(name => [name, readFileSync(new URL(`${name}.js`, assets), 'utf8')]));

const GLOBALS = ['window', 'document', 'navigator', 'location', 'performance', 'console', 'fetch', 'setTimeout', 'clearTimeout', 'setInterval',
    'clearInterval', 'queueMicrotask', 'addEventListener', 'BroadcastChannel', 'MutationObserver', 'Date', 'Math', 'htmx', 'Element',
    'HTMLTemplateElement', 'Event', 'CustomEvent', 'MessageEvent', 'EventTarget', 'ReadableStream', 'Response', 'URL', 'AbortController', 'AbortSignal',
    'TextDecoder', 'TextEncoder', 'crypto'];

/**
 * Both versions of a script that tabs may have: today's, and one whose messages have other names. Then the script of regions.
 * @param {Map<string, string>} sources
 */
export function compile(sources) {
    const text = FILES.map(each => sources.get(each)).join('\n');
    const next = text.replace('VERSION = "1"', 'VERSION = "2"').replaceAll('"coverage"', '"reach"').replaceAll('"hello"', '"greeting"');
    return [text, next, sources.get('live')].map((each, i) => vm.compileFunction(each, GLOBALS, {filename: ['sse-1.js', 'sse-2.js', 'live.js'][i]}));
}

class HTMLTemplateElement {}

export class Tab {
    isAlive = true;
    /** `full`: nothing runs. `chromium`: messages are still received. `cache`: left, and kept for Back. */
    frozen = '';
    hidden = false;
    channels = new Set();
    requests = new Set();
    timers = new Map();
    elements = [];
    /** What each element or subscription has received is judged by `oracle.mjs`. */
    views = [];
    #parked = [];
    #lastTimer = 0;

    /** @param {any} world @param {number} slot @param {any} spec @param {string} navigation */
    constructor(world, slot, spec, navigation) {
        Object.assign(this, {world, slot, spec, env: {...world.env, ...spec.env}});
        this.chance = world.chance.branch(`tab ${slot} ${world.loads++}`);
        this.bornAt = world.scheduler.now;
        this.window = new FakeTarget();
        this.document = new FakeTarget();
        this.regions = new PageRegions(this);
        this.#open(navigation);
    }

    /** Whether a task runs now. One of a frozen page waits. */
    takes(task) {
        if (!this.isAlive) return false;
        if (!this.frozen || (this.frozen === 'chromium' && task.kind === 'message')) return true;
        if (task.kind !== 'message' || this.frozen !== 'cache') this.#parked.push(task);
        return false;
    }

    thaw() {
        this.frozen = '';
        this.#parked.splice(0).forEach((task, i) => this.world.scheduler.after(0.01 * i, task.run, this, task.kind));
    }

    get now() { return this.world.scheduler.now; }

    #setTimer(call, ms, repeats) {
        const id = ++this.#lastTimer;
        const wait = () => this.timers.set(id, this.world.scheduler.after((ms || 0) + this.chance.random() * 4, () => {
            if (!this.timers.has(id)) return;
            if (repeats) wait();
            else this.timers.delete(id);
            this.world.guard(call);
        }, this, 'timer'));
        wait();
        return id;
    }

    #clearTimer(id) {
        const task = this.timers.get(id);
        if (task) task.cancelled = true;
        this.timers.delete(id);
    }

    #open(navigation) {
        const {world, window, document} = this, tab = this;
        const root = new FakeElement();
        root.parent = document;
        document.parent = window;
        const selected = selector => selector.includes('connect') ? tab.elements.filter(each => each.isConnected) : selector.includes('live') ? tab.regions.elements : [];
        Object.assign(document, {baseURI: 'http://host/page', documentElement: root, readyState: 'complete', currentScript: {dataset: {sse: JSON.stringify(this.spec.settings ?? {})}},
            querySelectorAll: selected, createElement: name => new FakeElement({}, name), getElementById: id => tab.regions.find(id)});
        Object.defineProperty(document, 'hidden', {get: () => tab.hidden});
        const location = {origin: 'http://host', href: 'http://host/page', reload: () => world.reload(tab)};
        const locks = world.locks.of(this), channel = this.env.channels === 'absent' ? undefined : world.channels.of(this);
        this.observers = [];
        Object.assign(window, {isSecureContext: this.env.isSecure !== false, BroadcastChannel: channel, location, document});
        const MathOfTab = Object.create(Math);
        MathOfTab.random = () => this.chance.random();
        const globals = {window, document, location, navigator: {locks}, BroadcastChannel: channel,
            performance: {now: () => tab.now - tab.bornAt, getEntriesByType: () => [{type: navigation}]},
            console: {debug() {}, warn() {}, log() {}, error: (...parts) => world.onConsoleError(tab, parts)},
            fetch: world.network.of(this),
            setTimeout: (call, ms) => this.#setTimer(call, ms, false), clearTimeout: id => this.#clearTimer(id),
            setInterval: (call, ms) => this.#setTimer(call, ms, true), clearInterval: id => this.#clearTimer(id),
            queueMicrotask: call => { Promise.resolve().then(() => world.guard(call)); },
            addEventListener: (...given) => window.addEventListener(...given),
            MutationObserver: class {
                constructor(call) { this.call = call; }
                observe() { tab.observers.push(this.call); }
            },
            Date: {now: () => Math.floor(1.7e12 + tab.now), parse: Date.parse}, Math: MathOfTab,
            Element: FakeElement, HTMLTemplateElement, Event: FakeEvent, CustomEvent: FakeEvent, MessageEvent: FakeEvent, EventTarget: FakeTarget,
            AbortSignal: {timeout: ms => {
                const controller = new AbortController();
                this.#setTimer(() => controller.abort(), ms, false);
                return controller.signal;
            }},
            ReadableStream: FakeStream, Response: FakeResponse, URL, AbortController, TextDecoder, TextEncoder,
            crypto: {getRandomValues: array => array.fill(0).map(() => this.chance.random() * 2 ** 32)}};
        globals.htmx = window.htmx = this.spec.door === 'plain' ? undefined : createHtmx(this, globals);
        this.run = script => script(...GLOBALS.map(name => globals[name]));
        this.regions.load(this.spec.regions ?? []);
        world.guard(() => this.run(world.compiled[this.spec.version === 2 ? 1 : 0]));
        this.sse = window.cjmSSE;
        if (this.spec.regions) this.regions.start();
        for (const each of this.spec.elements) this.#add(each);
        this.#setTimer(() => window.dispatchEvent(new FakeEvent('load')), 20, false);
    }

    /** An element with a stream, or a subscription without an element. */
    #add({topics = [], cursor = true, token, name, refresh, route = 'broadcast', share = true}) {
        const {world, sse, spec} = this, url = new URL(`http://host/sse/${route}`);
        for (const each of topics) url.searchParams.append('topic', each);
        if (token) url.searchParams.append('signed', `${token.topic}~${token.until}~${token.since}`);
        if (name) url.searchParams.set('connection_id', name);
        if (cursor) url.searchParams.set('last_event_id', world.server.cursor);
        const view = world.oracle.open({tab: this, topics, hasCursor: cursor, token, name, route, refreshes: refresh !== undefined, isShared: !name && spec.elements.every(each => each.share !== false)});
        this.views.push(view);
        const receive = (event, data) => {
            const {n, reason, last_event_id: id} = JSON.parse(data);
            if (event === 'sse-reset') view.reset(reason, id);
            else if (event === 'note') view.show(n);
        };
        if (spec.door === 'plain') {
            view.look = () => ({state: subscription.state, denied: subscription.denied});
            const subscription = sse.subscribe({url: url.href, headers: {}, share, cursor: '', onstate: state => view.showState(state), ondenied() {},
                onevent: ({event, data}) => {
                    receive(event, data);
                    this.raise();
                }});
            return;
        }
        const attributes = {'data-sse-swap': 'note', 'data-sse-spread': '500', [spec.door === 'htmx4' ? 'data-hx-sse-connect' : 'data-sse-connect']: url.href};
        if (refresh !== undefined) attributes['data-sse-refresh'] = refresh;
        if (!share) attributes['data-sse-share'] = 'false';
        const elt = view.element = new FakeElement(attributes);
        elt.parent = this.document;
        this.elements.push(elt);
        // htmx 4 reads its messages later than the script hands them over, so its own event has the place among them
        if (spec.door === 'htmx4') elt.addEventListener('sse-reset', ({detail}) => receive('sse-reset', detail.data));
        else elt.addEventListener('sse:reset', ({detail}) => view.reset(detail.reason, detail.lastEventId));
        elt.addEventListener('sse:state', ({detail}) => view.showState(detail.state));
        view.look = () => ({state: elt.getAttribute('data-sse-state') ?? 'none', denied: (elt.getAttribute('data-sse-denied') ?? '').split(' ').filter(Boolean)});
        elt.swapped = text => {
            if (text.startsWith('state ')) return view.showRefreshed(...text.split(' ').slice(1));
            receive('note', text);
            this.raise();
        };
        world.guard(() => this.window.htmx.process(elt));
    }

    /** A listener of the page may raise. */
    raise() {
        if (this.spec.raises && this.chance.happens(0.3)) throw Object.assign(new Error('of the page'), {isOfPage: true});
    }

    /** @param {any} elt */
    remove(elt) {
        elt.isConnected = false;
        this.changed();
    }

    /** Elements were added or removed. */
    changed() { for (const call of this.observers) Promise.resolve().then(() => this.world.guard(call)); }

    later(call, ms) { this.#setTimer(call, ms, false); }

    fire(target, type, more = {}) { this.world.guard(() => target.dispatchEvent(new FakeEvent(type, more))); }

    /** Gone, without a word. */
    die() {
        if (!this.isAlive) return;
        const {world} = this;
        this.isAlive = false;
        world.channels.forget(this);
        world.network.forget(this);
        world.scheduler.after(world.chance.delay(2, 60), () => world.locks.forget(this));
        for (const each of this.views) each.isOver = true;
    }
}
