// How many frames a second one communicator accepts, puts on the log and acknowledges, over 50 connections of pmc.v1, and how long an
// acknowledgement takes at half of that; beside Kafka's own ProducerPerformance and a RabbitMQ publisher with confirms, in turns. And
// what an idle connection costs in memory, beside the WebSocket library alone. With PMC_BENCH_PROFILE=FOLDER each communicator leaves a
// CPU profile there; RABBITMQ_URL names a RabbitMQ elsewhere.
import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ensureTopics } from '../kafka/bootstrap.ts';
import { registerSchemas } from '../kafka/schema-registration.ts';
import { SERVICE_FLAGS } from '../operator/supervisor/services.ts';
import { migrateDatabase } from '../schemas/database/migrate.ts';
import type { Environment } from '../service/config.ts';
import { type Figure, spread } from './figures.ts';
import { APPENDER, type GatewayProcess, residentBytesOf, startGatewayProcess } from './gateway-process.ts';
import type { LoadAnswer, LoadOrder } from './ingest-load.ts';
import { createTopic, deleteTopic, VALUE_BYTES } from './log-topic.ts';
import { appendRateOf } from './peer-output.ts';
import { kafkaTools, type ScratchKafka } from './scratch-kafka.ts';
import { type ScratchServers, startScratchServers } from './scratch-servers.ts';

const CONNECTIONS = 50;
/** 3,200 in all: below the half of PMC_INFLIGHT_MAX at which reading stops. */
const WINDOW_FRAMES = 64;
const LENGTH = { rampMs: 1_500, measuredMs: 6_000 };
const WARM_UP = { rampMs: 0, measuredMs: 1_500 };
const PEER_RECORDS = 300_000;
const RABBIT_MESSAGES = 40_000;
const RABBIT_URL = 'amqp://guest:guest@127.0.0.1:5672';
const IDLE_CONNECTIONS = [5_000, 10_000] as const;
const IDLE_REST_MS = 5_000;
const LOAD = fileURLToPath(new URL('./ingest-load.ts', import.meta.url));
const RABBIT_GATEWAY = fileURLToPath(new URL('./rabbit-gateway.ts', import.meta.url));
const RABBIT = fileURLToPath(new URL('./rabbit-publisher.ts', import.meta.url));
const BARE = fileURLToPath(new URL('./bare-web-socket-server.ts', import.meta.url));

interface Round {
  readonly acked: number;
  readonly cpuMicros: number;
  readonly latenciesMs: NonNullable<LoadAnswer['latenciesMs']>;
  readonly producerPerformance: number;
  readonly quorum: number;
  readonly classic: number;
  /** Frames a second through a gateway that publishes to quorum queues. */
  readonly rabbitGateway: number;
}

type KafkaPeer = Pick<ScratchKafka, 'broker' | 'runTool'>;

export async function ingest(environment: Environment, runs: number): Promise<readonly Figure[]> {
  const servers = await startScratchServers(environment, ['kafka', 'registry', 'postgres']);
  const profileFolder = environment['PMC_BENCH_PROFILE'];
  try {
    const [broker = ''] = servers.addresses.brokers;
    const kafka = { broker, runTool: await kafkaTools(servers) };
    const { brokers, registryUrl, databaseUrl } = servers.addresses;
    await Promise.all([ensureTopics({ brokers }), registerSchemas(registryUrl), migrateDatabase(databaseUrl)]);
    const rabbitUrl = environment['RABBITMQ_URL'] ?? RABBIT_URL;
    const rounds = await withGateway(
      servers,
      profileFolder,
      async (gateway) => await measure(gateway, kafka, rabbitUrl, runs),
    );
    return [...ingestFigures(rounds), ...(await idleFigures(servers))];
  } finally {
    await servers.stop();
  }
}

