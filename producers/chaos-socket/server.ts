// The simulator: a WebSocket server that plays a chat source for whoever connects, an HTTP API to steer it, and a ledger of
// what was sent. It promises: same seed and options, same plan; every frame handed to a socket is in the ledger; memory
// stays bounded however slow a peer is. It leaves to others to judge what arrived.

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { WebSocketServer } from 'ws';
import { SUBPROTOCOL } from '../../schemas/protocol/codes.ts';
import { checkExposure } from '../../service/access.ts';
import { type Address, listen, portError } from '../../service/health-server.ts';
import type { Service, ServiceContext } from '../../service/lifecycle.ts';
import { chaosApi } from './api.ts';
import { type ChaosConfig, profileOf } from './config.ts';
import { Connections } from './connections.ts';
import { Emitter } from './emitter.ts';
import { FaultDesk } from './fault-desk.ts';
import { FrameWriter } from './frame-writer.ts';
import { Ledger } from './ledger.ts';
import { chaosMetrics } from './metrics.ts';
import { loadProfile } from './profile-files.ts';
import { ReceivedFrames } from './received-frames.ts';
import { pathOf, Reception } from './reception.ts';
import { readRecording } from './recorded-frames.ts';
import { Replay } from './replay.ts';
import { populationOf, Scene } from './scene.ts';
import { scheduleOf } from './schedule-file.ts';
import { type Admission, Sources } from './sources.ts';
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
  checkExposure(config.host, config.token ?? '', 'PMC_CHAOS_TOKEN');
  const startedAtMs = clock.nowMs();
  const profile = loadProfile(profileOf(config));
  const schedule = scheduleOf(config, profile);
  const recording = config.replayFrames === undefined ? undefined : readRecording(config.replayFrames);
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
  const population = populationOf(profile, seed);
  const writer = new FrameWriter(profile, population, identity);
  const connections = new Connections({ ledger, metrics, clock });
  const received = new ReceivedFrames(RECEIVED_FRAMES_MAX, RECEIVED_BYTES_MAX);
  const untilMs = config.minutes === undefined ? undefined : config.minutes * 60_000;
  const desk = new FaultDesk({ seed, ledger, metrics, clock });
  const plan = { profile, population, seed, eventsPerSecond, phases: schedule.phases };
  const emitter = new Emitter({ plan, untilMs, sources: config.sources, writer, desk, ledger, metrics, clock });
  const scene = new Scene(profile, schedule.faults, { seed, writer, emitter, desk });
  const sources = new Sources({
    count: config.sources,
    run: identity.run,
    clock,
    legacy: { ledger, metrics },
    numbered: { ledger, metrics, logger, newEpoch: () => ulid(clock.nowMs()) },
  });
  const replay =
    recording === undefined
      ? undefined
      : new Replay({
          frames: recording,
          speed: config.replaySpeed ?? 1,
          isLooped: config.replayLoop === 'on',
          metrics,
          clock,
        });
  const reception = new Reception({
    ...{ sources, connections, received, emitter, replay, writer, desk, ledger, metrics, logger, clock },
    isNumbered: (offered) =>
      replay === undefined &&
      (config.protocol === SUBPROTOCOL || (config.protocol === 'auto' && offered === SUBPROTOCOL)),
  });

  const status = () =>
    statusReport({
      ...{ config, profile: scene.profile, identity, startedAtMs, nowMs: clock.nowMs(), connections, sources, metrics },
    });
  const nowMs = () => clock.nowMs();
  const linkOf = (connectionId: string) => reception.linkOf(connectionId);
  const { token } = config;
  const api = chaosApi({ token, scene, desk, connections, linkOf, received, writer, ledger, status, nowMs, logger });
  const address = { host: config.host, port: config.wsPort };
  const server = await listenForSockets(address, (path) => sources.admit(path));
  const apiUrl = await listen(api, { host: config.host, port: config.apiPort }, 'API_PORT').catch(
    async (error: unknown) => {
      server.close();
      await ledger.close();
      throw error;
    },
  );
  server.on('connection', (socket, request) => reception.accept(socket, request));
  server.on('error', (error) => logger.error({ error: error.message }, 'chaos.server.failed'));
  const wsUrl = `ws://${config.host}:${portOf(server)}`;

  const flushing = setInterval(() => void ledger.flush().catch(() => undefined), LEDGER_FLUSH_MS);
  health.set('websocket', true, `listening on ${wsUrl}`);
  health.fact('counters', () => ({ ...metrics.totals, connectionsOpen: connections.list.length }));
  const sourceUrls = sources.paths.map((path) => `${wsUrl}${path}`);
  health.fact('chaos', () => ({ wsUrl, apiUrl, sourceUrls, profile: scene.profile.id, ...identity }));
  logger.info(
    { wsUrl, apiUrl, sourceUrls, profile: profile.id, eventsPerSecond, ...identity, ledger: ledger.path },
    'chaos.started',
  );

  const stop = async (deadlineMs: number): Promise<void> => {
    emitter.stop();
    replay?.stop();
    sources.stop();
    await api.close();
    await closeAll(server, deadlineMs / 2);
    clearInterval(flushing);
    ledger.end(clock.nowMs());
    await ledger.close();
    logger.info({ ...metrics.totals, ...identity }, 'chaos.stopped');
  };
  let stopped: Promise<void> | undefined;
  return { stop: ({ deadlineMs }) => (stopped ??= stop(deadlineMs)) };
}

const REFUSALS: Readonly<Record<Exclude<Admission, 'admitted'>, readonly [number, string]>> = {
  'no-such-source': [404, 'there is no such source; PMC_CHAOS_CONNECTIONS says how many there are'],
  refused: [503, 'this source does not take connections now'],
};

/** Answers with the first subprotocol that is offered, whatever it is: the default of ws, and of the original. */
async function listenForSockets(address: Address, admit: (path: string) => Admission): Promise<WebSocketServer> {
  const server = new WebSocketServer({
    ...address,
    maxPayload: FRAME_BYTES_MAX,
    verifyClient: ({ req }, answer) => {
      const admission = admit(pathOf(req));
      if (admission === 'admitted') answer(true);
      else answer(false, ...REFUSALS[admission]);
    },
  });
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
