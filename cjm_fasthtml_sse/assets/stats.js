/**
 * Requests the statistics of the server's connections and shows them. An element with `data-sse-stats="active"` gets that
 * number as its text; `by_type.job` selects a nested value. An empty `data-sse-stats` gets the total. The document gets an
 * event `sse:stats` with all of them. A hidden page sends no requests, and requests never overlap.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;

  /** @type {Map<string, () => void>} The function that stops the polling, by endpoint. */
  const running = sse.polls ??= new Map();

  /** @param {any} stats @param {string} path @returns {unknown} */
  const at = (stats, path) =>
    path.split(".").reduce((found, key) => found != null && Object.hasOwn(found, key) ? found[key] : undefined, stats);

  /** @param {any} stats */
  function show(stats) {
    for (const elt of document.querySelectorAll("[data-sse-stats]")) {
      const value = at(stats, elt.getAttribute("data-sse-stats") || "total");
      if (["number", "string"].includes(typeof value)) elt.textContent = `${value}`;
    }
    document.dispatchEvent(new CustomEvent("sse:stats", {detail: stats}));
  }

  /** @param {{endpoint: string, interval: number, debug: boolean}} settings */
  function poll({endpoint, interval, debug}) {
    running.get(endpoint)?.();
    const stopped = new AbortController();
    /** @type {number | undefined} */
    let timer;
    let isAsking = false;

    async function ask() {
      clearTimeout(timer);
      if (isAsking || document.hidden || stopped.signal.aborted) return;
      isAsking = true;
      const request = new AbortController();
      const limit = setTimeout(() => request.abort(), Math.max(interval, 5000));
      try {
        const headers = {Accept: "application/json"};
        const response = await fetch(endpoint, {headers, cache: "no-store", signal: request.signal});
        if (!response.ok) throw new Error(`status ${response.status}`);
        const stats = await response.json();
        if (!stopped.signal.aborted) show(stats);
      } catch (error) {
        if (debug) console.debug(`sse: no stats from ${endpoint}`, error);
      } finally {
        clearTimeout(limit);
        isAsking = false;
      }
      if (!stopped.signal.aborted) timer = setTimeout(ask, interval);
    }

    const whileRunning = {signal: stopped.signal};
    document.addEventListener("visibilitychange", ask, whileRunning);
    document.addEventListener("DOMContentLoaded", ask, whileRunning);
    running.set(endpoint, () => stopped.abort());
    if (document.readyState !== "loading") ask();
  }

  poll(JSON.parse(document.currentScript?.dataset.sse || "{}").stats);
})();
