// Reads one delivery from stdin, {headers, body (base64), secret, public?}, and says what others make of it:
// the libraries of Standard Webhooks and Svix, node's own cryptography, and CloudEvents' SDK.
// webhook_check.mjs PACKAGES_STANDARD PACKAGES_SVIX PACKAGES_CLOUDEVENTS
import {createRequire} from 'node:module';
import {createPublicKey, verify} from 'node:crypto';
import {readFileSync} from 'node:fs';

const [standard, svix, cloud] = process.argv.slice(2).map((path) => createRequire(path + '/x.js'));
const given = JSON.parse(readFileSync(0, 'utf8'));
const body = Buffer.from(given.body, 'base64').toString('utf8');
const said = {};

function attempt(name, call) {
    try {
        const value = call();
        said[name] = value === undefined ? true : value;
    } catch (error) {
        said[name] = `${error.name}: ${error.message}`;
    }
}

/* v1a: ed25519 over "id.timestamp.body", by the public key alone */
function verifyPair() {
    const key = createPublicKey({key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'),
        Buffer.from(given.public.slice('whpk_'.length), 'base64')]), format: 'der', type: 'spki'});
    const signed = Buffer.from(`${given.headers['webhook-id']}.${given.headers['webhook-timestamp']}.${body}`);
    return given.headers['webhook-signature'].split(' ').filter((one) => one.startsWith('v1a,'))
        .some((one) => verify(null, signed, key, Buffer.from(one.slice(4), 'base64')));
}

const {Webhook} = standard('standardwebhooks');
attempt('standardwebhooks', () => { new Webhook(given.secret).verify(body, given.headers); });
attempt('tampered', () => { new Webhook(given.secret).verify(body + ' ', given.headers); });
attempt('svix', () => { new (svix('svix').Webhook)(given.secret).verify(body, given.headers); });
if (given.public)
    attempt('v1a', verifyPair);
if (given.headers['content-type'] !== 'text/plain') {
    const {HTTP} = cloud('cloudevents');
    attempt('event', () => {
        const event = HTTP.toEvent({headers: given.headers, body});
        event.validate();
        return event.toJSON();
    });
}
console.log(JSON.stringify(said));
