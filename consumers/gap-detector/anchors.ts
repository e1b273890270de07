// What is remembered of a partition between two audits, and what has become of the log since: the same log, cut off, made again,
// another cluster, or gone on without the audit. Independent of what any client notices. Pure.
import type { PartitionEnds, TopicPartition } from '../../kafka/log.ts';
import type { Finding } from './verdict.ts';

export interface AnchorPoint {
  readonly offset: bigint;
  /** The record hash over the record's whole value. */
  readonly hash: bigint;
}

export interface Anchor extends TopicPartition {
  readonly clusterId: string;
  readonly incarnation: string;
  /** One of the first records that were on the log, and the last one that was judged. */
  readonly early: AnchorPoint;
  readonly last: AnchorPoint;
  /** The partition's at the time: it never goes back. */
  readonly leaderEpoch: number;
  /** Everything below was judged, or named as what nobody can judge. */
  readonly auditedTo: bigint;
}

/** The same partition as it is now. */
export interface Sight {
  readonly clusterId: string;
  readonly incarnation: string;
  readonly leaderEpoch: number;
  readonly ends: PartitionEnds;
  /** What is read at the anchor's two offsets by now; undefined where that offset holds no record. */
  readonly early: bigint | undefined;
  readonly last: bigint | undefined;
  /** Whether what left the log had reached the topic's retention time. */
  readonly isExpiryDue: boolean;
}

/** What is wrong with the log itself; a log that only went on gives nothing. */
export function judgeAnchor(anchor: Anchor, sight: Sight): readonly Finding[] {
  const { topic, partition } = anchor;
  const found = (kind: Finding['kind'], detail: string, range: { from?: number; to?: number } = {}): Finding => {
    return { kind, stage: 'gateway-to-log', topic, partition, incarnation: anchor.incarnation, ...range, detail };
  };
  if (anchor.clusterId !== sight.clusterId) {
    return [found('wrong-cluster', `this is cluster ${sight.clusterId}, the audit began on ${anchor.clusterId}`)];
  }
  if (anchor.incarnation !== sight.incarnation) {
    const lost = { from: 0, to: Number(anchor.last.offset) };
    return [found('recreated', `the topic was deleted and made again (its id is now ${sight.incarnation})`, lost)];
  }
  const findings: Finding[] = [];
  const { logStart, highWatermark } = sight.ends;
  const { early, last, auditedTo } = anchor;
  if (sight.leaderEpoch < anchor.leaderEpoch) {
    const detail = `the leader epoch went back from ${anchor.leaderEpoch} to ${sight.leaderEpoch}`;
    findings.push(found('epoch-regressed', detail));
  }
  if (last.offset >= highWatermark) {
    const gone = { from: Number(highWatermark), to: Number(last.offset) };
    findings.push(found('truncated', `the log ends at ${highWatermark}, below what was read of it`, gone));
  } else if (last.offset >= logStart && sight.last !== last.hash) {
    const detail = 'another record stands where the last one was judged: the log was cut below it and written anew';
    findings.push(found('truncated', detail, { from: Number(logStart), to: Number(last.offset) }));
  } else if (early.offset >= logStart && early.offset < highWatermark && sight.early !== early.hash) {
    findings.push(found('recreated', 'another record stands where the log began', { from: Number(early.offset) }));
  }
  if (auditedTo < logStart) {
    const how = sight.isExpiryDue ? 'retention' : 'somebody, before their time (deleteRecords, or retention by size),';
    const detail = `${how} removed these offsets before the audit had judged them`;
    const gone = { from: Number(auditedTo), to: Number(logStart) - 1 };
    findings.push({ ...found('expired-unaudited', detail, gone), stage: 'log-to-stored' });
  }
  return findings;
}

/** Whether another anchor may take the place of this one: not as long as the audit looks at the wrong cluster. */
export function isReplaceable(findings: readonly Finding[]): boolean {
  return findings.every(({ kind }) => kind !== 'wrong-cluster');
}
