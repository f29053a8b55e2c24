/**
 * How htmx reads our streams: two thin adapters, and what it takes for both versions to treat an element alike.
 *
 * The extension of htmx 2 asks `htmx.createEventSource` for what it reads, and takes anything that looks like an
 * `EventSource`. htmx 4 reads the body of a response, and asks `ctx.fetch` for that; ours never breaks, so that htmx
 * never reconnects past us, and what really happens is told by the events that htmx itself would fire.
 *
 * An element of `create_sse_element` is known by `data-sse-swap`, which names the events that it swaps. Elements that
 * are written by hand (`sse-connect`, `sse-swap`, `hx-sse:connect`) work as well.
 */
(() => {
  "use strict";
  /** @type {SSE} */
  const sse = window.cjmSSE;
  if (window.cjmSSE.swap) return;

  const {CONNECTS} = sse;
  const OUT_OF_BAND = "[hx-swap-oob], [data-hx-swap-oob]";

  /** Where htmx 4's `metaCharacter` is a dash, its events are spelled with dashes. @type {SSE["on"]} */
  function on(name, handle, capture = false) {
    document.addEventListener(name, handle, capture);
    document.addEventListener(name.replaceAll(":", "-"), handle, capture);
  }
  sse.on = on;

  const is4 = () => parseInt(htmx.version) >= 4;

  /** @type {SSE["swap"]} */
  sse.swap = (elt, text, style) => is4() ? htmx.swap({text, sourceElement: elt, target: elt, swap: style})
    : htmx.swap(elt, text, {swapStyle: style});

  /** @param {Element} elt @param {string} name @returns {string | null} The attribute, also with `data-` in front. */
  const attribute = (elt, name) => elt.getAttribute(name) ?? elt.getAttribute(`data-${name}`);

  /** @param {Element} elt @returns {string[] | undefined} The events that it swaps. */
  const swaps = elt => attribute(elt, "sse-swap")?.split(",").map(each => each.trim());

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

  // htmx 2

  /** What the extension takes for an `EventSource`. */
  class Source extends EventTarget {
    /** @param {string} url */
    constructor(url) {
      super();
      this.url = new URL(url, document.baseURI).href;
      this.withCredentials = true;
      this.readyState = 0;
      /** @type {{subscription: Subscription} | undefined} */
      this.entry = undefined;
      /** @type {((event: Event) => void) | null} */
      this.onopen = this.onerror = this.onmessage = null;
      queueMicrotask(() => this.start());  // by then the extension has noted whose it is
    }

    start() {
      if (this.readyState === 2) return;
      const elt = sse.elements().find(each => /** @type {any} */ (each)["htmx-internal-data"]?.sseEventSource === this);
      const sink = (/** @type {Block} */ block) => this.take(block);
      const onstate = (/** @type {State} */ state, /** @type {number} */ status) => this.enter(state, status);
      if (elt) {
        const entry = this.entry = sse.attach(elt, this.url, {sink, onstate});
        entry.left = () => { this.entry = undefined; this.readyState = 2; };
      } else this.entry = {subscription: sse.subscribe({url: this.url, headers: {}, share: true, cursor: "", onevent: sink, onstate})};
    }

    /** @param {Block} block */
    take({event, data, id}) {
      const type = event || "message";
      this.tell(new MessageEvent(type, {data, lastEventId: id ?? this.entry?.subscription.cursor, origin: location.origin}));
    }

    /** @param {any} event */
    tell(event) {
      /** @type {any} */ (this)[`on${event.type}`]?.(event);
      this.dispatchEvent(event);
    }

    /** The extension opens another source when it finds one CLOSED, so it must not be while it looks. @param {State} state @param {number} [status] */
    enter(state, status) {
      const over = state === "closed" || state === "denied";
      if (over && this.readyState === 2) return;
      this.readyState = state === "open" ? 1 : 0;
      if (state === "open") this.tell(new Event("open"));
      else if (status !== undefined) this.tell(new Event("error"));
      if (over) this.readyState = 2;
    }

    close() {
      if (this.readyState === 2) return;
      this.readyState = 2;
      this.entry?.subscription.close();
    }
  }

  // A message of out-of-band elements alone would wipe the connecting element.
  on("htmx:sseBeforeMessage", event => {
    const {target: elt, detail: message} = event;
    if (event.defaultPrevented || !elt.hasAttribute("data-sse-swap")) return;
    const parts = onlyOutOfBand(message.data);
    if (!parts) return;
    event.preventDefault();
    for (const part of parts) sse.swap(elt, part, "none");
    htmx.trigger(elt, "htmx:sseMessage", message);
  });

  // htmx 4

  /** @param {any} elt The connection that the extension reads. */
  const connectionOf = elt => elt._htmx?.sse;

  /** @param {Element} elt @returns {string | null} */
  const url4 = elt => attribute(elt, `hx-sse${htmx.config.metaCharacter || ":"}connect`);

  /** @param {Element} elt @param {string} name @param {any} [detail] */
  function tell4(elt, name, detail = {}) {
    const connection = connectionOf(elt);
    if (connection) htmx.trigger(elt, name.replaceAll(":", htmx.config.metaCharacter || ":"), {connection, ...detail});
  }

  /** @type {WeakMap<Element, boolean>} Whether htmx was told that the stream is open before it was. */
  const early = new WeakMap();

  /** A response for htmx to read, which goes on until the stream is over. @param {Element} elt @param {string} url @param {Record<string, string>} headers */
  const respond = (elt, url, headers) => new Promise(resolve => {
    /** @type {ReadableStreamDefaultController} */
    let controller;
    let answered = false;
    let finished = false;
    const encoder = new TextEncoder();
    const body = new ReadableStream({
      start: given => { controller = given; },
      cancel: () => {
        finished = true;
        if (entry.sink === sink) entry.subscription.close("closed", undefined, entry.ending);
      },
    });
    /** @param {Block} block */
    const sink = ({event, data = "", id}) => {
      if (finished) return;
      entry.ending = event === attribute(elt, "sse-close");
      const fields = [event && `event: ${event}`, id !== undefined && `id: ${id}`, ...data.split("\n").map(line => `data: ${line}`)];
      controller.enqueue(encoder.encode(`${fields.filter(Boolean).join("\n")}\n\n`));
    };
    /** @param {State} state @param {number} [status] */
    const onstate = (state, status) => {
      const over = state === "closed" || state === "denied";
      if (state === "connecting") return;
      if (!answered) {
        answered = true;
        early.set(elt, state !== "open");
        const open = {status: 200, headers: {"Content-Type": "text/event-stream"}};
        return resolve(over ? new Response(null, {status: 204}) : new Response(body, open));
      }
      if (over) {
        if (!finished) controller.close();
        finished = true;
      } else if (state === "open") {
        early.delete(elt);
        tell4(elt, "htmx:sse:after:connection");
      } else {
        if (status !== undefined) tell4(elt, "htmx:sse:error", {status, error: new Error(`SSE failed with status ${status}`)});
        tell4(elt, "htmx:sse:before:connection");
      }
    };
    const entry = sse.attach(elt, url, {headers, sink, onstate, reopen: () => {
      if (connectionOf(elt) || !answered) return false;
      const again = url4(elt);
      if (again) htmx.ajax("GET", again, {source: elt});
      return true;
    }});
  });

  on("htmx:config:request", ({detail: {ctx}}) => {
    const elt = ctx.sourceElement;
    const url = elt?.matches(CONNECTS) && url4(elt);
    if (!url || new URL(url, document.baseURI).pathname !== new URL(ctx.request.action, document.baseURI).pathname) return;
    ctx.fetch = (/** @type {string} */ action, /** @type {any} */ request) => {
      clearTimeout(ctx.requestTimeout);
      return respond(elt, new URL(action, document.baseURI).href, request.headers);
    };
  });

  on("htmx:sse:before:connection", ({detail: {connection}}) => {
    connection.config.reconnect = false;
    document.removeEventListener("visibilitychange", connection.visibilityHandler);
  });

  on("htmx:sse:after:connection", event => { if (early.get(event.target)) event.stopImmediatePropagation(); }, true);

  // htmx 4 swaps every event without a name and none with one; here the element's own list decides, and those of the
  // elements in it, as on htmx 2. JSON travels as `event: message` and is never swapped.
  on("htmx:sse:before:message", event => {
    const {target: elt, detail} = event;
    if (event.defaultPrevented || !(elt instanceof Element)) return;
    const {event: name, data, id} = detail.message;
    if (name !== "message") {
      for (const each of elt.querySelectorAll("[sse-swap], [data-sse-swap]")) {
        if (!swaps(each)?.includes(name || "message") || each.closest(CONNECTS) !== elt) continue;
        detail.waitUntil(sse.swap(each, data, attribute(each, "hx-swap") ?? "innerHTML"));
      }
    }
    const wanted = swaps(elt);
    if (!wanted) return;
    if (!name && !wanted.includes("message")) return event.preventDefault();
    if (name && (name === "message" || !wanted.includes(name))) return;
    if (name) htmx.trigger(elt, name, {data, id});
    detail.message.event = "";
    const parts = onlyOutOfBand(data);
    if (!parts) return;
    detail.message.data = "";
    for (const text of parts) detail.waitUntil(sse.swap(elt, text, "none"));
  });

  // Both

  /** A response says whose it is, where the server tells. */
  on("htmx:afterRequest", ({detail: {xhr}}) => told(xhr?.getResponseHeader("SSE-User")));
  on("htmx:after:request", ({detail: {ctx}}) => told(ctx.response?.headers?.get("SSE-User")));

  /** @param {string | null | undefined} tag */
  function told(tag) { if (tag) sse.userChanged(tag); }

  function take() {
    if (window.htmx && !is4()) htmx.createEventSource = (/** @type {string} */ url) => {
      sse.asked = true;
      return new Source(url);
    };
  }
  take();
  document.addEventListener("DOMContentLoaded", take, true);
})();
