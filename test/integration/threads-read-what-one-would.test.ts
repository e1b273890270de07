// A long read of the log shared between threads: the same digests, ledgers and findings as without them, and an audit that fails, and
// says why, where a thread cannot read or has ended.
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest';
import { AuditedLog, SYSTEM_TOPICS } from '../../consumers/gap-detector/audited-log.ts';
import { payloadHash } from '../../consumers/gap-detector/digest.ts';
import { readIncoming } from '../../consumers/gap-detector/read-log.ts';
import { ReadingThreads } from '../../consumers/gap-detector/reading-threads.ts';
import { Codec } from '../../kafka/codec.ts';
import { openAdmin, openAppender, openConfirmedRangeReader } from '../../kafka/connect.ts';
import type { AppendRecord } from '../../kafka/log.ts';
import { registerSchemas } from '../../kafka/schema-registration.ts';
import { ScratchTopics } from '../../kafka/scratch-topics.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { createLogger } from '../../service/logger.ts';
import { incomingEvent } from '../support/incoming-events.ts';

const RECORDS = 6_000;
const PARTITIONS = 3;
const BATCH = 500;
const PARTS = 12;
/** Not long ago: retention goes by the records' own time, and looks at the topics of the test run every five minutes. */
const RECEIVED_MS = Date.now();
const LATER_MS = RECEIVED_MS + 86_400_000;
const topic = `test-${randomUUID()}`;
const registryUrl = inject('registryUrl');
const clients = {
  config: { brokers: inject('brokers') },
  clientId: 'test-threads',
  logger: createLogger('test', 'silent'),
} as const;
const admin = openAdmin(clients);
const ranges = openConfirmedRangeReader(clients);
const topics = new ScratchTopics(clients.config, clients.clientId);
const codec = new Codec(registryUrl);
const opened: ReadingThreads[] = [];

/** Among events of a source that counts: values that do not decode, an altered one, a number left out. */
function recordAt(index: number): AppendRecord {
  const counted = { stream: 's', streamEpoch: 'e', seq: index < 3_000 ? index + 1 : index + 2 };
  const about = { id: `id-${index}`, ingestSeq: index + 1, receivedAt: RECEIVED_MS + index };
  const event = incomingEvent({ id: `id-${index}`, content: '👋'.repeat(index % 9) }, { ...about, ...counted });
  const received = index === 4_321 ? payloadHash(Buffer.from('another frame')) : payloadHash(event.payload);
  const value = index % 1_000 === 8 ? Buffer.from('?') : codec.encode(TOPIC.incoming, event);
  return { key: null, value, headers: { sha256: received }, timestampMs: about.receivedAt };
}

const openingAppender = () =>
  openAppender({ ...clients, config: { ...clients.config, appenderClient: 'platformatic' } });

beforeAll(async () => {
  await registerSchemas(registryUrl);
  await codec.prepare([TOPIC.incoming]);
  await topics.create(topic, PARTITIONS);
  const appender = openingAppender();
  const records = Array.from({ length: RECORDS }, (_, index) => recordAt(index));
  for (let from = 0; from < RECORDS; from += BATCH) {
    const to = { topic, partition: (from / BATCH) % PARTITIONS };
    const answered = await appender.append(to, records.slice(from, from + BATCH));
    if (answered.outcome !== 'acked') throw answered.error;
    const foreign = [Buffer.from('theirs')];
    await topics.appendTransaction(to, foreign, from % 1_000 === 0 ? 'commit' : 'abort');
  }
  await appender.stop();
});
afterEach(async () => {
  for (const threads of opened.splice(0)) await threads.stop();
});
afterAll(async () => {
  await Promise.all([admin.stop(), ranges.stop(), topics.stop()]);
});

function open(registry = registryUrl, records = 0): ReadingThreads {
  const threads = new ReadingThreads({ ...clients, registryUrl: registry }, { records, coresForContents: 1 });
  opened.push(threads);
  return threads;
}

