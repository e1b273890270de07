import { describe, expect, it } from 'vitest';
import { lagOf } from './lag.ts';

const facts = {
  topic: 't',
  groups: ['a', 'b'],
  partitions: [
    { partition: 0, logStart: 5, highWatermark: 20, committed: { a: 15, b: 2 } },
    { partition: 1, logStart: 0, highWatermark: 0, committed: { a: 0 } },
  ],
};

describe('lag', () => {
  it('counts from the committed offset, and from the log start when that is later', () => {
    expect(lagOf(facts).partitions[0]?.lag).toEqual({ a: 5, b: 15 });
  });

  it('is unknown, not 0, for a group that never committed, and so is the total', () => {
    expect(lagOf(facts).partitions[1]?.lag).toEqual({ a: 0, b: null });
    expect(lagOf(facts).groups).toEqual([
      { group: 'a', total: 5 },
      { group: 'b', total: null },
    ]);
  });

  it('is 0 when a commit was read before a truncation of the log', () => {
    const position = { partition: 0, logStart: 0, highWatermark: 3, committed: { a: 9 } };
    expect(lagOf({ topic: 't', groups: ['a'], partitions: [position] }).groups).toEqual([{ group: 'a', total: 0 }]);
  });
});
