// Excludes: an audit that takes what its client leaves out of the log for what the log does not have, and one that believes in no
// hole at all.
import { randomUUID } from 'node:crypto';
import { expect, inject, test } from 'vitest';
import { clusterAccess } from '../../kafka/client-options.ts';
import { confirmedRanges } from '../../kafka/confirmed-ranges.ts';
import { kafkajsRangeReader } from '../../kafka/kafkajs/range-reader.ts';
import type { RangeReader } from '../../kafka/log.ts';
import { offsetOf } from '../../kafka/offsets.ts';
import { createLogger } from '../../service/logger.ts';
import { AuditedSystem } from '../support/audited-system.ts';

// Not 0: that is the checkpoint of the gateway.
const LEFT_OUT = new Set([1n, 7n, 8n, 9n, 30n, 59n]);

const openOther = (): RangeReader =>
  kafkajsRangeReader({
    ...clusterAccess({ brokers: inject('brokers') }, `test-${randomUUID()}`),
    logger: createLogger('test', 'silent'),
  });

/** A client that leaves these offsets out of every partition. */
function leaky(reader: RangeReader): RangeReader {
  return {
    async *read(...range) {
      for await (const entries of reader.read(...range))
        yield entries.filter((entry) => !LEFT_OUT.has(offsetOf(entry)));
    },
    stop: () => reader.stop(),
  };
}

test('what one client leaves out is no hole and no missing frame when the other one finds it', async () => {
  await using system = await AuditedSystem.start(2);
  await system.store(await system.append(120));
  const first = leaky(system.servers.ranges);
  const kinds = async (ranges: RangeReader) => {
    const { verdict, findings, accounts } = await system.audit(ranges);
    return { verdict, accounts, kinds: [...new Set(findings.map(({ kind, stage }) => `${kind} ${stage}`))].sort() };
  };

  // Red without the other client: rows without records, holes, and frames that the gateway is said to have lost.
  const believed = await kinds(first);
  expect(believed).toMatchObject({ verdict: 'fail', accounts: { stored: 108, residual: 12 } });
  expect(believed.kinds).toEqual(['extra log-to-stored', 'hole log-to-stored', 'missing gateway-to-log']);

  const other = openOther();
  // What nobody finds is a hole.
  const neither = confirmedRanges({ first, other: leaky(other) });
  expect((await kinds(neither)).kinds).toEqual(believed.kinds);

  expect(await kinds(confirmedRanges({ first, other }))).toMatchObject({
    verdict: 'pass',
    accounts: { settled: 120, stored: 120, residual: 0, extra: 0 },
    kinds: [],
  });

  await other.stop();
});

test('the other client reads a range as it is, ends where nothing more is, and leaves nothing behind', async () => {
  await using system = await AuditedSystem.start(1);
  const topic = system.names.incoming;
  await system.append(20);
  await system.appendTransaction(3, 'commit');
  await system.appendTransaction(2, 'abort');
  await system.append(2_000);
  const other = openOther();
  const read = async (lower: bigint, upper: bigint) => {
    const found: bigint[] = [];
    for await (const entries of other.read({ topic, partition: 0 }, lower, upper)) found.push(...entries.map(offsetOf));
    return found;
  };
  const between = (lower: number, upper: number) =>
    Array.from({ length: upper - lower }, (_, index) => BigInt(lower + index));
  expect(await read(5n, 15n)).toEqual(between(5, 15));
  expect(await read(7n, 7n)).toEqual([]);
  // Three committed and two aborted records of transactions, with what ends each.
  expect(await read(18n, 30n)).toEqual([18n, 19n, ...between(27, 30)]);
  expect(await read(0n, 2_027n)).toEqual([...between(0, 20), ...between(27, 2_027)]);
  expect(await read(2_020n, 9_999n)).toEqual(between(2_020, 2_027));
  expect((await system.servers.admin.committed('test-audit', topic)).size).toBe(0);
  await other.stop();
});

test('a range of a cluster that is away is no range without records', async () => {
  const other = kafkajsRangeReader({
    ...clusterAccess({ brokers: ['127.0.0.1:1'] }, 'test'),
    logger: createLogger('test', 'silent'),
  });
  await expect(other.read({ topic: 't', partition: 0 }, 0n, 1n)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    code: 'PMC_RANGE_UNREADABLE',
  });
}, 60_000);
