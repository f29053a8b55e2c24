// The way between tabs and server: `fetch`, bodies that are cut anywhere, proxies, and lines that break or go silent.
import {FakeResponse, FakeStream, fail} from './dom.mjs';

/** One response's body on its way. */
class Pipe {
    stream = undefined;
    isOver = false;
    isStalled = false;
    #bytes = new Uint8Array(0);
    #hasEnded = false;
    #isMoving = false;
    #decoder = new TextDecoder();
    #text = '';
    /** Whether the last reset that went through has its id in a later frame, which did not. */
    #owesId = false;

    constructor(network, tab) {
        this.network = network;
        this.tab = tab;
        this.isHeld = false;
        this.body = new FakeStream({cancel: () => this.abort()});
    }

    write(bytes) {
        if (this.isOver) return;
        const joined = new Uint8Array(this.#bytes.length + bytes.length);
        joined.set(this.#bytes);
        joined.set(bytes, this.#bytes.length);
        this.#bytes = joined;
        this.#move();
    }

    end() {
        this.#hasEnded = true;
        this.#move();
    }

    #move() {
        if (this.#isMoving || this.isOver || this.isStalled || this.isHeld) return;
        if (!this.#bytes.length && !this.#hasEnded) return;
        this.#isMoving = true;
        const {scheduler, chance} = this.network;
        scheduler.after(chance.delay(2, 600), () => {
            this.#isMoving = false;
            if (this.isOver || this.isStalled) return;
            if (!this.#bytes.length) return this.#close();
            const {length} = this.#bytes, size = chance.happens(0.75) ? length : chance.between(1, length);
            const chunk = this.#bytes.slice(0, size);
            this.#bytes = this.#bytes.slice(size);
            this.network.world.trace?.(this.tab, `reads ${JSON.stringify(new TextDecoder().decode(chunk))}`);
            this.#note(chunk);
            this.body.push(chunk);
            this.network.hasDelivered = true;
            this.#move();
        }, this.tab, 'net');
    }

    #note(chunk) {
        const blocks = (this.#text + this.#decoder.decode(chunk, {stream: true})).split('\n\n');
        this.#text = blocks.pop();
        for (const each of blocks) this.#owesId = !/^id:/m.test(each) && (this.#owesId || each.includes('event: sse-reset'));
    }

    #close(error) {
        this.isOver = true;
        if (this.#owesId) this.network.cutResets += 1;
        this.network.pipes.delete(this);
        this.body.finish(error);
    }

    /** Bytes that are held back by a proxy are let through. */
    release() {
        this.isHeld = false;
        this.#move();
    }

    /** The line breaks. The server notices after `ms`. */
    cut(ms) {
        if (this.isOver) return;
        this.isStalled = true;
        const {scheduler, chance} = this.network, {stream} = this;
        const isClean = chance.happens(0.4);
        scheduler.after(chance.delay(2, 100), () => { if (!this.isOver) this.#close(isClean ? undefined : fail('TypeError')); }, this.tab, 'net');
        if (stream) scheduler.after(ms, () => this.network.world.server.forget(stream));
    }

    /** No byte goes through any more, and nobody is told. */
    stall(ms) {
        this.isStalled = true;
        const {stream} = this;
        if (stream) this.network.scheduler.after(ms, () => this.network.world.server.forget(stream));
    }

    /** The page has let go. */
    abort() {
        if (this.isOver) return;
        this.#close(fail('AbortError'));
        const {stream} = this, {scheduler, chance, world} = this.network;
        if (stream && !this.isStalled) scheduler.after(chance.delay(3, 800), () => world.server.forget(stream));
    }
}

export class Network {
    /** Bodies of streams that are on their way. */
    pipes = new Set();
    isDown = false;
    /** Whether a tab has ever received a byte of a stream. */
    hasDelivered = false;
    /** How many resets were told whose id was lost with the line, so that they are told again. */
    cutResets = 0;
    /** What a proxy takes away. */
    strips = {id: false, query: false, heartbeat: false};
    /** Responses whose body is held back. */
    holds = 0;
    /** Requests that end on a sign-in page. */
    signIns = 0;

    constructor(world) {
        this.world = world;
        this.scheduler = world.scheduler;
        this.chance = world.chance.branch('network');
    }

    /** `fetch` of one tab. */
    of(tab) {
        return (address, {headers = {}, signal} = {}) => new Promise((resolve, reject) => {
            const url = new URL(String(address), 'http://host/'), {scheduler, chance, world} = this;
            let pipe, isOver = false;
            const finish = call => {
                if (isOver) return;
                isOver = true;
                tab.requests.delete(finish);
                call();
            };
            if (signal?.aborted) return reject(fail('AbortError'));
            tab.requests.add(finish);
            signal?.addEventListener('abort', () => {
                finish(() => reject(fail('AbortError')));
                pipe?.abort();
            });
            const answered = call => scheduler.after(chance.delay(url.pathname === '/now' ? 60 : 4, 1500), call, tab, 'net');
            scheduler.after(chance.delay(4, 1500), () => {
                if (signal?.aborted || !tab.isAlive) return;
                if (this.isDown) return answered(() => finish(() => reject(fail('TypeError'))));
                pipe = new Pipe(this, tab);
                pipe.route = url.pathname.split('/')[2];
                pipe.isHeld = true;
                pipe.isShared = pipe.route === 'stream' || !url.searchParams.has('connection_id') && tab.spec.elements.every(each => each.share !== false);
                const answer = this.#ask(url, headers, pipe);
                world.trace?.(tab, `asks ${url.pathname}${url.search} ${JSON.stringify(headers)}: ${answer.status}`);
                if (answer.reply) return answer.reply(one => answered(() => finish(() => resolve(new FakeResponse(one.text, {...one, url: url.href})))));
                if (answer.isStream) {
                    this.pipes.add(pipe);
                    pipe.isHeldByProxy = this.holds > 0;
                    if (pipe.isHeldByProxy) this.holds -= 1;
                }
                answered(() => {
                    finish(() => {
                        resolve(new FakeResponse(answer.isStream ? pipe.body : answer.text, {status: answer.status, headers: answer.headers, redirected: answer.redirected, url: url.href}));
                        if (answer.isStream && !pipe.isHeldByProxy) pipe.release();
                    });
                });
            });
        });
    }

    /** A request through the proxy. */
    #ask(url, given, pipe) {
        const {strips} = this, headers = {...given}, {world} = this;
        const isStream = url.pathname.startsWith('/sse/') && !url.pathname.endsWith('/user');
        if (url.pathname === '/sse/view' && this.signIns > 0) world.server.regions.causes += 1;
        if (isStream && this.signIns > 0) {
            this.signIns -= 1;
            return {status: 200, headers: {'Content-Type': 'text/html'}, redirected: true, text: '<p id="sign-in">sign in</p>'};
        }
        if (strips.id) delete headers['Last-Event-ID'];
        if (strips.query) url = new URL(url.pathname, url);
        const answer = world.server.answer({url, headers, user: world.user, pipe});
        if (strips.heartbeat && answer.headers) delete answer.headers['SSE-Heartbeat'];
        return answer;
    }

    of_tab(tab) { return [...this.pipes].filter(each => each.tab === tab); }

    /** A tab is gone. */
    forget(tab) { for (const each of this.of_tab(tab)) each.abort(); }

    /** What proxies and networks do wrong has ended, except for lines that are silent. */
    mend() {
        this.isDown = false;
        this.strips = {id: false, query: false, heartbeat: false};
        this.holds = this.signIns = 0;
        for (const each of this.pipes) {
            if (!each.isHeldByProxy) continue;
            each.isHeldByProxy = false;
            each.release();
        }
    }
}
