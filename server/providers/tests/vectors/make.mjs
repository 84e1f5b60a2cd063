// Writes requests that the carriers' own libraries sign or accept; see README.md.

import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import Telnyx from 'telnyx';
import twilio from 'twilio';

const ACCOUNT = 'AC00000000000000000000000000000001';
const TOKEN = 'test_auth_token_0123456789abcdef';
/** The first test key of RFC 8032, as PKCS #8. */
const TELNYX_KEY = '302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60';
const SIGNED_AT = 1_785_808_327;

// The libraries refuse what is old; here it is always the moment of signing.
Date.now = () => SIGNED_AT * 1000;

const message = {
  AccountSid: ACCOUNT,
  ApiVersion: '2010-04-01',
  Body: 'Yes please, 2pm + parking? Café ☕ & "more" 😀\nSecond line',
  From: '+61491570156',
  FromCity: '',
  FromCountry: 'AU',
  MessageSid: 'SM00000000000000000000000000000003',
  NumMedia: '0',
  NumSegments: '1',
  SmsStatus: 'received',
  To: '+61491570006',
};
const photos = { ...message, Body: '', MessageSid: 'MM00000000000000000000000000000001', NumMedia: '10' };
for (let n = 0; n < 10; n += 1) {
  photos[`MediaUrl${n}`] = `https://api.twilio.com/2010-04-01/Accounts/${ACCOUNT}/Messages/${photos.MessageSid}/Media/ME${String(n).padStart(32, '0')}`;
  photos[`MediaContentType${n}`] = 'image/jpeg';
}
const report = {
  AccountSid: ACCOUNT,
  ErrorCode: '30003',
  From: '+61491570006',
  MessageSid: 'SM00000000000000000000000000000002',
  MessageStatus: 'undelivered',
  RawDlrDoneDate: '2608040152',
  SmsStatus: 'undelivered',
  To: '+61491570156',
};
const hook = 'https://hooks.example.test/webhooks/twilio/3q2-7w';

function byForm(label, url, fields) {
  const signature = twilio.getExpectedTwilioSignature(TOKEN, url, fields);
  agreed(label, twilio.validateRequest(TOKEN, signature, url, fields));
  const pairs = Object.entries(fields).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  const headers = { 'content-type': 'application/x-www-form-urlencoded', 'x-twilio-signature': signature };
  return { label, method: 'POST', url, headers, body: new URLSearchParams(pairs).toString(), received_at: 0 };
}

function byGet(label, url) {
  const signature = twilio.getExpectedTwilioSignature(TOKEN, url, {});
  agreed(label, twilio.validateRequest(TOKEN, signature, url, {}));
  return { label, method: 'GET', url, headers: { 'x-twilio-signature': signature }, body: '', received_at: 0 };
}

function byJson(label, address, value) {
  const body = JSON.stringify(value);
  const url = `${address}?bodySHA256=${twilio.getExpectedBodyHash(body)}`;
  const signature = twilio.getExpectedTwilioSignature(TOKEN, url, {});
  agreed(label, twilio.validateRequestWithBody(TOKEN, signature, url, body));
  const headers = { 'content-type': 'application/json', 'x-twilio-signature': signature };
  return { label, method: 'POST', url, headers, body, received_at: 0 };
}

const client = new Telnyx({ apiKey: 'KEY_test', publicKey: telnyxPublicKey() });

/** The public key as Telnyx's portal shows it. */
function telnyxPublicKey() {
  const key = createPublicKey(privateKey());
  return key.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64');
}

function privateKey() {
  return createPrivateKey({ key: Buffer.from(TELNYX_KEY, 'hex'), format: 'der', type: 'pkcs8' });
}

/** Telnyx's library only checks; it is signed as Telnyx does, and the library must agree. */
async function byTelnyx(label, value) {
  const body = JSON.stringify(value);
  const signature = sign(null, Buffer.from(`${SIGNED_AT}|${body}`), privateKey()).toString('base64');
  const headers = {
    'content-type': 'application/json',
    'telnyx-signature-ed25519': signature,
    'telnyx-timestamp': String(SIGNED_AT),
  };
  agreed(label, await accepted(body, headers));
  agreed(`${label}, altered`, !(await accepted(`${body} `, headers)));
  const url = 'https://hooks.example.test/webhooks/telnyx/3q2-7w/inbound';
  return { label, method: 'POST', url, headers, body, received_at: SIGNED_AT * 1000 };
}

async function accepted(body, headers) {
  try {
    await client.webhooks.unwrap(body, { headers });
    return true;
  } catch {
    return false;
  }
}

function telnyxEvent(kind, payload) {
  return {
    data: {
      event_type: kind,
      id: 'b301ed3f-1490-491f-995f-6e64e69674d4',
      occurred_at: '2026-08-04T01:52:07.588+00:00',
      payload: { id: '84cca175-9755-4859-b67f-4730d7f58aa3', record_type: 'message', type: 'SMS', ...payload },
      record_type: 'event',
    },
    meta: { attempt: 1, delivered_to: 'https://hooks.example.test/telnyx' },
  };
}

function agreed(label, agrees) {
  if (!agrees) {
    throw new Error(`the carrier's own library does not agree: ${label}`);
  }
}

async function write(library, vectors) {
  const require = createRequire(import.meta.url);
  const manifest = require.resolve(library).replace(/(node_modules\/\w+)\/.*/, '$1/package.json');
  const { version } = JSON.parse(await readFile(manifest, 'utf8'));
  const file = fileURLToPath(new URL(`${library}.json`, import.meta.url));
  await writeFile(file, `${JSON.stringify({ made_by: `${library} ${version}`, vectors }, null, 2)}\n`);
}

await write('twilio', [
  byForm('a text', `${hook}/inbound`, message),
  byForm('ten photos', `${hook}/inbound`, photos),
  byForm('a report', `${hook}/status?d=0198f5a2-7c11-7000-8000-000000000001`, report),
  byForm('a name with several values', `${hook}/inbound`, { ...report, Extra: ['two', 'one', 'two'] }),
  byForm('a query that is spelled otherwise', `${hook}/inbound?a=1&name=x%20y%21&b=caf%C3%A9`, report),
  byForm('a port of its own', 'https://hooks.example.test:8443/webhooks/twilio/3q2-7w/status', report),
  byForm('a login in the address', 'https://user:pass@hooks.example.test/w', report),
  byGet('a text by GET', `${hook}/inbound?${new URLSearchParams(message)}`),
  byJson('an event as JSON', `${hook}/inbound`, { type: 'com.example.event', note: 'Café ☕', count: 3 }),
]);

const patient = { phone_number: '+13125550123', carrier: 'T-Mobile USA', line_type: 'Wireless' };
const line = { phone_number: '+17735550110', status: 'webhook_delivered' };
await write('telnyx', [
  await byTelnyx('a text', telnyxEvent('message.received', { from: patient, to: [line], text: 'Café at 5? ☕ 😀', media: [] })),
  await byTelnyx(
    'a photo',
    telnyxEvent('message.received', {
      from: patient,
      to: [line],
      type: 'MMS',
      text: null,
      media: [{ url: 'https://media.telnyx.com/example-image.png', content_type: 'image/png', size: 102400 }],
    }),
  ),
  await byTelnyx(
    'a report',
    telnyxEvent('message.finalized', {
      direction: 'outbound',
      from: { phone_number: '+17735550110' },
      to: [{ ...patient, status: 'delivered' }],
      errors: [],
      cost: { amount: '0.0051', currency: 'USD' },
    }),
  ),
]);
