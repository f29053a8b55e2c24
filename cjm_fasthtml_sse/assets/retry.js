/**
 * The delays between attempts to connect. This file owns the retry policy of the page.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  if (sse.isLoaded) return;

  /** Full jitter between `minDelay` and a ceiling that doubles from `firstDelay` to `maxDelay`, in ms. See `create_reconnection_script`. */
  const policy = sse.policy = {minDelay: 250, firstDelay: 1000, maxDelay: 30_000, interval: 0, maxRetries: Infinity, debug: false};

  /** @type {Internals["chooseDelay"]} */
  sse.chooseDelay = (tries, retry) => {
    if (!tries && retry !== undefined) return retry;  // the server has already added its jitter
    if (policy.interval) return (retry ?? policy.interval) * (1 + Math.random() / 4);
    const ceiling = Math.min(policy.maxDelay, (retry || policy.firstDelay) * 2 ** tries);
    return policy.minDelay + Math.random() * Math.max(0, ceiling - policy.minDelay);
  };

  /** @type {Internals["readRetryAfter"]} */
  sse.readRetryAfter = ({status, headers}) => {
    const value = headers.get("Retry-After");
    if (!value || ![409, 429, 503].includes(status)) return undefined;
    const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
    return ms >= 0 ? Math.min(ms, 2 ** 30) * (1 + Math.random() / 4) : undefined;
  };
})();
