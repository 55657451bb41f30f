// Reads a stream by the npm packages eventsource and eventsource-parser:
// node stream_read.mjs EVENTSOURCE_MODULES PARSER_MODULES BASE TOKEN AFTER COUNT
import { pathToFileURL } from "node:url";

const [eventsource, parser, base, token, after, count] = process.argv.slice(2);
const { EventSource } = await import(pathToFileURL(`${eventsource}/eventsource/dist/index.js`));
const { createParser } = await import(pathToFileURL(`${parser}/eventsource-parser/dist/index.js`));
const url = `${base}/v1/stream?topics=events.%3E&from=${after}`;
const wanted = Number(count), got = [];
let opened = 0;
const awake = setInterval(() => {}, 1000); // its timer of reconnection keeps no process alive

const source = new EventSource(url, {
    fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } }),
});
source.addEventListener("open", () => {
    if (!opened++) console.log("open");
});
await new Promise((resolve, reject) => {
    source.addEventListener("error", (error) => error.code >= 400 && reject(new Error(`${error.code}`)));
    source.addEventListener("event.proposed", (event) => {
        got.push({ id: event.lastEventId, event: event.type, data: JSON.parse(event.data) });
        if (got.length === wanted) resolve();
    });
});
source.close();

const parsed = [], ending = new AbortController();
const response = await fetch(`${url}&access_token=${token}`, { signal: ending.signal });
const feed = createParser({
    onEvent: (event) => parsed.push({ id: event.id, event: event.event, data: JSON.parse(event.data) }),
});
const decoder = new TextDecoder();
for await (const chunk of response.body) {
    feed.feed(decoder.decode(chunk, { stream: true }));
    if (parsed.length >= wanted) break;
}
ending.abort();
clearInterval(awake);
process.stdout.write(JSON.stringify({ opened, eventsource: got, parser: parsed }) + "\n", () => process.exit(0));
