// The communicator's metrics.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export type CommunicatorMetrics = ReturnType<typeof communicatorMetrics>;

export function communicatorMetrics(registry: Registry) {
  const registers = [registry];
  return {
    framesReceived: new Counter({
      name: 'pmc_messages_received_total',
      help: 'Frames received from chat sources, each with its own ingestSeq.',
      labelNames: ['channel'] as const,
      registers,
    }),
    framesRejected: new Counter({
      name: 'pmc_rejected_total',
      help: 'Frames that could not become events, kept in pmc.messages.rejected, by protocol code.',
      labelNames: ['reason'] as const,
      registers,
    }),
    appended: new Counter({
      name: 'pmc_produce_total',
      help: 'Records appended to the log by outcome of the append; unknown ones are appended again.',
      labelNames: ['topic', 'outcome'] as const,
      registers,
    }),
    appendDuration: new Histogram({
      name: 'pmc_produce_duration_seconds',
      help: 'Time from handing a batch to the Kafka client to its outcome.',
      labelNames: ['topic'] as const,
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    }),
    acceptToAck: new Histogram({
      name: 'pmc_accept_to_ack_seconds',
      help: 'Time from the receipt of a frame to the acknowledgement of the log.',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    }),
    connections: new Gauge({
      name: 'pmc_connections',
      help: 'Open connections to chat sources.',
      registers,
    }),
    connectionsLost: new Counter({
      name: 'pmc_connections_lost_total',
      help: 'Connections to chat sources that ended without our wish, by close code.',
      labelNames: ['code'] as const,
      registers,
    }),
    inFlight: new Gauge({
      name: 'pmc_frames_in_flight',
      help: 'Frames received and not yet settled.',
      registers,
    }),
    backpressure: new Counter({
      name: 'pmc_backpressure_seconds_total',
      help: 'Time during which sources were paused because the log did not keep up.',
      registers,
    }),
    deliveries: new Counter({
      name: 'pmc_deliveries_total',
      help: 'Dispatches from pmc.messages.outgoing by outcome: delivered, duplicate (same reply id again), unknown-source, undecodable.',
      labelNames: ['outcome'] as const,
      registers,
    }),
  };
}
