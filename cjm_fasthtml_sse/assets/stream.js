/**
 * One event stream, read with `fetch` and reopened after each failure. It knows nothing of htmx, elements or other tabs.
 * It replaces the browser's `EventSource`, which hides statuses, headers and heartbeats. These decide when to stop, when
 * to retry, and whether a connection is dead.
 *
 * A stream is open when the first line of its body has arrived, because some proxies forward headers and buffer the body.
 * A manager's stream starts with the comment `: connected {…}`, which proxies do not remove. It contains the id from
 * which the stream continues, the number of requested topics, the granted topics and the heartbeat interval. If the
 * request had an id and the answer does not continue from it, the script sends the id in the query as well. If the query
 * is lost too, events may be missing, and the page gets a reset.
 *
 * These end a stream for good: status 204 and the event `sse-close` (state `closed`); status 400, 401, 403 or 409, and a
 * redirect to a page that is no stream, such as a sign-in page (state `denied`). A 409 with `Retry-After` may come from
 * this page's own dead connection, so it is retried for 90 seconds. All other failures are retried without a limit of time.
 *
 * Firefox and WebKit abort the requests of a page as soon as a navigation begins, even if it becomes a download. WebKit
 * then lets the page read nothing until the navigation has ended. Such a break is not shown unless it lasts.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  if (sse.isLoaded) return;

  const CONNECT_TIMEOUT = 60_000;  // ms without an answer
  const SLOW_CONNECT = 10_000;  // ms without a byte until `teach.js`, if the page has it, warns
  const NAVIGATION_PERIOD = 2000;  // ms after the start of a navigation in which a break is not shown
  const MAX_FROM = 200;  // characters of an id that the server returns
  const STALE_ID_PERIOD = 90_000;  // ms for which a dead connection of this page may occupy its id
  /** @type {Record<number, State>} */
  const FINAL = {204: "closed", 400: "denied", 401: "denied", 403: "denied", 409: "denied"};
  const {policy} = sse;

  /** @param {unknown} what */
  const log = what => { if (policy.debug) console.debug("sse:", what); };

  /** The time without a byte after which a connection counts as dead: under three heartbeats. @param {number} interval In ms; 0 for no heartbeats. */
  const silenceLimit = interval => interval && Math.max(2.5 * interval, interval + 2000);

  /** @type {Internals["openStream"]} */
  sse.openStream = handlers => {
    /** @type {State} */
    let state = "connecting";
    let tries = 0, maxSilence = 0, lastReadAt = 0, refusedSince = 0, quietUntil = 0, hasAnswered = false, omitsCookies = false;
    /** Whether the last request had the id in its query as well. @type {boolean | undefined} */
    let hasAsked;
    /** @type {number | undefined} */
    let retry;
    /** @type {any} */
    let retryTimer;
    /** @type {any} */
    let watchdog;
    /** @type {any} */
    let slowTimer;
    /** @type {any} */
    let stateTimer;
    /** @type {AbortController | undefined} */
    let request;

    /** @param {State} next @param {number} [status] */
    function enter(next, status) {
      const changed = state !== next;
      state = next;
      quietUntil = 0;
      clearTimeout(stateTimer);
      if (changed || status !== undefined) handlers.onstate(next, status);
    }

    function cancelAll() {
      clearTimeout(retryTimer);
      clearTimeout(watchdog);
      clearTimeout(slowTimer);
      retryTimer = undefined;
      request?.abort();
      request = undefined;
    }

    /** @param {State} end @param {number} [status] */
    function stop(end, status) {
      cancelAll();
      enter(end, status);
    }

    /** Bytes have arrived: wait at most `ms` for the next. @param {number} ms */
    function restartWatchdog(ms) {
      lastReadAt = Date.now();
      clearTimeout(watchdog);
      if (ms) watchdog = setTimeout(() => { log("silent"); retryLater(); }, ms);
    }

    const isSilent = () => Boolean(maxSilence) && Date.now() - lastReadAt > maxSilence;

    /** @param {number} [wait] @param {number} [status] */
    function retryLater(wait, status) {
      cancelAll();
      const now = performance.now();
      if (state === "open" && !quietUntil && now - (sse.leaving ?? -NAVIGATION_PERIOD) < NAVIGATION_PERIOD) {
        quietUntil = now + NAVIGATION_PERIOD;
        stateTimer = setTimeout(() => enter("reconnecting", 0), NAVIGATION_PERIOD);
        return connect();
      }
      if (quietUntil) {
        retryTimer = setTimeout(connect, 100);
        return handlers.onpaused?.();
      }
      if (tries >= policy.maxRetries) return log("given up"), enter("closed", status);
      wait ??= sse.chooseDelay(tries, retry);
      tries += 1;
      log(`try ${tries} of ${policy.maxRetries} in ${Math.round(wait)} ms`);
      retryTimer = setTimeout(connect, wait);
      enter("reconnecting", status ?? 0);
    }

    async function connect() {
      cancelAll();
      const {signal} = request = new AbortController();
      let mayOmitCookies = false;
      restartWatchdog(CONNECT_TIMEOUT);
      try {
        const {url, headers, id} = handlers.request();
        hasAsked = sse.asksByQuery;
        mayOmitCookies = !hasAnswered && new URL(url).origin !== location.origin;
        slowTimer = setTimeout(() => sse.warn?.("late", url), SLOW_CONNECT);
        const response = await fetch(url, {headers, cache: "no-store", credentials: omitsCookies ? "omit" : "include", signal});
        if (signal.aborted) return;
        mayOmitCookies = false;
        hasAnswered = !omitsCookies;
        if (accept(response)) await read(response, id, signal);
      } catch (error) {
        log(error);
      }
      if (signal.aborted) return;
      if (mayOmitCookies && (omitsCookies = !omitsCookies)) return connect();  // another origin may allow all requests without cookies
      retryLater();
    }

    /** Whether a response is a stream. If it is not, stops or retries. @param {Response} response */
    function accept(response) {
      const {status, body, redirected} = response;
      if (status === 200 && body && response.headers.get("Content-Type")?.includes("text/event-stream")) return true;
      body?.cancel().catch(() => {});
      const wait = sse.readRetryAfter(response), now = performance.now();
      const mayPass = status === 409 && wait !== undefined && now - (refusedSince ||= now) < STALE_ID_PERIOD;
      if (!mayPass && (FINAL[status] || (redirected && status === 200))) stop(FINAL[status] ?? "denied", status);
      else retryLater(wait, status);
      return false;
    }

    /** Read to the end of the body. @param {Response} response @param {string} id @param {AbortSignal} signal */
    async function read(response, id, signal) {
      const reader = /** @type {ReadableStream} */ (response.body).getReader();
      const decoder = new TextDecoder();
      const parse = sse.createParser();
      let isOpen = false;
      for (;;) {
        const {done, value} = await reader.read();
        if (done || signal.aborted) return;
        clearTimeout(slowTimer);
        const since = Date.now() - lastReadAt;
        restartWatchdog(isOpen ? maxSilence : CONNECT_TIMEOUT);
        const blocks = parse(decoder.decode(value, {stream: true}));
        if (!blocks.length) continue;
        if (!isOpen) {
          open(response, blocks, id);
          isOpen = true;
        } else if (!maxSilence && blocks.some(block => block.comment === "heartbeat")) {  // the opening had no interval
          restartWatchdog(maxSilence = silenceLimit(since));
        }
        if (!signal.aborted) deliver(blocks.filter(block => block.comment === undefined), signal);
        if (signal.aborted) return;
      }
    }

    /** The first blocks have arrived. @param {Response} response @param {Block[]} blocks @param {string} id */
    function open(response, blocks, id) {
      const first = sse.parseJSON(blocks[0].comment?.match(/^connected (.*)/)?.[1]);
      const opening = "asked" in first ? first : undefined;
      restartWatchdog(maxSilence = silenceLimit((opening?.heartbeat ?? Number(response.headers.get("SSE-Heartbeat"))) * 1000));
      if (opening && id && opening.from !== id.slice(0, MAX_FROM)) {
        if (!hasAsked) {
          sse.asksByQuery = true;
          return connect();
        }
        blocks.unshift({event: "sse-reset", data: JSON.stringify({reason: "unknown", last_event_id: id, cut: true})});
      }
      tries = refusedSince = 0;
      retry = undefined;
      const {signal} = /** @type {AbortController} */ (request);
      handlers.onopen(response, opening);
      if (!signal.aborted) enter("open");
    }

    /** @param {Block[]} blocks @param {AbortSignal} signal */
    function deliver(blocks, signal) {
      for (const block of blocks) retry = block.retry ?? retry;
      if (blocks.length) handlers.onblocks(blocks);
      if (blocks.some(block => block.event === "sse-close") && !signal.aborted) stop("closed");
    }

    Promise.resolve().then(() => { if (state === "connecting") connect(); });  // by then the caller has the stream
    return {
      get state() { return state; },
      close() { stop("closed"); },
      check() { if (state === "open" && isSilent()) retryLater(); },
      reconnectNow() {
        if (state === "open" ? !isSilent() : request || state === "denied" || state === "connecting") return;
        tries = 0;
        log("now");
        enter("reconnecting");
        if (state === "reconnecting") connect();  // the page may have closed it
      },
    };
  };
})();
