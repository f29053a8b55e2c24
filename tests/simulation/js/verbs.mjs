// All that may happen in a run: `draw` makes a list of verbs, `apply` does one. A verb for a tab that is not there does
// nothing, so that a list can be shortened.
import {PAGE_VIEWS} from './regions.mjs';

const TOPICS = ['a', 'b', 'c/1', 'c/2'], ASKED = [[], ['a'], ['b'], ['a', 'b'], ['c/*'], ['c/1'], ['a', 'c/*']];
const RIGHTS = ['a', 'b', 'c'], USERS = ['ana', 'ben', ''];

const JUNK = [null, 5, 'text', [], {}, {key: 1}, {type: 'coverage'}, {type: 'events', events: 5}, {type: 'events', term: 1e15, number: 1, events: [{id: 5}]},
    {type: 'events', term: 1e15, number: 1}, {type: 'lead'}, {type: 'lead', term: 'late', number: 1}, {type: 'hello', topics: 'x', signed: []}, {type: 'hello'},
    {type: 'coverage', term: 1e15, number: 1, coverage: {topics: [5], asked: [], signed: [], floor: ''}}, {type: 'state', term: 1e15, number: 1, state: {}},
    {type: 'ping'}, {type: 'bye', from: 'another'}, {type: 'check'}];

