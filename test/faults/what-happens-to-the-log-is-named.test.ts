// What may become of a log that was audited, done to a real broker: its end cut off, as a loss of power does to what was not on the
// disk; records deleted or expired before anybody had judged them; the topic made again; another cluster under the same name. The
// running audit, started again on the same books, has its own name for each.
import { statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from '@platformatic/kafka';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { boundedAudit } from '../../consumers/gap-detector/bounded-audit.ts';
import type { AuditReport } from '../../consumers/gap-detector/report.ts';
import type { Finding, FindingKind } from '../../consumers/gap-detector/verdict.ts';
import { ensureTopics } from '../../kafka/bootstrap.ts';
import { Codec } from '../../kafka/codec.ts';
import { openAdmin, openAppender, openRangeReader } from '../../kafka/connect.ts';
import { BLANK_CHECKPOINT } from '../../schemas/blank-checkpoint.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { systemClock } from '../../service/clock.ts';
import { createPool, type Pool } from '../../service/database.ts';
import { createLogger } from '../../service/logger.ts';
import { incomingEvent } from '../support/incoming-events.ts';
import { KafkaCluster } from '../support/log/kafka-cluster.ts';
import { type ScratchDatabase, scratchDatabase } from '../support/scratch-database.ts';
import { ServiceProcess } from '../support/service-process.ts';

const WAIT = { timeout: 60_000, interval: 200 };
const logger = createLogger('test', 'silent');

let cluster: KafkaCluster;
let database: ScratchDatabase;
let pool: Pool;
let codec: Codec;
let persistence: ServiceProcess;
let appended = 0;

beforeAll(async () => {
  const soon = { 'log.retention.check.interval.ms': 300, 'log.initial.task.delay.ms': 300 };
  cluster = await KafkaCluster.start(inject('artifacts'), 1, soon);
  await ensureTopics({ brokers: cluster.direct });
  database = await scratchDatabase(inject('databaseUrl'));
  pool = createPool(database.url, logger);
  codec = new Codec(inject('registryUrl'));
  await codec.prepare(Object.values(TOPIC));
  persistence = start('persistence');
  await persistence.ready();
});

afterAll(async () => {
  await persistence?.stop();
  await pool?.end();
  await database?.[Symbol.asyncDispose]();
  await cluster?.stop();
});

function start(name: 'persistence' | 'gap-detector', brokers: readonly string[] = cluster.direct): ServiceProcess {
  return ServiceProcess.start(name, {
    PMC_KAFKA_BROKERS: brokers.join(','),
    PMC_REGISTRY_URL: inject('registryUrl'),
    DATABASE_URL: database.url,
    PMC_AUDIT_INTERVAL_MS: '300',
  });
}

async function append(partition: number, count: number): Promise<void> {
  const config = { brokers: cluster.direct, appenderClient: 'platformatic' } as const;
  const appender = openAppender({ config, clientId: 'test-append', logger });
  try {
    const records = Array.from({ length: count }, () => {
      appended += 1;
      const event = incomingEvent(
        { event: 'message', id: `m${appended}` },
        { id: `m${appended}`, ingestSeq: appended },
      );
      return { key: null, value: codec.encode(TOPIC.incoming, event), headers: {}, timestampMs: Date.now() };
    });
    expect((await appender.append({ topic: TOPIC.incoming, partition }, records)).outcome).toBe('acked');
  } finally {
    await appender.stop();
  }
}

/** Waits until all is stored, and audits it once: from then on the audit has an anchor in the log. */
async function audited(partition: number, upTo: number): Promise<void> {
  const config = { brokers: cluster.direct };
  const [admin, ranges] = [openAdmin({ config, clientId: 'test' }), openRangeReader({ config, clientId: 'test' })];
  try {
    const tools = { admin, ranges, codec, pool, clock: systemClock };
    await vi.waitFor(async () => {
      const { perPartition } = await boundedAudit(tools, { graceMs: 200, coverageMin: 0, waitMs: 0 });
      expect(perPartition.find((one) => one.partition === partition)).toMatchObject({
        to: upTo,
        missing: 0,
        suspect: 0,
      });
    }, WAIT);
  } finally {
    await Promise.all([admin.stop(), ranges.stop()]);
  }
}

/** What the running audit, started now, says about a partition's fate in its first report that has such a finding of it. */
async function named(kind: FindingKind, partition: number, brokers?: readonly string[]): Promise<readonly Finding[]> {
  return await told(({ findings }) => {
    const own = findings.filter((one) => one.kind === kind && one.partition === partition);
    return own.length === 0 ? undefined : own;
  }, brokers);
}

/** What is looked for in the first report of the running audit, started now, that has it. */
async function told<T>(look: (report: AuditReport) => T | undefined, brokers?: readonly string[]): Promise<T> {
  const sinceMs = Date.now();
  const detector = start('gap-detector', brokers);
  try {
    return await vi.waitFor(async () => {
      const { rows } = await pool.query<{ report: string }>(
        `select report::text as report from audit.runs where mode = 'live' order by finished_at desc limit 1`,
      );
      const report = rows[0] && (JSON.parse(rows[0].report) as AuditReport);
      const found = report && look(report);
      if (report === undefined || Date.parse(report.startedAt) < sinceMs || found === undefined)
        throw new Error(`it is not told: ${rows[0]?.report.slice(0, 2_000)}\n${detector.log.slice(-1_000)}`);
      return found;
    }, WAIT);
  } finally {
    await detector.stop();
  }
}

function rangesOf(findings: readonly Finding[]) {
  return findings.map(({ from, to }) => ({ from, to }));
}

async function logStart(partition: number): Promise<bigint | undefined> {
  const admin = openAdmin({ config: { brokers: cluster.direct }, clientId: 'test' });
  try {
    return (await admin.ends(TOPIC.incoming)).get(partition)?.logStart;
  } finally {
    await admin.stop();
  }
}

async function retain(ms: number): Promise<void> {
  const configs = [
    { name: 'retention.ms', configOperation: IncrementalAlterConfigOperationTypes.SET, value: String(ms) },
  ];
  const resources = [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: TOPIC.incoming, configs }];
  await cluster.ask((admin) => admin.incrementalAlterConfigs({ resources }));
}

