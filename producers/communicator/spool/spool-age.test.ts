import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ScriptedAppender } from '../../../kafka/scripted-appender.testing.ts';
import { eventsOf, Spooling } from './spooling.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

const AGE_MAX_MS = 60_000;
const PATIENCE_MS = 20_000;

let path: string;
let log: ScriptedAppender;

beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'spool-')), 'spool.sqlite');
  log = new ScriptedAppender();
});

afterEach(() => {
  rmSync(join(path, '..'), { recursive: true, force: true });
});

const opened = (epoch: string): Promise<Spooling> => Spooling.open({ path, epoch, log, ageMaxMs: AGE_MAX_MS });

async function pauses({ metrics }: Spooling): Promise<object> {
  const { values } = await metrics.spoolPauses.get();
  return Object.fromEntries(values.map(({ labels, value }) => [labels.reason, value]));
}

async function ageSeconds({ metrics }: Spooling): Promise<number | undefined> {
  return (await metrics.spoolAge.get()).values[0]?.value;
}

test('sources wait when the oldest frame has waited for too long, and go on when it is on the log', async () => {
  const one = await opened('e1');
  one.add('a', 1);
  await one.spool.synced();
  one.pauses.length = 0;
  one.nowMs += AGE_MAX_MS - 1;
  one.add('a', 2);
  await one.spool.synced();
  one.spool.tick();
  expect([one.pauses, await ageSeconds(one)]).toEqual([[], 59.999]);
  one.nowMs += 1;
  one.spool.tick();
  one.spool.tick();
  expect([one.pauses, await pauses(one)]).toEqual([['pause'], { unsynced: 1, age: 1 }]);
  one.spool.start();
  await one.settle();
  expect([one.pauses, await ageSeconds(one)]).toEqual([['pause', 'resume'], 0]);
  expect((await eventsOf(log)).map(({ id }) => id)).toEqual(['m1', 'm2']);
  await one.end();
});

test('frames on their way to a log that does not answer grow old as well', async () => {
  const one = await opened('e1');
  one.spool.start();
  log.hold();
  one.add('a', 1);
  await one.spool.synced();
  await vi.waitFor(() => expect(one.ingest.inMemory).toBe(1), PATIENCE_MS);
  one.pauses.length = 0;
  one.nowMs += 2 * AGE_MAX_MS;
  one.spool.tick();
  expect(one.pauses).toEqual(['pause']);
  log.release();
  await one.settle();
  expect(one.pauses).toEqual(['pause', 'resume']);
  await one.end();
});

test('what an earlier process left is as old as it is', async () => {
  const left = await opened('e1');
  left.add('a', 1);
  await left.spool.synced();
  await left.kill();
  const one = await opened('e2');
  one.nowMs += 2 * AGE_MAX_MS;
  one.add('a', 2);
  await one.spool.synced();
  one.spool.tick();
  expect([one.pauses, await ageSeconds(one)]).toEqual([['pause'], 120]);
  one.spool.start();
  await one.settle();
  expect([one.pauses, await ageSeconds(one)]).toEqual([['pause', 'resume'], 0]);
  await one.end();
});

test('a process starts over a spool that is too old already, and its sources wait from the first tick on', async () => {
  const left = await opened('e1');
  left.add('a', 1);
  await left.spool.synced();
  const nowMs = left.nowMs + 2 * AGE_MAX_MS;
  await left.kill();
  const one = await Spooling.open({ path, epoch: 'e2', log, ageMaxMs: AGE_MAX_MS, nowMs });
  one.spool.tick();
  expect([one.pauses, await ageSeconds(one)]).toEqual([['pause'], 120]);
  one.spool.start();
  await one.settle();
  expect(one.pauses).toEqual(['pause', 'resume']);
  await one.end();
});
