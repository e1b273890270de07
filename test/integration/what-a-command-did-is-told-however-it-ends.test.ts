// Excludes: a redrive, a purge or a replay that fails or is interrupted in the middle, and that neither its document nor the timeline of the
// audit knows of.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, inject, onTestFinished, test } from 'vitest';
import { loadTimeline } from '../../consumers/gap-detector/timeline-store.ts';
import { Codec } from '../../kafka/codec.ts';
import type { RangeEntry } from '../../kafka/log.ts';
import type { Cli } from '../../operator/cli/cli.ts';
import { replay } from '../../operator/cli/replay.ts';
import { AVRO_SCHEMAS } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { systemClock } from '../../service/clock.ts';
import { createLogger } from '../../service/logger.ts';
import { incomingEvent } from '../support/incoming-events.ts';
import { plainEnvironment } from '../support/plain-environment.ts';
import { pmcCommand } from '../support/pmc-command.ts';
import { type ScratchDatabase, scratchDatabase } from '../support/scratch-database.ts';

const PMC = fileURLToPath(new URL('../../operator/cli/pmc.ts', import.meta.url));
const incarnation = randomUUID();
let database: ScratchDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await scratchDatabase(inject('databaseUrl'));
  pool = new pg.Pool({ connectionString: database.url, max: 1 });
});
afterAll(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
});
beforeEach(() => pool.query('truncate audit.timeline, quarantine, message_metadata, coverage, purged, audit.findings'));

const told = async () => (await loadTimeline(pool)).map(({ kind, subject, detail }) => [kind, subject, detail]);

