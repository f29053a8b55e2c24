/**
 * Ends the page's streams when the page is left, and takes them up again when the browser shows it once more (Back out
 * of the back/forward cache). `pagehide` fires only then: a download, a mailto link or a cancelled navigation, which
 * fire `beforeunload` too, leave the streams alone.
 */
(() => {
  "use strict";
  /** @type {SSE} */
  const sse = window.cjmSSE;
  if (sse.leaves) return;
  sse.leaves = true;

  /** @type {Element[]} */
  let ended = [];

  addEventListener("pagehide", () => {
    ended = sse.elements().filter(sse.isLive);
    ended.forEach(sse.close);
  });

  addEventListener("pageshow", () => ended.splice(0).forEach(sse.open));
})();
