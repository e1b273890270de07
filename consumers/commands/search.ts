// Looks for a text among the newest messages of one chat: by the chat's own indexes, at most 10,000 of its messages, and in a time
// that the server itself keeps to. What was deleted for everybody is not shown, what was edited is shown as it is
// now. What somebody removed for themselves the others of the chat still have.
import { columnText, NAME_CHARS_MAX, storable } from '../../schemas/column-text.ts';
import { IS_FOR_ACTOR_ONLY } from '../../schemas/delete-scope.ts';
import type { PoolClient } from '../../service/database.ts';
import type { Hit } from './facts.ts';

/** Messages of the chat that are looked through, the newest ones. */
const SEARCHED_MAX = 10_000;
/** Deletes of one message that are looked into. One with more is not shown: it is safer to take it for deleted. */
const DELETES_MAX = 1_000;
const HITS_MAX = 5;

// As the index message_metadata_changes has it: the names are compared as well, since two of them may have one hash.
const OF_MESSAGE = `chat = $1 and source = $2 and ref_id = event_id_of
  and hashtextextended(ref_id, hashtextextended(source, 0)) = hashtextextended(event_id_of, hashtextextended($2, 0))`;

// `source` is looked at after the limit, so that a chat full of another source's messages is not walked to its end. Of each message the
// newest edit is read and no other: a bot that writes its answer by edits makes a hundred thousand of one message.
export const SEARCH = `
  with newest as materialized (
    select source as source_of, event_id as event_id_of, sender, received_at, record_offset, content from message_metadata
    where chat = $1 and kind = 'message' order by received_at desc, record_offset desc limit ${SEARCHED_MAX}
  ), as_they_are as materialized (
    select event_id_of, sender, received_at, record_offset, coalesce(edited.content, newest.content) as content
    from newest left join lateral (
      select content from message_metadata where ${OF_MESSAGE} and kind = 'edit' and content is not null
      order by received_at desc, record_offset desc limit 1
    ) as edited on true
    where source_of = $2
  )
  select sender, received_at, content from as_they_are
  where content not like '/%' and position(lower($3) in lower(content)) > 0 and not exists (
    select from (
      select ${IS_FOR_ACTOR_ONLY} as is_for_actor_only, row_number() over () as nth from message_metadata
      where ${OF_MESSAGE} and kind = 'delete' limit ${DELETES_MAX + 1}
    ) as deletes where not is_for_actor_only or nth > ${DELETES_MAX}
  )
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
  // Ten thousand looks into an index cost as much as a server that compiles its queries begins to compile at, which takes longer than they do.
  await client.query('set jit = off');
  const { rows } = await client.query<{ sender: string | null; received_at: Date; content: string }>({
    name: 'commands-search',
    text: SEARCH,
    values: [chat, columnText(source, NAME_CHARS_MAX).text, storable(text)],
  });
  return rows.map(({ sender, received_at, content }) => {
    return { sender, content, receivedAtMs: received_at.getTime() };
  });
}
