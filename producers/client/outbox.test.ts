// Which events a client sends again, and which it has done with, when its gateway knows less of them than it was told.
import { expect, test } from 'vitest';
import { joined, type World } from './world.testing.ts';

/** The first one of a `World`. */
const epoch = 'epoch-1';
const ack = (upto: number, ...at: readonly (readonly [number, string, number, number])[]) =>
  ({ op: 'ack', epoch, upto, at }) as const;

/** On its way, and durable. */
function sent(count: number): World {
  const world = joined();
  for (let index = 0; index < count; index++) world.offer();
  world.store1();
  world.store1();
  return world;
}

/** Another connection, to a gateway that has settled everything up to `seq`. */
function cameBack(world: World, seq: number): void {
  world.cut();
  world.wait();
  world.hear({ op: 'welcome', last: { epoch, seq }, in: { recovered: true, log_epoch: 'l', pos: {} } });
}

const seqs = (world: World) => world.said.flatMap(({ seq }) => seq ?? []);
const ops = (world: World) => world.said.flatMap(({ op }) => op ?? []);

test.for([
  ['acknowledged', ack(0, [2, 'in', 1, 7]), { ok: true, at: { partition: 1, offset: 7 } }],
  ['refused', { op: 'nack', epoch, seq: 2, code: 108, reason: 'too long' }, { ok: false, code: 108 }],
] as const)(
  'what was %s before a number below it goes out again to a gateway that does not know it',
  ([, answer, outcome]) => {
    const world = sent(3);
    world.hear(answer);
    cameBack(world, 0);
    expect(seqs(world)).toEqual([1, 2, 3]);
    world.hear(ack(1, [1, 'in', 0, 1]));
    world.hear({ op: 'resend', epoch, from: 2, to: 2 });
    expect([seqs(world), ops(world)]).toEqual([[1, 2, 3, 2], ['hello']]);
    world.hear(ack(3, [3, 'in', 0, 3]));
    expect(world.told[0]).toMatchObject([
      { seq: 1, ok: true },
      { seq: 2, ...outcome },
      { seq: 3, ok: true },
    ]);
  },
);

test('what is on the log after all is told as acknowledged, though another gateway has refused it', () => {
  const world = sent(2);
  world.hear({ op: 'nack', epoch, seq: 2, code: 108, reason: 'too long' });
  cameBack(world, 0);
  world.hear(ack(2, [1, 'in', 0, 1], [2, 'in', 0, 2]));
  expect(world.told[0]).toMatchObject([{ seq: 1 }, { seq: 2, ok: true, at: { offset: 2 } }]);
});
