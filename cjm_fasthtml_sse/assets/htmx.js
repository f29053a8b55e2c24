/**
 * The parts that both versions of htmx share: events, swaps, and out-of-band elements.
 *
 * An element of `create_sse_element` has `data-sse-swap`, a list of the events to swap. Elements in plain HTML
 * (`sse-connect`, `sse-swap`, `hx-sse:connect`) work as well.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  if (sse.isLoaded) return;

  const OUT_OF_BAND = "[hx-swap-oob], [data-hx-swap-oob]";

  /** @type {Internals["on"]} With a dash as its `metaCharacter`, htmx 4 spells its events with dashes. */
  const on = sse.on = (name, handle, capture = false) => {
    document.addEventListener(name, handle, capture);
    document.addEventListener(name.replaceAll(":", "-"), handle, capture);
  };

  /** @type {Internals["is4"]} */
  const is4 = sse.is4 = () => parseInt(htmx.version) >= 4;

  /** @type {Internals["swap"]} */
  sse.swap = (elt, text, style) => is4() ? htmx.swap({text, sourceElement: elt, target: elt, swap: style})
    : htmx.swap(elt, text, {swapStyle: style});

  /** @type {Internals["attribute"]} */
  const attribute = sse.attribute = (elt, name) => elt.getAttribute(name) ?? elt.getAttribute(`data-${name}`);

  /** @type {Internals["swappedEvents"]} */
  sse.swappedEvents = elt => attribute(elt, "sse-swap")?.split(",").map(each => each.trim());

  /** @type {Internals["onlyOutOfBand"]} */
  sse.onlyOutOfBand = html => {
    if (!html.includes("hx-swap-oob")) return null;
    const holder = document.createElement("template");
    holder.innerHTML = html;
    /** @type {Element[]} */
    const found = [];
    /** @param {DocumentFragment} root @returns {boolean} Whether only empty wrappers are left. */
    const takeFrom = root => {
      for (const elt of root.querySelectorAll(OUT_OF_BAND)) {
        if (!root.contains(elt)) continue;
        found.push(elt);
        elt.remove();
      }
      return !root.textContent?.trim() && [...root.querySelectorAll("*")].every(elt =>
        !elt.attributes.length && /^(DIV|TABLE|TBODY|TEMPLATE|UL)$/.test(elt.tagName) &&
        (!(elt instanceof HTMLTemplateElement) || takeFrom(elt.content)));
    };
    return takeFrom(holder.content) ? found.map(elt => elt.outerHTML) : null;
  };

  /** @type {Internals["nameTab"]} */
  sse.nameTab = (address, headers) => { if (new URL(address, document.baseURI).origin === location.origin) headers["SSE-Tab"] = sse.tabId; };

  /** A response may name its user. @param {string | null | undefined} tag */
  const onUser = tag => { if (tag) sse.userChanged(tag); };

  on("htmx:afterRequest", ({detail: {xhr}}) => onUser(xhr?.getResponseHeader("SSE-User")));
  on("htmx:after:request", ({detail: {ctx}}) => onUser(ctx.response?.headers?.get("SSE-User")));
})();