const VERBS = {
    browser(world, env) { Object.assign(world.env, env); },
    open(world, slot, spec) { world.open(slot, spec); },
    close(world, slot) { on(world, slot, tab => world.close(tab)); },
    crash(world, slot) { on(world, slot, tab => tab.die()); },
    reload(world, slot) { on(world, slot, tab => tab.frozen || world.reload(tab)); },
    freeze(world, slot, how) {
        on(world, slot, tab => {
            if (tab.frozen) return;
            if (how === 'told') tab.fire(tab.document, 'freeze');
            tab.wasTold = how === 'told';
            tab.frozen = how === 'full' ? 'full' : 'chromium';
        });
    },
    leave(world, slot) {
        on(world, slot, tab => {
            if (tab.frozen) return;
            tab.fire(tab.window, 'beforeunload');
            tab.fire(tab.window, 'pagehide', {persisted: true});
            tab.frozen = 'cache';
        });
    },
    thaw(world, slot) { on(world, slot, tab => world.thaw(tab)); },
    show(world, slot, isShown) {
        on(world, slot, tab => {
            if (tab.frozen) return;
            tab.hidden = !isShown;
            tab.fire(tab.document, 'visibilitychange');
        });
    },
    remove(world, slot) { on(world, slot, tab => { if (!tab.frozen && tab.elements.length) removeFrom(world, tab); }); },
    shut(world, slot, isShut) {
        on(world, slot, tab => {
            const elt = tab.elements[0], view = tab.views.find(each => each.element === elt);
            if (tab.frozen || !elt?.isConnected) return;
            view.isShut = isShut;
            world.disturb();
            world.guard(() => isShut ? tab.sse.close(elt) : tab.sse.open(elt));
        });
    },
    beat(world, seconds) { world.server.heartbeat = seconds; },
    retry(world, slot) { on(world, slot, tab => tab.frozen || tab.fire(tab.document, 'htmx:sseReconnect', {bubbles: true})); },
    online(world) { for (const tab of world.living) if (!tab.frozen) tab.fire(tab.window, 'online'); },
    download(world, slot, mayShow) {
        on(world, slot, tab => {
            if (tab.frozen) return;
            tab.fire(tab.window, 'beforeunload');
            for (const each of world.network.of_tab(tab)) each.cut(50);
            const isCalm = !mayShow && world.scheduler.now - world.openedAt > 5000;  // no stream is being opened
            for (const each of isCalm ? world.oracle.views : []) if (each.look().state === 'open') each.calmUntil = world.scheduler.now + 1900;
        });
    },
    publish(world, topic, more = {}) { world.publish({topic: topic ?? undefined, ...more}); },
    act(world, slot, topic) { on(world, slot, tab => world.publish({topic: topic ?? undefined, tab, by: tab.sse.tabId})); },
    cut(world, slot, ms) { on(world, slot, tab => { for (const each of world.network.of_tab(tab)) each.cut(ms); }); },
    cutAll(world, ms) { for (const each of [...world.network.pipes]) each.cut(ms); },
    stall(world, slot, ms) { on(world, slot, tab => { for (const each of world.network.of_tab(tab)) each.stall(ms); }); },
    hold(world, number) { world.network.holds += number; },
    down(world, isDown) { world.network.isDown = isDown; },
    refuse(world, number, status, retryAfter) {
        for (let i = 0; i < number; i++) world.server.refusals.push({status, retryAfter});
        if ([400, 401, 403, 409].includes(status) && retryAfter === undefined) world.oracle.happened.refused = true;
        if (status === 204) world.oracle.happened.closed.push({});
    },
    signIn(world, number) {
        world.network.signIns += number;
        world.oracle.happened.refused = true;
    },
    strip(world, what, isStripped) {
        world.network.strips[what] = isStripped;
        if (what === 'query' && isStripped) world.oracle.happened.lostQuery = true;
    },
    lag(world, ms) { world.server.lag = ms; },
    trim(world) {
        world.server.trim();
        world.oracle.trimmedTo = world.oracle.events.length - 1;
    },
    restart(world, keepsLog, ms) {
        world.server.restart(keepsLog, ms);
        if (!keepsLog) world.oracle.epochs.push(world.oracle.events.length - 1);
    },
    deny(world, user, topic) {
        world.server.takeRight(user, topic, false);
        world.oracle.rightsChanged();
    },
    revoke(world, user, topic) {
        world.server.takeRight(user, topic, true);
        world.oracle.rightsChanged(user, topic);
    },
    allow(world, user, topic) {
        world.oracle.rightsChanged();  // until now, it was missing
        world.server.rights.get(user).add(topic);
        world.oracle.rightsChanged();
    },
    disconnect(world, where, reconnect) {
        world.server.disconnect(where, reconnect);
        if (!reconnect) world.oracle.happened.closed.push(where);
    },
    user(world, user, how, slot) {
        world.user = user;
        world.oracle.rightsChanged();
        if (how === 'page') world.open(9, {door: 'plain', elements: []});
        else if (how === 'request') {
            const xhr = {getResponseHeader: name => name === 'SSE-User' ? world.server.tagOf(user) : null};
            on(world, slot, tab => tab.frozen || tab.fire(tab.document, 'htmx:afterRequest', {detail: {xhr}}));
        }
    },
    breakChannel(world, slot) { on(world, slot, tab => { tab.env.channels = 'broken'; }); },
    change(world, name, how, ms, more) { world.change(name, how, ms, more); },
    write(world, slot, name, how, ms) { on(world, slot, tab => { if (!tab.frozen) tab.regions.write(name, how, ms); }); },
    lift(world, slot, ms) { on(world, slot, tab => { if (!tab.frozen) tab.regions.lift(ms); }); },
    unplace(world, slot) { on(world, slot, tab => { if (!tab.frozen) tab.regions.remove(); }); },
    odd(world, number, kind) { world.server.regions.odd.push(...Array(number).fill(kind)); },
    tick(world) { world.server.regions.tick(); },
    fails(world, fails) { world.server.regions.fails = fails; },
    slow(world, ms) { world.server.regions.slow = ms; },
    full(world, number) { world.server.regions.full += number; },
    junk(world, index, hasKey) {
        const data = JUNK[index % JUNK.length];
        world.channels.post({name: 'cjm-sse/1'}, 'junk', hasKey && data && typeof data === 'object' ? {...data, key: 'http://host/sse/broadcast'} : data);
    },
};

function on(world, slot, call) { if (world.tabs[slot]?.isAlive) call(world.tabs[slot]); }

