// The server, written from what the documentation promises a client: ids, replay, resets, rights and refusals.

import {RegionApp} from './regions.mjs';

const FINAL = Symbol('refused');
const TOPICS = ['a', 'b', 'c/1', 'c/2'];  // of the application
const encoder = new TextEncoder();
const root = topic => topic.split('/')[0];

/** Whether a topic, or a pattern such as `c/*`, contains another. */
export const contains = (pattern, topic) => pattern === topic || (pattern.endsWith('/*') && topic.startsWith(pattern.slice(0, -1)));

const markOf = topic => [...topic].map(char => char.charCodeAt(0).toString(16)).join('').padEnd(8, '0').slice(0, 8);

const frame = ({event, id, retry, topic, echo, data}) => [event && `event: ${event}`, id && `id: ${id}`, retry !== undefined && `retry: ${retry}`,
    topic && `topic: ${topic}`, echo && `echo: ${echo}`, data !== undefined && `data: ${data}`].filter(Boolean).join('\n') + '\n\n';

export class Server {
    heartbeat = 5;  // seconds
    epoch = 0;
    /** The number of all events before this epoch. */
    start = 0;
    /** @type {{n: number, topic?: string, user?: string, isBad: boolean, echo?: string, at: number}[]} Of this epoch. */
    log = [];
    trimmed = 0;
    isDown = false;
    /** How long another process takes to read an event. */
    lag = 0;
    /** @type {{status: number, retryAfter?: number}[]} Answers to the next requests. */
    refusals = [];
    streams = new Set();
    /** @type {Map<string, Set<string>>} Topics that a user may read. */
    rights = new Map();
    revocations = 0;
    /** Which revocation took a topic from a user. Older tokens no longer grant it. */
    #revokedAt = new Map();

    resets = new Map();  // when a reset to a position was sent first

    constructor(world) {
        this.world = world;
        this.scheduler = world.scheduler;
        this.chance = world.chance.branch('server');
        this.regions = new RegionApp(world, this);
    }

    idOf(position, marks = []) { return `e${this.epoch}-${position}${[...marks].sort().map(each => `.${each}`).join('')}`; }

    get cursor() { return this.idOf(this.log.length); }

    tagOf(user) { return `tag-${user || 'anonymous'}`; }

    may(user, topic) { return this.rights.get(user)?.has(root(topic)) ?? false; }

