// Excludes: a bad record that takes others with it, an entry without reason or bytes, a redrive that leaves an entry open or loses it.
// The records are on a log of this file's own, and the service that reads them is a process, as in use.
import kafkajs from 'kafkajs';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { rowDigests, storedSide } from '../../consumers/gap-detector/stored-side.ts';
import { loadTimeline } from '../../consumers/gap-detector/timeline-store.ts';
import { Codec } from '../../kafka/codec.ts';
import { openAdmin } from '../../kafka/connect.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { incomingEvent } from '../support/incoming-events.ts';
import { KafkaCluster } from '../support/log/kafka-cluster.ts';
import { newTopicThere } from '../support/new-topic.ts';
import { pmcCommand } from '../support/pmc-command.ts';
import { type ScratchDatabase, scratchDatabase } from '../support/scratch-database.ts';
import { ServiceProcess } from '../support/service-process.ts';

const RECORDS = 100_000;
const PER_APPEND = 500;
const PARTITION = 2;
let cluster: KafkaCluster;
let incarnation = '';
let database: ScratchDatabase;
let pool: pg.Pool;
let codec: Codec;

beforeAll(async () => {
  database = await scratchDatabase(inject('databaseUrl'));
  pool = new pg.Pool({ connectionString: database.url, max: 2 });
  codec = new Codec(inject('registryUrl'));
  await codec.prepare([TOPIC.incoming]);
  cluster = await KafkaCluster.start(inject('artifacts'), 1);
  await cluster.ask((admin) =>
    admin.createTopics({ topics: [TOPIC.incoming], partitions: PARTITION + 1, replicas: 1 }),
  );
  const admin = openAdmin({ config: { brokers: cluster.direct }, clientId: 'test' });
  await newTopicThere(admin, TOPIC.incoming);
  await admin.stop();
});
afterAll(async () => {
  await cluster?.stop();
  await pool?.end();
  await database?.[Symbol.asyncDispose]();
});

/** A value of every kind that cannot be a row, by offset, with the code it must get. */
const POISON: ReadonlyMap<number, readonly [code: string, value: () => Buffer | null]> = new Map([
  [1, ['PMC_CODEC_MALFORMED', () => null]],
  [20_000, ['PMC_CODEC_MALFORMED', () => Buffer.alloc(0)]],
  [20_001, ['PMC_CODEC_MALFORMED', () => Buffer.from([7, 0, 0, 0, 1, 2])]],
  [33_333, ['PMC_CODEC_UNKNOWN_SCHEMA', () => Buffer.from([0, 0x7f, 0xff, 0xff, 0xfe, 1])]],
  [50_000, ['PMC_CODEC_MALFORMED', () => encoded(Buffer.from('{}')).subarray(0, 20)]],
  [66_666, ['PMC_PERSISTENCE_PAYLOAD', () => encoded(Buffer.from([0x7b, 0xff, 0x7d]))]],
  [77_777, ['PMC_PERSISTENCE_PAYLOAD', () => encoded(Buffer.from('{"a":'))]],
  [
    88_888,
    ['PMC_PERSISTENCE_ROW_REFUSED', () => encoded(Buffer.from(`{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`))],
  ],
  [99_999, ['PMC_PERSISTENCE_PAYLOAD', () => encoded(Buffer.alloc(0))]],
]);

function encoded(payload: Buffer): Buffer {
  return codec.encode(TOPIC.incoming, incomingEvent(payload));
}

function good(offset: number): Buffer {
  return codec.encode(TOPIC.incoming, incomingEvent({ id: `m${offset}`, content: 'x' }, { id: `m${offset}` }));
}

/** By the library itself: our appender refuses a record without a value. */
async function append(): Promise<void> {
  const client = new kafkajs.Kafka({ brokers: [...cluster.direct], logLevel: kafkajs.logLevel.NOTHING });
  const producer = client.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  try {
    for (let from = 0; from < RECORDS; from += PER_APPEND) {
      const messages = Array.from({ length: PER_APPEND }, (_, index) => {
        const poison = POISON.get(from + index);
        return { partition: PARTITION, value: poison === undefined ? good(from + index) : poison[1]() };
      });
      const [answer] = await producer.send({ topic: TOPIC.incoming, acks: -1, messages });
      expect(answer?.baseOffset).toBe(String(from));
    }
  } finally {
    await producer.disconnect();
  }
}

test('of 100,000 records exactly the bad ones are quarantined, each with its reason and its bytes', async () => {
  const service = ServiceProcess.start('persistence', {
    PMC_KAFKA_BROKERS: cluster.direct.join(','),
    PMC_REGISTRY_URL: inject('registryUrl'),
    DATABASE_URL: database.url,
  });
  await append();
  await vi.waitFor(
    async () => {
      const { rows } = await pool.query<{ incarnation: string; upper_offset: string }>('select * from coverage');
      expect(rows).toMatchObject([{ upper_offset: String(RECORDS) }]);
      incarnation = rows[0]?.incarnation ?? '';
    },
    { timeout: 90_000, interval: 250 },
  );
  expect(await service.stop()).toEqual({ code: 0, signal: null });
  const stored = await pool.query('select count(*)::int as rows from message_metadata');
  expect(stored.rows).toEqual([{ rows: RECORDS - POISON.size }]);
  const { rows } = await pool.query<{ record_offset: string; code: string; reason: string; raw: Buffer | null }>(
    'select record_offset, code, reason, raw from quarantine order by record_offset',
  );
  expect(rows.map(({ record_offset, code }) => [Number(record_offset), code])).toEqual(
    [...POISON].map(([offset, [code]]) => [offset, code]),
  );
  for (const { record_offset, reason, raw } of rows) {
    expect(reason.length).toBeGreaterThan(10);
    expect(raw).toEqual(POISON.get(Number(record_offset))?.[1]());
  }
});