/** Knows the first schema, and leaves the question for the second to the test. */
async function registry(asked: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((request, response) => {
    if (request.url === '/schemas/ids/1')
      response.end(JSON.stringify({ schema: JSON.stringify(AVRO_SCHEMAS.IncomingEvent) }));
    else asked(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function quarantineTwo(): Promise<void> {
  const codec = new Codec(inject('registryUrl'));
  await codec.prepare([TOPIC.incoming]);
  for (const id of [1, 2]) {
    const raw = codec.encode(TOPIC.incoming, incomingEvent({ id: `m${id}`, content: 'x' }, { id: `m${id}` }));
    raw.writeInt32BE(id, 1);
    await pool.query(
      `insert into quarantine (incarnation, topic, partition, record_offset, code, reason, raw)
       values ($1, $2, 0, $3, 'PMC_CODEC_UNKNOWN_SCHEMA', 'bad', $4)`,
      [incarnation, TOPIC.incoming, id, raw],
    );
  }
}

const FIRST_ONLY = {
  ...{ executed: true, tried: 1, closed: 1, open: 1 },
  entries: [{ incarnation, partition: 0, offset: 1, outcome: 'stored', reason: '' }],
};
const FIRST_NOTED = ['operator-action', 'quarantine', 'pmc dlq redrive --execute: 1 of 1 entries closed'];

test('a redrive whose registry goes away', async () => {
  await quarantineTwo();
  const registryUrl = await registry((response) => response.destroy());
  const environment = { DATABASE_URL: database.url, PMC_REGISTRY_URL: registryUrl };
  const { code, stdout, stderr } = await pmcCommand(environment, 'dlq', 'redrive', '--all', '--execute', '--json');
  expect([code, stderr]).toEqual([7, expect.stringContaining('PMC_REGISTRY_UNREACHABLE')]);
  expect(JSON.parse(stdout)).toMatchObject(FIRST_ONLY);
  expect(await told()).toEqual([FIRST_NOTED]);
});

test.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('a redrive that %s interrupts', async (signal) => {
  await quarantineTwo();
  const isAsked = Promise.withResolvers<ServerResponse>();
  let isOver = false;
  const registryUrl = await registry((response) => {
    if (isOver) response.destroy();
    isAsked.resolve(response);
  });
  const pmc = spawn(process.execPath, [PMC, 'dlq', 'redrive', '--all', '--execute', '--json'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...plainEnvironment(), NODE_ENV: 'production', DATABASE_URL: database.url, PMC_REGISTRY_URL: registryUrl },
  });
  let document = '';
  pmc.stdout.on('data', (chunk: Buffer) => (document += chunk.toString()));
  const ended = once(pmc, 'close');
  onTestFinished(() => void pmc.kill('SIGKILL'));
  const unanswered = await isAsked.promise;
  pmc.kill(signal);
  // It asks again before it takes the registry for away, and has the signal by then.
  isOver = true;
  unanswered.destroy();
  expect((await ended)[0]).toBe(130);
  expect(JSON.parse(document)).toMatchObject(FIRST_ONLY);
  expect(await told()).toEqual([FIRST_NOTED]);
});

test('a purge that the database refuses in the middle', async () => {
  const [rows, batch] = [7_000, 5_000];
  await pool.query(
    `insert into message_metadata (id, raw_payload, incarnation, partition, record_offset, source, kind, gateway_epoch, ingest_seq,
       received_at)
     select gen_random_uuid(), '{}', $1, 0, n, 'a', 'typing', 'epoch', n, '2026-01-01' from generate_series(0, $2 - 1) n`,
    [incarnation, rows],
  );
  await pool.query('insert into coverage (incarnation, topic, partition, upper_offset) values ($1, $2, 0, $3)', [
    incarnation,
    TOPIC.incoming,
    rows,
  ]);
  await pool.query(`
    create function refuse() returns trigger language plpgsql as $$ begin raise 'not this one'; end $$;
    create trigger refusal before delete on message_metadata for each row when (old.record_offset = 6000) execute function refuse()`);
  onTestFinished(async () => {
    await pool.query('drop function refuse cascade');
  });
  const flags = ['--before', '2026-02-01', '--reason', 'test', '--execute', '--json'];
  const { code, stdout, stderr } = await pmcCommand({ DATABASE_URL: database.url }, 'rows', 'purge', ...flags);
  expect([code, stderr]).toEqual([1, expect.stringContaining('not this one')]);
  const partitions = [{ incarnation, partition: 0, from: 0, to: batch - 1, rows: batch }];
  expect(JSON.parse(stdout)).toMatchObject({ executed: true, rows: batch, partitions });
  expect(await told()).toEqual([['operator-action', 'rows', expect.stringContaining(`${batch} rows deleted (test)`)]]);
  const left = await pool.query<{ rows: number }>('select count(*)::int as rows from message_metadata');
  expect(left.rows).toEqual([{ rows: rows - batch }]);
});

test('a replay whose log goes away in the middle of its one range', async () => {
  await pool.query(
    `insert into audit.findings (finding_key, kind, stage, detail, coincident, first_run, first_seen_at, last_seen_at)
     select 'missing' || n, 'missing', 'log-to-stored',
       json_build_object('topic', $1::text, 'incarnation', $2::text, 'partition', 0, 'offset', n), '[]', 'run', now(), now()
     from generate_series(1, 3) as n`,
    [TOPIC.incoming, incarnation],
  );
  const codec = new Codec(inject('registryUrl'));
  await codec.prepare([TOPIC.incoming]);
  const entry = (id: number): RangeEntry => {
    const value = codec.encode(TOPIC.incoming, incomingEvent({ id: `r${id}`, content: 'x' }, { id: `r${id}` }));
    const at = { topic: TOPIC.incoming, partition: 0, offset: BigInt(id) };
    return { kind: 'record', record: { ...at, key: null, value, headers: {}, timestampMs: 0 }, leaderEpoch: 0 };
  };
  async function* read() {
    yield await Promise.resolve([entry(1), entry(2)]);
    throw new Error('the broker is away');
  }
  const ends = new Map([[0, { logStart: 0n, lastStable: 9n, highWatermark: 9n }]]);
  const topic = { topic: TOPIC.incoming, incarnation, partitions: [] };
  const admin = { topics: () => Promise.resolve([topic]), ends: () => Promise.resolve(ends) };
  const about = { codec, clock: systemClock, logger: createLogger('audit', 'silent'), pool };
  const servers = { ...about, admin, ranges: { read }, config: { databaseUrl: database.url } };
  const stdout = new PassThrough();
  const cli = { environment: {}, stdout, stderr: new PassThrough(), endWith: () => undefined } as unknown as Cli;
  await expect(replay({ execute: true, json: true }, servers, cli)).rejects.toThrow('the broker is away');
  expect(JSON.parse(String(stdout.read()))).toMatchObject({ executed: true, offsets: 3, stored: 2 });
  const detail = 'pmc replay --missing --execute: 2 of 3 offsets accounted for';
  expect(await told()).toEqual([['operator-action', TOPIC.incoming, detail]]);
});
