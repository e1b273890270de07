import { expect, test } from 'vitest';
import { faultyPlan } from './cases.ts';
import { type DrillPlan, LONE_PARTITIONS, PARTITIONS } from './plan.ts';

const TOPICS = { incoming: 'i', outgoing: 'o', rejected: 'r', unavailable: 'u', sources: 's' };
const LONE = Array.from({ length: PARTITIONS - LONE_PARTITIONS }, (_, index) => LONE_PARTITIONS + index);

function planOf(seed: number): DrillPlan {
  return faultyPlan({ seed, records: 50, topics: TOPICS, nowMs: 1_700_000_000_000 });
}

test('whatever the seed, a fault that needs a bucket of its own shares it with no other', () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const { appends, rows, cases, logStarts } = planOf(seed);
    const alone = LONE.map((partition) => {
      const stored = rows.filter((row) => row.partition === partition).map(({ offset }) => offset);
      // All that lies there is an event with its row: nothing but the fault makes the two sides differ.
      expect(stored.toSorted((a, b) => a - b)).toEqual(appends[partition]?.map(({ offset }) => offset));
      expect(appends[partition]?.every(({ kind }) => kind === 'event')).toBe(true);
      expect(logStarts.has(partition)).toBe(false);
      return cases
        .filter(
          ({ stage, expected }) => stage !== 'command-to-reply' && expected.some((one) => one.partition === partition),
        )
        .map(({ name }) => name);
    });
    expect(alone.flat().toSorted(), `seed ${seed}`).toEqual([
      'a derived column was altered',
      'a row was altered by one character',
      'two rows changed places',
    ]);
    expect(alone.every((names) => names.length === 1)).toBe(true);
  }
});
