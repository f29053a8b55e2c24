// The few parts of a page's objects that the scripts use. Listeners that raise are reported to `report`, as in a browser.

export class FakeEvent {
    defaultPrevented = false;
    isStopped = false;
    target = null;

    constructor(type, {bubbles = false, cancelable = false, detail = null, ...rest} = {}) {
        Object.assign(this, {type, bubbles, cancelable, detail, ...rest});
    }

    preventDefault() { this.defaultPrevented = true; }

    stopImmediatePropagation() { this.isStopped = true; }
}

export class FakeTarget {
    /** Where events go after this target. */
    parent = null;
    #listeners = [];

    get listenerCount() { return this.#listeners.length; }

    addEventListener(type, call, options = false) {
        const {capture = false, signal} = typeof options === 'boolean' ? {capture: options} : options;
        if (this.#listeners.some(each => each.type === type && each.call === call && each.capture === capture)) return;
        this.#listeners.push({type, call, capture});
        signal?.addEventListener('abort', () => this.removeEventListener(type, call, capture));
    }

    removeEventListener(type, call, options = false) {
        const capture = typeof options === 'boolean' ? options : Boolean(options?.capture);
        this.#listeners = this.#listeners.filter(each => each.type !== type || each.call !== call || each.capture !== capture);
    }

    dispatchEvent(event) {
        event.target ??= this;
        const path = [];
        for (let each = this; each; each = each.parent) path.push(each);
        for (const each of [...path].reverse()) each.#call(event, true);
        for (const each of event.bubbles ? path : [this]) each.#call(event, false);
        return !event.defaultPrevented;
    }

    #call(event, capture) {
        for (const each of [...this.#listeners]) {
            if (each.type !== event.type || each.capture !== capture || event.isStopped) continue;
            try { each.call.call(this, event); } catch (error) { FakeTarget.report(error); }
        }
    }

    /** Replaced by the world that runs. */
    static report(error) { throw error; }
}

export class FakeElement extends FakeTarget {
    isConnected = true;
    /** @type {FakeElement[]} */
    children = [];
    text = '';
    #attributes;

    constructor(attributes = {}, localName = 'div') {
        super();
        this.localName = localName;
        this.#attributes = new Map(Object.entries(attributes));
    }

    get id() { return this.getAttribute('id') ?? ''; }
    set id(id) { this.setAttribute('id', id); }
    get attributes() { return [...this.#attributes].map(([name, value]) => ({name, value})); }
    get parentElement() { return this.parent instanceof FakeElement ? this.parent : null; }
    getAttribute(name) { return this.#attributes.get(name) ?? null; }
    setAttribute(name, value) { this.#attributes.set(name, String(value)); }
    removeAttribute(name) { this.#attributes.delete(name); }
    hasAttribute(name) { return this.#attributes.has(name); }
    matches(selector) {
        if (selector === '[data-sse-live]') return this.hasAttribute('data-sse-live');
        return this.hasAttribute('data-sse-connect') || this.hasAttribute('data-hx-sse-connect');
    }

    closest(selector) { return this.matches(selector) ? this : this.parentElement?.closest(selector) ?? null; }
    querySelectorAll() { return []; }

    // Elements inside it, for regions

    append(...elements) {
        for (const each of elements) {
            each.parent = this;
            this.children.push(each);
        }
    }

    /** Itself and all elements in it. @returns {FakeElement[]} */
    get all() { return [this, ...this.children.flatMap(each => each.all)]; }

    cloneNode() { return new FakeElement(Object.fromEntries(this.#attributes), this.localName); }

    get outerHTML() {
        const attributes = this.attributes.map(({name, value}) => ` ${name}="${value.replaceAll('&', '&amp;').replaceAll('"', '&quot;')}"`);
        return `<${this.localName}${attributes.join('')}>${this.text}${this.children.map(each => each.outerHTML).join('')}</${this.localName}>`;
    }

    /** Of a `<template>`. */
    set innerHTML(html) { this.content = {children: parseHTML(html)}; }
}

/** Elements with quoted attributes, and text. @param {string} html @returns {FakeElement[]} */
export function parseHTML(html) {
    const root = new FakeElement(), unescape = text => text.replaceAll('&quot;', '"').replaceAll('&amp;', '&');
    let inside = root;
    for (const [, end, name, given, text] of html.matchAll(/<(\/?)(\w+)((?: [\w-]+="[^"]*")*)>|([^<]+)/g)) {
        if (text !== undefined) inside.text += text;
        else if (end) inside = inside.parent;
        else {
            const found = [...given.matchAll(/ ([\w-]+)="([^"]*)"/g)].map(([, attribute, value]) => [attribute, unescape(value)]);
            const elt = new FakeElement(Object.fromEntries(found), name);
            inside.append(elt);
            inside = elt;
        }
    }
    for (const each of root.children) each.parent = null;
    return root.children;
}

export const fail = name => Object.assign(new Error(name), {name});

/** A stream of bytes that its owner fills. */
export class FakeStream {
    #queue = [];
    #reads = [];
    #end = undefined;
    #onCancel;

    constructor({start, cancel} = {}) {
        this.#onCancel = cancel;
        start?.({enqueue: value => this.push(value), close: () => this.finish()});
    }

    push(value) {
        if (this.#end) return;
        if (this.#reads.length) this.#reads.shift().resolve({done: false, value});
        else this.#queue.push(value);
    }

    finish(error) {
        if (this.#end) return;
        this.#end = error ? {error} : {done: true};
        if (error) this.#queue = [];
        for (const each of this.#reads.splice(0)) this.#answer(each);
    }

    #answer({resolve, reject}) { this.#end.error ? reject(this.#end.error) : resolve({done: true, value: undefined}); }

    getReader() {
        return {
            read: () => new Promise((resolve, reject) => {
                if (this.#queue.length) resolve({done: false, value: this.#queue.shift()});
                else if (this.#end) this.#answer({resolve, reject});
                else this.#reads.push({resolve, reject});
            }),
            cancel: () => this.cancel(),
            releaseLock() {},
        };
    }

    cancel() {
        const isOpen = !this.#end;
        this.#queue = [];
        this.finish();
        if (isOpen) this.#onCancel?.();
        return Promise.resolve();
    }
}

export class FakeResponse {
    constructor(body, {status = 200, headers = {}, redirected = false, url = ''} = {}) {
        const held = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
        this.headers = {get: name => held.get(name.toLowerCase()) ?? null, has: name => held.has(name.toLowerCase())};
        Object.assign(this, {body, status, redirected, url, ok: status >= 200 && status < 300});
    }

    async text() { return this.body ?? ''; }

    async json() { return JSON.parse(this.body); }
}
