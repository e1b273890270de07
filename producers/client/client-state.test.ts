// What a client does when its gateway, or its handler, does something in particular. What it does whatever happens is in
// client-properties.test.ts.
import { describe, expect, test } from 'vitest';
import { PmcError } from '../../service/errors.ts';
import { joined, World } from './world.testing.ts';

const unique = <T>(list: readonly T[]) => [...new Set(list)];

/** Welcome, with a rate, and with more to say than it allows at once. */
function paced(limits: { readonly rate: number; readonly burst: number }, offers: number): World {
  const world = new World();
  world.store1();
  const welcome = { op: 'welcome', last: null, in: { recovered: true, log_epoch: 'l', pos: {} } };
  world.hear({ ...welcome, limits: { ...limits, window: 256 } });
  for (let index = 0; index < offers; index++) world.offer();
  world.store1();
  world.store1();
  return world;
}

const ops = (world: World) => world.said.map(({ op, event }) => op ?? event);
const kinds = (world: World) => world.notices.map(({ notice }) => notice);

describe('a gateway that', () => {
  test('refuses an event for good: its caller is told the code, the others go on', () => {
    const world = joined();
    world.offer();
    world.offer();
    world.store1();
    const epoch = String(world.said[0]?.['epoch']);
    world.hear({ op: 'nack', epoch, seq: 1, code: 108, reason: 'too long' });
    expect(world.told[0]).toEqual([
      { ticket: 1, seq: 1, id: expect.any(String), ok: false, code: 108, reason: 'too long' },
    ]);
    world.settle();
    expect(world.told[0]?.map(({ ok }) => ok)).toEqual([false, true]);
  });

  test('warns: the event is acknowledged all the same', () => {
    const world = joined();
    world.offer();
    world.store1();
    world.hear({ op: 'nack', seq: 1, code: 116, reason: 'what is this' });
    expect([world.told[0], kinds(world).at(-1)]).toEqual([[], 'warning']);
    world.settle();
    expect(world.told[0]).toMatchObject([{ ok: true }]);
  });

  test('refuses for now: nothing is sent until the time it gave has passed', () => {
    const world = joined();
    world.offer();
    world.store1();
    world.hear({ op: 'nack', seq: 1, code: 109, reason: 'too fast', retry_after_ms: 700 });
    world.offer();
    world.store1();
    const before = world.nowMs;
    expect(ops(world)).toEqual(['message']);
    world.wait();
    expect([world.nowMs - before, ops(world)]).toEqual([700, ['message', 'message', 'message']]);
  });

  test('says again and again that its log is away: what there is room for is sent all the same, and the application is told', () => {
    const world = joined();
    const away = { op: 'error', code: 111, temporary: true, reason: 'the log does not answer', retry_after_ms: 5_000 };
    for (let round = 0; round < 3; round += 1) {
      world.hear(away);
      world.offer();
      world.store1();
    }
    expect(ops(world)).toEqual(['message', 'message', 'message']);
    expect(kinds(world).filter((kind) => kind === 'gateway-error')).toHaveLength(3);
    expect(world.client.status.phase).toBe('live');
  });

  test('complains that too much came: nothing is sent until the time it gave has passed', () => {
    const world = joined();
    world.hear({ op: 'error', code: 109, temporary: true, reason: 'too fast', ref: 'credit', retry_after_ms: 700 });
    world.offer();
    world.store1();
    const before = world.nowMs;
    expect(ops(world)).toEqual([]);
    world.wait();
    expect([world.nowMs - before, ops(world)]).toEqual([700, ['message']]);
  });

  test('asks for a sign of life: it gets back what it brought, but nothing that no pong may hold', () => {
    const world = joined();
    for (const t of [7.5, 'x', null, { a: 1 }]) world.hear({ op: 'ping', t });
    expect(world.said.filter(({ op }) => op === 'pong')).toEqual([
      ...[7.5, 'x', null].map((t) => ({ op: 'pong', t })),
      { op: 'pong' },
    ]);
  });

  test('has a rate: events are spread out before it has to refuse them', () => {
    const world = paced({ rate: 10, burst: 10 }, 20);
    const sent = () => ops(world).filter((op) => op === 'message').length;
    expect(sent()).toBe(9);
    const startMs = world.nowMs;
    for (; sent() < 20 && world.nowMs < startMs + 10_000; ) world.wait();
    expect(world.nowMs - startMs).toBeGreaterThanOrEqual(1_000);
    expect(world.nowMs - startMs).toBeLessThan(1_200);
  });

  test('asks for what was acknowledged long ago: that is said to be gone', () => {
    const world = joined(3);
    world.settle();
    const epoch = String(world.gateway.hellos[0]?.['epoch']);
    world.hear({ op: 'resend', epoch, from: 2, to: 9 });
    expect(world.said).toMatchObject([
      { op: 'unavailable', epoch, from: 2, to: 3 },
      { op: 'unavailable', epoch, from: 4, to: 9 },
    ]);
  });

  test('drains: nothing new is sent, and the client comes back when it was told to', () => {
    const world = joined();
    world.hear({ op: 'drain', reconnect_ms: 4_000 });
    world.offer();
    world.store1();
    expect(ops(world)).toEqual([]);
    const before = world.nowMs;
    world.cut(4_001);
    world.wait();
    expect(world.nowMs - before).toBeGreaterThanOrEqual(4_000);
    expect(world.nowMs - before).toBeLessThan(5_000);
    world.settle();
    expect(world.told[0]).toMatchObject([{ ok: true }]);
  });

  test('says nothing for a minute: it is asked, and then the connection is made anew', () => {
    const world = joined();
    const before = world.nowMs;
    for (let index = 0; index < 10 && !kinds(world).includes('disconnected'); index++) world.wait();
    expect(kinds(world)).toContain('disconnected');
    expect(world.nowMs - before).toBeGreaterThanOrEqual(60_000);
    expect(world.nowMs - before).toBeLessThan(90_000);
  });

  test.for([4_501, 4_502, 4_503, 4_504, 4_999, 1_009])('closes with %i: nobody comes back', (code) => {
    const world = joined();
    world.cut(code);
    expect(world.ended?.code).toBe([4_501, 4_502].includes(code) ? 'PMC_CLIENT_UNAUTHORISED' : 'PMC_CLIENT_ENDED');
    expect(world.client.dueMs).toBe(Number.POSITIVE_INFINITY);
  });

  test.for([1_000, 1_001, 1_006, 1_011, 4_001, 4_002, 4_005, 4_008, 4_009, 4_499])(
    'closes with %i: it is asked again',
    (code) => {
      const world = joined();
      world.cut(code);
      expect(world.ended).toBeUndefined();
      world.wait();
      expect(ops(world)).toEqual(['hello']);
    },
  );

  const positions = [
    ['of the same log', 'model'],
    ['of another log', 'another'],
  ] as const;
  test.for(positions)(
    'cannot resume a position: that is said, and the new one, %s, is kept before anything is sent',
    ([, log_epoch]) => {
      const world = joined(1);
      world.settle();
      world.cut();
      world.offer();
      world.wait();
      const position = { log_epoch, pos: { 'out/0': 7 } };
      world.hear({
        op: 'welcome',
        last: null,
        in: { recovered: false, reason: 'it is gone', ...position },
      });
      expect(world.notices.at(-1)).toEqual({ notice: 'position-lost', reason: 'it is gone' });
      // What was on its way to the store before has the event, and not the position.
      world.store1();
      expect(ops(world)).toEqual(['hello']);
      world.store1();
      expect(JSON.parse(world.store.get('position') ?? '')).toEqual(position);
      expect(ops(world)).toEqual(['hello', 'message']);
    },
  );

  test('has numbers that were never given out here: another epoch begins, and all is sent in it', () => {
    const world = joined(2);
    world.offer();
    world.gateway.leap(10);
    world.cut();
    world.settle();
    const epochs = unique(world.gateway.hellos.map(({ epoch }) => epoch));
    expect([epochs.length, kinds(world).includes('epoch-begun')]).toEqual([2, true]);
    expect(world.gateway.log.at(-1)).toMatchObject({ epoch: epochs[1], seq: 1 });
    expect(world.told[0]).toHaveLength(3);
  });

  test('sends nonsense: it is ignored, and said', () => {
    const world = joined();
    for (const frame of [{}, { op: 'ack' }, { op: 'dance' }, { op: 'deliver', pos: 1 }]) world.hear(frame);
    expect(kinds(world).filter((kind) => kind === 'ignored-frame')).toHaveLength(4);
    expect(world.client.status.phase).toBe('live');
  });
});

