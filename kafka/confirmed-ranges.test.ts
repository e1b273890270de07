import { expect, test } from 'vitest';
import { confirmedRanges } from './confirmed-ranges.ts';
import type { RangeEntry, RangeReader } from './log.ts';
import { offsetOf } from './offsets.ts';

const AT = { topic: 't', partition: 0 };

/** A reader that has only some offsets, in answers of so many of them, and notes what it was asked for. */
function readerOf(offsets: readonly number[], answerMax = 100) {
  const asked: string[] = [];
  const reader: RangeReader = {
    async *read(_from, lower, upper) {
      asked.push(`${lower}-${upper}`);
      const wanted = offsets.map(BigInt).filter((offset) => offset >= lower && offset < upper);
      for (let from = 0; from < wanted.length; from += answerMax) {
        yield await Promise.resolve(wanted.slice(from, from + answerMax).map(entryAt));
      }
    },
    stop: () => Promise.resolve(),
  };
  return { reader, asked };
}

function entryAt(offset: bigint): RangeEntry {
  const record = { ...AT, offset, timestampMs: 0, key: null, value: null, headers: {} };
  return offset % 10n === 0n ? { kind: 'control', offset } : { kind: 'record', record, leaderEpoch: 0 };
}

async function offsetsOf(reader: RangeReader, lower: number, upper: number): Promise<readonly number[]> {
  const found: number[] = [];
  for await (const entries of reader.read(AT, BigInt(lower), BigInt(upper))) {
    found.push(...entries.map((entry) => Number(offsetOf(entry))));
  }
  return found;
}

const upTo = (end: number) => Array.from({ length: end }, (_, offset) => offset);

test('nobody else is asked where nothing is left out', async () => {
  const [first, other] = [readerOf(upTo(50), 7), readerOf([])];
  expect(await offsetsOf(confirmedRanges({ first: first.reader, other: other.reader }), 3, 47)).toEqual(
    upTo(47).slice(3),
  );
  expect(other.asked).toEqual([]);
});

test.each([1, 7, 100])(
  'what one client leaves out comes from the other, in order, in answers of %i',
  async (answerMax) => {
    const leftOut = new Set([0, 1, 9, 13, 14, 15, 33, 48, 49]);
    const filled: number[] = [];
    const first = readerOf(
      upTo(50).filter((offset) => !leftOut.has(offset)),
      answerMax,
    );
    const ranges = confirmedRanges({
      ...{ first: first.reader, other: readerOf(upTo(60), answerMax).reader },
      onFilled: (_at, found) => filled.push(...found.map((entry) => Number(offsetOf(entry)))),
    });
    expect(await offsetsOf(ranges, 0, 50)).toEqual(upTo(50));
    expect(filled).toEqual([...leftOut]);
  },
);

test('what both leave out stays out, and is asked for once', async () => {
  const there = upTo(30).filter((offset) => offset !== 12 && offset !== 25);
  const [first, other] = [readerOf(there), readerOf(there)];
  const ranges = confirmedRanges({ first: first.reader, other: other.reader });
  for (const _look of [1, 2]) expect(await offsetsOf(ranges, 0, 30)).toEqual(there);
  expect(other.asked).toEqual(['12-26']);
});

test('a client that cannot look is no client that found nothing', async () => {
  const other: RangeReader = {
    read: () => {
      throw new Error('broker away');
    },
    stop: () => Promise.resolve(),
  };
  await expect(offsetsOf(confirmedRanges({ first: readerOf([0, 2]).reader, other }), 0, 3)).rejects.toThrow(
    'broker away',
  );
});
