import { expect, test } from 'vitest';
import type { PartitionEnds } from '../../kafka/log.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { PmcError } from '../../service/errors.ts';
import { outgoingEnds } from './outgoing-ends.ts';

const END: PartitionEnds = { logStart: 1n, lastStable: 9n, highWatermark: 9n };

/** A log whose partitions have these leaders; -1 is none. */
function logOf(...leaders: readonly number[]) {
  const asked: (readonly number[])[] = [];
  const partitions = leaders.map((leader, partition) => ({
    partition,
    leader,
    leaderEpoch: 0,
    replicas: 1,
    inSync: 1,
  }));
  return {
    asked,
    topics: () => Promise.resolve([{ topic: TOPIC.outgoing, incarnation: 'id', partitions }]),
    ends: (_topic: string, only: readonly number[] = []): Promise<ReadonlyMap<number, PartitionEnds>> => {
      asked.push(only);
      const without = only.some((partition) => leaders[partition] === -1);
      if (without) return Promise.reject(new PmcError('PMC_KAFKA_UNREACHABLE', 'no leader'));
      return Promise.resolve(new Map(only.map((partition) => [partition, END])));
    },
  };
}

test('only what is asked for need have a leader', async () => {
  const log = logOf(-1, 1, 1);
  expect([...(await outgoingEnds(log, [1])).keys()]).toEqual([1]);
  expect(log.asked).toEqual([[1]]);
});

test('a partition without a leader is left out, and the others are told', async () => {
  expect(await outgoingEnds(logOf(-1, 1, 1, -1), [0, 1, 2, 3])).toEqual(
    new Map([
      [1, END],
      [2, END],
    ]),
  );
  expect(await outgoingEnds(logOf(-1, 1), [0])).toEqual(new Map());
});

test('a log that does not answer is away', async () => {
  const away = (): Promise<never> => Promise.reject(new PmcError('PMC_KAFKA_UNREACHABLE', 'away'));
  await expect(outgoingEnds({ ...logOf(1, 1), ends: away }, [0])).rejects.toThrow('away');
  await expect(outgoingEnds({ topics: away, ends: away }, [0])).rejects.toThrow('away');
});
