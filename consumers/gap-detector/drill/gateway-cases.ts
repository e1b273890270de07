// Faults between the gateway and the log. Pure.
import { REFUSED_BY_BROKER } from '../../../schemas/settled-elsewhere.ts';
import { at, type FaultCase } from './fault-case.ts';
import type { DrillPlanner } from './plan.ts';

export const GATEWAY_CASES: readonly FaultCase[] = [
  {
    name: 'a settled frame never reached the log',
    stage: 'gateway-to-log',
    fault: 'loss',
    plant: (_planner, gateway) => {
      const { ingestSeq: from, gatewayEpoch } = gateway.frame();
      return [{ kind: 'missing', stage: 'gateway-to-log', gatewayEpoch, from, to: from }];
    },
  },
  {
    name: 'the broker refused a frame, and it was dropped',
    stage: 'gateway-to-log',
    fault: 'loss',
    plant: (planner, gateway) => {
      const { ingestSeq: from, gatewayEpoch } = gateway.frame();
      const settledElsewhere = [{ from, to: from, reason: REFUSED_BY_BROKER }];
      planner.checkpoint({ kind: 'progress', gatewayEpoch, settledUpTo: 0, received: from, settledElsewhere });
      return [{ kind: 'missing', stage: 'gateway-to-log', gatewayEpoch, from, to: from }];
    },
  },
  {
    name: 'a frame was settled elsewhere, with a reason',
    stage: 'gateway-to-log',
    fault: 'none',
    plant: (planner, gateway) => {
      const { ingestSeq: from, gatewayEpoch } = gateway.frame();
      const settledElsewhere = [{ from, to: from, reason: 'sampled' }];
      planner.checkpoint({ kind: 'progress', gatewayEpoch, settledUpTo: 0, received: from, settledElsewhere });
      return [];
    },
  },
  {
    name: 'a frame is on the log twice',
    stage: 'gateway-to-log',
    fault: 'duplicate',
    plant: (planner, gateway) => {
      const event = gateway.frame();
      const partition = planner.anyPartition();
      const first = planner.append(event, { partition });
      const again = planner.append(event, { partition });
      planner.store(first);
      planner.duplicates.push({ ...again, first });
      planner.accounts.duplicateOf += 1;
      const { gatewayEpoch, ingestSeq: from } = event;
      const frame = { partition, offset: again.offset, gatewayEpoch, from, to: from };
      return [at('duplicate', again), { kind: 'duplicate', stage: 'gateway-to-log', ...frame }];
    },
  },
  {
    name: 'the record holds another byte than was received',
    stage: 'gateway-to-log',
    fault: 'alteration',
    plant: (planner, gateway) => {
      const event = gateway.frame();
      const row = planner.append(event, { received: 'f'.repeat(64) });
      planner.store(row);
      const { gatewayEpoch, ingestSeq: from } = event;
      const frame = { partition: row.partition, offset: row.offset, gatewayEpoch, from, to: from };
      return [{ kind: 'altered', stage: 'gateway-to-log', ...frame }];
    },
  },
  {
    name: 'two frames changed places on the log',
    stage: 'gateway-to-log',
    fault: 'reorder',
    plant: (planner, gateway) => {
      const partition = planner.anyPartition();
      const [earlier, later] = [gateway.frame(), gateway.frame()];
      planner.store(planner.append(later, { partition }));
      const row = planner.append(earlier, { partition });
      planner.store(row);
      const { gatewayEpoch, ingestSeq: from } = earlier;
      const frame = { partition, offset: row.offset, gatewayEpoch, from, to: from };
      return [{ kind: 'reordered', stage: 'gateway-to-log', ...frame }];
    },
  },
];

const SILENT_FOR_MS = 120_000;
const TAIL_FRAMES = 3;
const IN_FLIGHT_MAX = 8;

/** Epochs of their own: one whose gateway died, one whose claim is about offsets that the log does not have yet. */
export function plantEpochs(planner: DrillPlanner): void {
  const atMs = planner.nowMs - SILENT_FOR_MS;
  const died = 'drill-died';
  planner.checkpoint({ kind: 'opened', gatewayEpoch: died, at: atMs });
  for (let ingestSeq = 1; ingestSeq <= TAIL_FRAMES; ingestSeq += 1)
    planner.store(planner.append(planner.event({ gatewayEpoch: died, ingestSeq, receivedAt: atMs })));
  planner.checkpoint({
    kind: 'progress',
    gatewayEpoch: died,
    at: atMs,
    settledUpTo: TAIL_FRAMES,
    received: TAIL_FRAMES,
  });
  const from = TAIL_FRAMES + 1;
  planner.cases.push({
    name: 'a gateway died with frames in flight',
    stage: 'gateway-to-log',
    fault: 'loss',
    expected: [
      { kind: 'tail-unknown', stage: 'gateway-to-log', gatewayEpoch: died, from, to: TAIL_FRAMES + IN_FLIGHT_MAX },
    ],
  });
  const ahead = 'drill-ahead';
  const ends = [{ topic: planner.topics.incoming, partition: 0, offset: planner.end(0) + 1_000_000 }];
  planner.checkpoint({ kind: 'progress', gatewayEpoch: ahead, settledUpTo: 5, received: 5, ends });
  planner.cases.push({
    name: 'a claim is about records that are not read yet',
    stage: 'gateway-to-log',
    fault: 'none',
    expected: [],
  });
}
