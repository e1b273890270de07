import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Accumulator, type AccumulatorOptions, type RecordOutcome } from './accumulator.ts';
import type { AppendRecord, TopicPartition } from './log.ts';
import { type Append, ScriptedAppender } from './scripted-appender.testing.ts';

// Repeats follow at once: how long they wait is the business of backoff.ts.
vi.mock('../service/backoff.ts', async (original) => ({
  ...(await original<typeof import('../service/backoff.ts')>()),
  pause: (ms: number) => {
    pauses.push(ms);
    return Promise.resolve();
  },
}));
const pauses: number[] = [];

const LANE: TopicPartition = { topic: 'pmc.messages.incoming', partition: 0 };
/** What the accumulator counts for a record besides key and value. */
const RECORD_OVERHEAD = 128;

function record(name: string, sizeBytes = name.length): AppendRecord {
  return { key: null, value: Buffer.from(name.padEnd(sizeBytes)), headers: {}, timestampMs: 0 };
}

function nameOf({ value }: AppendRecord): string {
  return value.toString().trimEnd();
}

function namesOf(records: readonly AppendRecord[]): readonly string[] {
  return records.map(nameOf);
}

function accumulatorOn(appender: ScriptedAppender, options: Partial<AccumulatorOptions> = {}): Accumulator {
  const limits = { batchRecordsMax: 500, batchBytesMax: 1_000_000, bytesMax: 1_000_000, recordBytesMax: 1_000_000 };
  return new Accumulator({ appender, logger: pino({ level: 'silent' }), ...limits, ...options });
}

function has(name: string): (append: Append) => boolean {
  return ({ records }) => namesOf(records).includes(name);
}

async function settleAll(outcomes: readonly Promise<RecordOutcome>[]): Promise<readonly string[]> {
  return (await Promise.all(outcomes)).map((one) => (one.outcome === 'acked' ? String(one.offset) : one.outcome));
}

