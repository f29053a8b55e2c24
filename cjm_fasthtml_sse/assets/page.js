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
  const CALM = 60000;  // ms: what cannot be shown, or is cut off on the way, is so again and again, and pages are not to be loaded as often
  const DEADLINE = 30_000, MAX_HELD = 1000;  // ms that a refresh may take, and events that are kept meanwhile
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

  /** Denied is also who may hear nothing of what it asked for, and goes on to hear what is for everyone. @param {Attached} entry @returns {string} */
  const stateOf = ({stale, subscription: {state, denied, topics}}) =>
    state !== "open" ? state : denied.length && denied.length === topics.length ? "denied" : stale ? "stale" : state;

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

  /** Which of its topics an element may not hear. @param {Attached} entry */
  function showDenied({elt, subscription: {denied}}) {
    if (denied.length) elt.setAttribute("data-sse-denied", denied.join(" "));
    else elt.removeAttribute("data-sse-denied");
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

  /** Indicators have a text for each state, which a screen reader hears as it changes, and a button where only a reload helps. */
  function indicate() {
    const state = document.documentElement.getAttribute("data-sse-state");
    const renewing = [...attached.values()].some(each => each.refreshing || each.calming);
    for (const elt of state ? document.querySelectorAll("[data-sse-indicator]") : []) {
      const text = elt.getAttribute(`data-${state}`) ?? "";
      const reload = (state === "stale" && !renewing && elt.getAttribute("data-reload")) || "";
      elt.setAttribute("data-sse-state", state ?? "");
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
    const id = idOf(url);
    if (id && [...attached].some(([other, entry]) => other !== elt && other.isConnected && sse.isLive(other) && idOf(entry.url) === id)) {
      sse.wrong?.("twice", id);
    }
    const same = before?.url === url ? before : undefined;
    /** @type {Attached} */
    const entry = {elt, url, sink, onstate, reopen, stale: Boolean(same?.stale), barred: same?.barred, held: undefined,
      subscription: /** @type {any} */ (undefined)};
    attached.set(elt, entry);
    entry.subscription = sse.subscribe({
      url, headers: headers ?? {}, share: elt.getAttribute("data-sse-share") !== "false",
      cursor: same?.subscription.cursor ?? "",
      onevent: block => {
        if (!entry.held) return take(entry, block);
        if (entry.held.push(block) >= MAX_HELD) entry.giveUp?.();
      },
      onstate: (state, status) => {
        if (!entry.subscription) return;  // it is being made
        entry.onstate(state, status);
        show(entry, status);
        if (entry.barred && state === "open") renew(entry, elt.getAttribute("data-sse-refresh") ?? "");
      },
      ondenied: () => {
        if (!entry.subscription) return;
        showDenied(entry);
        show(entry);
      },
      again: () => sse.open(elt),
    });
    showDenied(entry);
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
    const {reason, last_event_id: lastEventId = id, cut} = sse.parse(data);
    const event = new CustomEvent("sse:reset", {bubbles: true, cancelable: true, detail: {reason, lastEventId}});
    if (!elt.dispatchEvent(event)) return;
    entry.stale = true;
    show(entry);
    const url = elt.getAttribute("data-sse-refresh");
    if (url === null || entry.refreshing) return;
    clearTimeout(entry.calming);
    const last = entry.refreshed ?? (reloaded && !url ? 0 : -CALM);
    const wait = reason === "render" || cut ? last + CALM - performance.now() : 0;
    if (wait <= 0) renew(entry, url);
    else if (url) entry.calming = setTimeout(() => attached.get(elt) === entry && renew(entry, url), wait);
    showPage();
  }

  /** @param {Attached} entry @param {string} url Empty to load the page anew. */
  function renew(entry, url) {
    entry.refreshing = true;
    entry.barred = false;
    entry.calming = undefined;
    const spread = Number(entry.elt.getAttribute("data-sse-spread") ?? 3000);
    setTimeout(() => url ? refresh(entry, url) : location.reload(), Math.random() * spread);
  }

  /** Whether an answer is something else than what was asked for: a sign-in page, say. @param {Response} response @param {string} url */
  function isElsewhere({status, redirected, headers, url: found}, url) {
    const place = (/** @type {string} */ each) => {
      const {host, pathname} = new URL(each, document.baseURI);
      return host + pathname.replace(/\/$/, "");
    };
    return status === 401 || status === 403 || headers.has("HX-Redirect") || headers.has("HX-Location")
      || (redirected && place(found) !== place(url));
  }

  /**
   * Fetch what the element should hold; what arrives meanwhile is shown after it, unless the answer has it already. A
   * page that may not have it is denied. No answer in time, or too much meanwhile: the element stays stale, and goes on.
   * @param {Attached} entry @param {string} url
   */
  async function refresh(entry, url) {
    const {elt} = entry;
    /** @type {Block[]} */
    const held = entry.held = [];
    const request = new AbortController();
    let seen = "", status = 0;
    const fetched = async () => {
      const response = await fetch(url, {headers: {"HX-Request": "true", Accept: "text/html"}, cache: "no-store", signal: request.signal});
      if (isElsewhere(response, url)) return status = response.status;
      if (!response.ok) return;
      const text = await response.text();
      if (request.signal.aborted) return;
      seen = response.headers.get("Last-Event-ID") ?? "";
      await sse.swap(elt, text, "innerHTML");
      entry.stale = request.signal.aborted;
    };
    const over = new Promise(resolve => { entry.giveUp = () => { request.abort(); resolve(undefined); }; });
    const timer = setTimeout(() => entry.giveUp?.(), DEADLINE);
    await Promise.race([fetched(), over]).catch(error => console.debug("sse: not refreshed", error));
    clearTimeout(timer);
    entry.held = entry.giveUp = undefined;
    entry.refreshing = false;
    entry.refreshed = performance.now();
    for (const block of held) if (!seen || block.id === undefined || (block.id !== seen && sse.isLater(block.id, seen))) take(entry, block);
    if (status) {
      entry.barred = true;
      entry.subscription.close("denied", status, true);
    }
    show(entry);
  }

  // The page comes and goes

  /** The network or the reader is back: try at once what is down. */
  const revive = () => attached.forEach(({subscription}) => { if (!subscription.ended) subscription.now(); });

  /** @type {Subscription[]} */
  let left = [];

  function leave() {
    left.push(...sse.subscriptions);
    left.forEach(each => each.pause());
  }

  function comeBack() {
    left.splice(0).forEach(each => each.resume());
  }

  // `pagehide` fires only when the page really goes; a download, a mailto link or a cancelled navigation do not. A page
  // that is frozen reads nothing, and would lead the other tabs all the same.
  addEventListener("beforeunload", () => { sse.leaving = performance.now(); });
  addEventListener("pagehide", leave);
  document.addEventListener("freeze", leave);
  addEventListener("pageshow", ({persisted}) => {
    comeBack();
    if (persisted) revive();
  });
  addEventListener("online", revive);
  document.addEventListener("resume", () => {
    comeBack();
    revive();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) revive(); });
  addEventListener("htmx:sseReconnect", ({target}) => {
    if (target instanceof Element && target.matches(CONNECTS)) return sse.open(target);
    const root = target instanceof Element ? target : document;
    elements(root).filter(elt => !sse.isEnded(elt)).forEach(sse.open);
  }, true);  // on the way down, so that an event which does not bubble is heard too
  addEventListener("load", () => setTimeout(() => sse.subscriptions.size || sse.look()));
})();
