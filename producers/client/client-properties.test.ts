// A client against a model gateway over a link that breaks, with a store that crashes: whatever happens, in whatever order, each
// event is on the log, its caller is told once, and each dispatch is handled.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { World } from './world.testing.ts';

const few = fc.integer({ min: 1, max: 6 });

/** What can happen; each takes the world one step on. */
const STEPS = {
  offer: few.map((count) => (world: World) => {
    for (let index = 0; index < count; index++) world.offer();
  }),
  store: fc.constant((world: World) => world.store1()),
  up: few.map((count) => (world: World) => world.up(count)),
  down: few.map((count) => (world: World) => world.down(count)),
  wait: fc.constant((world: World) => world.wait()),
  cut: fc.constant((world: World) => world.cut()),
  ask: fc.tuple(few, few).map(
    ([from, more]) =>
      (world: World) =>
        world.gateway.ask(from, more),
  ),
  refuse: few.map((count) => (world: World) => {
    world.gateway.refusals += count;
  }),
  /** Partitions that answer later than the others. */
  hold: few.map((count) => (world: World) => {
    world.gateway.holds += count;
  }),
  release: fc.constant((world: World) => world.gateway.release()),
  dispatch: few.map((count) => (world: World) => {
    for (let index = 0; index < count; index++) world.gateway.dispatch(`r${world.gateway.dispatches.length}`);
  }),
  /** A record of the outgoing log that is there twice. */
  repeat: fc.constant((world: World) => {
    const id = world.gateway.dispatches.at(-1);
    if (id !== undefined) world.gateway.dispatch(id);
  }),
} as const;

const FAULTS = {
  forget: few.map((by) => (world: World) => {
    world.gateway.forget(by);
    world.cut();
  }),
  leap: fc.constant((world: World) => {
    world.gateway.leap(1_000);
    world.cut();
  }),
  crash: fc.boolean().map((isLastBatchDurable) => (world: World) => world.crash({ isLastBatchDurable })),
} as const;

type Step = (world: World) => void;

function run(steps: readonly Step[]): World {
  const world = new World();
  for (const step of steps) step(world);
  world.settle();
  // One more, so that the gateway asks for whatever it has not got below it.
  world.offer();
  world.settle();
  return world;
}

const idsOnLog = (world: World) => [...new Set(world.gateway.log.map(({ id }) => id))];
const unique = <T>(list: readonly T[]) => [...new Set(list)];

describe('whatever the link does', () => {
  const { refuse: _, hold: __, ...inOrder } = STEPS;

  test('every event is acknowledged once, in order, and on the log once but for copies of its own number', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...Object.values(STEPS)), { maxLength: 120, size: 'max' }), (steps) => {
        const world = run(steps);
        const tickets = world.offered.map(({ ticket }) => ticket);
        expect(world.told).toHaveLength(1);
        expect(world.told[0]?.map(({ ticket }) => ticket)).toEqual(tickets);
        expect(world.told[0]?.every(({ ok }) => ok)).toBe(true);
        expect(idsOnLog(world).sort()).toEqual(world.offered.map(({ id }) => id).sort());
        // This gateway knows what it has: nothing is there twice.
        expect(world.gateway.log).toHaveLength(world.offered.length);
        expect(world.gateway.lost).toEqual([]);
        for (const outcome of world.told[0] ?? []) {
          const { seq, id } = outcome;
          const offset = outcome.ok ? outcome.at?.offset : undefined;
          expect([seq, world.gateway.log[offset ?? -1]]).toMatchObject([seq, { seq, id }]);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('events arrive in the order in which they were sent', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...Object.values(inOrder)), { maxLength: 120, size: 'max' }), (steps) => {
        const seqs = run(steps).gateway.log.map(({ seq }) => seq);
        expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
      }),
      { numRuns: 300 },
    );
  });

  test('every dispatch is handled once, in order, and its acknowledgement arrives', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...Object.values(STEPS)), { maxLength: 120, size: 'max' }), (steps) => {
        const { handled, gateway } = run(steps);
        expect(handled).toEqual(unique(gateway.dispatches));
        expect([...gateway.acknowledged].sort()).toEqual(unique(gateway.dispatches).sort());
      }),
      { numRuns: 300 },
    );
  });
});

describe('whatever crashes on either side', () => {
  const anything = fc.array(fc.oneof(...Object.values({ ...STEPS, ...FAULTS })), { maxLength: 150, size: 'max' });

  test('what was told as acknowledged, and what was durable, is on the log; a copy is the same text', () => {
    fc.assert(
      fc.property(anything, (steps) => {
        const world = run(steps);
        const there = new Set(idsOnLog(world));
        const told = world.told.flat();
        for (const { id, ok } of told) expect([id, ok, there.has(id)]).toEqual([id, true, true]);
        for (const text of world.everStored) {
          const { event, id } = JSON.parse(text) as { event?: unknown; id?: string };
          if (event === 'message') expect([id, there.has(id ?? '')]).toEqual([id, true]);
        }
        expect(world.gateway.lost).toEqual([]);
        const texts = new Map<string, string>();
        for (const { epoch, seq, text } of world.gateway.log) {
          const before = texts.get(`${epoch}/${seq}`);
          expect(before ?? text).toBe(text);
          texts.set(`${epoch}/${seq}`, text);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('nothing is out of reach of a gateway that forgot it, in whatever order it was acknowledged', () => {
    const talk = fc.constant((world: World) => {
      world.wait();
      world.store1();
      world.store1();
      world.up(1_000);
      world.down(1_000);
    });
    const { offer, hold, release } = STEPS;
    const outOfOrder = fc.array(fc.oneof(talk, offer, hold, release, FAULTS.forget), { maxLength: 100, size: 'max' });
    fc.assert(
      fc.property(outOfOrder, (steps) => {
        expect(run(steps).gateway.lost).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test('a caller is told at most once, in order; all callers of the last life are told', () => {
    fc.assert(
      fc.property(anything, (steps) => {
        const world = run(steps);
        world.told.forEach((told, life) => {
          const mine = world.offered.filter((one) => one.life === life).map(({ ticket }) => ticket);
          const heard = told.map(({ ticket }) => ticket).filter((ticket) => mine.includes(ticket));
          const isLast = life === world.told.length - 1;
          expect(heard).toEqual(isLast ? mine : mine.slice(0, heard.length));
        });
      }),
      { numRuns: 300 },
    );
  });

  test('no dispatch is left out; one is handled again only after a crash', () => {
    fc.assert(
      fc.property(anything, (steps) => {
        const world = run(steps);
        expect(unique(world.handled).sort()).toEqual(unique(world.gateway.dispatches).sort());
        if (world.told.length === 1) expect(world.handled).toEqual(unique(world.handled));
        expect([...world.gateway.acknowledged].sort()).toEqual(unique(world.gateway.dispatches).sort());
      }),
      { numRuns: 300 },
    );
  });
});
