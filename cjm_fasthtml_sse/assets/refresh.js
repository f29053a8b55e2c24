/**
 * Refreshes an element after a reset: its state becomes stale, and `data-sse-refresh` is fetched or the page is reloaded.
 * This file owns the refreshes that are under way.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  if (sse.isLoaded) return;

  const MIN_INTERVAL = 60_000;  // ms between two refreshes for an event that cannot be rendered or an id that is lost on the way, because these recur
  const TIMEOUT = 30_000;  // ms
  const wasReloaded = performance.getEntriesByType("navigation").some(each => /** @type {any} */ (each).type === "reload");

  /** @type {Internals["onReset"]} */
  sse.onReset = (entry, {data, id}) => {
    const {elt} = entry;
    const {reason, last_event_id: lastEventId = id, cut} = sse.parseJSON(data);
    const event = new CustomEvent("sse:reset", {bubbles: true, cancelable: true, detail: {reason, lastEventId}});
    if (!elt.dispatchEvent(event)) return;
    entry.isStale = true;
    sse.showState(entry);
    const url = elt.getAttribute("data-sse-refresh");
    if (url === null || entry.isRefreshing) return;
    clearTimeout(entry.delay);
    const last = entry.refreshedAt ?? (wasReloaded && !url ? 0 : -MIN_INTERVAL);
    const wait = reason === "render" || cut ? last + MIN_INTERVAL - performance.now() : 0;
    if (wait <= 0) sse.startRefresh(entry);
    else if (url) entry.delay = setTimeout(() => sse.isAttached(entry) && sse.startRefresh(entry), wait);
    sse.showState(entry);  // it may be refreshed now, which changes the indicators
  };

  /** @type {Internals["startRefresh"]} */
  sse.startRefresh = entry => {
    const url = entry.elt.getAttribute("data-sse-refresh");
    entry.isRefreshing = entry.isStale = true;
    entry.lacked = new Set(entry.subscription.denied);
    entry.delay = undefined;
    const spread = Number(entry.elt.getAttribute("data-sse-spread") ?? 3000);
    setTimeout(() => url ? refresh(entry, url) : location.reload(), Math.random() * spread);
  };

  /** Whether a response is another page than the one requested, such as a sign-in page. @param {Response} response @param {string} url */
  function isElsewhere({status, redirected, headers, url: found}, url) {
    const place = (/** @type {string} */ each) => {
      const {host, pathname} = new URL(each, document.baseURI);
      return host + pathname.replace(/\/$/, "");
    };
    return status === 401 || status === 403 || headers.has("HX-Redirect") || headers.has("HX-Location")
      || (redirected && place(found) !== place(url));
  }

  /**
   * Fetch the new content of the element. Events that arrive meanwhile are shown after it, unless the response already
   * contains them. If the page is refused the content, the element is denied. After a timeout or too many events, the element
   * stays stale and its stream continues.
   * @param {Attached} entry @param {string} url
   */
  async function refresh(entry, url) {
    const {elt} = entry;
    /** @type {Block[]} */
    const held = entry.held = [];
    const request = new AbortController();
    let seen = /** @type {string | null} */ (""), status = 0;
    const fetched = async () => {
      const response = await fetch(url, {headers: {"HX-Request": "true", Accept: "text/html"}, cache: "no-store", signal: request.signal});
      if (isElsewhere(response, url)) return status = response.status;
      if (!response.ok) return;
      const text = await response.text();
      if (request.signal.aborted) return;
      seen = response.headers.get("Last-Event-ID");
      await sse.swap(elt, text, "innerHTML");
      entry.isStale = request.signal.aborted;
    };
    const cancelled = new Promise(resolve => { entry.cancelRefresh = () => { request.abort(); resolve(undefined); }; });
    const timer = setTimeout(/** @type {() => void} */ (entry.cancelRefresh), TIMEOUT);
    await Promise.race([fetched(), cancelled]).catch(error => console.debug("sse:", error));
    clearTimeout(timer);
    finish(entry, held, seen, status);
  }

  /** @param {Attached} entry @param {Block[]} held @param {string | null} seen The newest id in the response. @param {number} status Of a refusal, or 0. */
  function finish(entry, held, seen, status) {
    if (!sse.isAttached(entry)) return;
    entry.held = entry.cancelRefresh = entry.isRefreshing = undefined;
    entry.refreshedAt = performance.now();
    entry.seen = /** @type {any} */ (seen);
    for (const block of held) sse.deliver(entry, block);
    if (entry.subscription.state !== "open") entry.lacked?.add("");  // the content may be without topics that are given back later
    if (status) entry.subscription.close("denied", status, true);
    sse.showState(entry);
  }
})();
