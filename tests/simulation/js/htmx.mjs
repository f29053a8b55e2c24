// The parts of htmx 2 with its extension, and of htmx 4, that stand between the scripts and a page. After their sources.

/** @param {any} tab @param {any} globals */
export function createHtmx(tab, globals) {
    const trigger = (elt, name, detail = {}) => elt.dispatchEvent(Object.assign(new globals.CustomEvent(name, {bubbles: true, cancelable: true, detail})));
    return (tab.spec.door === 'htmx4' ? htmx4 : htmx2)(globals, trigger);
}

function htmx2({setTimeout, document}, trigger) {
    const htmx = {version: '2.0.7', trigger, swap: (elt, text) => { elt.swapped(text); return Promise.resolve(); }, process: elt => ensure(elt, 0)};

    function ensure(elt, retryCount) {
        if (!elt.isConnected) return;
        const source = htmx.createEventSource(elt.getAttribute('data-sse-connect'));
        let count = retryCount;
        source.onerror = () => {
            trigger(elt, 'htmx:sseError', {source});
            if (source.readyState !== 2) return;
            count = Math.max(Math.min(count * 2, 128), 1);
            setTimeout(() => ensure(elt, count), count * 500);
        };
        source.onopen = () => {
            trigger(elt, 'htmx:sseOpen', {source});
            count = 0;
        };
        (elt['htmx-internal-data'] ??= {}).sseEventSource = source;
        for (const name of elt.getAttribute('data-sse-swap').split(',')) {
            source.addEventListener(name, event => {
                if (!elt.isConnected) return source.close();
                if (!trigger(elt, 'htmx:sseBeforeMessage', event)) return;
                elt.swapped(event.data);
                trigger(elt, 'htmx:sseMessage', event);
            });
        }
    }
    return htmx;
}

function htmx4({AbortController, TextDecoder, document, setTimeout, clearTimeout}, trigger) {
    const htmx = {version: '4.0.1', config: {metaCharacter: '-'}, trigger, process: elt => request(elt, elt.getAttribute('data-hx-sse-connect')),
        swap: ({text, target}) => { target.swapped(text); return Promise.resolve(); },
        ajax: (method, url, {source}) => request(source, url)};

    async function request(elt, url) {
        const controller = new AbortController();
        const ctx = {sourceElement: elt, request: {action: url, headers: {}, signal: controller.signal, abort: () => controller.abort()},
            fetch: undefined, requestTimeout: setTimeout(() => controller.abort(), 60_000)};
        trigger(elt, 'htmx-config-request', {ctx});
        try {
            const response = await ctx.fetch(url, ctx.request);
            if (!response.headers.get('Content-Type')?.includes('text/event-stream')) return clearTimeout(ctx.requestTimeout);
            await follow(elt, ctx, response);
        } catch (error) { if (!error?.isOfPage) throw error; }
    }

    async function follow(elt, ctx, response) {
        clearTimeout(ctx.requestTimeout);
        const connection = {config: {reconnect: true}, visibilityHandler: () => {}, abortController: {abort: ctx.request.abort}, reader: null};
        (elt._htmx ??= {}).sse = connection;
        trigger(elt, 'htmx-sse-before-connection', {connection});
        trigger(elt, 'htmx-sse-after-connection', {connection});
        if (connection.config.reconnect) throw new Error('htmx would reconnect on its own');
        const reader = connection.reader = response.body.getReader(), decoder = new TextDecoder();
        let rest = '';
        try {
            while (elt.isConnected) {
                const {done, value} = await reader.read();
                if (done) break;
                rest += decoder.decode(value, {stream: true});
                const blocks = rest.split('\n\n');
                rest = blocks.pop();
                for (const block of blocks) await show(elt, connection, block);
            }
        } finally {
            connection.reader?.cancel();
            trigger(elt, 'htmx-sse-close', {connection});
            delete elt._htmx.sse;
        }
    }

    async function show(elt, connection, block) {
        const field = name => block.split('\n').filter(line => line.startsWith(`${name}: `)).map(line => line.slice(name.length + 2)).join('\n');
        const waits = [];
        const detail = {connection, message: {data: field('data'), event: field('event'), id: field('id')}, waitUntil: each => waits.push(each)};
        if (!detail.message.data && !detail.message.event) return;
        const goesOn = trigger(elt, 'htmx-sse-before-message', detail);
        await Promise.all(waits);
        if (!goesOn) return;
        if (detail.message.event) return trigger(elt, detail.message.event, detail.message);
        try { elt.swapped(detail.message.data); } catch (error) { if (!error?.isOfPage) throw error; }
    }
    return htmx;
}
