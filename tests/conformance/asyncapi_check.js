// Parses an AsyncAPI document with @asyncapi/parser and prints what it finds as JSON.
// Usage: node asyncapi_check.js DOCUMENT (with @asyncapi/parser to be found by NODE_PATH)
'use strict';
const fs = require('fs');
const path = require('path');
const { Parser } = require(path.join(process.env.NODE_PATH, '@asyncapi/parser'));

(async () => {
    const { document, diagnostics } = await new Parser().parse(fs.readFileSync(process.argv[2], 'utf8'));
    const operations = document ? document.operations().all() : [];
    console.log(JSON.stringify({
        parsed: Boolean(document),
        version: document && document.version(),
        channels: document ? document.channels().all().map((c) => c.address()) : [],
        send: operations.filter((o) => o.isSend()).length,
        receive: operations.filter((o) => o.isReceive()).map((o) => o.id()),
        messages: document ? document.messages().all().length : 0,
        errors: diagnostics.filter((d) => d.severity === 0).map((d) => [d.path.join('.'), d.message]),
    }));
})();
