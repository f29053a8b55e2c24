/**
 * Live regions: elements whose markup the server renders again when what they depend on was touched. This file owns what the
 * page knows of each region, and the renderings that wait to be shown.
 *
 * A touch is an event with an id. A rendering has no id: it names its view, the place from which it began (`at`) and the one at
 * which it ended, if that is another (`end`), its hash, and the hash of the rendering that it changes (`from`). A region fetches the present state after a reset, if a rendering changes
 * another one than the region's, if its stream or its leader's has sent all and a touch has no rendering yet, after a time at
 * which the state changes, after a merge that failed, and if its element is a copy.
 *
 * The server sends nothing for a touch that changes nothing. It compares with what it has sent last, and the page may have
 * another rendering: one that it has fetched, or the one before another stream or leader. Then it also fetches if a touch is
 * followed by nothing.
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
  const GRACE = 2000, UNSURE_PERIOD = 5000, FETCH_TIMEOUT = 30_000, MAX_TIMER = 2 ** 31 - 1;  // ms
  const MAX_EARLY = 50;  // renderings

  /** @type {Map<Element, Region>} */
  const regions = new Map();
  /** What an element shows. An empty hash stands for what is not known. @type {WeakMap<Element, {at: string, end: string, hash: string}>} */
  const known = new WeakMap();
  /** The last region of an element, which a script may take out and put back. @type {WeakMap<Element, Region>} */
  const latest = new WeakMap();
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
    /** The place at which what the region has was rendered, if it began before. Another rendering from between is perhaps older. */
    #end = "";
    /** The place that the page's own write has reached. */
    #floor = "";
    /** The root element to be shown, with stubs for the children that stay. @type {Element | undefined} */
    #next;
    /** Ids of the children that stay. @type {Set<string>} */
    #unchanged = new Set();
    /** Ids of the children by the server's last word. @type {string[]} */
    #ids;
    #isFetching = false;
    /** Whether another request may be due after the one under way. */
    #asksAgain = false;
    /** In a row. A request that failed says nothing of the merge, so each has its own pauses. */
    #failedRequests = 0;
    #failedMerges = 0;
    /** Renderings that change another one than the region's, which the present state may be. @type {[any, string][]} */
    #early = [];
    /** Of a request. @type {any} */
    #timer;
    /** Until the state changes on its own. @type {any} */
    #clock;
    /** Until a rendering should have come. @type {any} */
    #doubt;
    /** When the state changes, by `Date.now()`. @type {number | undefined} */
    #changesAt;
    /** Whether the state may have changed without a touch: after a time at which it does, and after a reset. */
    #isPast = false;
    /** Until when the server's last rendering may be another one, by `Date.now()`. */
    #unsureUntil = 0;
    #isMerging = false;
    /** Whether the rendering to be shown is the last. */
    #isLast = false;

    /** @param {Element} elt @param {any} about */
    constructor(elt, {view, at, end, hash = "", names, url, after, rows}) {
      this.elt = elt;
      this.isRows = rows;
      this.view = view;
      this.names = names;
      this.hash = hash;
      const outer = at ? undefined : known.get(/** @type {Element} */ (elt.parentElement?.closest(LIVE)));
      this.at = at || outer?.at || "";
      this.#end = end || outer?.end || "";
      this.#note(this.hash);
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
          this.#isPast = true;  // what it missed may be a rendering without a touch
          this.#fetchSoon();
        },
        oncaughtup: () => {
          this.#unsureUntil = Math.max(this.#unsureUntil, Date.now() + UNSURE_PERIOD);
          if (this.#isDue) this.#fetchSoon();
        },
      });
      this.#expectChange(after, 0);
      const before = latest.get(elt);
      latest.set(elt, this);
      if (!before || before.view !== view) return;
      this.#need = before.#need;  // its stream may go on, and has told that already
      if (this.#isDue) this.#fetchSoon();
    }

    /** @param {string} hash Of what the element shows. */
    #note(hash) { known.set(this.elt, {at: this.at, end: this.#end, hash}); }

    get #isOver() { return regions.get(this.elt) !== this; }

    /** Whether the page may show an older state. */
    get #isDue() { return this.#lacks || this.#isPast || this.entry.isStale || this.#early.length > 0; }

    get #lacks() { return Boolean(this.#need) && (!this.at || sse.isLater(this.#need, this.at)); }

    /** @param {Block} block */
    #take({event, data = "", id, topic}) {
      if (event !== "sse-live") return;
      const end = data.indexOf("\n"), head = sse.parseJSON(end < 0 ? data : data.slice(0, end));
      if (head.touched !== undefined) {
        if (!id || !this.names.includes(head.touched)) return;
        this.#need = id;
        if (Date.now() < this.#unsureUntil) this.#lookLater();
      } else if (topic === this.view) {
        if (head.hash && head.from === undefined) this.#early = [];  // they were sent before
        this.#accept(head, data.slice(end + 1));
      }
    }

    /** Take a rendering: the whole, or what turns the last one into it. @param {any} head @param {string} html @param {boolean} [isFetched] @returns {void} */
    #accept(head, html, isFetched = false) {
      const {at, end = "", hash, from, ids, gone, error, after} = head;
      if (error) return this.#mark(true);
      const isSame = hash === this.hash;
      if (!isSame) this.#unsureUntil = Infinity;
      if (isOlder(at, this.at)) return this.#lookLater();
      if (!isSame && isOlder(at, this.#end)) {
        if (!isOlder(this.#end, this.#need)) this.#need = this.#end;
        return this.#fetchSoon();
      }
      if (from !== undefined && from !== this.hash) {
        this.#early = [...this.#early, /** @type {[any, string]} */ ([head, html])].slice(-MAX_EARLY);
        return this.#fetchSoon();
      }
      if (!isFetched) this.#trust();
      this.at = at;
      this.#end = end;
      this.#expectChange(after);
      if (isSame) {
        this.#mark(false);
        return this.show();
      }
      this.hash = hash;
      if (from === undefined) this.#replace(html);
      else this.#change(html, ids);
      this.#isLast = Boolean(gone);
      const next = this.#early.findIndex(([each]) => each.from === hash);
      if (next >= 0) return this.#accept(.../** @type {[any, string]} */ (this.#early.splice(next, 1)[0]));
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

    /** Show what waits, unless a write of the page or a merge is under way, or it is older than that write. */
    show() {
      if (!this.#next || writes.size || this.#isMerging || this.#isOver) return;
      if (isOlder(this.at, this.#floor)) {
        this.#need = this.#floor;
        return this.#fetchSoon(REACH_PERIOD);
      }
      this.#floor = "";
      const root = this.#next, unchanged = this.#unchanged;
      this.#next = undefined;
      this.#isMerging = true;
      this.#merge(root, unchanged).catch(error => {
        console.error("cjm-fasthtml-sse:", error);
        this.hash = "";  // what the page shows is not known, so what waits cannot change it
        this.#next = undefined;
        this.#retry(++this.#failedMerges);
      }).finally(() => {
        this.#isMerging = false;
        this.show();
      });
      this.#mark(false);
    }

    /** @param {Element} root @param {Set<string>} unchanged */
    async #merge(root, unchanged) {
      const {elt} = this;
      const {hash} = this, isLast = this.#isLast;
      for (const {name, value} of elt.attributes) if (name.startsWith("data-sse-")) root.setAttribute(name, value);
      if (root.localName !== elt.localName) {  // another element takes its place, and is a region of its own
        const after = this.#changesAt && (this.#changesAt - Date.now()) / 1000;
        const about = {...sse.parseJSON(elt.getAttribute("data-sse-live") ?? ""), at: this.at, end: this.#end, hash, after};
        isLast ? root.removeAttribute("data-sse-live") : root.setAttribute("data-sse-live", JSON.stringify(about));
        root.removeAttribute("data-sse-state");  // it is no copy
      }
      this.#note("");
      await sse.morph(elt, root.outerHTML, {outer: true, unchanged});
      this.#note(hash);
      this.#failedMerges = 0;
      if (!isLast) return;
      this.entry.subscription.close("closed", undefined, true);
      elt.removeAttribute("data-sse-live");
      sse.noteBase(elt);
      regions.delete(elt);
      known.delete(elt);
    }

    /** @param {string} reached In each log of the application. */
    endWrite(reached) {
      const isOfOther = (/** @type {string} */ id) => sse.isLater(id, this.at) && sse.isLater(this.at, id);
      if (reached) this.#floor = reached.split(", ").find(each => !isOfOther(each)) ?? reached;
      this.show();
    }

    /** @param {boolean} isStale */
    #mark(isStale) {
      this.entry.isStale = isStale;
      if (sse.isAttached(this.entry)) sse.showState(this.entry);
    }

    /** The state changes on its own in `after` seconds. The server pushes that, unless no stream is open then. @param {any} after @param {number} [grace] In ms. */
    #expectChange(after, grace = GRACE) {
      clearTimeout(this.#clock);
      this.#isPast = false;
      this.#changesAt = undefined;
      if (after === undefined || after === null) return;
      this.#changesAt = Date.now() + after * 1000;
      this.#clock = setTimeout(() => {
        this.#isPast = true;
        this.#fetchSoon();
      }, Math.min(after * 1000 + grace, MAX_TIMER));
    }

    /** The region has what the server has sent last. */
    #trust() {
      this.#unsureUntil = 0;
      clearTimeout(this.#doubt);
      this.#doubt = undefined;
    }

    /** Fetch the present state if no rendering comes. */
    #lookLater() {
      this.#doubt ??= setTimeout(() => {
        this.#doubt = undefined;
        if (this.#lacks) this.#fetchSoon();
      }, GRACE);
    }

    /** Fetch the present state after a pause, unless it has come by then. @param {number} [pause] */
    #fetchSoon(pause = Math.random() * SPREAD) {
      this.#asksAgain = true;
      if (this.#isFetching || this.#timer !== undefined) return;
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        if (this.#isOver) return;
        if (!this.#isDue) return this.show();
        this.#asksAgain = false;
        this.#isFetching = true;
        this.#fetch().then(() => {
          this.#isFetching = false;
          this.#failedRequests = 0;
          if (this.#asksAgain && this.#isDue) this.#fetchSoon();
        }, () => {
          this.#isFetching = false;
          if (this.#isDue) this.#retry(++this.#failedRequests);
        });
      }, pause);
    }

    /** The page may show an older state: mark it, and fetch the present one after a pause that grows. @param {number} failures In a row. */
    #retry(failures) {
      if (this.#isOver) return;
      this.#mark(true);
      this.#fetchSoon(Math.min(MAX_PAUSE, SPREAD * 2 ** failures) * (0.5 + Math.random() / 2));
    }

    async #fetch() {
      const url = new URL(this.url), need = this.#lacks ? this.#need : this.at, {hash} = this, early = this.#early;
      if (need) url.searchParams.set("at", need);
      url.searchParams.set("hash", hash);
      const response = await fetch(url, {cache: "no-store", signal: AbortSignal.timeout(FETCH_TIMEOUT)});
      if (response.status === 403) return this.entry.subscription.close("denied", 403, true);
      const {headers} = response, at = headers.get("SSE-At"), after = headers.get("SSE-After"), end = headers.get("SSE-End") ?? "";
      if (!at || isOlder(at, need)) throw new Error(`${response.status}`);  // a sign-in page, or a process that is late
      const html = await response.text();
      if (this.#isOver) return;
      if (this.#need === need) this.#need = "";
      if (response.status === 200) this.#accept({at, end, hash: headers.get("SSE-Hash"), gone: headers.has("SSE-Gone"), after}, html, true);
      else if (hash === this.hash && !isOlder(at, this.at)) {
        this.at = at;
        this.#end = end;
        this.#expectChange(after);
        this.#mark(false);
      }
      this.#early = this.#early.filter(each => !early.includes(each));
      this.show();
    }
  }

  // Elements

  /** Rows are the content of an element of the page, so a template among them names their view. @param {Element} template */
  function markParent(template) {
    const elt = /** @type {Element} */ (template.parentElement);
    elt.setAttribute("data-sse-live", template.getAttribute("data-sse-live") ?? "");
    template.remove();
    return elt;
  }

  /** A copy of a region, as in the history of htmx 2, shows a later state than that of its attribute. It is not known which. @param {Element} elt */
  const ofCopy = elt => elt.hasAttribute("data-sse-state") && {hash: "", after: 0};

  /** @param {ParentNode} root */
  function attachAll(root) {
    for (const each of root.querySelectorAll(LIVE)) {
      const elt = each.localName === "template" ? markParent(each) : each;
      const about = sse.parseJSON(elt.getAttribute("data-sse-live") ?? "");
      if (about.view && regions.get(elt)?.view !== about.view) regions.set(elt, new Region(elt, {...about, ...known.get(elt) ?? ofCopy(elt)}));
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
