import { expect, it } from 'vitest';
import type { Endpoint } from './declaration.ts';
import { readDeclarations } from './declaration-text.ts';
import { requestOf, signatureOf } from './request.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const ID = '00000000-0000-7000-8000-000000000001';

type Fields = Readonly<Record<string, unknown>>;

function endpoint(fields: Fields): Endpoint {
  const base = { description: { en: 'a', pt: 'a' }, arguments: [{ name: 'q', kind: 'text' }], reply: '{response}' };
  const text = JSON.stringify({ apis: { a: { ...base, ...fields } } });
  const [api] = readDeclarations({ fileName: 'f', text, knownCommands: [], environment: { SECRET } }).apis;
  if (api === undefined) throw new Error('no API');
  return api;
}

function request(fields: Fields, q: string) {
  return requestOf(endpoint(fields), ID, (name) => (name === 'q' ? q : undefined), 1_614_265_330_000);
}

it('puts arguments into the url as data', () => {
  const { url, headers } = request({ method: 'GET', url: 'https://api.example/v1/{q}?q={q}' }, '../a b?&#/é\ud800');
  expect(url.href).toBe(
    'https://api.example/v1/..%2Fa%20b%3F%26%23%2F%C3%A9%EF%BF%BD?q=..%2Fa%20b%3F%26%23%2F%C3%A9%EF%BF%BD',
  );
  expect(headers['idempotency-key']).toBe(ID);
  expect(request({ method: 'GET', url: 'https://api.example/v1/{q}/x' }, '..').url.pathname).toBe('/v1/%252E%252E/x');
});

it('signs as Standard Webhooks says', () => {
  // The example of the specification.
  const body = Buffer.from('{"test": 2432232314}');
  expect(signatureOf(SECRET, 'msg_p5jXN8AQM9LWM0D4loKWxJek', '1614265330', body)).toBe(
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  );
  const fields = { method: 'POST', url: 'https://api.example/', body: { q: '{q}' }, sign: true, secret_env: 'SECRET' };
  const sent = request(fields, 'a "b"');
  expect(sent.body?.toString()).toBe('{"q":"a \\"b\\""}');
  expect(sent.headers).toMatchObject({
    'webhook-id': ID,
    'webhook-timestamp': '1614265330',
    'webhook-signature': signatureOf(SECRET, ID, '1614265330', sent.body ?? Buffer.alloc(0)),
  });
});

it('puts the secret into headers only where it is asked for', () => {
  const fields = {
    method: 'GET',
    url: 'https://api.example/',
    headers: { 'X-Key': 'k {secret}' },
    secret_env: 'SECRET',
  };
  expect(request(fields, 'x').headers['x-key']).toBe('k whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
});
