// The running audit: follows the log in its own consumer group and judges what has settled, over and over. It keeps digests
// in memory (one per 4,096 offsets) and rebuilds them from the log after a restart, so its own offsets may be reset or lost
// without a false or a lost finding: an offset is folded once, and what a rewind delivers again is ignored.
import type { Batch, PartitionEnds, TopicDescription, TopicPartition } from '../../kafka/log.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Logger } from '../../service/logger.ts';
import { addBalances } from './accounts.ts';
import { checkAnchors, type Described, moveAnchors } from './anchor-check.ts';
import { openEvents } from './audit-store.ts';
import { rowsBeyondLog } from './beyond-log.ts';
import { type AuditTools, expiredUnaudited, settledOf } from './bounded-audit.ts';
import { formerLog } from './findings-book.ts';
import { Frontier } from './frontier.ts';
import { type JudgedLedgers, judgeLedgers } from './judge-ledgers.ts';
import { type Look, lookAtPartition, type Proofs, windowAt, windowsOf } from './judge-partition.ts';
import { LiveReading } from './live-reading.ts';
import { OutgoingLog } from './outgoing-log.ts';
import { nameOf } from './partition-name.ts';
import { lookAtReplies } from './reply-ledgers.ts';
import type { AuditReport, PartitionReport } from './report.ts';
import { Suspects } from './suspects.ts';
import type { Timeline } from './timeline.ts';
import type { Finding } from './verdict.ts';
import { wholeReport } from './whole-report.ts';

export interface LiveAuditOptions {
  readonly tools: AuditTools;
  readonly logger: Logger;
  readonly graceMs: number;
  readonly coverageMin: number;
}

/** Buckets per window; the newest window is judged whenever it moved, one older one of each partition in turn. */
const LIVE_WINDOW_BUCKETS = 16;
/** With a round, the grace period and one more round, a row that goes missing in the newest window is listed within 15 s. */
const REPEAT_AFTER_MS = 6_000;
const ANCHORS_EVERY_MS = 60_000;
const REPLIES_EVERY_MS = 60_000;

type Replies = Awaited<ReturnType<typeof lookAtReplies>>;

interface Looked {
  readonly partitions: readonly PartitionReport[];
  readonly findings: readonly Finding[];
  readonly ends: ReadonlyMap<number, PartitionEnds>;
}

interface PartitionState {
  readonly suspects: Suspects;
  readonly proofs: Proofs;
  /** The latest look at each window, by its lower offset. */
  readonly looks: Map<bigint, { readonly look: Look; readonly upper: bigint; readonly atMs: number }>;
  turn: number;
  firstUnsettled: { readonly offset: number; readonly sinceMs: number } | undefined;
  /** What left the log unaccounted for, asked once for each log start offset. */
  expired: { readonly logStart: bigint; readonly findings: readonly Finding[] };
}

export class LiveAudit {
  /** For people: what the round is at, or was at when it failed. */
  doing = 'nothing yet';
  readonly #options: LiveAuditOptions;
  readonly #reading: LiveReading;
  readonly #states = new Map<number, PartitionState>();
  readonly #leaderEpochs = new Map<number, number>();
  readonly #frontier = new Frontier();
  readonly #outgoing = new OutgoingLog();
  #repliesAtMs: number | undefined;
  #lastReplies: Replies | undefined;
  #anchorsDueMs = 0;
  #anchorFindings: readonly Finding[] = [];

  constructor(options: LiveAuditOptions) {
    this.#options = options;
    this.#reading = new LiveReading(options.tools, options.logger);
  }

  get timeline(): Timeline {
    return this.#reading.audited.timeline;
  }

