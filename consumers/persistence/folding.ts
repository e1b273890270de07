// Folds stored rows into message_state and conversations, behind the store and never in its way: a partition at a time, from where
// its position in the database is to where its coverage is, in a transaction of its own. The position moves in the same
// transaction, so a crash repeats nothing; and a repeat would change nothing (schemas/message-state.ts). Rows that appear below
// the position set it back when they are stored (statements.ts).

import { fold, type MessageState, NOTHING_HAPPENED, type Reference } from '../../schemas/message-state.ts';
import { type Backoff, backoffMs, pause } from '../../service/backoff.ts';
import type { Pool, PoolClient } from '../../service/database.ts';
import { describeError } from '../../service/errors.ts';
import { killPoint } from '../../service/kill-point.ts';
import type { Logger } from '../../service/logger.ts';
import { inTransaction } from './transaction.ts';

const ROWS_MAX = 5_000;
/** How often it has a turn, at least, while the store has more important work. */
const TURN_MS = 1_000;

export interface FoldedPartition {
  readonly incarnation: string;
  readonly partition: number;
}

export interface FoldingOptions {
  readonly pool: Pool;
  readonly logger: Logger;
  readonly backoff: Backoff;
  /** Tells a health check. */
  readonly report: (check: string, ready: boolean, detail: string) => void;
  /** How many references were folded. */
  readonly onFolded: (references: number) => void;
  /** Whether the store is far behind the log: what is not yet a row goes before what follows from rows. */
  readonly isStoreBehind?: () => boolean;
}

export class Folding {
  readonly #options: Required<FoldingOptions>;
  readonly #behind = new Map<string, FoldedPartition>();
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #lastTurnMs = Number.NEGATIVE_INFINITY;

  constructor(options: FoldingOptions) {
    this.#options = { isStoreBehind: () => false, ...options };
  }

  /** Rows of this partition were stored. */
  wake({ incarnation, partition }: FoldedPartition): void {
    this.#behind.set(`${incarnation}/${partition}`, { incarnation, partition });
    this.#run();
  }

  /** Finds what another process left behind. */
  async wakeAll(): Promise<void> {
    const { pool, logger } = this.#options;
    try {
      for (const one of (await pool.query<FoldedPartition>(BEHIND)).rows) this.wake(one);
    } catch (error) {
      logger.warn({ error: describeError(error) }, 'persistence.fold.unknown');
    }
  }

