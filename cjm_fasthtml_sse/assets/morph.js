/**
 * The swap style `morph`: a swap that keeps what the reader and the scripts of a page have done. `merge.js` has the rule.
 * The nodes are matched by Idiomorph on htmx 2, which is loaded at the first use, and by htmx 4's own morph.
 *
 * A script that is new in the page runs, and one that was there before does not run again.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  if (!sse || sse.canMorph) return;

  const script = /** @type {HTMLScriptElement | null} */ (document.currentScript);
  const {url, integrity} = JSON.parse(script?.dataset.sse || "{}").morph ?? {};  // where Idiomorph is
  const NAME = "sse-morph";  // of the extension of htmx
  const PRESERVED = "[hx-preserve], [data-hx-preserve]";
  const FOCUS = "autofocus", NOT_YET = "data-sse-autofocus";  // the attribute, and its name while it may not act
  const ROWS = ":is(li, tr):not([id], :only-child):has(input, textarea, select)";
  const SVG = "http://www.w3.org/2000/svg";

  /** @typedef {{outer?: boolean, unchanged?: Set<string>}} Options */
  /** @type {Map<string, Options>} The swaps of `sse.morph` that are under way, each under a style of its own. */
  const pending = new Map();
  /** @type {WeakMap<Element, string>} The HTML of the last merge into an element. */
  const last = new WeakMap();
  /** @type {WeakSet<Element>} Targets whose swap is reported by the next event of htmx. */
  const merged = new WeakSet();
  /** @type {WeakMap<Element, Attached>} */
  const refreshed = new WeakMap();
  /** @type {any} Of htmx 4, for extensions. */
  let api;
  /** @type {((old: Node, theirs: Node) => boolean) | undefined} During a merge. */
  let beforeNode;
  let count = 0, isInstalled = false;
  sse.canMorph = true;

  /** @param {string | null} [style] */
  const isMorph = style => /^\s*morph(\s|$)/.test(style ?? "");

  /** @param {Element} elt */
  const merges = elt => isMorph(sse.attribute(elt, "hx-swap"));

  /** Note what an element shows when the page gets it. @param {Element} elt */
  function begin(elt) {
    sse.noteNew(elt);
    if (merges(elt) && !last.has(elt)) last.set(elt, elt.innerHTML);
  }

  // Idiomorph

  /** @type {Promise<void> | undefined} */
  let loading;
  let isReady = false;  // whether it is loaded, or cannot be

  const load = () => loading ??= new Promise(resolve => {
    const done = () => {
      isReady = true;
      if (!window.Idiomorph) {
        const why = url ? `Idiomorph cannot be loaded from ${url}` : "The script has no URL of Idiomorph";
        console.warn(`cjm-fasthtml-sse: ${why}, so events with the swap style morph replace the content, and what a reader `
          + "has typed is lost. Let the Content Security Policy allow this URL, or serve the file yourself: "
          + "sse_headers(morph=True, local=…).");
      }
      resolve();
    };
    if (window.Idiomorph || !url) return done();
    const elt = document.createElement("script");
    Object.assign(elt, {src: url, onload: done, onerror: done});
    if (integrity) Object.assign(elt, {integrity, crossOrigin: "anonymous"});
    if (script?.nonce) elt.nonce = script.nonce;
    document.head.append(elt);
  });

  // One merge

  /** @param {ParentNode} fragment */
  const markup = fragment => [...fragment.children].map(each => each.outerHTML).join("");

  /** htmx parses what comes for an SVG element as HTML. @param {Element} parent @param {DocumentFragment} fragment */
  function inNamespace(parent, fragment) {
    const first = fragment.firstElementChild;
    if (parent.namespaceURI !== SVG || parent.localName === "foreignObject" || !first || first.namespaceURI === SVG) return fragment;
    const holder = document.createElement("template");
    holder.innerHTML = `<svg>${markup(fragment)}</svg>`;
    const parsed = document.createDocumentFragment();
    parsed.append(.../** @type {Element} */ (holder.content.firstElementChild).childNodes);
    return parsed;
  }

  /** The element of an id inside another one. The page may have the id elsewhere too. @param {Element} root @param {string} id */
  function findIn(root, id) {
    const found = document.getElementById(id);
    return !found || root.contains(found) ? found : root.querySelector(`#${CSS.escape(id)}`);
  }

  /** Idiomorph does not escape the id in a selector. An element that the target lacks is behind the body meanwhile. @param {Element} target @param {() => void} call */
  function withAnyId(target, call) {
    const find = (/** @type {string} */ selector) => Element.prototype.querySelector.call(target, selector);
    target.querySelector = (/** @type {string} */ selector) => {
      const id = selector.match(/^\[id="(.*)"\]$/s)?.[1], safe = `[id="${CSS.escape(id ?? "")}"]`;
      return id === undefined || safe === selector ? find(selector) : find(safe) ?? [...document.querySelectorAll(safe)].at(-1) ?? null;
    };
    try {
      call();
    } finally {
      Reflect.deleteProperty(target, "querySelector");
    }
  }

  /** A stub is merged into its element, or replaced by a copy of it. Without that element, it has nothing to show. @param {Element} target @param {DocumentFragment} fragment @param {Set<string>} ids @param {boolean} [isCopied] */
  function placeStubs(target, fragment, ids, isCopied = false) {
    for (const stub of fragment.querySelectorAll("[id]")) {
      if (!ids.has(stub.id)) continue;
      const live = findIn(target, stub.id);
      if (!live) stub.remove();
      else if (isCopied || live.localName !== stub.localName) stub.replaceWith(live.cloneNode(isCopied));
    }
  }

  /** An element that a script has removed stays away until the server changes it. @param {Element} target @param {DocumentFragment} fragment */
  function leaveOut(target, fragment) {
    const text = last.get(target);
    const missing = [...fragment.querySelectorAll("[id]")].filter(each =>
      !findIn(target, each.id) && !each.closest(PRESERVED));
    if (!text || !missing.length) return;
    const holder = document.createElement("template");
    holder.innerHTML = text;
    for (const each of missing) if (holder.content.getElementById(each.id)?.isEqualNode(each)) each.remove();
  }

  /** Both algorithms make an HTML element where a new SVG element holds known ones. @param {[Element, Element][]} odd */
  function mendNamespaces(odd) {
    for (const [wrong, theirs] of odd) {
      const right = document.createElementNS(theirs.namespaceURI, theirs.localName);
      for (const each of theirs.attributes) right.setAttributeNS(each.namespaceURI, each.name, each.value);
      right.append(...wrong.childNodes);
      wrong.replaceWith(right);
    }
  }

  /** Match nodes by the algorithm of this version of htmx; returns the new elements. @param {Element} target @param {DocumentFragment} fragment @param {boolean} outer @returns {Element[]} */
  function matchNodes(target, fragment, outer) {
    if (sse.is4()) {
      api.morph(target, fragment, !outer);
      return [];
    }
    /** @type {Element[]} */
    const added = [], removed = /** @type {Element[]} */ ([]);
    withAnyId(target, () => window.Idiomorph.morph(target, [...fragment.childNodes], {
      morphStyle: outer ? "outerHTML" : "innerHTML", restoreFocus: false,
      callbacks: {
        beforeNodeMorphed: beforeNode,
        beforeAttributeUpdated: () => false,
        afterNodeAdded: (/** @type {Node} */ node) => { if (node instanceof Element) added.push(node); },
        afterNodeRemoved: (/** @type {Node} */ node) => { if (node instanceof Element) removed.push(node); },
      }}));
    queueMicrotask(() => { for (const each of removed) htmx.swap(each, "", {swapStyle: "delete"}); });  // htmx removes its listeners
    return added;
  }

  /** @param {Element} elt @param {string} from @param {string} to */
  function renameAttribute(elt, from, to) {
    const value = elt.getAttribute(from);
    if (value === null) return;
    elt.removeAttribute(from);
    elt.setAttribute(to, value);
  }

  /** @param {Element} target @param {DocumentFragment} fragment @param {Options} options @returns {Element[]} The elements for which htmx has to do what it does after a swap. */
  function merge(target, fragment, {outer = false, unchanged}) {
    const around = /** @type {Element} */ (outer ? target.parentElement : target);
    if (outer && fragment.firstElementChild) fragment.replaceChildren(fragment.firstElementChild);
    fragment = inNamespace(around, fragment);
    const text = markup(fragment), theirs = fragment.firstElementChild;
    if (unchanged) placeStubs(target, fragment, unchanged);
    leaveOut(target, fragment);
    const isElsewhere = document.activeElement !== document.body;
    if (isElsewhere) for (const each of fragment.querySelectorAll(`[${FOCUS}]`)) renameAttribute(each, FOCUS, NOT_YET);  // WebKit would focus it
    const preserved = sse.is4() ? [] : [...fragment.querySelectorAll(PRESERVED)];
    /** @type {Element[]} */
    const toRead = [];
    /** @type {[Element, Element][]} */
    const odd = [], scripts = /** @type {[Element, Element][]} */ ([]);
    beforeNode = (old, theirs) => {
      if (!(old instanceof Element) || !(theirs instanceof Element)) return true;
      renameAttribute(theirs, NOT_YET, FOCUS);
      if (unchanged?.has(old.id) || (old !== target && sse.isSameView?.(old, theirs))) return false;
      if (old.namespaceURI !== theirs.namespaceURI) odd.push([old, theirs]);
      if (old.localName === "script" && old.textContent !== theirs.textContent) scripts.push([old, theirs]);
      const {isDone, isRead} = sse.mergeNode(old, theirs);
      if (isRead) toRead.push(old);
      return !isDone;
    };
    const give = sse.holdPage(target);
    let added;
    try {
      added = matchNodes(target, fragment, outer);
    } finally {
      beforeNode = undefined;
    }
    mendNamespaces(odd);
    for (const [old, theirs] of scripts) old.replaceWith(theirs);
    const root = target.isConnected ? target : theirs?.isConnected ? theirs : around;
    // Without `moveBefore`, htmx 2 puts the page's own elements into the fragment, and Idiomorph inserts clones of them.
    for (const each of preserved) if (!each.isConnected) findIn(root, each.id)?.replaceWith(each);
    for (const each of [root, ...root.querySelectorAll(`[${NOT_YET}]`)]) renameAttribute(each, NOT_YET, FOCUS);
    const found = sse.noteNew(root);
    give();
    if (unchanged) last.delete(target);  // what came says nothing of the stubs
    else last.set(target, text);
    merged.add(target);
    for (const each of toRead) if (each.isConnected) htmx.process(each, true);
    checkRows(target);
    const toProcess = sse.is4() ? found : added;
    return isElsewhere ? withoutFocus(toProcess) : toProcess;
  }

  /** htmx focuses new fields with `autofocus`. A reader who is in another field stays there. @param {Element[]} added */
  function withoutFocus(added) {
    const focused = added.filter(each => each.matches("[autofocus], :has([autofocus])"));
    for (const each of focused) htmx.process(each);
    return added.filter(each => !focused.includes(each));
  }

  /** @param {Element} target */
  function checkRows(target) {
    if (!sse.teach || !target.querySelector(ROWS)) return;
    sse.teach("rows", "A list that is merged has fields in its rows, and the rows have no ids. If a row is added, what a "
      + "reader typed can get into another row. Give each row an id.", "rows-without-ids");
  }

  /** Replace the content, without Idiomorph. The element itself stays, unless the new one has another tag. @param {Element} target @param {DocumentFragment} fragment @param {Options} options */
  function replace(target, fragment, {outer = false, unchanged}) {
    const theirs = fragment.firstElementChild, stays = outer && theirs?.localName === target.localName;
    if (unchanged) placeStubs(target, fragment, unchanged, true);
    const {isDone, isRead} = stays ? sse.mergeNode(target, /** @type {Element} */ (theirs)) : {};
    const holder = document.createElement("template");
    holder.content.append(...(stays ? /** @type {Element} */ (theirs) : fragment).childNodes);
    if (isRead) htmx.process(target, true);
    if (!isDone) htmx.swap(target, holder.innerHTML, {swapStyle: outer && !stays ? "outerHTML" : "innerHTML"});
  }

  // The extensions of htmx

  /** @type {any} An out-of-band element arrives as such, other content as a fragment. */
  const extension2 = {
    handleSwap: (/** @type {string} */ style, /** @type {Element} */ target, /** @type {Element | DocumentFragment} */ content) => {
      const options = pending.get(style);
      if (!options && !isMorph(style)) return false;
      const isElement = content instanceof Element, outer = options?.outer ?? (isElement && content.id === target.id);
      const fragment = document.createDocumentFragment();
      if (isElement && outer) fragment.append(content);
      else fragment.append(...content.childNodes);
      if (window.Idiomorph) return merge(target, fragment, {...options, outer});
      load();
      replace(target, fragment, {...options, outer});
      return [];
    },
  };

  /** @type {any} */
  const extension4 = {
    init: (/** @type {any} */ given) => { api = given; },
    htmx_before_morph_node: (/** @type {Element} */ _, /** @type {any} */ {oldNode, newNode}) => beforeNode?.(oldNode, newNode) ?? true,
    htmx_before_morph_attr: () => !beforeNode,
    htmx_before_swap: (/** @type {Element} */ _, /** @type {any} */ {ctx, tasks}) => {
      ctx.sseTasks = tasks;
      for (const {type, target, swapSpec, fragment} of tasks) {
        if (type === "oob" && isMorph(swapSpec.style)) swapSpec.strip = fragment.firstElementChild?.id !== target.id;
        else if (target instanceof Element && !pending.has(swapSpec.style) && !isMorph(swapSpec.style)) forget(target);
      }
    },
    htmx_after_swap: (/** @type {Element} */ _, /** @type {any} */ {ctx}) => {
      for (const {target} of ctx.sseTasks ?? []) if (target instanceof Element) noteSwap(target);
    },
    handle_swap: (/** @type {string} */ style, /** @type {Element} */ target, /** @type {DocumentFragment} */ fragment, /** @type {any} */ {strip}) => {
      const options = pending.get(style);
      if (!options && !isMorph(style)) return false;
      return merge(target, fragment, {...options, outer: options?.outer ?? strip === false});
    },
  };

  function install() {
    if (!window.htmx || isInstalled) return;
    isInstalled = true;
    if (sse.is4()) {
      const isAllowed = htmx.registerExtension(NAME, extension4) !== false;
      if (isAllowed) return;
      return console.warn(`cjm-fasthtml-sse: htmx may not use the extension ${NAME}, so it has no swap style morph. `
        + "Add it to htmx.config.extensions.");
    }
    htmx.defineExtension(NAME, extension2);
    const root = document.documentElement;  // all elements inherit its extensions
    root.setAttribute("hx-ext", [sse.attribute(root, "hx-ext"), NAME].filter(Boolean).join(","));
  }

  install();
  document.addEventListener("DOMContentLoaded", () => {
    install();
    sse.noteNew(document.body);
    const found = document.querySelectorAll("[hx-swap^=morph], [data-hx-swap^=morph]");
    found.forEach(begin);
    if (found.length && window.htmx && !sse.is4()) load();
  }, true);

  // What the server says by other swaps

  /** What was removed was not removed by a script. @param {Element} elt */
  function forget(elt) {
    for (let each = /** @type {Element | null} */ (elt); each; each = each.parentElement) last.delete(each);
  }

  /** @param {Element} target */
  const noteSwap = target => { if (!merged.delete(target)) sse.noteText(target); };

  /** @param {any} event */
  const note = ({target}) => { if (target instanceof Element) sse.noteNew(target); };
  sse.on("htmx:load", note);
  sse.on("htmx:after:process", note);
  sse.on("htmx:beforeCleanupElement", ({target}) => { if (!beforeNode) forget(target); });
  sse.on("htmx:afterSwap", ({target}) => noteSwap(target));
  sse.on("htmx:oobAfterSwap", ({detail: {target}}) => noteSwap(target));
  if (document.body) sse.noteNew(document.body);

  // The elements of the page

  sse.morph = async (elt, html, options = {}) => {
    if (!(elt instanceof Element)) throw new TypeError(`cjmSSE.morph: elt is ${elt}; give an element of the page`);
    if (!sse.is4() && !isReady) await load();
    if (!elt.isConnected) return;
    const style = `${NAME}-${count += 1}`;
    pending.set(style, options);
    try {
      if (sse.is4()) await htmx.swap({text: html, sourceElement: elt, target: elt, swap: style});
      else htmx.swap(elt, html, {swapStyle: style}, {contextElement: elt});
    } finally {
      pending.delete(style);
    }
  };

  // A refresh of an element that merges is a merge.
  const {attach, swap, startRefresh} = sse;
  sse.startRefresh = entry => {
    refreshed.set(entry.elt, entry);
    startRefresh(entry);
  };
  sse.swap = (elt, text, style) => style === "innerHTML" && refreshed.get(elt)?.isRefreshing && merges(elt) ? sse.morph(elt, text)
    : swap(elt, text, style);

  // On htmx 2, the events of an element wait until Idiomorph is there, and keep their order.
  sse.attach = (elt, address, given) => {
    begin(elt);
    if (sse.is4()) return attach(elt, address, given);
    if (merges(elt) || elt.matches("[data-sse-live]")) load();
    /** @type {Block[]} */
    const waiting = [];
    const sink = (/** @type {Block} */ block) => {
      const needs = !isReady && (waiting.length || merges(elt) || /hx-swap-oob=["']?morph/.test(block.data ?? ""));
      if (!needs) return given.sink(block);
      if (waiting.push(block) === 1) load().then(() => waiting.splice(0).forEach(given.sink));
    };
    return attach(elt, address, {...given, sink});
  };
})();
