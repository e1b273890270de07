// How many rows a second the persistence service makes of a topic that is full, beside Debezium's JDBC sink into the same table, and
// beside PostgreSQL's COPY of the same rows from a file on its own disk, which no program that reads a log can reach. All three
// write the same rows, which is checked. They take turns; the first round does not count. The service reads by each of the log's
// clients; the figures without a client's name are those of the faster one, whatever the environment says.
// With PMC_BENCH_PROFILE=FOLDER each of its runs leaves a CPU profile there.
//
// A clock runs from the first row that is there to the last, so that neither starting a process nor joining a group counts.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { ensureTopics } from '../kafka/bootstrap.ts';
import { registerSchemas } from '../kafka/schema-registration.ts';
import { SERVICE_FLAGS } from '../operator/supervisor/services.ts';
import { migrateDatabase } from '../schemas/database/migrate.ts';
import type { Environment } from '../service/config.ts';
import { startDebezium } from './connect/debezium.ts';
import { cpuProfileFlags } from './cpu-profile.ts';
import { type Figure, spread } from './figures.ts';
import { kafkaTools } from './scratch-kafka.ts';
import { type ScratchServers, startScratchServers } from './scratch-servers.ts';
import { type Filled, fillTopics } from './store-topics.ts';

const RECORDS = 1_000_000;
const PEER_TOPIC = 'rows';
const PARTITIONS = 6;
const POLL_MS = 20;
const MEMORY_POLL_MS = 500;
const TABLE = 'message_metadata';
const FOLDED = ['message_state', 'conversations', 'fold_positions'];
const WRITTEN = [TABLE, 'duplicates', 'quarantine', 'coverage', ...FOLDED];
/** The faster one first. */
const READERS = ['platformatic', 'kafkajs'] as const;
const SERVICE = fileURLToPath(new URL('./store-service/main.ts', import.meta.url));

interface Measured {
  readonly rowsPerSecond: number;
  readonly cpuMicrosPerRow: number;
  readonly memoryMb: number;
  readonly memoryGrowthMb: number;
}

type ReaderName = (typeof READERS)[number];

interface Round {
  readonly ours: Readonly<Record<ReaderName, Measured>>;
  readonly debezium: number;
  readonly copy: number;
}

interface Bench {
  readonly servers: ScratchServers;
  readonly path: string | undefined;
  readonly profileFolder: string | undefined;
  readonly database: pg.Client;
  readonly superuser: pg.Client;
  readonly filled: Filled;
}

/** PMC_BENCH_RECORDS is how many records a run drains. */
export async function store(environment: Environment, runs: number): Promise<readonly Figure[]> {
  const count = Number(environment['PMC_BENCH_RECORDS'] ?? RECORDS);
  const servers = await startScratchServers(environment, ['kafka', 'registry', 'postgres']);
  const { brokers, registryUrl, databaseUrl } = servers.addresses;
  const database = new pg.Client({ connectionString: databaseUrl });
  const superuser = new pg.Client({ connectionString: servers.superuserUrl });
  try {
    await Promise.all([migrateDatabase(databaseUrl), ensureTopics({ brokers }), registerSchemas(registryUrl)]);
    const runTool = await kafkaTools(servers);
    const shape = ['--partitions', String(PARTITIONS), '--replication-factor', '1'];
    await runTool('TopicCommand', ['--create', '--topic', PEER_TOPIC, ...shape]);
    await Promise.all([database.connect(), superuser.connect()]);
    const filled = await fillTopics(servers, PEER_TOPIC, count);
    process.stderr.write(`bytes a record: ours ${filled.bytes.ours / count}, peer ${filled.bytes.peer / count}\n`);
    const bench: Bench = {
      servers,
      path: environment['PATH'],
      profileFolder: environment['PMC_BENCH_PROFILE'],
      database,
      superuser,
      filled,
    };
    const rounds: Round[] = [];
    for (let round = 0; round <= runs; round += 1) {
      const measured = await measureRound(bench, round);
      process.stderr.write(`${JSON.stringify(measured)}\n`);
      if (round > 0) rounds.push(measured);
    }
    return figuresOf(rounds);
  } finally {
    await Promise.all([database.end(), superuser.end()]);
    await servers.stop();
  }
}

