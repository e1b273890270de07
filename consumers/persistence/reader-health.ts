// What health and metrics say about the reader: whether it has joined the group, whether it gets anywhere, and which
// partitions are stuck on a batch that was thrown back (waiting in place could not cure it).
import type { Batch, OffsetGap, Reader, TopicPartition } from '../../kafka/log.ts';
import { describeError, type PmcError } from '../../service/errors.ts';
import type { Health } from '../../service/health.ts';
import type { PersistenceMetrics } from './metrics.ts';

const SILENCE_MS_MAX = 30_000;

export class ReaderHealth {
  readonly #health: Health;
  readonly #metrics: PersistenceMetrics;
  readonly #stuck = new Map<string, string>();

  constructor(health: Health, metrics: PersistenceMetrics, brokers: readonly string[]) {
    this.#health = health;
    this.#metrics = metrics;
    health.set('kafka', false, `joining the group at ${brokers.join(', ')} (PMC_KAFKA_BROKERS)`);
  }

  /** Why the group is not joined yet. */
  waiting(problem: PmcError | undefined): void {
    if (problem !== undefined) this.#health.set('kafka', false, describeError(problem));
  }

  assigned(partitions: readonly TopicPartition[]): void {
    this.#metrics.rebalances.inc();
    this.#metrics.assignedPartitions.set(partitions.length);
    this.#metrics.watermark.reset();
    this.#stuck.clear();
    this.#reportStuck();
    this.#health.set('kafka', true, `${partitions.length} partitions assigned`);
  }

  gap({ topic, partition, expected, got }: OffsetGap): void {
    // Backwards is a reset of the position: a replay, not a gap.
    if (got > expected) this.#metrics.gaps.inc({ topic, partition }, Number(got - expected));
  }

  /** Handles the batch and remembers its partition as stuck for as long as it throws. */
  async watch({ topic, partition }: Batch, handling: Promise<void>): Promise<void> {
    const where = `${topic}-${partition}`;
    try {
      await handling;
      this.#stuck.delete(where);
    } catch (error) {
      this.#stuck.set(where, describeError(error));
      throw error;
    } finally {
      this.#reportStuck();
    }
  }

  checkProgress({ silentMs }: Reader): void {
    if (silentMs === undefined) return;
    const detail = `last answer or finished batch ${Math.round(silentMs / 1_000)} s ago`;
    this.#health.set('progress', silentMs <= SILENCE_MS_MAX, detail);
  }

  #reportStuck(): void {
    const [first] = this.#stuck;
    if (first === undefined) this.#health.set('partitions', true, 'none is stuck');
    else this.#health.set('partitions', false, `${this.#stuck.size} stuck; ${first[0]}: ${first[1]}`);
  }
}
