// `pmc audit run`: one bounded look at everything from the log start offset to the settled watermark, judged anew and owing
// nothing to what the running service believes. Reads the log without a group, so it disturbs nobody.
import { ulid } from 'ulid';
import type { LogAdmin, PartitionEnds, TopicDescription, TopicPartition } from '../../kafka/log.ts';
import { GROUP, TOPIC } from '../../schemas/topics.ts';
import { pause } from '../../service/backoff.ts';
import type { Clock } from '../../service/clock.ts';
import { addBalances } from './accounts.ts';
import { AUDITED_TOPICS, AuditedLog, nameOf } from './audited-log.ts';
import { type Look, lookAtPartition, type Sides, WINDOW_BUCKETS, windowsOf } from './judge-partition.ts';
import { type AuditReport, buildReport, type PartitionReport } from './report.ts';
import { settledWatermark } from './settled.ts';
import { coverageOf, unaccountedBelow } from './stored-side.ts';
import { Suspects } from './suspects.ts';
import type { Finding } from './verdict.ts';

export interface AuditTools extends Sides {
  readonly admin: LogAdmin;
  readonly clock: Clock;
}

export interface BoundedAuditOptions {
  /** Time between the two looks at a suspect. */
  readonly graceMs: number;
  readonly coverageMin: number;
  /** How long to wait for what was on the log at the call to settle; 0 judges what has settled now. */
  readonly waitMs: number;
  readonly signal?: AbortSignal;
  /** For people: what is being done. */
  readonly onProgress?: (text: string) => void;
}

const POLL_MS = 200;

export async function boundedAudit(tools: AuditTools, options: BoundedAuditOptions): Promise<AuditReport> {
  const { admin, clock } = tools;
  const startedAtMs = clock.nowMs();
  const [{ clusterId }, topics] = await Promise.all([admin.cluster(), admin.topics(AUDITED_TOPICS)]);
  const incoming = topics.find(({ topic }) => topic === TOPIC.incoming) as TopicDescription;
  const asked = await admin.ends(TOPIC.incoming);
  const audited = new AuditedLog(tools.codec);
  const logStarts = new Map<string, bigint>();
  const deadlineMs = startedAtMs + options.waitMs;
  const isSettled = await untilSettled(tools, incoming, asked, deadlineMs, options);
  const isHeard = await untilHeard(tools, audited, logStarts, startedAtMs, deadlineMs, options);
  // Checkpoints first: every end offset they name is then below the ends that are read up to.
  // An epoch is silent or not as of now: reading and comparing the rest may take longer than an epoch's silence may.
  const heardAtMs = clock.nowMs();
  for (const topic of [TOPIC.sources, TOPIC.rejected]) await readTopic(tools, audited, topic, logStarts, options);
  const settled = await settledOf(tools, incoming);
  await readTopic(tools, audited, TOPIC.incoming, logStarts, options, settled);

  const partitions: PartitionReport[] = [];
  const findings: Finding[] = [];
  // Retention may have moved on while the log was read.
  const now = await admin.ends(TOPIC.incoming);
  for (const [partition, { logStart, highWatermark }] of asked) {
    const at = { topic: TOPIC.incoming, partition, incarnation: incoming.incarnation };
    options.onProgress?.(`comparing ${nameOf(at)} with the rows`);
    const bounds = { upper: settled.get(partition) ?? logStart, logStart: now.get(partition)?.logStart ?? logStart };
    const look = await lookTwice(tools, audited, at, bounds, options);
    const from = audited.digest(partition)?.lower ?? logStart;
    const to = settled.get(partition) ?? from;
    const end = to > highWatermark ? to : highWatermark;
    partitions.push({
      ...at,
      from: Number(from),
      to: Number(to),
      end: Number(end),
      suspect: look.waiting,
      ...look.balance,
    });
    findings.push(...look.findings, ...(await expiredUnaudited(tools, at, logStart)));
  }
  const gateway = audited.gateway.judge(audited.positions, logStarts, heardAtMs);
  return buildReport({
    runId: ulid(startedAtMs),
    mode: 'run',
    startedAtMs,
    finishedAtMs: clock.nowMs(),
    clusterId,
    coverageMin: options.coverageMin,
    perPartition: partitions,
    findings: [...findings, ...gateway.findings],
    epochs: gateway.epochs,
    unreadable: audited.unreadable,
    overdue: { settling: options.waitMs > 0 && !isSettled, gateways: options.waitMs > 0 && !isHeard },
  });
}

/** What left the log before anybody had stored it: nobody can say any more what it was. */
export async function expiredUnaudited(
  { pool }: Pick<AuditTools, 'pool'>,
  { topic, partition, incarnation }: TopicPartition & { readonly incarnation: string },
  logStart: bigint,
): Promise<readonly Finding[]> {
  const detail = 'these offsets left the log before they were stored or accounted for';
  const ranges = await unaccountedBelow(pool, { incarnation, partition, upper: logStart });
  return ranges.map((range) => ({
    kind: 'expired-unaudited',
    stage: 'log-to-stored',
    topic,
    partition,
    incarnation,
    ...range,
    detail,
  }));
}

