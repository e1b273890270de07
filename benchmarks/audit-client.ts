// The measured side of the audit's benchmark, in a process of its own: `audit-client.ts fill|audit BROKERS REGISTRY DATABASE RECORDS`.
// `fill` puts events onto the log and their rows into the database, as the system would have them. The answer goes to the parent.
import { AuditedLog } from '../consumers/gap-detector/audited-log.ts';
import { boundedAudit } from '../consumers/gap-detector/bounded-audit.ts';
import { derivedKey } from '../consumers/gap-detector/derived-columns.ts';
import { payloadHash } from '../consumers/gap-detector/digest.ts';
import { lookAtPartition, WINDOW_BUCKETS, windowsOf } from '../consumers/gap-detector/judge-partition.ts';
import { LiveAudit } from '../consumers/gap-detector/live-audit.ts';
import { readIncoming } from '../consumers/gap-detector/read-log.ts';
import { ReadingThreads } from '../consumers/gap-detector/reading-threads.ts';
import { Suspects } from '../consumers/gap-detector/suspects.ts';
import { Codec } from '../kafka/codec.ts';
import { openAdmin, openAppender, openRangeReader } from '../kafka/connect.ts';
import type { AppendRecord, TopicDescription } from '../kafka/log.ts';
import { GROUP, TOPIC } from '../schemas/topics.ts';
import { systemClock } from '../service/clock.ts';
import { createPool } from '../service/database.ts';
import { createLogger } from '../service/logger.ts';
import { incomingEvent } from '../test/support/incoming-events.ts';

export interface AuditMeasure {
  /** Records a second from the log into digests of their texts, and with the derived columns. */
  readonly read: number;
  readonly readColumns: number;
  readonly heapMb: number;
  readonly findOneSeconds: number;
  readonly coldRunSeconds: number;
  readonly liveSeconds: number;
}

const BATCH = 1_000;
const GRACE_MS = 2_000;
const INTERVAL_MS = 3_000;
const NOTHING: AuditMeasure = {
  read: 0,
  readColumns: 0,
  heapMb: 0,
  findOneSeconds: 0,
  coldRunSeconds: 0,
  liveSeconds: 0,
};

const [what, brokers = '', registryUrl = '', databaseUrl = '', count] = process.argv.slice(2);
const records = Number(count);
const logger = createLogger('bench', 'warn');
const config = { brokers: brokers.split(','), appenderClient: 'platformatic', readerClient: 'platformatic' } as const;
const clients = { config, clientId: `pmc-bench-${process.pid}`, logger };
const admin = openAdmin(clients);
const ranges = openRangeReader(clients);
const pool = createPool(databaseUrl, logger);
const codec = new Codec(registryUrl);
const threads = new ReadingThreads({ ...clients, registryUrl });
const [topic] = (await admin.topics([TOPIC.incoming])) as [TopicDescription];
process.once('disconnect', () => process.exit());
const answer = what === 'fill' ? await fill() : await measure();
await Promise.all([admin.stop(), ranges.stop(), pool.end(), threads.stop()]);
process.send?.(answer satisfies AuditMeasure, () => process.disconnect?.());

async function fill(): Promise<AuditMeasure> {
  await codec.prepare([TOPIC.incoming]);
  const appender = openAppender(clients);
  const ends = topic.partitions.map(() => 0n);
  for (let from = 0; from < records; from += BATCH) {
    const partition = (from / BATCH) % topic.partitions.length;
    const events = Array.from({ length: Math.min(BATCH, records - from) }, (_, index) => eventOf(from + index + 1));
    const values = events.map((event): AppendRecord => {
      const headers = { sha256: payloadHash(event.payload) };
      return { key: event.chat, value: codec.encode(TOPIC.incoming, event), headers, timestampMs: event.receivedAt };
    });
    const answered = await appender.append({ topic: topic.topic, partition }, values);
    if (answered.outcome !== 'acked') throw answered.error;
    await insert(partition, answered.baseOffset, events);
    ends[partition] = answered.baseOffset + BigInt(events.length);
  }
  for (const [partition, end] of ends.entries())
    await pool.query('insert into coverage (incarnation, topic, partition, upper_offset) values ($1, $2, $3, $4)', [
      ...[topic.incarnation, topic.topic, partition, String(end)],
    ]);
  await pool.query('vacuum analyze message_metadata');
  await appender.stop();
  return NOTHING;
}

function eventOf(number: number) {
  const id = `bench-${number}`;
  const [chat, actor] = [`chat-${number % 50}`, `user-${number % 200}`];
  const said = { sender: actor, chat, message_type: 'text', content: `This is message ${number} of the benchmark.` };
  const payload = { event: 'message', id, timestamp: '2026-11-22T20:45:46.409Z', ...said, metadata: { edited: false } };
  return incomingEvent(payload, { id, chat, actor, type: 'text', ingestSeq: number, receivedAt: Date.now() });
}

