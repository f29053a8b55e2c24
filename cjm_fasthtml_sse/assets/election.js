/**
 * The election of one leader among several tabs. The holder of a Web Lock leads, so there is at most one leader, and the
 * browser names the next as soon as a tab is closed or crashes. This file owns the lock of a group, its `term` and the
 * time of the leader's last message. It knows neither streams nor topics: the group gives it callbacks.
 *
 * `term` counts leaders, and is the time at which its leader got the lock. Messages of an earlier term are ignored, except
 * for an end (see `group.js`). A leader that is frozen keeps its lock and sends
 * nothing, so a leader without a message for some seconds is asked once. If it does not answer, its lock is stolen.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  if (sse.isLoaded) return;

  const MAX_SILENCE = 3000, MAX_HIDDEN_SILENCE = 30_000;  // ms without a message until the leader is asked; and in a hidden tab
  const ANSWER_TIMEOUT = 4000;  // ms for the leader to answer
  const MIN_WAIT = 500;  // ms

  sse.Election = class {
    #lock;
    #callbacks;
    #lastMessageAt = Date.now();
    /** @type {(() => void) | undefined} */
    #releaseLock;
    /** @type {AbortController | undefined} Of the last request for the lock. */
    #request;
    /** @type {any} */
    #timer;
    term = 0;

    /** @param {string} lock @param {ElectionCallbacks} callbacks */
    constructor(lock, callbacks) {
      this.#lock = lock;
      this.#callbacks = callbacks;
    }

    get isLeader() { return !!this.#releaseLock; }

    start() {
      this.#campaign();
      this.watchLeader();
    }

    /** For good: give the lock back, and request it no more. */
    stop() {
      clearTimeout(this.#timer);
      this.#request?.abort();
      this.#request = undefined;
      this.stepDown();
    }

    /** Request the lock. @param {boolean} [steal] */
    #campaign(steal = false) {
      const request = this.#request = new AbortController();
      const options = steal ? {steal} : {signal: request.signal};
      let wasHeld = false;
      navigator.locks.request(this.#lock, options, () => new Promise(release => {
        if (request.signal.aborted) return release(undefined);
        wasHeld = true;
        this.#releaseLock = () => release(undefined);
        this.#becomeLeader();
      })).catch(() => {
        if (request.signal.aborted) return;
        if (!wasHeld) return this.#callbacks.onFailure();
        this.stepDown();
        this.#campaign();
        this.#callbacks.onStolen();
      }).then(() => { if (wasHeld && this.#request === request) this.#campaign(); });
    }

    #becomeLeader() {
      this.term = Math.max(this.term + 1, Date.now());  // above the term of a leader that was robbed a moment ago
      this.#callbacks.onLead();
    }

    /** Give the lock back, if this tab holds it, and wait for it again. */
    stepDown() {
      const releaseLock = this.#releaseLock;
      this.#releaseLock = undefined;
      this.#callbacks.onStepDown();
      releaseLock?.();
    }

    /** A message of a leader has arrived. Returns false if it is from an earlier leader. @param {number} term */
    onLeaderMessage(term) {
      if (term < this.term || (term === this.term && this.isLeader)) return false;
      this.#lastMessageAt = Date.now();
      this.term = term;
      if (this.isLeader) this.stepDown();  // there is a later leader: this tab was frozen
      return true;
    }

    /** Ask a leader that is silent, and take its place if it does not answer. */
    watchLeader() {
      clearTimeout(this.#timer);
      const silence = (document.hidden ? MAX_HIDDEN_SILENCE : MAX_SILENCE) * (1 + Math.random() / 2);
      this.#timer = setTimeout(() => {
        this.#callbacks.onWatch();
        if (this.isLeader) this.#lastMessageAt = Date.now();
        if (Date.now() - this.#lastMessageAt < silence) return this.watchLeader();
        const askedAt = Date.now();
        this.#timer = setTimeout(() => {
          if (!this.isLeader && this.#lastMessageAt < askedAt) {
            this.#request?.abort();
            this.#campaign(true);
          }
          this.watchLeader();
        }, ANSWER_TIMEOUT + Math.random() * 1000);
        this.#callbacks.onSilence();  // last, because it may stop the election
      }, Math.max(this.#lastMessageAt + silence - Date.now(), MIN_WAIT));
    }
  };
})();
