import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLogger } from '../service/logger.ts';
import { openAppender } from './connect.ts';
import type { Appender } from './log.ts';
import { RefusingBroker } from './refusing-broker.testing.ts';

const LOGIN = { saslMechanism: 'plain', saslUsername: 'u', saslPassword: 'p' } as const;
const ROUNDS = 2;

let broker: RefusingBroker;
let appender: Appender;
let uncaught: unknown[];
const catchOne = (error: unknown): void => {
  uncaught.push(error);
};

beforeEach(() => {
  broker = new RefusingBroker();
  uncaught = [];
  process.on('uncaughtException', catchOne);
});

afterEach(async () => {
  process.off('uncaughtException', catchOne);
  await appender.stop();
  await broker.close();
});

test.for(['kafkajs', 'platformatic'] as const)(
  'row 43 · a refused login behind which the connection is reset is an answer, with %s, and tried again',
  async (appenderClient) => {
    const codes: (string | undefined)[] = [];
    const config = { brokers: [await broker.listen()], ...LOGIN, appenderClient };
    appender = openAppender(
      { config, clientId: 'test', logger: createLogger('test', 'silent') },
      { onConnection: (problem) => codes.push(problem?.code) },
    );
    // By the answer of the last round the resets of those before it have come.
    await vi.waitFor(() => expect(Math.min(codes.length, broker.resets)).toBeGreaterThanOrEqual(ROUNDS), {
      timeout: 20_000,
    });
    expect(new Set(codes)).toEqual(new Set(['PMC_KAFKA_AUTHENTICATION']));
    expect(uncaught).toEqual([]);
  },
);
