/**
 * The subscriptions of this tab to one route, which share a connection with those of the other tabs. The tabs elect a
 * leader. Only the leader keeps a stream, and it relays what it reads through the channel. This file owns the coverage,
 * the newest relayed id, the numbers of the messages and the state of the connection.
 *
 * A leader *covers* its topics: it relays all of their events later than a given id, for one user. A message is numbered
 * within its term. A missing number means a lost message. After a new leader or a lost message, nothing is covered until
 * the leader announces its coverage again, which the tab requests with `hello`.
 *
 * A leader whose stream is ended gives its lock back, and another tab may have the lock before the message about the end.
 * So an end that was sent before the present term began still counts, for the subscriptions that the leader relayed to.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  if (sse.isLoaded) return;

  const JOIN_TIMEOUT = 2000;  // ms for the browser to open the channel and grant the lock
  const {tabs, attempt} = sse;

  class Group {
    /** The number of the last message. */
    #number = 0;

    /** @param {string} key */
    constructor(key) {
      this.key = key;
      /** @type {Set<InternalSubscription>} Of this tab. */
      this.subscriptions = new Set();
      /** @type {Coverage | undefined} */
      this.coverage = undefined;
      /** The newest id that was relayed. */
      this.lastId = "";
      /** @type {State} */
      this.state = "connecting";
      /** Whether the browser has not answered in time. The subscriptions then read on their own. */
      this.isSlow = false;
      /** @type {Leader} */
      this.leader = new sse.Leader(this);
      this.election = new sse.Election(tabs.lockName(key), {
        onLead: () => {
          this.sendToTabs({type: "lead"});
          this.leader.start();
        },
        onStepDown: () => this.leader.stop(),
        onStolen: () => this.#hello(),
        onSilence: () => this.#post({type: "ping"}),
        onWatch: () => { for (const each of this.subscriptions) if (!each.own && !each.isRelayed) return this.#hello(); },
        onFailure: () => this.#disband(),
      });
      const timer = setTimeout(() => {
        this.isSlow = tabs.groups.get(key) === this;
        if (this.isSlow) sse.warn?.("alone", "no answer");
        for (const each of this.subscriptions) if (!each.own && !each.isRelayed) each.openOwn();
      }, JOIN_TIMEOUT);
      tabs.join().then(canShare => {
        clearTimeout(timer);
        this.isSlow = false;
        if (tabs.groups.get(key) !== this) return;
        if (!canShare) return this.#disband();
        this.election.start();
      });
    }

    get isLeader() { return this.election.isLeader; }

    // The subscriptions of this tab

    /** @param {InternalSubscription} subscription */
    add(subscription) {
      this.subscriptions.add(subscription);
      this.#hello();
      if (this.leader.needsStream) this.leader.openFirstStream();
      else if (this.coverage) subscription.follower.onCoverage(this.coverage);
      else if (this.isSlow) subscription.openOwn();
    }

    /** @param {InternalSubscription} subscription */
    remove(subscription) {
      if (!this.subscriptions.delete(subscription)) return;
      if (this.subscriptions.size) {
        this.#hello();
        if (this.leader.needsStream) this.leader.openFirstStream();
        return;
      }
      this.#post({type: "bye"});
      tabs.groups.delete(this.key);
      this.election.stop();
      tabs.leave();
    }

    /** The tabs of this browser cannot share after all. */
    #disband() { for (const each of [...this.subscriptions]) each.detach(); }

    /** @returns {TopicRequest} */
    topicRequest() {
      return sse.mergeRequests([...this.subscriptions]);
    }

    /** @param {State} state @param {number} [status] */
    #enter(state, status) {
      this.state = state;
      for (const each of [...this.subscriptions]) each.mirror(status);
    }

    /** @param {string} [id] */
    advanceTo(id) { this.lastId = id || this.lastId; }

    reconnectNow() {
      this.election.watchLeader();  // first, because a message that cannot be sent stops the election
      this.isLeader ? this.leader.reconnectNow() : this.#post({type: "reconnect"});
    }

    /** The server sees the user `tag`. The leader reopens its stream if it serves another one. @param {string} [tag] Without it, the leader reopens in any case. */
    verifyUser(tag) {
      if (!this.coverage || this.coverage.tag === tag) return;
      this.isLeader ? this.leader.reopen() : this.#post({type: "verify", tag});
    }

    /** A page of this browser was loaded. Its user may be another one. */
    async checkUser() {
      if (!this.isLeader || !this.coverage) return;
      try {
        const response = await fetch(new URL("user", this.key), {cache: "no-store", credentials: "include"});
        const {user} = response.ok ? await response.json() : {};
        if (user !== undefined) this.verifyUser(user);
      } catch (error) { /* without an answer, the user counts as the same */ }
    }

    // Messages

    /** Send to the other tabs. @param {any} message */
    #post(message) {
      try { tabs.post({key: this.key, ...message}); } catch (error) { this.#disband(); }
    }

    /** Send to all tabs as the leader, this tab included. @param {any} message */
    sendToTabs(message) {
      this.#number += 1;
      this.#post({...message, term: this.election.term, number: this.#number, at: Date.now()});
      this.#apply(message);
    }

    #hello() {
      if (this.isLeader) this.leader.resubscribe();
      else tabs.join().then(canShare => { if (canShare && this.subscriptions.size) this.#post({type: "hello", ...this.topicRequest()}); });
    }

    /** @param {any} message */
    onMessage(message) {
      const {type, from, tag} = message, {leader} = this;
      if (type === "hello") {
        if (tabs.isTopicRequest(message)) leader.onMember(from, message);
      } else if (type === "bye") leader.onBye(from);
      else if (type === "ping") {  // in a timer, because a frozen page receives messages, but runs no timers
        setTimeout(() => {
          if (!this.isLeader) return;
          this.sendToTabs({type: "pong"});
          leader.main?.stream.check();
        });
      } else if (type === "verify") {
        if (this.isLeader) this.verifyUser(tag);
      } else if (type === "reconnect") leader.reconnectNow();
      else if (tabs.isFromLeader(message)) this.#onLeaderMessage(message);
    }

    /** @param {any} message */
    #onLeaderMessage(message) {
      const {term, number, events = [], at} = message, {election} = this;
      const isNew = term > election.term, isLost = number !== this.#number + 1;
      if (!election.onLeaderMessage(term)) {
        if (at <= election.term) for (const each of [...this.subscriptions]) each.follower.receiveLate(events, at);
        return;
      }
      this.#number = number;
      if (isNew || isLost) {
        this.coverage = undefined;
        for (const each of this.subscriptions) each.follower.clearCoverage();
        this.#hello();
      }
      this.#apply(message);
    }

    /** Do what the leader's message requires, in its own tab as in all others. @param {any} message */
    #apply(message) {
      const {type, coverage, tabs: alone} = message;
      if (type === "coverage") {
        this.coverage = coverage;
        this.lastId = coverage.floor;
        this.#enter("open");
        for (const each of [...this.subscriptions]) each.follower.onCoverage(coverage);
      } else if (type === "events" && this.coverage) {
        this.advanceTo(message.last);
        for (const each of [...this.subscriptions]) {
          each.follower.receiveRelayed(message.events);
          if (message.caughtUp && each.isRelayed) attempt(() => each.oncaughtup?.());
        }
      } else if (type === "state") this.#enter(message.state, message.status);
      else if (type === "alone" && (!alone || alone.includes(tabs.tabId))) this.#disband();
    }
  }

  /** @type {Internals["joinGroup"]} */
  sse.joinGroup = subscription => {
    const {key} = subscription;
    let group = tabs.groups.get(key);
    if (!group) tabs.groups.set(key, group = new Group(key));
    group.add(subscription);
  };
})();
