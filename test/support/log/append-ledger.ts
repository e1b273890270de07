// Stands between whoever appends and the appender under test, and keeps every attempt with its outcome for the verdict.
import type { Appender, AppendOutcome, AppendRecord, TopicPartition } from '../../../kafka/log.ts';
import { type Attempt, idOf } from './append-verdict.ts';

type Appending = Pick<Appender, 'append'>;

export class AppendLedger implements Appending {
  readonly attempts: Attempt[] = [];
  readonly #appender: Appending;

  constructor(appender: Appending) {
    this.#appender = appender;
  }

  async append(to: TopicPartition, records: readonly AppendRecord[]): Promise<AppendOutcome> {
    const outcome = await this.#appender.append(to, records);
    this.attempts.push({ to, ids: records.map(({ value }) => idOf(value.toString('latin1'))), outcome });
    return outcome;
  }

  /** As whoever must not lose it does: appends until the outcome is known. */
  async settle(to: TopicPartition, records: readonly AppendRecord[]): Promise<AppendOutcome> {
    for (;;) {
      const outcome = await this.append(to, records);
      if (outcome.outcome !== 'unknown') return outcome;
    }
  }
}

/** The time of record 0. Of today: older ones the broker would delete at its next look at the logs. */
export const FIRST_MS = Date.now();

/** The record with this number on its partition, of at least this size. */
export function numbered({ topic, partition }: TopicPartition, number: number, sizeBytes = 0): AppendRecord {
  const value = Buffer.from(`${topic}/${partition}/${number} `.padEnd(sizeBytes, '.'));
  return {
    key: `key-${partition}`,
    value,
    headers: { number: String(number) },
    timestampMs: FIRST_MS + number,
  };
}
