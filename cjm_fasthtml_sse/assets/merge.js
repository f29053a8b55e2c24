/**
 * The rule of a merge. *Base* is what the server said last for an element, *mine* is what is in the page, and *theirs* is
 * what arrives. If theirs is base, mine stays. If the reader has changed a field, the value of the reader stays.
 *
 * This file owns the base of each element, and the marks of conflicts. It changes attributes, values, focus and scroll
 * positions. The algorithm of `morph.js` matches, adds, moves and removes nodes.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  if (!sse || sse.canMorph) return;

  /** @typedef {{attributes: Map<string, string>, text?: string, html?: string}} Words Of the server for one element. `text` is missing if it has elements, `html` is that of an editable element. */
  /** @typedef {HTMLInputElement | HTMLTextAreaElement} TextField */
  const OURS = /^data-(sse-(state|denied|conflict)|htmx-powered)$/;  // attributes that scripts own
  const CONFLICT = "data-sse-conflict";
  const FIELDS = "input, textarea, select";
  /** @type {WeakMap<Element, Words>} */
  const base = new WeakMap();
  /** @type {WeakMap<Element, string>} The server's value from which the reader of a field in conflict began. */
  const origins = new WeakMap();
  /** @type {Set<Element>} */
  const scrolled = new Set();
  /** @type {EventTarget | null} */
  let composing = null;

  /** @param {Element} elt */
  const isEditable = elt => elt.hasAttribute("contenteditable") && elt.getAttribute("contenteditable") !== "false";

  /** @param {Element} elt @returns {Words} */
  const read = elt => ({
    attributes: new Map([...elt.attributes].filter(({name}) => !OURS.test(name)).map(({name, value}) => [name, value])),
    text: elt.firstElementChild ? undefined : /** @type {string} */ (elt.textContent),
    html: isEditable(elt) ? elt.innerHTML : undefined,
  });

  /** @param {Element} elt @returns {Iterable<Element>} */
  const tree = elt => [elt, ...elt.querySelectorAll("*")];

  sse.noteBase = elt => { for (const each of tree(elt)) base.set(each, read(each)); };

  sse.noteNew = elt => {
    const added = [];
    for (const each of tree(elt)) {
      if (base.has(each)) continue;
      base.set(each, read(each));
      if (!added.at(-1)?.contains(each)) added.push(each);
    }
    return added;
  };

  sse.noteText = elt => {
    const words = base.get(elt);
    if (words) words.text = read(elt).text;
  };

  // Attributes

  /** @template T @param {T} was @param {T} mine @param {T} theirs */
  const choose = (was, mine, theirs) => theirs === was ? mine : theirs;

  /** @param {string | null} text */
  const split = text => new Set((text ?? "").split(/\s+/).filter(Boolean));

  /** @param {string | null} was @param {string | null} mine @param {string | null} theirs */
  function mergeClass(was, mine, theirs) {
    const [before, here, there] = [was, mine, theirs].map(split);
    const merged = [...there].filter(each => here.has(each) || !before.has(each));
    merged.push(...[...here].filter(each => !before.has(each) && !there.has(each)));
    if (merged.length === here.size && merged.every(each => here.has(each))) return mine;
    return merged.length ? merged.join(" ") : theirs === null ? null : "";
  }

  /** @param {string | null} text @returns {Map<string, string>} */
  function readStyle(text) {
    const {style} = document.createElement("i");
    style.cssText = text ?? "";
    const value = (/** @type {string} */ name) => `${style.getPropertyValue(name)} ${style.getPropertyPriority(name)}`.trim();
    return new Map([...style].map(name => [name, value(name)]));
  }

  /** Set single properties, which a Content Security Policy allows. @param {any} elt @param {string | null} was @param {string | null} theirs */
  function mergeStyle({style}, was, theirs) {
    const [before, there] = [was, theirs].map(readStyle), here = readStyle(style.cssText);
    for (const name of new Set([...before.keys(), ...here.keys(), ...there.keys()])) {
      const value = choose(before.get(name), here.get(name), there.get(name));
      if (value === here.get(name)) continue;
      const [, text = "", priority = ""] = value?.match(/^(.*?)( !?important)?$/s) ?? [];
      style.setProperty(name, text, priority.trim());
    }
  }

  /** @param {Element} elt @param {Attr | null} source An attribute with the namespace. @param {string} name @param {string | null} value */
  function setAttribute(elt, source, name, value) {
    if (elt.getAttribute(name) === value) return false;
    if (value === null) elt.removeAttribute(name);
    else if (source?.namespaceURI) elt.setAttributeNS(source.namespaceURI, name, value);
    else elt.setAttribute(name, value);
    return true;
  }

  /** Returns whether htmx has to read the element again. @param {Element} old @param {Element} theirs @param {Words | undefined} was */
  function mergeAttributes(old, theirs, was) {
    let isRead = false;
    for (const name of new Set([...theirs.getAttributeNames(), ...old.getAttributeNames()])) {
      if (OURS.test(name)) continue;
      const mine = old.getAttribute(name), now = theirs.getAttribute(name);
      const before = was ? was.attributes.get(name) ?? null : mine;  // without a base, the server is right
      if (mine === now) continue;
      if (name === "style" && mine !== before && "style" in old) {
        mergeStyle(old, before, now);
        continue;
      }
      const value = name === "class" && mine !== before ? mergeClass(before, mine, now) : choose(before, mine, now);
      const isChanged = setAttribute(old, theirs.getAttributeNode(name), name, value);
      isRead ||= isChanged && /^(data-)?(hx|sse)-/.test(name);
    }
    return isRead;
  }

  // Values

  /** What the server gives a field, as the browser writes it. @param {TextField} elt */
  function givenValue(elt) {
    if (elt instanceof HTMLTextAreaElement) return elt.defaultValue.replace(/\r\n?/g, "\n");
    if (elt.value === elt.defaultValue) return elt.value;
    const twin = document.createElement("input");
    for (const name of ["type", "multiple", "min", "max", "step", "value"]) {
      setAttribute(twin, null, name, elt.getAttribute(name));
    }
    return twin.value;
  }

  /** @param {TextField} elt */
  const isTyped = elt => elt === composing || elt.validity.badInput || elt.value !== givenValue(elt);

  /** @param {HTMLSelectElement} elt */
  const givenOption = elt => [...elt.options].findLast(each => each.defaultSelected);

  /** @param {HTMLSelectElement} elt */
  const givenIndex = elt => givenOption(elt)?.index
    ?? (elt.size > 1 ? -1 : [...elt.options].findIndex(each => !each.matches(":disabled")));

  /** @param {Element} elt @param {string} [server] */
  function mark(elt, server) {
    if (server === undefined) {
      origins.delete(elt);
      elt.removeAttribute(CONFLICT);
    } else if (elt.getAttribute(CONFLICT) !== server) {
      elt.setAttribute(CONFLICT, server);
      elt.dispatchEvent(new CustomEvent("sse:conflict", {bubbles: true, detail: {server}}));
    }
  }

  /** Mark a changed field for which the server has another value than before. @param {Element} elt @param {string} was @param {string} mine @param {string} theirs */
  function judge(elt, was, mine, theirs) {
    if (mine === theirs) return mark(elt);
    if (was === theirs) return;
    const origin = origins.get(elt) ?? was;
    if (theirs === origin) return mark(elt);
    origins.set(elt, origin);
    mark(elt, theirs);
  }

  /** @param {TextField} elt @param {string} value */
  function setValue(elt, value) {
    const {selectionStart: start, selectionEnd: end} = elt;
    elt.value = value;
    if (elt === document.activeElement && start !== null) elt.setSelectionRange(start, end);
  }

  /** @param {TextField} elt @returns {() => void} */
  function holdText(elt) {
    const isMine = isTyped(elt), was = givenValue(elt), mine = elt.value;
    if (elt === composing && mine === was) elt.value = mine;  // without this, the browser follows the attribute
    return () => {
      const theirs = givenValue(elt);
      if (isMine) return judge(elt, was, mine, theirs);
      mark(elt);
      if (elt.value !== theirs) setValue(elt, theirs);
    };
  }

  /** @param {HTMLInputElement} elt @returns {() => void} */
  function holdBox(elt) {
    const {checked, defaultChecked} = elt;
    return () => { elt.checked = choose(defaultChecked, checked, elt.defaultChecked); };
  }

  /** @param {HTMLSelectElement} elt @returns {() => void} */
  function holdChoice(elt) {
    const {value: mine, selectedIndex} = elt, isMine = selectedIndex !== givenIndex(elt), was = givenOption(elt)?.value;
    return () => {
      const chosen = isMine && [...elt.options].find(each => each.value === mine), theirs = givenOption(elt)?.value ?? was;
      const index = chosen ? chosen.index : isMine && selectedIndex < 0 ? -1 : givenIndex(elt);
      if (elt.selectedIndex !== index) elt.selectedIndex = index;
      if (!chosen) mark(elt);
      else if (theirs !== undefined) judge(elt, was ?? "", mine, theirs);
    };
  }

  /** @param {HTMLSelectElement} elt @returns {() => void} */
  function holdChoices(elt) {
    const before = new Map([...elt.options].map(({value, selected, defaultSelected}) => [value, {selected, defaultSelected}]));
    return () => {
      for (const each of elt.options) {
        const was = before.get(each.value);
        const selected = was ? choose(was.defaultSelected, was.selected, each.defaultSelected) : each.defaultSelected;
        if (each.selected !== selected) each.selected = selected;
      }
    };
  }

  /** @param {Element} root @returns {Map<any, HTMLInputElement[]>} The groups of radio buttons, by form and name. */
  function findGroups(root) {
    const forms = new Map(), groups = new Map();
    for (const elt of /** @type {NodeListOf<HTMLInputElement>} */ (root.querySelectorAll('input[type="radio" i]'))) {
      if (!forms.has(elt.form)) forms.set(elt.form, forms.size);
      const key = `${forms.get(elt.form)} ${elt.name}`;
      groups.set(key, [...groups.get(key) ?? [], elt]);
    }
    return groups;
  }

  /** @param {Element} root @param {HTMLInputElement[]} group @returns {() => void} */
  function holdGroup(root, group) {
    const given = (/** @type {HTMLInputElement[]} */ radios) => radios.find(each => each.defaultChecked)?.value;
    const isMine = group.some(each => each.checked !== each.defaultChecked);
    const was = given(group), mine = group.find(each => each.checked)?.value, [{form, name}] = group;
    return () => {
      const radios = [...findGroups(root).values()].find(each => each[0].form === form && each[0].name === name) ?? [];
      const chosen = radios.find(each => each.value === mine), theirs = given(radios);
      for (const each of radios) if (each !== chosen) mark(each);
      if (!isMine || !chosen) {
        for (const each of radios) if (each.checked !== each.defaultChecked) each.checked = each.defaultChecked;
      } else {
        if (!chosen.checked) chosen.checked = true;
        if (theirs !== undefined) judge(chosen, was ?? "", chosen.value, theirs);
      }
    };
  }

  /** @type {Record<string, ((elt: any) => () => void) | undefined>} By the type of a field; radio buttons are held as groups, and files need no help. */
  const HOLDS = {checkbox: holdBox, "select-one": holdChoice, "select-multiple": holdChoices, radio: undefined, file: undefined};

  /** @param {Element} root @returns {(() => void)[]} */
  function holdFields(root) {
    const held = [];
    for (const elt of /** @type {Iterable<any>} */ (tree(root))) {
      if (!elt.matches(FIELDS)) continue;
      const hold = elt.type in HOLDS ? HOLDS[elt.type] : holdText;
      const give = hold?.(elt);
      if (give) held.push(() => { if (elt.isConnected) give(); });
    }
    return [...held, ...[...findGroups(root).values()].map(group => holdGroup(root, group))];
  }

  // The page around the values

  /** @param {Element} root @returns {(() => void)[]} */
  function holdScroll(root) {
    const held = [];
    for (const elt of scrolled) {
      const {scrollTop, scrollLeft} = elt;
      if (!elt.isConnected || !(scrollTop || scrollLeft)) scrolled.delete(elt);
      else if (root.contains(elt)) held.push(() => {
        if (!elt.isConnected || elt.scrollTop || elt.scrollLeft) return;
        elt.scrollTo({top: scrollTop, left: scrollLeft, behavior: "instant"});
      });
    }
    return held;
  }

  /** @param {Element} root @returns {() => void} */
  function holdFocus(root) {
    const elt = /** @type {any} */ (document.activeElement);
    if (!elt || !root.contains(elt)) return () => {};
    const {selectionStart: start, selectionEnd: end} = elt;
    return () => {
      if (!elt.isConnected || document.activeElement === elt) return;
      elt.focus({preventScroll: true});
      if (start !== null && start !== undefined) elt.setSelectionRange(start, end);
    };
  }

  sse.holdPage = root => {
    const held = [...holdFields(root), ...holdScroll(root), holdFocus(root)];
    return () => held.forEach(give => give());
  };

  // Elements

  /** @param {Element} old @param {Words | undefined} was @param {Words} now @returns {boolean} Whether the content of the element stays. */
  function keepsContent(old, was, now) {
    if (now.html !== undefined) {
      const mine = old.innerHTML;
      const isMine = was?.html === undefined ? old.contains(document.activeElement) : mine !== was.html;
      if (isMine) judge(old, was?.html ?? now.html, mine, now.html);
      return isMine;
    }
    if (old.matches("input, textarea")) return true;
    return was?.text !== undefined && was.text === now.text && (!!old.firstElementChild || old.textContent !== was.text);
  }

  sse.mergeNode = (old, theirs) => {
    const was = base.get(old), now = read(theirs);
    base.set(old, now);
    const isRead = mergeAttributes(old, theirs, was);
    if (old instanceof HTMLTextAreaElement && old.defaultValue !== now.text) old.defaultValue = /** @type {string} */ (now.text);
    if (keepsContent(old, was, now)) return {isDone: true, isRead};
    const isDone = old.isEqualNode(theirs) && !theirs.querySelector("template") && theirs.localName !== "template";
    if (isDone) for (const each of old.querySelectorAll("*")) base.set(each, read(each));
    return {isDone, isRead};
  };

  // A mark is removed as soon as the field has the server's value. In a group of radio buttons, it is on the chosen one.

  /** @param {any} elt */
  function checkMark(elt) {
    const server = /** @type {string} */ (elt.getAttribute(CONFLICT));
    if ((isEditable(elt) ? elt.innerHTML : elt.value) === server) return mark(elt);
    if (elt.type !== "radio" || elt.checked) return;
    const radios = /** @type {HTMLInputElement[]} */ ([...document.querySelectorAll('input[type="radio" i]:checked')]);
    const chosen = radios.find(each => each.name === elt.name && each.form === elt.form);
    const origin = origins.get(elt) ?? "";
    mark(elt);
    if (!chosen || chosen.value === server) return;
    origins.set(chosen, origin);
    chosen.setAttribute(CONFLICT, server);
  }

  const checkMarks = () => document.querySelectorAll(`[${CONFLICT}]`).forEach(checkMark);

  for (const name of ["input", "change"]) document.addEventListener(name, checkMarks, true);
  document.addEventListener("reset", () => setTimeout(checkMarks), true);  // the fields are reset after the event
  document.addEventListener("compositionstart", ({target}) => { composing = target; }, true);
  document.addEventListener("compositionend", () => { composing = null; }, true);
  document.addEventListener("scroll", ({target}) => {
    if (target instanceof Element) scrolled.add(target);
  }, {capture: true, passive: true});
})();
