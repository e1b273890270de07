// The communicator: connects chat sources and users with the log. It owns the connections and their order of effects (see ingest.ts,
// spool/spool.ts, session.ts, downward.ts, checkpoints.ts); it leaves meaning to the consumers. Stopping means: read no more,
// settle what was taken, close the epoch, then disconnect. If the log is away at that moment, what cannot be sent again is
// on the disk, and the next process of this instance appends it and closes the epoch.
import { ulid } from 'ulid';
import { Accumulator } from '../../kafka/accumulator.ts';
import { Codec } from '../../kafka/codec.ts';
import { type LogClients, openAdmin, openAppender, openRangeReader, openReader } from '../../kafka/connect.ts';
import type { Reader } from '../../kafka/log.ts';
import { GROUP, TOPIC } from '../../schemas/topics.ts';
import { unlessAborted } from '../../service/backoff.ts';
import { steadyClock } from '../../service/clock.ts';
import type { ConfigOf, serviceSettings } from '../../service/config.ts';
import type { Service, ServiceContext } from '../../service/lifecycle.ts';
import { Checkpoints } from './checkpoints.ts';
import type { communicatorSettings } from './config.ts';
import { Downward } from './downward.ts';
import { HeldSources } from './held-sources.ts';
import { answeredWithin, within } from './in-time.ts';
import { Ingest } from './ingest.ts';
import { LogState } from './log-state.ts';
import { communicatorMetrics } from './metrics.ts';
import { outgoingEnds } from './outgoing-ends.ts';
import { prepareLog } from './prepare-log.ts';
import { SavedPositions } from './saved-positions.ts';
import type { SessionDeps } from './session-options.ts';
import { SourceLinks } from './source-links.ts';
import { joinOwnership } from './source-ownership.ts';
import { namedSources } from './sources.ts';
import { claimSpool } from './spool/claim-spool.ts';
import { OwnSources } from './spool/own-sources.ts';
import { Spool } from './spool/spool.ts';
import { Streams } from './streams.ts';
import { TokenBucket } from './token-bucket.ts';
import { TokenDirectory } from './token-directory.ts';
import { admitUsers } from './user-admission.ts';
import { UsersPort } from './users-port.ts';
import type { PauseReason } from './wire.ts';

export type CommunicatorConfig = ConfigOf<typeof communicatorSettings & typeof serviceSettings>;

const BATCH_RECORDS_MAX = 500;
const BATCH_BYTES_MAX = 524_288;
/** Between batches of a partition that are not full, and between acknowledgements of a stream: both cost more than what is in them. */
const PACE_MS = 12;
const BUFFERED_BYTES_MAX = 33_554_432;
const TICK_MS = 1_000;
/** Whoever waits for a welcome gives up after 15 s, and is to hear before that why there is none. */
const ENDS_MS = 8_000;
/** Of the deadline to stop, 15 s: what sessions have to drain in, the disk to take frames, the log to answer for them, and to be told. */
const LEAVE_MS = 6_000;
const SYNC_MS = 2_000;
const SYNC_ALONE_MS = 8_000;
const SETTLE_MS = 4_000;
const CLOSE_MS = 1_500;

