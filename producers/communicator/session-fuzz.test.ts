import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { TOPIC } from '../../schemas/topics.ts';
import { GRANTED, Rig } from './session.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

vi.mock('../../service/backoff.ts', () => ({ backoffMs: () => 0, pause: () => Promise.resolve() }));

const FRAMES = 100_000;
const SESSION_FRAMES = 250;

const epoch = fc.constantFrom('E1', 'E1', 'E1', 'E1', 'E1', 'E1', 'E2', 'E9', '\ud800');
const seq = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 1, max: 400 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, -1, 1.5, 2 ** 53 - 1, 2 ** 53 - 2, 2 ** 53, 1e300, '7', null, {}) },
);
const text = fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom('\u0000', '\ud800', 'x'.repeat(200), '__proto__'));
const event = fc
  .record(
    {
      event: fc.oneof(
        { weight: 8, arbitrary: fc.constantFrom('message', 'typing', 'presence', 'read', 'reaction', 'connection') },
        { weight: 1, arbitrary: fc.oneof(text, fc.constantFrom(null, 1, [])) },
      ),
      id: fc.oneof(text, fc.integer()),
      chat: text,
      sender: text,
      seq,
      epoch,
      stream: fc.constantFrom('s', 's', 's', 't', 1),
      content: fc.oneof({ weight: 30, arbitrary: text }, { weight: 1, arbitrary: fc.constant('y'.repeat(17_000)) }),
      metadata: fc.jsonValue({ maxDepth: 3 }),
    },
    { requiredKeys: ['event'] },
  )
  .map((fields) => JSON.stringify(fields));
const control = fc
  .record(
    {
      op: fc.oneof(fc.constantFrom('unavailable', 'ack', 'credit', 'ping', 'pong', 'welcome'), text),
      epoch,
      from: seq,
      to: seq,
      n: fc.oneof(fc.integer(), fc.double()),
      ids: fc.array(fc.oneof(fc.uuid(), text), { maxLength: 3 }),
      t: fc.jsonValue({ maxDepth: 2 }),
    },
    { requiredKeys: ['op'] },
  )
  .map((fields) => JSON.stringify(fields));
const hello = fc
  .record({
    op: fc.constant('hello'),
    v: fc.constant(1),
    stream: fc.constant('s'),
    epoch: fc.constantFrom('E1', 'E2', 'E3'),
  })
  .map((fields) => JSON.stringify(fields));
const bytes = fc.oneof(
  { weight: 1_500, arbitrary: event.map((one) => Buffer.from(one)) },
  { weight: 300, arbitrary: control.map((one) => Buffer.from(one)) },
  { weight: 50, arbitrary: hello.map((one) => Buffer.from(one)) },
  {
    weight: 100,
    arbitrary: fc.tuple(event, fc.nat()).map(([one, cut]) => Buffer.from(one.slice(0, cut % one.length))),
  },
  { weight: 100, arbitrary: fc.uint8Array({ maxLength: 40 }).map((one) => Buffer.from(one)) },
  { weight: 100, arbitrary: fc.json().map((one) => Buffer.from(one)) },
);
/** It ends the connection: few of all frames, and never none of them. */
const ending = Array.from({ length: 4 }, () => Buffer.from('{"op":"hello","v":1,"stream":"another","epoch":"E1"}'));
/** Making frames costs more than taking them: each run makes some, and all sessions send of them in an order of their own. */
const SOME = 8_000;
// Without the favour for the first and the last of them: one that ends its connection may be there.
const picks = fc.array(fc.tuple(fc.noBias(fc.nat({ max: SOME - 1 })), fc.nat({ max: 40 })), {
  minLength: SESSION_FRAMES,
  maxLength: SESSION_FRAMES,
  size: 'max',
});

function sumOf(values: readonly { readonly value: number }[]): number {
  return values.reduce((sum, { value }) => sum + value, 0);
}

describe('whatever a peer sends', () => {
  test('ends on the log, is rejected with a code, settled by name or refused with a close, and is in one count', async () => {
    let sent = 0;
    const fates = { incoming: 0, rejected: 0, elsewhere: 0, closed: 0, taken: 0, refused: 0, left: 0 };
    const [seed = 0] = fc.sample(fc.integer(), 1);
    const some = [...fc.sample(bytes, { numRuns: SOME - ending.length, seed }), ...ending];
    await fc.assert(
      // The seed is told with what fails.
      fc.asyncProperty(fc.constant(seed), picks, fc.constantFrom(null, null, 5), async (_seed, all, rate) => {
        const rig = await Rig.open({ fateOf: (_append, call) => (call % 7 === 5 ? 'unknown' : 'acked') });
        const taken = vi.spyOn(rig.ingest, 'receive');
        const peer = await rig.welcomed({}, { ...GRANTED, rate, burst: rate });
        let lastUpto = new Map<string, number>();
        for (const [pick, kind] of all) {
          if (kind < 2) await rig.turns();
          if (kind === 2) rig.pass(1_000, peer);
          sent += 1;
          peer.saysBytes(some[pick] ?? Buffer.alloc(0), kind === 3);
        }
        await rig.settled();
        rig.pass(2_000, peer);
        const { received, settledUpTo, inFlight } = rig.ingest.settlement;
        expect([settledUpTo, inFlight]).toEqual([received, 0]);
        const incoming = rig.incoming();
        const rejected = rig.appender.topic(TOPIC.rejected).length;
        const elsewhere = Object.values(rig.elsewhere()).reduce((sum, count) => sum + count, 0);
        expect(incoming + rejected + elsewhere).toBe(received);
        // What we write ourselves when a reply was handled has a number, and is no frame of the peer's.
        const evidence = taken.mock.calls.filter(([{ sha256 }]) => sha256 === undefined).length;
        const controls = (await rig.metrics.controlFrames.get()).values;
        const done = sumOf(controls.filter(({ labels }) => labels.outcome === 'taken'));
        const refused = sumOf(controls) - done;
        const left = sumOf((await rig.metrics.framesLeft.get()).values);
        // The first hello is of nobody's list.
        expect(received - evidence + done + refused + left).toBe(all.length + 1);
        if (peer.closedWith === undefined) expect(left).toBe(0);
        fates.taken += done;
        fates.refused += refused;
        fates.left += left;
        // What is heard has the protocol's shape, and no position goes back.
        for (const heard of peer.heard()) {
          if (heard.op !== 'ack') continue;
          expect(heard.upto).toBeGreaterThanOrEqual(lastUpto.get(heard.epoch) ?? 0);
          lastUpto = lastUpto.set(heard.epoch, heard.upto);
          for (const [, topic, partition, offset] of heard.at) {
            expect(rig.appender.log({ topic, partition })[offset]).toBeDefined();
          }
        }
        fates.incoming += incoming;
        fates.rejected += rejected;
        fates.elsewhere += elsewhere;
        if (peer.closedWith !== undefined) fates.closed += 1;
      }),
      { numRuns: FRAMES / SESSION_FRAMES, endOnFailure: true },
    );
    expect(sent).toBeGreaterThanOrEqual(FRAMES);
    // It went where it was meant to go.
    for (const count of Object.values(fates)) expect(count).toBeGreaterThan(0);
    expect(fates.incoming).toBeGreaterThan(FRAMES / 6);
  }, 300_000);
});