export function figuresOf(rounds: readonly Round[]): readonly Figure[] {
  return [
    ...READERS.flatMap((reader) => figuresOfReader(rounds, reader)),
    { figure: 'store.debezium.rows', unit: 'rows/s', value: spread(rounds.map(({ debezium }) => debezium)) },
    { figure: 'store.copy.rows', unit: 'rows/s', value: spread(rounds.map(({ copy }) => copy)) },
  ];
}

function figuresOfReader(rounds: readonly Round[], reader: ReaderName): readonly Figure[] {
  const suffix = reader === READERS[0] ? '' : ` (${reader})`;
  const ours = (pick: (measured: Measured) => number) => spread(rounds.map((round) => pick(round.ours[reader])));
  const ratio = (pick: (round: Round) => number) =>
    spread(rounds.map((round) => round.ours[reader].rowsPerSecond / pick(round)));
  return [
    { figure: `store.rows${suffix}`, unit: 'rows/s', value: ours(({ rowsPerSecond }) => rowsPerSecond) },
    { figure: `store.cpu (${reader})`, unit: 'us/row', value: ours(({ cpuMicrosPerRow }) => cpuMicrosPerRow) },
    { figure: `store.rss-mb${suffix}`, unit: 'MB', value: ours(({ memoryMb }) => memoryMb) },
    { figure: `store.rss-growth-mb${suffix}`, unit: 'MB', value: ours(({ memoryGrowthMb }) => memoryGrowthMb) },
    { figure: `store.debezium${suffix}`, unit: 'ratio', value: ratio(({ debezium }) => debezium) },
    { figure: `store.copy${suffix}`, unit: 'ratio', value: ratio(({ copy }) => copy) },
  ];
}

async function measureRound(bench: Bench, round: number): Promise<Round> {
  await emptied(bench.superuser);
  const debezium = await runDebezium(bench, `debezium-${round}`);
  const theirs = await digest(bench);
  const stored = async (reader: ReaderName): Promise<Measured> => {
    await emptied(bench.superuser);
    const measured = await runService(bench, reader, `bench-${reader}-${round}`);
    const digested = await digest(bench);
    if (digested !== theirs) throw new Error(`the rows differ: ${digested} here, ${theirs} by the peer`);
    return measured;
  };
  const ours = { platformatic: await stored('platformatic'), kafkajs: await stored('kafkajs') };
  const copy = await runCopy(bench);
  if ((await digest(bench)) !== theirs) throw new Error('the rows that COPY wrote differ');
  return { ours, debezium, copy };
}

async function runDebezium(bench: Bench, name: string): Promise<number> {
  const connect = await startDebezium(bench.servers, { name, topic: PEER_TOPIC, table: TABLE });
  const ended = connect.exited.then(({ reason }) => {
    throw new Error(`Connect ended with ${reason}; its log is ${connect.logFile}`);
  });
  ended.catch(() => undefined);
  const rate = await Promise.race([stored(bench), ended]);
  await connect.end({ deadlineMs: 10_000 });
  return rate;
}

