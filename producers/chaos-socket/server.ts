// The simulator: a WebSocket server that plays a chat source for whoever connects, an HTTP API to steer it, and a ledger of
// what was sent. It promises: same seed and options, same plan; every frame handed to a socket is in the ledger; memory
// stays bounded however slow a peer is. It leaves to others to judge what arrived.

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { type Address, listen, portError } from '../../service/health-server.ts';
import type { Service, ServiceContext } from '../../service/lifecycle.ts';
import { chaosApi } from './api.ts';
import { type ChaosConfig, profileOf } from './config.ts';
import { Connections } from './connections.ts';
import { Emitter } from './emitter.ts';
import { FrameWriter } from './frame-writer.ts';
import { Ledger } from './ledger.ts';
import { chaosMetrics } from './metrics.ts';
import { populate } from './population.ts';
import { loadProfile } from './profile-files.ts';
import { describeReceived, ReceivedFrames } from './received-frames.ts';
import { statusReport } from './status-report.ts';

const MIB = 1_024 * 1_024;
const RECEIVED_FRAMES_MAX = 10_000;
const RECEIVED_BYTES_MAX = 64 * MIB;
const FRAME_BYTES_MAX = MIB;
const LEDGER_FLUSH_MS = 200;
const GOING_AWAY = 1001;

export async function startChaosSocket(
  config: ChaosConfig & { readonly host: string },
  { logger, metrics: registry, health, clock }: ServiceContext,
): Promise<Service> {
  const startedAtMs = clock.nowMs();
  const profile = loadProfile(profileOf(config));
  const identity = { run: ulid(startedAtMs), seed: config.seed ?? randomInt(2 ** 32) };
  const { seed } = identity;
  const { eventsPerSecond } = config;
  const metrics = chaosMetrics(registry);
  const ledger = await Ledger.open({
    folder: join(config.home, 'chaos'),
    identity,
    logger,
    fileBytesMax: 64 * MIB,
    filesMax: 8,
    bufferBytesMax: 8 * MIB,
    onFilesRemoved: (files) => metrics.countLedgerFilesRemoved(files),
    onState: (isWritable, detail) => health.set('ledger', isWritable, detail),
  });
  const population = populate(seed, { senders: profile.sender.count, chats: profile.chat?.count });
  const writer = new FrameWriter(profile, population, identity);
  const connections = new Connections({ ledger, metrics, clock });
  const received = new ReceivedFrames(RECEIVED_FRAMES_MAX, RECEIVED_BYTES_MAX);
  const untilMs = config.minutes === undefined ? undefined : config.minutes * 60_000;
  const plan = { profile, population, seed, eventsPerSecond };
  const emitter = new Emitter({ plan, untilMs, connections, writer, metrics, clock });

  const accept = (socket: WebSocket): void => {
    const connection = connections.add(socket);
    const connectionId = connection.id;
    logger.info({ connectionId, connections: connections.list.length }, 'chaos.connection.opened');
    socket.on('message', (data: RawData, binary) => {
      const frame = describeReceived(bytesOf(data), { connectionId, binary, nowMs: clock.nowMs() });
      received.add(frame);
      metrics.countReceived('frame' in frame ? 'json' : 'malformed', received.dropped);
      logger.debug({ connectionId, sizeBytes: frame.sizeBytes, chat: frame.chat }, 'chaos.frame.received');
    });
    socket.on('error', (error) => logger.warn({ connectionId, error: error.message }, 'chaos.connection.failed'));
    socket.on('close', (code) => {
      connections.remove(connection);
      emitter.closed(connection);
      const { framesSent } = connection;
      logger.info({ connectionId, code, framesSent, connections: connections.list.length }, 'chaos.connection.closed');
    });
    const nowMs = clock.nowMs();
    const { text, ...about } = writer.hello(nowMs);
    connections.send(connection, { ...about, data: text, origin: 'hello', dueAtMs: nowMs });
    emitter.opened(connection);
  };

  const status = () =>
    statusReport({ config, profile, identity, startedAtMs, nowMs: clock.nowMs(), connections, metrics });
  const nowMs = () => clock.nowMs();
  const api = chaosApi({ profile, connections, received, writer, ledger, status, nowMs, logger });
  const server = await listenForSockets({ host: config.host, port: config.wsPort });
  const apiUrl = await listen(api, { host: config.host, port: config.apiPort }, 'API_PORT').catch(
    async (error: unknown) => {
      server.close();
      await ledger.close();
      throw error;
    },
  );
  server.on('connection', accept);
  server.on('error', (error) => logger.error({ error: error.message }, 'chaos.server.failed'));
  const wsUrl = `ws://${config.host}:${portOf(server)}`;

  const flushing = setInterval(() => void ledger.flush().catch(() => undefined), LEDGER_FLUSH_MS);
  health.set('websocket', true, `listening on ${wsUrl}`);
  health.fact('counters', () => ({ ...metrics.totals, connectionsOpen: connections.list.length }));
  health.fact('chaos', () => ({ wsUrl, apiUrl, profile: profile.id, ...identity }));
  logger.info(
    { wsUrl, apiUrl, profile: profile.id, eventsPerSecond, ...identity, ledger: ledger.path },
    'chaos.started',
  );

  const stop = async (deadlineMs: number): Promise<void> => {
    emitter.stop();
    await api.close();
    await closeAll(server, deadlineMs / 2);
    clearInterval(flushing);
    await ledger.close();
    logger.info({ ...metrics.totals, ...identity }, 'chaos.stopped');
  };
  let stopped: Promise<void> | undefined;
  return { stop: ({ deadlineMs }) => (stopped ??= stop(deadlineMs)) };
}

/** Answers with the first subprotocol that is offered, whatever it is: the default of ws, and of the original. */
async function listenForSockets(address: Address): Promise<WebSocketServer> {
  const server = new WebSocketServer({ ...address, maxPayload: FRAME_BYTES_MAX });
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    throw portError(error, address, 'WS_PORT');
  }
}

/** Says goodbye to every peer; cuts off those that have not answered in time. */
async function closeAll(server: WebSocketServer, patienceMs: number): Promise<void> {
  const sockets = [...server.clients];
  const gone = new Promise((resolve) => server.close(resolve));
  for (const socket of sockets) socket.close(GOING_AWAY, 'the simulator stops');
  const cutOff = setTimeout(() => {
    for (const socket of sockets) socket.terminate();
  }, patienceMs);
  await gone;
  clearTimeout(cutOff);
}

function portOf(server: WebSocketServer): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}
