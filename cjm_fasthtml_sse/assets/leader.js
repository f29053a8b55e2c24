/**
 * The streams of a group, in the tab that leads it. This file owns the members (the topic requests of the other tabs) and
 * the streams `main` and `next`. Every tab keeps the members, because each may be the next leader. Only a leader has streams.
 *
 * The leader requests the topics of all tabs. When these change, it opens `next` from the newest id, and closes `main` once
 * `next` is open. It relays all that it reads to the tabs, this one included. If the server rejects the topics of all, the
 * tabs with new topics leave the group and request them on their own.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  if (sse.isLoaded) return;

  const SOON = 30, LATER = 1000, ROLL_CALL_INTERVAL = 5000;  // ms
  const OPEN_PERIOD = 2000;  // ms for a new stream to open before the page shows that it is connecting
  const {tabs, covers, isGap, isMark, matchesAny} = sse;

  sse.Leader = class {
    #group;
    /** @type {Map<string, TopicRequest>} By the id of the tab. */
    #members = new Map();
    /** @type {GroupStream | undefined} */
    main;
    /** @type {GroupStream | undefined} */
    #next;
    /** @type {any} */
    #timer;
    /** @type {any} */
    #rollCall;

    /** @param {Group} group */
    constructor(group) { this.#group = group; }

    get needsStream() { return this.#group.isLeader && !this.main && !this.#next; }

    start() {
      this.#rollCall = setInterval(() => this.#pruneMembers(), ROLL_CALL_INTERVAL);
      this.openFirstStream();
    }

    /** Close the streams. The subscriptions of this tab then follow the next leader, or read on their own. */
    stop() {
      clearInterval(this.#rollCall);
      clearTimeout(this.#timer);
      this.#timer = undefined;
      const streams = [this.main, this.#next];
      this.main = this.#next = undefined;
      for (const each of streams) each?.stream.close();
    }

    /** A tab has joined, or requests other topics. A frozen leader answers nothing. @param {string} tab @param {TopicRequest} topicRequest */
    onMember(tab, topicRequest) {
      this.#members.set(tab, topicRequest);
      setTimeout(() => {
        const {main} = this, group = this.#group;
        if (!group.isLeader) return;
        if (main && group.coverage && group.state === "open" && !main.hasGap) this.#announce(group.lastId);
        else group.sendToTabs({type: "state", state: group.state});
        this.resubscribe();
      });
    }

    /** @param {string} tab */
    onBye(tab) {
      this.#members.delete(tab);
      if (this.#group.isLeader) this.resubscribe(LATER);
    }

    /** A tab without its lock has crashed. */
    async #dropCrashedMembers() {
      const isAlive = await tabs.findAlive();
      for (const tab of this.#members.keys()) if (!isAlive(tab)) this.#members.delete(tab);
    }

    async #pruneMembers() {
      const before = this.#members.size;
      await this.#dropCrashedMembers();
      if (this.#group.isLeader && this.#members.size !== before) this.resubscribe(LATER);
    }

    /** @returns {TopicRequest & {tabs: number}} The topics of all tabs. */
    #union() {
      return {...sse.mergeRequests([this.#group.topicRequest(), ...this.#members.values()]), tabs: 1 + this.#members.size};
    }

    /** Continue where the last leader was. A group without a cursor starts with the first subscription's own stream, which gets one. */
    openFirstStream() {
      const own = [...this.#group.subscriptions];
      if (this.#group.lastId) this.reopen();
      else if (!own.some(each => each.own)) own[0]?.openOwn();
    }

    /** Make a stream of this tab the group's. @param {InternalSubscription} subscription @param {string} tag */
    promote(subscription, tag) {
      const {own, topics, signed, granted} = subscription;
      if (!own) return;
      /** @type {GroupStream} */
      const main = {stream: own.stream, topics, granted, signed, tabs: 1, tag, decision: Math.random()};
      subscription.own = undefined;
      this.main = main;
      Object.assign(own.handlers, this.#handlers(main));
      this.#announce(subscription.cursor);
      this.resubscribe();
    }

    /** @param {string} floor @param {boolean} [isFresh] After a gap, or for another user: earlier coverage does not count. @param {boolean} [isNarrowed] */
    #announce(floor, isFresh = false, isNarrowed = false) {
      if (!this.main) return;
      const {topics: asked, granted: topics, signed, tag, decision} = this.main;
      this.#group.sendToTabs({type: "coverage", coverage: {asked, topics, signed, tag, decision, floor, isFresh, isNarrowed}});
    }

    /** Compare the stream with the topics of the tabs: new topics soon, another number of tabs later. @param {number} [ms] */
    resubscribe(ms = SOON) {
      if (this.#timer && ms > SOON) return;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(async () => {
        this.#timer = undefined;
        await this.#dropCrashedMembers();
        const {main} = this;
        if (!main || this.#next) return;
        const union = this.#union();
        if (covers(main, union)) {
          if (ms < LATER) return this.resubscribe(LATER);
          if (union.tabs === main.tabs && covers(union, main)) return;
        }
        this.reopen();
      }, ms);
    }

    /** Open `next` from the newest id. */
    reopen() {
      if (!this.#group.isLeader || this.#next) return;
      /** @type {GroupStream} */
      const next = {...this.#union(), granted: [], stream: /** @type {any} */ (undefined), tag: ""};
      this.#next = next;
      next.stream = sse.openStream(this.#handlers(next));
      const wait = this.#group.state === "open" ? OPEN_PERIOD : 0;
      setTimeout(() => { if (this.#next === next && !this.main) this.#onState(next, "connecting"); }, wait);
    }

    /** @param {GroupStream} own @returns {Handlers} */
    #handlers(own) {
      return {
        request: () => {
          Object.assign(own, this.#union());
          return sse.requestTopics(this.#group.key, own, this.#group.lastId);
        },
        onopen: (response, opening) => {
          const old = this.main;
          if (sse.lostTopics(own.topics, opening)) return this.#group.sendToTabs({type: "alone"});
          own.tag = response.headers.get("SSE-User") ?? "";
          own.granted = opening?.topics ?? own.topics;
          own.decision = (own !== old && old?.decision) || Math.random();  // the same while only tabs come and go
          own.isBehind = true;
          this.main = own;
          if (this.#next === own) this.#next = undefined;
          if (old !== own) old?.stream.close();
          this.#announce(this.#group.lastId, (this.#group.coverage ?? own).tag !== own.tag);
          this.resubscribe();
        },
        onblocks: blocks => { if (this.main === own) this.read(own, blocks); },
        onstate: (state, status) => this.#onState(own, state, status),
        onpaused: () => { if (this.#members.size) this.#group.election.stepDown(); },  // another tab can read
      };
    }

    /** @param {GroupStream} own @param {State} state @param {number} [status] @returns {void} */
    #onState(own, state, status) {
      const {main} = this, next = this.#next, isOver = state === "closed" || state === "denied";
      if (own === main && next) {  // the old stream broke before the new one was open
        this.main = undefined;
        own.stream.close();
        return this.#onState(next, next.stream.state);
      }
      if (own === next && main && !main.isEnded) {
        if (!isOver) return;
        this.#next = undefined;
        this.#onDenied(main);
      } else if (own === next || own === main) {
        if (own.isEnded) setTimeout(() => { if (this.main === own) this.reopen(); }, SOON);
        else if (isOver) this.#onDenied();
        else if (state !== "open") this.#group.sendToTabs({type: "state", state, status});
      }
    }

    /** The server rejected the topics of all, or ended the stream: the tabs with new topics, or else all tabs, read on their own. @param {GroupStream} [standing] */
    #onDenied(standing) {
      const isNew = (/** @type {TopicRequest} */ each) => !standing || !covers(standing, each);
      const found = [...this.#members].filter(([, each]) => isNew(each)).map(([tab]) => tab);
      for (const tab of found) this.#members.delete(tab);
      if (isNew(this.#group.topicRequest())) found.push(tabs.tabId);
      this.#group.sendToTabs({type: "alone", tabs: found.length ? found : undefined});
    }

    /** Relay blocks. After a reset, each subscription opens a stream of its own. @param {GroupStream} main @param {Block[]} blocks */
    read(main, blocks) {
      const group = this.#group;
      /** @type {Block[]} */
      const events = [];
      let caughtUp = false;
      const relay = () => { if (events.length) group.sendToTabs({type: "events", events: events.splice(0), last: group.lastId, caughtUp}); };
      for (const block of blocks) {
        const {id, data, event, topic} = block;
        if (main.isBehind && isMark(block)) {
          main.isBehind = false;
          caughtUp = true;
        }
        if (event === "sse-topics") {  // a topic was revoked
          relay();
          main.granted = sse.parseJSON(data).topics ?? [];
          if (!main.hasGap) this.#announce(group.lastId, false, true);
          continue;
        }
        if (isGap(block)) main.hasGap = true;
        if (event === "sse-close") main.isEnded = sse.parseJSON(data).topics;
        if (main.hasGap) {
          if (!isMark(block)) continue;
          main.hasGap = false;
          this.#announce(/** @type {string} */ (id), true);
        } else if (event !== "sse-retry" && (id !== undefined || data !== undefined)) {
          if (topic && !matchesAny(main.granted, topic)) delete block.topic;  // the server sends it unasked, for all tabs
          events.push(block);
          group.advanceTo(id);
        }
      }
      relay();
    }

    reconnectNow() { for (const each of [this.main, this.#next]) each?.stream.reconnectNow(); }
  };
})();
