/**
 * Live regions: elements whose markup the server renders again when what they depend on was touched. This file owns what the
 * page knows of each region, and the renderings that wait to be shown.
 *
 * A touch is an event with an id. A rendering has no id: it names its view, the place from which it began (`at`), its hash, and
 * the hash of the rendering that it changes (`from`). A region that lacks a rendering fetches the present state: after a reset,
 * if a rendering changes another one than the region's, and if a touch was seen on one way (a stream, the relay of a leader)
 * and the rendering may have come on another.
 *
 * While a request of the page writes, renderings wait. Its response names the place that it has reached, and a rendering from
 * an earlier place is shown only together with a later one. So an older state never undoes what the person just did.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  if (sse.hasLive) return;
  sse.hasLive = true;

  const LIVE = "[data-sse-live]", ROWS = ":scope > template[data-sse-live]";
  const SPREAD = 300, REACH_PERIOD = 300, WRITE_TIMEOUT = 5000, MAX_PAUSE = 60_000;  // ms
  const MAX_EARLY = 50;  // renderings

  /** @type {Map<Element, Region>} */
  const regions = new Map();
  /** Requests of the page that write. @type {Map<any, ReturnType<typeof setTimeout>>} */
  const writes = new Map();

  /** Whether a state from `id` is older than one from `than`. States of two epochs cannot be compared. @param {string} id @param {string} than */
  const isOlder = (id, than) => Boolean(id && than) && sse.isLater(than, id) && !sse.isLater(id, than);

  /** @param {string} html @returns {Element[]} */
  const parse = html => {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    return [...holder.content.children];
  };

  /** The view of a region, also of rows that were not shown yet. @param {Element} elt */
  const viewOf = elt => sse.parseJSON((elt.matches(LIVE) ? elt : elt.querySelector(ROWS))?.getAttribute("data-sse-live") ?? "").view;

  sse.isSameView = (old, theirs) => old.matches(LIVE) && viewOf(old) === viewOf(theirs);

  class Region {
    /** The id of the newest touch. */
    #need = "";
    /** The place that the page's own write has reached. */
    #floor = "";
    /** The root element to be shown, with stubs for the children that stay. @type {Element | undefined} */
    #next;
    /** Ids of the children that stay. @type {Set<string>} */
    #unchanged = new Set();
    /** Ids of the children by the server's last word. @type {string[]} */
    #ids;
    /** @type {AbortController | undefined} */
    #request;
    #failures = 0;
    /** Renderings that change another one than the region's, which the present state may be. @type {[any, string][]} */
    #early = [];
    /** @type {any} */
    #timer;
    /** @type {Promise<void>} */
    #shown = Promise.resolve();

    /** @param {Element} elt @param {any} about */
    constructor(elt, {view, at, hash, names, url, after, rows}) {
      this.elt = elt;
      this.isRows = rows;
      this.view = view;
      this.names = names;
      this.hash = hash ?? "";
      this.at = at || regions.get(/** @type {Element} */ (elt.parentElement?.closest(LIVE)))?.at || "";
      this.#ids = [...elt.children].map(each => each.id);
      const address = new URL(url, document.baseURI);
      address.searchParams.set("topic", view);
      this.url = new URL(address);
      this.url.pathname = address.pathname.replace(/stream$/, "view");
      if (this.at) address.searchParams.set("last_event_id", this.at);
      sse.noteBase(elt);
      this.entry = sse.attach(elt, address.href, {
        sink: block => this.#take(block),
        onstate: () => {},
        onreset: (_, {data, id}) => {
          this.#need = sse.parseJSON(data).last_event_id ?? id ?? this.#need;
          this.#fetchSoon();
        },
        oncaughtup: () => { if (this.#lacks) this.#fetchSoon(); },
      });
      if (after !== undefined) setTimeout(() => { if (this.hash === hash) this.#fetchSoon(); }, after * 1000);
    }

    get #lacks() { return Boolean(this.#need) && (!this.at || sse.isLater(this.#need, this.at)); }

    /** @param {Block} block */
    #take({event, data = "", id, topic}) {
      if (event !== "sse-live") return;
      const end = data.indexOf("\n"), head = sse.parseJSON(end < 0 ? data : data.slice(0, end));
      if (head.touched !== undefined) {
        if (id && this.names.includes(head.touched)) this.#need = id;
      } else if (topic === this.view) this.#accept(head, data.slice(end + 1));
    }

    /** Take a rendering: the whole, or what turns the last one into it. @param {any} head @param {string} html */
    #accept({at, hash, from, ids, gone, error}, html) {
      if (error) return this.#mark(true);
      if (isOlder(at, this.at)) return;
      if (from !== undefined && from !== this.hash) {
        this.#early = [...this.#early, /** @type {[any, string]} */ ([{at, hash, from, ids}, html])].slice(-MAX_EARLY);
        return this.#fetchSoon();
      }
      this.at = at;
      this.hash = hash;
      if (from === undefined) this.#replace(html);
      else this.#change(html, ids);
      this.isGone = gone;
      this.show();
    }

    /** @param {string} html */
    #replace(html) {
      const root = this.isRows ? /** @type {Element} */ (this.elt.cloneNode()) : parse(html)[0];
      if (this.isRows) root.append(...parse(html));
      this.#next = root;
      this.#unchanged = new Set();
      this.#ids = [...root.children].map(each => each.id);
    }

    /** @param {string} html Children that are new or changed. @param {string[]} [ids] Of all children, in order. */
    #change(html, ids = this.#ids) {
      const {elt} = this, changed = new Map(parse(html).map(each => [each.id, each]));
      const before = new Map([...this.#next?.children ?? []].map(each => [each.id, each]));
      const root = /** @type {Element} */ ((this.#next ?? elt).cloneNode());
      const stays = this.#next ? this.#unchanged : new Set(this.#ids);
      this.#unchanged = new Set();
      for (const id of ids) {
        const stub = () => Object.assign(document.createElement(document.getElementById(id)?.localName ?? "div"), {id});
        const isStub = !changed.has(id) && stays.has(id);
        root.append(changed.get(id) ?? (isStub ? stub() : before.get(id)) ?? stub());
        if (isStub) this.#unchanged.add(id);
      }
      this.#next = root;
      this.#ids = ids;
    }

    /** Show what waits, unless a write of the page is under way, or it is older than that. */
    show() {
      if (!this.#next || writes.size) return;
      if (isOlder(this.at, this.#floor)) {
        this.#need = this.#floor;
        return this.#fetchSoon(REACH_PERIOD);
      }
      this.#floor = "";
      const root = this.#next, unchanged = this.#unchanged;
      this.#next = undefined;
      this.#shown = this.#shown.then(() => this.#merge(root, unchanged)).catch(error => {
        console.error("cjm-fasthtml-sse:", error);
        this.hash = "";  // what the page shows is not known
      });
      this.#mark(false);
    }

    /** @param {Element} root @param {Set<string>} unchanged */
    async #merge(root, unchanged) {
      const {elt} = this;
      for (const {name, value} of elt.attributes) if (name.startsWith("data-sse-")) root.setAttribute(name, value);
      await sse.morph(elt, root.outerHTML, {outer: true, unchanged});
      if (this.isGone) this.entry.subscription.close("closed", undefined, true);
    }

    /** @param {string} reached */
    endWrite(reached) {
      if (reached) this.#floor = reached;
      this.show();
    }

    /** @param {boolean} isStale */
    #mark(isStale) {
      this.entry.isStale = isStale;
      if (sse.isAttached(this.entry)) sse.showState(this.entry);
    }

    /** Fetch the present state after a pause, unless it has come by then. @param {number} [pause] */
    #fetchSoon(pause = Math.random() * SPREAD) {
      const isDue = !this.#request && this.#timer === undefined;
      if (!isDue) return;
      const hash = this.hash, at = this.at;
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        if (!this.elt.isConnected) return;
        if (hash !== this.hash && at !== this.at && !this.#lacks) return this.show();
        this.#fetch().catch(() => this.#failures++).finally(() => {
          this.#request = undefined;
          if (this.#failures && this.elt.isConnected) {
            this.#mark(true);
            this.#fetchSoon(Math.min(MAX_PAUSE, SPREAD * 2 ** this.#failures) * (0.5 + Math.random() / 2));
          }
        });
      }, pause);
    }

    async #fetch() {
      this.#request = new AbortController();
      const url = new URL(this.url), need = this.#need;
      if (need) url.searchParams.set("at", need);
      url.searchParams.set("hash", this.hash);
      const response = await fetch(url, {cache: "no-store", signal: this.#request.signal});
      if (response.status === 403) return this.entry.subscription.close("denied", 403, true);
      if (!response.ok) throw new Error(`${response.status}`);
      const html = await response.text(), {headers} = response, at = headers.get("SSE-At") ?? "";
      this.#failures = 0;
      const early = this.#early;
      this.#early = [];
      if (this.#need === need) this.#need = "";
      if (response.status === 200) this.#accept({at, hash: headers.get("SSE-Hash"), gone: headers.has("SSE-Gone")}, html);
      else if (!isOlder(at, this.at)) this.at = at;
      for (const [head, text] of early) if (head.from === this.hash) this.#accept(head, text);
      this.#mark(false);
      this.show();
    }
  }

  // Elements

  /** @param {ParentNode} root */
  function attachAll(root) {
    for (const elt of root.querySelectorAll(`template${LIVE}`)) {
      elt.parentElement?.setAttribute("data-sse-live", elt.getAttribute("data-sse-live") ?? "");
      elt.remove();
    }
    for (const elt of root.querySelectorAll(LIVE)) {
      const about = sse.parseJSON(elt.getAttribute("data-sse-live") ?? "");
      if (about.view && regions.get(elt)?.view !== about.view) regions.set(elt, new Region(elt, about));
    }
    for (const elt of regions.keys()) if (!elt.isConnected) regions.delete(elt);
  }

  new MutationObserver(() => attachAll(document)).observe(document.documentElement, {childList: true, subtree: true, attributeFilter: ["data-sse-live"]});
  attachAll(document);

  // Writes of the page

  /** @param {any} key @param {string | null} [reached] */
  function endWrite(key, reached) {
    if (!writes.has(key)) return;
    clearTimeout(writes.get(key));
    writes.delete(key);
    for (const region of regions.values()) region.endWrite(reached ?? "");
  }

  /** @param {any} key @param {string} [method] */
  function beginWrite(key, method = "get") {
    if (method.toLowerCase() !== "get") writes.set(key, setTimeout(() => endWrite(key), WRITE_TIMEOUT));
  }

  sse.on("htmx:beforeSend", ({detail: {xhr, requestConfig}}) => { if (xhr) beginWrite(xhr, requestConfig?.verb); });
  sse.on("htmx:afterRequest", ({detail: {xhr}}) => { if (xhr) endWrite(xhr, xhr.getResponseHeader("SSE-Reached")); });
  sse.on("htmx:before:request", event => { if (!event.defaultPrevented) beginWrite(event.detail.ctx, event.detail.ctx.request?.method); });
  sse.on("htmx:after:request", ({detail: {ctx}}) => endWrite(ctx, ctx.response?.headers?.get("SSE-Reached")));
  sse.on("htmx:finally:request", ({detail: {ctx}}) => endWrite(ctx));
  sse.on("htmx:error", ({detail: {ctx}}) => endWrite(ctx));
})();
