import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { StreamAccount } from './stream-account.ts';
import { type GapEvent, type Speaker, type StreamPosition, Streams } from './streams.ts';

const NOBODY = (): void => undefined;
const AFRESH = { upto: undefined, givenOut: 0 };
const WHO = { source: 'chat.example', stream: 's', epoch: 'E1' };

let nowMs: number;
let stored: StreamPosition | undefined;
let saved: StreamPosition[];
let gaps: GapEvent[];
let said: string[];
let isUnread: boolean;
let told: Promise<void>;
let streams: Streams;

beforeEach(() => {
  nowMs = 1_000_000;
  stored = undefined;
  saved = [];
  gaps = [];
  said = [];
  isUnread = false;
  told = Promise.resolve();
  streams = new Streams({
    clock: { nowMs: () => nowMs },
    positions: { find: () => Promise.resolve(stored), save: (all) => void saved.push(...all) },
    onGap: (gap) => {
      gaps.push(gap);
      return told;
    },
  });
});

function speaker(name: string): Speaker {
  return {
    askAgain: (epoch, { from, to }) => void said.push(`${name} resend ${epoch} ${from}-${to}`),
    moved: (epoch) => void said.push(`${name} moved ${epoch}`),
    settled: () => undefined,
    replaced: () => void said.push(`${name} replaced`),
    wasUnread: () => isUnread,
  };
}

async function settle(seqs: readonly number[], epoch = 'E1', by = speaker('a'), givenOut = 0, stream = 's') {
  const opened = await streams.open({ ...WHO, stream, epoch }, { seq: givenOut }, by);
  for (const seq of seqs) {
    const body = createHash('sha256').update(String(seq)).digest('hex');
    opened.account.arrive(seq, body, nowMs);
    opened.account.settle(seq, body, { kind: 'logged', partition: 0, offset: seq });
  }
  return opened;
}

describe('the position of a stream', () => {
  test('begins where the peer was told that all is safe, when what was saved lags behind or is gone', async () => {
    stored = { source: 'chat.example', stream: 's', epoch: 'E1', upto: 4 };
    const { account } = await streams.open({ ...WHO, epoch: 'E1' }, { seq: 20, acked: 9 }, speaker('a'));
    expect(account.upto).toBe(9);
    const behind = await streams.open({ ...WHO, stream: 'behind' }, { seq: 20, acked: 2 }, speaker('c'));
    expect(behind.account.upto).toBe(4);
    const other = await streams.open({ ...WHO, stream: 'other', epoch: 'E9' }, { seq: 5, acked: 400 }, speaker('b'));
    expect(other.account.upto).toBe(5);
  });

  test('moves on to where another gateway told the peer that all is safe, also where this one knows of gaps', async () => {
    const { account } = await settle([1, 2, 5]);
    expect([account.upto, account.missing]).toEqual([2, [{ from: 3, to: 4 }]]);
    const again = await streams.open(WHO, { seq: 9, acked: 7 }, speaker('b'));
    expect(again.account).toBe(account);
    expect([account.upto, account.missing]).toEqual([7, []]);
  });

  test('is saved once when it has moved', async () => {
    await settle([1, 2]);
    streams.tick();
    streams.tick();
    expect(saved).toEqual([{ source: 'chat.example', stream: 's', epoch: 'E1', upto: 2 }]);
  });

  test('is not saved for a name under which nothing came', async () => {
    await settle([]);
    await streams.open({ ...WHO, stream: 'claimed' }, { seq: 9, acked: 9 }, speaker('b'));
    streams.tick();
    expect(saved).toEqual([]);
  });

  test('is that of the epoch that is spoken now, also of one that was known before', async () => {
    await settle([1]);
    await settle([1, 2], 'E2');
    await settle([2, 3], 'E1');
    streams.tick();
    expect(saved).toEqual([{ source: 'chat.example', stream: 's', epoch: 'E1', upto: 3 }]);
  });

  test('outlasts the process in its epoch; another one ends it', async () => {
    stored = { source: 'chat.example', stream: 's', epoch: 'E1', upto: 5 };
    const same = await streams.open(WHO, { seq: 9 }, speaker('a'));
    expect([same.account.upto, same.isNewEpoch, same.ended]).toEqual([5, false, undefined]);
    const next = await streams.open({ ...WHO, epoch: 'E2' }, { seq: 0 }, speaker('a'));
    expect([next.account.upto, next.isNewEpoch, next.ended]).toEqual([0, true, 'E1']);
  });

  test('is asked for once by two connections at the same time, which have one account', async () => {
    const both = await Promise.all([
      streams.open(WHO, { seq: 0 }, speaker('a')),
      streams.open(WHO, { seq: 0 }, speaker('b')),
    ]);
    expect(both[0].account).toBe(both[1].account);
    expect(both[0].state).toBe(both[1].state);
    expect([said, both[0].state.speaker?.moved]).toEqual([['a replaced'], both[1].state.speaker?.moved]);
  });
});

