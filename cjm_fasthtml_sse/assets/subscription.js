/**
 * The subscription of one element. This file owns its cursor, its own stream, the relayed blocks that it holds back and the state
 * that the page shows.
 *
 * A subscription starts with a stream of its own and keeps it if the stream cannot be shared: no secure context, a browser
 * that keeps no site data, a `connection_id`, a response without `SSE-User`, or sharing turned off.
 *
 * Otherwise it joins the group of its route. It follows the relay as soon as it has seen all events up to the id from which
 * the leader covers its topics. To get there, it reads its own stream from its cursor up to the server's mark (the first
 * id without data). So the server answers each subscription itself about permissions, retained events, resets and the
 * user, and no tab has to keep events for another. Every failure (a new leader, a lost message, a reset, another user) ends
 * the coverage, and the subscription catches up again. Events that arrive twice are dropped by their id.
 *
 * The server may grant a stream fewer topics than it requests. If the leader's stream is granted others than the
 * subscription was, the subscription reads on its own. A denied one leaves the group. It tries again when the leader's
 * stream is opened anew or serves another user.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  if (sse.isLoaded) return;

  const {tabs, attempt} = sse;
  const all = sse.subscriptions = new Set();

  class Subscription {
    #url;
    #headers;
    #onevent;
    #onstate;
    #ondenied;
    #mayShare;
    /** Whether it reads on its own until the page is reloaded. */
    #isDetached = false;
    #wasOpen = false;
    #hasEvents = false;
    /** Whether the own stream has not sent all that the server had when it was opened. */
    #isBehind = false;
    /** @type {any} */
    #timer;

    /** @param {SubscriptionOptions} options */
    constructor({url, headers, share, cursor, onevent, onstate, ondenied, oncaughtup, onretry}) {
      this.#headers = headers;
      this.#onevent = onevent;
      this.#onstate = onstate;
      this.#ondenied = ondenied;
      this.onretry = onretry ?? (() => this.resume());
      this.oncaughtup = oncaughtup;
      const parts = sse.splitURL(url, cursor);
      this.#url = parts.url;
      this.key = parts.key;
      this.topics = parts.topics;
      this.signed = parts.signed;
      this.cursor = parts.cursor;
      this.#mayShare = share && sse.sharing.on && parts.mayShare;
      this.tag = "";
      /** @type {string | null} */
      this.echo = null;
      this.granted = this.topics;
      /** @type {string[]} */
      this.denied = [];
      /** @type {{stream: Stream, handlers: Handlers} | undefined} */
      this.own = undefined;
      /** @type {State} */
      this.state = "closed";
      this.ended = false;
      /** @type {Follower} */
      this.follower = new sse.Follower(this);
      this.resume();
    }

    get isRelayed() { return this.follower.isRelayed; }

    get #shares() { return tabs.canShare && this.#mayShare && !this.#isDetached; }

    /** @returns {Group | undefined} */
    get group() {
      const group = tabs.groups.get(this.key);
      return group?.subscriptions.has(this) ? group : undefined;
    }

    resume() {
      if (this.own || this.group) return;
      all.add(this);
      this.follower = new sse.Follower(this);
      const wasDenied = tabs.denied.delete(this);
      if (wasDenied) this.#isDetached = false;
      this.ended = false;
      this.#enter("connecting");
      if (!this.#shares || wasDenied) this.openOwn();
      else sse.joinGroup(this);
    }

    pause() {
      this.closeOwn();
      this.follower.clearCoverage();
      this.group?.remove(this);
      if (this.state === "open") this.#enter("reconnecting");
    }

    /** @param {State} [end] @param {number} [status] @param {boolean} [ended] */
    close(end = "closed", status, ended = false) {
      this.ended ||= ended;
      this.#hasEvents = false;
      tabs.denied.delete(this);
      if (end === "denied") {
        this.grant([]);
        if (tabs.canShare && this.#mayShare) {
          tabs.denied.add(this);
          tabs.join();
        }
      }
      this.pause();
      tabs.leave();
      all.delete(this);
      this.#enter(end, status);
    }

    /** @param {State} state @param {number} [status] */
    #enter(state, status) {
      if (state === "open") this.#wasOpen = true;
      else if (state === "connecting" && this.#wasOpen) state = "reconnecting";
      const changed = this.state !== state;
      this.state = state;
      if (changed || status !== undefined) attempt(() => this.#onstate(state, status));
    }

    /** Take the group's state, unless this subscription reads its own stream. @param {number} [status] */
    mirror(status) {
      const {group} = this;
      if (!group || this.own) return;
      if (group.state !== "open" || this.isRelayed) this.#enter(group.state, status);
    }

    reconnectNow() {
      this.resume();
      this.own?.stream.reconnectNow();
      this.group?.reconnectNow();
    }

    /** An event that this tab has caused is not shown here. @param {Block} block */
    take(block) {
      if (block.id !== undefined) this.cursor = block.id;
      if (block.data === undefined || (this.echo && block.echo?.includes(this.echo))) return;
      this.#hasEvents = true;
      attempt(() => this.#onevent(block));
    }

    /** @param {string[]} topics As granted by the server. */
    grant(topics) {
      this.granted = topics;
      const denied = this.topics.filter(pattern => !topics.some(topic => sse.matches(pattern, topic)));
      if (`${denied}` === `${this.denied}`) return;
      this.denied = denied;
      attempt(() => this.#ondenied?.());
    }

    // Its own stream

    /** Until the own stream is closed. @param {() => void} call @param {number} ms */
    runLater(call, ms) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(call, ms);
    }

    closeOwn() {
      const {own} = this;
      clearTimeout(this.#timer);
      this.own = undefined;
      own?.stream.close();
    }

    /** Leave the group and read on its own until the page is reloaded. */
    detach() {
      this.#isDetached = true;
      this.follower.clearCoverage();
      this.group?.remove(this);
      if (!this.own) this.openOwn();
    }

    openOwn() {
      this.closeOwn();
      /** @type {Handlers} */
      const handlers = {
        request: () => sse.requestFrom(new URL(this.#url), this.cursor, this.#headers),
        onopen: (response, opening) => { if (this.own === own) this.#onOwnOpen(response, opening); },
        onblocks: blocks => blocks.every((block, i) => {
          if (this.own !== own) return false;
          if (block.event === "sse-topics") {  // events for all subscribers or for this user still arrive
            this.grant(sse.parseJSON(block.data).topics ?? []);
            return true;
          }
          this.take(block);
          if (block.event === "sse-close") return this.close("closed", undefined, true);
          if (this.#isBehind && sse.isMark(block)) {
            this.#isBehind = false;
            attempt(() => this.oncaughtup?.());
          }
          const {group} = this;
          if (group && sse.isMark(block)) this.follower.onCaughtUp(group);
          const main = group?.leader.main;
          if (main?.stream === own.stream) group?.leader.read(main, blocks.slice(i + 1));  // promoted
          return true;
        }),
        onstate: (state, status) => {
          if (this.own !== own) return;
          if (state === "closed" || state === "denied") this.close(state, status, state === "denied" || status === 204);
          else this.#enter(state, status);
        },
      };
      const own = this.own = {handlers, stream: sse.openStream(handlers)};
    }

    /** @param {Response} response @param {Opening} [opening] @returns {void} */
    #onOwnOpen(response, opening) {
      if (sse.lostTopics(this.topics, opening)) return this.close("denied", response.status, true);
      this.tag = response.headers.get("SSE-User") ?? "";
      this.#isBehind = true;
      this.echo = response.headers.get("SSE-Echo");
      this.grant(opening?.topics ?? this.topics);
      if (this.#shares && this.tag && !this.group) sse.joinGroup(this);  // it was denied before
      const {group} = this;
      if (this.#hasEvents && !this.cursor) this.take({event: "sse-reset", data: '{"reason": "restarted"}'});
      if (group && !this.tag) group.isLeader ? group.sendToTabs({type: "alone"}) : this.detach();
    }
  }

  /** @type {Internals["subscribe"]} */
  sse.subscribe = options => new Subscription(options);
})();