async function measure(gateway: GatewayProcess, kafka: KafkaPeer, rabbitUrl: string, runs: number) {
  return await withLoad(gateway, async (ask) => {
    await ask({ do: 'connect', connections: CONNECTIONS });
    const rounds: Round[] = [];
    for (let round = 0; round <= runs; round += 1) {
      const cpuBefore = gateway.cpuSeconds();
      const perSecond = perSecondOf(await ask({ do: 'saturate', windowFrames: WINDOW_FRAMES, ...LENGTH }));
      // Of the ramp as well: about the same a frame.
      const frames = (perSecond * (LENGTH.rampMs + LENGTH.measuredMs)) / 1_000;
      const cpuMicros = ((gateway.cpuSeconds() - cpuBefore) * 1e6) / frames;
      const half = await ask({ do: 'steady', perSecond: perSecond / 2, ...LENGTH });
      if (half.latenciesMs === undefined) throw new Error('the load measured no latencies');
      const producerPerformance = await producerPerformanceRate(kafka, round);
      const quorum = await rabbitRate(rabbitUrl, 'quorum');
      const classic = await rabbitRate(rabbitUrl, 'classic');
      const rabbitGateway = await rabbitGatewayRate(rabbitUrl);
      if (round > 0) {
        rounds.push({
          acked: perSecond,
          cpuMicros,
          latenciesMs: half.latenciesMs,
          producerPerformance,
          quorum,
          classic,
          rabbitGateway,
        });
      }
    }
    return rounds;
  });
}

function ingestFigures(rounds: readonly Round[]): readonly Figure[] {
  const of = (read: (round: Round) => number) => spread(rounds.map(read));
  const acked = of((round) => round.acked);
  const latency = (name: keyof Round['latenciesMs']): Figure => ({
    figure: `ingest.ack-${name}-ms`,
    unit: 'ms',
    value: of(({ latenciesMs }) => latenciesMs[name]),
  });
  return [
    {
      ...{ figure: 'ingest.acked', unit: 'frames/s', value: acked, against: 'RabbitMQ, two quorum queues' },
      ratio: of((round) => round.acked / round.quorum),
    },
    {
      ...{ figure: 'ingest.gateway-share', unit: 'frames/s', value: acked, against: 'a gateway on RabbitMQ' },
      ratio: of((round) => round.acked / round.rabbitGateway),
    },
    {
      ...{ figure: 'ingest.append-share', unit: 'frames/s', value: acked, against: 'ProducerPerformance' },
      ratio: of((round) => round.acked / round.producerPerformance),
    },
    ...(['p50', 'p99', 'p999', 'max'] as const).map(latency),
    { figure: `ingest.cpu (${APPENDER})`, unit: 'us/frame', value: of(({ cpuMicros }) => cpuMicros) },
    { figure: 'ingest.ProducerPerformance', unit: 'records/s', value: of((round) => round.producerPerformance) },
    { figure: 'ingest.RabbitMQ-quorum', unit: 'messages/s', value: of((round) => round.quorum) },
    { figure: 'ingest.RabbitMQ-gateway', unit: 'frames/s', value: of((round) => round.rabbitGateway) },
    { figure: 'ingest.RabbitMQ-classic', unit: 'messages/s', value: of((round) => round.classic) },
  ];
}

/** Once each: memory is what a process has after all that it did before. */
async function idleFigures(servers: ScratchServers): Promise<readonly Figure[]> {
  const ours = await withGateway(
    servers,
    undefined,
    async (gateway) => await idleBytes(gateway, gateway.residentBytes),
  );
  const bareServer = fork(BARE, [], { execArgv: [...SERVICE_FLAGS.communicator], stdio: ['ignore', 2, 2, 'ipc'] });
  const { port } = await answerOf<{ port: number }>(bareServer);
  const bare = await idleBytes({ url: `ws://127.0.0.1:${port}`, token: '' }, () => residentBytesOf(bareServer));
  bareServer.disconnect();
  return IDLE_CONNECTIONS.map((connections, index) => {
    const [own = 0, peer = 0] = [ours[index], bare[index]];
    const suffix = connections === IDLE_CONNECTIONS.at(-1) ? '' : `-${connections}`;
    return {
      ...{ figure: `ingest.idle-bytes${suffix}`, unit: 'bytes/connection', value: spread([own]) },
      ...{ against: `bare ws (${Math.round(peer)})`, ratio: spread([own / peer]) },
    };
  });
}

