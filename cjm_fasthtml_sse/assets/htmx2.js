/**
 * The adapter for htmx 2. Its extension calls `htmx.createEventSource` and accepts any object like an `EventSource`.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  if (sse.isLoaded) return;

  /** Stands in for an `EventSource`. */
  class Source extends EventTarget {
    /** @type {{subscription: Subscription} | undefined} */
    #entry;

    /** @param {string} url */
    constructor(url) {
      super();
      this.url = new URL(url, document.baseURI).href;
      this.withCredentials = true;
      this.readyState = 0;
      /** @type {((event: Event) => void) | null} */
      this.onopen = this.onerror = this.onmessage = null;
      queueMicrotask(() => this.#start());  // by then the extension has stored it with its element
    }

    #start() {
      if (this.readyState === 2) return;
      const elt = sse.elements().find(each => /** @type {any} */ (each)["htmx-internal-data"]?.sseEventSource === this);
      const sink = (/** @type {Block} */ block) => this.#dispatchBlock(block);
      const onstate = (/** @type {State} */ state, /** @type {number} */ status) => this.#enter(state, status);
      if (elt) {
        const entry = this.#entry = sse.attach(elt, this.url, {sink, onstate});
        entry.onreplaced = () => { this.#entry = undefined; this.readyState = 2; };
      } else this.#entry = {subscription: sse.subscribe({url: this.url, headers: {}, share: true, cursor: "", onevent: sink, onstate})};
    }

    /** @param {Block} block */
    #dispatchBlock({event, data, id}) {
      const type = event || "message";
      this.#fire(new MessageEvent(type, {data, lastEventId: id ?? this.#entry?.subscription.cursor, origin: location.origin}));
    }

    /** @param {any} event */
    #fire(event) {
      /** @type {any} */ (this)[`on${event.type}`]?.(event);
      this.dispatchEvent(event);
    }

    /** The extension opens another source if it finds this one CLOSED, so the state changes after the event. @param {State} state @param {number} [status] */
    #enter(state, status) {
      const isOver = state === "closed" || state === "denied";
      if (isOver && this.readyState === 2) return;
      this.readyState = state === "open" ? 1 : 0;
      if (state === "open") this.#fire(new Event("open"));
      else if (status !== undefined) this.#fire(new Event("error"));
      if (isOver) this.readyState = 2;
    }

    close() {
      if (this.readyState === 2) return;
      this.readyState = 2;
      this.#entry?.subscription.close();
    }
  }

  sse.on("htmx:configRequest", ({detail: {path, headers}}) => sse.nameTab(path, headers));

  // A message of out-of-band elements only would empty the connecting element.
  sse.on("htmx:sseBeforeMessage", event => {
    const {target: elt, detail: message} = event;
    if (event.defaultPrevented || !elt.hasAttribute("data-sse-swap")) return;
    const parts = sse.onlyOutOfBand(message.data);
    if (!parts) return;
    event.preventDefault();
    for (const part of parts) sse.swap(elt, part, "none");
    htmx.trigger(elt, "htmx:sseMessage", message);
  });

  /** @param {string} url */
  const createEventSource = url => {
    sse.isAsked = true;
    return new Source(url);
  };
  const install = () => { if (window.htmx && !sse.is4()) htmx.createEventSource = createEventSource; };
  install();
  document.addEventListener("DOMContentLoaded", install, true);
})();
