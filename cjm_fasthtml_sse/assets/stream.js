/**
 * One event stream, read by `fetch` and read again whenever it breaks. Nothing here knows of htmx, of elements or of
 * other tabs. A reader of its own, instead of the browser's `EventSource`, because that one tells neither statuses nor
 * headers nor heartbeats, and those say when to stop, when to come back, and that a line is dead.
 *
 * What ends a stream for good: status 204 and the event `sse-close` (state `closed`); 400, 401, 403 and 409, or a
 * redirect to something that is no stream, as to a sign-in page (state `denied`). Everything else is tried again.
 */
(() => {
  "use strict";
  /** @type {SSE} */
  const sse = window.cjmSSE ??= {};
  if (window.cjmSSE.stream) return;

  const CONNECT_TIMEOUT = 60_000;  // ms without an answer
  const LATE = 10_000;  // ms without an answer until `teach.js`, where the page has it, says so
  /** @type {Record<number, State>} */
  const STOP = {204: "closed", 400: "denied", 401: "denied", 403: "denied", 409: "denied"};

  /** Full jitter between `least` and a ceiling that doubles from `first` to `most`, in ms; see `create_reconnection_script`. */
  const policy = sse.policy = {least: 250, first: 1000, most: 30_000, interval: 0, maxRetries: Infinity, debug: false};

  /** @type {SSE["delay"]} */
  sse.delay = (tries, retry) => {
    if (!tries && retry !== undefined) return retry;  // the server spreads its readers itself
    if (policy.interval) return (retry ?? policy.interval) * (1 + Math.random() / 4);
    const ceiling = Math.min(policy.most, (retry || policy.first) * 2 ** tries);
    return policy.least + Math.random() * Math.max(0, ceiling - policy.least);
  };

  /** @type {SSE["isLater"]} Positions can exceed 2^53, so they are compared by length, then as text; marks do not count. */
  sse.isLater = (id, than) => {
    const [[life, position], [thanLife, thanPosition]] = [id, than].map(each => {
      const place = each.split(".", 1)[0], cut = place.lastIndexOf("-");
      return [place.slice(0, cut), place.slice(cut + 1)];
    });
    if (life !== thanLife) return true;
    return position.length - thanPosition.length ? position.length > thanPosition.length : position > thanPosition;
  };

  /** Text in, blocks out: WHATWG HTML 9.2.6, with every field told, `topic` too. @type {SSE["parser"]} */
  sse.parser = () => {
    let rest = "";
    let afterCR = false;
    /** @type {Block} */
    let block = {};
    return text => {
      /** @type {Block[]} */
      const blocks = [];
      if (afterCR && text.startsWith("\n")) text = text.slice(1);
      if (text) afterCR = text.endsWith("\r");
      const lines = (rest + text).split(/\r\n|\r|\n/);
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (!line) {
          if (Object.keys(block).length) blocks.push(block);
          block = {};
          continue;
        }
        const [, field, value] = /** @type {RegExpMatchArray} */ (line.match(/^([^:]*):? ?(.*)$/s));
        if (field === "data") block.data = block.data === undefined ? value : `${block.data}\n${value}`;
        else if (field === "event" || field === "topic") block[field] = value;
        else if (field === "id" && !value.includes("\0")) block.id = value;
        else if (field === "retry" && /^\d+$/.test(value)) block.retry = Number(value);
      }
      return blocks;
    };
  };

  /** What a server asks for by `Retry-After`, in ms; a quarter more at random, so that a crowd is spread. @param {Response} response */
  function retryAfter({status, headers}) {
    const value = headers.get("Retry-After");
    if (!value || (status !== 429 && status !== 503)) return undefined;
    const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
    return ms >= 0 ? Math.min(ms, 2 ** 30) * (1 + Math.random() / 4) : undefined;
  }

  /** @type {SSE["stream"]} */
  sse.stream = handlers => {
    /** @type {State} */
    let state = "connecting";
    let tries = 0, heartbeat = 0, heard = 0;
    /** @type {number | undefined} */
    let retry;
    /** @type {any} */
    let timer;
    /** @type {any} */
    let watchdog;
    /** @type {any} */
    let late;
    /** @type {AbortController | undefined} */
    let request;
    /** @param {string} what */
    const log = what => { if (policy.debug) console.debug(`sse: ${what}`); };

    /** @param {State} next @param {number} [status] */
    function enter(next, status) {
      const changed = state !== next;
      state = next;
      if (changed || status !== undefined) handlers.onstate(next, status);
    }

    function hush() {
      clearTimeout(timer);
      clearTimeout(watchdog);
      clearTimeout(late);
      timer = undefined;
      request?.abort();
      request = undefined;
    }

    /** @param {State} end @param {number} [status] */
    function stop(end, status) {
      hush();
      enter(end, status);
    }

    /** Something was heard; what has to come next has so long. @param {number} ms */
    function alive(ms) {
      heard = Date.now();
      clearTimeout(watchdog);
      if (ms) watchdog = setTimeout(() => { log("silent"); again(); }, ms);
    }

    /** @param {number} [wait] @param {number} [status] */
    function again(wait, status) {
      hush();
      if (tries >= policy.maxRetries) return log("given up"), enter("closed", status);
      wait ??= sse.delay(tries, retry);
      tries += 1;
      if (policy.debug) log(`try ${tries} of ${policy.maxRetries} in ${Math.round(wait)} ms`);
      timer = setTimeout(connect, wait);
      enter("reconnecting", status ?? 0);
    }

    async function connect() {
      hush();
      const mine = request = new AbortController();
      const {signal} = mine;
      alive(CONNECT_TIMEOUT);
      try {
        const {url, headers} = handlers.request();
        late = setTimeout(() => sse.late?.(url), LATE);
        const response = await fetch(url, {headers, cache: "no-store", credentials: "include", signal});
        if (signal.aborted) return;
        clearTimeout(late);
        const {status, redirected, body} = response;
        const isStream = status === 200 && body && response.headers.get("Content-Type")?.includes("text/event-stream");
        if (!isStream) {
          body?.cancel();
          if (STOP[status] || (redirected && status === 200)) return stop(STOP[status] ?? "denied", status);
          return again(retryAfter(response), status);
        }
        heartbeat = Number(response.headers.get("SSE-Heartbeat")) * 2000;
        if (heartbeat) heartbeat += 5000;
        tries = 0;
        retry = undefined;
        alive(heartbeat);
        handlers.onopen(response);
        if (signal.aborted) return;
        enter("open");
        const reader = body.getReader();
        const decoder = new TextDecoder();
        const parse = sse.parser();
        for (;;) {
          const {done, value} = await reader.read();
          if (done || signal.aborted) break;
          alive(heartbeat);
          const blocks = parse(decoder.decode(value, {stream: true}));
          for (const block of blocks) retry = block.retry ?? retry;
          if (blocks.length) handlers.onblocks(blocks);
          if (blocks.some(block => block.event === "sse-close") && !signal.aborted) return stop("closed");
          if (signal.aborted) return;
        }
      } catch (error) {
        if (policy.debug) console.debug("sse:", error);
      }
      if (!signal.aborted) again();
    }

    connect();
    return {
      get state() { return state; },
      close() { stop("closed"); },
      /** The network or the reader is back, or somebody asks: try at once what is down, and what should have been heard. */
      now() {
        if (state === "denied" || (state === "open" && !(heartbeat && Date.now() - heard > heartbeat))) return;
        if (state === "connecting" || (request && state !== "open")) return;
        tries = 0;
        log("now");
        enter("reconnecting");
        connect();
      },
    };
  };
})();
