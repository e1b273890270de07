import { describe, expect, it } from 'vitest';
import { groupLag } from './lag.ts';

const ends = (logStart: bigint, highWatermark: bigint) => ({ logStart, highWatermark, lastStable: highWatermark });

describe('groupLag', () => {
  it('is the high watermark minus the committed offset, summed over the partitions', () => {
    const found = groupLag(
      'g',
      new Map([
        [0, ends(0n, 10n)],
        [1, ends(0n, 7n)],
      ]),
      new Map([
        [0, 4n],
        [1, 7n],
      ]),
    );
    expect(found).toEqual({ group: 'g', lag: 6n, unknownPartitions: 0 });
  });

  it('counts only what can still be read when retention overtook the group', () => {
    expect(groupLag('g', new Map([[0, ends(8n, 10n)]]), new Map([[0, 4n]])).lag).toBe(2n);
  });

  it('is unknown without a commit, never 0', () => {
    expect(groupLag('g', new Map([[0, ends(0n, 10n)]]), new Map())).toEqual({
      group: 'g',
      lag: undefined,
      unknownPartitions: 1,
    });
    expect(groupLag('g', new Map(), new Map()).lag).toBeUndefined();
    const partlyEmpty = new Map([
      [0, ends(0n, 10n)],
      [1, ends(5n, 5n)],
    ]);
    expect(groupLag('g', partlyEmpty, new Map()).lag).toBeUndefined();
  });

  it('is 0 for a partition that holds nothing, also without a commit', () => {
    expect(groupLag('g', new Map([[0, ends(5n, 5n)]]), new Map())).toEqual({
      group: 'g',
      lag: 0n,
      unknownPartitions: 0,
    });
  });

  it('names the partitions that it does not know beside those it does', () => {
    const found = groupLag(
      'g',
      new Map([
        [0, ends(0n, 10n)],
        [1, ends(0n, 3n)],
      ]),
      new Map([[0, 4n]]),
    );
    expect(found).toEqual({ group: 'g', lag: 6n, unknownPartitions: 1 });
  });

  it('is not negative when the group committed after the ends were read', () => {
    expect(groupLag('g', new Map([[0, ends(0n, 10n)]]), new Map([[0, 12n]])).lag).toBe(0n);
  });
});
