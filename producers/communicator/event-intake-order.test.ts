import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { Fate } from '../../kafka/scripted-appender.testing.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { GRANTED, type Peer, Rig } from './session.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

/** Ten events a second, three at once. */
const LIMITED = { ...GRANTED, rate: 10, burst: 3 };

async function onLog(rig: Rig): Promise<readonly number[]> {
  const decoded = await Promise.all(
    rig.appender.topic(TOPIC.incoming).map(({ value }) => rig.codec.decode(TOPIC.incoming, value)),
  );
  return decoded.map((one) => (one.ok ? (one.value.seq as number) : -1));
}

const nacks = (peer: Peer): readonly (readonly [number | undefined, number, number | undefined])[] =>
  peer.heardOf('nack').map(({ seq, code, retry_after_ms }) => [seq, code, retry_after_ms]);

describe('behind an event that was refused for now', () => {
  test('the later ones of its stream are refused likewise until it has come again, each with its own time', async () => {
    const rig = await Rig.open();
    const peer = await rig.welcomed({}, LIMITED);
    peer.sends(1, 2, 3, 4);
    rig.nowMs += 500;
    // There is room for these by now; they would stand before the fourth.
    peer.sends(5, 6);
    peer.say(peer.event(7, { event: 'typing', status: 'composing' }));
    await rig.settled();
    expect(nacks(peer)).toEqual([
      [4, 109, 100],
      [5, 109, 100],
      [6, 109, 200],
      [7, 109, 300],
    ]);
    expect(await onLog(rig)).toEqual([1, 2, 3]);
    peer.sends(4, 5, 6);
    peer.say(peer.event(7, { event: 'typing', status: 'composing' }));
    peer.sends(8);
    await rig.settled();
    expect(await onLog(rig)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(nacks(peer)).toEqual([[8, 109, 100]]);
    expect(rig.elsewhere()).toEqual({ 'refused-for-now': 5 });
  });

  test('they wait over a new connection too, until the source says that it has it no more', async () => {
    const rig = await Rig.open();
    const before = await rig.welcomed({}, LIMITED);
    before.sends(1, 2, 3, 4, 5);
    before.socket.closed(1006);
    const peer = await rig.welcomed({}, LIMITED);
    peer.sends(5);
    await rig.settled();
    expect(nacks(peer)).toEqual([[5, 109, expect.any(Number)]]);
    peer.say({ op: 'unavailable', epoch: 'E1', from: 4, to: 4 });
    peer.sends(5);
    await rig.settled();
    expect(await onLog(rig)).toEqual([1, 2, 3, 5]);
  });

  test('one that is missing for another reason holds nobody back', async () => {
    const rig = await Rig.open();
    const peer = await rig.welcomed();
    peer.sends(1, 3, 4);
    await rig.settled();
    expect([await onLog(rig), nacks(peer)]).toEqual([[1, 3, 4], []]);
  });

  test('of another stream, all goes by the rate alone', async () => {
    const rig = await Rig.open();
    const peer = await rig.welcomed({}, LIMITED);
    peer.sends(1, 2, 3);
    for (const more of [{}, { id: undefined }]) peer.say(peer.event(9, { stream: 'other', ...more }));
    await rig.settled();
    expect(peer.heard().filter(({ op }) => op !== 'ack')).toEqual([
      { op: 'nack', epoch: 'E1', id: 'm9', code: 109, reason: expect.any(String), retry_after_ms: 100 },
      { op: 'error', code: 109, temporary: true, reason: expect.any(String), retry_after_ms: 100, ref: 'other/9' },
    ]);
    rig.nowMs += 100;
    peer.sends(4, 6);
    await rig.settled();
    expect(nacks(peer)).toEqual([[6, 109, 100]]);
    expect(await onLog(rig)).toEqual([1, 2, 3, 4]);
  });

  test('one far behind is told to wait for half a minute at most, before which nothing is given up', async () => {
    const rig = await Rig.open();
    const peer = await rig.welcomed({}, LIMITED);
    peer.sends(1, 2, 3, 4, 5, 303, 304, 10_000);
    await rig.settled();
    expect(nacks(peer)).toEqual([
      [4, 109, 100],
      [5, 109, 200],
      [303, 109, 30_000],
      [304, 109, 30_000],
      [10_000, 109, 30_000],
    ]);
  });

  test('the others are told why it was; another body of one that is on the log is a conflict, and waits for nobody', async () => {
    const isFirst = (value: Buffer | null): boolean => value?.includes('text 1') === true;
    const rig = await Rig.open({
      fateOf: ({ records }) => (records.some(({ value }) => isFirst(value)) ? 'rejected' : 'acked'),
    });
    const peer = await rig.welcomed();
    peer.sends(1, 2);
    await rig.settled();
    peer.sends(3);
    peer.say(peer.event(2, { content: 'another' }));
    await rig.settled();
    const heard = peer.heard();
    expect(heard.filter(({ op }) => op === 'nack')).toMatchObject([
      { seq: 1, code: 100, retry_after_ms: 1_000 },
      { seq: 3, code: 100, retry_after_ms: 1_000 },
    ]);
    expect(heard.filter(({ op }) => op === 'error')).toMatchObject([
      { ref: '2', reason: expect.stringMatching(/both are kept/) },
    ]);
    expect(await onLog(rig)).toEqual([2, 2]);
  });

  test('a stream has one order, whatever is refused and however a peer comes again', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          events: fc.integer({ min: 1, max: 40 }),
          bursts: fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 6 }),
          pausesMs: fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 6 }),
          typingEvery: fc.integer({ min: 2, max: 9 }),
          breaksAt: fc.integer({ min: 0, max: 30 }),
          isOneByOne: fc.boolean(),
        }),
        async ({ events, bursts, pausesMs, typingEvery, breaksAt, isOneByOne }) => {
          const rig = await Rig.open({ fateOf: (_append, call): Fate => (call % 7 === 3 ? 'lost-ack' : 'acked') });
          let peer = await rig.welcomed({}, LIMITED);
          const text = (seq: number): object =>
            peer.event(seq, seq % typingEvery === 0 ? { event: 'typing', status: 'composing' } : {});
          const open = new Set<number>();
          /** When each that was refused may come again. */
          const due = new Map<number, number>();
          let [next, settledUpTo] = [1, 0];
          for (let round = 0; settledUpTo < events; round += 1) {
            if (round > 2_000) throw new Error(`stuck at ${settledUpTo} of ${events}`);
            if (round === breaksAt) {
              peer.socket.closed(1006);
              peer = await rig.welcomed(
                { resume: { out: { epoch: 'E1', seq: next - 1, acked: settledUpTo } } },
                LIMITED,
              );
              due.clear();
              for (const seq of [...open].sort((one, other) => one - other)) peer.say(text(seq));
            }
            const ready = [...due].filter(([, atMs]) => atMs <= rig.nowMs).map(([seq]) => seq);
            // A peer may take its time with each, or send all that it may at once.
            for (const seq of ready.sort((one, other) => one - other).slice(0, isOneByOne ? 1 : undefined)) {
              due.delete(seq);
              peer.say(text(seq));
            }
            for (let count = bursts[round % bursts.length] ?? 1; count > 0 && next <= events; count -= 1, next += 1) {
              open.add(next);
              peer.say(text(next));
            }
            await rig.settled();
            for (const frame of peer.heard()) {
              if (frame.op === 'nack' && frame.seq !== undefined) {
                due.set(frame.seq, rig.nowMs + (frame.retry_after_ms ?? 0));
              } else if (frame.op === 'ack') settledUpTo = Math.max(settledUpTo, frame.upto);
            }
            for (const seq of open) if (seq <= settledUpTo) open.delete(seq);
            rig.nowMs += pausesMs[round % pausesMs.length] ?? 0;
            rig.nowMs += 20;
            // What was left out is told, and settled, by the next one.
            rig.streams.tick();
          }
          const numbers = await onLog(rig);
          const firsts = [...new Set(numbers)];
          expect(firsts).toEqual([...firsts].sort((one, other) => one - other));
          const left = rig.elsewhere()['sampled'] ?? 0;
          expect(firsts.length + left).toBeGreaterThanOrEqual(events);
        },
      ),
      { numRuns: 60 },
    );
  }, 120_000);
});
