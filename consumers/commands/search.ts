// Looks for a text among the newest messages of one chat: by the chat's own indexes, at most 10,000 of its messages, and in a time
// that the server itself keeps to. What was deleted for everybody is not shown, what was edited is shown as it is
// now. What somebody removed for themselves the others of the chat still have.
import { columnText, NAME_CHARS_MAX, storable } from '../../schemas/column-text.ts';
import { IS_FOR_ACTOR_ONLY } from '../../schemas/delete-scope.ts';
import type { PoolClient } from '../../service/database.ts';
import type { Hit } from './facts.ts';

/** Messages of the chat that are looked through, the newest ones. */
const SEARCHED_MAX = 10_000;
const HITS_MAX = 5;

// `source` is looked at after the limit, so that a chat full of another source's messages is not walked to its end.
export const SEARCH = `
  with newest as materialized (
    select source, event_id, sender, received_at, record_offset, content from message_metadata
    where chat = $1 and kind = 'message' order by received_at desc, record_offset desc limit ${SEARCHED_MAX}
  ), changes as materialized (
    select kind, ref_id, received_at, record_offset, content, ${IS_FOR_ACTOR_ONLY} as is_for_actor_only from message_metadata
    where chat = $1 and kind in ('edit', 'delete') and source = $2 and ref_id is not null
  ), edited as materialized (
    select distinct on (ref_id) ref_id, content from changes where kind = 'edit' and content is not null
    order by ref_id, received_at desc, record_offset desc
  ), deleted as materialized (
    select distinct ref_id from changes where kind = 'delete' and not is_for_actor_only
  )
  select sender, received_at, coalesce(edited.content, newest.content) as content
  from newest
    left join edited on edited.ref_id = newest.event_id
    left join deleted on deleted.ref_id = newest.event_id
  where newest.source = $2 and deleted.ref_id is null
    and coalesce(edited.content, newest.content) not like '/%'
    and position(lower($3) in lower(coalesce(edited.content, newest.content))) > 0
  order by received_at desc, record_offset desc limit ${HITS_MAX}`;

export interface SearchIn {
  readonly source: string;
  /** One that is searchable. */
  readonly chat: string;
  readonly text: string;
}

/**
 * Whether rows with this name are of this chat alone. Of a longer one, or one that a column cannot hold, they have what another chat may be
 * called: nobody reads that one's messages by such a name.
 */
export function isSearchable(chat: string): boolean {
  return chat.length < NAME_CHARS_MAX - 1 && !chat.includes('\uFFFD') && storable(chat) === chat;
}

/** Throws what the database says, a statement that takes longer than the pool allows included. */
export async function searchChat(client: PoolClient, { source, chat, text }: SearchIn): Promise<readonly Hit[]> {
  const { rows } = await client.query<{ sender: string | null; received_at: Date; content: string }>({
    name: 'commands-search',
    text: SEARCH,
    values: [chat, columnText(source, NAME_CHARS_MAX).text, storable(text)],
  });
  return rows.map(({ sender, received_at, content }) => {
    return { sender, content, receivedAtMs: received_at.getTime() };
  });
}
