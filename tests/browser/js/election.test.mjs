// The election of a leader, without a browser: several tabs share a lock manager and a clock of this file.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import vm from 'node:vm';

const assets = new URL('../../../cjm_fasthtml_sse/assets/', import.meta.url);
const SOURCE = readFileSync(new URL('election.js', assets), 'utf8');

/** Let all promises settle. */
const settle = () => new Promise(resolve => { setImmediate(resolve); });

/** One lock of the Web Locks API, with a queue, `signal` and `steal`. */
class Locks {
    queue = [];
    holder = undefined;

    request(name, { signal, steal = false }, callback) {
        return new Promise((resolve, reject) => {
            const entry = { callback, resolve, reject };
            signal?.addEventListener('abort', () => {
                if (!this.queue.includes(entry)) return;
                this.queue.splice(this.queue.indexOf(entry), 1);
                reject(new Error('aborted'));
            });
            if (steal) {
                const robbed = this.holder;
                this.holder = undefined;
                this.queue.unshift(entry);
                robbed?.reject(new Error('stolen'));
            } else this.queue.push(entry);
            setImmediate(() => this.grant());
        });
    }

    async grant() {
        if (this.holder || !this.queue.length) return;
        const entry = this.holder = this.queue.shift();
        const value = await entry.callback({});
        entry.resolve(value);
        if (this.holder === entry) this.holder = undefined;
        this.grant();
    }
}

/** A clock that stands still until `run`. */
class Clock {
    now = 1_000_000;
    timers = new Map();
    last = 0;

    globals() {
        const setTimeout = (call, ms) => (this.timers.set(++this.last, { call, at: this.now + ms }), this.last);
        return { setTimeout, clearTimeout: id => this.timers.delete(id), Date: { now: () => this.now } };
    }

    async run(ms) {
        await settle();
        for (const end = this.now + ms; ; await settle()) {
            const [[id, timer] = []] = [...this.timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
            if (!timer) { this.now = end; break; }
            this.now = Math.max(this.now, timer.at);
            this.timers.delete(id);
            timer.call();
        }
        await settle();
    }
}

/** `tab(name)` takes part in one election. Its `log` has the callbacks, and `answers` the leader's answers to a question. */
function browser(locks = new Locks()) {
    const clock = new Clock();
    const tabs = [];
    const tab = (hidden = false) => {
        const window = {};
        const context = { window: Object.assign(window, { cjmSSE: {} }), navigator: { locks }, document: { hidden }, AbortController, Promise, Math, ...clock.globals() };
        vm.runInContext(SOURCE, vm.createContext(context));
        const self = { log: [], answers: true };
        const note = name => () => { self.log.push(name); };
        self.election = new window.cjmSSE.Election('lock', {
            onLead: note('lead'), onStepDown: note('step down'), onStolen: note('stolen'), onFailure: note('failure'), onWatch() {},
            onSilence() {
                self.log.push('silence');
                self.onSilence?.();
                for (const { election, answers } of tabs) if (answers && election.isLeader) self.election.onLeaderMessage(election.term);
            },
        });
        tabs.push(self);
        self.election.start();
        return self;
    };
    return { clock, locks, tab, leaders: () => tabs.filter(each => each.election.isLeader) };
}

test('the first tab leads, and the next one when it stops', async () => {
    const { tab, leaders } = browser();
    const one = tab(), two = tab(), three = tab();
    await settle();
    assert.deepEqual(leaders(), [one]);
    one.election.stop();
    await settle();
    assert.deepEqual(leaders(), [two]);
    assert.deepEqual([one.log, two.log, three.log], [['lead', 'step down'], ['lead'], []]);
    two.election.stop();
    three.election.stop();
    await settle();
    assert.deepEqual([leaders(), three.log], [[], ['step down']]);
});

test('a leader that steps down waits for the lock again', async () => {
    const { tab, leaders } = browser();
    const one = tab(), two = tab();
    await settle();
    one.election.stepDown();
    await settle();
    assert.deepEqual(leaders(), [two]);
    two.election.stop();
    await settle();
    assert.deepEqual([leaders(), one.log], [[one], ['lead', 'step down', 'lead']]);
});

test('terms grow from leader to leader', async () => {
    const { clock, tab } = browser();
    const one = tab(), two = tab();
    await settle();
    const { term } = one.election;
    assert.equal(term, clock.now);
    assert.ok(two.election.onLeaderMessage(term));
    one.election.stop();
    await settle();
    assert.equal(two.election.term, term + 1);  // although the clock stood still
});

test('messages of an earlier leader are rejected, and one of a later leader ends a leader', async () => {
    const { tab } = browser();
    const one = tab();
    await settle();
    const { term } = one.election;
    assert.equal(one.election.onLeaderMessage(term - 1), false);
    assert.equal(one.election.onLeaderMessage(term), false);  // its own term
    assert.deepEqual(one.log, ['lead']);
    assert.equal(one.election.onLeaderMessage(term + 1), true);
    assert.deepEqual(one.log, ['lead', 'step down']);
    assert.equal(one.election.term, term + 1);
});

test('a silent leader that answers keeps the lock', async () => {
    const { clock, tab, leaders } = browser();
    const one = tab(), two = tab();
    await clock.run(60_000);
    assert.deepEqual([leaders(), one.log], [[one], ['lead']]);
    assert.ok(two.log.length >= 10 && two.log.every(each => each === 'silence'), two.log.join());
});

test('a leader whose messages arrive is not asked', async () => {
    const { clock, tab } = browser();
    const one = tab(), two = tab();
    for (let i = 0; i < 60; i++) {
        await clock.run(1000);
        two.election.onLeaderMessage(one.election.term);
    }
    assert.deepEqual(two.log, []);
});

test('a leader that does not answer loses its lock', async () => {
    const { clock, tab, leaders } = browser();
    const one = tab(), two = tab();
    one.answers = false;
    await clock.run(6900);
    assert.deepEqual([leaders(), two.log], [[one], ['silence']]);
    await clock.run(3000);
    assert.deepEqual(leaders(), [two]);
    assert.deepEqual([one.log.slice(0, 3), two.log], [['lead', 'step down', 'stolen'], ['silence', 'lead']]);
    two.election.stop();
    await settle();
    assert.deepEqual(leaders(), [one]);  // it waited again
});

test('a hidden tab asks later', async () => {
    const { clock, tab } = browser();
    tab().answers = false;
    const two = tab(true);
    await clock.run(29_900);
    assert.deepEqual(two.log, []);
    await clock.run(15_200);
    assert.equal(two.log[0], 'silence');
});

test('a browser without locks fails once', async () => {
    const { tab, clock } = browser({ request: () => Promise.reject(new Error('SecurityError')) });
    const one = tab();
    await settle();
    assert.deepEqual(one.log, ['failure']);
    one.election.stop();
    await clock.run(60_000);
    assert.deepEqual(one.log, ['failure', 'step down']);
});

test('a tab that stops when it asks the leader does not take its lock', async () => {
    const { clock, tab, leaders } = browser();
    const one = tab(), two = tab();
    one.answers = false;
    two.onSilence = () => two.election.stop();
    await settle();
    await clock.run(60_000);
    assert.deepEqual([leaders(), two.log], [[one], ['silence', 'step down']]);
});

test('a tab that stops before its turn never leads', async () => {
    const { clock, tab, leaders } = browser();
    const one = tab(), two = tab();
    two.election.stop();
    await settle();
    one.election.stop();
    await clock.run(60_000);
    assert.deepEqual([leaders(), two.log], [[], ['step down']]);
});