function removeFrom(world, tab) {
    const elt = tab.elements.at(-1);
    world.disturb();
    for (const each of tab.views) each.isOver ||= each.element === elt;
    tab.remove(elt);
}

export function apply(world, [name, ...given]) { VERBS[name](world, ...given); }

/** Whether a verb loses nothing, so that a region needs no request of its own. */
export const isCalm = ([name, given, more]) => ['wait', 'publish', 'slow', 'beat'].includes(name) || (name === 'open' && !more.failsMorph)
    || (name === 'change' && !['inner', 'type', 'ban'].includes(more));

/** Whether, after this verb, a tab may read on its own although it could share. */
export const mayBeAlone = ([name, given, more]) => ['deny', 'revoke', 'user', 'breakChannel', 'signIn', 'disconnect'].includes(name)
    || (name === 'browser' && Object.keys(given).some(each => each !== 'leavesOut')) || (name === 'refuse' && more < 429) || (name === 'strip' && given === 'query')
    || (name === 'open' && (more.env || more.settings || more.elements.some(each => each.token)));

// Drawing

/** What a run may have, each with its share of the verbs. A run has some of them. */
const FAMILIES = {
    crash: c => [['crash', slot(c)]],
    reload: c => [['reload', slot(c)]],
    freeze: c => [['freeze', slot(c), c.pick(['told', 'chromium', 'full', 'full'])]],
    leave: c => [['leave', slot(c)]],
    hidden: c => [['show', slot(c), c.happens(0.4)]],
    cut: c => [c.happens(0.7) ? ['cut', slot(c), c.between(1, 4000)] : ['cutAll', c.between(1, 4000)]],
    stall: c => [['stall', slot(c), c.between(1, 60_000)]],
    hold: c => [['hold', c.between(1, 2)]],
    down: c => [['down', true], ['wait', c.between(1, 8000)], ['down', false]],
    busy: c => [['refuse', c.between(1, 3), ...c.pick([[503, 2], [500], [429, 1], [502]])]],
    refused: c => [c.happens(0.3) ? ['signIn', 1] : ['refuse', 1, c.pick([403, 401, 409, 204])]],
    strip: c => [['strip', c.pick(['id', 'id', 'heartbeat', 'query']), c.happens(0.8)]],
    stripHeaders: c => [['strip', c.pick(['id', 'heartbeat']), c.happens(0.8)]],
    restart: c => [['restart', c.happens(0.4), c.between(100, 4000)]],
    trim: c => [['trim']],
    lag: c => [['lag', c.pick([0, 50, 700, 4000])]],
    rights: c => [c.pick([['revoke', c.pick(USERS), c.pick(RIGHTS)], ['deny', c.pick(USERS), c.pick(RIGHTS)], ['allow', c.pick(USERS), c.pick(RIGHTS)], ['allow', 'ana', c.pick(RIGHTS)]])],
    user: c => [['user', c.pick(USERS), c.pick(['page', 'request', 'none']), slot(c)]],
    disconnect: c => [['disconnect', c.pick([{topic: 'a'}, {topic: 'b'}, {topic: 'c/1'}, {user: 'ana'}, {}]), c.happens(0.5)]],
    junk: c => [['junk', c.below(JUNK.length), c.happens(0.7)]],
    breakChannel: c => [['breakChannel', slot(c)]],
    remove: c => [['remove', slot(c)]],
    download: (c, may) => [['download', slot(c), may]],
    quiet: c => [['strip', 'heartbeat', true], ['cutAll', 10], ['wait', c.between(2000, 6000)], ['stall', slot(c), 60_000], sent(c)],
    flood: c => [['publish', null], ...openTab(c, slot(c), {}), ['wait', c.below(2000)], ...Array.from({length: c.between(9, 14)}, () => sent(c)), ['strip', 'id', true], ['wait', 100],
        ['cutAll', 50]],
    broken: c => [['breakChannel', slot(c)], ['wait', c.between(3000, 12_000)]],
    reopen: c => {
        const i = c.below(3);
        return [['publish', null, {isBad: true}], ['wait', c.below(700)], ['shut', i, true], ['wait', c.below(60)], ['shut', i, false], sent(c), ['wait', c.below(100)], sent(c)];
    },
    regain: c => {
        const right = c.pick(RIGHTS), topic = c.pick(TOPICS.filter(each => each[0] === right));
        return [['revoke', 'ana', right], ['wait', c.below(2000)], ['publish', topic], ['publish', null, {isBad: true}], ['wait', c.between(500, 4000)], ['allow', 'ana', right], ['cutAll', 10]];
    },
    lack: c => {
        const right = c.pick(RIGHTS);
        return [['publish', null, {isBad: true}], ['wait', c.below(700)], ['revoke', 'ana', right], ['wait', c.between(200, 1500)], ['allow', 'ana', right], ['wait', c.below(60)], ['cutAll', 10]];
    },
    torn: c => {
        const right = c.pick(RIGHTS), topic = c.pick(TOPICS.filter(each => each[0] === right)), i = slot(c);
        return [['lag', 700], ['wait', c.below(400)], ['publish', topic], ['wait', c.below(300)], ['open', i, {door: 'plain', elements: [{topics: [topic]}]}], ['wait', c.between(20, 200)],
            ['publish', topic], ['wait', c.below(40)], ['revoke', 'ana', right], ['wait', c.between(900, 2500)], ['allow', 'ana', right], ['cutAll', 10]];
    },
    late: c => {
        const i = slot(c), element = {topics: [c.pick(TOPICS)], cursor: false};
        return [['beat', 0.1], ['lag', 450], ['wait', c.below(400)], sent(c), ['open', i, {door: 'htmx2', elements: [element]}],
            ...Array.from({length: 12}, () => [sent(c), ['wait', c.below(70)]]).flat(), ['shut', i, true]];
    },
    shut: c => [['shut', slot(c), c.happens(0.4)]],
    wake: c => [c.pick([['online'], ['retry', slot(c)]])],
    bad: c => [['publish', c.pick([...TOPICS, null]), {isBad: true}], ['wait', c.below(600)], sent(c), ['wait', c.below(60)], sent(c)],
    visit: (c, may, has) => [['user', c.pick(USERS), 'none'], ...openTab(c, slot(c), has), ['wait', c.below(80)], sent(c, 1), sent(c, 1)],
    changes: c => [changed(c), ['wait', c.below(c.pick([50, 300, 3000]))], changed(c)],
    touches: c => Array.from({length: c.between(2, 9)}, () => [changed(c), ['wait', c.below(120)]]).flat(),
    writes: c => [written(c), ['wait', c.below(400)], ...c.happens(0.6) ? [changed(c)] : [], ['wait', c.below(900)], ...c.happens(0.5) ? [changed(c)] : []],
    toggles: c => {
        const name = c.pick(['x', 'y', 'z']), toggle = () => ['change', name, 'toggle', c.below(c.pick([5, 60]))];
        return c.happens(0.5) ? [toggle(), ['wait', c.below(c.pick([50, 300, 2000]))], toggle()] : [['close', slot(c)], toggle(), ['wait', c.below(900)], ...openTab(c, slot(c), {regions: true}), ['wait', c.below(1500)], toggle()];
    },
    returns: c => {
        const toggle = () => ['change', 'x', 'toggle', 0], open = i => ['open', i, {door: 'plain', elements: [], regions: ['board']}];
        return [open(0), ['wait', 9000], toggle(), ['wait', 3000], ...[0, 1, 2, 3, 4].map(i => ['close', i]), ['wait', 3000], toggle(), ['wait', 1000], open(1), ['wait', c.between(500, 9000)], toggle(), ['wait', 3000]];
    },
    ticks: c => [['tick'], ['wait', c.below(c.pick([500, 5000]))], ...c.happens(0.5) ? [['tick']] : []],
    gap: c => {
        const i = slot(c), name = c.pick(['x', 'y', 'z']);
        return [['freeze', i, 'told'], ['wait', c.below(300)], ['change', name, c.pick(HOW), c.between(900, 3000)], ['wait', c.below(100)], ['change', name, 'same', 0], ['wait', c.below(1000)], ['thaw', i], ['wait', c.below(1000)]];
    },
    inside: c => {
        const i = slot(c), change = (name, how) => [['change', name, how, 0], ['wait', c.below(c.pick([60, 300]))]];
        return [['slow', c.pick([100, 400, 3000])], ['open', i, {door: 'plain', elements: [], regions: ['outer'], slowMorph: 0.7}], ['wait', c.between(3000, 9000)], ...change('z', 'inner'), ...change('z', 'inner'),
            ...change('y', 'update'), ...change('z', 'update'), ...change('y', 'update'), ...change('z', 'update'), ['wait', 3000]];
    },
    apart: c => {
        const toggle = () => ['change', 'x', 'toggle', 0];
        return [['open', slot(c), {door: 'plain', elements: [], regions: ['pair'], failsMorph: 0.7}], ['wait', 9000], ['lag', 3000], ['change', 'y', 'update', 0], ['wait', c.between(3000, 3200)], toggle(),
            ['wait', c.between(200, 900)], toggle(), ['wait', 6000]];
    },
    stuck: c => [['write', slot(c), c.pick(['x', 'y', 'z']), 'update', null], ['wait', c.below(3000)], changed(c)],
    lifted: c => {
        const i = slot(c), toggle = () => ['change', 'x', 'toggle', 0];
        return [toggle(), ['wait', 500], ['open', i, {door: 'plain', elements: [], regions: ['board']}], ['wait', 4000], toggle(), ['wait', 3000], ['lift', i, c.pick([0, 500])], ['wait', c.below(100)], toggle(), ['wait', 2000]];
    },
    unplace: c => [['unplace', slot(c)]],
    lift: c => [['lift', slot(c), c.pick([0, 0, 30, 2000])], ['wait', c.below(100)], changed(c)],
    failing: c => [['fails', true], changed(c), ['wait', c.below(9000)], ['fails', false], ...c.happens(0.5) ? [changed(c)] : []],
    slow: c => [['slow', c.pick([50, 400, 3000, 20_000])]],
    full: c => [['full', c.between(1, 3)], changed(c)],
    behindView: c => [['odd', 2, 'behind'], ['lag', c.pick([700, 4000])], changed(c), ['wait', c.below(300)], ['cutAll', 10], ['wait', c.below(3000)]],
    odd: c => [['odd', c.pick([1, 3, 20]), c.pick(['page', 'empty', 'error', 'late', 'never', 'behind'])], ['full', 1], changed(c)],
    typing: c => [['change', 'z', 'type', c.below(200), c.pick([300, 2000, 9000, 30_000])], ['wait', c.below(3000)]],
    away: c => [['change', 'z', 'type', 0, c.between(2000, 9000)], ['wait', c.below(1500)], ['cutAll', 10], ['down', true], ['wait', c.between(500, 12_000)], ['down', false]],
    ban: c => [['change', 'x', 'ban', c.below(200)]],
    behind: c => [['lag', c.pick([300, 700])], sent(c), sent(c), ['trim'], ['wait', c.below(400)], sent(c), ['wait', c.below(400)], ['trim'], sent(c)],
};
const SLOTS = 5;
const slot = c => c.below(SLOTS);