describe('who speaks for a stream', () => {
  test('is the newest connection; one that was replaced cannot leave for it', async () => {
    const [first, second] = [speaker('a'), speaker('b')];
    const { state } = await streams.open(WHO, { seq: 0 }, first);
    await streams.open(WHO, { seq: 0 }, second);
    await streams.open(WHO, { seq: 0 }, second);
    expect(said).toEqual(['a replaced']);
    streams.leave(state, first);
    expect(state.speaker).toBe(second);
    streams.leave(state, second);
    expect(state.speaker).toBeUndefined();
  });

  test('is forgotten with its stream after a while, but not while it speaks', async () => {
    const { state } = await settle([1]);
    nowMs += 3_600_000;
    streams.tick();
    expect(streams.size).toBe(1);
    streams.leave(state, state.speaker as Speaker);
    nowMs += 600_001;
    streams.tick();
    expect([streams.size, saved.length]).toEqual([0, 1]);
  });

  test('is forgotten with its stream at once when nothing came, whatever it said of it', async () => {
    for (let number = 0; number < 1_000; number += 1) {
      const [first, second] = [speaker('a'), speaker('b')];
      const { state } = await streams.open({ ...WHO, stream: `s${number}` }, { seq: 9, acked: number % 10 }, first);
      await streams.open({ ...WHO, stream: `s${number}`, epoch: 'E2' }, { seq: 3 }, second);
      streams.leave(state, first);
      expect(streams.size).toBe(1);
      streams.leave(state, second);
      expect(streams.size).toBe(0);
    }
  });

  test('is remembered with a stream that begins here, of which nothing has been read', async () => {
    const first = speaker('a');
    const { state } = await streams.open(WHO, { seq: 0 }, first);
    streams.leave(state, first);
    const { account } = await settle([3], 'E1', speaker('b'), 5);
    expect(account.missing).toEqual([{ from: 1, to: 2 }]);
  });

  test('is forgotten with its stream earlier where very many left, those that left first', async () => {
    const stays = await settle([1]);
    const early = await settle([1], 'E1', speaker('early'), 0, 'early');
    for (let number = 0; number < 50_000; number += 1) {
      const { state } = await settle([1], 'E1', speaker('b'), 0, `s${number}`);
      streams.leave(state, state.speaker as Speaker);
    }
    streams.leave(early.state, early.state.speaker as Speaker);
    streams.tick();
    expect(streams.size).toBe(50_001);
    expect(saved).toHaveLength(50_002);
    const known = async (stream: string) => (await streams.open({ ...WHO, stream }, { seq: 0 }, speaker('c'))).account;
    expect(await known('s')).toBe(stays.account);
    expect(await known('early')).toBe(early.account);
    expect([(await known('s0')).hasCome, (await known('s1')).hasCome]).toEqual([false, true]);
  });

  test('is asked for what is missing and told when it is given up; nobody is, where nobody speaks', async () => {
    const { state } = await settle([3]);
    streams.tick();
    expect(said).toEqual(['a resend E1 1-2']);
    streams.leave(state, state.speaker as Speaker);
    nowMs += 120_000;
    streams.tick();
    expect([said.length, gaps]).toEqual([1, []]);
    await streams.open(WHO, { seq: 3 }, speaker('b'));
    nowMs += 59_999;
    streams.tick();
    expect(gaps).toEqual([]);
    nowMs += 1;
    streams.tick();
    expect(gaps).toEqual([{ kind: 'gap_lost', source: 'chat.example', stream: 's', epoch: 'E1', from: 1, to: 2 }]);
    expect(said.at(-1)).toBe('b moved E1');
  });
});

describe('what is missing of a peer that is not read', () => {
  test('grows no older, is not asked for again, and is given up when it is read and does not come', async () => {
    await settle([3]);
    streams.tick();
    isUnread = true;
    for (let seconds = 0; seconds < 300; seconds += 1) {
      nowMs += 1_000;
      streams.tick();
    }
    expect([said, gaps]).toEqual([['a resend E1 1-2'], []]);
    isUnread = false;
    nowMs += 59_999;
    streams.tick();
    expect([said.length, gaps]).toEqual([2, []]);
    nowMs += 1;
    streams.tick();
    expect(gaps).toMatchObject([{ kind: 'gap_lost', from: 1, to: 2 }]);
  });
});

describe('epochs', () => {
  test('of one stream are kept up to a few, the newest ones', async () => {
    for (let number = 1; number <= 9; number += 1) await settle([1], `E${number}`);
    const { state } = await streams.open({ ...WHO, epoch: 'E7' }, { seq: 0 }, speaker('a'));
    expect([...state.accounts.keys()]).toEqual(['E6', 'E8', 'E9', 'E7']);
  });
});

describe('what was left out', () => {
  test('is told in ranges, by the next tick', async () => {
    const { state } = await settle([]);
    const [one, other] = [new StreamAccount('E1', AFRESH), new StreamAccount('E2', AFRESH)];
    for (const seq of [1, 2, 3, 7]) streams.sampled(state, one, seq, NOBODY);
    streams.sampled(state, other, 8, NOBODY);
    expect(gaps).toEqual([]);
    streams.tick();
    expect(gaps.map(({ kind, epoch, from, to }) => [kind, epoch, from, to])).toEqual([
      ['sampled', 'E1', 1, 3],
      ['sampled', 'E1', 7, 7],
      ['sampled', 'E2', 8, 8],
    ]);
    streams.tick();
    expect(gaps).toHaveLength(3);
  });

  test('is settled once it is told, and not before: a peer that hears so forgets it', async () => {
    const { state, account } = await settle([1]);
    const heard: number[] = [];
    for (const seq of [2, 3]) {
      account.arrive(seq, 'hash', nowMs);
      streams.sampled(state, account, seq, () => void heard.push(seq));
    }
    let tell = NOBODY;
    told = new Promise((resolve) => (tell = resolve));
    streams.tick();
    await Promise.resolve();
    expect([account.upto, heard, said]).toEqual([1, [], []]);
    tell();
    await vi.waitFor(() => expect(heard).toEqual([2, 3]));
    expect([account.upto, said]).toEqual([3, ['a moved E1']]);
  });
});
