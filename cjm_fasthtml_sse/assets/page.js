/**
 * What a page shows and knows of its streams: the state of each element, what happens after a reset, and the moments at
 * which a page comes and goes. Elements are *attached* to a subscription by the adapters in `htmx.js`.
 *
 * An element, and `<html>`, which has the worst of them, say their state in `data-sse-state`: `connecting`, `open`,
 * `reconnecting`, `stale` (something was missed), `closed`, `denied`. Each change is an event `sse:state`.
 */
(() => {
  "use strict";
  /** @type {SSE} */
  const sse = window.cjmSSE;
  if (window.cjmSSE.attach) return;

  const CONNECTS = sse.CONNECTS = ["sse-connect", "hx-sse-connect", "hx-sse\\:connect"]
    .map(name => `[${name}], [data-${name}]`).join();
  const WORST_FIRST = ["denied", "stale", "reconnecting", "connecting", "open", "closed"];
  const SETTLE = 500;  // ms: what lasts for less is not told to the reader
  const CALM = 60000;  // ms: what cannot be shown fails again and again, and pages are not to be loaded as often
  const reloaded = performance.getEntriesByType("navigation").some(each => /** @type {any} */ (each).type === "reload");

  /** @type {Map<Element, Attached>} */
  const attached = new Map();

  /** @type {SSE["elements"]} */
  const elements = sse.elements = (root = document) => [...root.querySelectorAll(CONNECTS)];

  /** @type {SSE["isLive"]} */
  sse.isLive = elt => !["closed", "denied", undefined].includes(attached.get(elt)?.subscription.state);

  /** @type {SSE["isEnded"]} */
  sse.isEnded = elt => Boolean(attached.get(elt)?.subscription.ended);

  /** @type {SSE["close"]} */
  sse.close = elt => attached.get(elt)?.subscription.close();

  /** @type {SSE["open"]} */
  sse.open = elt => {
    const entry = attached.get(elt);
    if (!entry?.reopen?.()) entry?.subscription.now();
  };

  // State

  /** @param {Attached} entry @returns {string} */
  const stateOf = ({stale, subscription: {state}}) => stale && state === "open" ? "stale" : state;

  /** @param {Attached} entry @param {number} [status] */
  function show(entry, status) {
    const {elt} = entry;
    const state = stateOf(entry);
    if (elt.getAttribute("data-sse-state") !== state) {
      elt.setAttribute("data-sse-state", state);
      elt.dispatchEvent(new CustomEvent("sse:state", {bubbles: true, detail: {state, status}}));
    }
    showPage();
  }

  /** @type {any} */
  let settling;

  function showPage() {
    const found = new Set([...attached.values()].map(stateOf));
    const state = WORST_FIRST.find(each => found.has(each));
    const html = document.documentElement;
    if (state) html.setAttribute("data-sse-state", state);
    else html.removeAttribute("data-sse-state");
    clearTimeout(settling);
    if (state === "open") indicate();
    else settling = setTimeout(indicate, SETTLE);
  }

  /** Indicators have a text for each state, which a screen reader hears as it changes. */
  function indicate() {
    const state = document.documentElement.getAttribute("data-sse-state");
    for (const elt of state ? document.querySelectorAll("[data-sse-indicator]") : []) {
      const text = elt.getAttribute(`data-${state}`) ?? "";
      elt.setAttribute("data-sse-state", state ?? "");
      if (elt.textContent !== text) elt.textContent = text;
    }
  }

  // Attaching

  /** @type {SSE["attach"]} */
  sse.attach = (elt, url, {headers, sink, onstate, reopen}) => {
    const before = attached.get(elt);
    if (before?.url === url && sse.isLive(elt)) {  // processed again: the stream goes on, and is heard by whoever asks now
      before.left?.();
      Object.assign(before, {sink, onstate, reopen, left: undefined});
      if (before.subscription.state !== "connecting") queueMicrotask(() => onstate(before.subscription.state));
      return before;
    }
    before?.subscription.close();
    /** @type {Attached} */
    const entry = {elt, url, sink, onstate, reopen, stale: false, held: undefined, subscription: /** @type {any} */ (undefined)};
    attached.set(elt, entry);
    entry.subscription = sse.subscribe({
      url, headers: headers ?? {}, share: elt.getAttribute("data-sse-share") !== "false",
      cursor: before?.url === url ? before.subscription.cursor : "",
      onevent: block => entry.held ? entry.held.push(block) : take(entry, block),
      onstate: (state, status) => {
        if (!entry.subscription) return;  // it is being made
        entry.onstate(state, status);
        show(entry, status);
      },
    });
    show(entry);
    return entry;
  };

  /** @param {Attached} entry @param {Block} block */
  function take(entry, block) {
    entry.sink(block);
    if (block.event === "sse-reset") reset(entry, block);
  }

  /** An element that is no longer in the page needs no stream, whoever took it out. */
  new MutationObserver(() => setTimeout(() => {
    for (const [elt, {subscription}] of attached) {
      if (elt.isConnected) continue;
      subscription.close();
      attached.delete(elt);
      showPage();
    }
  })).observe(document.documentElement, {childList: true, subtree: true});

  // Something was missed

  /** @param {Attached} entry @param {Block} block */
  function reset(entry, {data, id}) {
    const {elt} = entry;
    const {reason, last_event_id: lastEventId = id} = JSON.parse(data || "{}");
    const event = new CustomEvent("sse:reset", {bubbles: true, cancelable: true, detail: {reason, lastEventId}});
    if (!elt.dispatchEvent(event)) return;
    entry.stale = true;
    show(entry);
    const url = elt.getAttribute("data-sse-refresh");
    if (url === null || entry.refreshing) return;
    clearTimeout(entry.calming);
    const last = entry.refreshed ?? (reloaded && !url ? 0 : -CALM);
    const wait = reason === "render" ? last + CALM - performance.now() : 0;
    if (wait <= 0) renew(entry, url);
    else if (url) entry.calming = setTimeout(() => attached.get(elt) === entry && renew(entry, url), wait);
  }

  /** @param {Attached} entry @param {string} url Empty to load the page anew. */
  function renew(entry, url) {
    entry.refreshing = true;
    const spread = Number(entry.elt.getAttribute("data-sse-spread") ?? 3000);
    setTimeout(() => url ? refresh(entry, url) : location.reload(), Math.random() * spread);
  }

  /** Fetch what the element should hold; what arrives meanwhile is shown after it, unless the answer has it already. @param {Attached} entry @param {string} url */
  async function refresh(entry, url) {
    const {elt} = entry;
    /** @type {Block[]} */
    const held = entry.held = [];
    let seen = "";
    try {
      const response = await fetch(url, {headers: {"HX-Request": "true", Accept: "text/html"}, cache: "no-store"});
      if (response.ok) {
        seen = response.headers.get("Last-Event-ID") ?? "";
        await sse.swap(elt, await response.text(), "innerHTML");
        entry.stale = false;
      }
    } catch (error) {
      console.debug("sse: not refreshed", error);
    }
    entry.held = undefined;
    entry.refreshing = false;
    entry.refreshed = performance.now();
    for (const block of held) if (!seen || block.id === undefined || (block.id !== seen && sse.isLater(block.id, seen))) take(entry, block);
    show(entry);
  }

  // The page comes and goes

  /** The network or the reader is back: try at once what is down. */
  const revive = () => attached.forEach(({subscription}) => { if (!subscription.ended) subscription.now(); });

  /** @type {Subscription[]} */
  let left = [];

  // `pagehide` fires only when the page really goes; a download, a mailto link or a cancelled navigation do not.
  addEventListener("pagehide", () => {
    left = [...sse.subscriptions];
    left.forEach(each => each.pause());
  });
  addEventListener("pageshow", ({persisted}) => {
    left.splice(0).forEach(each => each.resume());
    if (persisted) revive();
  });
  addEventListener("online", revive);
  document.addEventListener("resume", revive);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) revive(); });
  addEventListener("htmx:sseReconnect", ({target}) => {
    if (target instanceof Element && target.matches(CONNECTS)) return sse.open(target);
    const root = target instanceof Element ? target : document;
    elements(root).filter(elt => !sse.isEnded(elt)).forEach(sse.open);
  }, true);  // on the way down, so that an event which does not bubble is heard too
  addEventListener("load", () => setTimeout(() => sse.subscriptions.size || sse.look()));
})();