describe('the accumulator', () => {
  test('gives records of one turn one batch, and each its own offset', async () => {
    const appender = new ScriptedAppender();
    appender.log(LANE).push(record('before'));
    const accumulator = accumulatorOn(appender);
    const outcomes = ['a', 'b', 'c'].map((name) => accumulator.append(LANE, record(name)));
    expect(await settleAll(outcomes)).toEqual(['1', '2', '3']);
    expect(appender.appends.map(({ records }) => namesOf(records))).toEqual([['a', 'b', 'c']]);
  });

  test('gives all partitions that have to wait the same moment', async () => {
    vi.spyOn(performance, 'now').mockReturnValue(31);
    onTestFinished(() => void vi.restoreAllMocks());
    const appender = new ScriptedAppender();
    const accumulator = accumulatorOn(appender, { paceMs: 12 });
    appender.hold();
    const outcomes = [0, 1, 2].map((partition) => accumulator.append({ ...LANE, partition }, record('a')));
    await vi.waitUntil(() => appender.appends.length === 3);
    pauses.length = 0;
    appender.release();
    await Promise.all(outcomes);
    await accumulator.flush();
    expect(pauses).toEqual([36 - 31]);
  });

  test.for([
    ['that took as long as the pace', 12, 1_000_000, []],
    ['while another is full by its bytes', 0, RECORD_OVERHEAD + 1, [12]],
    ['and some behind one that was quick', 0, 1_000_000, [12, 12]],
  ] as const)(
    'a pause is left between batches as it is needed: one %s',
    async ([, tookMs, batchBytesMax, expected]) => {
      let nowMs = 0;
      vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
      onTestFinished(() => void vi.restoreAllMocks());
      const appender = new ScriptedAppender(() => {
        nowMs += tookMs;
        return 'acked';
      });
      const accumulator = accumulatorOn(appender, { paceMs: 12, batchBytesMax });
      appender.hold();
      const first = accumulator.append(LANE, record('a'));
      await vi.waitUntil(() => appender.appends.length === 1);
      const second = accumulator.append(LANE, record('b'));
      pauses.length = 0;
      appender.release();
      await Promise.all([first, second]);
      await accumulator.flush();
      expect(pauses).toEqual(expected);
    },
  );

  test('leaves some time between batches of a partition that are not full, and none before one that is', async () => {
    // An append takes no time.
    vi.spyOn(performance, 'now').mockReturnValue(0);
    onTestFinished(() => void vi.restoreAllMocks());
    const appender = new ScriptedAppender();
    const accumulator = accumulatorOn(appender, { paceMs: 1_000, batchRecordsMax: 2 });
    appender.hold();
    const first = accumulator.append(LANE, record('a'));
    await vi.waitUntil(() => appender.appends.length === 1);
    pauses.length = 0;
    const others = ['b', 'c', 'd'].map((name) => accumulator.append(LANE, record(name)));
    appender.release();
    await Promise.all([first, ...others]);
    await accumulator.flush();
    expect(appender.appends.map(({ records }) => namesOf(records))).toEqual([['a'], ['b', 'c'], ['d']]);
    // Before d, and after it, in case that more comes.
    expect(pauses).toEqual([1_000, 1_000]);
  });

  test('refuses what is too large or no record at once, and its neighbours share a batch as if it had not been', async () => {
    const appender = new ScriptedAppender();
    const accumulator = accumulatorOn(appender, { recordBytesMax: 1_000 });
    const noValue = { ...record('x'), value: undefined } as unknown as AppendRecord;
    const records = [record('a'), record('big', 1_000), noValue, record('b')];
    const outcomes = await Promise.all(records.map((one) => accumulator.append(LANE, one)));
    expect(outcomes).toMatchObject([
      { outcome: 'acked', offset: 0n },
      { outcome: 'rejected', error: { code: 'PMC_RECORD_TOO_LARGE' } },
      { outcome: 'rejected', error: { code: 'PMC_RECORD_INVALID' } },
      { outcome: 'acked', offset: 1n },
    ]);
    expect(appender.appends.map(({ records }) => namesOf(records))).toEqual([['a', 'b']]);
    expect(accumulator.bufferedBytes).toBe(0);
  });

  test('has one batch of a partition unsettled at a time; the next one grows meanwhile', async () => {
    const appender = new ScriptedAppender();
    const accumulator = accumulatorOn(appender);
    appender.hold();
    const first = accumulator.append(LANE, record('a'));
    await vi.waitUntil(() => appender.appends.length === 1);
    const others = ['b', 'c'].map((name) => accumulator.append(LANE, record(name)));
    const elsewhere = accumulator.append({ ...LANE, partition: 1 }, record('x'));
    await vi.waitUntil(() => appender.appends.length === 2);
    expect(appender.appends.map(({ to, records }) => [to.partition, ...namesOf(records)])).toEqual([
      [0, 'a'],
      [1, 'x'],
    ]);
    appender.release();
    expect(await settleAll([first, ...others, elsewhere])).toEqual(['0', '1', '2', '0']);
    expect(namesOf(appender.appends[2]?.records ?? [])).toEqual(['b', 'c']);
  });

  test('appends a batch of unknown outcome again, before anything behind it', async () => {
    const appender = new ScriptedAppender(
      (_append, call) => (['unknown', 'lost-ack', 'unknown'] as const)[call] ?? 'acked',
    );
    const seen: string[] = [];
    const accumulator = accumulatorOn(appender, {
      batchRecordsMax: 2,
      onAppend: ({ topic }, outcome, records) => seen.push(`${topic} ${outcome} ${records}`),
    });
    const outcomes = ['a', 'b', 'c'].map((name) => accumulator.append(LANE, record(name)));
    // The second attempt was written without an answer: a and b are on the log twice, and are told the later place.
    expect(await settleAll(outcomes)).toEqual(['2', '3', '4']);
    expect(namesOf(appender.log(LANE))).toEqual(['a', 'b', 'a', 'b', 'c']);
    expect(seen).toEqual([
      ...Array.from({ length: 3 }, () => `${LANE.topic} unknown 2`),
      `${LANE.topic} acked 2`,
      `${LANE.topic} acked 1`,
    ]);
  });

  test('splits a refused batch until the one bad record stands alone; its neighbours are acknowledged in order', async () => {
    const names = Array.from({ length: 11 }, (_, index) => `r${index}`);
    for (const bad of names) {
      const appender = new ScriptedAppender((append) => (has(bad)(append) ? 'rejected' : 'acked'));
      const accumulator = accumulatorOn(appender);
      const outcomes = await Promise.all(names.map((name) => accumulator.append(LANE, record(name))));
      expect(names.filter((_, index) => outcomes[index]?.outcome === 'rejected')).toEqual([bad]);
      expect(namesOf(appender.log(LANE))).toEqual(names.filter((name) => name !== bad));
      expect(accumulator.bufferedRecords).toBe(0);
    }
  });

  test('never makes a batch larger than allowed, except of one record that is', async () => {
    const appender = new ScriptedAppender();
    const accumulator = accumulatorOn(appender, { batchRecordsMax: 3, batchBytesMax: 1_000 });
    const sizes = [100, 100, 100, 100, 2_000, 500, 300, 300];
    await Promise.all(sizes.map((size, index) => accumulator.append(LANE, record(`r${index}`, size))));
    expect(appender.appends.map(({ records }) => records.map(({ value }) => value.length))).toEqual([
      [100, 100, 100],
      [100],
      [2_000],
      [500],
      [300, 300],
    ]);
  });

  test('keeps the order of each partition and settles every record once, whatever the broker answers', async () => {
    const fates = fc.array(fc.constantFrom('acked', 'unknown', 'lost-ack', 'rejected'), { maxLength: 40 });
    const lanes = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(fates, lanes, fc.integer({ min: 1, max: 5 }), async (script, partitions, batchRecordsMax) => {
        const appender = new ScriptedAppender((_append, call) => script[call] ?? 'acked');
        const last = new Map<number, string>();
        const accumulator = accumulatorOn(appender, {
          batchRecordsMax,
          onAppend: ({ partition }, outcome) => void last.set(partition, outcome),
        });
        const sent = partitions.map((partition, index) => {
          const name = `r${index}`;
          return { name, partition, outcome: accumulator.append({ ...LANE, partition }, record(name)) };
        });
        const results = await Promise.all(sent.map(async (one) => ({ ...one, outcome: await one.outcome })));
        for (const { name, partition, outcome } of results) {
          const log = appender.log({ ...LANE, partition });
          if (outcome.outcome === 'acked') expect(nameOf(log[Number(outcome.offset)] as AppendRecord)).toBe(name);
        }
        for (const partition of [0, 1, 2]) {
          const acked = results.filter((one) => one.partition === partition && one.outcome.outcome === 'acked');
          const offsets = acked.map(({ outcome }) => (outcome.outcome === 'acked' ? Number(outcome.offset) : -1));
          expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
          expect(new Set(offsets).size).toBe(offsets.length);
        }
        expect([accumulator.bufferedRecords, accumulator.bufferedBytes]).toEqual([0, 0]);
        // A partition without an answer has records that wait for one: nobody is left believing that it does not answer.
        expect([...last.values()]).not.toContain('unknown');
      }),
      { numRuns: 200 },
    );
  });
});