/** Properties of pages that a run may have. */
const PROPERTIES = ['regions', 'slowMorph', 'failsMorph', 'tokens', 'named', 'routes', 'versions', 'raises', 'refresh', 'noCursor', 'alone', 'doors', 'givesUp'];

/** What makes trouble together. Half of the runs have one of these, with little else. */
const THEMES = [['refresh', 'bad', 'trim', 'cut'], ['refresh', 'restart', 'bad', 'stall'], ['doors', 'shut', 'cut', 'close'], ['late'], ['torn'], ['torn'], ['doors', 'givesUp', 'down', 'wake', 'busy'], ['user', 'tokens', 'rights'], ['user', 'visit', 'crash'], ['visit'], ['refresh', 'reopen'], ['refresh', 'regain'], ['refresh', 'lack'], ['quiet'], ['flood'], ['broken', 'wake'], ['behind', 'behind', 'cut'], ['stripHeaders', 'cut', 'stall'],
    ['lag', 'trim', 'restart', 'cut'], ['crash', 'freeze', 'reload', 'cut'], ['freeze', 'freeze', 'hidden'], ['disconnect', 'rights', 'cut'], ['hold', 'down', 'busy', 'crash'],
    ...Array.from({length: 3}, () => [['regions', 'changes', 'touches'], ['regions', 'slowMorph', 'writes', 'touches'], ['regions', 'writes', 'crash', 'cut'], ['regions', 'touches', 'lag', 'cut', 'restart'],
        ['regions', 'failing', 'full', 'changes'], ['regions', 'odd', 'full', 'changes'], ['regions', 'behindView', 'changes'], ['regions', 'typing', 'away'], ['regions', 'touches', 'trim', 'stall'], ['regions', 'slow', 'slowMorph', 'changes', 'freeze', 'reload'],
        ['regions', 'failsMorph', 'touches'], ['regions', 'refused', 'changes', 'user'], ['regions', 'ban', 'unplace', 'touches'], ['regions', 'lift', 'changes', 'touches'], ['regions', 'lifted'], ['regions', 'gap'], ['regions', 'gap', 'slow', 'lag'], ['regions', 'stuck', 'stuck', 'writes'], ['regions', 'slowMorph', 'inside', 'inside'], ['regions', 'inside'], ['regions', 'apart'], ['regions', 'apart'], ['regions', 'odd', 'full'], ['regions', 'behindView'], ['regions', 'inside'], ['regions', 'toggles'], ['regions', 'returns'], ['regions', 'ticks', 'cut', 'crash', 'close'], ['regions', 'ticks', 'freeze', 'reload', 'restart'], ['regions', 'toggles', 'crash', 'cut', 'slow'], ['regions', 'busy', 'down', 'touches', 'writes']]).flat(),
    ['named', 'stall', 'cut', 'reload'], ['crash', 'leave', 'tokens'], ['download']];

