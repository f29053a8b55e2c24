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
  const OUT_OF_BAND = "[hx-swap-oob], [data-hx-swap-oob]";
  /** @type {Set<string>} */
  const warned = new Set();
  /** @type {WeakSet<Element>} Elements to which the extension of htmx 4 has connected. */
  const connected = new WeakSet();

  /** @param {string} kind @param {string} text @param {string} anchor A heading of `PAGE`. */
  const teach = sse.teach = (kind, text, anchor) => {
    if (warned.has(kind)) return;
    warned.add(kind);
    console[kind === "twice" ? "error" : "warn"](`cjm-fasthtml-sse: ${text} See ${PAGE}#${anchor}`);
  };

  sse.warn = (kind, detail, entry) => {
    if (kind === "event") {
      if (entry) sse.noteEvent?.(detail, entry);
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
    checkMorph(sse.elements().some(elt => /^morph\b/.test(sse.attribute(elt, "hx-swap") ?? "")));
    if (!isSecureContext && sse.sharing.on && sse.elements().length) {
      teach("alone", "Tabs share a connection only on https and on localhost. Here each tab has its own, and a browser opens "
        + "six to a host over HTTP/1.1.", "tabs-that-do-not-share");
    }
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

  /** Warn about the swap style `morph` without its script. @param {boolean} isUsed */
  function checkMorph(isUsed) {
    if (isUsed && !sse.canMorph) teach("morph", "This page uses the swap style morph, but it lacks the script for it."
      + " Write sse_headers(morph=True).", "no-script-for-morph");
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
    checkMorph(/hx-swap-oob=["']?morph\b/.test(html));
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

  // In the capture phase, before listeners that change the message.
  sse.on("htmx:sse:before:connection", ({target}) => connected.add(target), true);
  sse.on("htmx:sseBeforeMessage", ({detail}) => checkTargets(detail.data), true);
  sse.on("htmx:sse:before:message", ({target, detail: {message}}) => {
    if (message && swaps(target, message.event)) checkTargets(message.data);
  }, true);
  addEventListener("load", () => setTimeout(checkElements, CONNECT_PERIOD));
})();
