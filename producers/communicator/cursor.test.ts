import { describe, expect, test } from 'vitest';
import { Cursor, type Vector } from './cursor.ts';

const TAIL: Vector = new Map([
  [0, 10n],
  [1, 20n],
]);

describe('a cursor', () => {
  test('is nothing but the tail for one that waits', () => {
    const cursor = new Cursor(TAIL, TAIL);
    expect(cursor.behind.size).toBe(0);
    expect([cursor.isLive(0), cursor.hasHad(0, 10n)]).toEqual([true, false]);
    expect(cursor.position(new Map([[0, 11n]]))).toEqual(new Map([[0, 11n]]));
  });

  test('is behind where it begins below the tail, until it has read up to the tail', () => {
    const cursor = new Cursor(new Map(TAIL).set(0, 7n), TAIL);
    expect([...cursor.behind]).toEqual([[0, 7n]]);
    cursor.caughtUp(0, 9n, TAIL);
    expect(cursor.position(TAIL).get(0)).toBe(9n);
    // The tail has moved on while it was read for.
    cursor.caughtUp(0, 10n, new Map([[0, 11n]]));
    expect(cursor.isLive(0)).toBe(false);
    cursor.caughtUp(0, 11n, new Map([[0, 11n]]));
    expect(cursor.isLive(0)).toBe(true);
  });

  test('has had what lies below a position that is ahead of the tail', () => {
    const cursor = new Cursor(new Map(TAIL).set(0, 12n), TAIL);
    expect(cursor.position(TAIL).get(0)).toBe(12n);
    expect([cursor.hasHad(0, 10n), cursor.hasHad(0, 11n), cursor.hasHad(0, 12n), cursor.hasHad(0, 13n)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test('does not stay where it once was ahead when the tail has come past without anything for it', () => {
    const cursor = new Cursor(new Map(TAIL).set(0, 12n), TAIL);
    expect(cursor.position(new Map([[0, 500n]])).get(0)).toBe(500n);
  });

  test('has had nothing of a partition that its position does not know, and keeps what it knows of one that is not read yet', () => {
    const cursor = new Cursor(new Map([[0, 10n]]).set(2, 3n), TAIL);
    expect([...cursor.behind]).toEqual([[1, 0n]]);
    expect([cursor.hasHad(2, 2n), cursor.hasHad(2, 3n)]).toEqual([true, false]);
  });

  test('keeps the first that was not taken, and never goes back', () => {
    const cursor = new Cursor(TAIL, TAIL);
    cursor.fallBehind(1, 20n);
    cursor.fallBehind(1, 25n);
    expect([...cursor.behind]).toEqual([[1, 20n]]);
    cursor.advance(1, 23n);
    cursor.advance(1, 21n);
    expect([...cursor.behind]).toEqual([[1, 23n]]);
    cursor.advance(0, 30n);
    expect(cursor.isLive(0)).toBe(true);
  });
});