export async function startCommunicator(config: CommunicatorConfig, context: ServiceContext): Promise<Service> {
  const { logger, health, clock, stopping } = context;
  const { inFlightMax } = config;
  const { instance, thread } = await claimSpool(config, context.fail);
  const sources = namedSources(config.sources);
  const metrics = communicatorMetrics(context.metrics);
  const clients: LogClients = { config, clientId: `pmc-communicator-${instance}`, logger };
  const admin = openAdmin(clients);
  const codec = new Codec(config.registryUrl, { cacheFolder: config.schemaCache, logger, onWriterLost: context.fail });
  const logState = new LogState({
    health,
    clock: steadyClock,
    onAway: (retryMs) => {
      users.logUnavailable(retryMs);
      links.logUnavailable(retryMs);
      held.hold();
    },
  });
  const appender = openAppender(clients, { onConnection: (problem) => logState.connection(problem) });
  const accumulator = new Accumulator({
    appender,
    logger,
    batchRecordsMax: BATCH_RECORDS_MAX,
    batchBytesMax: BATCH_BYTES_MAX,
    bytesMax: BUFFERED_BYTES_MAX,
    recordBytesMax: config.recordBytesMax,
    paceMs: PACE_MS,
    onAppend: (to, outcome, records, durationMs) => {
      const { topic } = to;
      metrics.appended.inc({ topic, outcome }, records);
      metrics.appendDuration.observe({ topic }, durationMs / 1_000);
      logState.appended(to, outcome);
    },
  });

  const gatewayEpoch = ulid();
  /** Number of partitions by topic; nothing is appended before the log has said it. */
  const partitions = new Map<string, number>();
  const partitionsOfSources = (): number => partitions.get(TOPIC.sources) as number;
  const shared = { gatewayEpoch, clock, logger, metrics };
  const steady = { ...shared, clock: steadyClock };
  const pauseAll = (reason: PauseReason): void => {
    links.pause(reason);
    users.pause(reason);
  };
  const resumeAll = (reason: PauseReason): void => {
    links.resume(reason);
    users.resume(reason);
  };
  const ingest = new Ingest({
    ...shared,
    inFlightMax,
    accumulator,
    codec,
    partitions,
    pausePeers: () => pauseAll('log'),
    resumePeers: () => resumeAll('log'),
  });
  const spool = await Spool.open({
    ...shared,
    thread,
    ingest,
    bytesMax: config.spoolBytesMax,
    ageMaxMs: config.spoolAgeMaxSeconds * 1_000,
    unsyncedMax: inFlightMax,
    health,
    pauseSources: () => links.pause('spool'),
    resumeSources: () => links.resume('spool'),
    onRecovered: (epoch, spooled) => checkpoints.closeFor(epoch, spooled),
  });
  const checkpoints = new Checkpoints({
    ...shared,
    instance,
    // In memory, and numbered and not yet on the disk: each has this bound.
    inFlightMax: 2 * inFlightMax,
    ingest,
    spooled: () => spool.range,
    accumulator,
    codec,
    partitions: partitionsOfSources,
  });
  const streams = new Streams({
    clock: steadyClock,
    positions: {
      find: (source, stream) => spool.find(source, stream),
      save: (positions) => {
        spool.save(positions);
        for (const one of positions) if (sources.has(one.source)) checkpoints.position(one);
      },
    },
    onGap: (gap) => {
      metrics.gaps.inc({ kind: gap.kind });
      return checkpoints.gap(gap);
    },
  });
  const range = openRangeReader(clients);
  const saved = new SavedPositions(admin, logger);
  const downward = new Downward({
    range,
    codec,
    saved,
    ends: (only) => answeredWithin(ENDS_MS, outgoingEnds(admin, only)),
    logger,
    metrics,
  });
  const session: SessionDeps = {
    ...shared,
    steady: steadyClock,
    ingest,
    streams,
    downward,
    ackPaceMs: PACE_MS,
    isLogAway: () => logState.isAway,
    usersRate:
      config.usersRateMax === undefined ? undefined : TokenBucket.ofOneSecond(config.usersRateMax, steadyClock.nowMs()),
    onStream: (kind, source, stream, epoch) => {
      if (sources.has(source)) checkpoints.stream(kind, source, stream, epoch);
    },
  };
  const links = new SourceLinks({
    ...steady,
    sources,
    session,
    spool,
    downward,
    saved,
    checkpoints,
    rate: config.sourceRate,
  });
  const tokens = TokenDirectory.start({
    databaseUrl: config.databaseUrl,
    logger,
    clock,
    health,
    metrics: context.metrics,
  });
  const users = await UsersPort.open({
    ...steady,
    address: { host: config.host, port: config.gatewayPort },
    origins: config.origins,
    connectionsMax: config.connectionsMax,
    connectionsPerSubject: config.connectionsPerSubject,
    session,
    admit: admitUsers(tokens, config),
  });
  tokens.onRevoked((tokenId) => users.revoke(tokenId));
  health.fact('instance', () => instance);
  health.fact('gatewayEpoch', () => gatewayEpoch);
  health.fact('sources', () => links.facts());
  health.fact('counters', () => ({
    framesReceived: ingest.settlement.received,
    eventsAppended: ingest.appendedTotal,
    framesRejected: ingest.rejectedTotal,
    framesInFlight: ingest.settlement.inFlight,
    repliesDelivered: downward.deliveredTotal,
    connectionsOpen: links.open,
    usersConnected: users.connections,
    spoolBytes: spool.bytes,
  }));
  const own = new OwnSources(thread, logger);
  const held = new HeldSources({ links, own, last: await own.all(), checkpoints, downward, spool, metrics, logger });
  const timer = setInterval(() => {
    for (const peers of [links, users]) peers.tick(steadyClock.nowMs());
    streams.tick();
    spool.tick();
    checkpoints.tick();
    ingest.tick();
    downward.tick();
    logState.tick();
    void saved.save();
  }, TICK_MS);
  /** Each is stopped, whatever became of the other. */
  const readers: Promise<Reader>[] = [];
  let isOpen = false;
  const open = async (): Promise<void> => {
    const prepared = await prepareLog(clients, admin, codec, context, instance, () => held.hold());
    for (const [topic, count] of prepared.partitions) partitions.set(topic, count);
    await held.handOn(prepared.outgoing, stopping);
    isOpen = true;
    readers.push(
      joinOwnership({
        clients,
        admin,
        partitions: partitionsOfSources(),
        sources: sources.keys(),
        dialled: held,
        stopping,
        onFatal: context.fail,
      }),
      openReader(clients, {
        admin,
        groupId: `${GROUP.communicator}.${instance}`,
        topics: [TOPIC.outgoing],
        batchRecordsMax: 100,
        handleBatch: (batch) => downward.handleBatch(batch),
        stopping,
        onFatal: context.fail,
      }),
    );
    await Promise.all(readers);
  };
  await unlessAborted(open(), stopping).catch((error: unknown) => {
    // Not thrown: what there is by then is stopped as ever, for what was taken must get to the disk.
    if (!stopping.aborted) context.fail(error);
  });

  return {
    stop: async () => {
      // Together: a broker that is away holds up the readers, and meanwhile nothing more may come in.
      const stops = readers.map((opening) =>
        opening.then(
          (reader) => reader.stop(),
          () => undefined,
        ),
      );
      await Promise.all([within(LEAVE_MS, Promise.all(stops)), links.stop(), users.stop()]);
      clearInterval(timer);
      // Nothing passes by the disk to a log that has not answered yet: the disk has longer then.
      await (isOpen ? spool.synced(SYNC_MS) : within(SYNC_ALONE_MS, spool.synced()));
      // The positions that moved since the last tick, for the next process and on the log.
      streams.tick();
      // Before the spool hands on nothing of this process is on its way to the log, and the log need not know of its end.
      const isSettled =
        isOpen &&
        (await within(SETTLE_MS, settled(accumulator, spool))) &&
        (await within(CLOSE_MS, checkpoints.close('shutdown')).catch(() => false));
      if (!isSettled) logger.warn({ spoolBytes: spool.bytes }, 'communicator.epoch.left-open');
      // None waits for a disk that hangs: what is to be on the log is there, and whoever kills this process takes nothing.
      await Promise.all([within(CLOSE_MS, spool.stop()), within(CLOSE_MS, saved.save())]);
      if (isSettled) await within(CLOSE_MS, spool.closed());
      await within(CLOSE_MS, thread.stop());
      if (isSettled) await appender.stop();
      await within(CLOSE_MS, Promise.all([range.stop(), tokens.stop(), admin.stop()]));
    },
  };
}

/** Resolves when all that was taken is on the log. */
async function settled(accumulator: Accumulator, spool: Spool): Promise<void> {
  do await accumulator.flush();
  while (await spool.handsOn());
}
