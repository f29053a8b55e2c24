/**
 * Warnings in the console about events that no element of the page shows, and about a URL that is no stream. A page with
 * such a mistake is live and shows nothing. The names of a stream's events are looked at together, two seconds after an
 * event, because a single one says little: a page may leave out events, and another part of it may come later.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  const {teach} = sse;
  if (!teach || sse.noteEvent) return;

  const CHECK_PERIOD = 2000;  // ms after an event until it is checked that an element shows events of its name
  const MAX_CHECKS = 10;  // such checks for a stream
  const MOST = 50;  // streams that are checked, and names of each
  const MANY = 10;  // events that the page does not show, until a doubtful case is told
  /** @typedef {Map<string, {count: number, isJSON: boolean, isOOB: boolean}>} Names Of events; empty for events without one. */
  /** @type {Map<string, {names: Names, ids: Set<string>, checks: number, timer?: any}>} By URL. */
  const streams = new Map();

  /** @param {Element} elt @returns {string} The URL of its stream, without the query. */
  function urlOf(elt) {
    const url = ["sse-connect", "hx-sse-connect", "hx-sse:connect"].map(name => sse.attribute(elt, name)).find(Boolean);
    return new URL(url ?? "", document.baseURI).href.split("?")[0];
  }

  /** @param {Element} elt */
  const isShown = elt => !sse.attribute(elt, "hx-swap")?.startsWith("none");

  /** Whether `text` is an object or a list in JSON, which is for scripts. @param {string} text */
  function isJSON(text) {
    try {
      return typeof JSON.parse(text) === "object";
    } catch {
      return false;
    }
  }

  /** @type {Internals["noteEvent"]} */
  sse.noteEvent = ({event, data}, {elt, url: address}) => {
    const url = address.split("?")[0];
    if (!data || event?.startsWith("sse-") || !elt.hasAttribute("data-sse-swap")) return;
    if (!streams.has(url) && streams.size < MOST) streams.set(url, {names: new Map(), ids: new Set(), checks: 0});
    const stream = streams.get(url);
    if (!stream || stream.checks >= MAX_CHECKS || stream.names.size >= MOST) return;
    const seen = stream.names.get(event ?? "") ?? {count: 0, isJSON: isJSON(data), isOOB: data.includes("hx-swap-oob")};
    seen.count += 1;
    stream.names.set(event ?? "", seen);
    for (const [, id] of data.matchAll(/\sid="([^"]+)"/g)) if (stream.ids.size < MOST) stream.ids.add(id);
    stream.timer ??= setTimeout(() => {
      stream.timer = undefined;
      stream.checks += 1;
      checkNames(url, stream.names);
      stream.ids.forEach(checkTwins);
    }, CHECK_PERIOD);
  };

  /** Warn if an event has brought an element beside the one that it should replace. @param {string} id */
  function checkTwins(id) {
    if (document.querySelectorAll(`[id="${CSS.escape(id)}"]`).length < 2) return;
    teach(`twins:${id}`, `An event brought an element with the id "${id}", and the page has two of them now. To replace the `
      + `first, write hx_swap_oob="true" (a text) on the new one.`, "two-elements-with-one-id");
  }

  /** What the elements of a stream swap, and all triggers of the page. @param {Element[]} elts */
  function shownNames(elts) {
    const parts = elts.flatMap(elt => [elt, ...elt.querySelectorAll("[sse-swap], [data-sse-swap]")]);
    const swapped = parts.flatMap(elt => sse.swappedEvents(elt) ?? []);
    const triggers = [...document.querySelectorAll("[hx-trigger], [data-hx-trigger]")]
      .flatMap(elt => sse.attribute(elt, "hx-trigger")?.split(/[\s,]+/).map(word => word.replace("sse:", "")) ?? []);
    return {swapped: [...new Set(swapped)], triggers};
  }

  /** Names that differ in case, in signs between the words, or by a plural. @param {string} name */
  const plain = name => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "").replace(/s$/, "");

  /** The number of letters to change to get from one name to another. @param {string} one @param {string} other */
  function distance(one, other) {
    let row = [...other].map((_, i) => i + 1);
    [...one].forEach((letter, i) => {
      let left = i + 1, corner = i;
      row = [...other].map((each, j) => {
        left = Math.min(left + 1, row[j] + 1, corner + Number(each !== letter));
        corner = row[j];
        return left;
      });
    });
    return row.at(-1) ?? one.length;
  }

  /** Names with a digit are taken for names of things, such as rows. @param {string} one @param {string} other */
  const isNear = (one, other) => plain(one) === plain(other) ||
    (Math.min(one.length, other.length) > 4 && !/\d/.test(one + other) && distance(one, other) <= 1 + other.length / 8);

  /** Warn about names that the page does not show. @param {string} url @param {Names} seen */
  function checkNames(url, seen) {
    const elts = sse.elements().filter(elt => elt.hasAttribute("data-sse-swap") && urlOf(elt) === url);
    const {swapped, triggers} = shownNames(elts);
    const path = new URL(url).pathname;
    const isHidden = !elts.some(isShown);
    const hasMessage = seen.get("message");
    const json = [...seen].find(([name, {isJSON}]) => swapped.includes(name || "message") && isJSON);
    if (json && !isHidden) {
      teach("json", `The events of ${path} are JSON, which is for scripts. In a broadcast route, an element_builder makes HTML `
        + "of them.", "json-appears-in-the-page");
    }
    if (hasMessage && !hasMessage.isJSON && sse.is4() && swapped.includes("message") && !isHidden) {
      teach("message", `An event of ${path} is named "message", and htmx 4 shows no event of that name. Give the event `
        + "another type.", "no-element-swaps-an-event");
    }
    const isSeen = (/** @type {string} */ name) => swapped.includes(name || "message") || triggers.includes(name);
    const unshown = [...seen].filter(([name, {isJSON}]) => !isSeen(name) && !isJSON);
    const total = unshown.reduce((sum, [, {count}]) => sum + count, 0);
    for (const wanted of swapped) {
      if (wanted === "message" || seen.has(wanted)) continue;
      const [name] = unshown.find(([each]) => each && isNear(each, wanted)) ?? [];
      if (!name || (plain(name) !== plain(wanted) && total < MANY)) continue;
      return teach(`near:${wanted}`, `An event of ${path} is named "${name}", but this page shows "${wanted}". The name of `
        + "an event is its type.", "no-element-swaps-an-event");
    }
    if (!unshown.length || [...seen.keys()].some(isSeen)) return;
    const list = swapped.map(each => `"${each}"`).join(", ");
    const [[first, {isOOB}]] = unshown;
    if (!first) {
      teach(`unnamed:${url}`, `The events of ${path} have no name, but this page shows only ${list}. In a broadcast route, `
        + `named=True gives them names. Or give the element a swap style, such as "beforeend".`, "no-element-swaps-an-event");
    } else if (list === '"message"') {
      if (isHidden && !isOOB) return;  // for a script
      teach(`named:${url}`, `The events of ${path} have names, but this page shows only events without one. `
        + `Write create_sse_element(swap_strategy="${first}", hx_swap="${sse.attribute(elts[0], "hx-swap") ?? "innerHTML"}").`, "no-element-swaps-an-event");
    } else if (total >= MANY) {
      teach(`others:${url}`, `This page shows ${list}, but the first ${MANY} events of ${path} have other names, such `
        + `as "${first}".`, "no-element-swaps-an-event");
    }
  }

  document.addEventListener("sse:state", event => {
    const {target, detail: {state, status}} = /** @type {any} */ (event);
    const what = {200: "is a page and no stream", 404: "does not exist", 405: "refuses GET"}[/** @type {number} */ (status)];
    if (state !== "reconnecting" || !what) return;
    teach(`url:${urlOf(target)}`, `The URL ${new URL(urlOf(target)).pathname} ${what} (status ${status}). `
      + "setup_broadcast_routes(app, manager) makes the stream /sse/broadcast.", "no-stream-at-that-url");
  });
})();
