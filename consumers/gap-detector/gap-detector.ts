// The gap-detector service: follows the log in its own group and writes a report every few seconds. It only reads what it
// checks; a round that fails (database away, broker away) is counted and repeated, and an old report is never renewed.
import { ulid } from 'ulid';
import { Codec } from '../../kafka/codec.ts';
import { openAdmin, openRangeReader, openReader } from '../../kafka/connect.ts';
import type { TopicDescription } from '../../kafka/log.ts';
import { GROUP, TOPIC } from '../../schemas/topics.ts';
import type { ConfigOf, serviceSettings } from '../../service/config.ts';
import { checkDatabase, createPool } from '../../service/database.ts';
import { describeError, PmcError } from '../../service/errors.ts';
import { killPoint } from '../../service/kill-point.ts';
import type { Service, ServiceContext } from '../../service/lifecycle.ts';
import { storeFindings, storeReport } from './audit-store.ts';
import { SYSTEM_TOPICS } from './audited-log.ts';
import { COVERAGE_MIN, type gapDetectorSettings } from './config.ts';
import { LiveAudit } from './live-audit.ts';
import { auditMetrics } from './metrics.ts';
import { repeatRounds } from './rounds.ts';
import { recreated } from './same-topic.ts';
import { loadTimeline, storeTimeline } from './timeline-store.ts';

export type GapDetectorConfig = ConfigOf<typeof gapDetectorSettings & typeof serviceSettings>;

/** What was done before is no help in explaining what is found now. */
const ACTIONS_SEEN_MS = 3_600_000;
const ROUND_SLOW_MS = 30_000;
/** Nothing is judged sooner than in the next round. */
const GATHER_MS = 500;

export async function startGapDetector(config: GapDetectorConfig, context: ServiceContext): Promise<Service> {
  const { logger, health, clock } = context;
  const metrics = auditMetrics(context.metrics);
  const clients = { config, clientId: 'pmc-gap-detector', logger };
  const admin = openAdmin(clients);
  const ranges = openRangeReader(clients);
  const pool = createPool(config.databaseUrl, logger);
  const codec = new Codec(config.registryUrl, { cacheFolder: config.schemaCache, logger });
  const tools = { admin, ranges, pool, codec, clock, outgoing: TOPIC.outgoing };
  const audit = new LiveAudit({ tools, logger, graceMs: config.graceMs, coverageMin: COVERAGE_MIN });
  health.set('audit', false, 'no round has ended yet');
  await checkDatabase(pool, config.databaseUrl).catch((error: unknown) => {
    // Rounds wait for one that is away.
    if (!(error instanceof PmcError && error.retriable)) throw error;
  });

  const reader = await openReader(clients, {
    admin,
    groupId: GROUP.gapDetector,
    topics: Object.values(SYSTEM_TOPICS),
    batchRecordsMax: 1_000,
    gatherMs: GATHER_MS,
    handleBatch: async (batch) => {
      await audit.handleBatch(batch, GROUP.gapDetector);
      killPoint('audit.batch.taken');
    },
    onConnection: (problem) => {
      if (problem !== undefined) health.set('audit', false, describeError(problem));
    },
    onAssigned: (assigned) => audit.assigned(assigned, GROUP.gapDetector),
    onFatal: context.fail,
    stopping: context.stopping,
  });

  // The first round may end before the group has joined: what has been judged by then is of one incarnation all the same.
  let audited: string | undefined;
  const round = async (): Promise<void> => {
    audit.doing = 'asking the cluster about itself';
    const [{ clusterId }, topics] = await Promise.all([admin.cluster(), admin.topics([TOPIC.incoming])]);
    // People act by other processes, which leave word on the books.
    const sinceMs = clock.nowMs() - ACTIONS_SEEN_MS;
    for (const event of await loadTimeline(pool, { kind: 'operator-action', sinceMs })) audit.timeline.add(event);
    const incoming = topics[0] as TopicDescription;
    audited ??= incoming.incarnation;
    if (incoming.incarnation !== audited) return context.fail(recreated(incoming, audited));
    const report = await audit.round(incoming, clusterId, ulid());
    killPoint('audit.round.judged');
    audit.doing = 'storing the report';
    const healed = await storeFindings(pool, report, {
      isComplete: report.suspect === 0,
      lookedAtMs: (finding) => audit.lookedAtMs(finding),
    });
    killPoint('audit.findings.stored');
    await storeReport(pool, { ...report, healed });
    killPoint('audit.report.stored');
    await storeTimeline(pool, audit.timeline.events);
    failingSinceMs = undefined;
    metrics.report(report);
    health.set('audit', true, `${report.verdict} at ${report.finishedAt}`);
    health.fact('verdict', () => report.verdict);
  };
  let failingSinceMs: number | undefined;
  const stopping = new AbortController();
  const rounds = repeatRounds({
    intervalMs: config.intervalMs,
    slowMs: ROUND_SLOW_MS,
    signal: stopping.signal,
    round,
    onSlow: (tookMs) => {
      const seconds = Math.round(tookMs / 1_000);
      health.set('audit', false, `a round has taken ${seconds} s so far: ${audit.doing}`);
      logger.warn({ seconds, doing: audit.doing }, 'audit.round.slow');
    },
    onDone: (tookMs) => metrics.roundDuration.observe(tookMs / 1_000),
    onFailed: (error) => {
      metrics.rounds.inc({ outcome: 'failed' });
      if (failingSinceMs === undefined) {
        failingSinceMs = clock.nowMs();
        const detail = describeError(error);
        audit.timeline.add({ atMs: failingSinceMs, kind: 'outage', subject: 'audit', detail });
      }
      health.set('audit', false, describeError(error));
      logger.warn({ error: describeError(error), doing: audit.doing }, 'audit.round.failed');
    },
  });

  return {
    stop: async () => {
      stopping.abort();
      await Promise.all([reader.stop(), rounds]);
      await Promise.all([ranges.stop(), admin.stop(), pool.end()]);
    },
  };
}