  /** Starts each assigned partition at its log start and reads what the group has already passed. */
  assigned(partitions: readonly TopicPartition[], groupId: string): void {
    this.#anchorsDueMs = 0;
    const detail = `the audit reads ${partitions.length} partitions`;
    this.timeline.add({ atMs: this.#options.tools.clock.nowMs(), kind: 'rebalance', subject: groupId, detail });
    this.#reading.assigned(partitions, groupId);
  }

  async handleBatch(batch: Batch, groupId: string): Promise<void> {
    await this.#reading.handleBatch(batch, groupId);
  }

  /** One round over what has settled by now. `runId` names the report. */
  async round(incoming: TopicDescription, clusterId: string, runId: string): Promise<AuditReport> {
    const { tools, coverageMin } = this.#options;
    const startedAtMs = tools.clock.nowMs();
    this.doing = 'asking where the log ends and what is stored';
    const [settled, ends] = await Promise.all([settledOf(tools, incoming), tools.admin.ends(TOPIC.incoming)]);
    const partitions: PartitionReport[] = [];
    let findings: readonly Finding[] = [];
    for (const [partition, { logStart, highWatermark }] of ends) {
      const at = { topic: TOPIC.incoming, partition, incarnation: incoming.incarnation };
      this.doing = `comparing ${nameOf(at)} with the rows`;
      const report = await this.#judge(at, settled.get(partition) ?? logStart, logStart);
      const end = Number(highWatermark);
      partitions.push({ ...at, end, ...report.partition, ...this.#unsettled(partition, report.partition.to, end) });
      const state = this.#state(partition);
      if (state.expired.logStart !== logStart) {
        state.expired = { logStart, findings: await expiredUnaudited(tools, at, logStart) };
      }
      findings = [...findings, ...report.findings, ...state.expired.findings];
    }
    this.doing = 'looking for rows beyond the log';
    const beyond = await rowsBeyondLog(tools, incoming);
    this.#noteLeaders(incoming);
    this.doing = 'looking at the anchors';
    const events =
      tools.isPassing === true
        ? []
        : await this.#anchored(
            { runId, clusterId, topic: incoming, nowMs: tools.clock.nowMs() },
            { partitions, findings, ends },
          );
    this.doing = 'looking at commands and replies';
    const replies = await this.#replies(incoming, tools.clock.nowMs());
    this.doing = 'judging gateways and sources';
    const { gateway, sources, lagging } = await this.#judgeLedgers(ends, startedAtMs);
    const looked = { incoming, audited: this.#reading.audited, partitions, beyond, gateway, sources, replies };
    this.doing = 'putting the report together';
    return await wholeReport(
      tools,
      { ...looked, findings: [...findings, ...events] },
      { ...{ runId, mode: 'live', startedAtMs, clusterId, coverageMin }, ...(lagging !== undefined && { lagging }) },
    );
  }

  /** When the look began that a round's word on a finding rests on: windows are looked at in turn, commands and replies once a minute. Undefined: in that round. */
  lookedAtMs({ stage, partition, offset }: Finding): number | undefined {
    if (stage === 'command-to-reply' || stage === 'reply-to-delivered') return this.#repliesAtMs;
    if (partition === undefined || offset === undefined) return undefined;
    const lowest = this.#reading.audited.digest(partition)?.lower ?? 0n;
    const look = this.#states.get(partition)?.looks.get(windowAt(BigInt(offset), lowest, LIVE_WINDOW_BUCKETS));
    return look !== undefined && offset < look.upper ? look.atMs : undefined;
  }

  /** `atMs`: before the ends were asked for. */
  async #judgeLedgers(incoming: ReadonlyMap<number, PartitionEnds>, atMs: number): Promise<JudgedLedgers> {
    const { admin, clock } = this.#options.tools;
    const [sources, rejected] = [await admin.ends(TOPIC.sources), await admin.ends(TOPIC.rejected)];
    const topics = [[TOPIC.incoming, incoming] as const, [TOPIC.sources, sources], [TOPIC.rejected, rejected]] as const;
    const places = topics.flatMap(([topic, all]) =>
      [...all].map(([partition, { lastStable }]) => ({ topic, partition, end: lastStable })),
    );
    await this.#reading.readOn(places);
    const ends = new Map(places.map(({ end, ...at }) => [nameOf(at), end]));
    const asOfMs = this.#frontier.look(atMs, ends, this.#reading.audited.positions);
    return judgeLedgers(this.#reading.audited, this.#reading.logStarts, asOfMs, clock.nowMs());
  }

  /** The anchors are looked at every minute and after each assignment; what they tell once stays a finding. */
  async #anchored(described: Described, { partitions, findings, ends }: Looked): Promise<readonly Finding[]> {
    const { tools } = this.#options;
    const { nowMs, topic } = described;
    if (nowMs >= this.#anchorsDueMs) {
      const fresh = await checkAnchors(tools, described);
      const standings = partitions.flatMap(({ partition, to, suspect }) => {
        const at = ends.get(partition);
        return suspect > 0 || at === undefined ? [] : [{ partition, auditedTo: BigInt(to), ends: at }];
      });
      await moveAnchors(tools, described, standings, fresh, findings);
      this.#reading.audited.gateway.recreated(await formerLog(tools.pool, topic));
      this.#anchorFindings = fresh;
      this.#anchorsDueMs = nowMs + ANCHORS_EVERY_MS;
    }
    return [...this.#anchorFindings, ...(await openEvents(tools.pool, topic.topic))];
  }

  /** Reading acknowledgements goes over all rows, so replies are looked at once a minute. */
  async #replies(incoming: TopicDescription, nowMs: number): Promise<Replies | undefined> {
    const { tools } = this.#options;
    const { outgoing } = tools;
    const isDue = this.#repliesAtMs === undefined || nowMs >= this.#repliesAtMs + REPLIES_EVERY_MS;
    if (outgoing === undefined || !isDue) return this.#lastReplies;
    this.#lastReplies = await lookAtReplies(tools, this.#outgoing, { incoming, outgoing }, nowMs);
    this.#repliesAtMs = nowMs;
    return this.#lastReplies;
  }

  #noteLeaders({ topic, partitions }: TopicDescription): void {
    const atMs = this.#options.tools.clock.nowMs();
    for (const { partition, leader, leaderEpoch } of partitions) {
      const before = this.#leaderEpochs.get(partition);
      this.#leaderEpochs.set(partition, leaderEpoch);
      if (before === undefined || before === leaderEpoch) continue;
      const detail = `broker ${leader} leads since epoch ${leaderEpoch} (before: ${before})`;
      this.timeline.add({ atMs, kind: 'leader-change', subject: `${topic}-${partition}`, detail });
    }
  }

  async #judge(at: TopicPartition & { readonly incarnation: string }, settled: bigint, logStart: bigint) {
    const state = this.#state(at.partition);
    const digest = this.#reading.audited.digest(at.partition);
    const windows = windowsOf(digest?.upTo(settled) ?? [], LIVE_WINDOW_BUCKETS);
    const nowMs = this.#options.tools.clock.nowMs();
    state.turn = windows.length === 0 ? 0 : (state.turn + 1) % windows.length;
    for (const [index, window] of windows.entries()) {
      const lower = window[0]?.lower ?? 0n;
      const upper = window.at(-1)?.upper ?? 0n;
      const before = state.looks.get(lower);
      const isTurn = index === state.turn || index === windows.length - 1;
      const isDue =
        before === undefined ||
        before.upper !== upper ||
        before.look.waiting > 0 ||
        nowMs - before.atMs > REPEAT_AFTER_MS;
      if (!isDue || (before !== undefined && before.upper === upper && before.look.waiting === 0 && !isTurn)) continue;
      const { graceMs, tools } = this.#options;
      const { suspects, proofs } = state;
      const look = await lookAtPartition(tools, at, window, { nowMs, graceMs, logStart, suspects, proofs });
      state.looks.set(lower, { look, upper, atMs: nowMs });
    }
    const looks = [...state.looks.values()];
    const to = looks.reduce((highest, { upper }) => (upper > highest ? upper : highest), digest?.lower ?? 0n);
    return {
      partition: {
        from: Number(digest?.lower ?? logStart),
        to: Number(to),
        suspect: looks.reduce((sum, { look }) => sum + look.waiting, 0),
        ...addBalances(looks.map(({ look }) => look.balance)),
      },
      findings: looks.flatMap(({ look }) => look.findings),
    };
  }

  /** By this audit's own clock, whatever times the records have: how long the same offset has been the first that waits. */
  #unsettled(partition: number, to: number, end: number): Pick<PartitionReport, 'unsettledMs'> {
    const state = this.#state(partition);
    const nowMs = this.#options.tools.clock.nowMs();
    if (to >= end) state.firstUnsettled = undefined;
    else if (state.firstUnsettled?.offset !== to) state.firstUnsettled = { offset: to, sinceMs: nowMs };
    return state.firstUnsettled === undefined ? {} : { unsettledMs: nowMs - state.firstUnsettled.sinceMs };
  }

  #state(partition: number): PartitionState {
    let state = this.#states.get(partition);
    if (state === undefined) {
      state = {
        suspects: new Suspects(),
        proofs: new Map(),
        looks: new Map(),
        turn: 0,
        firstUnsettled: undefined,
        expired: { logStart: 0n, findings: [] },
      };
      this.#states.set(partition, state);
    }
    return state;
  }
}