/** @param {import('./scheduler.mjs').Chance} c @returns {any[][]} */
export function draw(c) {
    const theme = c.happens(0.5) ? c.pick(THEMES) : undefined, share = theme ? 0.06 : 0.22;
    const chosen = [...Object.keys(FAMILIES).filter(() => c.happens(share)), ...(theme ?? []).filter(each => FAMILIES[each])];
    const has = Object.fromEntries(PROPERTIES.map(name => [name, Boolean(theme?.includes(name)) || c.happens(share)]));
    has.doors ||= has.refresh || c.happens(0.2);
    const isPrivate = chosen.includes('user') || chosen.includes('visit');
    const mayShow = chosen.some(each => !['download', 'hidden', 'bad', 'remove', 'junk'].includes(each)) || has.named || has.versions || has.refresh;
    const verbs = [];
    if (c.happens(0.1)) verbs.push(['browser', c.pick([{locks: 'refused'}, {locks: 'refused', channels: 'refused'}, {channels: 'refused'}, {locks: 'silent'}, {isSecure: false},
        {slowLocks: true}, {channels: 'absent'}, {locks: 'absent'}])]);
    if (has.refresh && c.happens(0.5)) verbs.push(['browser', {leavesOut: true}]);
    if (has.named && c.happens(0.5)) verbs.push(['user', '', 'none']);
    if (chosen.includes('hold') && c.happens(0.3)) verbs.push(['hold', 4]);
    if (c.happens(0.2)) verbs.push(['beat', c.pick([1, 2, 15])]);
    const number = c.between(15, 40), tabs = c.between(2, SLOTS);
    for (let i = 0; i < Math.min(tabs, 3); i++) verbs.push(...openTab(c, i, has), ['wait', waiting(c)]);
    while (verbs.length < number) {
        const kind = c.random();
        if (kind < 0.3) verbs.push(['wait', waiting(c)]);
        else if (has.regions && kind < 0.45) for (let i = c.between(1, 3); i > 0; i--) verbs.push(changed(c));
        else if (kind < 0.55) for (let i = c.between(1, 3); i > 0; i--) verbs.push(sent(c, isPrivate ? 0.4 : 0.1));
        else if (kind < 0.63) verbs.push(...openTab(c, c.below(tabs), has));
        else if (kind < 0.67) verbs.push(['close', slot(c)]);
        else if (kind < 0.72) verbs.push(['thaw', slot(c)]);
        else if (chosen.length) verbs.push(...FAMILIES[c.pick(chosen)](c, mayShow, has));
        if (c.happens(0.5)) verbs.push(['wait', c.below(120)]);
    }
    return verbs;
}

