/**
 * Brings streams back that nobody else would bring back in time. The tries of the browser and of htmx count with this
 * script's own, so that a page asks a failing server at most `maxRetries` times in a row.
 */
(() => {
  "use strict";
  /** @type {SSE} */
  const sse = window.cjmSSE;
  if (sse.reconnect) return;

  /** @type {{checkInterval: number, maxRetries: number, debug: boolean}} */
  let settings;
  /** @type {WeakMap<Element, number>} Tries since the stream was last open. */
  const tries = new WeakMap();
  /** @type {WeakMap<Element, number>} */
  const timers = new WeakMap();

  /** @param {string} what @param {Element} elt */
  const log = (what, elt) => { if (settings.debug) console.debug(`sse: ${what}`, elt); };

  /** The interval, spread by up to a quarter, so that a crowd does not come back at one moment. */
  const delay = () => settings.checkInterval * (1 + Math.random() / 4);

  /** @param {Element} elt */
  function forget(elt) {
    clearTimeout(timers.get(elt));
    timers.delete(elt);
    tries.delete(elt);
  }

  /** Count a try that is about to be made. @param {Element} elt @returns {boolean} Whether it may be made. */
  function mayTry(elt) {
    const tried = tries.get(elt) ?? 0;
    if (tried >= settings.maxRetries) return log("given up", elt), false;
    tries.set(elt, tried + 1);
    log(`try ${tried + 1} of ${settings.maxRetries}`, elt);
    return true;
  }

  /** Nobody else will open this stream again. @param {Element} elt */
  function died(elt) {
    if (timers.has(elt) || sse.isEnded(elt)) return;
    timers.set(elt, setTimeout(() => {
      timers.delete(elt);
      if (elt.isConnected && !sse.isLive(elt) && mayTry(elt)) sse.open(elt);
    }, delay()));
  }

  /** @param {Element} elt */
  function openNow(elt) {
    forget(elt);
    log("now", elt);
    sse.open(elt);
  }

  /** The network or the reader is back: begin anew with what is down. */
  const revive = () => sse.elements().filter(elt => !sse.isLive(elt) && !sse.isEnded(elt)).forEach(openNow);

  // htmx 2. While an `EventSource` is CONNECTING the browser tries by itself. Once it is CLOSED the extension would
  // open another one on its own schedule, without end; it does not if the source looks open while it is looking.
  sse.on("htmx:sseError", ({target: elt, detail: {source}}) => {
    if (!source || source !== sse.sourceOf(elt)) return;
    if (source.readyState === EventSource.CLOSED) {
      Object.defineProperty(source, "readyState", {value: EventSource.CONNECTING, configurable: true});
      queueMicrotask(() => { delete source.readyState; });
      died(elt);
    } else if (!mayTry(elt)) source.close();
  });
  sse.on("htmx:sseOpen", ({target}) => forget(target));

  // htmx 4 tries by itself once a stream has been open: it is told how often. A first request that fails is ours.
  sse.on("htmx:sse:before:connection", ({target, detail: {connection: {attempt, config}}}) => {
    if (attempt) return log(`try ${attempt} of ${settings.maxRetries}`, target);
    Object.assign(config, {reconnectDelay: delay(), reconnectJitter: 0, reconnectMaxAttempts: settings.maxRetries});
    Object.defineProperty(config, "reconnectMaxDelay", {get: () => config.reconnectDelay});
  });
  sse.on("htmx:sse:after:connection", ({target}) => forget(target));
  sse.on("htmx:sse:close", ({target, detail: {connection, reason}}) => {
    if (reason === "ended" && connection.attempt > settings.maxRetries) log("given up", target);
  });
  sse.on("htmx:finally:request", ({detail: {ctx}}) => {
    const elt = ctx?.sourceElement;
    if (elt?.matches(sse.CONNECTS) && !sse.isLive(elt)) died(elt);
  });

  addEventListener("online", revive);
  addEventListener("pageshow", ({persisted}) => { if (persisted) revive(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) revive(); });
  addEventListener("htmx:sseReconnect", ({target}) => {
    if (target instanceof Element && target.matches(sse.CONNECTS)) return openNow(target);
    const root = target instanceof Element ? target : document;
    sse.elements(root).filter(elt => !sse.isEnded(elt)).forEach(openNow);
  }, true);  // on the way down, so that an event which does not bubble is heard too

  sse.reconnect = given => { settings = given; };
})();
