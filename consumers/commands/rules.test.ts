import { describe, expect, it } from 'vitest';
import { type Admission, countedAs, DEFAULT_RULE, isAllowed, RecentAnswers } from './rules.ts';

const RULE = { ...DEFAULT_RULE, perMinute: 2 };

const eventAt = (timeMs: number): string => `event of ${timeMs}`;

function admit(answers: RecentAnswers, timesMs: readonly number[], key = 'k'): readonly Admission[] {
  return timesMs.map((receivedAtMs) =>
    answers.admit({ eventKey: eventAt(receivedAtMs), limitKey: key, receivedAtMs }, [{ keys: [key], perMinute: 2 }]),
  );
}

describe('the limit', () => {
  it('admits so many in any minute, tells as many that it is reached, then says nothing', () => {
    const times = [0, 10, 20, 30, 40, 50];
    expect(admit(new RecentAnswers([]), times)).toEqual([
      ...['admitted', 'admitted', 'told', 'told'],
      ...['silenced', 'silenced'],
    ]);
  });

  it('counts each sender, chat and command apart', () => {
    const answers = new RecentAnswers([]);
    expect([...admit(answers, [0, 1, 2], 'a'), ...admit(answers, [3], 'b')]).toEqual([
      ...['admitted', 'admitted', 'told', 'admitted'],
    ]);
  });

  it('holds for several keys together beside that of each, and goes by whichever is reached', () => {
    const answers = new RecentAnswers([]);
    const all = { keys: ['a', 'b'], perMinute: 3 };
    const asked = (key: string, receivedAtMs: number): Admission =>
      answers.admit({ eventKey: eventAt(receivedAtMs), limitKey: key, receivedAtMs }, [
        { keys: [key], perMinute: 2 },
        all,
      ]);
    expect([asked('a', 1), asked('a', 2), asked('a', 3), asked('b', 4)]).toEqual([
      ...['admitted', 'admitted', 'told', 'admitted'],
    ]);
    expect([asked('b', 5), asked('b', 6), asked('b', 7), asked('a', 8)]).toEqual([
      ...['told', 'told', 'silenced', 'silenced'],
    ]);
  });

  it('admits again as the minute passes', () => {
    expect(admit(new RecentAnswers([]), [0, 1, 2, 59_999, 60_000, 60_001])).toEqual([
      ...['admitted', 'admitted', 'told', 'told', 'admitted', 'admitted'],
    ]);
  });

  it('comes to the same from the ledger as from memory, wherever a restart falls', () => {
    const times = [0, 5_000, 9_000, 20_000, 50_000, 61_000, 64_000, 66_000, 70_000, 90_000, 121_000];
    const whole = admit(new RecentAnswers([]), times);
    for (let restart = 0; restart <= times.length; restart += 1) {
      const onLedger = times
        .slice(0, restart)
        .map((receivedAtMs, index) => ({
          ...{ eventKey: eventAt(receivedAtMs), limitKey: 'k', receivedAtMs },
          isToldOnly: whole[index] === 'told',
        }))
        .filter((_, index) => whole[index] !== 'silenced');
      expect(admit(new RecentAnswers(onLedger), times.slice(restart))).toEqual(whole.slice(restart));
    }
  });

  it('counts an answer once that both the ledger and memory tell of', () => {
    const one = { eventKey: 'e', limitKey: 'k', receivedAtMs: 0, isToldOnly: false };
    expect(admit(new RecentAnswers([one, one]), [1, 2])).toEqual(['admitted', 'told']);
  });

  it('is not spent by what was received later', () => {
    const onLedger = [100_001, 100_002, 100_003].map((receivedAtMs) => ({
      ...{ eventKey: eventAt(receivedAtMs), limitKey: 'k', receivedAtMs },
      isToldOnly: false,
    }));
    expect(admit(new RecentAnswers(onLedger), [99_000])).toEqual(['admitted']);
  });
});

describe('permission', () => {
  it('is everybody where nobody is named, else the named senders and chats', () => {
    const named = { ...RULE, allow: { senders: ['ana'], chats: ['ops'] } };
    expect(isAllowed(RULE, { source: 's', chat: null, actor: null })).toBe(true);
    expect(isAllowed(named, { source: 's', chat: 'x', actor: 'ana' })).toBe(true);
    expect(isAllowed(named, { source: 's', chat: 'ops', actor: 'bea' })).toBe(true);
    expect(isAllowed(named, { source: 's', chat: 'x', actor: 'bea' })).toBe(false);
    const nobody = { ...named, allow: { senders: [], chats: [] } };
    expect(isAllowed(nobody, { source: 's', chat: 'ops', actor: 'ana' })).toBe(false);
  });

  it('is of a user of the gateway by its token, whatever it says of senders and chats', () => {
    const named = { ...RULE, allow: { senders: ['ana', 'user:eva'], chats: ['ops'] } };
    expect(isAllowed(named, { source: 'user:bob', chat: 'ops', actor: 'ana' })).toBe(false);
    expect(isAllowed(named, { source: 'user:bob', chat: 'ops', actor: 'user:eva' })).toBe(false);
    expect(isAllowed(named, { source: 'user:ana', chat: null, actor: null })).toBe(false);
    expect(isAllowed(named, { source: 'user:eva', chat: null, actor: 'bob' })).toBe(true);
    expect(isAllowed(RULE, { source: 'user:bob', chat: null, actor: null })).toBe(true);
  });

  it('of such a user is not to be had by a name from another source', () => {
    const named = { ...RULE, allow: { senders: ['user:eva'], chats: [] } };
    expect(isAllowed(named, { source: 'source:bridge', chat: 'x', actor: 'user:eva' })).toBe(false);
  });
});

describe('an answer', () => {
  it('is counted by sender and chat, of a user of the gateway by who it is', () => {
    expect(countedAs({ source: 's', chat: 'c', actor: 'ana' })).toEqual(['s', 'c', 'ana']);
    expect(countedAs({ source: 's', chat: null, actor: null })).toEqual(['s', '', '']);
    expect(countedAs({ source: 'user:eva', chat: 'c', actor: 'ana' })).toEqual(['user:eva', '', '']);
  });
});
