// The communicator: connects chat sources with the log. It owns the connections and their order of effects (see ingest.ts,
// checkpoints.ts, delivery.ts); it leaves meaning to the consumers. Stopping means: read no more, settle what is in flight,
// close the epoch, then disconnect. If the log is away at that moment, the epoch stays open and the audit names its tail.
import { ulid } from 'ulid';
import { Accumulator } from '../../kafka/accumulator.ts';
import { Codec } from '../../kafka/codec.ts';
import { checkCluster, type LogClients, openAdmin, openAppender, openReader } from '../../kafka/connect.ts';
import type { LogAdmin, Reader } from '../../kafka/log.ts';
import { GROUP, TOPIC } from '../../schemas/topics.ts';
import { backoffMs, pause } from '../../service/backoff.ts';
import type { ConfigOf, serviceSettings } from '../../service/config.ts';
import { describeError, isRetriable } from '../../service/errors.ts';
import type { Service, ServiceContext } from '../../service/lifecycle.ts';
import { Checkpoints } from './checkpoints.ts';
import type { communicatorSettings } from './config.ts';
import { Delivery } from './delivery.ts';
import { startGateway } from './gateway.ts';
import { Ingest } from './ingest.ts';
import { communicatorMetrics } from './metrics.ts';
import { namedSources, SourceLink } from './source-link.ts';

export type CommunicatorConfig = ConfigOf<typeof communicatorSettings & typeof serviceSettings>;

const BATCH_RECORDS_MAX = 500;
const BATCH_BYTES_MAX = 524_288;
const BUFFERED_BYTES_MAX = 33_554_432;
const PREPARE_BACKOFF = { initialMs: 250, maxMs: 5_000 };

export async function startCommunicator(config: CommunicatorConfig, context: ServiceContext): Promise<Service> {
  const { logger, health, clock } = context;
  const sources = namedSources(config.sources);
  const metrics = communicatorMetrics(context.metrics);
  const clients: LogClients = { config, clientId: `pmc-communicator-${config.instance}`, logger };
  const admin = openAdmin(clients);
  const codec = new Codec(config.registryUrl, { cacheFolder: config.schemaCache, logger, onWriterLost: context.fail });
  const partitions = await prepare(clients, admin, codec, context);
  const appender = openAppender(clients, {
    onConnection: (problem) => health.set('log', problem === undefined, problem ? describeError(problem) : 'connected'),
  });
  const accumulator = new Accumulator({
    appender,
    logger,
    batchRecordsMax: BATCH_RECORDS_MAX,
    batchBytesMax: BATCH_BYTES_MAX,
    bytesMax: BUFFERED_BYTES_MAX,
    recordBytesMax: config.recordBytesMax,
    onAppend: (topic, outcome, records, durationMs) => {
      metrics.appended.inc({ topic, outcome }, records);
      metrics.appendDuration.observe({ topic }, durationMs / 1_000);
      health.set(
        'log',
        outcome !== 'unknown',
        outcome === 'unknown' ? 'appends are not acknowledged' : 'appends are acknowledged',
      );
    },
  });

  const gatewayEpoch = ulid();
  const links = new Map<string, SourceLink>();
  const { inFlightMax, instance } = config;
  const ingest = new Ingest({
    gatewayEpoch,
    inFlightMax,
    accumulator,
    codec,
    partitions,
    clock,
    logger,
    metrics,
    pauseSources: () => links.forEach((link) => link.pause()),
    resumeSources: () => links.forEach((link) => link.resume()),
  });
  const sourcePartitions = partitions.get(TOPIC.sources) as number;
  const checkpoints = new Checkpoints({
    instance,
    gatewayEpoch,
    inFlightMax,
    ingest,
    accumulator,
    codec,
    partitions: sourcePartitions,
    clock,
    logger,
  });

  for (const [name, url] of sources) {
    const link = new SourceLink({
      name,
      url,
      logger,
      onOpen: () => {
        metrics.connections.inc();
        checkpoints.source('opened', name, null);
      },
      onFrame: (frame, connection) => ingest.receive(frame, { source: name, connection }),
      onClose: (_connection, code, reason) => {
        metrics.connections.dec();
        metrics.connectionsLost.inc({ code: String(code) });
        checkpoints.source('closed', name, `${code}${reason === '' ? '' : ` ${reason}`}`);
      },
    });
    links.set(name, link);
  }

  const delivery = new Delivery({ codec, links, logger, metrics });
  const gateway = await startGateway({ host: config.host, port: config.gatewayPort });
  await checkpoints.open();
  health.fact('gatewayEpoch', () => gatewayEpoch);
  health.fact('sources', () => [...links.values()].map(({ name, state, lastError }) => ({ name, state, lastError })));
  health.fact('counters', () => ({
    framesReceived: ingest.settlement.received,
    eventsAppended: ingest.appendedTotal,
    framesRejected: ingest.rejectedTotal,
    framesInFlight: ingest.settlement.inFlight,
    repliesDelivered: delivery.deliveredTotal,
    connectionsOpen: [...links.values()].filter(({ state }) => state === 'open').length,
  }));
  for (const link of links.values()) link.start();
  const reader: Reader = await openReader(clients, {
    admin,
    groupId: GROUP.communicator,
    topics: [TOPIC.outgoing],
    batchRecordsMax: 100,
    handleBatch: (batch) => delivery.handleBatch(batch),
    onFatal: context.fail,
  });

  return {
    stop: async () => {
      // Together: a broker that is away holds up the reader, and meanwhile nothing more may come in.
      await Promise.all([reader.stop(), ...[...links.values()].map((link) => link.stop())]);
      await accumulator.flush();
      await checkpoints.close('shutdown');
      await Promise.all([gateway.stop(), appender.stop(), admin.stop()]);
    },
  };
}

/** Waits until the cluster, the registry and their contents are there; returns the number of partitions by topic. */
async function prepare(
  clients: LogClients,
  admin: LogAdmin,
  codec: Codec,
  { logger, health }: ServiceContext,
): Promise<ReadonlyMap<string, number>> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await checkCluster(clients);
      await codec.prepare([TOPIC.incoming, TOPIC.rejected, TOPIC.sources]);
      const topics = await admin.topics([TOPIC.incoming, TOPIC.rejected, TOPIC.sources]);
      health.set('log', true, 'the log and the registry answer');
      return new Map(topics.map(({ topic, partitions }) => [topic, partitions.length]));
    } catch (error) {
      if (!isRetriable(error)) throw error;
      health.set('log', false, describeError(error));
      logger.warn({ error: describeError(error), attempt }, 'communicator.log.away');
      await pause(backoffMs(attempt, PREPARE_BACKOFF));
    }
  }
}