  /** Resolves when nothing is behind any more, it was stopped, or the store goes first. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  #run(): void {
    if (this.#options.isStoreBehind() && performance.now() - this.#lastTurnMs < TURN_MS) return;
    this.#running ??= this.#foldAll().finally(() => {
      this.#running = undefined;
      if (this.#behind.size > 0 && !this.#stopping.signal.aborted) this.#run();
    });
  }

  async #foldAll(): Promise<void> {
    const { pool, logger, backoff, report, onFolded, isStoreBehind } = this.#options;
    const { signal } = this.#stopping;
    for (let attempt = 1; !signal.aborted; ) {
      const [next] = this.#behind;
      if (next === undefined) return;
      const [name, at] = next;
      this.#behind.delete(name);
      try {
        const { references, isBehind } = await foldSome(pool, at, signal);
        killPoint('persistence.fold.committed');
        onFolded(references);
        if (isBehind) this.#behind.set(name, at);
        if (attempt > 1) report('fold', true, 'goes on');
        attempt = 1;
        this.#lastTurnMs = performance.now();
        // Whatever is stored next wakes it again, and a look every few seconds.
        if (isStoreBehind()) return;
      } catch (error) {
        this.#behind.set(name, at);
        if (signal.aborted) return;
        const delayMs = backoffMs(attempt, backoff);
        attempt += 1;
        report('fold', false, `waiting: ${describeError(error)}`);
        logger.warn({ ...at, attempt, delayMs, error: describeError(error) }, 'persistence.fold.retry');
        await pause(delayMs, signal);
      }
    }
  }
}

/** Folds the next rows of a partition. */
export async function foldSome(
  pool: Pool,
  { incarnation, partition }: FoldedPartition,
  signal: AbortSignal,
): Promise<{ readonly references: number; readonly isBehind: boolean }> {
  const at = [incarnation, partition];
  return await inTransaction(pool, { lock: `pmc-fold/${incarnation}/${partition}`, signal }, async (client) => {
    await client.query({ ...BEGIN_POSITION, values: at });
    const { rows } = await client.query<{ next_offset: string; upper_offset: string }>({ ...POSITION, values: at });
    const [position] = rows;
    if (position === undefined || BigInt(position.next_offset) >= BigInt(position.upper_offset))
      return { references: 0, isBehind: false };
    const from = [...at, position.next_offset];
    const { rows: ends } = await client.query<{ record_offset: string }>({ ...END, values: [...from, ROWS_MAX] });
    const upper = ends[0]?.record_offset ?? position.upper_offset;
    const range = [...from, upper];
    await client.query({ ...UPSERT_CONVERSATIONS, values: range });
    const { rows: found } = await client.query<ReferenceRow>({ ...REFERENCES, values: range });
    await foldReferences(client, found, incarnation, partition);
    await client.query({ ...MOVE_POSITION, values: [...at, upper] });
    killPoint('persistence.fold.written');
    return { references: found.length, isBehind: ends.length > 0 };
  });
}

interface ReferenceRow {
  readonly key: string;
  readonly source: string;
  readonly ref_id: string;
  readonly kind: Reference['kind'];
  readonly actor: string | null;
  readonly content: string | null;
  readonly received_at: Date;
  readonly record_offset: string;
}

async function foldReferences(
  client: PoolClient,
  rows: readonly ReferenceRow[],
  incarnation: string,
  partition: number,
): Promise<void> {
  if (rows.length === 0) return;
  const byMessage = Map.groupBy(rows, ({ source, ref_id }) => JSON.stringify([source, ref_id]));
  const messages = [...byMessage.values()].map(([first]) => first as ReferenceRow);
  const keys = [messages.map(({ source }) => source), messages.map(({ ref_id }) => ref_id)];
  // Both statements lock in one order, so that two partitions that fold the same messages wait for each other and not in a ring.
  await client.query({ ...BEGIN_STATES, values: [...keys, JSON.stringify(NOTHING_HAPPENED)] });
  const { rows: states } = await client.query<{ source: string; message_id: string; state: MessageState }>({
    ...STATES,
    values: keys,
  });
  const folded = states.map(({ source, message_id, state }) => {
    const references = (byMessage.get(JSON.stringify([source, message_id])) ?? []).map(
      ({ key, kind, actor, content, received_at, record_offset }): Reference => ({
        ...{ key, kind, actor, content, receivedAtMs: received_at.getTime() },
        ...{ incarnation, partition, offset: Number(record_offset) },
      }),
    );
    return { source, message_id, state: JSON.stringify(fold(state, references)) };
  });
  await client.query({
    ...WRITE_STATES,
    values: [
      folded.map(({ source }) => source),
      folded.map(({ message_id }) => message_id),
      folded.map(({ state }) => state),
    ],
  });
}

const RANGE = 'incarnation = $1 and partition = $2 and record_offset >= $3 and record_offset < $4';

const BEHIND = `
  select incarnation, partition from coverage left join fold_positions using (incarnation, partition)
  where coalesce(next_offset, 0) < upper_offset`;

const BEGIN_POSITION = {
  name: 'pmc-fold-begin',
  text: 'insert into fold_positions (incarnation, partition, next_offset) values ($1, $2, 0) on conflict do nothing',
};

const POSITION = {
  name: 'pmc-fold-position',
  text: `select next_offset, upper_offset from fold_positions position join coverage using (incarnation, partition)
    where incarnation = $1 and partition = $2 for update of position`,
};

/** Where a transaction of at most $4 rows ends; nothing when all that is covered fits. */
const END = {
  name: 'pmc-fold-end',
  text: `select record_offset from message_metadata
    where incarnation = $1 and partition = $2 and record_offset >= $3 order by record_offset offset $4 limit 1`,
};

const UPSERT_CONVERSATIONS = {
  name: 'pmc-fold-conversations',
  text: `insert into conversations as known (source, chat, first_at, last_at)
    select source, chat, min(received_at), max(received_at) from message_metadata
    where ${RANGE} and chat is not null group by source, chat order by source, chat
    on conflict (source, chat) do update set
      first_at = least(known.first_at, excluded.first_at), last_at = greatest(known.last_at, excluded.last_at)
    where excluded.first_at < known.first_at or excluded.last_at > known.last_at`,
};

const REFERENCES = {
  name: 'pmc-fold-references',
  text: `select id as key, source, ref_id, kind, actor, content, received_at, record_offset from message_metadata
    where ${RANGE} and ref_id is not null order by record_offset`,
};

const BEGIN_STATES = {
  name: 'pmc-fold-begin-states',
  text: `insert into message_state (source, message_id, state)
    select given.*, $3::json from unnest($1::text[], $2::text[]) as given (source, message_id) order by 1, 2
    on conflict do nothing`,
};

const STATES = {
  name: 'pmc-fold-states',
  text: `select source, message_id, state from message_state
    join unnest($1::text[], $2::text[]) as given (source, message_id) using (source, message_id)
    order by source, message_id for update of message_state`,
};

const WRITE_STATES = {
  name: 'pmc-fold-write-states',
  text: `update message_state known set state = given.state, updated_at = now()
    from unnest($1::text[], $2::text[], $3::json[]) as given (source, message_id, state)
    where known.source = given.source and known.message_id = given.message_id`,
};

const MOVE_POSITION = {
  name: 'pmc-fold-move',
  text: 'update fold_positions set next_offset = $3 where incarnation = $1 and partition = $2',
};
