/**
 * Subscriptions, and the one connection that all tabs of a route share.
 *
 * A subscription is what an element reads. It begins with a stream of its own. Where it cannot be shared (no secure
 * context, a browser that keeps no site data, a `connection_id`, an answer without `SSE-User`, sharing turned off),
 * that is all there is to it. Whether the browser lets tabs share is tried in one place, `arrive`.
 *
 * Where it can, the subscriptions of all tabs to a route are one group. Web Locks elect its leader: whoever holds the
 * lock, so there is always one, and the next as soon as a tab closes or crashes. Only the leader keeps a stream, on the
 * union of all topics, and relays what it reads through a `BroadcastChannel`. Who is in the group is said by `hello` and
 * `bye`, and by a lock that every living tab holds.
 *
 * What a leader relays, it *covers*: "everything of these topics, for this user, later than this id". A
 * subscription is fed by the relay once it has seen all up to that id. To get there it reads a short stream of its own,
 * from its own cursor to the server's "you have caught up" (the first id without data). So permissions, retained events,
 * resets and the user are the server's answer to each subscription itself, and no tab has to keep what another
 * may need. Whatever goes wrong (a new leader, a lost message, a reset, another user) ends in the same way: no
 * longer covered, so catch up again. What comes twice is dropped by its id.
 *
 * What a stream asks for and what it is granted are two things. Where the leader's stream is granted less, or more, than
 * a subscription was, that one asks for itself. One that is refused leaves the group; it asks again when the stream of
 * its tabs is opened anew, or for another person.
 *
 * `term` counts leaders, and the messages of an earlier one are ignored; `n` counts a leader's messages, and a hole in
 * them means that something was lost. A leader that does not answer (frozen) has its lock stolen. `NAME` carries the
 * version of these messages: whoever changes one, counts it up, and tabs of two versions have a leader each.
 */
