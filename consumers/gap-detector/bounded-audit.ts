// `pmc audit run`: one bounded look at everything from the log start offset to the settled watermark, judged anew and owing
// nothing to what the running service believes. Reads the log without a group, so it disturbs nobody.
import { ulid } from 'ulid';
import type { LogAdmin, PartitionEnds, TopicDescription, TopicPartition } from '../../kafka/log.ts';
import { GROUP } from '../../schemas/topics.ts';
import { pause } from '../../service/backoff.ts';
import type { Clock } from '../../service/clock.ts';
import { addBalances } from './accounts.ts';
import { checkAnchors, moveAnchors } from './anchor-check.ts';
import { openEvents } from './audit-store.ts';
import { AuditedLog, type AuditedTopics, SYSTEM_TOPICS } from './audited-log.ts';
import { rowsBeyondLog } from './beyond-log.ts';
import { danglingReferences } from './dangling-references.ts';
import { formerLog } from './findings-book.ts';
import { incomingStarts } from './judge-ledgers.ts';
import { type Look, lookAtPartition, type Sides, WINDOW_BUCKETS, windowsOf } from './judge-partition.ts';
import { OutgoingLog } from './outgoing-log.ts';
import { nameOf } from './partition-name.ts';
import { type LogTools, readIncoming, readTopic } from './read-log.ts';
import { lookAtReplies } from './reply-ledgers.ts';
import type { AuditReport, PartitionReport } from './report.ts';
import { type Rules, SOUND_RULES } from './rules.ts';
import { coverageOf, unaccountedBelow } from './stored-side.ts';
import { Suspects } from './suspects.ts';
import { loadTimeline } from './timeline-store.ts';
import type { Finding } from './verdict.ts';
import { wholeReport } from './whole-report.ts';

export interface AuditTools extends Sides, LogTools {
  readonly admin: LogAdmin;
  readonly clock: Clock;
  /** Others than the system's own in the drill. */
  readonly topics?: AuditedTopics;
  /** The topic of replies; undefined leaves the stages of replies out. */
  readonly outgoing?: string;
  /** The group of the commands service: another than the system's own in the drill. */
  readonly commandsGroup?: string;
  /** Broken ones in the drill's own tests; nothing else is ever judged by them. */
  readonly rules?: Rules;
  /** Nothing is remembered of what is audited. */
  readonly isPassing?: true;
}

export interface BoundedAuditOptions {
  /** Time between the two looks at a suspect. */
  readonly graceMs: number;
  readonly coverageMin: number;
  /** How long to wait for what was on the log at the call to settle; 0 judges what has settled now. */
  readonly waitMs: number;
  /** After a first look that leaves suspects, before the grace period. */
  readonly onSuspects?: () => Promise<void>;
  readonly signal?: AbortSignal;
  /** For people: what is being done. */
  readonly onProgress?: (text: string) => void;
}

const POLL_MS = 200;
const NOWHERE: PartitionEnds = { logStart: 0n, lastStable: 0n, highWatermark: 0n };

