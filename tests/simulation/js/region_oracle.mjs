// Judges what regions show. Written from the promise: when all is quiet, a region shows what a fresh load shows, or is marked
// as out of date. It never goes back to an older state, nor behind the page's own write. A page fetches only with a cause.
//
// It knows all states of the rows, and all renderings of the model server. A state is older than another if its newest write
// has a lower number.
import {parseHTML} from './dom.mjs';
import {VIEWS} from './regions.mjs';

const SETTLED = 20_000;  // ms after the last page was opened until each rendering has one way
const FREE_FETCHES = 3;  // and two for each cause: a touch, a stream, an announcement of a leader, a reset, a write, a failure

/** What a region shows, without what scripts add, and without the regions inside it. */
function textOf(elt) {
    const inside = elt.children.map(each => each.hasAttribute('data-sse-live') ? `[${each.id}]` : textOf(each));
    return `${elt.localName}#${elt.id}(${elt.text}${inside})`;
}

export class Judge {
    /** The texts of a view by state. @type {Map<string, string[]>} */
    #texts = new Map();
    /** The newest write that a text guarantees, and its epoch. @type {Map<string, {least: number, epoch: number}>} */
    #least = new Map();

    constructor(world) { this.world = world; }

    get rows() { return this.world.server.regions.rows; }

    /** @returns {string[]} */
    textsOf(view) {
        if (!this.#texts.has(view)) this.#texts.set(view, []);
        const texts = this.#texts.get(view), {states} = this.rows;
        const about = (_, inner) => `<div id="${inner}" data-sse-live="x"></div>`;
        for (let i = texts.length; i < states.length; i++) {
            const [root] = parseHTML(`<div id="${view}">${VIEWS[view].children(states[i], about).join('')}</div>`);
            if (view === 'flat') root.localName = 'ul';
            texts.push(textOf(root));
        }
        return texts;
    }

    /** The model server has made a rendering. */
    rendered({view, position, write}) {
        const text = this.textsOf(view)[write], {epoch, regions} = this.world.server, least = regions.guaranteed[position], key = `${view} ${text}`;
        const before = this.#least.get(key);
        this.#least.set(key, {epoch, least: before?.epoch === epoch ? Math.min(before.least, least) : least});
    }

    leastOf(view, text) { return this.#least.get(`${view} ${text}`); }

    /** Renderings wait while a request of the page writes. */
    called({tab, isWriting}, elt) { if (isWriting) this.world.fails('held', `tab ${tab.slot}: ${elt.id} is merged during a write of the page`); }

    merged(page, elt, calledAt) { page.tab.views.find(each => each.element === elt && !each.isOver)?.shows(calledAt); }

    open(page, elt) { return new RegionView(this, page, elt); }
}

class RegionView {
    isOver = false;
    isRegion = true;
    isShared = true;
    route = 'stream';
    calmUntil = 0;
    fetches = 0;
    /** What was shown guarantees this write. */
    #floor = 0;
    #epoch = 0;

    constructor(judge, page, element) {
        const {tab} = page, {world} = tab;
        this.name = element.id;
        Object.assign(this, {judge, page, tab, world, element, topics: [`live/${this.name}`], users: new Set([world.user]), causes: world.server.regions.causes, openedAt: tab.now});
        this.shows(tab.now);
    }

    get label() { return `tab ${this.tab.slot} ${this.name}`; }
    get texts() { return this.judge.textsOf(this.name); }
    #fail(kind, text) { this.world.fails(kind, `${this.label} ${text}`); }
    look = () => ({state: this.element.getAttribute('data-sse-state') ?? 'none', denied: (this.element.getAttribute('data-sse-denied') ?? '').split(' ').filter(Boolean)});
    note() {}
    review() { this.users.add(this.world.user); }

    /** The page shows another state. @param {number} calledAt When the merge began. */
    shows(calledAt) {
        const text = textOf(this.element), {server} = this.world, newest = this.texts.lastIndexOf(text), found = this.judge.leastOf(this.name, text);
        this.world.trace?.(this.tab, `shows write ${newest} in ${this.label}: ${text}`);
        if (this.isOver) return;
        if (newest < 0) return this.#fail('invented', `shows what never was: ${text}`);
        this.isGone ||= this.name === 'club' && text.includes('gone');
        if (this.#epoch !== server.epoch) this.#floor = 0;
        this.#epoch = server.epoch;
        if (found?.epoch !== server.epoch) return;
        if (newest < this.#floor) return this.#fail('older', `shows write ${newest}, after one that had ${this.#floor}`);
        this.#floor = Math.max(this.#floor, found.least);
        const own = this.page.answered.filter(each => each.at <= calledAt && each.epoch === server.epoch).map(each => each.write);
        if (newest < Math.max(0, ...own)) this.#fail('undone', `shows write ${newest}, after the page's own write ${Math.max(...own)} was answered`);
    }

    /** The page requests the present state. */
    fetched() {
        const {regions} = this.world.server, causes = regions.causes - this.causes;
        this.fetches += 1;
        this.lastFetch = this.tab.now;
        if (this.fetches > FREE_FETCHES + 2 * causes) this.#fail('storm', `has fetched ${this.fetches} times, for ${causes} causes`);
        if (this.world.isCalmRun && this.tab.now - this.world.openedAt > SETTLED) this.#fail('needless', 'has fetched, and nothing was lost');
    }

    /** After all faults have ended: why this region is not right yet, or an empty string. */
    unrest() {
        this.review();
        const {state, denied} = this.look(), {happened} = this.world.oracle;
        if (this.isGone) return state === 'closed' ? '' : `${state}, although its view has ended`;
        if (state === 'closed' && this.tab.spec.settings) return '';
        if (state === 'closed') return happened.closed.some(({topic, user}) => topic === undefined && (!user || this.users.has(user))) ? '' : 'closed without a cause';
        const mayLack = this.name === 'mine' && [...this.users].some(each => each !== 'ana');
        if (state === 'denied' || denied.length) return happened.refused || happened.lostQuery || mayLack ? '' : 'denied without a cause';
        if (state !== 'open') return `still ${state}`;
        const text = textOf(this.element), {texts} = this;
        return text === texts.at(-1) || mayLack ? '' : `showing write ${texts.lastIndexOf(text)} of ${texts.length - 1}: ${text}, not ${texts.at(-1)}`;
    }

    finish() {
        const why = this.unrest();
        if (why) this.#fail(why.startsWith('showing') ? 'outdated' : 'hang', `is ${why}`);
    }
}
