import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ScriptedAppender } from '../../../kafka/scripted-appender.testing.ts';
import { SpoolBench } from './spool-bench.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});
vi.mock('../../../service/backoff.ts', () => ({
  backoffMs: () => 0,
  pause: () => new Promise((resolve) => setTimeout(resolve, 1)),
}));

let bench: SpoolBench;

beforeEach(() => {
  bench = new SpoolBench();
});

afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

function upTo(number: number): readonly number[] {
  return Array.from({ length: number }, (_, index) => index + 1);
}

describe('a frame that no topic takes', () => {
  const refusing = () =>
    new ScriptedAppender(({ records }) => (records.some(({ value }) => value.includes('"m4"')) ? 'rejected' : 'acked'));
  const setAside = { id: 4, damaged: 1, numbers: '[{"from":4,"to":4}]' };

  test('stays on the disk for an operator, named, and holds up nothing behind it', async () => {
    bench.log = refusing();
    const one = await bench.start();
    for (const number of upTo(9)) {
      one.add('a', number);
      await one.spool.synced();
    }
    await one.settle();
    expect(await bench.numbersOf('a')).toEqual([1, 2, 3, 5, 6, 7, 8, 9]);
    expect([one.health.report().checks['spool-set-aside']?.ready, one.spool.bytes]).toEqual([false, 0]);
    expect(one.ingest.settlement.takeElsewhere()).toEqual([{ from: 4, to: 4, reason: 'refused-by-broker' }]);
    await one.end();
    expect(bench.inFile('select id, damaged, numbers from spooled where body is not null')).toEqual([setAside]);
  });

  test('of an earlier process stays there too', async () => {
    const one = await bench.start();
    bench.log.hold();
    for (const number of upTo(5)) {
      one.add('a', number);
      await one.spool.synced();
    }
    await one.kill();
    bench.log = refusing();
    const next = await bench.start('e2');
    await next.settle();
    expect(await bench.numbersOf('a')).toEqual([1, 2, 3, 5]);
    expect(next.health.report().checks['spool-set-aside']?.ready).toBe(false);
    await next.end();
    expect(bench.inFile('select id, damaged, numbers from spooled where body is not null')).toEqual([setAside]);
  });

  test('is not forgotten where the disk does not take note of it: it is tried again', async () => {
    bench.log = refusing();
    const one = await bench.start();
    one.failing.add('setAside');
    for (const number of upTo(5)) {
      one.add('a', number);
      await one.spool.synced();
    }
    await one.settle();
    expect(one.spool.bytes).toBeGreaterThan(0);
    one.failing.clear();
    await one.settle();
    expect(one.spool.bytes).toBe(0);
    await one.end();
    expect(bench.inFile('select id, damaged, numbers from spooled where body is not null')).toEqual([setAside]);
  });
});
