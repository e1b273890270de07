// What is asked of a registry, and how, seen by a server that only writes it down.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AVRO_SCHEMAS } from '../schemas/generated.ts';
import { TOPIC } from '../schemas/topics.ts';
import { Codec } from './codec.ts';
import { registerSchema } from './schema-registration.ts';

const SUBJECT = 'pmc.messages.incoming-value';

let server: Server;
let url: string;
let asked: string[];
let level: string | undefined;

beforeEach(async () => {
  asked = [];
  level = 'BACKWARD';
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const isConfig = request.url?.startsWith('/config') === true;
    const isMissing = isConfig && level === undefined && request.method === 'GET';
    const body = isConfig
      ? { compatibilityLevel: level }
      : { id: 7, schema: JSON.stringify(AVRO_SCHEMAS.IncomingEvent) };
    response.writeHead(isMissing ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(isMissing ? { error_code: 40_408, message: 'no level' } : body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
});

test('row 35 · a service looks its schemas up and writes nothing', async () => {
  const codec = new Codec(url);
  await codec.prepare([TOPIC.incoming]);
  expect(asked).toEqual([`POST /subjects/${SUBJECT}`]);
});

test('row 35 · registering leaves a compatibility that is right as it is', async () => {
  expect(await registerSchema(url, SUBJECT, AVRO_SCHEMAS.IncomingEvent)).toBe(7);
  expect(asked).toEqual([`GET /config/${SUBJECT}`, `POST /subjects/${SUBJECT}/versions`]);
});

test('row 35 · registering under another compatibility is refused before anything is written', async () => {
  level = 'NONE';
  await expect(registerSchema(url, SUBJECT, AVRO_SCHEMAS.IncomingEvent)).rejects.toMatchObject({
    code: 'PMC_SCHEMA_INCOMPATIBLE',
  });
  expect(asked).toEqual([`GET /config/${SUBJECT}`]);
});

test('row 35 · a registry that refuses the connection is away, and has refused no schema', async () => {
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
  const nobody = `http://127.0.0.1:${(closed.address() as AddressInfo).port}`;
  await new Promise((resolve) => closed.close(resolve));
  await expect(registerSchema(nobody, SUBJECT, AVRO_SCHEMAS.IncomingEvent)).rejects.toMatchObject({
    code: 'PMC_REGISTRY_UNREACHABLE',
  });
});
