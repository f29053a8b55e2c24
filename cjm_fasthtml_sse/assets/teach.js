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
  const MANY = 10;  // events that the page does not show, until it is told
  const MOST = 100;  // names and unshown events that are looked at
  const OUT_OF_BAND = "[hx-swap-oob], [data-hx-swap-oob]";
  /** @type {Set<string>} */
  const warned = new Set();
  /** @type {WeakSet<Element>} Elements to which the extension of htmx 4 has connected. */
  const connected = new WeakSet();
  /** @type {Set<string>} URLs of streams of which the page has shown an event, and each URL with the event's name. */
  const shown = new Set();
  let unshown = 0;  // events that no element shows

  /** @param {string} kind @param {string} text @param {string} anchor A heading of `PAGE`. */
  const teach = (kind, text, anchor) => {
    if (warned.has(kind)) return;
    warned.add(kind);
    console[kind === "twice" ? "error" : "warn"](`cjm-fasthtml-sse: ${text} See ${PAGE}#${anchor}`);
  };

  sse.warn = (kind, detail, elt) => {
    if (kind === "event") {
      try {  // an error here must not keep the event from the page
        if (elt?.hasAttribute("data-sse-swap") && detail.data && !detail.event?.startsWith("sse-")) checkEvent(elt, detail);
      } catch (error) {
        console.debug("sse:", error);
      }
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

  /** The URL of an element's stream. @param {Element} elt */
  const pathOf = elt => sse.attribute(elt, "sse-connect")?.split("?")[0] ?? "";

  /** What the elements of the page that read the stream of `elt` swap or wait for. @param {Element} elt */
  function shownNames(elt) {
    const names = /** @type {Set<string>} */ (new Set());
    for (const each of sse.elements()) {
      if (pathOf(each) !== pathOf(elt)) continue;
      for (const part of [each, ...each.querySelectorAll("[sse-swap], [data-sse-swap], [hx-trigger], [data-hx-trigger]")]) {
        for (const name of sse.swappedEvents(part) ?? []) names.add(name);
        for (const [, name] of (sse.attribute(part, "hx-trigger") ?? "").matchAll(/sse:([^\s,[]+)/g)) names.add(name);
      }
    }
    return names;
  }

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

  /** Names that differ only in their numbers are different names. @param {string} one @param {string} other */
  function isNear(one, other) {
    const [a, b] = [one, other].map(name => name.toLowerCase().replace(/\d+/g, ""));
    return a === b ? one.toLowerCase() === other.toLowerCase() : distance(a, b) <= Math.max(1, Math.floor(b.length / 4));
  }

  /** Warn about an event that the page does not show, because of its name. JSON is for scripts. @param {Element} elt @param {Block} block */
  function checkEvent(elt, {event, data = ""}) {
    const name = event || "message", url = pathOf(elt);
    if (shown.has(`${url} ${name}`) || unshown + shown.size > MOST) return;
    const names = shownNames(elt);
    if (event === "message") {
      if (names.has(name) && sse.attribute(elt, "hx-swap") !== "none") {
        teach("json", `The events of ${url} are JSON, which is for scripts. For HTML, give setup_broadcast_routes `
          + "an element_builder.", "json-appears-in-the-page");
      }
      return;
    }
    if (names.has(name)) return shown.add(url).add(`${url} ${name}`);
    if (/^[{[]/.test(data)) return;
    unshown += 1;
    const list = [...names].map(each => `"${each}"`).join(", ");
    const near = name !== "message" && [...names].find(each => each !== "message" && isNear(name, each));
    if (near) {
      teach(`near:${near}`, `An event of ${url} is named "${name}", but this page shows "${near}". The name of an event is `
        + "its type.", "no-element-swaps-an-event");
    }
    if (shown.has(url) || near) return;
    if (name === "message") {
      teach(`unnamed:${url}`, `The events of ${url} have no name, but this page shows only ${list}. Give `
        + `setup_broadcast_routes named=True, or the element a swap style, such as "beforeend".`, "no-element-swaps-an-event");
    } else if (list === '"message"') {
      teach(`named:${url}`, `The events of ${url} have names, but this page shows only events without one. `
        + `Write create_sse_element(swap_strategy="${name}").`, "no-element-swaps-an-event");
    } else if (unshown >= MANY) {
      teach(`others:${url}`, `This page shows ${list}, but the first ${MANY} events of ${url} have other names, such `
        + `as "${name}".`, "no-element-swaps-an-event");
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
    if (state !== "reconnecting" || ![200, 404, 405].includes(status)) return;
    const what = status === 200 ? "is a page and no stream" : `does not exist (status ${status})`;
    teach(`url:${pathOf(target)}`, `The URL ${pathOf(target)} ${what}. Call setup_broadcast_routes(app, manager), which `
      + "makes /sse/broadcast.", "no-stream-at-that-url");
  });
  addEventListener("load", () => setTimeout(checkElements, CONNECT_PERIOD));
})();
