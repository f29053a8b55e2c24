/**
 * Warnings in the console about mistakes of a page, with the way to fix them. Without them, such a page does nothing and
 * shows no error. Each warning appears once. The file changes nothing and opens no connection, so a page may leave it out.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  if (!sse || sse.warn) return;

  const PAGE = "https://cj-mills.github.io/cjm-fasthtml-sse/explains/troubleshooting.html";
  const CONNECT_PERIOD = 2000;  // ms after the load event until the elements should be connecting
  const SWAP_PERIOD = 1000;  // ms after an event until its content is in the page
  const CHECK_PERIOD = 2000;  // ms after an event until it is checked that an element shows events of its name
  const MAX_CHECKS = 10;  // such checks for a stream
  const MOST = 50;  // streams that are checked, and names of each
  const MANY = 10;  // events that the page does not show, until a doubtful case is told
  const OUT_OF_BAND = "[hx-swap-oob], [data-hx-swap-oob]";
  /** @type {Set<string>} */
  const warned = new Set();
  /** @type {WeakSet<Element>} Elements to which the extension of htmx 4 has connected. */
  const connected = new WeakSet();
  /** @typedef {Map<string, {count: number, isJSON: boolean, isOOB: boolean}>} Names Of events; empty for events without one. */
  /** @type {Map<string, {names: Names, checks: number, timer?: any}>} By URL. */
  const streams = new Map();

  /** @param {string} kind @param {string} text @param {string} anchor A heading of `PAGE`. */
  const teach = (kind, text, anchor) => {
    if (warned.has(kind)) return;
    warned.add(kind);
    console[kind === "twice" ? "error" : "warn"](`cjm-fasthtml-sse: ${text} See ${PAGE}#${anchor}`);
  };

  sse.warn = (kind, detail, entry) => {
    if (kind === "event") {
      if (entry) note(detail, entry);
    } else if (kind === "late") {
      teach(kind, `The stream ${detail} has not begun after 10 s. A proxy that collects answers does this; so does a `
        + "seventh tab over HTTP/1.1.", "nothing-for-a-long-time");
    } else if (kind === "alone") {
      teach(kind, `This browser does not let tabs share a connection (${detail}), so each has its own. It may be set to `
        + "keep no site data.", "tabs-that-do-not-share");
    } else if (kind === "topics") {
      teach(kind, "Topics that this page asks for do not reach the server, which does not send them. A proxy takes them "
        + "out of the URL.", "no-access");
    } else {
      teach(kind, `Two elements of this page have the connection_id ${detail}. It names one stream, so one of them ends `
        + "or is refused. Give each its own, or none.", "no-access");
    }
  };

  /** Warn if no element has connected. An element with a trigger may still wait for it. */
  function checkElements() {
    const waiting = sse.elements().filter(elt => !elt.matches("[hx-trigger], [data-hx-trigger]"));
    if (!waiting.length || sse.isAsked || sse.elements().some(elt => elt.hasAttribute("data-sse-state") || connected.has(elt))) return;
    const version = window.htmx?.version ?? "";
    const major = parseInt(version);
    if (!version) {
      teach("htmx", "An element of this page reads a stream, but there is no htmx that could do it. FastHTML "
        + "brings htmx unless it is told htmx=False.", "no-htmx-or-an-old-one");
    } else if (major < 2) {
      teach("old", `This page has htmx ${version}; streams need htmx 2 or 4.`, "no-htmx-or-an-old-one");
    } else {
      teach("extension", `htmx ${version} has no extension for streams on this page, so nothing reads them. `
        + `Put sse_headers(${major}) into the app's hdrs.`, "no-extension");
    }
  }

  /** @param {Element} elt @returns {string | undefined} The id of the target. */
  function target(elt) {
    const value = elt.getAttribute("hx-swap-oob") ?? elt.getAttribute("data-hx-swap-oob") ?? "";
    if (value.startsWith("delete")) return undefined;
    return value.includes(":") ? value.match(/:#([\w-]+)$/)?.[1] : elt.id;
  }

  /** Warn about targets that are missing both before and after the swap. @param {string} [html] */
  function checkTargets(html) {
    if (!html?.includes("hx-swap-oob")) return;
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const roots = [holder, ...holder.content.querySelectorAll("template")].map(each => each.content);
    const ids = roots.flatMap(root => [...root.querySelectorAll(OUT_OF_BAND)]).map(target);
    const missing = ids.filter(id => id && !document.getElementById(id));
    if (missing.length) setTimeout(() => {
      for (const id of missing) {
        if (document.getElementById(id ?? "")) continue;
        teach(`#${id}`, `An event was for the element with the id "${id}", which is not on this page, so it shows `
          + "nothing. This is told once.", "no-element-with-that-id");
      }
    }, SWAP_PERIOD);
  }

  /** Whether htmx 4 will swap a message. @param {Element} elt @param {string} [name] */
  function swaps(elt, name) {
    if (name === "message") return false;
    const lists = [elt, ...elt.querySelectorAll("[sse-swap], [data-sse-swap]")]
      .map(each => each.getAttribute("sse-swap") ?? each.getAttribute("data-sse-swap")).filter(list => list !== null);
    return lists.length ? lists.some(list => list?.split(",").some(each => each.trim() === (name || "message"))) : !name;
  }

  // Events that no element shows, by the URL of their stream

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

  /** An event was received: note its name, and look later at all names. @param {Block} block @param {Attached} entry */
  function note({event, data}, {elt, url: address}) {
    const url = address.split("?")[0];
    if (!data || event?.startsWith("sse-") || !elt.hasAttribute("data-sse-swap")) return;
    if (!streams.has(url) && streams.size < MOST) streams.set(url, {names: new Map(), checks: 0});
    const stream = streams.get(url);
    if (!stream || stream.checks >= MAX_CHECKS || stream.names.size >= MOST) return;
    const seen = stream.names.get(event ?? "") ?? {count: 0, isJSON: isJSON(data), isOOB: data.includes("hx-swap-oob")};
    seen.count += 1;
    stream.names.set(event ?? "", seen);
    stream.timer ??= setTimeout(() => {
      stream.timer = undefined;
      stream.checks += 1;
      checkNames(url, stream.names);
    }, CHECK_PERIOD);
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
        + `Write create_sse_element(swap_strategy="${first}").`, "no-element-swaps-an-event");
    } else if (total >= MANY) {
      teach(`others:${url}`, `This page shows ${list}, but the first ${MANY} events of ${path} have other names, such `
        + `as "${first}".`, "no-element-swaps-an-event");
    }
  }

  // In the capture phase, before listeners that change the message.
  sse.on("htmx:sse:before:connection", ({target}) => connected.add(target), true);
  sse.on("htmx:sseBeforeMessage", ({detail}) => checkTargets(detail.data), true);
  sse.on("htmx:sse:before:message", ({target, detail: {message}}) => {
    if (message && swaps(target, message.event)) checkTargets(message.data);
  }, true);
  document.addEventListener("sse:state", event => {
    const {target, detail: {state, status}} = /** @type {any} */ (event);
    const what = {200: "is a page and no stream", 404: "does not exist", 405: "refuses GET"}[/** @type {number} */ (status)];
    if (state !== "reconnecting" || !what) return;
    teach(`url:${urlOf(target)}`, `The URL ${new URL(urlOf(target)).pathname} ${what} (status ${status}). `
      + "setup_broadcast_routes(app, manager) makes the stream /sse/broadcast.", "no-stream-at-that-url");
  });
  addEventListener("load", () => setTimeout(checkElements, CONNECT_PERIOD));
})();
