// Batches for the store of persistence, and ways to make it wait, for tests on a real PostgreSQL.
import { createHash } from 'node:crypto';
import type pg from 'pg';
import { expect } from 'vitest';
import { toRow } from '../../consumers/persistence/rows.ts';
import type { Candidate, Poison, StoreBatch } from '../../consumers/persistence/store.ts';
import type { IncomingEvent } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { PmcError } from '../../service/errors.ts';
import { incomingEvent } from './incoming-events.ts';

/** Candidates and batches of one incarnation; the same payload is the same event, unless the envelope says what it is. */
export function storeBatches(incarnation: string) {
  const candidate = (
    offset: bigint,
    payload: unknown,
    partition = 0,
    envelope: Partial<IncomingEvent> = {},
  ): Candidate => {
    const hash = createHash('sha256').update(JSON.stringify(payload)).digest('hex');
    const event = incomingEvent(payload, { id: `id-${hash}`, ...envelope });
    const made = toRow(event, { incarnation, partition, offset, timestampMs: 0 });
    if (!made.ok) throw made.error;
    return { row: made.row, raw: event.payload };
  };
  /** A row that PostgreSQL refuses (no JSON), whatever its version: rows.ts would not have let it through. */
  const refused = (offset: bigint): Candidate => {
    const { row, raw } = candidate(offset, { bad: String(offset) });
    return { row: { ...row, rawPayload: '{"a":' }, raw };
  };
  const batch = (candidates: readonly Candidate[], poisons: readonly Poison[] = [], partition = 0): StoreBatch => {
    const offsets = [...candidates.map(({ row }) => row.recordOffset), ...poisons.map(({ offset }) => offset)];
    const upperOffset = offsets.reduce((high, one) => (one > high ? one : high)) + 1n;
    return { topic: TOPIC.incoming, partition, incarnation, candidates, poisons, upperOffset };
  };
  return { candidate, refused, batch };
}

export function poison(offset: bigint): Poison {
  return { offset, raw: Buffer.from([0, 0xff]), error: new PmcError('PMC_CODEC_MALFORMED', 'bad\u0000bytes') };
}

/** A table that nobody can write to until `release`; `waiting` waits until so many connections want something locked. */
export async function lockedTable(pool: pg.Pool, table: string) {
  const client = await pool.connect();
  await client.query(`begin; lock table ${table} in exclusive mode`);
  // Not on the same connection: a transaction sees one state of the activity for as long as it lasts.
  const waiters = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
  let released: Promise<void> | undefined;
  const release = (): Promise<void> => {
    released ??= client.query('rollback').then(() => client.release());
    return released;
  };
  return {
    release,
    waiting: (count: number) =>
      expect.poll(async () => (await pool.query(waiters)).rowCount, { timeout: 60_000 }).toBe(count),
    [Symbol.asyncDispose]: release,
  };
}
