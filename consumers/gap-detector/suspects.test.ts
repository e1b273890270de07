import { describe, expect, test } from 'vitest';
import { type Suspect, Suspects } from './suspects.ts';

const GRACE_MS = 2_000;

function suspect(offset: bigint): Suspect {
  const finding = { kind: 'missing', stage: 'log-to-stored', offset: Number(offset), detail: 'no row' } as const;
  return { offset, finding };
}

function look(
  suspects: Suspects,
  offsets: readonly bigint[],
  nowMs: number,
  [lower, upper]: [bigint, bigint] = [0n, 100n],
) {
  const { missing, waiting } = suspects.look(lower, upper, offsets.map(suspect), { nowMs, graceMs: GRACE_MS });
  return { missing: missing.map(({ offset }) => offset), waiting };
}

describe('two looks', () => {
  test('make an offset missing, one does not', () => {
    const suspects = new Suspects();
    expect(look(suspects, [5n], 0)).toEqual({ missing: [], waiting: 1 });
    expect(look(suspects, [5n], GRACE_MS)).toEqual({ missing: [5], waiting: 0 });
  });

  test('must lie the grace period apart, however many there are between', () => {
    const suspects = new Suspects();
    for (let nowMs = 0; nowMs < GRACE_MS; nowMs += 100) {
      expect(look(suspects, [5n], nowMs)).toEqual({ missing: [], waiting: 1 });
    }
    expect(look(suspects, [5n], GRACE_MS)).toEqual({ missing: [5], waiting: 0 });
    expect(look(suspects, [5n], GRACE_MS + 1)).toEqual({ missing: [5], waiting: 0 });
  });

  test('forget what has turned up: later it is a suspect again, not missing', () => {
    const suspects = new Suspects();
    look(suspects, [5n, 6n], 0);
    expect(look(suspects, [6n], 1_000)).toEqual({ missing: [], waiting: 1 });
    expect(look(suspects, [5n, 6n], GRACE_MS)).toEqual({ missing: [6], waiting: 1 });
  });

  test('forget only what they looked at', () => {
    const suspects = new Suspects();
    look(suspects, [5n, 50n], 0);
    expect(look(suspects, [], 1_000, [40n, 60n])).toEqual({ missing: [], waiting: 0 });
    expect(suspects.size).toBe(1);
    expect(look(suspects, [5n, 50n], GRACE_MS)).toEqual({ missing: [5], waiting: 1 });
  });

  test('take the borders of a range as lower inclusive, upper exclusive', () => {
    const suspects = new Suspects();
    look(suspects, [10n, 19n, 20n], 0);
    look(suspects, [], 1, [10n, 20n]);
    expect(look(suspects, [10n, 19n, 20n], GRACE_MS)).toEqual({ missing: [20], waiting: 2 });
  });

  test('wait for whoever was writing at the first look, and not for those who came later', () => {
    const suspects = new Suspects();
    const times = { graceMs: GRACE_MS, openAfter: new Set(['3/7']) };
    const at = (nowMs: number, ...open: readonly string[]) =>
      suspects.look(0n, 100n, [suspect(5n)], { ...times, nowMs, openBefore: new Set(open) }).missing.length;
    expect(at(0)).toBe(0);
    expect(at(GRACE_MS, '3/7')).toBe(0);
    expect(at(99 * GRACE_MS, '3/7', '4/1')).toBe(0);
    expect(at(99 * GRACE_MS, '3/8', '4/1')).toBe(1);
  });
});