/** The settled watermark of each partition now. */
export async function settledOf(
  { admin, pool }: Pick<AuditTools, 'admin' | 'pool'>,
  incoming: TopicDescription,
): Promise<ReadonlyMap<number, bigint>> {
  const [committed, covered, ends] = await Promise.all([
    admin.committed(GROUP.persistence, TOPIC.incoming),
    coverageOf(pool, incoming.incarnation),
    admin.ends(TOPIC.incoming),
  ]);
  return new Map(
    [...ends].map(([partition, { logStart, lastStable }]) => {
      const claims = { committed: committed.get(partition), covered: covered.get(partition) };
      return [partition, settledWatermark({ logStart, lastStable, ...claims })];
    }),
  );
}

async function untilSettled(
  tools: AuditTools,
  incoming: TopicDescription,
  asked: ReadonlyMap<number, PartitionEnds>,
  deadlineMs: number,
  { signal, onProgress }: BoundedAuditOptions,
): Promise<boolean> {
  while (tools.clock.nowMs() < deadlineMs && signal?.aborted !== true) {
    const settled = await settledOf(tools, incoming);
    const open = [...asked].filter(([partition, { lastStable }]) => (settled.get(partition) ?? 0n) < lastStable);
    if (open.length === 0) return true;
    onProgress?.(`waiting for ${open.length} partitions to settle`);
    await pause(POLL_MS, signal);
  }
  return false;
}

/** Waits for a checkpoint of every living gateway from after the call, or for its silence to tell that it is dead. */
async function untilHeard(
  tools: AuditTools,
  audited: AuditedLog,
  logStarts: Map<string, bigint>,
  sinceMs: number,
  deadlineMs: number,
  options: BoundedAuditOptions,
): Promise<boolean> {
  while (tools.clock.nowMs() < deadlineMs && options.signal?.aborted !== true) {
    await readTopic(tools, audited, TOPIC.sources, logStarts, options);
    if (audited.gateway.heardSince(sinceMs, tools.clock.nowMs())) return true;
    options.onProgress?.('waiting for a word of every gateway');
    await pause(POLL_MS, options.signal);
  }
  return false;
}

/** Reads a topic from where it was read to before (at first from its log start) up to its end now. */
async function readTopic(
  tools: AuditTools,
  audited: AuditedLog,
  topic: string,
  logStarts: Map<string, bigint>,
  { signal, onProgress }: BoundedAuditOptions,
  settled?: ReadonlyMap<number, bigint>,
): Promise<void> {
  for (const [partition, { logStart, lastStable }] of await tools.admin.ends(topic)) {
    const at: TopicPartition = { topic, partition };
    onProgress?.(`reading ${nameOf(at)}`);
    if (!audited.positions.has(nameOf(at))) {
      audited.begin(at, logStart);
      logStarts.set(nameOf(at), logStart);
    }
    const digestUpper = settled?.get(partition);
    for await (const entries of tools.ranges.read(at, audited.position(at), lastStable, signal)) {
      const last = entries.at(-1);
      if (last === undefined) continue;
      const reached = (last.kind === 'record' ? last.record.offset : last.offset) + 1n;
      await audited.take(at, entries, reached, digestUpper);
    }
    await audited.take(at, [], lastStable, digestUpper);
  }
}

/** First look, and a second one after the grace period when there are suspects. */
async function lookTwice(
  tools: AuditTools,
  audited: AuditedLog,
  at: TopicPartition & { readonly incarnation: string },
  { upper, logStart }: { readonly upper: bigint; readonly logStart: bigint },
  { graceMs, signal }: BoundedAuditOptions,
): Promise<Look> {
  const suspects = new Suspects();
  const digests = audited.digest(at.partition)?.upTo(upper) ?? [];
  const looks: Look[] = [];
  for (const window of windowsOf(digests, WINDOW_BUCKETS)) {
    const options = { graceMs, suspects, logStart, ...(signal === undefined ? {} : { signal }) };
    let look = await lookAtPartition(tools, at, window, { ...options, nowMs: tools.clock.nowMs() });
    if (look.waiting > 0) {
      await pause(graceMs, signal);
      look = await lookAtPartition(tools, at, window, { ...options, nowMs: tools.clock.nowMs() });
    }
    looks.push(look);
  }
  return {
    balance: addBalances(looks.map(({ balance }) => balance)),
    findings: looks.flatMap(({ findings }) => findings),
    waiting: looks.reduce((sum, { waiting }) => sum + waiting, 0),
  };
}