async function idleBytes(
  at: Pick<GatewayProcess, 'url' | 'token'>,
  residentBytes: () => number,
): Promise<readonly number[]> {
  return await withLoad(at, async (ask) => {
    // What the first connections cost once (code, caches) is not a connection's.
    await ask({ do: 'idle', connections: CONNECTIONS });
    await sleep(IDLE_REST_MS);
    const before = residentBytes();
    const perConnection: number[] = [];
    for (const connections of IDLE_CONNECTIONS) {
      await ask({ do: 'idle', connections });
      await sleep(IDLE_REST_MS);
      perConnection.push((residentBytes() - before) / (connections - CONNECTIONS));
    }
    return perConnection;
  });
}

async function producerPerformanceRate(kafka: KafkaPeer, round: number): Promise<number> {
  const topic = `ingest-peer-${round}`;
  await createTopic(kafka, topic);
  const load = ['--num-records', String(PEER_RECORDS), '--record-size', String(VALUE_BYTES), '--throughput', '-1'];
  const rate = appendRateOf(await kafka.runTool('ProducerPerformance', ['--topic', topic, ...load]), PEER_RECORDS);
  await deleteTopic(kafka, topic);
  return rate;
}

async function rabbitRate(url: string, kind: 'quorum' | 'classic'): Promise<number> {
  const args = [url, kind, String(RABBIT_MESSAGES), String(VALUE_BYTES)];
  const child = fork(RABBIT, args, { stdio: ['ignore', 2, 2, 'ipc'] });
  const closed = new Promise((resolve) => child.once('close', resolve));
  const { recordsPerSecond } = await answerOf<{ recordsPerSecond: number }>(child);
  await closed;
  return recordsPerSecond;
}

/** The same load through V1's way: WebSocket in, publisher confirms, acknowledgement out. With Node's options as ours, and warm. */
async function rabbitGatewayRate(url: string): Promise<number> {
  const execArgv = [...SERVICE_FLAGS.communicator];
  const child = fork(RABBIT_GATEWAY, [url], { execArgv, stdio: ['ignore', 2, 2, 'ipc'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  try {
    const { port } = await answerOf<{ port: number }>(child);
    const rate = await withLoad({ url: `ws://127.0.0.1:${port}`, token: '' }, async (ask) => {
      await ask({ do: 'connect', connections: CONNECTIONS });
      // Short: nobody takes anything out of the queues, and long ones are slower.
      await ask({ do: 'saturate', windowFrames: WINDOW_FRAMES, ...WARM_UP });
      return perSecondOf(await ask({ do: 'saturate', windowFrames: WINDOW_FRAMES, ...LENGTH }));
    });
    child.send('count');
    const counted = await answerOf<{ readonly failure?: string }>(child);
    if (counted.failure !== undefined) throw new Error(`gateway on RabbitMQ: ${counted.failure}`);
    return rate;
  } finally {
    if (child.connected) child.disconnect();
    await exited;
  }
}

function perSecondOf({ acked, tookMs }: LoadAnswer): number {
  return (acked * 1_000) / tookMs;
}

async function withGateway<T>(
  servers: ScratchServers,
  profileFolder: string | undefined,
  use: (gateway: GatewayProcess) => Promise<T>,
): Promise<T> {
  const gateway = await startGatewayProcess(servers, profileFolder);
  try {
    return await use(gateway);
  } finally {
    await gateway.stop();
  }
}

async function withLoad<T>(
  { url, token }: Pick<GatewayProcess, 'url' | 'token'>,
  use: (ask: (order: LoadOrder) => Promise<LoadAnswer>) => Promise<T>,
): Promise<T> {
  const child = fork(LOAD, [url, token], { stdio: ['ignore', 2, 2, 'ipc'] });
  try {
    return await use(async (order) => {
      const answer = answerOf<LoadAnswer | { readonly failure: string }>(child);
      child.send(order);
      const answered = await answer;
      if ('failure' in answered) throw new Error(`load: ${answered.failure}`);
      return answered;
    });
  } finally {
    if (child.connected) child.disconnect();
  }
}

function answerOf<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null, signal: string | null): void =>
      reject(new Error(`${child.spawnargs.slice(1, 3).join(' ')} ended with ${signal ?? `exit code ${code}`}`));
    child.once('exit', onExit);
    child.once('message', (message) => {
      child.off('exit', onExit);
      resolve(message as T);
    });
  });
}
