import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Outcome, RecentEvents } from './recent-events.ts';

function body(of: number): string {
  return createHash('sha256').update(String(of)).digest('hex');
}

function logged(offset: number): Outcome {
  return { kind: 'logged', partition: 1, offset };
}

/** Every third is on no topic of events. */
function outcomeOf(index: number): Outcome {
  return index % 3 === 0 ? { kind: 'refused', code: 100 + index, reason: 'r' } : logged(index);
}

describe('the recent events of a stream', () => {
  test('are found with their outcome and by their body', () => {
    const recent = new RecentEvents();
    expect(recent.find(1)).toBeUndefined();
    recent.add(1, body(1), logged(7));
    expect(recent.find(1)?.outcome).toEqual(logged(7));
    expect([recent.find(1)?.isSame(body(1)), recent.find(1)?.isSame(body(2))]).toEqual([true, false]);
    expect(recent.find(65)).toBeUndefined();
  });

  test('are told apart by every digit that is kept of their bodies', () => {
    const recent = new RecentEvents();
    const own = body(1);
    recent.add(1, own, logged(1));
    for (let at = 0; at < 32; at += 1) {
      for (const digit of '0123456789abcdef') {
        const other = own.slice(0, at) + digit + own.slice(at + 1);
        expect(recent.find(1)?.isSame(other), `${digit} at ${at}`).toBe(own[at] === digit);
      }
    }
  });

  test('are the last 16,384 of a stream that counts by one', () => {
    const recent = new RecentEvents();
    for (let seq = 1; seq <= 40_000; seq += 1) recent.add(seq, body(0), logged(seq));
    expect([recent.find(40_000)?.outcome, recent.find(40_000 - 16_383)?.outcome]).toEqual([
      logged(40_000),
      logged(23_617),
    ]);
    expect([recent.find(40_000 - 16_384), recent.capacity]).toEqual([undefined, 16_384]);
  });

  test('take memory for what they are, not for how far apart a peer puts their numbers', () => {
    const recent = new RecentEvents();
    for (let power = 0; power < 53; power += 1) recent.add(2 ** power, body(power), logged(power));
    expect(recent.capacity).toBe(64);
    expect(recent.find(2 ** 52)?.outcome).toEqual(logged(52));
  });

  test('a late one does not displace a newer one', () => {
    const recent = new RecentEvents();
    recent.add(65, body(65), logged(65));
    recent.add(1, body(1), logged(1));
    expect([recent.find(65)?.outcome, recent.find(1)]).toEqual([logged(65), undefined]);
  });

  test('are told above a number, in their order', () => {
    const recent = new RecentEvents();
    for (const seq of [66, 3, 65, 130, 4]) recent.add(seq, body(seq), logged(seq));
    expect(recent.above(3)).toEqual([4, 65, 130].map((seq) => [seq, logged(seq)]));
  });

  test('never say of one what is true of another, whatever the numbers are', () => {
    const seqs = fc.array(fc.oneof(fc.integer({ min: 1, max: 400 }), fc.maxSafeNat()), { maxLength: 400 });
    fc.assert(
      fc.property(seqs, (all) => {
        const recent = new RecentEvents();
        const last = new Map<number, number>();
        for (const [index, seq] of all.entries()) {
          recent.add(seq, body(index), outcomeOf(index));
          last.set(seq, index);
        }
        for (const [seq, index] of last) {
          const found = recent.find(seq);
          if (found === undefined) continue;
          expect(found.outcome).toEqual(outcomeOf(index));
          expect([found.isSame(body(index)), found.isSame(body(index + 1))]).toEqual([true, false]);
        }
        expect(recent.capacity).toBeLessThanOrEqual(Math.max(64, all.length * 8));
      }),
    );
  });
});
