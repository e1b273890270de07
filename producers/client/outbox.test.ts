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
  world.hear({ op: 'welcome', last: { epoch, seq }, in: { recovered: true, log_epoch: 'model', pos: {} } });
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

/** The gateway has given it up: it moves `upto`, and a page that stood still reads that together with the refusal. */
const refusedForNow = { op: 'nack', epoch, seq: 1, code: 109, reason: 'too fast', retry_after_ms: 700 };

test('what was refused for now goes out again, though the gateway has given it up', () => {
  const world = sent(1);
  world.hear(refusedForNow);
  world.hear(ack(1));
  expect([world.told[0], seqs(world)]).toEqual([[], [1]]);
  world.wait();
  expect(seqs(world)).toEqual([1, 1]);
  world.hear(ack(1, [1, 'in', 0, 5]));
  expect(world.told[0]).toMatchObject([{ seq: 1, ok: true, at: { offset: 5 } }]);
});

test('so it does over the next connection, and what was sent behind it is settled', () => {
  const world = sent(2);
  world.hear(refusedForNow);
  cameBack(world, 2);
  world.hear({ op: 'pong', t: 0 });
  expect([world.told[0], seqs(world)]).toEqual([[], [1]]);
  world.hear(ack(2, [1, 'in', 0, 5]));
  expect(world.told[0]).toMatchObject([
    { seq: 1, ok: true, at: { offset: 5 } },
    { seq: 2, ok: true },
  ]);
});

test('so does what the gateway has asked for', () => {
  const world = sent(2);
  world.hear({ op: 'error', code: 109, temporary: true, reason: 'too fast', ref: 'credit', retry_after_ms: 700 });
  world.hear({ op: 'resend', epoch, from: 1, to: 1 });
  world.hear(ack(2, [2, 'in', 0, 5]));
  expect([world.told[0], seqs(world)]).toEqual([[], [1, 2]]);
  world.wait();
  expect(seqs(world)).toEqual([1, 2, 1]);
});

test('what was given up is no longer settled by its number alone, also where it is refused for now once more', () => {
  const world = sent(2);
  world.hear(refusedForNow);
  world.hear(ack(1));
  world.wait();
  world.hear(ack(2, [2, 'in', 1, 6]));
  world.hear(refusedForNow);
  expect(world.told[0]).toEqual([]);
  cameBack(world, 2);
  expect(seqs(world)).toEqual([1]);
  world.hear(ack(2, [1, 'in', 0, 5]));
  expect(world.told[0]).toMatchObject([
    { seq: 1, at: { offset: 5 } },
    { seq: 2, at: { offset: 6 } },
  ]);
});

test('but for what passes: its gateway may leave that out and say nothing of it', () => {
  const world = joined();
  world.offer('typing');
  world.store1();
  world.hear(refusedForNow);
  world.hear(ack(1));
  world.wait();
  expect([world.told[0], seqs(world)]).toEqual([[], [1, 1]]);
  world.hear(ack(1));
  expect(world.told[0]).toMatchObject([{ seq: 1, ok: true }]);
});
