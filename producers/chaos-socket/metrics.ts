// What the simulator counts. `offered = sent + not sent`, always: an event whose time came is one or the other.
import { Counter, Gauge, type Registry } from 'prom-client';

export const NOT_SENT_REASONS = [
  'buffer-full',
  'ledger-full',
  'late',
  'closed',
  'unacknowledged',
  'forgotten',
] as const;
export type NotSentReason = (typeof NOT_SENT_REASONS)[number];

/** The same numbers for people: the API's status and the service's facts. */
export interface Totals {
  eventsOffered: number;
  eventsSent: number;
  eventsNotSent: number;
  notSent: Record<NotSentReason, number>;
  framesWithheld: number;
  faultsFired: number;
  framesReceived: number;
  framesDropped: number;
  ledgerFilesRemoved: number;
}

export type ChaosMetrics = ReturnType<typeof chaosMetrics>;

export function chaosMetrics(registry: Registry) {
  const registers = [registry];
  const offered = new Counter({
    name: 'pmc_chaos_events_offered_total',
    help: 'Frames whose time had come, whether or not they could be sent',
    registers,
  });
  const sent = new Counter({
    name: 'pmc_chaos_events_sent_total',
    help: 'Frames handed to a socket, by event (other: none of the known kinds)',
    labelNames: ['event'],
    registers,
  });
  const notSent = new Counter({
    name: 'pmc_chaos_events_not_sent_total',
    help: 'Frames offered but not handed to a socket, by reason',
    labelNames: ['reason'],
    registers,
  });
  const withheld = new Counter({
    name: 'pmc_chaos_frames_withheld_total',
    help: 'Frames of events that happened and that a fault kept back',
    registers,
  });
  const faults = new Counter({
    name: 'pmc_chaos_faults_fired_total',
    help: 'Faults that struck, by fault',
    labelNames: ['fault'],
    registers,
  });
  const connections = new Gauge({
    name: 'pmc_chaos_connections',
    help: 'WebSocket connections that are open now',
    registers,
  });
  const received = new Counter({
    name: 'pmc_chaos_frames_received_total',
    help: 'Frames received from peers, by whether they were JSON',
    labelNames: ['outcome'],
    registers,
  });
  const dropped = new Counter({
    name: 'pmc_chaos_received_frames_dropped_total',
    help: 'Received frames no longer kept in memory because newer ones needed the room',
    registers,
  });
  const ledgerFilesRemoved = new Counter({
    name: 'pmc_chaos_ledger_files_removed_total',
    help: 'Old ledger files removed to keep only the newest ones',
    registers,
  });
  const totals: Totals = {
    eventsOffered: 0,
    eventsSent: 0,
    eventsNotSent: 0,
    notSent: { 'buffer-full': 0, 'ledger-full': 0, late: 0, closed: 0, unacknowledged: 0, forgotten: 0 },
    framesWithheld: 0,
    faultsFired: 0,
    framesReceived: 0,
    framesDropped: 0,
    ledgerFilesRemoved: 0,
  };
  for (const reason of NOT_SENT_REASONS) notSent.inc({ reason }, 0);

  return {
    totals: totals as Readonly<Totals>,
    countSent(event: string): void {
      totals.eventsOffered++;
      totals.eventsSent++;
      offered.inc();
      sent.inc({ event });
    },
    countNotSent(reason: NotSentReason, events = 1): void {
      totals.eventsOffered += events;
      totals.eventsNotSent += events;
      totals.notSent[reason] += events;
      offered.inc(events);
      notSent.inc({ reason }, events);
    },
    countWithheld(): void {
      totals.framesWithheld++;
      withheld.inc();
    },
    countFault(fault: string): void {
      totals.faultsFired++;
      faults.inc({ fault });
    },
    countConnections(open: number): void {
      connections.set(open);
    },
    countReceived(outcome: 'json' | 'malformed', droppedInAll: number): void {
      totals.framesReceived++;
      received.inc({ outcome });
      dropped.inc(droppedInAll - totals.framesDropped);
      totals.framesDropped = droppedInAll;
    },
    countLedgerFilesRemoved(files: number): void {
      totals.ledgerFilesRemoved += files;
      ledgerFilesRemoved.inc(files);
    },
  };
}
