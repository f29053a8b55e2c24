/**
 * This tab among the others of its browser. The file owns the `BroadcastChannel` to the other tabs, the id of this tab and
 * the lock that shows that the tab is alive. It passes each message to the group that it is for. It also knows the
 * groups and the denied subscriptions of this tab: while there are any, the channel stays open.
 *
 * `VERSION` is in the names of the channel and the locks. A change of the messages needs another version. During a
 * deploy, tabs of two versions then have a leader each.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  if (sse.isLoaded) return;

  const VERSION = sse.VERSION = "1", NAME = `cjm-sse/${VERSION}`;
  const QUERY_TIMEOUT = 2000;  // ms for the browser to list its locks

  let canShare = Boolean(window.isSecureContext && navigator.locks && window.BroadcastChannel);
  const tabId = sse.tabId = crypto.getRandomValues(new Uint32Array(4)).join("-");
  /** @type {Map<string, Group>} */
  const groups = new Map();
  /** @type {Set<InternalSubscription>} */
  const denied = new Set();
  /** The last decision of the server for each route, by which its denied subscriptions were reopened. @type {Map<string, string>} */
  const decisions = new Map();
  /** @type {BroadcastChannel | undefined} */
  let channel;
  /** @type {AbortController | undefined} */
  let presenceLock;
  /** @type {Promise<boolean> | undefined} */
  let joined;

  sse.sharing = {on: true};

  /** @type {Internals["attempt"]} */
  const attempt = sse.attempt = call => {
    try { call(); } catch (error) { console.error("cjm-fasthtml-sse:", error); }
  };

  /** @param {string} name @returns {string} */
  const lockName = name => `${NAME} ${name}`;

  /** @param {unknown} each */
  const isText = each => typeof each === "string";
  /** @param {unknown} list */
  const areTexts = list => Array.isArray(list) && list.every(isText);
  /** @param {any} each */
  const isBlock = each => Object(each) === each && ["id", "event", "data", "topic", "echo"].every(name => each[name] === undefined || isText(each[name]));

  /** Whether a message is from a leader. Other scripts may know the name of the channel. @param {any} message */
  const isFromLeader = ({type, term, number, coverage, events, state}) => [term * 2, number].every(Number.isSafeInteger) && (
    type === "coverage" ? [coverage?.topics, coverage?.asked, coverage?.signed].every(areTexts) && isText(coverage.floor)
      : type === "events" ? Array.isArray(events) && events.every(isBlock)
        : type === "state" ? isText(state) : ["lead", "alone", "pong"].includes(type));

  /** @param {any} message */
  const isTopicRequest = ({topics, signed}) => [topics, signed].every(areTexts);

  /**
   * Open the channel and request the lock of this tab. Until the lock is held, other tabs would take this one for crashed.
   * Where the browser blocks site data, it throws or rejects. A group that gets no answer in time stops waiting.
   */
  const join = () => joined ??= new Promise(answer => {
    const {signal} = presenceLock = new AbortController();
    const fail = (/** @type {unknown} */ error) => {
      if (signal.aborted) return;
      canShare = false;
      leave();
      answer(false);
      sse.warn?.("alone", error);
    };
    try {
      channel = new BroadcastChannel(NAME);
      channel.onmessage = ({data}) => onMessage(data);
      navigator.locks.request(lockName(tabId), {signal}, () => new Promise(free => {
        signal.addEventListener("abort", free);
        answer(true);
      })).catch(fail);
    } catch (error) { fail(error); }
  });

  function leave() {
    if (canShare && (groups.size || denied.size)) return;
    channel?.close();
    presenceLock?.abort();
    channel = joined = undefined;
  }

  /** @param {any} message */
  function onMessage(message) {
    if (message?.key) attempt(() => groups.get(message.key)?.onMessage(message));
    else if (message?.type === "check") {
      for (const group of groups.values()) group.checkUser();
      for (const each of [...denied]) each.onretry();
    }
    if (message?.type === "coverage" && isFromLeader(message)) retryDenied(message);
  }

  /** Reopen the denied subscriptions after a new decision of the server: for a stream that broke, or for another user. @param {any} message */
  function retryDenied({key, coverage}) {
    const decision = `${coverage.tag} ${coverage.decision}`;
    if (decisions.get(key) === decision) return;
    decisions.set(key, decision);
    for (const each of [...denied]) if (each.key === key) attempt(each.onretry);
  }

  /** A test for tabs that hold their lock. All pass if the browser does not answer. @returns {Promise<(tab: string) => boolean>} */
  async function findAlive() {
    const query = new Promise(resolve => { resolve(navigator.locks.query()); });
    const timeout = new Promise(resolve => { setTimeout(resolve, QUERY_TIMEOUT); });
    const {held} = await Promise.race([query, timeout]).catch(() => {}) ?? {};
    const names = held?.map((/** @type {LockInfo} */ lock) => lock.name);
    return tab => !names || names.includes(lockName(tab));
  }

  sse.tabs = {
    tabId, groups, denied, lockName, isFromLeader, isTopicRequest, join, leave, findAlive,
    get canShare() { return canShare; },
    post: message => {
      channel?.postMessage({from: tabId, ...message});
      if (message.coverage) retryDenied(message);
    },
  };

  /** @type {Internals["askUserCheck"]} */
  sse.askUserCheck = () => {
    if (!canShare || channel) return;
    attempt(() => {
      const once = new BroadcastChannel(NAME);
      once.postMessage({type: "check"});
      once.close();
    });
  };

  /** @type {Internals["userChanged"]} */
  sse.userChanged = tag => { for (const group of groups.values()) group.verifyUser(tag); };
})();
