import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PartitionEnds } from '../../kafka/log.ts';
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Vector } from './cursor.ts';
import { positionOf, resumedPosition, withinLog } from './start-position.ts';

const LOG = 'log-1';
const noEnds = (): Promise<never> => expect.fail('nobody need ask the log');

function endsOf(starts: Vector, ends: Vector): ReadonlyMap<number, PartitionEnds> {
  return new Map(
    [...ends].map(([partition, end]) => [
      partition,
      { logStart: starts.get(partition) ?? 0n, lastStable: end, highWatermark: end },
    ]),
  );
}

const offset = fc.bigInt({ min: 0n, max: 50n });
/** Of each partition where its log begins, where it ends, where the peer stands in it, if it has heard of it, and whether it is led. */
const partitions = fc.array(fc.tuple(offset, offset, fc.option(offset, { nil: undefined }), fc.boolean()), {
  minLength: 1,
  maxLength: 5,
});

describe('where a peer begins', () => {
  test('is its position, as near to it as the log goes, and the beginning of what it has not heard of; what is not to be had is told. Where nobody can say how far the log goes it is no later', async () => {
    await fc.assert(
      fc.asyncProperty(partitions, fc.boolean(), async (all, isSaved) => {
        const starts = new Map(all.map(([start], partition) => [partition, start]));
        const now = new Map(all.map(([start, length], partition) => [partition, start + length]));
        const wanted = new Map(all.flatMap(([, , next], partition) => (next === undefined ? [] : [[partition, next]])));
        const isLed = (partition: number): boolean => all[partition]?.[3] === true;
        const ends = (only: readonly number[]): Promise<ReadonlyMap<number, PartitionEnds>> => {
          expect(only.filter((partition) => wanted.get(partition) === now.get(partition))).toEqual([]);
          const asked = [...now].filter(([partition]) => only.includes(partition) && isLed(partition));
          return Promise.resolve(endsOf(starts, new Map(asked)));
        };
        const resume = { log_epoch: LOG, pos: positionOf(wanted) };
        const found = isSaved ? await withinLog(wanted, now, ends) : await resumedPosition(resume, now, LOG, ends);
        let isLost = false;
        for (const [partition, end] of now) {
          const first = starts.get(partition) as bigint;
          const next = wanted.get(partition);
          if (!isLed(partition)) {
            expect(found.start.get(partition)).toBe(next === undefined ? 0n : next > end ? end : next);
            continue;
          }
          const isOff = next !== undefined && (next < first || next > end);
          isLost ||= isOff;
          const nearest = next !== undefined && next > end ? end : first;
          expect(found.start.get(partition)).toBe(next === undefined || isOff ? nearest : next);
        }
        expect(found.lost !== undefined).toBe(isLost);
      }),
    );
  });

  test('is now where it stands there, and in another log', async () => {
    const now = new Map([[0, 7n]]);
    const pos = positionOf(now);
    expect(await resumedPosition({ log_epoch: LOG, pos }, now, LOG, noEnds)).toEqual({ start: now });
    const other = await resumedPosition({ log_epoch: 'log-0', pos: positionOf(new Map([[0, 3n]])) }, now, LOG, noEnds);
    expect(other).toEqual({ start: now, lost: 'the position is of another log' });
  });

  test('is told to be lost where too much was added', async () => {
    const most = BigInt(PROTOCOL_LIMITS.resume);
    const pos = { [`${TOPIC.outgoing}/0`]: 7 };
    for (const [end, lost] of [
      [most, undefined],
      [most + 1n, `more than ${PROTOCOL_LIMITS.resume} records behind`],
    ] as const) {
      const now = new Map([[0, 7n]]).set(1, end);
      const ends = (): Promise<ReadonlyMap<number, PartitionEnds>> => Promise.resolve(endsOf(new Map(), now));
      expect((await resumedPosition({ log_epoch: LOG, pos }, now, LOG, ends)).lost).toBe(lost);
    }
  });
});
