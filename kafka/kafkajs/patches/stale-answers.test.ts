import { createRequire } from 'node:module';
import { createServer, connect as dial, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import '../client.ts';
import { type ConnectionClass, patchStaleAnswers } from './stale-answers.ts';

interface Connection {
  readonly requestQueue: { fulfillRequest(answer: { correlationId: number }): void };
  connect(): Promise<unknown>;
  disconnect(): Promise<unknown>;
  processData(data: Buffer): void;
}

type InstalledConnection = ConnectionClass & (new (options: object) => Connection);

const Connection = createRequire(import.meta.url)('kafkajs/src/network/connection.js') as InstalledConnection;
const logger = { namespace: () => logger, debug: () => undefined, warn: () => undefined, error: () => undefined };

let server: Server;
let connection: Connection;

beforeEach(async () => {
  server = createServer();
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const socketFactory = ({ onConnect }: { onConnect: () => void }) =>
    dial({ host: '127.0.0.1', port: port ?? 0 }, onConnect);
  connection = new Connection({
    host: '127.0.0.1',
    port,
    logger,
    socketFactory,
    connectionTimeout: 20_000,
    requestTimeout: 20_000,
  });
});

afterEach(async () => {
  await connection.disconnect();
  await new Promise((resolve) => server.close(resolve));
});

function answer(correlationId: number): Buffer {
  return Buffer.from([0, 0, 0, 8, 0, 0, 0, correlationId, 1, 2, 3, 4]);
}

describe("the library's connection, once a client file was loaded", () => {
  test('understands what comes over its next socket, though the last one broke in the middle of an answer', async () => {
    const understood: number[] = [];
    connection.requestQueue.fulfillRequest = ({ correlationId }) => {
      understood.push(correlationId);
    };
    await connection.connect();
    connection.processData(answer(1));
    connection.processData(answer(2).subarray(0, 7));
    await connection.disconnect();
    await connection.connect();
    connection.processData(answer(3));
    expect(understood).toEqual([1, 3]);
  });

  test('keeps the half of an answer whose other half is still to come', async () => {
    const understood: number[] = [];
    connection.requestQueue.fulfillRequest = ({ correlationId }) => {
      understood.push(correlationId);
    };
    await connection.connect();
    connection.processData(answer(1).subarray(0, 7));
    await connection.connect();
    connection.processData(answer(1).subarray(7));
    expect(understood).toEqual([1]);
  });
});

test('the patch refuses a text that nobody has reviewed, and may be applied again', () => {
  const changed: ConnectionClass = { prototype: { connect: () => Promise.resolve(), processData: () => undefined } };
  const before = changed.prototype.connect;
  expect(() => patchStaleAnswers(changed)).toThrow('is not the text that this patch was reviewed for');
  expect(changed.prototype.connect).toBe(before);
  patchStaleAnswers();
  patchStaleAnswers(Connection);
});