(() => {
  "use strict";
  /** @type {SSE} */
  const sse = window.cjmSSE;
  if (window.cjmSSE.subscribe) return;

  const SILENCE = 3000, ANSWER = 4000, HIDDEN_SILENCE = 30_000;  // ms until a leader is asked, and has to answer
  const REGROUP = 30, RECOUNT = 1000, ROLL_CALL = 5000;  // ms
  const TRY = 2000;  // ms in which a browser has to give what it has
  const MAX_HELD = 1000;  // events kept for a subscription that is catching up
  const OURS = ["topic", "last_event_id", "tabs", "signed"];  // parts of the URL that a group does not have to agree on

  const VERSION = "1", NAME = `cjm-sse/${VERSION}`;

  let able = Boolean(window.isSecureContext && navigator.locks && window.BroadcastChannel);
  const me = `${Math.random()}${Math.random()}`;
  /** @type {Map<string, Group>} */
  const groups = new Map();
  /** @type {Set<Subscription>} */
  const all = new Set();
  /** Those that were refused. @type {Set<Subscription>} */
  const refused = new Set();
  /** By which decision of the server those of a route have asked, or need not ask. @type {Map<string, string>} */
  const decided = new Map();
  /** @type {BroadcastChannel | undefined} */
  let channel;
  /** @type {AbortController | undefined} */
  let here;
  /** @type {Promise<boolean> | undefined} */
  let arrived;

  const settings = sse.sharing = {on: true};

  /** @param {string} pattern @param {string} topic */
  const matches = (pattern, topic) => pattern === topic ||
    (pattern.endsWith("*") && topic.startsWith(pattern.replace(/\*+$/, "")) &&
      (pattern.endsWith("**") || !topic.slice(pattern.length - 1).includes("/")));

  /** @type {SSE["hears"]} */
  const hears = sse.hears = (topics, topic) => topics.some(pattern => matches(pattern, topic));

  /** What a page makes of an event is its own affair, and spoils nobody else's. @param {() => void} act */
  const attempt = act => {
    try { act(); } catch (error) { console.error("cjm-fasthtml-sse:", error); }
  };

  /** @param {string[]} part @param {string[]} whole */
  const within = (part, whole) => part.every(each => whole.includes(each));

  /** Whether a block says that there is a gap. One that stands in the place of an event which could not be shown is as good as that event. @param {Block} block */
  const isGap = ({event, data}) => event === "sse-reset" && sse.parse(data).reason !== "render";

  /** Whether a block says that all up to it has been sent: an id alone, or that of a reset with nothing to follow. @param {Block} block */
  const isMark = block => block.id !== undefined && (block.data === undefined || isGap(block));

  /** @param {string} name @returns {string} */
  const lockName = name => `${NAME} ${name}`;

  /** @param {unknown} each */
  const isText = each => typeof each === "string";
  /** @param {unknown} list */
  const areTexts = list => Array.isArray(list) && list.every(isText);
  /** @param {any} each */
  const isBlock = each => Object(each) === each && ["id", "event", "data", "topic"].every(name => each[name] === undefined || isText(each[name]));

  /** Whether a leader said it: other scripts may know the name of the channel. @param {any} message */
  const isFromLeader = ({type, term, n, cover, events, state}) => Number.isSafeInteger(term * 2) && Number.isSafeInteger(n) && (
    type === "cover" ? areTexts(cover?.topics) && areTexts(cover.asked) && areTexts(cover.signed) && isText(cover.floor)
      : type === "events" ? Array.isArray(events) && events.every(isBlock)
        : type === "state" ? isText(state) : ["lead", "alone", "pong"].includes(type));

  /** @param {number} ms */
  const wait = ms => new Promise(resolve => { setTimeout(resolve, ms); });

  /**
   * Be one of the tabs: a channel to the others, and a lock that says that this one lives; before it is held, others
   * would take this tab for a crashed one. Says whether the browser gives both. Where it blocks site data it throws or
   * rejects, and one that does not answer is waited for by the groups. @returns {Promise<boolean>}
   */
  const arrive = () => arrived ??= new Promise(answer => {
    const {signal} = here = new AbortController();
    const fail = (/** @type {unknown} */ error) => {
      if (signal.aborted) return;
      able = false;
      depart();
      answer(false);
      sse.wrong?.("alone", error);
    };
    try {
      channel = new BroadcastChannel(NAME);
      channel.onmessage = ({data}) => {
        if (data?.key) attempt(() => groups.get(data.key)?.hear(data));
        else if (data?.type === "look") {
          for (const group of groups.values()) group.check();
          for (const each of [...refused]) each.again();
        }
        if (data?.type === "cover" && isFromLeader(data)) reconsider(data);
      };
      navigator.locks.request(lockName(me), {signal}, () => new Promise(free => {
        signal.addEventListener("abort", free);
        answer(true);
      })).catch(fail);
    } catch (error) { fail(error); }
  });

  function depart() {
    if (able && (groups.size || refused.size)) return;
    channel?.close();
    here?.abort();
    channel = arrived = undefined;
  }

  /** Who was refused asks again where the server has decided anew: about a stream that broke, or for another person. @param {any} message */
  function reconsider({key, cover}) {
    const said = `${cover.tag} ${cover.decision}`;
    if (decided.get(key) === said) return;
    decided.set(key, said);
    for (const each of [...refused]) if (each.key === key) each.again();
  }

  class Group {
    /** @param {string} key */
    constructor(key) {
      this.key = key;
      /** @type {Set<Subscription>} Of this tab. */
      this.subscriptions = new Set();
      /** @type {Map<string, Wish>} What the other tabs want. */
      this.members = new Map();
      this.term = 0;
      this.n = 0;
      /** @type {Cover | undefined} */
      this.cover = undefined;
      /** The newest id relayed. */
      this.last = "";
      /** @type {State} */
      this.state = "connecting";
      this.heard = Date.now();
      /** @type {(() => void) | undefined} Gives the lock back. */
      this.resign = undefined;
      /** @type {Main | undefined} */
      this.main = undefined;
      /** @type {Main | undefined} Takes the place of `main` once it is open. */
      this.next = undefined;
      /** Whether the browser has not answered in time: nobody waits for it. */
      this.slow = false;
      const slow = setTimeout(() => {
        this.slow = groups.get(key) === this;
        if (this.slow) sse.wrong?.("alone", "no answer");
        for (const each of this.subscriptions) if (!each.own) each.openOwn();
      }, TRY);
      arrive().then(able => {
        clearTimeout(slow);
        this.slow = false;
        if (groups.get(key) !== this) return;
        if (!able) return this.disband();
        this.candidate();
        this.watch();
      });
    }

    // Everyone

    /** @param {any} message */
    post(message) {
      try { channel?.postMessage({key: this.key, from: me, ...message}); } catch (error) { this.disband(); }
    }

    /** @returns {Wish} What the subscriptions of this tab ask for. */
    wish() {
      const own = [...this.subscriptions];
      return {topics: [...new Set(own.flatMap(each => each.topics))], signed: [...new Set(own.flatMap(each => each.signed))]};
    }

    hello() {
      if (this.resign) this.regroup(REGROUP);
      else arrive().then(able => { if (able && this.subscriptions.size) this.post({type: "hello", ...this.wish()}); });
    }

    /** @param {Subscription} subscription */
    add(subscription) {
      this.subscriptions.add(subscription);
      this.hello();
      if (this.resign && !this.main && !this.next) this.begin();
      else if (this.cover) subscription.covered(this.cover);
      else if (this.slow) subscription.openOwn();
    }

    /** @param {Subscription} subscription */
    remove(subscription) {
      if (!this.subscriptions.delete(subscription)) return;
      if (this.subscriptions.size) {
        this.hello();
        if (this.resign && !this.main && !this.next) this.begin();
        return;
      }
      this.post({type: "bye"});
      groups.delete(this.key);
      clearTimeout(this.watching);
      this.waiting?.abort();
      this.step();
      depart();
    }

    /** The browser does not let tabs share after all. */
    disband() { for (const each of [...this.subscriptions]) each.goAlone(); }

    /** Stand in line for the lock. @param {boolean} [steal] */
    candidate(steal = false) {
      const waiting = this.waiting = new AbortController();
      const options = steal ? {steal} : {signal: waiting.signal};
      let held = false;
      navigator.locks.request(lockName(this.key), options, () => new Promise(resign => {
        if (waiting.signal.aborted) return resign(undefined);
        held = true;
        this.resign = () => resign(undefined);
        this.lead();
      })).catch(() => {
        if (waiting.signal.aborted) return;
        if (!held) return this.disband();
        this.step();  // stolen
        this.candidate();
        this.hello();
      }).then(() => { if (held && this.waiting === waiting && groups.get(this.key) === this) this.candidate(); });
    }

    /** Ask a leader that is silent, and take its place if it does not answer. */
    watch() {
      clearTimeout(this.watching);
      const silence = (document.hidden ? HIDDEN_SILENCE : SILENCE) * (1 + Math.random() / 2);
      const due = Math.max(this.heard + silence - Date.now(), 500);
      this.watching = setTimeout(() => {
        if (this.resign) this.heard = Date.now();
        if (Date.now() - this.heard < silence) return this.watch();
        this.post({type: "ping"});
        const asked = Date.now();
        this.watching = setTimeout(() => {
          if (!this.resign && this.heard < asked) {
            this.waiting?.abort();
            this.candidate(true);
          }
          this.watch();
        }, ANSWER + Math.random() * 1000);
      }, due);
    }

    /** @param {any} message */
    hear(message) {
      const {type, from, term = 0, n} = message;
      if (type === "hello") {
        if (!areTexts(message.topics) || !areTexts(message.signed)) return;
        this.members.set(from, {topics: message.topics, signed: message.signed});
        if (this.resign) this.welcome();
      } else if (type === "bye") {
        this.members.delete(from);
        if (this.resign) this.regroup(RECOUNT);
      } else if (type === "ping") {  // by a timer: a frozen page hears messages, and reads nothing
        setTimeout(() => {
          if (!this.resign) return;
          this.tell({type: "pong"});
          this.main?.stream.check();
        });
      } else if (type === "verify") {
        if (this.resign && this.cover && message.tag !== this.cover.tag) this.reopen();
      } else if (type === "now") {
        if (this.resign) this.now();
      } else if (isFromLeader(message) && term >= this.term && !(term === this.term && this.resign)) {
        this.heard = Date.now();
        const isNew = term > this.term;
        const lost = n !== this.n + 1;
        this.term = term;
        this.n = n;
        if (this.resign) this.step();  // a later leader speaks: this one was asleep
        if (isNew || lost) {
          this.cover = undefined;
          for (const each of this.subscriptions) each.uncover();
          this.hello();
        }
        this.act(message);
      }
    }

    /** Do what a leader says, in its own tab as in all others. @param {any} message */
    act(message) {
      const {type, tabs} = message;
      if (type === "cover") {
        this.cover = message.cover;
        this.last = message.cover.floor;
        this.enter("open");
        for (const each of [...this.subscriptions]) each.covered(message.cover);
        if (this.resign) reconsider(message);
      } else if (type === "events" && this.cover) {
        this.last = message.last || this.last;
        for (const each of [...this.subscriptions]) each.relayed(message.events, this.cover);
      } else if (type === "state") this.enter(message.state, message.status);
      else if (type === "alone" && (!tabs || tabs.includes(me))) this.disband();
    }

    /** @param {State} state @param {number} [status] */
    enter(state, status) {
      this.state = state;
      for (const each of [...this.subscriptions]) each.mirror(status);
    }

    // The leader

    /** Say it to all tabs, this one included. @param {any} message */
    tell(message) {
      this.n += 1;
      this.post({...message, term: this.term, n: this.n});
      this.act(message);
    }

    lead() {
      this.term = Math.max(this.term + 1, Date.now());  // later than the term of whoever was robbed a moment ago
      this.tell({type: "lead"});
      this.rolling = setInterval(() => this.rollCall(), ROLL_CALL);
      this.begin();
    }

    /** Lead no longer: what this tab reads, it hears from the next leader, or by itself. */
    step() {
      clearInterval(this.rolling);
      clearTimeout(this.regrouping);
      this.regrouping = undefined;
      const {main, next, resign} = this;
      this.main = this.next = this.resign = undefined;
      main?.stream.close();
      next?.stream.close();
      resign?.();
    }

    /** The first stream: on from where the last leader was, or else the first subscription's own, which says where that is. */
    begin() {
      const first = [...this.subscriptions].find(each => !each.own);
      if (this.last) this.reopen();
      else if (first && ![...this.subscriptions].some(each => each.own)) first.openOwn();
    }

    /** A stream of this tab becomes the group's. @param {Subscription} subscription @param {string} tag */
    promote(subscription, tag) {
      const {own, topics, signed, granted} = subscription;
      if (!own) return;
      /** @type {Main} */
      const main = {stream: own.stream, topics, granted, signed, tabs: 1, tag, gap: false, decision: Math.random()};
      subscription.own = undefined;
      this.main = main;
      Object.assign(own.handlers, this.handlers(main));
      this.announce(subscription.cursor);
      this.regroup(REGROUP);
    }

    /** @param {string} floor @param {boolean} [fresh] After a gap: what was covered before does not count. @param {boolean} [narrowed] */
    announce(floor, fresh = false, narrowed = false) {
      if (!this.main) return;
      const {topics: asked, granted: topics, signed, tag, decision} = this.main;
      this.tell({type: "cover", cover: {asked, topics, signed, tag, decision, floor, fresh, narrowed}});
    }

    /** Someone is there, perhaps with a new wish: say what is covered, and see to the rest. */
    welcome() {
      if (this.main && this.cover && this.state === "open" && !this.main.gap) this.announce(this.last);
      else this.tell({type: "state", state: this.state});
      this.regroup(REGROUP);
    }

    /** @returns {Wish & {tabs: number}} What the stream should ask for. */
    union() {
      const wishes = [this.wish(), ...this.members.values()];
      const topics = [...new Set(wishes.flatMap(each => each.topics))].sort();
      return {topics, signed: [...new Set(wishes.flatMap(each => each.signed))].sort(), tabs: 1 + this.members.size};
    }

    /** See to it that the stream asks for what the tabs want now: new topics soon, a mere count in a while. @param {number} ms */
    regroup(ms) {
      if (this.regrouping && ms > REGROUP) return;
      clearTimeout(this.regrouping);
      this.regrouping = setTimeout(async () => {
        this.regrouping = undefined;
        await this.prune();
        const {main} = this;
        if (!main || this.next) return;
        const {topics, signed, tabs} = this.union();
        if (within(topics, main.topics) && within(signed, main.signed)) {
          if (ms < RECOUNT) return this.regroup(RECOUNT);
          if (tabs === main.tabs && topics.length === main.topics.length && signed.length === main.signed.length) return;
        }
        this.reopen();
      }, ms);
    }

    /** Who holds no lock any more has crashed. */
    async prune() {
      const query = new Promise(resolve => { resolve(navigator.locks.query()); });
      const {held} = await Promise.race([query, wait(TRY)]).catch(() => {}) ?? {};
      const alive = held?.map((/** @type {LockInfo} */ lock) => lock.name);
      for (const tab of this.members.keys()) if (alive && !alive.includes(lockName(tab))) this.members.delete(tab);
    }

    async rollCall() {
      const before = this.members.size;
      await this.prune();
      if (this.resign && this.members.size !== before) this.regroup(RECOUNT);
    }

    /** Open a stream on what the tabs want now, from the newest id on; the one that is there goes when it has opened. */
    reopen() {
      if (!this.resign || this.next) return;
      /** @type {Main} */
      const main = {...this.union(), granted: [], stream: /** @type {any} */ (undefined), tag: "", gap: false, decision: 0};
      this.next = main;
      main.stream = sse.stream(this.handlers(main));
      if (this.main) return;
      if (this.state !== "open") return this.mainState(main, "connecting");
      setTimeout(() => { if (this.next === main && !this.main) this.mainState(main, "connecting"); }, TRY);
    }

    /** @param {Main} main @returns {Handlers} What a stream of the group does. */
    handlers(main) {
      return {
        request: () => {
          Object.assign(main, this.union());
          return ask(this.key, main, this.last);
        },
        onopen: (response, opening) => {
          const old = this.main;
          if (isCut(main.topics, opening)) return this.tell({type: "alone"});
          main.tag = response.headers.get("SSE-User") ?? "";
          main.granted = opening?.topics ?? main.topics;
          main.decision = main === old ? Math.random() : old?.decision ?? Math.random();  // not where tabs come and go
          this.main = main;
          if (this.next === main) this.next = undefined;
          if (old !== main) old?.stream.close();
          this.announce(this.last);
          this.regroup(REGROUP);
        },
        onblocks: blocks => { if (this.main === main) this.read(main, blocks); },
        onstate: (state, status) => this.mainState(main, state, status),
        onheld: () => { if (this.members.size) this.step(); },  // another tab is free to read; this one stands in line again
      };
    }

    /** @param {Main} main @param {State} state @param {number} [status] @returns {void} */
    mainState(main, state, status) {
      const {next} = this;
      if (main === this.main && next) {  // the old one broke before the new one was there
        this.main = undefined;
        main.stream.close();
        return this.mainState(next, next.stream.state);
      }
      if (main === next && this.main && !this.main.left) {
        if (state !== "denied" && state !== "closed") return;
        this.next = undefined;
        if (state === "denied") this.refused(this.main);
      } else if (main === next || main === this.main) {
        if (main.left) setTimeout(() => { if (this.main === main) this.reopen(); }, REGROUP);
        else if (state === "denied") this.refused();
        else if (state !== "open") this.tell({type: "state", state, status});
      }
    }

    /** The server refused a union: those who brought something new, or else all, ask alone. @param {Main} [standing] */
    refused(standing) {
      const isNew = (/** @type {Wish} */ wish) => !standing || !within(wish.topics, standing.topics) || !within(wish.signed, standing.signed);
      const tabs = [...this.members].filter(([, wish]) => isNew(wish)).map(([tab]) => tab);
      for (const tab of tabs) this.members.delete(tab);
      if (isNew(this.wish())) tabs.push(me);
      this.tell({type: "alone", tabs: tabs.length ? tabs : undefined});
    }

    /** What the group's stream says. After a reset each subscription finds out for itself. @param {Main} main @param {Block[]} blocks */
    read(main, blocks) {
      /** @type {Block[]} */
      const events = [];
      const hand = () => { if (events.length) this.tell({type: "events", events: events.splice(0), last: this.last}); };
      for (const block of blocks) {
        const {id, data, event} = block;
        if (event === "sse-topics") {  // a right was taken
          hand();
          main.granted = sse.parse(data).topics ?? [];
          if (!main.gap) this.announce(this.last, false, true);
          continue;
        }
        if (isGap(block)) main.gap = true;
        if (event === "sse-close") main.left = Boolean(sse.parse(data).topics);
        if (main.gap) {
          if (!isMark(block)) continue;
          main.gap = false;
          this.announce(id ?? "", true);
        } else if (event !== "sse-retry" && (id !== undefined || data !== undefined)) {
          events.push(block);
          this.last = id ?? this.last;
        }
      }
      hand();
    }

    /** Another page of this browser was loaded: is the person still the same? */
    async check() {
      if (!this.resign || !this.cover) return;
      try {
        const response = await fetch(new URL("user", this.key), {cache: "no-store", credentials: "include"});
        const {user} = response.ok ? await response.json() : {user: undefined};
        if (user !== undefined && user !== this.cover?.tag) this.reopen();
      } catch (error) { /* no answer, no news */ }
    }

    now() {
      this.main?.stream.now();
      this.next?.stream.now();
    }
  }

  /** @param {string} base @param {Wish & {tabs: number}} wish @param {string} id The newest seen. */
  function ask(base, {topics, signed, tabs}, id) {
    const url = new URL(base);
    for (const topic of topics) url.searchParams.append("topic", topic);
    for (const token of signed) url.searchParams.append("signed", token);
    if (tabs > 1) url.searchParams.append("tabs", String(tabs));
    return withId(url, id, {});
  }

  /** A header needs no change of the URL; across origins any would need a question before. @param {URL} url @param {string} id @param {Record<string, string>} headers */
  function withId(url, id, headers) {
    const here = url.origin === location.origin;
    const byHeader = here && /^[\x20-\x7e]+$/.test(id);
    if (id && (!byHeader || sse.asksByQuery)) url.searchParams.set("last_event_id", id);
    headers = {Accept: "text/event-stream", ...here && {...headers, "SSE-Version": VERSION}, ...byHeader && {"Last-Event-ID": id}};
    return {url: url.href, headers, id};
  }

  /** Whether topics were lost on the way to the server. @param {string[]} topics @param {Opening} [opening] */
  function isCut(topics, opening) {
    if (!opening || !(/** @type {number} */ (opening.asked) < topics.length)) return false;
    sse.wrong?.("topics");
    return true;
  }

  class Subscription {
    /** @param {Wanted} wanted */
    constructor({url, headers, share, cursor, onevent, onstate, ondenied, again}) {
      this.headers = headers;
      this.onevent = onevent;
      this.onstate = onstate;
      this.ondenied = ondenied ?? (() => {});
      this.again = again ?? (() => this.resume());
      this.url = new URL(url, document.baseURI);
      this.url.hash = "";
      const query = this.url.searchParams;
      this.topics = [...new Set(query.getAll("topic"))];
      /** @type {string[]} */
      this.signed = query.getAll("signed");
      /** The newest id seen. */
      this.cursor = cursor || query.get("last_event_id") || "";
      this.tag = "";
      /** What the server's last answer lets it hear. */
      this.granted = this.topics;
      /** What it asked for of which that is nothing. @type {string[]} */
      this.denied = [];
      const base = new URL(this.url);
      for (const name of OURS) if (name !== "signed" || this.topics.length) base.searchParams.delete(name);
      if (!this.topics.length) this.signed = [];
      this.key = base.href;
      this.may = share && settings.on && this.url.origin === location.origin && !query.has("connection_id");
      /** Whether it reads by itself until the page is loaded anew. */
      this.alone = false;
      /** @type {{stream: Stream, handlers: Handlers} | undefined} */
      this.own = undefined;
      /** Whether the group's relay is what it hears. */
      this.fed = false;
      /** @type {string | undefined} The id from which on it is covered. */
      this.floor = undefined;
      /** @type {Block[]} Relayed since then, while it is catching up. */
      this.held = [];
      /** @type {State} */
      this.state = "closed";
      /** Whether the server ended it for good. */
      this.ended = false;
      this.opened = false;
      /** Whether it has shown events. */
      this.begun = false;
      this.resume();
    }

    get shares() { return able && this.may && !this.alone; }

    resume() {
      if (this.own || this.group) return;
      all.add(this);
      const again = refused.delete(this);
      if (again) this.alone = false;
      this.ended = false;
      this.enter("connecting");
      if (!this.shares || again) this.openOwn();
      else this.join();
    }

    join() {
      let group = groups.get(this.key);
      if (!group) groups.set(this.key, group = new Group(this.key));
      group.add(this);
    }

    /** @returns {Group | undefined} The group that it is in. */
    get group() {
      const group = groups.get(this.key);
      return group?.subscriptions.has(this) ? group : undefined;
    }

    /** Let go of everything, until `resume`. */
    pause() {
      this.closeOwn();
      this.uncover();
      this.group?.remove(this);
      if (this.state === "open") this.enter("reconnecting");
    }

    /** @param {State} [end] @param {number} [status] @param {boolean} [ended] */
    close(end = "closed", status, ended = false) {
      this.ended ||= ended;
      this.begun = false;
      refused.delete(this);
      if (end === "denied") {
        this.grant([]);
        if (able && this.may) {
          refused.add(this);
          arrive();
        }
      }
      this.pause();
      depart();
      all.delete(this);
      this.enter(end, status);
    }

    /** @param {State} state @param {number} [status] */
    enter(state, status) {
      if (state === "open") this.opened = true;
      else if (state === "connecting" && this.opened) state = "reconnecting";
      const changed = this.state !== state;
      this.state = state;
      if (changed || status !== undefined) attempt(() => this.onstate(state, status));
    }

    /** The group's state is this one's, unless it reads by itself. @param {number} [status] */
    mirror(status) {
      const {group} = this;
      if (!group || this.own) return;
      if (group.state !== "open") this.enter(group.state, status);
      else if (this.fed) this.enter("open");
    }

    now() {
      this.resume();
      this.own?.stream.now();
      const {group} = this;
      group?.resign ? group.now() : group?.post({type: "now"});
      group?.watch();
    }

    closeOwn() {
      const {own} = this;
      clearTimeout(this.retrying);
      this.own = undefined;
      own?.stream.close();
    }

    /** Leave the group, and read by itself until the page is loaded anew. */
    goAlone() {
      this.alone = true;
      this.uncover();
      this.group?.remove(this);
      if (!this.own) this.openOwn();
    }

    openOwn() {
      this.closeOwn();
      /** @type {Handlers} */
      const handlers = {
        request: () => withId(new URL(this.url), this.cursor, this.headers),
        onopen: (response, opening) => {
          if (this.own !== own) return;
          if (isCut(this.topics, opening)) return this.close("denied", response.status, true);
          this.tag = response.headers.get("SSE-User") ?? "";
          this.grant(opening?.topics ?? this.topics);
          if (this.shares && this.tag && !this.group) this.join();  // it was refused before
          const {group} = this;
          if (this.begun && !this.cursor) this.take({event: "sse-reset", data: '{"reason": "restarted"}'});
          if (group && !this.tag) group.resign ? group.tell({type: "alone"}) : this.goAlone();
        },
        onblocks: blocks => blocks.every((block, i) => {
          if (this.own !== own) return false;
          if (block.event === "sse-topics") {  // what is for everyone, or for this person, still comes
            this.grant(sse.parse(block.data).topics ?? []);
            return true;
          }
          this.take(block);
          if (block.event === "sse-close") return this.close("closed", undefined, true);
          const {group} = this;
          if (group && isMark(block)) this.caughtUp(group);
          if (group && group.main?.stream === own.stream) group.read(group.main, blocks.slice(i + 1));  // promoted
          return true;
        }),
        onstate: (state, status) => {
          if (this.own !== own) return;
          if (state === "closed" || state === "denied") this.close(state, status, state === "denied" || status === 204);
          else this.enter(state, status);
        },
      };
      const own = this.own = {handlers, stream: sse.stream(handlers)};
    }

    /** What the server lets it hear. @param {string[]} topics */
    grant(topics) {
      this.granted = topics;
      const denied = this.topics.filter(wish => !topics.some(topic => matches(wish, topic)));
      if (String(denied) === String(this.denied)) return;
      this.denied = denied;
      attempt(() => this.ondenied());
    }

    /** Whether the leader's stream is granted less than it was, or what it was not. @param {Cover} cover */
    differs({topics}) { return !within(this.granted, topics) || this.denied.some(wish => topics.includes(wish)); }

    /** All that the server had is here. @param {Group} group */
    caughtUp(group) {
      const {cover} = group;
      if (group.resign && !group.main && !group.next) return group.promote(this, this.tag);
      if (cover && this.floor !== undefined && this.tag === cover.tag) {
        if (this.differs(cover)) {  // a right has changed in between: the leader asks anew, once
          if (this.differed) return this.goAlone();
          this.differed = true;
          return group.resign ? group.reopen() : group.post({type: "verify"});
        }
        this.differed = false;
        if (!this.feed(cover)) this.retrying = setTimeout(() => this.openOwn(), 500);  // another worker is not as far
        return;
      }
      if (!cover && group.slow) return;
      this.closeOwn();
      if (cover && this.tag !== cover.tag) sse.userChanged(this.tag);
      this.retrying = setTimeout(() => group.cover && this.covered(group.cover), 1000);
    }

    uncover() {
      this.fed = false;
      this.floor = undefined;
      this.held = [];
    }

    /** The leader says what it covers. @param {Cover} cover */
    covered(cover) {
      if (!within(this.topics, cover.asked) || !within(this.signed, cover.signed)) return this.uncover();
      if (this.floor === undefined || cover.fresh) {
        this.uncover();
        this.floor = cover.floor;
      }
      if (cover.narrowed && this.fed && this.tag === cover.tag) this.grant(this.granted.filter(topic => cover.topics.includes(topic)));
      const differs = this.differs(cover);
      if (this.fed && this.tag === cover.tag && !differs) return;
      this.fed = false;
      if (!this.own && (differs || cover.fresh || !this.feed(cover))) this.openOwn();
    }

    /** Hear the relay from now on, if everything before it was seen. @param {Cover} cover @returns {boolean} */
    feed(cover) {
      const {held, floor} = this;
      if (floor === undefined || this.tag !== cover.tag || !this.cursor || this.isAfter(floor)) return false;
      this.closeOwn();
      this.held = [];
      this.fed = true;
      this.mirror();
      this.relayed(held, cover);
      return true;
    }

    /** Whether `id` is later than what was seen, or of another life of the log. @param {string} id */
    isAfter(id) { return id !== this.cursor && sse.isLater(id, this.cursor); }

    /** @param {Block[]} events @param {Cover} cover */
    relayed(events, cover) {
      if (!this.fed) {
        if (this.floor === undefined) return;
        this.held.push(...events);
        if (this.held.length <= MAX_HELD || !this.group) return;
        this.held = [];
        this.floor = this.group.last;
        return;
      }
      for (const block of events) {
        const {id, topic, event} = block;
        if (id !== undefined && !this.isAfter(id)) continue;
        const ends = event === "sse-close" && this.isMeant(sse.parse(block.data).topics);
        const mine = event === "sse-close" ? ends
          : topic === undefined || hears(this.granted, topic) || !hears(cover.topics, topic);
        this.take(mine ? block : {id});
        if (ends) return this.close("closed", undefined, true);
        if (!this.fed) return;
      }
    }

    /** Whether an end of streams is for this one. @param {unknown} topics Whose readers it is for; none for all. */
    isMeant(topics) { return !Array.isArray(topics) || topics.some(topic => this.topics.some(wish => matches(wish, topic) || matches(topic, wish))); }

    /** @param {Block} block */
    take(block) {
      if (block.id !== undefined) this.cursor = block.id;
      if (block.data === undefined) return;
      this.begun = true;
      attempt(() => this.onevent(block));
    }
  }

  /** @type {SSE["subscribe"]} */
  sse.subscribe = wanted => new Subscription(wanted);
  sse.subscriptions = all;

  /** A page without a stream asks on behalf of those with one, as a sign-in page after signing out. */
  sse.look = () => {
    if (!able || channel) return;
    attempt(() => {
      const once = new BroadcastChannel(NAME);
      once.postMessage({type: "look"});
      once.close();
    });
  };

  /** The person may have changed. @type {SSE["userChanged"]} */
  sse.userChanged = tag => {
    for (const group of groups.values()) {
      if (!group.cover || group.cover.tag === tag) continue;
      group.resign ? group.reopen() : group.post({type: "verify", tag});
    }
  };
})();
