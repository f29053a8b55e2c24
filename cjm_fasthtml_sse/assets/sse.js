/**
 * One face for the two ways in which htmx reads a stream: htmx 2 with its extension `sse` (an `EventSource`) and htmx 4
 * with `hx-sse` (`fetch`). It makes both treat the elements of `create_sse_element` alike, and lets other scripts ask
 * whether an element's stream lives, end it and take it up again. It keeps no connection of its own. `sse.d.ts` says
 * what it offers.
 *
 * An element of `create_sse_element` is known by `data-sse-swap`, which names the events that it swaps. Elements that
 * are written by hand (`sse-connect`, `hx-sse:connect`) can be opened and closed, and swap as htmx alone would do it.
 */
(() => {
  "use strict";
  const sse = window.cjmSSE ??= {};
  if (sse.open) return;

  const CONNECTS = "[data-sse-connect], [sse-connect], [hx-sse-connect], [hx-sse\\:connect]";
  const OUT_OF_BAND = "[hx-swap-oob], [data-hx-swap-oob]";

  /**
   * What htmx does not keep of an element.
   * @typedef {Object} State
   * @property {string} [lastId] The newest id seen.
   * @property {boolean} [ended] The server ended the stream for good.
   * @property {EventSource} [source] htmx 2: what the element reads.
   * @property {boolean} [pending] htmx 4: a first request is on its way; false once it is answered.
   * @property {boolean} [closing] htmx 4: the stream still has to end.
   * @property {boolean} [reopen] htmx 4: a new one is wanted then.
   */
  /** @type {WeakMap<Element, State>} */
  const states = new WeakMap();

  /** @param {Element} elt @returns {State} */
  function stateOf(elt) {
    let state = states.get(elt);
    if (!state) states.set(elt, state = {});
    return state;
  }

  /** @type {SSE["sourceOf"]} */
  const sourceOf = elt => elt["htmx-internal-data"]?.sseEventSource;

  /** @param {any} elt The connection that htmx 4's extension reads. */
  const connectionOf = elt => elt._htmx?.sse;

  /** Where htmx 4's `metaCharacter` is a dash, its events are spelled with dashes. @type {SSE["on"]} */
  function on(name, handle) {
    document.addEventListener(name, handle);
    document.addEventListener(name.replaceAll(":", "-"), handle);
  }

  /** @type {SSE["elements"]} */
  const elements = (root = document) => [...root.querySelectorAll(CONNECTS)];

  /** @type {SSE["isLive"]} */
  function isLive(elt) {
    const source = sourceOf(elt);
    return source ? source.readyState !== EventSource.CLOSED : Boolean(connectionOf(elt) || stateOf(elt).pending);
  }

  /** @type {SSE["isEnded"]} */
  const isEnded = elt => Boolean(stateOf(elt).ended);

  /** @type {SSE["close"]} */
  function close(elt) {
    sourceOf(elt)?.close();
    const connection = connectionOf(elt);
    if (!connection) return;
    stateOf(elt).closing = true;
    connection.config.reconnect = false;
    connection.abortController.abort();
  }

  /** @type {SSE["open"]} */
  function open(elt) {
    const state = stateOf(elt);
    const connection = connectionOf(elt);
    state.ended = false;
    if (connection?.delayCanceller) {  // between two tries: go on with that loop, now
      state.closing = false;
      connection.config.reconnect = true;
      connection.delayCanceller();
    } else if (state.closing) {
      state.reopen = true;
    } else if (!isLive(elt) && (sourceOf(elt) || state.pending === false)) {
      parseInt(htmx.version) >= 4 ? open4(elt, state) : open2(elt);
    }
  }

  /** htmx 2 makes each source from the attribute, and knows no other way to name the last id. @param {Element} elt */
  function rememberId(elt) {
    const {lastId} = stateOf(elt);
    const name = elt.hasAttribute("sse-connect") ? "sse-connect" : "data-sse-connect";
    const [url, fragment] = (elt.getAttribute(name) ?? "").split("#", 2);
    if (!lastId || !url) return;
    const bare = url.replace(/([?&])last_event_id=[^&]*&?/g, "$1").replace(/[?&]$/, "");
    const query = `${bare.includes("?") ? "&" : "?"}last_event_id=${encodeURIComponent(lastId)}`;
    elt.setAttribute(name, bare + query + (fragment === undefined ? "" : `#${fragment}`));
  }

  /** @param {Element} elt */
  function open2(elt) {
    rememberId(elt);
    const listeners = elt.querySelectorAll("[sse-swap], [data-sse-swap], [hx-trigger], [data-hx-trigger]");
    const own = [...listeners].filter(each => each.closest(CONNECTS) === elt);
    for (const each of [elt, ...own]) htmx.trigger(each, "htmx:afterProcessNode");
  }

  /** @param {Element} elt @param {State} state */
  function open4(elt, {lastId}) {
    const url = elt.getAttribute(`hx-sse${htmx.config.metaCharacter || ":"}connect`);
    if (url) htmx.ajax("GET", url, {source: elt, headers: lastId ? {"Last-Event-ID": lastId} : {}});
  }

  /**
   * The out-of-band elements of `html`, if around them is nothing but empty wrappers; else null.
   * @param {string} html
   * @returns {string[] | null}
   */
  function onlyOutOfBand(html) {
    if (!html.includes("hx-swap-oob")) return null;
    const holder = document.createElement("template");
    holder.innerHTML = html;
    /** @type {Element[]} */
    const found = [];
    /** @param {DocumentFragment} root @returns {boolean} Whether nothing worth a swap is left. */
    const takeFrom = root => {
      for (const elt of root.querySelectorAll(OUT_OF_BAND)) {
        if (!root.contains(elt)) continue;
        found.push(elt);
        elt.remove();
      }
      return !root.textContent?.trim() && [...root.querySelectorAll("*")].every(elt =>
        !elt.attributes.length && /^(DIV|TABLE|TBODY|TEMPLATE|UL)$/.test(elt.tagName) &&
        (!(elt instanceof HTMLTemplateElement) || takeFrom(elt.content)));
    };
    return takeFrom(holder.content) ? found.map(elt => elt.outerHTML) : null;
  }

  // htmx 2: a message of out-of-band elements alone would wipe the connecting element.
  on("htmx:sseBeforeMessage", event => {
    const {target: elt, detail: message} = event;
    const connecting = elt.closest(CONNECTS);
    if (connecting && message.lastEventId) stateOf(connecting).lastId = message.lastEventId;
    if (event.defaultPrevented || !elt.hasAttribute("data-sse-swap")) return;
    const parts = onlyOutOfBand(message.data);
    if (!parts) return;
    event.preventDefault();
    for (const part of parts) htmx.swap(elt, part, {swapStyle: "none"});
    htmx.trigger(elt, "htmx:sseMessage", message);
  });

  on("htmx:sseOpen", ({target, detail: {source}}) => { stateOf(target).source = source; });

  on("htmx:sseError", ({target, detail: {source}}) => {
    stateOf(target).source = source;
    if (source?.readyState === EventSource.CLOSED) rememberId(target);
  });

  // An element that is processed anew gets a new source, and the extension forgets the old one without closing it.
  on("htmx:beforeProcessNode", ({target}) => {
    const source = states.get(target)?.source;
    if (source && source !== sourceOf(target)) source.close();
  });

  on("htmx:sseClose", ({target, detail}) => {
    if (detail.type === "message") stateOf(target).ended = true;
  });

  // htmx 4 swaps every event without a name and none with one; here the element's own list decides. JSON travels as
  // `event: message` and is never swapped.
  on("htmx:sse:before:message", event => {
    const {target: elt, detail} = event;
    const {event: name, data, id} = detail.message;
    const wanted = elt.getAttribute?.("data-sse-swap")?.split(",").map((/** @type {string} */ each) => each.trim());
    if (!wanted || event.defaultPrevented) return;
    if (!name && !wanted.includes("message")) return event.preventDefault();
    if (name && (name === "message" || !wanted.includes(name))) return;
    if (name) htmx.trigger(elt, name, {data, id});
    detail.message.event = "";
    const parts = onlyOutOfBand(data);
    if (!parts) return;
    detail.message.data = "";
    for (const text of parts) detail.waitUntil(htmx.swap({text, sourceElement: elt, target: elt, swap: "none"}));
  });

  // htmx 4 would swap the answer into the page where the server refuses the stream, or sends a login page instead.
  on("htmx:before:response", ({detail: {ctx}}) => {
    const elt = ctx?.sourceElement;
    if (!elt?.matches(`[data-sse-swap]:is(${CONNECTS})`) || connectionOf(elt) || isEnded(elt)) return;
    ctx.swap = "none ignoreTitle:true";
  });

  on("htmx:before:request", ({detail: {ctx}}) => {
    if (ctx?.sourceElement.matches(CONNECTS)) stateOf(ctx.sourceElement).pending = true;
  });

  on("htmx:finally:request", ({detail: {ctx}}) => {
    if (ctx?.sourceElement.matches(CONNECTS)) stateOf(ctx.sourceElement).pending = false;
  });

  on("htmx:sse:after:connection", ({target, detail: {connection}}) => {
    // htmx 4.0.0 aborts a stream and then cancels it, which rejects with nobody to hear; cancelled first, it is quiet.
    const {abortController: controller} = connection;
    const abort = controller.abort.bind(controller);
    controller.abort = () => { connection.reader?.cancel(); abort(); };
    if (stateOf(target).closing) controller.abort();  // `close` came while htmx was connecting again
  });

  on("htmx:sse:close", ({target, detail: {connection, reason}}) => {
    const state = stateOf(target);
    const {reopen} = state;
    if (connection.lastEventId) state.lastId = connection.lastEventId;
    state.pending = false;
    if (reason === "message") state.ended = true;
    state.closing = state.reopen = false;
    if (reopen) queueMicrotask(() => open(target));
  });

  Object.assign(sse, {CONNECTS, elements, isLive, isEnded, open, close, on, sourceOf});
})();
