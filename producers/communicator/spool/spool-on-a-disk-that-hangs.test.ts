// A disk that gives no answer, not even that it failed, while the process is to end.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ScriptedAppender } from '../../../kafka/scripted-appender.testing.ts';
import { TOPIC } from '../../../schemas/topics.ts';
import { eventsOf, Spooling } from './spooling.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

let folder: string;
let log: ScriptedAppender;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pmc-spool-'));
  log = new ScriptedAppender();
});

afterEach(async () => await rm(folder, { recursive: true }));

test('its frames are given to the log when the wait is over, and once more at most when the disk has them after all', async () => {
  const one = await Spooling.open({ path: join(folder, 'spool'), epoch: 'e1', log, unsyncedMax: 16 });
  one.spool.start();
  let answers = (): void => undefined;
  one.hanging.set('commit', new Promise((resolve) => (answers = resolve)));
  for (let number = 1; number <= 40; number += 1) one.add('a', number);
  await vi.waitFor(() => expect(one.calls).toContain('commit'));
  await one.spool.synced(20);
  await one.accumulator.flush();
  expect((await eventsOf(log)).map(({ ingestSeq }) => ingestSeq).toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 40 }, (_, index) => index + 1),
  );
  expect(one.ingest.settlement.settledUpTo).toBe(40);
  answers();
  await one.settle();
  // What is on its way has been handed over: this process does not hand it on again.
  expect([log.topic(TOPIC.incoming).length, one.spool.isBehind]).toEqual([40, false]);
  await one.end();
});