test('what the audit asks about a bucket of many rows is found by an index, never by reading the table', async () => {
  await pool.query('analyze');
  const client = new pg.Pool({ connectionString: database.url, max: 1, idleTimeoutMillis: 0 });
  // Of this one connection's transaction: what others did before is told to the whole server seconds later.
  const scans = async (): Promise<number> => {
    const { rows } = await client.query<{ scans: number }>(
      `select seq_scan::int as scans from pg_stat_xact_user_tables where relname = 'message_metadata'`,
    );
    return rows[0]?.scans ?? Number.NaN;
  };
  try {
    await client.query('begin');
    const before = await scans();
    const range = { topic: TOPIC.incoming, incarnation, partition: 2, lower: 40_960n, upper: 45_056n };
    expect((await storedSide(client, range)).rows.size).toBe(4_096);
    expect((await rowDigests(client, range)).get(10n)?.rows).toBe(4_096);
    expect(await scans()).toBe(before);
    // That a reading of the whole table would have been seen:
    await client.query('select count(flags) from message_metadata');
    expect(await scans()).toBeGreaterThan(before);
  } finally {
    await client.end();
  }
});

const pmc = (...args: readonly string[]) =>
  pmcCommand({ DATABASE_URL: database.url, PMC_REGISTRY_URL: inject('registryUrl') }, 'dlq', ...args);

test('pmc dlq list and show tell what is there', async () => {
  const { code, stdout } = await pmc('list', '--json');
  const listed = JSON.parse(stdout) as { open: number; entries: { offset: number; code: string }[] };
  expect([code, listed.open, listed.entries.length]).toEqual([0, POISON.size, POISON.size]);
  expect((await pmc('list', '--code', 'PMC_CODEC_UNKNOWN_SCHEMA')).stdout).toContain(
    '2/33333  PMC_CODEC_UNKNOWN_SCHEMA  6 bytes',
  );
  const shown = JSON.parse((await pmc('show', '2/77777', '--json')).stdout) as { raw: string };
  expect(Buffer.from(shown.raw, 'base64')).toEqual(encoded(Buffer.from('{"a":')));
  for (const place of ['2@77777', `${TOPIC.incoming}-2@77777`, `${incarnation}/2/77777`])
    expect(JSON.parse((await pmc('show', place, '--json')).stdout)).toMatchObject({ offset: 77_777, raw: shown.raw });
  expect(await pmc('show', '2-5')).toMatchObject({ code: 2, stderr: expect.stringContaining('PMC_USAGE') });
  expect(await pmc('redrive')).toMatchObject({ code: 2 });
});

test('a place at which nothing was quarantined is an error that names it, and nothing is tried', async () => {
  const other = `${TOPIC.outgoing}-2@77777`;
  for (const args of [
    ['show', '2/5'],
    ['show', other],
    ['redrive', '2/77777', '2/5', other],
    ['redrive', '2/77777', '2/5', other, '--execute'],
  ]) {
    const { code, stdout, stderr } = await pmc(...args);
    expect([code, stdout]).toEqual([4, '']);
    const named = ['2/5', other].filter((place) => args.includes(place)).join(', ');
    expect(stderr).toMatch(new RegExp(`^pmc: PMC_QUARANTINE_UNKNOWN: nothing was ever quarantined at ${named}; .*\n$`));
  }
  expect(await loadTimeline(pool)).toEqual([]);
});

test('what can be stored now is, its entry closed with it; the rest stays as it is', async () => {
  // As if a release had put wrong what is right: one that becomes a row, one that is another offset's event.
  await pool.query('update quarantine set raw = $1 where record_offset = 77777', [good(77_777)]);
  await pool.query('update quarantine set raw = $1 where record_offset = 66666', [good(5)]);
  const dry = await pmc('redrive', '--all');
  expect(dry.stdout).toBe(`would try ${POISON.size} entries again; --execute does\n`);
  const { code, stdout } = await pmc('redrive', '--all', '--execute', '--json');
  expect(code).toBe(3);
  const { entries } = JSON.parse(stdout) as { entries: { offset: number; outcome: string }[] };
  const done = entries.filter(({ outcome }) => outcome !== 'still-bad').map(({ offset, outcome }) => [offset, outcome]);
  expect(done).toEqual([
    [66_666, 'duplicate'],
    [77_777, 'stored'],
  ]);
  const { rows } = await pool.query<{ open: number; stored: number; duplicates: number }>(
    `select (select count(*)::int from quarantine where status = 'open') as open,
            (select count(*)::int from message_metadata where record_offset = 77777) as stored,
            (select count(*)::int from duplicates where status = 'open') as duplicates`,
  );
  expect(rows).toEqual([{ open: POISON.size - 2, stored: 1, duplicates: 1 }]);
  const closed = expect.stringContaining(`2 of ${POISON.size} entries closed`);
  expect(await loadTimeline(pool)).toMatchObject([{ kind: 'operator-action', subject: 'quarantine', detail: closed }]);
  const again = await pmc('redrive', '2/77777', '--execute');
  expect(again).toEqual({ code: 0, stdout: '', stderr: '2/77777 is closed already\n0 tried, 0 closed, 7 open\n' });
});
