import type { Batch } from 'kafkajs';
import { expect, test } from 'vitest';
import type { RangeEntry, RangeReader } from '../log.ts';
import { committedOf } from './fetched.ts';

/** A call takes some 125,000 arguments. */
const MANY = 200_000;

test('a stored batch with transactions may have any number of entries', async () => {
  const entries = Array.from({ length: MANY }, (_, index): RangeEntry => ({ kind: 'aborted', offset: BigInt(index) }));
  const ranges: RangeReader = {
    async *read() {
      yield await Promise.resolve(entries);
    },
    stop: () => Promise.resolve(),
  };
  const end = { highWatermark: BigInt(MANY), lastStable: BigInt(MANY), logStart: 0n };
  const admin = { ends: () => Promise.resolve(new Map([[0, end]])) };
  const batch = {
    topic: 'pmc.sources',
    partition: 0,
    highWatermark: String(MANY),
    firstOffset: () => '0',
    lastOffset: () => String(MANY - 1),
  };
  const fetched = await committedOf(batch as unknown as Batch, { ranges, admin }, new AbortController().signal);
  expect(fetched).toMatchObject({ records: [], next: BigInt(MANY) });
});