    /** Whether a token grants its topic to a user. A later revocation overrides it. */
    accepts({topic, until, since}, user) { return Number(until) >= this.scheduler.now && !(this.#revokedAt.get(`${user} ${root(topic)}`) > Number(since)); }

    // What the application does

    /** @param {any} about `by` is the name of the tab that causes the event. */
    publish(n, {topic, user, isBad = false, by, touch, write}) {
        const echo = by && this.#echoOf(by, this.world.user);
        this.log.push({n, topic, user, isBad, echo, touch, at: this.scheduler.now});
        for (const each of this.streams) if (!each.worker) this.#wake(each);
        this.regions.published({touch, write});
    }

    trim() { this.trimmed = this.log.length; }

    /** @param {boolean} tells Whether open streams lose the topic now. */
    takeRight(user, topic, tells) {
        this.rights.get(user).delete(topic);
        if (tells) this.#revokedAt.set(`${user} ${topic}`, ++this.revocations);
        for (const each of tells ? [...this.streams] : []) if (each.user === user) this.#narrow(each, topic);
    }

    #narrow(stream, topic) {
        const lost = stream.granted.filter(each => root(each) === topic);
        if (!lost.length) return;
        if (this.chance.happens(0.25)) return this.#end(stream, this.#farewell());
        stream.granted = stream.granted.filter(each => !lost.includes(each));
        for (const each of lost) stream.marks.add(markOf(each));
        this.#write(stream, frame({event: 'sse-topics', data: JSON.stringify({topics: stream.granted})}));
    }

    /** @param {{topic?: string, user?: string}} where */
    disconnect(where, reconnect) {
        const isMeant = each => (where.topic === undefined || each.granted.some(t => contains(t, where.topic))) && (!where.user || each.user === where.user);
        const named = where.topic === undefined ? {} : {topics: [where.topic]};
        for (const each of [...this.streams].filter(isMeant)) {
            this.#end(each, reconnect ? this.#farewell() : frame({event: 'sse-close', data: JSON.stringify({reason: 'disconnected', ...named})}));
        }
    }

    restart(keepsLog, ms) {
        const isPolite = this.chance.happens(0.6);
        for (const each of [...this.streams]) this.#end(each, isPolite ? this.#farewell() : '');
        this.isDown = true;
        if (!keepsLog) {
            this.start += this.log.length;
            this.epoch += 1;
            this.log = [];
            this.trimmed = 0;
        }
        this.regions.restart(keepsLog);
        this.scheduler.after(ms, () => { this.isDown = false; });
    }

    #farewell() { return frame({event: 'sse-retry', retry: this.chance.between(500, 3000)}); }

    /** The echo of a tab, beside that of another route. */
    #echoOf(tab, user) { return `${tab}.other ${tab}.${user || 'anonymous'}`; }

    // Requests

    /** @param {{url: URL, headers: Record<string, string>, user: string, pipe: any}} request */
    answer({url, headers, user, pipe}) {
        if (this.isDown) return {status: this.chance.pick([502, 503]), headers: {'Retry-After': '1'}};
        const tag = this.tagOf(user);
        if (url.pathname.endsWith('/user')) return {status: 200, headers: {}, text: JSON.stringify({user: tag})};
        if (url.pathname === '/now') return {status: 200, headers: {'Last-Event-ID': this.cursor}, text: `state ${this.log.length + this.start} ${TOPICS.filter(each => this.world.env.leavesOut && !this.may(user, each))}`};
        if (url.pathname === '/ping') return {status: 200, headers: {'SSE-User': tag}, text: ''};
        const refused = this.refusals.shift();
        if (refused && url.pathname === '/sse/view') this.regions.causes += 1;
        if (refused) return {status: refused.status, headers: refused.retryAfter === undefined ? {} : {'Retry-After': String(refused.retryAfter)}};
        if (url.pathname === '/sse/view') return {reply: call => this.regions.answer({url, user, pipe}, call)};
        const query = url.searchParams, topics = [...new Set(query.getAll('topic'))].sort();
        const granted = this.#decide(user, topics, query.getAll('signed'));
        if (granted === FINAL) return {status: 403, headers: {}};
        const name = query.get('connection_id') ?? '';
        const old = name && [...this.streams].find(each => each.name === name);
        if (old && (!user || old.user !== user)) return {status: 409, headers: {'Retry-After': '2'}};
        if (old) this.#end(old, frame({event: 'sse-close', data: '{"reason": "taken over"}'}));
        const seen = headers['Last-Event-ID'] || query.get('last_event_id') || '';
        this.#open({pipe, user, name, asked: topics, granted, seen});
        return {status: 200, headers: {'Content-Type': 'text/event-stream; charset=utf-8', 'SSE-User': tag, 'SSE-Heartbeat': String(this.heartbeat), 'SSE-Echo': `${headers['SSE-Tab']}.${user || 'anonymous'}`}, isStream: true};
    }

    #decide(user, topics, tokens) {
        const valid = tokens.map(each => each.split('~')).filter(([topic, until, since]) => this.accepts({topic, until, since}, user)).map(([topic]) => topic);
        const granted = topics.filter(topic => root(topic) === 'live' ? this.regions.mayRead(topic, user) : this.may(user, topic) || valid.includes(topic));
        return topics.length && !granted.length ? FINAL : granted;
    }

    #open({pipe, user, name, asked, granted, seen}) {
        const [, epoch, position, marks] = seen.match(/^e(\d+)-(\d+)((?:\.\w+)*)$/) ?? [];
        const isKnown = epoch !== undefined && Number(epoch) === this.epoch;
        const stream = {pipe, user, name, asked, granted, lag: this.chance.happens(0.5) ? this.lag : 0, marks: new Set(), position: 0, owesMark: true, hasWritten: true, isWoken: false};
        const before = new Set(isKnown ? marks.split('.').filter(Boolean) : []);
        const lacking = asked.filter(topic => !granted.includes(topic)).map(markOf);
        const isRegained = granted.some(topic => before.has(markOf(topic)));
        const known = new Set([...asked, ...granted].map(markOf));
        for (const each of lacking) stream.marks.add(each);
        if (!isRegained) for (const each of before) if (!known.has(each)) stream.marks.add(each);
        if (asked.some(each => root(each) === 'live')) this.#prepare(stream);
        pipe.stream = stream;
        this.streams.add(stream);
        this.#write(stream, `: connected ${JSON.stringify({heartbeat: this.heartbeat, from: seen || null, asked: asked.length, topics: granted})}\n\n`);
        const head = this.#head(stream);
        let reason = '';
        if (seen && !isKnown) reason = 'unknown';
        else if (seen && this.#isTrimmed(stream, Number(position))) reason = 'expired';
        else if (isRegained) reason = 'regained';
        stream.position = seen && !reason ? Number(position) : head;
        if (reason) this.#reset(stream, reason, isKnown ? Number(position) : 0);
        this.#flush(stream);
        if (stream.lag) this.#wake(stream);
        this.#beat(stream);
    }

