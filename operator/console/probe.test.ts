import { describe, expect, it } from 'vitest';
import { Probe } from './probe.ts';

function probe(ask: () => Promise<number>, now: { ms: number }): Probe<number> {
  const clock = { nowMs: () => now.ms };
  return new Probe({ ask, clock, deadlineMs: 5, answerAgeMaxMs: 1_000 });
}

const never = new Promise<number>(() => undefined);

describe('probe', () => {
  it('gives the answer and when it came', async () => {
    const looked = await probe(() => Promise.resolve(4), { ms: 7 }).look();
    expect(looked).toEqual({ ok: true, value: 4, atMs: 7 });
  });

  it('turns a failure into a reason at once, also when it has an older answer', async () => {
    const answers = [() => Promise.resolve(4), () => Promise.reject(new Error('gone'))];
    const one = probe(() => (answers.shift() ?? (() => never))(), { ms: 0 });
    await one.look();
    expect(await one.look()).toEqual({ ok: false, reason: 'gone' });
  });

  it('does not wait longer than its deadline, and does not ask again while a question is open', async () => {
    let asked = 0;
    const one = probe(
      () => {
        asked += 1;
        return never;
      },
      { ms: 0 },
    );
    expect((await one.look()).ok).toBe(false);
    expect((await one.look()).ok).toBe(false);
    expect(asked).toBe(1);
  });

  it('lets the last answer stand in for a late one until it is too old', async () => {
    const now = { ms: 0 };
    const answers = [Promise.resolve(4), never];
    const one = probe(() => answers.shift() ?? never, now);
    await one.look();
    now.ms = 1_000;
    expect(await one.look()).toEqual({ ok: true, value: 4, atMs: 0 });
    now.ms = 1_001;
    expect((await one.look()).ok).toBe(false);
  });
});
