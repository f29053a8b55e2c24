/**
 * The elements of a page and the states of their streams. This file owns which element is *attached* to which
 * subscription. The adapters in `htmx2.js` and `htmx4.js` attach them. The streams pause when the page is left.
 *
 * An element has its state in `data-sse-state`: `connecting`, `open`, `reconnecting`, `stale` (events were missed),
 * `closed` or `denied`. `<html>` has the worst state of all elements. Each change is an event `sse:state`.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  if (sse.isLoaded) return;

  const CONNECTS = sse.CONNECTS = ["sse-connect", "hx-sse-connect", "hx-sse\\:connect"]
    .map(name => `[${name}], [data-${name}]`).join();
  const WORST_FIRST = ["denied", "stale", "reconnecting", "connecting", "open", "closed"];
  const MIN_SHOWN = 500;  // ms that a state must last to be shown
  const MAX_HELD = 1000;  // events held back during a refresh

  /** @type {Map<Element, Attached>} */
  const attached = new Map();

  /** @type {Internals["elements"]} */
  const elements = sse.elements = (root = document) => [...root.querySelectorAll(CONNECTS)];

  /** @type {Internals["isLive"]} */
  sse.isLive = elt => !["closed", "denied", undefined].includes(attached.get(elt)?.subscription.state);

  /** @type {Internals["isEnded"]} */
  sse.isEnded = elt => Boolean(attached.get(elt)?.subscription.ended);

  /** @type {Internals["isAttached"]} */
  sse.isAttached = entry => attached.get(entry.elt) === entry;

  /** @type {Internals["close"]} */
  sse.close = elt => attached.get(elt)?.subscription.close("closed", undefined, true);

  /** @type {Internals["open"]} */
  sse.open = elt => {
    const entry = attached.get(elt);
    if (!entry?.reopen?.()) entry?.subscription.reconnectNow();
  };

  // State

  /** An element that is denied all of its topics is denied, although it still receives events for all subscribers. @param {Attached} entry @returns {string} */
  const stateOf = ({isStale, subscription: {state, denied, topics}}) =>
    state !== "open" ? state : denied.length && denied.length === topics.length ? "denied" : isStale ? "stale" : state;

  /** @type {Internals["showState"]} If a topic is back that the last refresh lacked, the element is refreshed again: no reset tells of it where the stream lost and regained the topic between two ids. */
  const showState = sse.showState = (entry, status) => {
    const {elt, subscription: {state: streamState, denied}} = entry;
    if (streamState === "open" && !entry.isRefreshing && !sse.includesAll(denied, [...entry.lacked ?? []])) sse.startRefresh(entry);
    for (const each of streamState === "denied" ? [""] : denied) entry.lacked?.add(each);
    const state = stateOf(entry);
    if (elt.getAttribute("data-sse-state") !== state) {
      elt.setAttribute("data-sse-state", state);
      elt.dispatchEvent(new CustomEvent("sse:state", {bubbles: true, detail: {state, status}}));
    }
    showPageState();
  };

  /** @param {Attached} entry */
  function showDenied({elt, subscription: {denied}}) {
    if (denied.length) elt.setAttribute("data-sse-denied", denied.join(" "));
    else elt.removeAttribute("data-sse-denied");
  }

  /** @type {any} */
  let timer;

  function showPageState() {
    const found = new Set([...attached.values()].map(stateOf));
    const state = WORST_FIRST.find(each => found.has(each));
    const html = document.documentElement;
    if (state) html.setAttribute("data-sse-state", state);
    else html.removeAttribute("data-sse-state");
    clearTimeout(timer);
    if (state === "open") updateIndicators();
    else timer = setTimeout(updateIndicators, MIN_SHOWN);
  }

  /** An indicator has a text for each state, which screen readers announce, and a button if only a reload helps. */
  function updateIndicators() {
    const state = document.documentElement.getAttribute("data-sse-state");
    const refreshes = [...attached.values()].some(each => each.isRefreshing || each.delay);
    for (const elt of state ? document.querySelectorAll("[data-sse-indicator]") : []) {
      const text = elt.getAttribute(`data-${state}`) ?? "";
      const reload = (state === "stale" && !refreshes && elt.getAttribute("data-reload")) || "";
      elt.setAttribute("data-sse-state", /** @type {string} */ (state));
      if (elt.textContent === text + (reload && ` ${reload}`)) continue;
      elt.textContent = text;
      if (!reload) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = reload;
      button.onclick = () => location.reload();
      elt.append(" ", button);
    }
  }

  // Attaching

  /** @param {string} url */
  const idOf = url => new URL(url, document.baseURI).searchParams.get("connection_id");

  /** Warn if another element of the page has the same `connection_id`. @param {Element} elt @param {string} url */
  function checkId(elt, url) {
    const id = idOf(url);
    if (id && [...attached].some(([other, entry]) => other !== elt && other.isConnected && sse.isLive(other) && idOf(entry.url) === id)) {
      sse.warn?.("twice", id);
    }
  }

  /** @type {Internals["attach"]} */
  sse.attach = (elt, url, {headers, sink, onstate, reopen, onreset, oncaughtup}) => {
    const before = attached.get(elt);
    if (before?.url === url && sse.isLive(elt)) {  // htmx has processed the element again: the stream goes to the new sink
      before.onreplaced?.();
      Object.assign(before, {sink, onstate, reopen, onreset, oncaughtup, onreplaced: undefined});
      if (before.subscription.state !== "connecting") queueMicrotask(() => onstate(before.subscription.state));
      return before;
    }
    before?.subscription.close();
    checkId(elt, url);
    const same = before?.url === url ? before : undefined, cursor = same?.subscription.cursor ?? "";
    /** @type {Attached} A refresh that is under way goes on. */
    const entry = Object.assign(same ?? {isStale: false}, {elt, url, sink, onstate, reopen, onreset, oncaughtup, subscription: /** @type {any} */ (undefined)});
    attached.set(elt, entry);
    entry.subscription = subscribe(entry, headers ?? {}, cursor);
    showDenied(entry);
    showState(entry);
    return entry;
  };

  /** @param {Attached} entry @param {Record<string, string>} headers @param {string} cursor */
  const subscribe = (entry, headers, cursor) => sse.subscribe({
    url: entry.url, headers, share: entry.elt.getAttribute("data-sse-share") !== "false", cursor,
    onevent: block => {
      if (!entry.held) return deliver(entry, block);
      if (entry.held.push(block) >= MAX_HELD) entry.cancelRefresh?.();
    },
    onstate: (state, status) => {
      if (!entry.subscription) return;  // inside `sse.subscribe`
      entry.onstate(state, status);
      showState(entry, status);
    },
    ondenied: () => {
      if (!entry.subscription) return;
      showDenied(entry);
      showState(entry);
    },
    oncaughtup: () => entry.oncaughtup?.(),
    onretry: () => sse.open(entry.elt),
  });

  /** @type {Internals["deliver"]} An event that the last refresh already contains may arrive after it. A right that is regained has no new id. */
  const deliver = sse.deliver = (entry, block) => {
    if (entry.seen && block.id && !block.data?.includes("regained") && !sse.isLater(block.id, entry.seen)) return;
    sse.warn?.("event", block, entry);
    entry.sink(block);
    if (block.event === "sse-reset") (entry.onreset ?? sse.onReset)(entry, block);
  };

  /** An element that is no longer in the page needs no stream. */
  new MutationObserver(() => setTimeout(() => {
    for (const [elt, {subscription}] of attached) {
      if (elt.isConnected) continue;
      attached.delete(elt);
      subscription.close();
      showPageState();
    }
  })).observe(document.documentElement, {childList: true, subtree: true});

  // Leaving and returning

  /** The network or the user is back. @param {ParentNode} [root] */
  const reconnectAll = root => (root ? elements(root) : [...attached.keys()]).filter(elt => !sse.isEnded(elt)).forEach(sse.open);

  /** @type {Subscription[]} */
  let paused = [];

  function pauseAll() {
    paused.push(...sse.subscriptions);
    paused.forEach(each => each.pause());
  }

  const resumeAll = () => paused.splice(0).forEach(each => each.resume());

  // `pagehide` fires only when the page is really left, not for a download, a mailto link or a cancelled navigation. A
  // frozen page reads nothing, so it must not lead the other tabs.
  addEventListener("beforeunload", () => { sse.leaving = performance.now(); });
  addEventListener("pagehide", pauseAll);
  document.addEventListener("freeze", pauseAll);
  addEventListener("pageshow", ({persisted}) => {
    resumeAll();
    if (persisted) reconnectAll();
  });
  addEventListener("online", () => reconnectAll());
  document.addEventListener("resume", () => {
    resumeAll();
    reconnectAll();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) reconnectAll(); });
  addEventListener("htmx:sseReconnect", ({target}) => {
    if (target instanceof Element && attached.has(target)) return sse.open(target);
    reconnectAll(target instanceof Element ? target : document);
  }, true);  // in the capture phase, for events that do not bubble
  addEventListener("load", () => setTimeout(() => sse.subscriptions.size || sse.askUserCheck()));
})();
