import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Outcome } from './recent-events.ts';
import type { SeqRange } from './seq-gaps.ts';
import { StreamAccount } from './stream-account.ts';

const GAP_MS = 60_000;

function body(text: string | number): string {
  return createHash('sha256').update(String(text)).digest('hex');
}

function logged(offset: number): Outcome {
  return { kind: 'logged', partition: 0, offset };
}

function numbersOf(ranges: readonly SeqRange[]): readonly number[] {
  return ranges.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, index) => from + index));
}

// A number is in one of four states; the naive model keeps one for each.
type State = 'missing' | 'coming' | 'settled' | 'lost';
const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('arrive' as const),
        seq: fc.integer({ min: 1, max: 40 }),
        body: fc.integer({ min: 0, max: 1 }),
        isTaken: fc.boolean(),
      }),
    },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('settle' as const), pick: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), pick: fc.nat() }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('giveUp' as const),
        from: fc.integer({ min: 1, max: 40 }),
        length: fc.integer({ min: 0, max: 6 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('tick' as const), passMs: fc.integer({ min: 0, max: 40_000 }) }),
    },
  ),
  { maxLength: 120 },
);

describe('whatever comes in whatever order', () => {
  test('an account says what a list of all numbers would say', () => {
    fc.assert(
      fc.property(steps, fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }), (all, upto) => {
        const account = new StreamAccount('E', { upto, givenOut: upto ?? 0 });
        const states = new Map<number, State>();
        const bodies = new Map<number, number>();
        const opened: number[] = [];
        const closed: number[] = [];
        const lost: number[] = [];
        let highest = upto ?? 0;
        let before = account.upto;
        let nowMs = 0;
        const inState = (state: State): readonly number[] =>
          [...states].filter(([, one]) => one === state).map(([seq]) => seq);
        const lose = (ranges: readonly SeqRange[]): void => {
          for (const seq of numbersOf(ranges)) {
            expect(states.get(seq)).toBe('missing');
            states.set(seq, 'lost');
            lost.push(seq);
          }
        };
        for (const step of all) {
          if (step.do === 'arrive') {
            const arrival = account.arrive(step.seq, body(step.body), nowMs);
            const state = states.get(step.seq);
            const isSame = bodies.get(step.seq) === step.body;
            if (step.seq > highest || state === 'missing') {
              expect(arrival.kind).toBe('new');
              const told = step.isTaken ? account.takeOpened(step.seq) : undefined;
              if (told !== undefined) {
                expect(told.to).toBeLessThan(step.seq);
                opened.push(...numbersOf([told]));
              }
              for (let seq = highest + 1; seq < step.seq; seq += 1) states.set(seq, 'missing');
              highest = Math.max(highest, step.seq);
              states.set(step.seq, 'coming');
              bodies.set(step.seq, step.body);
            } else if (state === undefined || state === 'lost') expect(arrival.kind).toBe('forgotten');
            else if (isSame)
              expect(arrival).toEqual({
                kind: 'duplicate',
                outcome: state === 'settled' ? logged(step.seq) : undefined,
              });
            else expect(arrival.kind).toBe('conflict');
          } else if (step.do === 'settle' || step.do === 'release') {
            const coming = inState('coming');
            const seq = coming[step.pick % coming.length];
            if (seq === undefined) continue;
            if (step.do === 'settle') account.settle(seq, body(bodies.get(seq) as number), logged(seq));
            else account.release(seq, nowMs);
            states.set(seq, step.do === 'settle' ? 'settled' : 'missing');
          } else if (step.do === 'giveUp') lose(account.giveUp({ from: step.from, to: step.from + step.length }));
          else {
            nowMs += step.passMs;
            const news = account.tick(nowMs, GAP_MS);
            lose(news.lost);
            closed.push(...numbersOf(news.closed));
          }
          closed.push(...numbersOf(account.takeClosed()));
          let expected = upto ?? 0;
          while (states.get(expected + 1) === 'settled' || states.get(expected + 1) === 'lost') expected += 1;
          expect(account.upto).toBe(expected);
          expect(account.upto).toBeGreaterThanOrEqual(before);
          before = account.upto;
          expect(numbersOf(account.missing)).toEqual(inState('missing').toSorted((a, b) => a - b));
          for (const { from, to } of account.toAsk(3, nowMs)) {
            expect(to - from).toBeLessThan(3);
            for (const seq of numbersOf([{ from, to }])) expect(states.get(seq)).toBe('missing');
          }
        }
        // Each told once; what is told as closed is settled, and was told as open.
        expect(new Set(opened).size).toBe(opened.length);
        expect(new Set(closed).size).toBe(closed.length);
        expect(new Set(lost).size).toBe(lost.length);
        for (const seq of closed) expect([opened.includes(seq), states.get(seq)]).toEqual([true, 'settled']);
      }),
      { numRuns: 2_000 },
    );
  });
});
