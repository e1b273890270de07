import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Outcome } from './recent-events.ts';
import { GAPS_MAX } from './seq-gaps.ts';
import { StreamAccount } from './stream-account.ts';

const GAP_MS = 60_000;

function body(text: string | number): string {
  return createHash('sha256').update(String(text)).digest('hex');
}

function logged(offset: number): Outcome {
  return { kind: 'logged', partition: 0, offset };
}

function take(account: StreamAccount, ...seqs: readonly number[]): void {
  for (const seq of seqs) {
    account.arrive(seq, body(seq), 0);
    account.takeOpened(seq);
    account.settle(seq, body(seq), logged(seq));
  }
}

function fresh(): StreamAccount {
  return new StreamAccount('E', { upto: undefined, givenOut: 0 });
}

describe('where an account begins', () => {
  test('with 1, where the source had used no number: one that is late is missing, not settled', () => {
    const account = fresh();
    expect([account.arrive(3, body(3), 0).kind, account.takeOpened(3)]).toEqual(['new', { from: 1, to: 2 }]);
    account.settle(3, body(3), logged(3));
    expect(account.upto).toBe(0);
  });

  test('behind what is stored', () => {
    const account = new StreamAccount('E', { upto: 7, givenOut: 9 });
    expect([account.isKnown, account.upto]).toEqual([true, 7]);
    take(account, 8);
    expect(account.upto).toBe(8);
  });

  test('with the first that comes, where nothing is known, for it comes in order', () => {
    const account = new StreamAccount('E', { upto: undefined, givenOut: 100 });
    expect(account.isKnown).toBe(false);
    expect(account.arrive(40, body(40), 0)).toEqual({ kind: 'new' });
    expect(account.upto).toBe(39);
  });

  test('never above what the source had used when it connected', () => {
    const account = new StreamAccount('E', { upto: undefined, givenOut: 100 });
    expect([account.arrive(104, body(104), 0).kind, account.takeOpened(104)]).toEqual(['new', { from: 101, to: 103 }]);
    expect(account.upto).toBe(100);
  });
});

describe('one that comes again', () => {
  test('is a duplicate, without an outcome while the first is on its way and with its coordinates after', () => {
    const account = fresh();
    account.arrive(1, body('a'), 0);
    expect(account.arrive(1, body('a'), 0)).toEqual({ kind: 'duplicate', outcome: undefined });
    expect(account.arrive(1, body('b'), 0)).toEqual({ kind: 'conflict' });
    account.settle(1, body('a'), logged(5));
    expect(account.arrive(1, body('a'), 0)).toEqual({ kind: 'duplicate', outcome: logged(5) });
    expect(account.arrive(1, body('b'), 0)).toEqual({ kind: 'conflict' });
  });

  test('is told from another body while it is on its way, however far the stream is ahead', () => {
    const account = fresh();
    account.arrive(1, body(1), 0);
    for (let seq = 2; seq <= 20_000; seq += 1) take(account, seq);
    expect(account.arrive(1, body(1), 0).kind).toBe('duplicate');
    expect(account.arrive(1, body(2), 0).kind).toBe('conflict');
    expect(account.upto).toBe(0);
  });

  test('and was forgotten is appended again, and then remembered', () => {
    const account = new StreamAccount('E', { upto: 10, givenOut: 10 });
    expect(account.arrive(4, body(4), 0)).toEqual({ kind: 'forgotten' });
    account.settle(4, body(4), logged(99));
    expect(account.arrive(4, body(4), 0)).toEqual({ kind: 'duplicate', outcome: logged(99) });
    expect(account.upto).toBe(10);
  });
});

