// Looks at findings while the database does not answer: one at a time, and none that a stop would have to wait for.
import pino from 'pino';
import { Registry } from 'prom-client';
import { afterEach, expect, test, vi } from 'vitest';
import type { Pool } from '../../../service/database.ts';
import { commandsMetrics } from '../metrics.ts';
import { CallLanes } from './call-lanes.ts';
import { readDeclarations } from './declaration-text.ts';

const HOOKS = {
  one: { method: 'POST', url: 'https://hooks.example/1' },
  two: { method: 'POST', url: 'https://hooks.example/2' },
};

/** A database that leaves every look at findings without an answer until it is told to fail it; it has no calls. */
class SilentDatabase {
  readonly looks: PromiseWithResolvers<never>[] = [];
  takes = 0;

  readonly query = async ({ name }: { name?: string }): Promise<{ rows: readonly never[] }> => {
    if (name === 'commands-take-calls') this.takes += 1;
    if (name !== 'commands-changed-findings') return { rows: [] };
    const look = Promise.withResolvers<never>();
    this.looks.push(look);
    return await look.promise;
  };

  failLooks(): void {
    for (const { reject } of this.looks) reject(new Error('away'));
  }
}

function lanesOver(database: SilentDatabase): CallLanes {
  const text = JSON.stringify({ webhooks: HOOKS });
  return new CallLanes({
    declarations: readDeclarations({ fileName: 'f', text, knownCommands: [], environment: {} }),
    pool: database as unknown as Pool,
    codec: { encode: () => Buffer.alloc(0) },
    ...{ clock: { nowMs: () => 0 }, logger: pino({ level: 'silent' }), metrics: commandsMetrics(new Registry()) },
    ...{ maxAgeMs: 1, outgoingPartitions: 1, onReply: () => undefined },
  });
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

afterEach(() => void vi.useRealTimers());

test('no look begins while one is under way, and a stop waits for that one alone', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const database = new SilentDatabase();
  const lanes = lanesOver(database);
  lanes.start();
  await turns();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(database.looks).toHaveLength(1);
  const stopped = lanes.stop();
  database.failLooks();
  await stopped;
  expect(database.looks).toHaveLength(1);
});

test('a look that fails is followed by the next one', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const database = new SilentDatabase();
  const lanes = lanesOver(database);
  lanes.start();
  await turns();
  for (const looks of [1, 3]) {
    await vi.advanceTimersByTimeAsync(2_000);
    expect(database.looks).toHaveLength(looks);
    database.failLooks();
    await turns();
    database.failLooks();
    await turns();
  }
  await lanes.stop();
});

test('a stop lets no lane take anything more while a look is under way', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const database = new SilentDatabase();
  const lanes = lanesOver(database);
  lanes.start();
  await turns();
  await vi.advanceTimersByTimeAsync(2_000);
  const stopped = lanes.stop();
  await turns();
  const before = database.takes;
  lanes.announce('webhook:one');
  await turns();
  expect(database.takes).toBe(before);
  database.failLooks();
  await stopped;
});
