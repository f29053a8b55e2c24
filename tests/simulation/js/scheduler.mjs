// Chance and time of a simulation: one queue of tasks, and numbers that a seed decides.

/** @param {number} seed @returns {() => number} From 0 to 1 (mulberry32). */
function generator(seed) {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let mixed = Math.imul(state ^ (state >>> 15), state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
}

/** Random choices. `branch` makes an independent one, so that a choice in one part does not move those of another. */
export class Chance {
    constructor(seed) {
        this.seed = seed >>> 0;
        this.random = generator(this.seed);
    }

    branch(name) {
        let hash = this.seed ^ 0x9e3779b9;
        for (const char of String(name)) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0;
        return new Chance(hash);
    }

    /** A whole number below `n`. */
    below(n) { return Math.floor(this.random() * n); }

    between(low, high) { return low + this.below(high - low + 1); }

    happens(share) { return this.random() < share; }

    pick(list) { return list[this.below(list.length)]; }

    /** Milliseconds: mostly up to `usual`, sometimes ten times as many, rarely up to `most`. */
    delay(usual, most) {
        const kind = this.random();
        return this.random() * (kind < 0.75 ? usual : kind < 0.96 ? Math.min(10 * usual, most) : most);
    }
}

/** Let all promises settle. */
const settle = () => new Promise(resolve => { setImmediate(resolve); });

/** Tasks by time. A task may belong to an owner, whose `takes(kind, task)` decides whether it runs now. */
export class Scheduler {
    now = 0;
    steps = 0;
    #heap = [];
    #order = 0;

    /** @returns {{time: number, cancelled: boolean}} Set `cancelled` to take it back. */
    after(ms, run, owner = undefined, kind = '') {
        const task = {time: this.now + Math.max(0, ms), order: this.#order++, run, owner, kind, cancelled: false};
        const heap = this.#heap;
        let i = heap.push(task) - 1;
        for (let up; i && isBefore(task, heap[up = (i - 1) >> 1]); i = up) heap[i] = heap[up];
        heap[i] = task;
        return task;
    }

    #pop() {
        const heap = this.#heap, first = heap[0], last = heap.pop();
        if (!heap.length) return first;
        let i = 0;
        for (let down; (down = 2 * i + 1) < heap.length; i = down) {
            if (down + 1 < heap.length && isBefore(heap[down + 1], heap[down])) down += 1;
            if (!isBefore(heap[down], last)) break;
            heap[i] = heap[down];
        }
        heap[i] = last;
        return first;
    }

    /** Run all tasks of the next `ms`, until `stop()` is true. Promises settle after each task. */
    async run(ms, stop = () => false) {
        const end = this.now + ms;
        await settle();
        while (this.#heap.length && this.#heap[0].time <= end) {
            const task = this.#pop();
            if (task.cancelled) continue;
            this.now = Math.max(this.now, task.time);
            if (task.owner && !task.owner.takes(task)) continue;
            this.steps += 1;
            task.run();
            await settle();
            if (stop()) return;
        }
        this.now = end;
    }
}

const isBefore = (a, b) => a.time < b.time || (a.time === b.time && a.order < b.order);
