/**
 * One event stream, read by `fetch` and read again whenever it breaks. Nothing here knows of htmx, of elements or of
 * other tabs. A reader of its own, instead of the browser's `EventSource`, because that one tells neither statuses nor
 * headers nor heartbeats, and those say when to stop, when to come back, and that a line is dead.
 *
 * A stream is open with the first line of its body: proxies hand on headers and keep the rest. A manager's stream says
 * in that line (`: connected {…}`, which no proxy takes away) from where it goes on, how many topics it was asked for,
 * which it gives, and how often it beats. Whoever asked to go on from an id and is not answered so asks by the query;
 * where that does not arrive either, something is missed, and is told as a reset.
 *
 * What ends a stream for good: status 204 and the event `sse-close` (state `closed`); 400, 401, 403 and 409, or a
 * redirect to something that is no stream, as to a sign-in page (state `denied`). A 409 with `Retry-After` may be the
 * page's own dead line, and is tried again for a while. So is everything else, for as long as it takes.
 *
 * Firefox and WebKit break what a page reads as soon as a navigation begins, also if it becomes a download, and WebKit
 * lets it read nothing until that is over. Nobody is told of such a break, unless it lasts.
 */
(() => {
  "use strict";
  /** @type {SSE} */
  const sse = window.cjmSSE ??= {};
  if (window.cjmSSE.stream) return;

  const CONNECT_TIMEOUT = 60_000;  // ms without an answer
  const LATE = 10_000;  // ms without a byte until `teach.js`, where the page has it, says so
  const LEAVING = 2000;  // ms after a navigation has begun in which a break is its doing, and for which nobody is told
  const TAKEN = 90_000;  // ms for which an id may be held by a dead line of this page
  /** @type {Record<number, State>} */
  const STOP = {204: "closed", 400: "denied", 401: "denied", 403: "denied", 409: "denied"};

  /** Full jitter between `least` and a ceiling that doubles from `first` to `most`, in ms; see `create_reconnection_script`. */
  const policy = sse.policy = {least: 250, first: 1000, most: 30_000, interval: 0, maxRetries: Infinity, debug: false};

  /** @type {SSE["parse"]} */
  sse.parse = text => {
    try { return Object(JSON.parse(text || "{}")); } catch { return {}; }
  };

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

  /**
   * Text in, blocks out: WHATWG HTML 9.2.6, with every field told, `topic` too, and comments. Only what is new is looked
   * through; the pieces of a line are joined once, when it ends.
   * @type {SSE["parser"]}
   */
  sse.parser = () => {
    /** @type {string[]} */
    let pieces = [];
    let afterCR = false;
    /** @type {Block} */
    let block = {};
    return text => {
      /** @type {Block[]} */
      const blocks = [];
      if (!text) return blocks;
      if (afterCR && text[0] === "\n") text = text.slice(1);
      afterCR = text.endsWith("\r");
      const lines = text.split(/\r\n|\r|\n/);
      const rest = lines.pop();
      if (lines.length) {
        pieces.push(lines[0]);
        lines[0] = pieces.join("");
        pieces = [];
      }
      if (rest) pieces.push(rest);
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
        else if (!field) blocks.push({comment: value});
      }
      return blocks;
    };
  };

  /** What a server asks for by `Retry-After`, in ms; a quarter more at random, so that a crowd is spread. @param {Response} response */
  function retryAfter({status, headers}) {
    const value = headers.get("Retry-After");
    if (!value || ![409, 429, 503].includes(status)) return undefined;
    const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
    return ms >= 0 ? Math.min(ms, 2 ** 30) * (1 + Math.random() / 4) : undefined;
  }

  /** @type {SSE["stream"]} */
  sse.stream = handlers => {
    /** @type {State} */
    let state = "connecting";
    let tries = 0, silence = 0, heard = 0, refused = 0, quiet = 0, named = false, omit = false;
    /** @type {number | undefined} */
    let retry;
    /** @type {any} */
    let timer;
    /** @type {any} */
    let watchdog;
    /** @type {any} */
    let late;
    /** @type {any} */
    let telling;
    /** @type {AbortController | undefined} */
    let request;
    /** @param {string} what */
    const log = what => { if (policy.debug) console.debug(`sse: ${what}`); };

    /** @param {State} next @param {number} [status] */
    function enter(next, status) {
      const changed = state !== next;
      state = next;
      quiet = 0;
      clearTimeout(telling);
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

    /** How long a line may be silent that beats so often: within three heartbeats it is noticed. @param {number} beat In ms; 0 for none. */
    const limit = beat => beat && Math.max(2.5 * beat, beat + 2000);

    /** Something was heard; what has to come next has so long. @param {number} ms */
    function alive(ms) {
      heard = Date.now();
      clearTimeout(watchdog);
      if (ms) watchdog = setTimeout(() => { log("silent"); again(); }, ms);
    }

    /** @param {number} [wait] @param {number} [status] */
    function again(wait, status) {
      hush();
      const now = performance.now();
      if (state === "open" && !quiet && now - (sse.leaving ?? -LEAVING) < LEAVING) {
        quiet = now + LEAVING;
        telling = setTimeout(() => enter("reconnecting", 0), LEAVING);
        return connect();
      }
      if (quiet) {
        timer = setTimeout(connect, 100);
        return handlers.onheld?.();
      }
      if (tries >= policy.maxRetries) return log("given up"), enter("closed", status);
      wait ??= sse.delay(tries, retry);
      tries += 1;
      if (policy.debug) log(`try ${tries} of ${policy.maxRetries} in ${Math.round(wait)} ms`);
      timer = setTimeout(connect, wait);
      enter("reconnecting", status ?? 0);
    }

    /** What is no stream. @param {Response} response */
    function turnedAway(response) {
      const {status, redirected} = response;
      const wait = retryAfter(response), now = performance.now();
      const mayPass = status === 409 && wait !== undefined && now - (refused ||= now) < TAKEN;
      if ((STOP[status] && !mayPass) || (redirected && status === 200)) return stop(STOP[status] ?? "denied", status);
      again(wait, status);
    }

    async function connect() {
      hush();
      const mine = request = new AbortController();
      const {signal} = mine;
      let foreign = false, open = false;
      alive(CONNECT_TIMEOUT);
      try {
        const {url, headers, id} = handlers.request();
        foreign = !named && new URL(url).origin !== location.origin;
        late = setTimeout(() => sse.late?.(url), LATE);
        const response = await fetch(url, {headers, cache: "no-store", credentials: omit ? "omit" : "include", signal});
        if (signal.aborted) return;
        foreign = false;
        named = !omit;
        const {status, body} = response;
        if (status !== 200 || !body || !response.headers.get("Content-Type")?.includes("text/event-stream")) {
          body?.cancel().catch(() => {});
          return turnedAway(response);
        }
        const reader = body.getReader();
        const decoder = new TextDecoder();
        const parse = sse.parser();
        for (;;) {
          const {done, value} = await reader.read();
          if (done || signal.aborted) break;
          clearTimeout(late);
          const since = Date.now() - heard;
          alive(open ? silence : CONNECT_TIMEOUT);
          let blocks = parse(decoder.decode(value, {stream: true}));
          if (!blocks.length) continue;
          if (open && !silence && blocks.some(block => block.comment === "heartbeat")) alive(silence = limit(since));  // it said nothing of them
          if (!open) {
            const said = sse.parse(blocks[0].comment?.match(/^connected (.*)/)?.[1]);
            const opening = "asked" in said ? said : undefined;
            const beat = (opening?.heartbeat ?? Number(response.headers.get("SSE-Heartbeat"))) * 1000;
            alive(silence = limit(beat));
            if (opening && id && !(opening.from && id.startsWith(opening.from))) {
              if (!sse.asksByQuery) {
                sse.asksByQuery = true;
                return connect();
              }
              blocks.unshift({event: "sse-reset", data: JSON.stringify({reason: "unknown", last_event_id: id, cut: true})});
            }
            open = true;
            tries = refused = 0;
            retry = undefined;
            handlers.onopen(response, opening);
            if (signal.aborted) return;
            enter("open");
          }
          blocks = blocks.filter(block => block.comment === undefined);
          for (const block of blocks) retry = block.retry ?? retry;
          if (blocks.length) handlers.onblocks(blocks);
          if (blocks.some(block => block.event === "sse-close") && !signal.aborted) return stop("closed");
          if (signal.aborted) return;
        }
      } catch (error) {
        if (policy.debug) console.debug("sse:", error);
      }
      if (signal.aborted) return;
      if (foreign && (omit = !omit)) return connect();  // another site may let in all who bring no cookies
      again();
    }

    Promise.resolve().then(() => { if (state === "connecting") connect(); });  // by then its owner knows it
    return {
      get state() { return state; },
      close() { stop("closed"); },
      /** The timer that notices a dead line sleeps in a page that is hidden; whoever is awake asks. */
      check() { if (state === "open" && silence && Date.now() - heard > silence) again(); },
      /** The network or the reader is back, or somebody asks: try at once what is down, and what should have been heard. */
      now() {
        if (state === "denied" || (state === "open" && !(silence && Date.now() - heard > silence))) return;
        if (state === "connecting" || (request && state !== "open")) return;
        tries = 0;
        log("now");
        enter("reconnecting");
        connect();
      },
    };
  };
})();
