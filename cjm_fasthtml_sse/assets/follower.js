/**
 * How a subscription follows the relay of its group's leader. This file owns the id from which the subscription is covered
 * and the relayed blocks that are held back until it has caught up.
 *
 * A subscription is covered from the id `floor` on. It follows the relay as soon as its own stream has brought it that far.
 * Until then, relayed blocks are held back. Its own stream must have the same user, and the same granted topics, as the
 * leader's. Where these differ, a right has changed in between: the leader reopens its stream once, and after that the
 * subscription reads on its own.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  if (sse.isLoaded) return;

  const MAX_HELD = 1000;  // events held back while a subscription catches up
  const REOPEN_DELAY = 500, COVERAGE_DELAY = 1000;  // ms
  const {matchesAny, includesAll} = sse;

  sse.Follower = class {
    #subscription;
    /** @type {string | undefined} */
    #floor;
    /** @type {Block[]} Relayed since `floor`, while the subscription catches up. */
    #held = [];
    /** Whether the leader was asked to reopen its stream. */
    #hasVerified = false;
    isRelayed = false;
    /** When the subscription began to follow leaders. @type {any} */
    #since;

    /** @param {InternalSubscription} subscription */
    constructor(subscription) { this.#subscription = subscription; }

    clearCoverage() {
      this.isRelayed = false;
      this.#floor = undefined;
      this.#held = [];
    }

    /** Whether the leader's stream lacks a topic that the subscription was granted, or has one that it was denied. @param {Coverage} coverage */
    #differs({topics}) {
      const {granted, denied} = this.#subscription;
      return !includesAll(topics, granted) || denied.some(pattern => topics.includes(pattern));
    }

    /** Whether `id` is later than the cursor, or of another epoch. @param {string} id */
    #isAfter(id) { return sse.isLater(id, this.#subscription.cursor); }

    /** The leader announces its coverage. @param {Coverage} coverage */
    onCoverage(coverage) {
      const own = this.#subscription, {group} = own;
      if (!group || !sse.covers({...coverage, topics: coverage.asked}, own)) return this.clearCoverage();
      if (this.#floor === undefined || coverage.isFresh) {
        this.clearCoverage();
        this.#floor = group.lastId;  // later than the coverage's own floor for one that joins later
      }
      const hasSameUser = own.tag === coverage.tag;
      if (coverage.isNarrowed && this.isRelayed && hasSameUser) own.grant(own.granted.filter(topic => coverage.topics.includes(topic)));
      const differs = this.#differs(coverage);
      if (this.isRelayed && hasSameUser && !differs) return;
      this.isRelayed = false;
      if (!own.own && (differs || coverage.isFresh || !this.#startRelay(coverage))) own.openOwn();
    }

    /** The subscription's own stream has sent all that the server had. @param {Group} group @returns {void} */
    onCaughtUp(group) {
      const own = this.#subscription;
      const {coverage} = group;
      if (group.leader.needsStream) return group.leader.promote(own, own.tag);
      if (coverage && this.#floor !== undefined && own.tag === coverage.tag) {
        if (this.#differs(coverage)) {
          if (this.#hasVerified) return own.detach();
          this.#hasVerified = true;
          return group.verifyUser();
        }
        this.#hasVerified = false;
        if (!this.#startRelay(coverage)) own.runLater(() => own.openOwn(), REOPEN_DELAY);  // another process has not read as far
        return;
      }
      if (!coverage && group.isSlow) return;
      own.closeOwn();
      if (coverage && own.tag !== coverage.tag) sse.userChanged(own.tag);
      own.runLater(() => { if (group.coverage) this.onCoverage(group.coverage); }, COVERAGE_DELAY);
    }

    /** Follow the relay from now on. Returns false if the subscription has not seen all events before. @param {Coverage} coverage */
    #startRelay(coverage) {
      const own = this.#subscription, held = this.#held, floor = this.#floor;
      if (floor === undefined || own.tag !== coverage.tag || !own.cursor || this.#isAfter(floor)) return false;
      own.closeOwn();
      this.#held = [];
      this.isRelayed = true;
      this.#since ??= Date.now();
      own.mirror();
      this.receiveRelayed(held);
      sse.attempt(() => own.oncaughtup?.());
      return true;
    }

    /** @param {Block[]} events @returns {void} */
    receiveRelayed(events) {
      const own = this.#subscription;
      if (!this.isRelayed) return this.#hold(events);
      for (const block of events) {
        const {id, topic, event} = block;
        if (id !== undefined && !this.#isAfter(id)) continue;
        const isEnd = sse.closesTopics(block, own.topics);
        const isMine = event === "sse-close" ? isEnd : !topic || matchesAny(own.granted, topic);
        if (!isMine && topic && matchesAny(own.topics, topic)) return own.detach();  // the leader had the topic then, so its ids have no mark for it
        own.take(isMine ? block : {id});
        if (isEnd) return own.close("closed", undefined, true);
        if (!this.isRelayed) return;
      }
    }

    /** Blocks that an earlier leader sent at the time `at`. An end among them counts for this subscription, which followed it; events do not, since earlier ones may be lost. @param {Block[]} events @param {number} at */
    receiveLate(events, at) {
      const own = this.#subscription, end = events.find(block => sse.closesTopics(block, own.topics));
      if (!end || !(this.#since <= at)) return;
      own.take(end);
      own.close("closed", undefined, true);
    }

    /** @param {Block[]} events */
    #hold(events) {
      const {group} = this.#subscription;
      if (this.#floor === undefined) return;
      this.#held.push(...events);
      if (this.#held.length <= MAX_HELD || !group) return;
      this.#held = [];
      this.#floor = group.lastId;
    }
  };
})();