const waiting = c => c.pick([c.below(60), c.below(400), c.below(2500), c.below(2500), c.below(12_000), c.below(60_000)]);

const HOW = ['insert', 'update', 'update', 'delete', 'move', 'bulk', 'same', 'toggle', 'toggle'];
const changed = c => {
    const name = c.pick(['x', 'y', 'z']);
    return ['change', name, c.pick(name === 'z' ? [...HOW, 'inner', 'inner'] : HOW), c.pick([0, c.below(60), c.below(900)])];
};
const written = c => ['write', slot(c), c.pick(['x', 'y', 'z']), c.pick(HOW), c.pick([0, c.below(500), c.below(500), c.below(8000), null])];

const sent = (c, isPrivate) => c.happens(0.25) ? ['act', slot(c), c.pick([...TOPICS, null])] : c.happens(isPrivate) ? ['publish', null, {user: c.pick(['ana', 'ben'])}] : ['publish', c.pick([...TOPICS, ...TOPICS, null])];

function openTab(c, slot, has) {
    const spec = {door: has.doors ? c.pick(has.refresh ? ['htmx2', 'htmx4'] : ['plain', 'htmx2', 'htmx4']) : 'plain', elements: []};
    if (has.versions && c.happens(0.4)) spec.version = 2;
    if (has.raises && c.happens(0.4)) spec.raises = true;
    if (has.givesUp && c.happens(0.5)) spec.settings = {retry: {maxRetries: c.between(0, 3)}};
    const isAlone = has.alone && c.happens(0.4);
    for (let i = c.pick([1, 1, 1, 2]); i > 0; i--) {
        const element = {topics: c.pick(ASKED)};
        if (has.noCursor && c.happens(0.5)) element.cursor = false;
        if (has.routes && c.happens(0.4)) element.route = 'other';
        if (has.named && c.happens(0.4)) element.name = `page-${slot}-${i}`;
        if (isAlone) element.share = false;
        if (has.refresh && c.happens(0.7)) element.refresh = c.pick(['/now', '/now', '']);
        if (has.tokens && c.happens(0.6) && element.topics.length) element.token = {topic: element.topics[0], ms: c.pick([3_600_000, 3_600_000, 5000, 30_000])};
        spec.elements.push(element);
    }
    if (has.regions && c.happens(0.9)) {
        spec.regions = PAGE_VIEWS.filter(() => c.happens(0.4));
        if (c.happens(0.8)) spec.elements = [];
        if (has.slowMorph) spec.slowMorph = c.pick([0.2, 0.7]);
        if (has.failsMorph) spec.failsMorph = 0.2;
    }
    return [['open', slot, spec]];
}
