import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ScriptedAppender } from '../../../kafka/scripted-appender.testing.ts';
import { SpoolBench } from './spool-bench.testing.ts';
import { eventsOf, IN_FLIGHT_MAX } from './spooling.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});
vi.mock('../../../service/backoff.ts', () => ({
  backoffMs: () => 0,
  pause: () => new Promise((resolve) => setTimeout(resolve, 1)),
}));

const PATIENCE_MS = 20_000;

let bench: SpoolBench;

beforeEach(() => {
  bench = new SpoolBench();
});

afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

function upTo(number: number, from = 1): readonly number[] {
  return Array.from({ length: number - from + 1 }, (_, index) => from + index);
}

describe('the spool', () => {
  test('hands a frame on when it is on the disk, and forgets it when it is on the log', async () => {
    const one = await bench.start();
    one.add('a', 1);
    // The first one waits for its number until the disk knows that there are such frames.
    expect(one.ingest.settlement.received).toBe(0);
    await one.settle();
    for (const number of upTo(50, 2)) one.add('a', number);
    expect([one.ingest.settlement.received, bench.log.appends.length]).toEqual([50, 1]);
    await one.settle();
    expect(await bench.numbersOf('a')).toEqual(upTo(50));
    expect([one.spool.bytes, one.spool.range]).toEqual([0, undefined]);
    await one.end();
    expect(bench.inFile('select id from spooled')).toEqual([]);
    expect(bench.inFile('select epoch from epochs')).toEqual([]);
  });

  test('takes more than the memory holds while the log is away, and hands it on in order afterwards', async () => {
    const one = await bench.start();
    bench.log.hold();
    for (const number of upTo(40)) one.add('a', number, 1_000);
    await one.spool.synced();
    for (const number of upTo(400, 41)) {
      one.add('a', number, 1_000);
      if (number % 10 === 0) await one.spool.synced();
    }
    await one.spool.synced();
    expect(one.spool.isBehind).toBe(true);
    expect(one.ingest.inMemory).toBeLessThanOrEqual(IN_FLIGHT_MAX);
    expect(one.spool.range).toEqual({ from: 1, to: 400 });
    bench.log.release();
    await one.settle();
    expect(await bench.numbersOf('a')).toEqual(upTo(400));
    expect([one.spool.bytes, one.ingest.settlement.settledUpTo]).toEqual([0, 400]);
  });

  test('gives a number to no more frames than a kill may take, and keeps the order of those that wait', async () => {
    const one = await bench.start('e1', { unsyncedMax: 16 });
    one.add('a', 1);
    await one.settle();
    for (const number of upTo(500, 2)) one.add('a', number);
    expect(one.ingest.settlement.received).toBe(1 + 16);
    await one.settle();
    expect(one.ingest.settlement.received).toBe(500);
    expect(await bench.numbersOf('a')).toEqual(upTo(500));
  });

  test('stops sources near its bound, lets them go on with room to spare, and never stays stopped', async () => {
    const one = await bench.start('e1', { bytesMax: 100_000 });
    one.add('a', 1);
    await one.settle();
    one.pauses.length = 0;
    bench.log.hold();
    for (let number = 2; one.pauses.length === 0; number += 1) {
      one.add('a', number, 1_000);
      await one.spool.synced();
      expect(number).toBeLessThan(100);
    }
    expect(one.spool.bytes).toBeGreaterThanOrEqual(90_000);
    expect(one.spool.bytes).toBeLessThan(100_000);
    bench.log.release();
    await one.settle();
    expect(one.pauses).toEqual(['pause', 'resume']);
  });

  test('that is full of what was left here stops sources until that is on the log', async () => {
    const one = await bench.start();
    bench.log.hold();
    for (const number of upTo(100)) one.add('a', number, 1_000);
    await one.spool.synced();
    await one.kill();
    const next = await bench.start('e2', { bytesMax: 100_000 });
    expect(next.pauses).toEqual(['pause']);
    bench.log.release();
    await next.settle();
    expect([next.pauses, next.spool.bytes]).toEqual([['pause', 'resume'], 0]);
  });

  test('on a disk that is full keeps its frames, says so, and goes on when there is room', async () => {
    const one = await bench.start();
    one.failing.add('commit').add('note');
    for (const number of upTo(IN_FLIGHT_MAX)) one.add('a', number);
    one.spool.tick();
    await vi.waitFor(
      () => expect(one.calls.filter((call) => call === 'commit').length).toBeGreaterThan(3),
      PATIENCE_MS,
    );
    expect([one.health.report().checks['spool']?.ready, bench.log.appends.length, one.pauses]).toEqual([
      false,
      0,
      ['pause'],
    ]);
    one.failing.clear();
    await one.settle();
    expect([one.health.report().checks['spool']?.ready, one.pauses]).toEqual([true, ['pause', 'resume']]);
    expect(await bench.numbersOf('a')).toEqual(upTo(IN_FLIGHT_MAX));
  });

  test.each([['commit'], ['commit', 'willSpool']] as const)(
    'that cannot write (%s %s) when the process ends gives its frames to the log',
    async (...failing) => {
      const one = await bench.start('e1', { unsyncedMax: 16 });
      for (const call of failing) one.failing.add(call);
      for (const number of upTo(40)) one.add('a', number);
      await one.spool.synced(20);
      await one.accumulator.flush();
      expect(await bench.numbersOf('a')).toEqual(upTo(40));
      expect(one.ingest.settlement.settledUpTo).toBe(40);
    },
  );

  test('that cannot be read for a while is read again, and is well then', async () => {
    const one = await bench.start();
    bench.log.hold();
    for (const number of upTo(100)) {
      one.add('a', number);
      await one.spool.synced();
    }
    one.failing.add('read');
    bench.log.release();
    await vi.waitFor(() => expect(one.health.report().checks['spool']?.ready).toBe(false), PATIENCE_MS);
    one.failing.clear();
    await one.settle();
    expect(one.health.report().checks['spool']?.ready).toBe(true);
    expect(await bench.numbersOf('a')).toEqual(upTo(100));
  });
});

