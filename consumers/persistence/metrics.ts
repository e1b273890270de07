// The metrics of persistence, and the plain totals since process start that people see.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Pool } from '../../service/database.ts';
import { MessageHistogram } from '../../service/message-histogram.ts';

export type PersistenceMetrics = ReturnType<typeof persistenceMetrics>;

export interface Totals {
  consumed: number;
  inserted: number;
  duplicate: number;
  replayed: number;
  quarantined: number;
  sanitised: number;
  conflicts: number;
  retries: number;
}

export function persistenceMetrics(registry: Registry) {
  const registers = [registry];
  const totals: Totals = {
    consumed: 0,
    inserted: 0,
    duplicate: 0,
    replayed: 0,
    quarantined: 0,
    sanitised: 0,
    conflicts: 0,
    retries: 0,
  };
  return {
    totals,
    consumed: new Counter({
      name: 'pmc_consumed_messages_total',
      help: 'Records handled to the end (durable), by consumer group and topic; a repeated record counts again.',
      labelNames: ['group', 'topic'],
      registers,
    }),
    batchSize: new Histogram({
      name: 'pmc_batch_size',
      help: 'Records of a batch handed over by the reader.',
      buckets: [1, 5, 10, 50, 100, 250, 500, 1_000, 2_000],
      registers,
    }),
    batchDuration: new Histogram({
      name: 'pmc_batch_duration_seconds',
      help: 'Time a batch spends in a stage, retries included.',
      labelNames: ['stage'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
    rows: new Counter({
      name: 'pmc_sink_rows_total',
      help: 'What became of records: inserted as a row, duplicate of another offset, replayed (known before), quarantined.',
      labelNames: ['outcome'],
      registers,
    }),
    writeDuration: new Histogram({
      name: 'pmc_sink_write_duration_seconds',
      help: 'Duration of one successful transaction of the sink.',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    retries: new Counter({
      name: 'pmc_sink_retries_total',
      help: 'Repeats of a write or decode after an infrastructure error, by SQLSTATE class (none: no answer, registry).',
      labelNames: ['sqlstate_class'],
      registers,
    }),
    sanitised: new Counter({
      name: 'pmc_sink_sanitized_total',
      help: 'Inserted rows with at least one flag of their own: a derived column was altered or left empty. raw_payload never is.',
      registers,
    }),
    conflicts: new Counter({
      name: 'pmc_sink_conflicts_total',
      help: 'Inserted rows under whose identity another body was stored already: both rows have the flag conflict.',
      registers,
    }),
    folded: new Counter({
      name: 'pmc_message_changes_folded_total',
      help: 'Rows that refer to a message (edits, deletes, reactions, receipts) folded into message_state since process start.',
      registers,
    }),
    watermark: new Gauge({
      name: 'pmc_sink_watermark_offset',
      help: 'One past the highest offset accounted for in the database, of the partitions assigned.',
      labelNames: ['topic', 'partition'],
      registers,
    }),
    messageAge: new MessageHistogram({
      name: 'pmc_message_age_seconds',
      help: "Age of a record when its row was committed, from the communicator's receipt.",
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600],
      registers,
    }),
    assignedPartitions: new Gauge({
      name: 'pmc_assigned_partitions',
      help: 'Partitions this member of the group reads now.',
      registers,
    }),
    rebalances: new Counter({
      name: 'pmc_rebalances_total',
      help: 'Assignments received from the group since process start.',
      registers,
    }),
    gaps: new Counter({
      name: 'pmc_consumer_skipped_offsets_total',
      help: 'Offsets that the reader was not given although they lay between two records; the audit judges them.',
      labelNames: ['topic', 'partition'],
      registers,
    }),
  };
}

/** Connections of the pool by state, read when scraped. */
export function poolMetrics(registry: Registry, pool: Pool): void {
  new Gauge({
    name: 'pmc_db_pool_connections',
    help: 'Connections of the database pool: total, idle, and callers waiting for one.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      this.set({ state: 'total' }, pool.totalCount);
      this.set({ state: 'idle' }, pool.idleCount);
      this.set({ state: 'waiting' }, pool.waitingCount);
    },
  });
}
