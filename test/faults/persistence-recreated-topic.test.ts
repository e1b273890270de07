// A topic that is deleted and created again has offsets that were there before. Excludes: events of its second life taken for
// duplicates of the first, or written over it.
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { Codec } from '../../kafka/codec.ts';
import { openAppender } from '../../kafka/connect.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { createLogger } from '../../service/logger.ts';
import { incomingEvent } from '../support/incoming-events.ts';
import { KafkaCluster } from '../support/log/kafka-cluster.ts';
import { type ScratchDatabase, scratchDatabase } from '../support/scratch-database.ts';
import { ServiceProcess } from '../support/service-process.ts';

const WAIT = { timeout: 90_000, interval: 200 };
const EVENTS = 50;
const AGAIN = 5;
let cluster: KafkaCluster;
let database: ScratchDatabase;
let pool: pg.Pool;
let codec: Codec;

beforeAll(async () => {
  cluster = await KafkaCluster.start(inject('artifacts'), 1);
  database = await scratchDatabase(inject('databaseUrl'));
  pool = new pg.Pool({ connectionString: database.url, max: 1 });
  codec = new Codec(inject('registryUrl'));
  await codec.prepare([TOPIC.incoming]);
});
afterAll(async () => {
  await pool?.end();
  await database?.[Symbol.asyncDispose]();
  await cluster?.stop();
});

const create = () =>
  cluster.ask((admin) => admin.createTopics({ topics: [TOPIC.incoming], partitions: 1, replicas: 1 }));

function start(): ServiceProcess {
  return ServiceProcess.start('persistence', {
    PMC_KAFKA_BROKERS: cluster.direct.join(','),
    PMC_REGISTRY_URL: inject('registryUrl'),
    DATABASE_URL: database.url,
  });
}

async function append(ids: readonly string[]): Promise<void> {
  const config = { brokers: cluster.direct, appenderClient: 'kafkajs' } as const;
  const appender = openAppender({ config, clientId: 'test', logger: createLogger('test', 'silent') });
  const records = ids.map((id) => {
    const value = codec.encode(TOPIC.incoming, incomingEvent({ id }, { id }));
    return { key: null, value, headers: {}, timestampMs: Date.now() };
  });
  try {
    const { outcome } = await appender.append({ topic: TOPIC.incoming, partition: 0 }, records);
    if (outcome !== 'acked') throw new Error(`the append was ${outcome}`);
  } finally {
    await appender.stop();
  }
}

async function accounts(): Promise<readonly object[]> {
  const { rows } = await pool.query<object>(
    `select count(*)::int as rows, min(record_offset)::int as first, max(record_offset)::int as last,
       (select count(*)::int from duplicates d where d.incarnation = m.incarnation and d.first_incarnation <> d.incarnation) as repeats
     from message_metadata m group by incarnation order by min(created_at)`,
  );
  return rows;
}

const named = (letter: string, count: number) => Array.from({ length: count }, (_, n) => `${letter}${n}`);

test('both lives are stored whole; only what is the same event is a duplicate', async () => {
  await create();
  const first = start();
  await append(named('a', EVENTS));
  const firstLife = { rows: EVENTS, first: 0, last: EVENTS - 1, repeats: 0 };
  await vi.waitFor(async () => expect(await accounts()).toEqual([firstLife]), WAIT);
  await cluster.ask((admin) => admin.deleteTopics({ topics: [TOPIC.incoming] }));
  await vi.waitFor(create, WAIT);
  // What the source sends again after the accident, and what is new.
  await vi.waitFor(() => append([...named('a', AGAIN), ...named('b', EVENTS)]), WAIT);
  // It ends by itself and says why; whoever watches it starts it again.
  await first.ended;
  expect(first.log).toContain('PMC_TOPIC_RECREATED');
  const second = start();
  const secondLife = { rows: EVENTS, first: AGAIN, last: AGAIN + EVENTS - 1, repeats: AGAIN };
  await vi.waitFor(async () => expect(await accounts()).toEqual([firstLife, secondLife]), WAIT);
  expect(await second.stop()).toEqual({ code: 0, signal: null });
});
