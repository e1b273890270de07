// The gap-detector service: follows the log in its own group and writes a report every few seconds. It only reads what it
// checks; a round that fails (database away, broker away) is counted and repeated, and an old report is never renewed.
import { ulid } from 'ulid';
import { Codec } from '../../kafka/codec.ts';
import { openAdmin, openRangeReader, openReader } from '../../kafka/connect.ts';
import type { TopicDescription } from '../../kafka/log.ts';
import { GROUP, TOPIC } from '../../schemas/topics.ts';
import { pause } from '../../service/backoff.ts';
import type { ConfigOf, serviceSettings } from '../../service/config.ts';
import { createPool } from '../../service/database.ts';
import { describeError } from '../../service/errors.ts';
import type { Service, ServiceContext } from '../../service/lifecycle.ts';
import { storeFindings, storeReport } from './audit-store.ts';
import { AUDITED_TOPICS } from './audited-log.ts';
import { COVERAGE_MIN, type gapDetectorSettings } from './config.ts';
import { LiveAudit } from './live-audit.ts';
import { auditMetrics } from './metrics.ts';

export type GapDetectorConfig = ConfigOf<typeof gapDetectorSettings & typeof serviceSettings>;

export async function startGapDetector(config: GapDetectorConfig, context: ServiceContext): Promise<Service> {
  const { logger, health, clock } = context;
  const metrics = auditMetrics(context.metrics);
  const clients = { config, clientId: 'pmc-gap-detector', logger };
  const admin = openAdmin(clients);
  const ranges = openRangeReader(clients);
  const pool = createPool(config.databaseUrl, logger);
  const codec = new Codec(config.registryUrl, { cacheFolder: config.schemaCache, logger });
  const tools = { admin, ranges, pool, codec, clock };
  const audit = new LiveAudit({ tools, logger, graceMs: config.graceMs, coverageMin: COVERAGE_MIN });
  health.set('audit', false, 'no round has ended yet');

  const reader = await openReader(clients, {
    admin,
    groupId: GROUP.gapDetector,
    topics: AUDITED_TOPICS,
    batchRecordsMax: 1_000,
    handleBatch: (batch) => audit.handleBatch(batch, GROUP.gapDetector),
    onConnection: (problem) => {
      if (problem !== undefined) health.set('audit', false, describeError(problem));
    },
    onAssigned: (assigned) => audit.assigned(assigned, GROUP.gapDetector),
    onFatal: context.fail,
  });

  const round = async (): Promise<void> => {
    const [{ clusterId }, topics] = await Promise.all([admin.cluster(), admin.topics([TOPIC.incoming])]);
    const report = await audit.round(topics[0] as TopicDescription, clusterId, ulid());
    await storeReport(pool, report);
    await storeFindings(pool, report, report.coverage === 1 && report.suspect === 0);
    metrics.report(report);
    health.set('audit', true, `${report.verdict} at ${report.finishedAt}`);
    health.fact('verdict', () => report.verdict);
  };
  const stopping = new AbortController();
  const rounds = repeat(round, config.intervalMs, stopping.signal, (error) => {
    metrics.rounds.inc({ outcome: 'failed' });
    health.set('audit', false, describeError(error));
    logger.warn({ error: describeError(error) }, 'audit.round.failed');
  });

  return {
    stop: async () => {
      stopping.abort();
      await Promise.all([reader.stop(), rounds]);
      await Promise.all([ranges.stop(), admin.stop(), pool.end()]);
    },
  };
}

async function repeat(
  work: () => Promise<void>,
  intervalMs: number,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    await work().catch(onError);
    await pause(intervalMs, signal);
  }
}
