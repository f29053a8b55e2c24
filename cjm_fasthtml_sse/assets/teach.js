/**
 * What is wrong with a page, said in its console, with what to do about it: a page that does nothing says nothing by
 * itself. Each thing is told once, as a warning; a page that is right hears nothing. It changes and opens nothing, and
 * the script works without it, so a page may leave it out.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  if (!sse || sse.onSlowConnect) return;

  const PAGE = "https://cj-mills.github.io/cjm-fasthtml-sse/explains/troubleshooting.html";
  const SOON = 2000;  // ms after the page has loaded until its elements should be connecting
  const SWAPPED = 1000;  // ms after an event until what it brings is in the page
  const OUT_OF_BAND = "[hx-swap-oob], [data-hx-swap-oob]";
  /** @type {Set<string>} */
  const told = new Set();
  /** @type {WeakSet<Element>} Elements that htmx 4's extension has taken up. */
  const taken = new WeakSet();

  /** @param {string} what @param {string} text @param {string} anchor A heading of `PAGE`. */
  const teach = (what, text, anchor) => {
    if (told.has(what)) return;
    told.add(what);
    console[what === "twice" ? "error" : "warn"](`cjm-fasthtml-sse: ${text} See ${PAGE}#${anchor}`);
  };

  sse.onSlowConnect = url => {
    teach("late", `The stream ${url} has not begun after 10 s. A proxy that collects answers does this; so does a `
      + "seventh tab over HTTP/1.1.", "nothing-for-a-long-time");
  };

  sse.warn = (what, detail) => {
    if (what === "alone") {
      teach(what, `This browser does not let tabs share a connection (${detail}), so each has its own. It may be set to `
        + "keep no site data.", "tabs-that-do-not-share");
    } else if (what === "topics") {
      teach(what, "Topics that this page asks for do not reach the server, which does not send them. A proxy takes them "
        + "out of the URL.", "no-access");
    } else {
      teach(what, `Two elements of this page have the connection_id ${detail}. It names one stream, so one of them ends `
        + "or is refused. Give each its own, or none.", "no-access");
    }
  };

  /** An element with a trigger may be waiting for it. */
  function look() {
    const waiting = sse.elements().filter(elt => !elt.matches("[hx-trigger], [data-hx-trigger]"));
    if (!waiting.length || sse.isAsked || sse.elements().some(elt => elt.hasAttribute("data-sse-state") || taken.has(elt))) return;
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

  /** @param {Element} elt @returns {string | undefined} The id of the element for which it is. */
  function target(elt) {
    const value = elt.getAttribute("hx-swap-oob") ?? elt.getAttribute("data-hx-swap-oob") ?? "";
    if (value.startsWith("delete")) return undefined;
    return value.includes(":") ? value.match(/:#([\w-]+)$/)?.[1] : elt.id;
  }

  /** What an event was for and does not find, neither before it is swapped nor after. @param {string} [html] */
  function places(html) {
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
    }, SWAPPED);
  }

  /** Whether htmx 4 will swap a message that its extension has read. @param {Element} elt @param {string} [name] */
  function swaps(elt, name) {
    if (name === "message") return false;
    const lists = [elt, ...elt.querySelectorAll("[sse-swap], [data-sse-swap]")]
      .map(each => each.getAttribute("sse-swap") ?? each.getAttribute("data-sse-swap")).filter(list => list !== null);
    return lists.length ? lists.some(list => list?.split(",").some(each => each.trim() === (name || "message"))) : !name;
  }

  // On the way down: before anybody who changes what comes.
  sse.on("htmx:sse:before:connection", ({target}) => taken.add(target), true);
  sse.on("htmx:sseBeforeMessage", ({detail}) => places(detail.data), true);
  sse.on("htmx:sse:before:message", ({target, detail: {message}}) => {
    if (message && swaps(target, message.event)) places(message.data);
  }, true);
  addEventListener("load", () => setTimeout(look, SOON));
})();