describe('an ended client wakes no more', () => {
  const closed = new PmcError('PMC_CLIENT_CLOSED', 'as the test wants');

  test('with events that wait for their turn', () => {
    const world = paced({ rate: 50, burst: 100 }, 200);
    expect(world.client.dueMs).toBeLessThan(100);
    world.client.end(closed);
    expect(world.client.dueMs).toBe(Number.POSITIVE_INFINITY);
  });

  test('with a reply that is to be handled again', () => {
    const world = joined(1);
    world.settle();
    world.isHandling = false;
    world.gateway.dispatch('r1');
    world.down(1);
    world.store1();
    world.client.end(closed);
    expect(world.client.dueMs).toBe(Number.POSITIVE_INFINITY);
  });
});

test('a reply that comes again after all is done is acknowledged again, not handled', () => {
  const world = joined(1);
  world.settle();
  world.gateway.dispatch('r1');
  world.settle();
  world.gateway.acknowledged.clear();
  world.gateway.dispatch('r1');
  world.settle();
  expect([world.handled, [...world.gateway.acknowledged]]).toEqual([['r1'], ['r1']]);
});

test('a client that is refused again and again waits longer each time, up to half a minute', () => {
  const world = new World();
  const pauses: number[] = [];
  for (let index = 0; index < 9; index++) {
    world.cut();
    const before = world.nowMs;
    world.wait();
    pauses.push(world.nowMs - before);
  }
  // Three quarters of the full pause, with this jitter.
  expect(pauses).toEqual([375, 750, 1_500, 3_000, 6_000, 12_000, 22_500, 22_500, 22_500]);
});

test('a handler that falls behind stops dispatches, not events, and gets all of them in the end', () => {
  const world = joined(1);
  world.settle();
  world.isHandling = false;
  for (let round = 0; round < 8; round++) {
    for (let index = 0; index < 256; index++) world.gateway.dispatch(`d${world.gateway.dispatches.length}`);
    world.down(10_000);
    world.store1();
    world.cut();
    while (world.client.status.phase === 'resting') world.wait();
    world.up(10);
    world.down(10_000);
  }
  expect(kinds(world)).toContain('handling-behind');
  world.offer();
  world.store1();
  world.store1();
  world.up(100);
  world.down(10_000);
  expect(world.told[0]).toHaveLength(2);
  world.isHandling = true;
  world.settle();
  expect(world.handled).toEqual(world.gateway.dispatches);
});