describe('what a killed process left', () => {
  test('is appended under its own numbers, before its epoch is closed, and once closed it is gone', async () => {
    const one = await bench.start();
    bench.log.hold();
    for (const number of upTo(30)) one.add('a', number);
    await one.spool.synced();
    await one.kill();
    const next = await bench.start('e2');
    next.spool.tick();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(next.closings).toEqual([]);
    bench.log.release();
    await next.settle();
    const events = await eventsOf(bench.log);
    expect(events.map(({ gatewayEpoch, ingestSeq }) => [gatewayEpoch, ingestSeq])).toEqual(
      upTo(30).map((number) => ['e1', number]),
    );
    expect(next.closings.map(({ row, spooled }) => [row.epoch, row.numberedUpTo, spooled.ranges])).toEqual([
      ['e1', 30, [{ from: 1, to: 30 }]],
    ]);
    await next.kill();
    expect(bench.inFile('select epoch from epochs')).toEqual([{ epoch: 'e2' }]);
    expect(bench.inFile('select id from spooled')).toEqual([]);
  });

  test('is told to whoever closes the epoch also after a second kill on the way', async () => {
    const one = await bench.start();
    bench.log.hold();
    for (const number of upTo(10)) one.add('a', number);
    await one.spool.synced();
    for (const number of upTo(20, 11)) one.add('a', number);
    await one.spool.synced();
    await one.kill();
    bench.log.release();
    const second = await bench.start('e2');
    // The log has all of it, but nobody could say that the epoch is closed.
    second.failing.add('closeEpoch');
    await second.settle();
    expect(second.closings.length).toBeGreaterThan(0);
    await second.kill();
    expect(bench.inFile('select id from spooled where body is not null')).toEqual([]);
    const appends = bench.log.appends.length;
    const third = await bench.start('e3');
    await third.settle();
    expect(third.closings[0]?.spooled.ranges).toEqual([{ from: 1, to: 20 }]);
    expect(bench.log.appends.length).toBe(appends);
  });

  test('is told with what is on the log already, while a lower number of a peer that sends again was open', async () => {
    bench.log = new ScriptedAppender(({ records }) =>
      records.some(({ value }) => value?.includes('typing')) ? 'unknown' : 'acked',
    );
    const one = await bench.start();
    one.receive('b');
    one.add('a', 1);
    await one.spool.synced();
    await vi.waitFor(async () => expect(await bench.numbersOf('a')).toEqual([1]), PATIENCE_MS);
    await one.spool.stop();
    await one.kill();
    const next = await bench.start('e2');
    await next.settle();
    expect(next.closings.map(({ spooled }) => spooled.ranges)).toEqual([[{ from: 2, to: 2 }]]);
  });

  test('is an epoch that gets closed even if it never had a frame', async () => {
    const one = await bench.start();
    await one.kill();
    const next = await bench.start('e2');
    await next.settle();
    expect(next.closings.map(({ row }) => row)).toEqual([
      { epoch: 'e1', settledUpTo: 0, numberedUpTo: 0, ends: [], elsewhere: [], hasSpooled: false },
    ]);
  });

  test('and is damaged is left for an operator, named, not called safe, and holds up nothing behind it', async () => {
    const one = await bench.start();
    bench.log.hold();
    for (const number of upTo(9)) {
      one.add('a', number);
      await one.spool.synced();
    }
    await one.kill();
    bench.log.release();
    bench.inFile("update spooled set body = cast(replace(cast(body as text), 'm4', 'm0') as blob) where id = 4", true);
    const next = await bench.start('e2');
    await next.settle();
    expect(await bench.numbersOf('a')).toEqual([1, 2, 3, 5, 6, 7, 8, 9]);
    expect(next.closings[0]?.spooled.without(1, 9)).toEqual([]);
    expect(next.health.report().checks['spool-set-aside']?.ready).toBe(false);
    expect(next.spool.bytes).toBe(0);
    await next.kill();
    expect(bench.inFile('select id, damaged from spooled')).toEqual([{ id: 4, damaged: 1 }]);
  });

  test('a damaged group of this process does not hold its account open', async () => {
    const one = await bench.start();
    bench.log.hold();
    for (const number of upTo(100)) {
      one.add('a', number);
      await one.spool.synced();
    }
    one.damage.add(90);
    bench.log.release();
    await one.settle();
    expect(one.ingest.settlement.settledUpTo).toBe(100);
    expect(one.ingest.settlement.takeElsewhere()).toEqual([{ from: 90, to: 90, reason: 'refused-by-broker' }]);
  });
});

describe('a file', () => {
  test('has one process', async () => {
    await bench.start();
    await expect(bench.start('e2')).rejects.toMatchObject({ code: 'PMC_SPOOL_IN_USE' });
  });

  test('that has been used has one process all the same, and is free when that one is gone', async () => {
    const one = await bench.start();
    one.add('a', 1);
    await one.settle();
    await expect(bench.start('e2')).rejects.toMatchObject({ code: 'PMC_SPOOL_IN_USE' });
    await one.kill();
    expect((await bench.start('e3')).closings).toBeDefined();
  });
});