export async function boundedAudit(tools: AuditTools, options: BoundedAuditOptions): Promise<AuditReport> {
  const { admin, clock, topics: names = SYSTEM_TOPICS, rules, isContentOnly = false } = tools;
  const startedAtMs = clock.nowMs();
  const [{ clusterId }, topics] = await Promise.all([admin.cluster(), admin.topics(Object.values(names))]);
  const incoming = topics.find(({ topic }) => topic === names.incoming) as TopicDescription;
  const asked = await admin.ends(names.incoming);
  const runId = ulid(startedAtMs);
  const described = { runId, clusterId, topic: incoming, nowMs: startedAtMs };
  const events = tools.isPassing === true ? [] : [...(await checkAnchors(tools, described))];
  const audited = new AuditedLog(tools.codec, { topics: names, isContentOnly, ...(rules && { rules }) });
  const logStarts = new Map<string, bigint>();
  const deadlineMs = startedAtMs + options.waitMs;
  const isSettled = await untilSettled(tools, incoming, asked, deadlineMs, options);
  const isHeard = await untilHeard(tools, audited, logStarts, startedAtMs, deadlineMs, options);
  // Checkpoints first: every end offset they name is then below the ends that are read up to.
  // An epoch is silent or not as of now: reading and comparing the rest may take longer than an epoch's silence may.
  const heardAtMs = clock.nowMs();
  for (const topic of [names.sources, names.rejected]) await readTopic(tools, audited, topic, logStarts, options);
  const settled = await settledOf(tools, incoming);
  await readIncoming(tools, audited, names.incoming, logStarts, { ...options, digestUppers: settled });

  const partitions: PartitionReport[] = [];
  let findings: readonly Finding[] = [];
  // Retention may have moved on while the log was read.
  const now = await admin.ends(names.incoming);
  for (const [partition, { logStart, highWatermark }] of asked) {
    const at = { topic: names.incoming, partition, incarnation: incoming.incarnation };
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
      ...(await unsettledOf(tools, at, { to, end })),
      ...look.balance,
    });
    // Not as arguments of one call: of a partition that has lost all of its rows there are too many.
    findings = [...findings, ...look.findings, ...(await expiredUnaudited(tools, at, logStart))];
  }
  const replies =
    tools.outgoing === undefined
      ? undefined
      : await lookAtReplies(
          tools,
          new OutgoingLog(),
          { incoming, outgoing: tools.outgoing },
          clock.nowMs(),
          options.signal,
        );
  const beyond = await rowsBeyondLog(tools, incoming);
  if (tools.isPassing !== true) {
    const standings = partitions
      .filter(({ suspect }) => suspect === 0)
      .map(({ partition, to }) => ({ partition, auditedTo: BigInt(to), ends: now.get(partition) ?? NOWHERE }));
    await moveAnchors(tools, described, standings, events, findings);
    events.push(...(await openEvents(tools.pool, names.incoming)));
    audited.gateway.recreated(await formerLog(tools.pool, incoming));
    for (const event of await loadTimeline(tools.pool)) audited.timeline.add(event);
  }
  const gateway = audited.gateway.judge(audited.positions, logStarts, heardAtMs);
  const settledUntil = (epoch: string) => audited.gateway.settledUntil(epoch, audited.positions, logStarts, heardAtMs);
  const forgotten = audited.gateway.forgotten(incomingStarts(logStarts, names.incoming));
  const sources = audited.sources.judge(settledUntil, forgotten, heardAtMs);
  const looked = {
    incoming,
    audited,
    partitions,
    findings: [...findings, ...events],
    beyond,
    gateway,
    sources,
    replies,
  };
  return await wholeReport(tools, looked, {
    ...{ runId, mode: 'run', startedAtMs, clusterId, coverageMin: options.coverageMin },
    hints: tools.isPassing === true ? [] : await danglingReferences(tools.pool),
    overdue: { settling: options.waitMs > 0 && !isSettled, gateways: options.waitMs > 0 && !isHeard },
  });
}

/** How long the first record that is not judged has been on the log, by its own time. */
async function unsettledOf(
  { ranges, clock }: AuditTools,
  at: TopicPartition,
  { to, end }: { readonly to: bigint; readonly end: bigint },
): Promise<Pick<PartitionReport, 'unsettledMs'>> {
  if (to >= end) return {};
  for await (const entries of ranges.read(at, to, to + 1n))
    for (const entry of entries)
      if (entry.kind === 'record') return { unsettledMs: Math.max(0, clock.nowMs() - entry.record.timestampMs) };
  return {};
}

/** What left the log before anybody had stored it: nobody can say any more what it was. */
export async function expiredUnaudited(
  { pool }: Pick<AuditTools, 'pool'>,
  { topic, partition, incarnation }: TopicPartition & { readonly incarnation: string },
  logStart: bigint,
): Promise<readonly Finding[]> {
  const detail = 'these offsets left the log before they were stored or accounted for';
  const ranges = await unaccountedBelow(pool, { topic, incarnation, partition, upper: logStart });
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
  { admin, pool, rules = SOUND_RULES }: Pick<AuditTools, 'admin' | 'pool' | 'rules'>,
  incoming: TopicDescription,
): Promise<ReadonlyMap<number, bigint>> {
  const [committed, covered, ends] = await Promise.all([
    admin.committed(GROUP.persistence, incoming.topic),
    coverageOf(pool, incoming.incarnation),
    admin.ends(incoming.topic),
  ]);
  return new Map(
    [...ends].map(([partition, { logStart, lastStable }]) => {
      const claims = { committed: committed.get(partition), covered: covered.get(partition) };
      return [partition, rules.settled({ logStart, lastStable, ...claims })];
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
    await readTopic(tools, audited, (tools.topics ?? SYSTEM_TOPICS).sources, logStarts, options);
    if (audited.gateway.heardSince(sinceMs, tools.clock.nowMs())) return true;
    options.onProgress?.('waiting for a word of every gateway');
    await pause(POLL_MS, options.signal);
  }
  return false;
}

/** First look, and a second one after the grace period when there are suspects. */
async function lookTwice(
  tools: AuditTools,
  audited: AuditedLog,
  at: TopicPartition & { readonly incarnation: string },
  { upper, logStart }: { readonly upper: bigint; readonly logStart: bigint },
  { graceMs, signal, onSuspects }: BoundedAuditOptions,
): Promise<Look> {
  const suspects = new Suspects();
  const digests = audited.digest(at.partition)?.upTo(upper) ?? [];
  const looks: Look[] = [];
  for (const window of windowsOf(digests, WINDOW_BUCKETS)) {
    const { rules } = tools;
    const options = { graceMs, suspects, logStart, ...(signal && { signal }), ...(rules && { rules }) };
    let look = await lookAtPartition(tools, at, window, { ...options, nowMs: tools.clock.nowMs() });
    if (look.waiting > 0) {
      await onSuspects?.();
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
