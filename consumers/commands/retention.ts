// Forgets effects and sent replies that are old, so that the ledger does not grow for ever. What is forgotten can no longer keep
// a replay from answering, so the mark moves first: from then on no command that was received before it is answered, whatever
// PMC_COMMAND_MAX_AGE says, then or later (ledger.ts reads the mark in the same moment as the effects; effects.ts looks again).
// Calls that have not ended and replies that are not on the log are kept, however old.
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../service/clock.ts';
import type { Pool } from '../../service/database.ts';
import type { CommandsMetrics } from './metrics.ts';

const ROWS_MAX = 5_000;

interface Table {
  readonly what: 'effects' | 'outbox';
  /** Deletes at most $2 rows from before $1. */
  readonly text: string;
}

const TABLES: readonly Table[] = [
  {
    what: 'outbox',
    text: `
      delete from outbox where reply_id in (
        select reply_id from outbox where sent_at < $1 limit $2 for update skip locked)`,
  },
  {
    what: 'effects',
    text: `
      delete from effects where (event_key, kind, target) in (
        select event_key, kind, target from effects where received_at < $1 and status <> 'pending' limit $2 for update skip locked)`,
  },
];

const MARK = `
  insert into forgotten (what, before) values ($1, $2)
  on conflict (what) do update set before = greatest(forgotten.before, excluded.before), updated_at = now()`;

const COUNT = `update forgotten set rows_total = rows_total + $2, updated_at = now() where what = $1`;

export interface Forgetting {
  readonly pool: Pool;
  readonly clock: Clock;
  /** What is older is forgotten. */
  readonly ageMs: number;
  readonly metrics: Pick<CommandsMetrics, 'forgot'>;
  readonly signal: AbortSignal;
}

/** In batches, so that nobody waits for it long; stops in between when the signal is aborted. Returns the rows deleted. */
export async function forget({
  pool,
  clock,
  ageMs,
  metrics,
  signal,
}: Forgetting): Promise<Record<Table['what'], number>> {
  const before = await limitOf(pool, clock, ageMs);
  const deleted = { effects: 0, outbox: 0 };
  for (const { what, text } of TABLES) {
    await pool.query(MARK, [what, before]);
    for (let rows = ROWS_MAX; rows === ROWS_MAX && !signal.aborted; await turn()) {
      rows = (await pool.query(text, [before, ROWS_MAX])).rowCount ?? 0;
      if (rows === 0) break;
      await pool.query(COUNT, [what, rows]);
      metrics.forgot(what, rows);
      deleted[what] += rows;
    }
  }
  return deleted;
}

/** By our clock and the database's, whichever is behind: the mark never moves back, so one wrong clock must not move it far ahead. */
async function limitOf(pool: Pool, clock: Clock, ageMs: number): Promise<Date> {
  const { rows } = await pool.query<{ now: Date }>('select clock_timestamp() as now');
  const databaseMs = rows[0]?.now.getTime() ?? Number.NEGATIVE_INFINITY;
  return new Date(Math.min(clock.nowMs(), databaseMs) - ageMs);
}
