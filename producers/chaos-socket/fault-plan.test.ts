import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { armingSchema } from './arming.ts';
import { FaultPlan, type Place } from './fault-plan.ts';

const place = (n: number, more: Partial<Place> = {}): Place => {
  const about = { stream: 0, n, atMs: n * 100, dueAtMs: 1_000_000 + n * 100, kind: 'message' as const };
  return { ...about, chat: 'chat_1', source: '/', isNumbered: true, ...more };
};

function planOf(seed: number, ...armings: object[]): FaultPlan {
  const plan = new FaultPlan(seed);
  for (const one of armings) plan.arm(armingSchema.parse(one));
  return plan;
}

/** The places among the first `count` at which something strikes. */
function strikes(plan: FaultPlan, count: number, more: Partial<Place> = {}): readonly number[] {
  return Array.from({ length: count }, (_, n) => n).filter((n) => plan.decide(place(n, more)) !== undefined);
}

describe('what strikes', () => {
  test('hangs on the seed, the arming and the place alone', () => {
    const arming = { fault: 'drop', probability: 0.1 };
    const first = strikes(planOf(7, arming), 1_000);
    expect(strikes(planOf(7, arming), 1_000)).toEqual(first);
    expect(strikes(planOf(8, arming), 1_000)).not.toEqual(first);
    expect(strikes(planOf(7, arming), 1_000, { stream: 1 })).not.toEqual(first);
    expect(first.length).toBeGreaterThan(60);
    expect(first.length).toBeLessThan(150);
  });

  test('with probability 0 never, with 1 always, at most so often as allowed', () => {
    expect(strikes(planOf(1, { fault: 'drop', probability: 0 }), 500)).toEqual([]);
    expect(strikes(planOf(1, { fault: 'drop', probability: 1 }), 500)).toHaveLength(500);
    expect(strikes(planOf(1, { fault: 'drop', probability: 1, times: 3 }), 500)).toEqual([0, 1, 2]);
  });

  test('once at the beginning of its window, at moments, or in a period', () => {
    expect(strikes(planOf(1, { fault: 'drop', from: 2 }), 100)).toEqual([20]);
    expect(strikes(planOf(1, { fault: 'drop', at: [3, 1, 1] }), 100)).toEqual([10, 11, 30]);
    expect(strikes(planOf(1, { fault: 'drop', every: 2, from: 1, to: 6 }), 100)).toEqual([30, 50]);
  });

  test('a period strikes once for all of it that has passed without an event', () => {
    const plan = planOf(1, { fault: 'abrupt_close', every: 10 });
    const at = (seconds: number) => plan.decide(place(seconds, { atMs: seconds * 1_000 })) !== undefined;
    expect([1, 11, 12].map(at)).toEqual([false, true, false]);
    // Nobody was connected for two minutes: not a dozen strikes in a row.
    expect([131, 132, 133, 139, 140, 141].map(at)).toEqual([true, false, false, false, true, false]);
  });

  test('only within its window and its scope', () => {
    fc.assert(
      fc.property(fc.nat({ max: 50 }), fc.integer({ min: 1, max: 50 }), (from, length) => {
        const found = strikes(planOf(1, { fault: 'drop', probability: 1, from, to: from + length }), 1_200);
        expect([found[0], found.length]).toEqual([from * 10, length * 10]);
      }),
    );
    const scoped = { fault: 'drop', probability: 1, kinds: ['edit'], chat: 'chat_1', source: '/a' };
    const inScope = { kind: 'edit', source: '/a' } as const;
    expect(strikes(planOf(1, scoped), 9, inScope)).toHaveLength(9);
    expect(strikes(planOf(1, scoped), 9, { ...inScope, kind: 'read' })).toEqual([]);
    expect(strikes(planOf(1, scoped), 9, { ...inScope, chat: 'chat_2' })).toEqual([]);
    expect(strikes(planOf(1, scoped), 9, { ...inScope, source: '/b' })).toEqual([]);
  });

  test('a fault of the protocol never strikes a source that does not count', () => {
    expect(strikes(planOf(1, { fault: 'ack_loss', probability: 1 }), 9, { isNumbered: false })).toEqual([]);
  });

  test('one fault for an event: the one that was armed first', () => {
    const plan = planOf(1, { fault: 'drop', probability: 1 }, { fault: 'delay', probability: 1 });
    expect(plan.decide(place(0))?.armed.fault.name).toBe('drop');
    expect(plan.disarm('fault-1')).toBe(true);
    expect(plan.disarm('fault-1')).toBe(false);
    expect(plan.decide(place(1))?.armed.fault.name).toBe('delay');
  });

  test('what a request arms counts from then, whatever the plan says', () => {
    const plan = new FaultPlan(1);
    plan.arm(armingSchema.parse({ fault: 'drop', probability: 1, to: 1 }), 1_001_000);
    const once = new FaultPlan(1);
    once.arm(armingSchema.parse({ fault: 'drop' }), 1_001_000);
    expect([strikes(once, 100), strikes(once, 100, { stream: 1 })]).toEqual([[10], []]);
    expect(strikes(plan, 100)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  });

  test('early strikes connections, not events', () => {
    const plan = planOf(1, { fault: 'early' });
    expect(strikes(plan, 9)).toEqual([]);
    expect(plan.decideOpening(1, { source: '/', nowMs: 0 })).toHaveLength(1);
  });
});

test('no more than a hundred are armed, and none with settings that it does not take', () => {
  const plan = planOf(1, ...Array.from({ length: 100 }, () => ({ fault: 'drop' })));
  const refused = expect.objectContaining({ code: 'PMC_CHAOS_FAULT_INVALID' });
  expect(() => plan.arm(armingSchema.parse({ fault: 'drop' }))).toThrow(refused);
  expect(() => planOf(1, { fault: 'delay', options: { byMs: -1 } })).toThrow(refused);
});

test.for<[object, string]>([
  [{ fault: 'nope' }, 'must be one of: drop,'],
  [{ fault: 'drop', probability: 1.5 }, 'probability'],
  [{ fault: 'drop', probability: 1, every: 2 }, 'only one of'],
  [{ fault: 'drop', from: 5, to: 5 }, 'must be after'],
  [{ fault: 'drop', from: 5, to: 9, at: [4] }, 'outside the window'],
  [{ fault: 'drop', source: 'source-1' }, 'path of a source'],
  [{ fault: 'drop', chance: 1 }, 'chance'],
])('%j is refused: %s', ([arming, problem]) => {
  expect(armingSchema.safeParse(arming).error?.message).toContain(problem);
});

test('faults are exchanged for others as a whole or not at all', () => {
  const plan = planOf(1, ...Array.from({ length: 99 }, () => ({ fault: 'drop' })));
  const parse = (fault: string, options = {}) => armingSchema.parse({ fault, options });
  const before = plan.armed.map(({ id }) => id);
  const old = before.slice(0, 1);
  for (const wanted of [
    [parse('drop'), parse('drop', { nonsense: 1 })],
    Array.from({ length: 3 }, () => parse('drop')),
  ]) {
    expect(() => plan.exchange(old, wanted)).toThrow(expect.objectContaining({ code: 'PMC_CHAOS_FAULT_INVALID' }));
    expect(plan.armed.map(({ id }) => id)).toEqual(before);
  }
  const fresh = plan.exchange(old, [parse('stall'), parse('flap')]);
  expect(fresh.map(({ fault }) => fault.name)).toEqual(['stall', 'flap']);
  expect(plan.armed.map(({ id }) => id)).toEqual([...before.slice(1), ...fresh.map(({ id }) => id)]);
});
