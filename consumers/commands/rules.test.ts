import { describe, expect, it } from 'vitest';
import { type Admission, DEFAULT_RULE, isAllowed, RecentAnswers } from './rules.ts';

const RULE = { ...DEFAULT_RULE, perMinute: 2 };

function admit(answers: RecentAnswers, timesMs: readonly number[], key = 'k'): readonly Admission[] {
  return timesMs.map((timeMs) => answers.admit(key, timeMs, RULE));
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
        .map((receivedAtMs, index) => ({ limitKey: 'k', receivedAtMs, isToldOnly: whole[index] === 'told' }))
        .filter((_, index) => whole[index] !== 'silenced');
      expect(admit(new RecentAnswers(onLedger), times.slice(restart))).toEqual(whole.slice(restart));
    }
  });

  it('is not spent by what was received later', () => {
    const onLedger = [1, 2, 3].map((at) => ({ limitKey: 'k', receivedAtMs: 100_000 + at, isToldOnly: false }));
    expect(admit(new RecentAnswers(onLedger), [99_000])).toEqual(['admitted']);
  });
});

describe('permission', () => {
  it('is everybody where nobody is named, else the named senders and chats', () => {
    const named = { ...RULE, allow: { senders: ['ana'], chats: ['ops'] } };
    expect(isAllowed(RULE, { chat: null, actor: null })).toBe(true);
    expect(isAllowed(named, { chat: 'x', actor: 'ana' })).toBe(true);
    expect(isAllowed(named, { chat: 'ops', actor: 'bea' })).toBe(true);
    expect(isAllowed(named, { chat: 'x', actor: 'bea' })).toBe(false);
    expect(isAllowed({ ...named, allow: { senders: [], chats: [] } }, { chat: 'ops', actor: 'ana' })).toBe(false);
  });
});
