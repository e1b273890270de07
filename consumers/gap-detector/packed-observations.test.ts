import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Observed } from './log-side.ts';
import { buffersOf, packObserved, unpackObserved } from './packed-observations.ts';

const offset = fc.bigInt({ min: 0n, max: 2n ** 62n });
const name = fc.oneof(fc.constantFrom('', 'a', 'b'), fc.string({ unit: 'binary' }));
const whole = fc.maxSafeInteger();

const envelope = fc.record({
  ...{ gatewayEpoch: name, source: name, stream: fc.option(name), streamEpoch: fc.option(name) },
  ...{ ingestSeq: whole, receivedAt: whole, seq: fc.option(whole) },
});
const leaderEpoch = fc.integer({ min: -1, max: 2 ** 31 - 1 });
const short = fc.nat({ max: 2 ** 48 - 1 });
const observed: fc.Arbitrary<Observed> = fc.oneof(
  fc.record({ offset, leaderEpoch }).map(({ offset: at, ...rest }): Observed => {
    return { entry: { kind: 'other', offset: at }, envelope: undefined, altered: undefined, ...rest };
  }),
  fc
    .record({
      offset,
      hash: short,
      columns: short,
      leaderEpoch,
      envelope,
      id: fc.option(fc.option(name), { nil: undefined }),
    })
    .map(({ id, envelope: found, leaderEpoch: epoch, ...rest }): Observed => {
      const altered = id === undefined ? undefined : { id };
      return { entry: { kind: 'record', ...rest }, leaderEpoch: epoch, envelope: found, altered };
    }),
);

test('what was observed comes out as it went in', () => {
  fc.assert(
    fc.property(fc.array(observed, { maxLength: 30 }), (all) => {
      expect(unpackObserved(structuredClone(packObserved(all)))).toEqual(all);
    }),
  );
});

test('the buffers are handed over, not copied', () => {
  const packed = packObserved([]);
  const buffers = buffersOf(packed);
  expect(buffers).toHaveLength(Object.keys(packed).length - 1);
  structuredClone(packed, { transfer: [...buffers] });
  expect(buffers.every(({ detached }) => detached)).toBe(true);
});
