// Keeps the anchors in audit.anchors, and reads the two records again that each of them remembers. Two auditors may do so at
// the same time: an anchor only ever moves on within one incarnation.
import type {
  LogAdmin,
  PartitionEnds,
  RangeEntry,
  RangeReader,
  TopicDescription,
  TopicPartition,
} from '../../kafka/log.ts';
import type { Pool } from '../../service/database.ts';
import { type Anchor, type AnchorPoint, isReplaceable, judgeAnchor } from './anchors.ts';
import { bookFindings, unbooked } from './audit-store.ts';
import { recordHash } from './digest.ts';
import { mustBeSame } from './same-topic.ts';
import type { Finding } from './verdict.ts';

interface Tools {
  readonly admin: LogAdmin;
  readonly ranges: Pick<RangeReader, 'read'>;
  readonly pool: Pool;
}

export interface Described {
  /** Of the report that the findings are told in. */
  readonly runId: string;
  readonly clusterId: string;
  readonly topic: TopicDescription;
  readonly nowMs: number;
}

/** Compares the partitions of a topic with what is remembered of them. Remembers nothing itself. */
export async function checkAnchors(tools: Tools, { clusterId, topic, nowMs }: Described): Promise<readonly Finding[]> {
  const anchors = await loadAnchors(tools.pool, topic.topic);
  if (anchors.length === 0) return [];
  const [ends, settings] = await Promise.all([tools.admin.ends(topic.topic), tools.admin.topicSettings(topic.topic)]);
  const findings: Finding[] = [];
  for (const anchor of anchors) {
    const leaderEpoch = topic.partitions.find(({ partition }) => partition === anchor.partition)?.leaderEpoch ?? -1;
    const at = ends.get(anchor.partition) ?? { logStart: 0n, lastStable: 0n, highWatermark: 0n };
    const isSame = anchor.clusterId === clusterId && anchor.incarnation === topic.incarnation;
    const [early, last] = isSame
      ? [
          await hashAt(tools.ranges, anchor, anchor.early.offset, at),
          await hashAt(tools.ranges, anchor, anchor.last.offset, at),
        ]
      : [undefined, undefined];
    const isExpiryDue = nowMs - anchor.checkedAtMs > Number(settings['retention.ms'] ?? Number.NaN);
    const { incarnation } = topic;
    findings.push(...judgeAnchor(anchor, { clusterId, incarnation, leaderEpoch, ends: at, early, last, isExpiryDue }));
  }
  return findings;
}

/** Where an audit stands in a partition after it has judged everything below `auditedTo`. */
export interface Standing {
  readonly partition: number;
  readonly auditedTo: bigint;
  readonly ends: PartitionEnds;
}

/**
 * Books what the anchors told, and moves them on; not as long as the audit is on the wrong cluster. `looked`: what the looks at the rows
 * found. What it did not judge is booked here, for nobody comes to it again; over what it found lost an anchor moves once that is on the
 * books, which are all that is left to tell of it when the log has forgotten it.
 */
export async function moveAnchors(
  tools: Tools,
  { runId, clusterId, topic, nowMs }: Described,
  standings: readonly Standing[],
  findings: readonly Finding[],
  looked: readonly Finding[] = [],
): Promise<void> {
  if (!isReplaceable(findings)) return;
  await mustBeSame(tools.admin, topic);
  const expired = looked.filter(({ kind }) => kind === 'expired-unaudited');
  // First: an anchor that has moved does not tell it again to whoever comes after a crash.
  await bookFindings(tools.pool, [...findings, ...expired], { runId, at: new Date(nowMs) });
  const known = new Map((await loadAnchors(tools.pool, topic.topic)).map((anchor) => [anchor.partition, anchor]));
  const untold = await unbooked(
    tools.pool,
    looked.filter(({ kind }) => kind === 'missing' || kind === 'hole'),
  );
  for (const { partition, auditedTo, ends } of standings) {
    if (untold.some((one) => one.partition === partition)) continue;
    const at = { topic: topic.topic, partition };
    const before = known.get(partition);
    const own = before === undefined ? [] : findings.filter((one) => isOf(one, before));
    const isSame = before?.incarnation === topic.incarnation && own.length === 0;
    // Where no record is near, or all have left the log, the one before still tells: everything up to here was judged.
    const isThere = isSame && auditedTo <= ends.lastStable;
    const judged = (await lastRecordBelow(tools.ranges, at, auditedTo, ends)) ?? (isThere ? before.last : undefined);
    // A cut that is told before anything was read anew: what is left stands there until it is, or the cut is told twice.
    const cut = judged === undefined ? own.find(({ kind }) => kind === 'truncated') : undefined;
    const last = cut === undefined ? judged : await pointAt(tools.ranges, at, ends.logStart, ends);
    if (last === undefined) continue;
    const early = isSame ? before.early : ((await pointAt(tools.ranges, at, ends.logStart, ends)) ?? last);
    const leaderEpoch = topic.partitions.find((one) => one.partition === partition)?.leaderEpoch ?? -1;
    const now = { ...at, clusterId, incarnation: topic.incarnation, early, last, leaderEpoch };
    await saveAnchor(tools.pool, { ...now, auditedTo: BigInt(cut?.from ?? auditedTo) }, nowMs, isSame);
  }
}