describe("the accumulator's bound", () => {
  test('is full at the allowed bytes, and drained below half of them', async () => {
    const appender = new ScriptedAppender();
    const size = 1_000 - RECORD_OVERHEAD;
    const accumulator = accumulatorOn(appender, { bytesMax: 4_000, batchRecordsMax: 1 });
    appender.hold();
    const outcomes = [1, 2, 3].map((number) => accumulator.append(LANE, record(`r${number}`, size)));
    expect([accumulator.full, accumulator.bufferedBytes]).toEqual([false, 3_000]);
    outcomes.push(accumulator.append(LANE, record('r4', size)));
    expect([accumulator.full, accumulator.bufferedBytes, accumulator.bufferedRecords]).toEqual([true, 4_000, 4]);
    let bytesWhenDrained = -1;
    const drained = accumulator.drained().then(() => {
      bytesWhenDrained = accumulator.bufferedBytes;
    });
    appender.release();
    await Promise.all([drained, ...outcomes]);
    expect(bytesWhenDrained).toBe(1_000);
    await accumulator.drained();
  });

  test('counts keys too', () => {
    const accumulator = accumulatorOn(new ScriptedAppender());
    void accumulator.append(LANE, { ...record('abc'), key: 'four' });
    expect(accumulator.bufferedBytes).toBe(3 + 4 + RECORD_OVERHEAD);
  });
});

describe('a flush', () => {
  test('waits for all partitions, and resolves at once when there is nothing', async () => {
    const appender = new ScriptedAppender();
    const accumulator = accumulatorOn(appender, { bytesMax: 100_000_000 });
    await accumulator.flush();
    appender.hold();
    let settled = 0;
    for (const partition of [0, 1, 2, 3]) {
      void accumulator.append({ ...LANE, partition }, record(`p${partition}`)).then(() => {
        settled += 1;
      });
    }
    const flushed = accumulator.flush().then(() => settled);
    await vi.waitUntil(() => appender.appends.length === 4);
    appender.release();
    expect(await flushed).toBe(4);
  });

  // A refused event is appended once more, to the topic of the rejected: a flush that ended between the two would let
  // the process stop with the frame on neither.
  test('waits for what the settling of a record brought along', async () => {
    const appender = new ScriptedAppender((append) => (has('bad')(append) ? 'rejected' : 'acked'));
    const accumulator = accumulatorOn(appender);
    const rejected: TopicPartition = { topic: 'pmc.messages.rejected', partition: 0 };
    const setAside = async (): Promise<void> => {
      await accumulator.append(LANE, record('bad'));
      await Promise.resolve();
      await accumulator.append(rejected, record('kept'));
    };
    void setAside();
    await accumulator.flush();
    expect(namesOf(appender.log(rejected))).toEqual(['kept']);
  });
});
