-- What became of a message: edits, deletes, reactions and receipts, folded from the rows that refer to it. The state is json and
-- holds text that is storable already; it is read and written as a whole, never by a JSON operator.
create table message_state (
  source text not null,
  message_id text not null,
  state json not null,
  updated_at timestamptz not null default now(),
  primary key (source, message_id)
);

create table conversations (
  source text not null,
  chat text not null,
  first_at timestamptz not null,
  last_at timestamptz not null,
  primary key (source, chat)
);
create index conversations_newest on conversations (last_at desc, source, chat);

-- Up to where the rows of a partition are folded. Rows that appear below it set it back, in the transaction that stores them.
create table fold_positions (
  incarnation uuid not null,
  partition integer not null,
  next_offset bigint not null,
  primary key (incarnation, partition)
);

-- A conversation's messages, newest first: for the console, and for a search in one chat.
create index message_metadata_of_chat on message_metadata (chat, received_at desc, record_offset desc) where kind = 'message';