describe('a gap', () => {
  test('is told as closed once, when all of it is settled, whatever is missing elsewhere', () => {
    const account = fresh();
    take(account, 2, 5);
    account.arrive(3, body(3), 0);
    account.arrive(4, body(4), 0);
    account.settle(4, body(4), logged(4));
    expect(account.takeClosed()).toEqual([]);
    account.settle(3, body(3), logged(3));
    expect(account.takeClosed()).toEqual([{ from: 3, to: 4 }]);
    expect([account.takeClosed(), account.upto]).toEqual([[], 0]);
    take(account, 1);
    expect([account.takeClosed(), account.upto]).toEqual([[{ from: 1, to: 1 }], 5]);
  });

  test('that is given up in part is told by what is lost, and not as closed', () => {
    const account = fresh();
    take(account, 10);
    expect(account.giveUp({ from: 4, to: 20 })).toEqual([{ from: 4, to: 9 }]);
    expect(account.giveUp({ from: 4, to: 20 })).toEqual([]);
    take(account, 1, 2, 3);
    expect([account.upto, account.takeClosed()]).toEqual([10, []]);
  });

  test('is given up after its time, but not for the time that nobody could fill it', () => {
    const account = fresh();
    take(account, 3);
    expect(account.tick(GAP_MS - 1, GAP_MS)).toEqual({ lost: [], closed: [] });
    account.wasAway(1_000_000);
    expect(account.tick(GAP_MS + 999_999, GAP_MS).lost).toEqual([]);
    expect(account.tick(GAP_MS + 1_000_000, GAP_MS).lost).toEqual([{ from: 1, to: 2 }]);
    expect(account.upto).toBe(3);
  });

  test('is asked for again in bites, the next when one is eaten, the same after a while', () => {
    const account = fresh();
    take(account, 2_001);
    expect(account.toAsk(1_000, 1)).toEqual([{ from: 1, to: 1_000 }]);
    expect(account.toAsk(1_000, 2)).toEqual([]);
    for (let seq = 1; seq <= 1_000; seq += 1) take(account, seq);
    expect(account.toAsk(1_000, 3)).toEqual([{ from: 1_001, to: 2_000 }]);
    expect(account.toAsk(1_000, 5_003)).toEqual([{ from: 1_001, to: 2_000 }]);
  });

  test('as wide as numbers go costs no walk and no exception', () => {
    const last = Number.MAX_SAFE_INTEGER - 1;
    const account = fresh();
    account.arrive(last, body(1), 0);
    account.arrive(last - 2, body(2), 0);
    expect(account.giveUp({ from: 1, to: Number.MAX_SAFE_INTEGER })).toEqual([
      { from: 1, to: last - 3 },
      { from: last - 1, to: last - 1 },
    ]);
    expect(account.upto).toBe(last - 3);
    account.settle(last - 2, body(2), logged(1));
    account.settle(last, body(1), logged(2));
    expect(account.upto).toBe(last);
  });
});

describe('a number that is refused for now', () => {
  test('is missing until it comes again, is lost by name when it never does, and is no gap that closes', () => {
    const account = fresh();
    for (const seq of [1, 2, 3]) account.arrive(seq, body(seq), 0);
    for (const seq of [1, 2]) account.release(seq, 0);
    account.settle(3, body(3), logged(3));
    expect([account.upto, account.missing]).toEqual([0, [{ from: 1, to: 2 }]]);
    expect(account.toAsk(1_000, 1)).toEqual([]);
    expect(account.arrive(1, body(1), 0)).toEqual({ kind: 'new' });
    account.settle(1, body(1), logged(4));
    expect([account.upto, account.takeClosed()]).toEqual([1, []]);
    expect(account.tick(GAP_MS, GAP_MS)).toEqual({ lost: [{ from: 2, to: 2 }], closed: [] });
    expect(account.upto).toBe(3);
  });

  test('costs nothing beside those that were refused before and after it', () => {
    const account = fresh();
    for (let seq = 1; seq <= 50_000; seq += 1) {
      account.arrive(seq, body(0), 0);
      account.release(seq, 0);
    }
    expect([account.missing, account.isFull]).toEqual([[{ from: 1, to: 50_000 }], false]);
  });
});

describe('what may be missing is bounded', () => {
  test('by jumps', () => {
    const account = fresh();
    let seq = 0;
    while (account.hasRoomFor(seq + 2)) {
      seq += 2;
      take(account, seq);
    }
    expect(account.missing).toHaveLength(GAPS_MAX);
    expect([account.hasRoomFor(seq + 1), account.hasRoomFor(1)]).toEqual([true, true]);
    take(account, 1);
    expect(account.hasRoomFor(seq + 2)).toBe(true);
  });

  test('by numbers out of the middle of a wide gap, taken or given up', () => {
    const account = fresh();
    take(account, 1_000_000);
    for (let seq = 2; account.hasRoomFor(seq); seq += 2) take(account, seq);
    expect(account.missing).toHaveLength(GAPS_MAX);
    const inside = { from: 500_000, to: 500_000 };
    expect([account.hasRoomWithout(inside), account.hasRoomWithout({ from: 500_000, to: 999_999 })]).toEqual([
      false,
      true,
    ]);
  });

  test('and gaps that are filled behind one that is not are not kept', () => {
    const account = fresh();
    take(account, 2);
    for (let seq = 4; seq < 10_000; seq += 2) take(account, seq, seq - 1);
    expect(account.takeClosed()).toHaveLength(4_998);
    expect(account.hasRoomFor(20_000)).toBe(true);
    expect(account.missing).toEqual([{ from: 1, to: 1 }]);
  });
});
