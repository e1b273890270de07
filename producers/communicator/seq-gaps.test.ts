// How old a gap is: as old as the word of its first missing number, which all behind it wait for.
import { expect, test } from 'vitest';
import { StreamAccount } from './stream-account.ts';

const GAP_MS = 60_000;

/** Numbers 1 to `count` came and were refused for now, all at time 0. */
function refused(count: number): StreamAccount {
  const account = new StreamAccount('E', { upto: 0, givenOut: 0 });
  for (let seq = 1; seq <= count; seq += 1) {
    account.arrive(seq, 'body', 0);
    account.release(seq, 0, 1_000);
  }
  return account;
}

function comesAgain(account: StreamAccount, seq: number, nowMs: number, isTaken: boolean): void {
  expect(account.arrive(seq, 'body', nowMs)).toEqual({ kind: 'new' });
  if (isTaken) account.settle(seq, 'body', { kind: 'logged', partition: 0, offset: seq });
  else account.release(seq, nowMs, 1_000);
}

test('what a slow peer sends in order is not given up, however long the rest has to wait', () => {
  const account = refused(10);
  for (let seq = 1; seq <= 10; seq += 1) {
    const nowMs = seq * (GAP_MS - 1);
    expect(account.tick(nowMs, GAP_MS).lost).toEqual([]);
    comesAgain(account, seq, nowMs, true);
  }
  expect(account.upto).toBe(10);
});

test('one that is refused again and again is not given up either', () => {
  const account = refused(3);
  for (let turn = 1; turn <= 5; turn += 1) {
    const nowMs = turn * (GAP_MS - 1);
    expect(account.tick(nowMs, GAP_MS).lost).toEqual([]);
    comesAgain(account, 1, nowMs, false);
  }
  expect(account.missing).toEqual([{ from: 1, to: 3 }]);
});

test('a first number that does not come again is asked for and given up, however many come behind it', () => {
  const account = refused(1);
  const asked: number[] = [];
  for (let seq = 2; seq * 1_000 < GAP_MS; seq += 1) {
    const nowMs = seq * 1_000;
    account.arrive(seq, 'body', nowMs);
    account.release(seq, nowMs, 1_000);
    if (account.toAsk(1, nowMs).length > 0) asked.push(nowMs);
    expect(account.tick(nowMs, GAP_MS).lost).toEqual([]);
  }
  // Told to come in a second, it has five more.
  expect(asked[0]).toBe(6_000);
  expect(account.tick(GAP_MS, GAP_MS).lost).toEqual([{ from: 1, to: 1 }]);
  // The others have been heard, and have their turn now.
  expect(account.tick(2 * GAP_MS - 1, GAP_MS).lost).toEqual([]);
  comesAgain(account, 2, 2 * GAP_MS - 1, true);
  expect(account.heldBackBy(60)).toBe(3);
});

test('others that come again in vain hide neither that the first does not come, nor are they given up with it', () => {
  const account = refused(5);
  const asked: number[] = [];
  for (let nowMs = 1_000; nowMs < GAP_MS; nowMs += 1_000) {
    comesAgain(account, 2 + ((nowMs / 1_000) % 4), nowMs, false);
    if (account.toAsk(1, nowMs).length > 0) asked.push(nowMs);
    expect(account.tick(nowMs, GAP_MS).lost).toEqual([]);
  }
  expect(asked[0]).toBe(6_000);
  expect(account.tick(GAP_MS, GAP_MS).lost).toEqual([{ from: 1, to: 1 }]);
});

test('the first that is missing is given up, not the first that ever was', () => {
  const account = refused(4);
  comesAgain(account, 1, 1_000, true);
  comesAgain(account, 3, 30_000, false);
  expect(account.tick(1_000 + GAP_MS, GAP_MS).lost).toEqual([{ from: 2, to: 2 }]);
});

test('what was told to come in a while is not asked for before that', () => {
  const account = refused(3);
  comesAgain(account, 1, 500, true);
  expect(account.toAsk(1, 500)).toEqual([]);
  comesAgain(account, 2, 5_500, false);
  expect(account.toAsk(1, 6_000)).toEqual([]);
  expect(account.toAsk(1, 11_500)).toEqual([{ from: 2, to: 2 }]);
});

test('while its source is away no number grows older, neither the first nor the word of the others', () => {
  const account = refused(1);
  account.arrive(2, 'body', GAP_MS - 1);
  account.release(2, GAP_MS - 1, 1_000);
  account.wasAway(600_000);
  expect(account.tick(600_000 + GAP_MS - 1, GAP_MS).lost).toEqual([]);
  expect(account.tick(600_000 + GAP_MS, GAP_MS).lost).toEqual([{ from: 1, to: 1 }]);
});

test('a number that was refused behind a gap is no part of it', () => {
  const account = new StreamAccount('E', { upto: 1, givenOut: 1 });
  account.arrive(4, 'body', 0);
  account.release(4, 0, 1_000);
  comesAgain(account, 2, 1, true);
  comesAgain(account, 3, 1, true);
  // Nor is the gap anybody's news: it was filled before anything behind it was taken.
  expect([account.takeOpened(4), account.takeClosed()]).toEqual([undefined, []]);
  comesAgain(account, 4, 1_000, true);
  expect([account.takeClosed(), account.upto]).toEqual([[], 4]);
});

test('what another gateway has acknowledged is not missed here, also where it never came', () => {
  const account = refused(3);
  account.believe(7);
  expect([account.missing, account.upto, account.heldBackBy(8)]).toEqual([[], 7, undefined]);
  expect(account.arrive(8, 'body', 0)).toEqual({ kind: 'new' });
});

test('gaps are told one for each number that is taken behind them, and what has lost a part is told by that', () => {
  const account = new StreamAccount('E', { upto: 1, givenOut: 1 });
  for (const seq of [3, 5, 8]) {
    account.arrive(seq, 'body', 0);
    account.release(seq, 0);
  }
  account.giveUp({ from: 4, to: 4 });
  account.arrive(9, 'body', 0);
  expect([account.takeOpened(2), account.takeOpened(9)]).toEqual([undefined, { from: 2, to: 2 }]);
  account.arrive(10, 'body', 0);
  expect([account.takeOpened(10), account.takeOpened(10)]).toEqual([{ from: 6, to: 7 }, undefined]);
  for (const seq of [2, 6, 7]) comesAgain(account, seq, 1, true);
  expect(account.takeClosed()).toEqual([
    { from: 2, to: 2 },
    { from: 6, to: 7 },
  ]);
});
