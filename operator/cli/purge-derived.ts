// What was made of rows and outlives them: the state of a message that is gone, which an edit or a receipt that came late has made
// again, and a conversation without a message. Nobody remembers the names of what was purged, so it is looked for, not prevented;
// whatever a purge leaves, because it was ended or something came meanwhile, the next one finds. In batches, each of its own.
import type pg from 'pg';

const PER_BATCH = 5_000;

export interface PurgedDerived {
  readonly states: number;
  readonly conversations: number;
}

/** Of states those that were last changed before the time, of conversations those whose last row was received before it. */
export async function purgeDerived(client: pg.Client, before: string): Promise<PurgedDerived> {
  return { states: await purgeStates(client, before), conversations: await purgeConversations(client, before) };
}

interface Named {
  readonly source: string;
  readonly message_id: string;
}

/**
 * There is no index on the ids of messages, so that no row has to pay for it: which are gone is asked once, of all that are old, and kept
 * by the server. Who has come since has changed the state, and it stays.
 */
async function purgeStates(client: pg.Client, before: string): Promise<number> {
  await client.query(
    `declare gone no scroll cursor with hold for select source, message_id from message_state state
     where updated_at < $1 and not exists (
       select from message_metadata m where m.source = state.source and m.event_id = state.message_id and m.kind = 'message')`,
    [before],
  );
  let purged = 0;
  for (;;) {
    const { rows } = await client.query<Named>(`fetch ${PER_BATCH} from gone`);
    if (rows.length === 0) break;
    purged += await deleteStates(client, rows, before);
  }
  await client.query('close gone');
  return purged;
}

/** With a time only those that were last changed before it. Locks them in the order in which persistence does. */
export async function deleteStates(client: pg.Client, named: readonly Named[], before?: string): Promise<number> {
  const { rowCount } = await client.query(
    `delete from message_state using (
       select source, message_id from message_state join unnest($1::text[], $2::text[]) as given (source, message_id)
         using (source, message_id)
       where $3::timestamptz is null or updated_at < $3
       order by source, message_id for update of message_state) as locked
     where message_state.source = locked.source and message_state.message_id = locked.message_id`,
    [named.map(({ source }) => source), named.map(({ message_id }) => message_id), before ?? null],
  );
  return rowCount ?? 0;
}

async function purgeConversations(client: pg.Client, before: string): Promise<number> {
  for (let purged = 0; ; ) {
    const { rowCount } = await client.query(
      `delete from conversations using (
         select source, chat from conversations old where last_at < $1 and not exists (
           select from message_metadata m where m.kind = 'message' and m.chat = old.chat and m.source = old.source)
         order by source, chat limit ${PER_BATCH} for update) as locked
       where conversations.source = locked.source and conversations.chat = locked.chat`,
      [before],
    );
    purged += rowCount ?? 0;
    if ((rowCount ?? 0) < PER_BATCH) return purged;
  }
}