/** A log that was cut is another log from there on, for its anchor. */
function isOf({ kind, partition, incarnation }: Finding, anchor: Anchor): boolean {
  return kind !== 'expired-unaudited' && partition === anchor.partition && incarnation === anchor.incarnation;
}

async function hashAt(ranges: Pick<RangeReader, 'read'>, at: TopicPartition, offset: bigint, ends: PartitionEnds) {
  return (await pointAt(ranges, at, offset, ends))?.hash;
}

async function pointAt(
  ranges: Pick<RangeReader, 'read'>,
  at: TopicPartition,
  offset: bigint,
  { logStart, lastStable }: PartitionEnds,
): Promise<AnchorPoint | undefined> {
  if (offset < logStart || offset >= lastStable) return undefined;
  for await (const entries of ranges.read(at, offset, offset + 1n)) {
    const [point] = pointsOf(entries);
    if (point !== undefined) return point;
  }
  return undefined;
}

/** So far back a record is looked for. */
const STEPS = [1n, 64n, 4_096n];

/** The last record that was judged: what ends a transaction and what was aborted may lie behind it. */
async function lastRecordBelow(
  ranges: Pick<RangeReader, 'read'>,
  at: TopicPartition,
  upper: bigint,
  { logStart, lastStable }: PartitionEnds,
): Promise<AnchorPoint | undefined> {
  if (upper > lastStable) return undefined;
  for (const step of STEPS) {
    const lower = upper - step > logStart ? upper - step : logStart;
    let last: AnchorPoint | undefined;
    if (lower < upper)
      for await (const entries of ranges.read(at, lower, upper)) last = pointsOf(entries).at(-1) ?? last;
    if (last !== undefined || lower === logStart) return last;
  }
  return undefined;
}

function pointsOf(entries: readonly RangeEntry[]): readonly AnchorPoint[] {
  const records = entries.flatMap((entry) => (entry.kind === 'record' ? [entry.record] : []));
  return records.map(({ offset, value }) => ({ offset, hash: recordHash(offset, value ?? Buffer.alloc(0)) }));
}

type StoredAnchor = Anchor & { readonly checkedAtMs: number };

async function loadAnchors(pool: Pool, topic: string): Promise<readonly StoredAnchor[]> {
  const { rows } = await pool.query<
    Record<string, string> & { partition: number; leader_epoch: number; checked_at: Date }
  >('select * from audit.anchors where topic = $1 order by partition', [topic]);
  return rows.map((row): StoredAnchor => {
    const point = (name: string): AnchorPoint => {
      return { offset: BigInt(row[`${name}_offset`] ?? 0), hash: BigInt(row[`${name}_hash`] ?? 0) };
    };
    return {
      topic,
      partition: row.partition,
      clusterId: row['cluster_id'] ?? '',
      incarnation: row['incarnation'] ?? '',
      early: point('early'),
      last: point('last'),
      leaderEpoch: row.leader_epoch,
      auditedTo: BigInt(row['audited_to'] ?? 0),
      checkedAtMs: row.checked_at.getTime(),
    };
  });
}

async function saveAnchor(pool: Pool, anchor: Anchor, nowMs: number, isSame: boolean): Promise<void> {
  const { topic, partition, clusterId, incarnation, early, last, leaderEpoch, auditedTo } = anchor;
  await pool.query(
    `insert into audit.anchors as known values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     on conflict (topic, partition) do update set
       cluster_id = excluded.cluster_id, incarnation = excluded.incarnation, early_offset = excluded.early_offset,
       early_hash = excluded.early_hash, last_offset = excluded.last_offset, last_hash = excluded.last_hash,
       leader_epoch = excluded.leader_epoch, audited_to = excluded.audited_to, checked_at = excluded.checked_at
     where not $12 or known.incarnation <> excluded.incarnation or known.audited_to <= excluded.audited_to`,
    [
      ...[topic, partition, clusterId, incarnation, String(early.offset), String(early.hash)],
      ...[String(last.offset), String(last.hash), leaderEpoch, String(auditedTo), new Date(nowMs), isSame],
    ],
  );
}
