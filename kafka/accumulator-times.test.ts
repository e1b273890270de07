import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { Accumulator } from './accumulator.ts';
import { type Fate, ScriptedAppender } from './scripted-appender.testing.ts';

vi.mock('../service/backoff.ts', () => ({ backoffMs: () => 0, pause: () => Promise.resolve() }));

const LANE = { topic: 'pmc.messages.incoming', partition: 0 };

test('appends again under the time of the attempt what the broker does not take for its time, in order', async () => {
  const fates: Fate[] = ['wrong-time', 'wrong-time'];
  const appender = new ScriptedAppender((_append, call) => fates[call] ?? 'acked');
  let nowMs = 1_000;
  const limits = { batchRecordsMax: 500, batchBytesMax: 1_000, bytesMax: 1_000, recordBytesMax: 1_000 };
  const clock = { nowMs: () => (nowMs += 1) };
  const accumulator = new Accumulator({ appender, logger: pino({ level: 'silent' }), ...limits, clock });
  const outcomes = ['a', 'b'].map((name) =>
    accumulator.append(LANE, { key: null, value: Buffer.from(name), headers: {}, timestampMs: 9_000 }),
  );
  expect(await Promise.all(outcomes)).toMatchObject([{ offset: 0n }, { offset: 1n }]);
  expect(appender.appends.map(({ records }) => records[0]?.timestampMs)).toEqual([9_000, 1_001, 1_002]);
  expect(appender.log(LANE).map((one) => [one.value.toString(), one.timestampMs])).toEqual([
    ['a', 1_002],
    ['b', 1_002],
  ]);
});