async function read(threads?: ReadingThreads, isContentOnly = false, digestUpper = 1_800n) {
  const audited = new AuditedLog(codec, { topics: { ...SYSTEM_TOPICS, incoming: topic }, isContentOnly });
  const logStarts = new Map<string, bigint>();
  const tools = { admin, ranges, isContentOnly, ...(threads && { threads }) };
  const digestUppers = new Map([[1, digestUpper]]);
  await readIncoming(tools, audited, topic, logStarts, { digestUppers });
  const settled = { untilMs: LATER_MS, isOpenEnded: false };
  return {
    digests: [0, 1, 2].map((partition) => audited.digest(partition)?.upTo(2n ** 62n)),
    findings: audited.findings,
    gateway: audited.gateway.judge(audited.positions, logStarts, LATER_MS),
    sources: audited.sources.judge(() => settled, audited.gateway.forgotten(logStarts), LATER_MS),
    positions: audited.positions,
  };
}

test.for([false, true])('the same comes out with threads and without, contents alone: %s', async (isContentOnly) => {
  const alone = await read(undefined, isContentOnly);
  expect(alone.findings.map(({ kind }) => kind)).toEqual(['altered']);
  expect(alone.sources.findings).not.toEqual([]);
  expect(alone.digests.flat().reduce((sum, digest) => sum + (digest?.records ?? 0), 0)).toBeGreaterThan(5_000);
  const threads = open();
  expect(await read(threads, isContentOnly)).toEqual(alone);
  expect(threads.running).toBeGreaterThan(1);
  // Again by those that are there.
  expect(await read(threads, isContentOnly)).toEqual(alone);
  expect(threads.running).toBe(threads.count);
});

test('a short read is over before threads would have started', async () => {
  const threads = open(registryUrl, RECORDS * 2);
  expect(await read(threads)).toEqual(await read());
  expect(threads.running).toBe(0);
});

test('contents alone are left to threads where there are cores enough', () => {
  const { count } = open();
  const worth = (coresForContents: number, isContentOnly: boolean): boolean =>
    new ReadingThreads({ ...clients, registryUrl }, { records: 10, coresForContents }).areWorth(10n, isContentOnly);
  expect([worth(count, true), worth(count + 1, true), worth(count + 1, false)]).toEqual([true, false, true]);
});

test('what a thread cannot do is told in the same words', async () => {
  await expect(read(open('http://127.0.0.1:9'))).rejects.toMatchObject({ code: 'PMC_REGISTRY_UNREACHABLE' });
  const missing = open().read({ topic, partition: 9 }, 0n, 1n, { isContentOnly: true });
  await expect(missing.next()).rejects.toMatchObject({ code: 'PMC_TOPIC_MISSING' });
});

test('a thread that ends in the middle fails the read, one that is left is gone', async () => {
  // Of more parts than a thread has waiting for whoever takes them: it cannot be at its end already.
  const long = { topic: `${topic}-long`, partition: 0 };
  await topics.create(long.topic, 1);
  const appender = openingAppender();
  const large = { key: null, value: Buffer.alloc(300_000, '?'), headers: {}, timestampMs: RECEIVED_MS };
  for (let part = 0; part < PARTS; part += 1)
    expect(await appender.append(long, [large])).toMatchObject({ outcome: 'acked' });
  await appender.stop();
  const threads = open();
  const reading = threads.read(long, 0n, BigInt(PARTS), { isContentOnly: true });
  expect((await reading.next()).value).not.toEqual([]);
  await threads.stop();
  await expect(async () => {
    for await (const _ of reading);
  }).rejects.toThrow('a thread of the audit has ended');
  const left = threads.read({ topic, partition: 0 }, 0n, 1_500n, { isContentOnly: true });
  await left.next();
  await left.return(undefined);
  expect(threads.running).toBe(0);
});

test('a read that is given up ends', async () => {
  const signal = AbortSignal.abort(new Error('given up'));
  const reading = open().read({ topic, partition: 0 }, 0n, 1_500n, { isContentOnly: true, signal });
  await expect(reading.next()).rejects.toThrow('given up');
});
