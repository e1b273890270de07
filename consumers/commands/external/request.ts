// From an endpoint and the values of one call to the request that is sent; pure. Signed as the Standard Webhooks specification
// says (HMAC-SHA256 over id, timestamp and body), so that a receiver can verify it with a library.
import { createHmac } from 'node:crypto';
import type { Endpoint } from './declaration.ts';
import { fill, fillJson, type TemplateValues } from './template.ts';

export interface OutgoingRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

/** `commandId` is the idempotency key: the same in every attempt of one call, and in no other call. */
export function requestOf(
  endpoint: Endpoint,
  commandId: string,
  values: TemplateValues,
  nowMs: number,
): OutgoingRequest {
  const { method, secret = '', isSigned } = endpoint;
  const json = endpoint.body === undefined ? undefined : JSON.stringify(fillJson(endpoint.body, values));
  const body = json === undefined ? undefined : Buffer.from(json);
  const timestamp = String(Math.floor(nowMs / 1_000));
  const own: Record<string, string> = {
    'user-agent': 'personal-message-center',
    accept: 'application/json, text/plain;q=0.9, */*;q=0.1',
    'idempotency-key': commandId,
    ...(body !== undefined && { 'content-type': 'application/json', 'content-length': String(body.length) }),
    ...(body === undefined && method !== 'GET' && { 'content-length': '0' }),
    ...(isSigned && {
      'webhook-id': commandId,
      'webhook-timestamp': timestamp,
      'webhook-signature': signatureOf(secret, commandId, timestamp, body ?? Buffer.alloc(0)),
    }),
  };
  const inHeader = (name: string): string => (name === 'secret' ? secret : commandId);
  const declared = endpoint.headers.map(([name, template]) => [
    name.toLowerCase(),
    fill(template, inHeader, (text) => text),
  ]);
  return {
    method,
    url: new URL(fill(endpoint.url, values, encodeURIComponentSafely)),
    headers: { ...Object.fromEntries(declared), ...own },
    body,
  };
}

/** The header `webhook-signature`. */
export function signatureOf(secret: string, id: string, timestamp: string, body: Buffer): string {
  const hmac = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.`).update(body);
  return `v1,${hmac.digest('base64')}`;
}

/** A secret in the specification's own form is base64; any other is its bytes. */
function keyOf(secret: string): Buffer {
  return secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret);
}

/** Half characters would throw. Dots alone would climb out of the path, encoded ones too: they are encoded twice. */
function encodeURIComponentSafely(text: string): string {
  const encoded = encodeURIComponent(text.toWellFormed());
  return /^\.+$/.test(encoded) ? encoded.replaceAll('.', '%252E') : encoded;
}
