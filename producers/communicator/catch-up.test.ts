// What a receiver is behind with where a partition cannot be read: it has no leader, or a batch is damaged.
import { beforeEach, expect, test, vi } from 'vitest';
import { at, BEGINNING, comeTo, readInto } from './downward.testing.ts';
import type { Downward } from './downward.ts';
import { OutgoingLog, quiet } from './outgoing-log.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

const rests = vi.hoisted((): { readonly attempt: number; readonly over: () => void }[] => []);
vi.mock('../../service/backoff.ts', () => ({
  backoffMs: (attempt: number) => attempt,
  pause: (attempt: number) => new Promise<void>((over) => rests.push({ attempt, over })),
}));

let log: OutgoingLog;
let downward: Downward;
let ill: Set<number>;
let reads: number[];

beforeEach(async () => {
  rests.length = 0;
  log = await OutgoingLog.open(2);
  downward = log.downward(BEGINNING);
  for (const partition of [0, 1]) {
    log.append(partition, 'a');
    await readInto(downward, log, partition, 0);
  }
  ill = new Set([0]);
  reads = [0, 0];
  log.onRead = (partition) => {
    reads[partition] = (reads[partition] ?? 0) + 1;
    return ill.has(partition) ? Promise.reject(new Error('it has no leader')) : Promise.resolve();
  };
});

const comeFromTheBeginning = () => comeTo(downward, 'a', { ...at(0, 0), ...at(1, 0) });

test('it gets what the others have, live too, and the rest when it can be read', async () => {
  const { receiver } = await comeFromTheBeginning();
  await quiet();
  expect(receiver.got).toEqual(['1/0']);
  log.append(1, 'a');
  await readInto(downward, log, 1, 1);
  expect(receiver.got).toEqual(['1/0', '1/1']);
  ill.clear();
  rests[0]?.over();
  await quiet();
  expect(receiver.got).toEqual(['1/0', '1/1', '0/0']);
});

test('each such partition rests after each attempt, longer every time, whoever asks meanwhile', async () => {
  ill.add(1);
  const { receiver } = await comeFromTheBeginning();
  await quiet();
  expect(reads).toEqual([1, 1]);
  for (let turn = 0; turn < 10; turn += 1) {
    downward.tick();
    downward.credit(receiver, 1);
  }
  await quiet();
  expect(reads).toEqual([1, 1]);
  rests[0]?.over();
  await quiet();
  expect(reads).toEqual([2, 1]);
  expect(rests.map(({ attempt }) => attempt)).toEqual([1, 1, 2]);
  ill.clear();
  for (const { over } of rests) over();
  await quiet();
  expect(receiver.got.toSorted()).toEqual(['0/0', '1/0']);
});

test('nothing is read for one that has left', async () => {
  const { receiver } = await comeFromTheBeginning();
  await quiet();
  downward.detach(receiver);
  rests[0]?.over();
  await quiet();
  expect([reads, rests.length]).toEqual([[1, 1], 1]);
});