test('records that were deleted before the audit had judged them', async () => {
  await append(1, 120);
  await audited(1, 120);
  await append(1, 50);
  const topics = [{ name: TOPIC.incoming, partitions: [{ partition: 1, offset: 150n }] }];
  await cluster.ask((admin) => admin.deleteRecords({ topics }));
  const findings = await named('expired-unaudited', 1);
  expect(rangesOf(findings)).toEqual([{ from: 120, to: 149 }]);
  expect(findings[0]?.detail).toMatch(/deleteRecords/);
});

test('records that expired before the audit had judged them', async () => {
  await append(2, 20);
  await audited(2, 20);
  await append(2, 30);
  await retain(1_000);
  await vi.waitFor(async () => expect(await logStart(2)).toBe(50n), WAIT);
  const findings = await named('expired-unaudited', 2);
  await retain(7 * 86_400_000);
  expect(rangesOf(findings)).toEqual([{ from: 20, to: 49 }]);
  expect(findings[0]?.detail).toMatch(/^retention/);
});

test('another cluster: named, and what is remembered of the right one stays', async () => {
  const anchors = 'select partition, cluster_id, incarnation, last_offset from audit.anchors order by partition';
  await append(3, 10);
  await audited(3, 10);
  const { rows: before } = await pool.query(anchors);
  expect(rangesOf(await named('wrong-cluster', 3, inject('brokers')))).toHaveLength(1);
  expect((await pool.query(anchors)).rows).toEqual(before);
});

test('an end that was cut off, from where the log ends now; written anew it still is', async () => {
  await append(0, 60);
  const segment = join(cluster.node(1).dataFolder, `${TOPIC.incoming}-0`, '00000000000000000000.log');
  const { size } = statSync(segment);
  await append(0, 40);
  await audited(0, 100);
  // What comes back under the same offsets is another story: the rows of the first life are there.
  await persistence.stop();
  await cluster.node(1).kill();
  truncateSync(segment, size);
  await cluster.node(1).start();
  await cluster.whole();
  expect(rangesOf(await named('truncated', 0))).toEqual([{ from: 60, to: 99 }]);
  await append(0, 60);
  expect(rangesOf(await named('truncated', 0))).toEqual([{ from: 60, to: 99 }]);
});

/** The last word of a gateway that had appended so many frames to a partition. */
async function closed(gatewayEpoch: string, partition: number, frames: number): Promise<void> {
  const config = { brokers: cluster.direct, appenderClient: 'platformatic' } as const;
  const appender = openAppender({ config, clientId: 'test-close', logger });
  try {
    const ends = [{ topic: TOPIC.incoming, partition, offset: frames }];
    const about = {
      ...BLANK_CHECKPOINT,
      kind: 'closed',
      gatewayEpoch,
      instance: 'test',
      inFlightMax: 8,
      at: Date.now(),
    } as const;
    const value = codec.encode(TOPIC.sources, {
      ...BLANK_CHECKPOINT,
      ...about,
      settledUpTo: frames,
      received: frames,
      ends,
    });
    const record = { key: null, value, headers: {}, timestampMs: Date.now() };
    expect((await appender.append({ topic: TOPIC.sources, partition: 0 }, [record])).outcome).toBe('acked');
  } finally {
    await appender.stop();
  }
}

test('a topic that was made again: the running audit ends, and its successor names it, and calls nothing lost that was on it', async () => {
  await closed('gone', 4, 10);
  const detector = start('gap-detector');
  await detector.ready();
  await cluster.ask((admin) => admin.deleteTopics({ topics: [TOPIC.incoming] }));
  await ensureTopics({ brokers: cluster.direct });
  expect((await detector.ended).code).not.toBe(0);
  expect(detector.log).toMatch(/PMC_TOPIC_RECREATED/);
  // Longer than the former one: whatever a gateway said of that has been read far enough.
  await append(4, 20);
  expect(rangesOf(await named('recreated', 3))).toEqual([{ from: 0, to: 9 }]);
  const judged = await told(({ findings, stages }) => {
    const isJudged = stages.some(({ epochs = [] }) => epochs.length > 0);
    return isJudged ? findings.filter(({ gatewayEpoch }) => gatewayEpoch === 'gone') : undefined;
  });
  expect(judged).toEqual([]);
});
