/** What a script element was given: every one of them is the whole script, and only the first is run beyond this. */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  sse.isLoaded = true;
  const {share, retry, stats} = JSON.parse(document.currentScript?.dataset.sse || "{}");
  if (share !== undefined) sse.sharing.on = share;
  if (retry) Object.assign(sse.policy, retry);
  if (stats) sse.pollStats(stats);
})();
