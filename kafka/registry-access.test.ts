import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createLogger } from '../service/logger.ts';
import { fetchFromRegistry, registryAccess } from './registry-access.ts';
import { SchemaIds } from './schema-ids.ts';

test.each([
  ['http://registry:8081/', { url: 'http://registry:8081' }],
  ['https://r/apis/ccompat/v7//', { url: 'https://r/apis/ccompat/v7' }],
  ['http://me:50%off@r', { url: 'http://r', auth: { username: 'me', password: '50%off' } }],
  ['http://me:p%40ss@r', { url: 'http://r', auth: { username: 'me', password: 'p@ss' } }],
])('the address %s', (text, access) => {
  expect(registryAccess(text)).toEqual(access);
});

test('both the library and our own questions log in, and no error tells the password', async () => {
  const logins: unknown[] = [];
  const server = createServer((request, response) => {
    logins.push(request.headers.authorization);
    response.writeHead(503).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const registryUrl = `http://me:secret@127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ids = new SchemaIds({
    registryUrl,
    logger: createLogger('test', 'silent'),
    cacheFolder: undefined,
    onWriterLost: () => undefined,
  });
  const error: unknown = await ids.schema(1).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'PMC_REGISTRY_UNREACHABLE' });
  const { message, details } = error as { message: string; details: unknown };
  expect(message + JSON.stringify(details)).not.toContain('secret');
  await fetchFromRegistry(registryAccess(registryUrl), '/config', 20_000);
  expect(new Set(logins)).toEqual(new Set([`Basic ${Buffer.from('me:secret').toString('base64')}`]));
});
