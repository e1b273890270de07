import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Settlement } from './settlement.ts';

/** The same account, kept without any cleverness. */
class Model {
  received = 0;
  readonly settled = new Set<number>();

  get settledUpTo(): number {
    let number = 0;
    while (this.settled.has(number + 1)) number += 1;
    return number;
  }

  get open(): readonly number[] {
    return Array.from({ length: this.received }, (_, index) => index + 1).filter((number) => !this.settled.has(number));
  }
}

type Step =
  | { readonly take: true }
  | { readonly take: false; readonly pick: number; readonly elsewhere: string | null };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ take: fc.constant(true as const) }),
  fc.record({
    take: fc.constant(false as const),
    pick: fc.nat(),
    elsewhere: fc.constantFrom(null, null, 'sampled', 'refused'),
  }),
);

describe('the settlement', () => {
  test('agrees with a set of numbers, in whatever order frames settle', () => {
    fc.assert(
      fc.property(fc.array(STEP, { maxLength: 120 }), (steps) => {
        const settlement = new Settlement();
        const model = new Model();
        const elsewhere = new Map<number, string>();
        for (const step of steps) {
          if (step.take) {
            model.received += 1;
            expect(settlement.next()).toBe(model.received);
          } else {
            const { open } = model;
            const ingestSeq = open[step.pick % Math.max(1, open.length)];
            if (ingestSeq === undefined) continue;
            model.settled.add(ingestSeq);
            if (step.elsewhere === null) settlement.settle(ingestSeq);
            else {
              settlement.settleElsewhere(ingestSeq, step.elsewhere);
              elsewhere.set(ingestSeq, step.elsewhere);
            }
          }
          expect(settlement.received).toBe(model.received);
          expect(settlement.settledUpTo).toBe(model.settledUpTo);
          expect(settlement.inFlight).toBe(model.open.length);
          expect(settlement.toldUpTo).toBe(Math.min(model.settledUpTo + 1, ...elsewhere.keys()) - 1);
        }
        const told = settlement
          .takeElsewhere()
          .flatMap(({ from, to, reason }) =>
            Array.from({ length: to - from + 1 }, (_, index) => [from + index, reason]),
          );
        expect(new Map(told as [number, string][])).toEqual(elsewhere);
        expect(told).toHaveLength(elsewhere.size);
        expect(settlement.takeElsewhere()).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test('joins neighbours with one reason into one range', () => {
    const settlement = new Settlement();
    for (let number = 1; number <= 5; number += 1) settlement.next();
    for (const number of [1, 2, 3]) settlement.settleElsewhere(number, 'sampled');
    settlement.settleElsewhere(4, 'refused');
    expect(settlement.takeElsewhere()).toEqual([
      { from: 1, to: 3, reason: 'sampled' },
      { from: 4, to: 4, reason: 'refused' },
    ]);
  });

  test('tells ranges again that were put back, before newer ones', () => {
    const settlement = new Settlement();
    for (let number = 1; number <= 3; number += 1) settlement.next();
    settlement.settleElsewhere(1, 'sampled');
    const taken = settlement.takeElsewhere();
    settlement.settleElsewhere(3, 'sampled');
    expect(taken.map(({ from }) => from)).toEqual([1]);
    settlement.putBackElsewhere();
    expect(settlement.takeElsewhere().map(({ from }) => from)).toEqual([1, 3]);
  });

  test('has told the log of what a checkpoint names when the log has it', () => {
    const settlement = new Settlement();
    for (let number = 1; number <= 6; number += 1) settlement.next();
    for (const number of [1, 5]) settlement.settle(number);
    for (const number of [2, 4]) settlement.settleElsewhere(number, 'sampled');
    const told = () => [settlement.toldUpTo, settlement.untold.map(({ from }) => from)];
    expect(told()).toEqual([1, [2, 4]]);
    settlement.takeElsewhere();
    settlement.settleElsewhere(3, 'sampled');
    expect([settlement.settledUpTo, told()]).toEqual([5, [1, [2, 4, 3]]]);
    settlement.toldElsewhere();
    expect(told()).toEqual([2, [3]]);
    settlement.takeElsewhere();
    settlement.toldElsewhere();
    expect(told()).toEqual([5, []]);
  });

  test.each([
    ['that was never given out', 3],
    ['below all', 0],
    ['that is settled', 1],
    ['that is settled ahead of others', 2],
  ])('refuses to settle a number %s', (_name, ingestSeq) => {
    const settlement = new Settlement();
    settlement.next();
    settlement.next();
    settlement.settle(2);
    if (ingestSeq === 1) settlement.settle(1);
    expect(() => settlement.settle(ingestSeq)).toThrow(/is not open/);
  });
});
