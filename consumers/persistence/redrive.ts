// A quarantined record, tried again as the service would: decoded, made a row and stored, which closes its entry in the same
// transaction. What cannot be stored now either stays quarantined, and nothing else changes; today's reason is told, and put into the entry
// where it is the database that refuses the row. The door through which `pmc dlq redrive` comes.
import type { Codec } from '../../kafka/codec.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Pool } from '../../service/database.ts';
import { describeError } from '../../service/errors.ts';
import { toRow } from './rows.ts';
import { Store } from './store.ts';

export interface QuarantinedRecord {
  readonly topic: string;
  readonly incarnation: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly raw: Buffer | null;
  /** When it was quarantined: what the record's own time is taken for where its event has none. */
  readonly createdAt: Date;
}

export type Redriven =
  | { readonly outcome: 'stored' | 'duplicate' | 'known' }
  | { readonly outcome: 'still-bad'; readonly reason: string };

/** One bad record of one is no sign of a fault of the system. */
const NEVER_SYSTEMIC_PERCENT = 100;
const OPEN_ENTRY = `select reason from quarantine where incarnation = $1 and partition = $2 and record_offset = $3 and status = 'open'`;

export function redriver(pool: Pool, codec: Pick<Codec, 'decode'>) {
  const store = new Store({ pool, breakerPercent: NEVER_SYSTEMIC_PERCENT });
  return async (record: QuarantinedRecord, signal: AbortSignal): Promise<Redriven> => {
    const { topic, incarnation, partition, offset, raw, createdAt } = record;
    const decoded = await codec.decode(TOPIC.incoming, raw);
    if (!decoded.ok) return { outcome: 'still-bad', reason: describeError(decoded.error) };
    const made = toRow(decoded.value, { incarnation, partition, offset, timestampMs: createdAt.getTime() });
    if (!made.ok) return { outcome: 'still-bad', reason: describeError(made.error) };
    const candidates = [{ row: made.row, raw }];
    const batch = { topic, incarnation, partition, candidates, poisons: [], upperOffset: offset + 1n };
    const { inserted, duplicates } = await store.write(batch, signal);
    if (inserted.length > 0) return { outcome: 'stored' };
    if (duplicates > 0) return { outcome: 'duplicate' };
    const { rows } = await pool.query<{ reason: string }>(OPEN_ENTRY, [incarnation, partition, String(offset)]);
    const [entry] = rows;
    return entry === undefined ? { outcome: 'known' } : { outcome: 'still-bad', reason: entry.reason };
  };
}
