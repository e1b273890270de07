import fc from 'fast-check';
import { pino } from 'pino';
import { beforeEach, expect, test, vi } from 'vitest';
import { Accumulator } from '../../kafka/accumulator.ts';
import { Codec } from '../../kafka/codec.ts';
import { ScriptedAppender } from '../../kafka/scripted-appender.testing.ts';
import type { SourceCheckpoint } from '../../schemas/generated.ts';
import { CLOSED_BY_SUCCESSOR, OPEN_END } from '../../schemas/settled-elsewhere.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { Checkpoints } from './checkpoints.ts';
import { NumberRanges } from './number-ranges.ts';
import { Settlement } from './settlement.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

let codec: Codec;

beforeEach(async () => {
  codec = new Codec('http://registry');
  await codec.prepare([TOPIC.sources]);
});

function setup(isRefused: (call: number) => boolean = () => false) {
  const appender = new ScriptedAppender((_append, call) => (isRefused(call) ? 'rejected' : 'acked'));
  const logger = pino({ level: 'silent' });
  const limits = { batchRecordsMax: 500, batchBytesMax: 524_288, bytesMax: 33_554_432, recordBytesMax: 65_536 };
  const accumulator = new Accumulator({ appender, logger, ...limits });
  const settlement = new Settlement();
  const checkpoints = new Checkpoints({
    instance: 'communicator-1',
    gatewayEpoch: '01JDBBBBBBBBBBBBBBBBBBBBBB',
    inFlightMax: 64,
    ingest: { settlement, ends: [] },
    spooled: () => undefined,
    accumulator,
    codec,
    partitions: () => 6,
    clock: { nowMs: () => 1_700_000_000_000 },
    logger,
  });
  const written = async (): Promise<readonly SourceCheckpoint[]> => {
    const decoded = await Promise.all(
      appender.topic(TOPIC.sources).map(({ value }) => codec.decode(TOPIC.sources, value)),
    );
    return decoded.map((one) => {
      if (!one.ok) throw one.error;
      return one.value;
    });
  };
  /** Ranges that cannot be joined. */
  const settleElsewhere = (ranges: number): void => {
    for (let range = 0; range < ranges; range += 1)
      settlement.settleElsewhere(settlement.next(), range % 2 === 0 ? 'duplicate' : 'refused-for-now');
  };
  return { appender, checkpoints, settlement, settleElsewhere, accumulator, written };
}

function numbersOf(checkpoints: readonly SourceCheckpoint[]): readonly number[] {
  return checkpoints
    .flatMap((one) => one.settledElsewhere)
    .flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, index) => from + index));
}

function upTo(number: number): readonly number[] {
  return Array.from({ length: number }, (_, index) => index + 1);
}

test('what a long outage leaves is told in checkpoints that the broker takes, and claimed when all of it is told', async () => {
  const { checkpoints, settlement, settleElsewhere, written } = setup();
  await checkpoints.open();
  settleElsewhere(62_000);
  checkpoints.tick();
  await vi.waitUntil(() => settlement.toldUpTo === 62_000, 20_000);
  const [, ...progress] = await written();
  expect(progress).toHaveLength(62);
  expect(numbersOf(progress)).toEqual(upTo(62_000));
  // Each claims what those before it have told, the last one all.
  const told = upTo(61).map((number) => (number - 1) * 1_000);
  expect(progress.map(({ settledUpTo }) => settledUpTo)).toEqual([...told, 62_000]);
}, 30_000);

test('the last word of an epoch comes behind all that it has to tell', async () => {
  const { checkpoints, settleElsewhere, written } = setup();
  settleElsewhere(2_500);
  await checkpoints.close('shutdown');
  const all = await written();
  expect(all.map(({ kind, settledUpTo }) => [kind, settledUpTo])).toEqual([
    ['progress', 0],
    ['progress', 1_000],
    ['closed', 2_500],
  ]);
  expect(numbersOf(all)).toEqual(upTo(2_500));
});

test('the last word waits for a checkpoint that is on its way, and says what the log refuses of it', async () => {
  const { appender, checkpoints, settleElsewhere, written } = setup((call) => call === 1);
  await checkpoints.open();
  settleElsewhere(2);
  appender.hold();
  checkpoints.tick();
  const closing = checkpoints.close('shutdown');
  await vi.waitUntil(() => appender.appends.length === 2);
  appender.release();
  await closing;
  expect((await written()).map((one) => [one.kind, one.settledUpTo, numbersOf([one])])).toEqual([
    ['opened', 0, []],
    ['closed', 2, [1, 2]],
  ]);
});

test('the last word that a successor says comes behind all of it as well, and none of it is a claim before', async () => {
  const { checkpoints, written } = setup();
  const spooled = new NumberRanges();
  for (let number = 2; number <= 5_000; number += 2) spooled.add(number);
  const row = { epoch: '01JDAAAAAAAAAAAAAAAAAAAAAA', settledUpTo: 0, numberedUpTo: 5_000, ends: [], elsewhere: [] };
  await checkpoints.closeFor({ ...row, hasSpooled: true }, spooled);
  const all = await written();
  expect(all.map(({ kind, settledUpTo, received }) => [kind, settledUpTo, received])).toEqual([
    ['progress', 0, 5_000],
    ['progress', 0, 5_000],
    ['closed', 5_000, OPEN_END],
  ]);
  expect(numbersOf(all)).toEqual(upTo(5_000).filter((number) => number % 2 === 1));
  expect(all.every(({ gatewayEpoch }) => gatewayEpoch === row.epoch)).toBe(true);
  // So that nobody takes them for words of the process that has ended.
  expect(all.map(({ reason }) => reason)).toEqual(all.map(() => CLOSED_BY_SUCCESSOR));
});

test('whatever settles in between and whatever the log refuses, a claim names all below it that is settled elsewhere, once', async () => {
  const step = fc.record({ elsewhere: fc.nat(1_500), ahead: fc.boolean(), isRefused: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
      const refused = steps.map((one) => one.isRefused);
      const { checkpoints, settlement, settleElsewhere, accumulator, written } = setup(
        (call) => refused[call - 1] ?? false,
      );
      await checkpoints.open();
      const open: number[] = [];
      for (const { elsewhere, ahead } of steps) {
        if (ahead) open.push(settlement.next());
        settleElsewhere(elsewhere);
        for (let second = 0; second < 6; second += 1) checkpoints.tick();
        await new Promise((resolve) => setImmediate(resolve));
      }
      await accumulator.flush();
      for (const number of open) settlement.settle(number);
      await checkpoints.close('shutdown').catch(() => checkpoints.close('shutdown'));
      const named = new Set<number>();
      const onLog = new Set(open);
      for (const { settledUpTo, settledElsewhere, ...one } of await written()) {
        for (const number of numbersOf([{ ...one, settledUpTo, settledElsewhere }])) {
          expect(named.has(number)).toBe(false);
          named.add(number);
        }
        expect(upTo(settledUpTo).filter((number) => !named.has(number) && !onLog.has(number))).toEqual([]);
      }
      expect(named.size + onLog.size).toBe(settlement.received);
    }),
    { numRuns: 40 },
  );
}, 60_000);