async function insert(partition: number, base: bigint, events: readonly ReturnType<typeof eventOf>[]): Promise<void> {
  const keys = events.map(derivedKey);
  await pool.query(
    `insert into message_metadata (id, timestamp, sender, type, raw_payload, incarnation, partition, record_offset, source, event_id,
       kind, chat, actor, content, gateway_epoch, ingest_seq, received_at)
     select id, '2026-11-22T20:45:46.409Z', actor, 'text', payload, $1, $2, $3::bigint + number - 1, 'chaos', event_id, 'message', chat,
       actor, payload ->> 'content', $4, ingest_seq, received_at
     from unnest($5::uuid[], $6::json[], $7::text[], $8::text[], $9::text[], $10::bigint[], $11::timestamptz[])
       with ordinality as t(id, payload, event_id, chat, actor, ingest_seq, received_at, number)`,
    [
      ...[topic.incarnation, partition, String(base), incomingEvent({}).gatewayEpoch, keys],
      events.map(({ payload }) => payload.toString('utf8')),
      events.map(({ id }) => id),
      events.map(({ chat }) => chat),
      events.map(({ actor }) => actor),
      events.map(({ ingestSeq }) => ingestSeq),
      events.map(({ receivedAt }) => new Date(receivedAt).toISOString()),
    ],
  );
}

async function measure(): Promise<AuditMeasure> {
  const content = await readAll(true);
  const columns = await readAll(false);
  const findOneSeconds = await findOne(columns.audited);
  const startedMs = performance.now();
  const tools = { admin, ranges, codec, pool, threads, clock: systemClock, isPassing: true as const };
  const report = await boundedAudit(tools, { graceMs: GRACE_MS, coverageMin: 1, waitMs: 0 });
  const coldRunSeconds = (performance.now() - startedMs) / 1_000;
  const { missing, stored } = report.accounts;
  if (missing !== 0 || stored !== records) throw new Error(`the audit found ${missing} missing of ${stored} stored`);
  const liveSeconds = await live();
  const heapMb = Math.max(content.heapMb, columns.heapMb);
  return { read: content.rate, readColumns: columns.rate, heapMb, findOneSeconds, coldRunSeconds, liveSeconds };
}

async function readAll(isContentOnly: boolean) {
  const audited = new AuditedLog(codec, { isContentOnly });
  const startedMs = performance.now();
  await readIncoming({ admin, ranges, threads, isContentOnly }, audited, topic.topic, new Map(), {});
  const rate = (records / (performance.now() - startedMs)) * 1_000;
  global.gc?.();
  return { audited, rate, heapMb: process.memoryUsage().heapUsed / 1e6 };
}

/** With the log digested: all rows are digested once more, and one is found to be gone at the second look. */
async function findOne(audited: AuditedLog): Promise<number> {
  const lost = await takeAway(`order by id limit 1`);
  const startedMs = performance.now();
  let found = 0;
  for (const { partition } of topic.partitions) {
    const at = { topic: topic.topic, partition, incarnation: topic.incarnation };
    const suspects = new Suspects();
    for (const window of windowsOf(audited.digest(partition)?.upTo(2n ** 62n) ?? [], WINDOW_BUCKETS)) {
      const options = { graceMs: GRACE_MS, suspects };
      const look = await lookAtPartition({ pool, ranges, codec }, at, window, { ...options, nowMs: Date.now() });
      if (look.waiting === 0) continue;
      await new Promise((resolve) => setTimeout(resolve, GRACE_MS));
      found += (await lookAtPartition({ pool, ranges, codec }, at, window, { ...options, nowMs: Date.now() })).findings
        .length;
    }
  }
  const seconds = (performance.now() - startedMs) / 1_000;
  if (found !== 1) throw new Error(`${found} findings instead of the one row that is gone`);
  await lost.putBack();
  return seconds;
}

/** From a row of the newest window that is gone to the round of the running audit that lists it. */
async function live(): Promise<number> {
  const tools = { admin, ranges, codec, pool, clock: systemClock, isPassing: true as const };
  const audit = new LiveAudit({ tools, logger: createLogger('bench', 'silent'), graceMs: GRACE_MS, coverageMin: 1 });
  for (const { partition } of topic.partitions) {
    const at = { topic: topic.topic, partition };
    const end = (await admin.ends(topic.topic)).get(partition)?.lastStable ?? 0n;
    for await (const entries of ranges.read(at, end - 1n, end)) {
      const batch = entries.flatMap((entry) => (entry.kind === 'record' ? [entry.record] : []));
      const about = {
        incarnation: topic.incarnation,
        generation: 1,
        highWatermark: end,
        signal: new AbortController().signal,
      };
      await audit.handleBatch({ ...at, ...about, records: batch }, GROUP.gapDetector);
    }
  }
  const { clusterId } = await admin.cluster();
  await audit.round(topic, clusterId, 'bench');
  const lost = await takeAway(`where partition = 0 order by record_offset desc limit 1`);
  const startedMs = performance.now();
  for (;;) {
    const { findings } = await audit.round(topic, clusterId, 'bench');
    if (findings.some(({ kind, stage }) => kind === 'missing' && stage === 'log-to-stored')) break;
    if (performance.now() - startedMs > 600_000)
      throw new Error('the running audit did not find the loss in ten minutes');
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
  const seconds = (performance.now() - startedMs) / 1_000;
  await lost.putBack();
  return seconds;
}

async function takeAway(which: string): Promise<{ putBack: () => Promise<void> }> {
  await pool.query(
    `drop table if exists taken_away; create table taken_away as select * from message_metadata ${which}`,
  );
  await pool.query('delete from message_metadata where id in (select id from taken_away)');
  return {
    putBack: async () => {
      await pool.query('insert into message_metadata select * from taken_away; drop table taken_away');
    },
  };
}