async function runService(bench: Bench, reader: ReaderName, group: string): Promise<Measured> {
  const { brokers, registryUrl, databaseUrl } = bench.servers.addresses;
  const env = {
    ...{ PATH: bench.path, NODE_ENV: 'production', PMC_LOG_LEVEL: 'warn', PMC_HEALTH_PORT: '0' },
    ...{ NODE_COMPILE_CACHE: join(bench.servers.home, 'compiled'), PMC_KAFKA_READER: reader },
    ...{ PMC_KAFKA_BROKERS: brokers.join(','), PMC_REGISTRY_URL: registryUrl, DATABASE_URL: databaseUrl },
  };
  const child = fork(SERVICE, [group], {
    env,
    execArgv: [...SERVICE_FLAGS.persistence, ...cpuProfileFlags(bench.profileFolder)],
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  const [{ healthUrl }] = (await once(child, 'message')) as [{ healthUrl: string }];
  const memory: number[] = [];
  const watch = setInterval(() => {
    void processMetric(healthUrl, 'resident_memory_bytes').then(
      (bytes) => memory.push(bytes / 1e6),
      () => undefined,
    );
  }, MEMORY_POLL_MS);
  const rowsPerSecond = await stored(bench);
  clearInterval(watch);
  const cpuSeconds = await processMetric(healthUrl, 'cpu_seconds_total');
  memory.push((await processMetric(healthUrl, 'resident_memory_bytes')) / 1e6);
  child.kill('SIGTERM');
  await once(child, 'exit');
  const rows = [...bench.filled.records.values()].reduce((sum, one) => sum + Number(one), 0);
  // Grown since a tenth of the run was done: by then everything is compiled and every buffer has its size.
  const early = memory[Math.floor(memory.length / 10)] ?? 0;
  return {
    rowsPerSecond,
    cpuMicrosPerRow: (cpuSeconds * 1e6) / rows,
    memoryMb: Math.max(...memory),
    memoryGrowthMb: (memory.at(-1) ?? 0) - early,
  };
}

async function processMetric(healthUrl: string, name: string): Promise<number> {
  const text = await (await fetch(`${healthUrl}/metrics`)).text();
  return Number(new RegExp(`^process_${name}\\{[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1]);
}

/** By the superuser, since PostgreSQL lets nobody else read its own disk. */
async function runCopy({ superuser }: Bench): Promise<number> {
  const { rows } = await superuser.query<{ data_directory: string }>('show data_directory');
  const file = `${rows[0]?.data_directory}/bench.copy`;
  await superuser.query(`copy ${TABLE} to '${file}'`);
  await emptied(superuser);
  const startedMs = performance.now();
  const { rowCount } = await superuser.query(`copy ${TABLE} from '${file}'`);
  return ((rowCount ?? 0) / (performance.now() - startedMs)) * 1_000;
}

/** Rows a second between the first row that is seen and the last of every partition. */
async function stored({ database, filled: { incarnation, records } }: Bench): Promise<number> {
  const any = `select count(*)::int as rows from (select from ${TABLE} limit 100000) as seen`;
  let before = 0;
  for (; before === 0; await sleep(POLL_MS)) before = (await database.query<{ rows: number }>(any)).rows[0]?.rows ?? 0;
  const startedMs = performance.now();
  const last = `select 1 from ${TABLE} where incarnation = $1 and partition = $2 and record_offset = $3`;
  let total = 0;
  for (const [partition, count] of records) {
    total += Number(count);
    while ((await database.query(last, [incarnation, partition, String(count - 1n)])).rowCount === 0)
      await sleep(POLL_MS);
  }
  return ((total - before) / (performance.now() - startedMs)) * 1_000;
}

/** What is the same only if all rows have the same content at the same places. */
async function digest({ database }: Bench): Promise<string> {
  const { rows } = await database.query<{ digest: string }>(
    `select concat(count(*), ' ', sum(hashtextextended(concat_ws('|', id, timestamp, sender, type, raw_payload, partition,
       record_offset, event_id, kind, chat, actor, content, ref_id, ingest_seq, received_at), 0)::numeric)) as digest from ${TABLE}`,
  );
  return rows[0]?.digest ?? '';
}

async function emptied(superuser: pg.Client): Promise<void> {
  await superuser.query(`truncate ${WRITTEN.join(', ')}`);
  await superuser.query('checkpoint');
}
