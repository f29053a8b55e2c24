// What the tabs of one browser share: locks and channels. Both follow their specifications, and the seed decides delays.
import {fail} from './dom.mjs';

const MAX_CALLS = 300;  // requests for locks in one step of a tab; more are a loop without an end

/** Web Locks, for all tabs. */
export class Locks {
    #world;
    /** @type {Map<string, {holder: any, queue: any[]}>} */
    #byName = new Map();
    #lastStep = -1;
    #calls = 0;

    constructor(world) { this.#world = world; }

    #entry(name) {
        if (!this.#byName.has(name)) this.#byName.set(name, {holder: undefined, queue: []});
        return this.#byName.get(name);
    }

    #later(tab, call) {
        this.#world.scheduler.after(this.#world.chance.delay(1, tab.env.slowLocks ? 4000 : 300), call, tab, 'lock');
    }

    /** `navigator.locks` of one tab. */
    of(tab) {
        const mode = tab.env.locks;
        if (mode === 'absent') return undefined;
        return {
            request: (name, options, callback) => this.#request(tab, name, typeof options === 'function' ? {} : options, callback ?? options),
            query: () => new Promise((resolve, reject) => {
                if (mode === 'refused') return reject(fail('SecurityError'));
                if (mode !== 'silent') this.#later(tab, () => resolve(this.#snapshot()));
            }),
        };
    }

    #snapshot() {
        const held = [], pending = [];
        for (const [name, {holder, queue}] of this.#byName) {
            if (holder) held.push({name});
            pending.push(...queue.map(() => ({name})));
        }
        return {held, pending};
    }

    #request(tab, name, {signal, steal = false, ifAvailable = false}, callback) {
        const {steps} = this.#world.scheduler;
        this.#calls = steps === this.#lastStep ? this.#calls + 1 : 0;
        this.#lastStep = steps;
        if (this.#calls > MAX_CALLS) {
            this.#world.fails('hang', `tab ${tab.slot} requests locks without an end`);
            return new Promise(() => {});
        }
        if (tab.env.locks === 'refused') return Promise.reject(fail('SecurityError'));
        if (tab.env.locks === 'silent') return new Promise(() => {});
        return new Promise((resolve, reject) => {
            const request = {tab, name, callback, signal, resolve, reject, isOver: false};
            if (signal?.aborted) return reject(fail('AbortError'));
            signal?.addEventListener('abort', () => {
                const {queue} = this.#entry(name);
                if (!queue.includes(request)) return;
                queue.splice(queue.indexOf(request), 1);
                reject(fail('AbortError'));
            });
            this.#world.scheduler.after(this.#world.chance.delay(1, 50), () => {  // the browser's side: no tab's task
                if (signal?.aborted || !tab.isAlive) return;
                const entry = this.#entry(name);
                if (ifAvailable && entry.holder) return this.#later(tab, () => resolve(callback(null)));
                if (steal && entry.holder) {
                    const robbed = entry.holder;
                    entry.holder = undefined;
                    this.#later(robbed.tab, () => this.#lose(robbed));
                }
                steal ? entry.queue.unshift(request) : entry.queue.push(request);
                this.#grant(name);
            });
        });
    }

    /** Stolen. The callback of a lock that was granted runs before its page learns of it, as in Chromium. */
    #lose(request) {
        request.isStolen = true;
        if (request.isOver || !request.hasBegun) return;
        request.isOver = true;
        request.reject(fail('AbortError'));
    }

    #grant(name) {
        const entry = this.#entry(name);
        if (entry.holder || !entry.queue.length) return;
        const request = entry.holder = entry.queue.shift();
        this.#world.trace?.(request.tab, `is granted ${name}`);
        this.#later(request.tab, () => {
            request.hasBegun = true;
            if (request.signal?.aborted) {
                request.reject(fail('AbortError'));
                return this.#release(request);
            }
            let value;
            try { value = Promise.resolve(request.callback({name})); } catch (error) { value = Promise.reject(error); }
            if (request.isStolen) this.#lose(request);
            value.then(result => { if (!request.isOver) request.resolve(result); }, error => { if (!request.isOver) request.reject(error); })
                .then(() => {
                    request.isOver = true;
                    this.#world.scheduler.after(this.#world.chance.delay(1, 50), () => this.#release(request));
                });
        });
    }

    #release(request) {
        const entry = this.#entry(request.name);
        if (entry.holder !== request) return;
        entry.holder = undefined;
        this.#grant(request.name);
    }

    /** A tab is gone: so are its locks and requests. */
    forget(tab) {
        for (const [name, entry] of this.#byName) {
            entry.queue = entry.queue.filter(each => each.tab !== tab);
            if (entry.holder?.tab === tab) entry.holder = undefined;
            this.#grant(name);
        }
    }

    countOf(tab) {
        let count = 0;
        for (const {holder, queue} of this.#byName.values()) count += queue.filter(each => each.tab === tab).length + (holder?.tab === tab);
        return count;
    }
}

/** All `BroadcastChannel`s. Messages of one sender keep their order, those of two need not. */
export class Channels {
    #world;
    /** @type {Map<string, Set<any>>} */
    #byName = new Map();

    constructor(world) { this.#world = world; }

    named(name) {
        if (!this.#byName.has(name)) this.#byName.set(name, new Set());
        return this.#byName.get(name);
    }

    /** The class `BroadcastChannel` of one tab. */
    of(tab) {
        const channels = this, world = this.#world;
        return class {
            onmessage = null;
            tab = tab;
            /** The time of the last message on its way here, by sender. */
            arrivals = new Map();

            constructor(name) {
                if (tab.env.channels === 'refused') throw fail('SecurityError');
                this.name = name;
                channels.named(name).add(this);
                tab.channels.add(this);
            }

            postMessage(data) {
                if (tab.env.channels === 'broken') throw fail('DataCloneError');
                channels.post(this, tab, data);
            }

            close() {
                channels.named(this.name).delete(this);
                tab.channels.delete(this);
            }

            receive(text) {
                if (!channels.named(this.name).has(this)) return;
                world.guard(() => this.onmessage?.({data: JSON.parse(text)}));
            }
        };
    }

    /** Send to all other channels of this name. */
    post(from, sender, data) {
        const text = JSON.stringify(data), {scheduler, chance, server} = this.#world;
        if (data?.type === 'coverage') server.regions.causes += 1;
        this.#world.trace?.(sender, `posts ${text}`);
        for (const each of this.named(from.name)) {
            if (each === from) continue;
            const arrival = Math.max(scheduler.now + chance.delay(1.5, 400), (each.arrivals.get(sender) ?? 0) + 0.001);
            each.arrivals.set(sender, arrival);
            scheduler.after(arrival - scheduler.now, () => each.receive(text), each.tab, 'message');
        }
    }

    forget(tab) { for (const each of [...tab.channels]) each.close(); }
}
