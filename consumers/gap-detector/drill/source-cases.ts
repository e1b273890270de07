// Faults between a source that counts its events and the gateway; each has a stream of its own. Pure.
import type { IncomingEvent } from '../../../schemas/generated.ts';
import { at, type FaultCase, type Gateway } from './fault-case.ts';
import { CUT_PARTITION, DRILL_SOURCE, type DrillPlanner, type Expected } from './plan.ts';

/** Received long enough ago to be judged. */
const RIPE_MS = 120_000;
const STREAM_EPOCH = 'drill-epoch';

/**
 * Events of one stream, with whatever numbers, one after the other in one partition; the first is where the log has been cut, or nobody
 * could say that none lay there before it.
 */
function send(
  planner: DrillPlanner,
  gateway: Gateway,
  stream: string,
  numbers: readonly number[],
  receivedAt = planner.nowMs - RIPE_MS,
) {
  const shared = planner.anyPartition();
  return numbers.map((seq, index) => {
    const partition = index === 0 ? CUT_PARTITION : shared;
    const row = planner.append(gateway.frame({ stream, streamEpoch: STREAM_EPOCH, seq, receivedAt }), { partition });
    planner.store(row);
    return row;
  });
}

function expected(
  kind: Expected['kind'],
  stream: string,
  from: number,
  offset?: { partition: number; offset: number },
): Expected {
  const place = offset === undefined ? {} : { partition: offset.partition, offset: offset.offset };
  const of = { source: DRILL_SOURCE, stream, streamEpoch: STREAM_EPOCH };
  return { kind, stage: 'source-to-gateway', ...of, ...place, from, to: from };
}

export const SOURCE_CASES: readonly FaultCase[] = [
  {
    name: 'a number of the source never arrived',
    stage: 'source-to-gateway',
    fault: 'loss',
    plant: (planner, gateway) => {
      send(planner, gateway, 'lossy', [1, 2, 4, 5]);
      return [expected('source-gap', 'lossy', 3)];
    },
  },
  {
    name: 'the source sent a number twice',
    stage: 'source-to-gateway',
    fault: 'duplicate',
    plant: (planner, gateway) => {
      const [first, second] = send(planner, gateway, 'repeating', [1, 2]);
      if (first === undefined || second === undefined) return [];
      const again: IncomingEvent = { ...first.event, ingestSeq: gateway.frame().ingestSeq };
      const row = planner.append(again, { partition: first.partition });
      planner.duplicates.push({ ...row, first });
      planner.accounts.duplicateOf += 1;
      return [expected('duplicate', 'repeating', 1, row), at('duplicate', row)];
    },
  },
  {
    name: 'the source sent two numbers in the wrong order',
    stage: 'source-to-gateway',
    fault: 'reorder',
    plant: (planner, gateway) => {
      const rows = send(planner, gateway, 'hasty', [1, 3, 2, 4]);
      return [expected('reordered', 'hasty', 2, rows[2])];
    },
  },
  {
    name: 'a number is late, and may still come',
    stage: 'source-to-gateway',
    fault: 'none',
    plant: (planner, gateway) => {
      send(planner, gateway, 'young', [1, 2, 4], planner.nowMs);
      return [];
    },
  },
];
