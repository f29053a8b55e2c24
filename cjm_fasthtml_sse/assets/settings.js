/** Applies the settings of a script element. Each element contains the whole script, and a second one runs only this file. */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  sse.isLoaded = true;
  const {share, retry} = JSON.parse(document.currentScript?.dataset.sse || "{}");
  if (share !== undefined) sse.sharing.on = share;
  if (retry) Object.assign(sse.policy, retry);
})();