    // Streams

    /** A stream of regions: it reads what one process has read. */
    #prepare(stream) { Object.assign(stream, this.regions.streamOf(stream), {lag: 0}); }

    #reset(stream, reason, least = 0) {
        if (stream.worker) this.regions.causes += stream.granted.length;
        stream.position = Math.max(this.#head(stream), least, this.trimmed);  // a process that is late answers such a reader later
        const place = this.idOf(stream.position);
        if (!this.resets.has(place)) this.resets.set(place, this.scheduler.now);
        const id = this.idOf(stream.position, stream.marks), data = JSON.stringify({reason, last_event_id: id});
        const isAlone = this.chance.happens(0.5);  // retained events would come between the reset and the id
        this.#write(stream, frame({event: 'sse-reset', data, id: isAlone && id}) + (isAlone ? '' : frame({id})));
        stream.owesMark = false;
    }

    #isTrimmed(stream, position) {
        return this.log.slice(position, this.trimmed).some(each => this.#isFor(stream, each));
    }

    #isFor(stream, {topic, user, touch}) {
        if (stream.worker || touch !== undefined) return Boolean(stream.worker) && stream.names.has(touch);
        return user !== undefined ? stream.user === user : topic === undefined || stream.granted.some(each => contains(each, topic));
    }

    /** The last position that this stream's process has read. */
    #head(stream) {
        if (stream.worker) return stream.worker.position;
        let head = this.log.length;
        while (head && this.log[head - 1].at > this.scheduler.now - stream.lag) head -= 1;
        return head;
    }

    #wake(stream) {
        this.scheduler.after(stream.lag + this.chance.delay(0.3, 20), () => this.#flush(stream));
    }

    #flush(stream) {
        if (!this.streams.has(stream)) return;
        const head = this.#head(stream);
        if (head < stream.position) return;  // it is ahead of this process
        if (this.#isTrimmed(stream, stream.position)) return this.#reset(stream, 'overflow', stream.position);
        let text = '';
        for (const event of this.log.slice(stream.position, head)) {
            stream.position += 1;
            if (!this.#isFor(stream, event)) continue;
            const id = this.idOf(stream.position, stream.marks);
            text += event.touch !== undefined ? frame({event: 'sse-live', id, data: JSON.stringify({touched: event.touch})}) : event.isBad ? frame({event: 'sse-reset', id, topic: event.topic, data: JSON.stringify({reason: 'render', last_event_id: id})})
                : frame({event: 'note', id, topic: event.topic, echo: event.echo, data: JSON.stringify({n: event.n, text: 'é ☃'})});
        }
        if (stream.owesMark) text += frame({id: this.idOf(head, stream.marks)});
        stream.owesMark = false;
        if (text) this.#write(stream, text);
    }

    flush(stream) { this.#flush(stream); }

    overflow(stream) { this.#reset(stream, 'overflow', stream.position); }

    /** A rendering has no id, and stands behind what its process has read. */
    push(stream, topic, data) { this.#write(stream, frame({event: 'sse-live', topic, data: data.replaceAll('\n', '\ndata: ')})); }

    #beat(stream) {
        this.scheduler.after(this.heartbeat * 1000, () => {
            if (!this.streams.has(stream)) return;
            this.#beat(stream);
            const {hasWritten} = stream, head = this.#head(stream);
            stream.hasWritten = false;
            if (hasWritten) return;
            if (stream.owesMark || head < stream.position) return this.#write(stream, ': heartbeat\n\n');
            if (head === stream.position || !this.log.slice(stream.position, head).some(each => this.#isFor(stream, each))) {
                stream.position = head;
                this.#write(stream, `: heartbeat\n${frame({id: this.idOf(head, stream.marks)})}`);
            }
        });
    }

    #write(stream, text) {
        stream.hasWritten = true;
        stream.pipe.write(encoder.encode(text));
    }

    #end(stream, text) {
        if (text) this.#write(stream, text);
        this.streams.delete(stream);
        stream.pipe.end();
    }

    /** The client has gone, and the server has noticed. */
    forget(stream) { this.streams.delete(stream); }
}
