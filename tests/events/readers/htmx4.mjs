// htmx 4's own reader of event streams, run outside a browser: the extension's file is loaded as it is, with what it asks of htmx
// and of the page replaced by the least that will do.
//
//   node htmx4.mjs path/to/hx-sse.js
//
// Each line of the input is a JSON list of chunks in base64, the body of one response. Each line of the output is what was heard:
// {"messages": [[event, id, data, reconnectDelay], ...], "lastEventId": ...}
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import vm from 'node:vm';

let extension;
const element = { isConnected: true, _htmx: {} };
let heard, over;

const api = {
    attributeValue: () => null,
    HCON: { parse: () => ({}) },
    htmxProp: elt => elt._htmx,
    triggerHtmxEvent(elt, name, detail) {
        if (name === 'htmx:sse:after:message') {
            const { event, id, data } = detail.message;
            heard.push([event, id, data, detail.connection.config.reconnectDelay]);
        }
        if (name === 'htmx:sse:error') over({ error: String(detail.error) });
        if (name === 'htmx:sse:close') over({ messages: heard, lastEventId: detail.connection.lastEventId });
        return true;
    },
};
globalThis.htmx = {
    config: {},
    registerExtension: (name, methods) => { extension = methods; },
    parseInterval: value => value,
    trigger: () => {},
    swap: async () => {},
};
vm.runInThisContext(readFileSync(process.argv[2], 'utf8'));
extension.init(api);

function read(chunks) {
    const body = new ReadableStream({
        start(controller) {
            for (const chunk of chunks) controller.enqueue(new Uint8Array(Buffer.from(chunk, 'base64')));
            controller.close();
        },
    });
    const raw = { headers: new Headers({ 'Content-Type': 'text/event-stream' }), body };
    const request = { action: '/', headers: {}, abort() {}, signal: { aborted: false } };
    heard = [];
    return new Promise(resolve => {
        over = resolve;
        extension.htmx_before_response(element, { ctx: { sourceElement: element, request, response: { status: 200, raw }, swap: '' } });
    });
}

for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(await read(JSON.parse(line))));
