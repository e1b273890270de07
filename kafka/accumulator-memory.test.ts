import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { Accumulator } from './accumulator.ts';
import type { AppendRecord, TopicPartition } from './log.ts';
import { ScriptedAppender } from './scripted-appender.testing.ts';

// Repeats follow at the next turn.
vi.mock('../service/backoff.ts', async (original) => ({
  ...(await original<typeof import('../service/backoff.ts')>()),
  pause: () => new Promise((resolve) => setImmediate(resolve)),
}));

const LANE: TopicPartition = { topic: 'pmc.messages.incoming', partition: 0 };
const LIMITS = { batchRecordsMax: 2, batchBytesMax: 1_000_000, bytesMax: 1_000_000, recordBytesMax: 1_000_000 };
const BLOCK_BYTES = 65_536;

/** Somewhere in a block, as an event is written. */
function record(name: string): AppendRecord {
  const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  const length = block.write(name, 1_000);
  return { key: null, value: block.subarray(1_000, 1_000 + length), headers: {}, timestampMs: 0 };
}

function retained(records: readonly AppendRecord[]): readonly (readonly [string, number])[] {
  return records.map(({ value }) => [value.toString(), value.buffer.byteLength] as const);
}

test('a partition that takes nothing keeps the bytes of its records, and no block that they were written in', async () => {
  let isAway = true;
  const appender = new ScriptedAppender(() => (isAway ? 'unknown' : 'acked'));
  const accumulator = new Accumulator({ appender, logger: pino({ level: 'silent' }), ...LIMITS });
  // Two go out, one waits behind them, and one comes when there was no answer yet.
  const outcomes = ['one', 'two', 'waits'].map((name) => accumulator.append(LANE, record(name)));
  await vi.waitUntil(() => appender.appends.length > 1);
  outcomes.push(accumulator.append(LANE, record('comes')));
  isAway = false;
  const sent = appender.appends.length;
  expect(await Promise.all(outcomes)).toMatchObject([0n, 1n, 2n, 3n].map((offset) => ({ outcome: 'acked', offset })));
  const [before, after] = [appender.appends.slice(0, sent), appender.appends.slice(sent)];
  // What the client was given before, and may still hold.
  const pair = [
    ['one', 3],
    ['two', 3],
  ];
  for (const { records } of before) expect(retained(records)).toEqual(pair);
  expect(after.flatMap(({ records }) => retained(records)).slice(-2)).toEqual([
    ['waits', 5],
    ['comes', 5],
  ]);
});

test('what is answered for is not copied, nor what comes when all is well again', async () => {
  const appender = new ScriptedAppender((_append, call) => (call === 1 ? 'unknown' : 'acked'));
  const accumulator = new Accumulator({ appender, logger: pino({ level: 'silent' }), ...LIMITS });
  for (const name of ['first', 'again', 'last']) await accumulator.append(LANE, record(name));
  expect(appender.appends.map(({ records }) => retained(records))).toEqual([
    [['first', BLOCK_BYTES]],
    [['again', 5]],
    [['again', 5]],
    [['last', BLOCK_BYTES]],
  ]);
});
