// One transaction of the fold (folding.ts): the next rows of a partition into the states of the messages that they refer to. It holds a
// bounded number of rows, and of bytes with those states: what is too much waits for the next. So whatever was stored can be folded.

import { IS_FOR_ACTOR_ONLY } from '../../schemas/delete-scope.ts';
import { fold, type MessageState, NOTHING_HAPPENED, type Reference } from '../../schemas/message-state.ts';
import type { Pool, PoolClient } from '../../service/database.ts';
import { PmcError } from '../../service/errors.ts';
import { killPoint } from '../../service/kill-point.ts';
import { inTransaction } from './transaction.ts';

const ROWS_MAX = 5_000;
/** Of states and what is folded into them. They are in memory several times over: as text, as objects, and as text to be written. */
const BYTES_MAX = 16 * 1_048_576;
const ASKED_FIRST = 16;

export interface FoldedPartition {
  readonly incarnation: string;
  readonly partition: number;
}

/** Folds the next rows of a partition. */
export async function foldSome(
  pool: Pool,
  { incarnation, partition }: FoldedPartition,
  signal: AbortSignal,
  bytesMax = BYTES_MAX,
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
    const end = ends[0]?.record_offset ?? position.upper_offset;
    const { rows: found } = await client.query<FoundRow>({ ...REFERENCES, values: [...from, end, bytesMax] });
    const beyond = found.findIndex(({ is_beyond }) => is_beyond);
    const references = await atOnce(client, beyond === -1 ? found : found.slice(0, beyond), bytesMax);
    const upper = found[references.length]?.record_offset ?? end;
    await client.query({ ...UPSERT_CONVERSATIONS, values: [...from, upper] });
    await foldReferences(client, references, incarnation, partition);
    await client.query({ ...MOVE_POSITION, values: [...at, upper] });
    killPoint('persistence.fold.written');
    return { references: references.length, isBehind: upper !== position.upper_offset };
  });
}

/**
 * The first of these rows whose states fit into memory; at least one, however large its state is. To learn a state's size the server
 * reads it, so that few are asked for first: where they are large, the rest is not looked at in vain.
 */
async function atOnce(
  client: PoolClient,
  rows: readonly ReferenceRow[],
  bytesMax: number,
): Promise<readonly ReferenceRow[]> {
  const counted = new Set<string>();
  let bytes = 0;
  let taken = 0;
  for (let count = ASKED_FIRST; taken < rows.length; count *= 2) {
    const asked = rows.slice(taken, taken + count);
    const { rows: sizes } = await client.query<StateSize>({ ...SIZES, values: keysOf(asked) });
    const sizeOf = new Map(sizes.map((state) => [nameOf(state.source, state.message_id), state.bytes]));
    for (const { source, ref_id, content } of asked) {
      const name = nameOf(source, ref_id);
      bytes += (content?.length ?? 0) + (counted.has(name) ? 0 : (sizeOf.get(name) ?? 0));
      if (bytes > bytesMax && taken > 0) return rows.slice(0, taken);
      counted.add(name);
      taken += 1;
    }
  }
  return rows;
}

interface StateSize {
  readonly source: string;
  readonly message_id: string;
  readonly bytes: number;
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
  readonly is_for_actor_only: boolean | null;
}

interface FoundRow extends ReferenceRow {
  readonly is_beyond: boolean;
}

async function foldReferences(
  client: PoolClient,
  rows: readonly ReferenceRow[],
  incarnation: string,
  partition: number,
): Promise<void> {
  if (rows.length === 0) return;
  const byMessage = Map.groupBy(rows, ({ source, ref_id }) => nameOf(source, ref_id));
  const keys = keysOf(rows);
  // Both statements lock in one order, so that two partitions that fold the same messages wait for each other and not in a ring.
  await client.query({ ...BEGIN_STATES, values: [...keys, JSON.stringify(NOTHING_HAPPENED)] });
  const { rows: states } = await client.query<{ source: string; message_id: string; state: MessageState }>({
    ...STATES,
    values: keys,
  });
  // Retention deletes states without a message, and one that was there is locked only now: without it a reference would have nowhere to go.
  if (states.length < byMessage.size) {
    const message = 'the state of a message was deleted between being begun and being folded into';
    throw new PmcError('PMC_PERSISTENCE_ROW_VANISHED', message, { incarnation, partition });
  }
  const folded = states.map(({ source, message_id, state }) => {
    const references = (byMessage.get(nameOf(source, message_id)) ?? []).map(
      ({ key, kind, actor, content, received_at, record_offset, is_for_actor_only }): Reference => ({
        ...{ key, kind, actor, content, receivedAtMs: received_at.getTime() },
        ...{ incarnation, partition, offset: Number(record_offset) },
        ...(is_for_actor_only === true && { isForActorOnly: true }),
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

/** Each message that is referred to, once: sources and ids. */
function keysOf(rows: readonly ReferenceRow[]): readonly [readonly string[], readonly string[]] {
  const messages = [...new Map(rows.map((row) => [nameOf(row.source, row.ref_id), row])).values()];
  return [messages.map(({ source }) => source), messages.map(({ ref_id }) => ref_id)];
}

function nameOf(source: string, messageId: string): string {
  return JSON.stringify([source, messageId]);
}

const RANGE = 'incarnation = $1 and partition = $2 and record_offset >= $3 and record_offset < $4';

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

/** Those behind the first $5 bytes are without what they say: the server sends no more than fits, and where the next transaction begins. */
export const REFERENCES = {
  name: 'pmc-fold-references',
  text: `select key, source, ref_id, kind, actor, case when before <= $5 then content end as content, received_at, record_offset,
      is_for_actor_only, before > $5 as is_beyond
    from (
      select id as key, source, ref_id, kind, actor, content, received_at, record_offset, ${IS_FOR_ACTOR_ONLY} as is_for_actor_only,
        coalesce(sum(octet_length(content)) over (order by record_offset rows between unbounded preceding and 1 preceding), 0) as before
      from message_metadata where ${RANGE} and ref_id is not null) as found
    order by record_offset`,
};

/** Of the states that are there. What others fold into them meanwhile adds no more than a state may have. */
const SIZES = {
  name: 'pmc-fold-sizes',
  text: `select source, message_id, octet_length(state::text) as bytes from message_state
    join unnest($1::text[], $2::text[]) as given (source, message_id) using (source, message_id)`,
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
