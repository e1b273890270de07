// The communicator's metrics.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { MessageHistogram } from '../../service/message-histogram.ts';

export type CommunicatorMetrics = ReturnType<typeof communicatorMetrics>;

export function communicatorMetrics(registry: Registry) {
  const registers = [registry];
  return {
    framesReceived: new Counter({
      name: 'pmc_messages_received_total',
      help: 'Frames received from sources and users, each with its own ingestSeq.',
      registers,
    }),
    framesRejected: new Counter({
      name: 'pmc_rejected_total',
      help: 'Frames that could not become events, kept in pmc.messages.rejected, by protocol code.',
      labelNames: ['reason'] as const,
      registers,
    }),
    controlFrames: new Counter({
      name: 'pmc_control_frames_total',
      help: 'Control frames of pmc.v1 from peers, by op (other: none that is known, or an event before hello) and outcome: taken, or the code it was refused with.',
      labelNames: ['op', 'outcome'] as const,
      registers,
    }),
    framesLeft: new Counter({
      name: 'pmc_frames_left_total',
      help: 'Frames of pmc.v1 that were not looked at, as their connection was ending: their peer has no answer to them and keeps them.',
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
    acceptToAck: new MessageHistogram({
      name: 'pmc_accept_to_ack_seconds',
      help: 'Time from the receipt of a frame to the acknowledgement of the log.',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    }),
    connections: new Gauge({
      name: 'pmc_connections',
      help: 'Open connections by side: dialled (to sources) and accepted (of users).',
      labelNames: ['side'] as const,
      registers,
    }),
    connectionsLost: new Counter({
      name: 'pmc_connections_lost_total',
      help: 'Connections that ended, by side (dialled, accepted) and close code.',
      labelNames: ['side', 'code'] as const,
      registers,
    }),
    inFlight: new Gauge({
      name: 'pmc_frames_in_flight',
      help: 'Frames on their way to the log, in memory, when peers were last paused or read again.',
      registers,
    }),
    settledElsewhere: new Counter({
      name: 'pmc_settled_elsewhere_total',
      help: 'Frames that are on no topic, by reason; each is named in a checkpoint.',
      labelNames: ['reason'] as const,
      registers,
    }),
    connectionsRefused: new Counter({
      name: 'pmc_connections_refused_total',
      help: 'User connections that were closed before their hello, by reason: version, full (PMC_CONNECTIONS_MAX), forbidden, silent (10,000 had said no hello yet, or this one for a second, and another came); sockets are those of no user (handshakes, and others of this list that are ending), of which there are 1,000, that ended after a second for another one or were not taken at all.',
      labelNames: ['reason'] as const,
      registers,
    }),
    gaps: new Counter({
      name: 'pmc_source_gaps_total',
      help: 'Gaps in the numbers of sources that count, by what became of them: gap_open, gap_closed, gap_lost; sampled are those left out on purpose.',
      labelNames: ['kind'] as const,
      registers,
    }),
    spoolBytes: new Gauge({
      name: 'pmc_spool_bytes',
      help: 'Bytes of frames in the spool that are not known to be on the log.',
      registers,
    }),
    spoolAge: new Gauge({
      name: 'pmc_spool_oldest_age_seconds',
      help: 'Age of the oldest frame in the spool that is not known to be on the log; 0 when there is none.',
      registers,
    }),
    spoolPauses: new Counter({
      name: 'pmc_spool_pauses_total',
      help: 'Times that sources were paused for the spool, by its bound: bytes, age, unsynced (not on the disk yet).',
      labelNames: ['reason'] as const,
      registers,
    }),
    sourcesHeld: new Gauge({
      name: 'pmc_sources_held',
      help: "Sources that are dialled because they were this communicator's last, while the log has not said whose they are.",
      registers,
    }),
    backpressure: new Counter({
      name: 'pmc_backpressure_seconds_total',
      help: 'Time during which sources were paused because the log did not keep up.',
      registers,
    }),
    rewritten: new Counter({
      name: 'pmc_replies_rewritten_total',
      help: 'Times that pmc.messages.outgoing had lost its end and was written anew from there, as far as this process had read it.',
      registers,
    }),
    deliveries: new Counter({
      name: 'pmc_deliveries_total',
      help: 'Dispatches from pmc.messages.outgoing by outcome: delivered, duplicate (same reply id again), undecodable; unanswered are those of the delivered that a legacy source had not vouched for by a pong when its link ended, and that are delivered again.',
      labelNames: ['outcome'] as const,
      registers,
    }),
  };
}

/** Returns what counts the checks; the rest is read off the tokens when somebody asks. */
export function tokenMetrics(
  registry: Registry,
  tokens: { readonly size: number; readonly ageMs: number | undefined },
): Counter<'outcome'> {
  const registers = [registry];
  new Gauge({
    name: 'pmc_tokens_known',
    help: 'Access tokens that this process knows, with those that expired in the last 30 days.',
    registers,
    collect() {
      this.set(tokens.size);
    },
  });
  new Gauge({
    name: 'pmc_tokens_age_seconds',
    help: 'Time since the database was last asked with success which tokens changed; -1 before the first time.',
    registers,
    collect() {
      this.set(tokens.ageMs === undefined ? -1 : tokens.ageMs / 1_000);
    },
  });
  return new Counter({
    name: 'pmc_token_checks_total',
    help: 'Tokens that peers showed, by outcome: granted, mistyped, unknown (or revoked), expired, not-loaded (or the database could not be asked).',
    labelNames: ['outcome'],
    registers,
  });
}
