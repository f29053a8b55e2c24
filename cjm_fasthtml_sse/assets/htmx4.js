/**
 * The adapter for htmx 4, which reads the body of a response and gets that from `ctx.fetch`. The body of this adapter never
 * breaks, so htmx never reconnects on its own. The adapter fires the events that htmx itself would fire for a break.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  if (sse.isLoaded) return;

  const {CONNECTS, on, attribute, swappedEvents, onlyOutOfBand} = sse;

  /** @param {any} elt The connection of the extension. */
  const connectionOf = elt => elt._htmx?.sse;

  /** @param {Element} elt @returns {string | null} */
  const url4 = elt => attribute(elt, `hx-sse${htmx.config.metaCharacter || ":"}connect`);

  /** @param {Element} elt @param {string} name @param {any} [detail] */
  function fire(elt, name, detail = {}) {
    const connection = connectionOf(elt);
    if (connection) htmx.trigger(elt, name.replaceAll(":", htmx.config.metaCharacter || ":"), {connection, ...detail});
  }

  /** @type {WeakMap<Element, boolean>} Whether htmx fired its event for an open stream before the stream was open. */
  const early = new WeakMap();

  /** A response whose body lasts until the stream has ended. @param {Element} elt @param {string} url @param {Record<string, string>} headers */
  const respond = (elt, url, headers) => new Promise(resolve => {
    /** @type {ReadableStreamDefaultController} */
    let controller;
    let hasAnswered = false;
    let isFinished = false;
    const encoder = new TextEncoder();
    const body = new ReadableStream({
      start: given => { controller = given; },
      cancel: () => {
        isFinished = true;
        if (entry.sink === sink) entry.subscription.close("closed", undefined, entry.isEnding);
      },
    });
    /** @param {Block} block */
    const sink = ({event, data = "", id}) => {
      if (isFinished) return;
      entry.isEnding = event === attribute(elt, "sse-close");
      const fields = [event && `event: ${event}`, id !== undefined && `id: ${id}`, ...data.split("\n").map(line => `data: ${line}`)];
      controller.enqueue(encoder.encode(`${fields.filter(Boolean).join("\n")}\n\n`));
    };
    /** @param {State} state @param {number} [status] */
    const onstate = (state, status) => {
      const isOver = state === "closed" || state === "denied";
      if (state === "connecting") return;
      if (!hasAnswered) {
        hasAnswered = true;
        early.set(elt, state !== "open");
        const open = {status: 200, headers: {"Content-Type": "text/event-stream"}};
        return resolve(isOver ? new Response(null, {status: 204}) : new Response(body, open));
      }
      if (isOver) {
        if (!isFinished) controller.close();
        isFinished = true;
      } else if (state === "open") {
        early.delete(elt);
        fire(elt, "htmx:sse:after:connection");
      } else {
        if (status !== undefined) fire(elt, "htmx:sse:error", {status, error: new Error(`SSE failed with status ${status}`)});
        fire(elt, "htmx:sse:before:connection");
      }
    };
    const entry = sse.attach(elt, url, {headers, sink, onstate, reopen: () => {
      if (connectionOf(elt) || !hasAnswered) return false;
      const again = url4(elt);
      if (again) htmx.ajax("GET", again, {source: elt});
      return true;
    }});
  });

  on("htmx:config:request", ({detail: {ctx}}) => {
    sse.nameTab(ctx.request.action, ctx.request.headers);
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

  // htmx 4 swaps every event without a name and none with one. Here the lists of the element and of the elements in it
  // decide, as on htmx 2. JSON is sent as `event: message` and is never swapped.
  on("htmx:sse:before:message", event => {
    const {target: elt, detail} = event;
    if (event.defaultPrevented || !(elt instanceof Element)) return;
    const {event: name, data, id} = detail.message;
    if (name !== "message") {
      for (const each of elt.querySelectorAll("[sse-swap], [data-sse-swap]")) {
        if (!swappedEvents(each)?.includes(name || "message") || each.closest(CONNECTS) !== elt) continue;
        detail.waitUntil(sse.swap(each, data, attribute(each, "hx-swap") ?? "innerHTML"));
      }
    }
    const wanted = swappedEvents(elt);
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
})();
