-- Commands: limits that are counted on the ledger, calls of external APIs, search in a chat, and forgetting what is old.

-- `pending`: a call that has not ended yet. `unknown`: nobody can say whether the other side has done it.
alter table effects drop constraint effects_status_check;
alter table effects add constraint effects_status_check
  check (status in ('pending', 'done', 'failed', 'unknown', 'skipped'));
-- When the gateway received the command: what limits and forgetting go by.
alter table effects add column received_at timestamptz;
update effects set received_at = created_at;
alter table effects alter column received_at set not null, alter column received_at set default now();
-- Command, sender and chat, hashed; set where the answer counts for a limit.
alter table effects add column limit_key uuid;
-- A webhook's effect comes from no record.
alter table effects alter column incarnation drop not null;
alter table effects alter column partition drop not null;
alter table effects alter column record_offset drop not null;
create index effects_limited on effects (limit_key, received_at) where limit_key is not null;
create index effects_age on effects using brin (received_at);
-- Until then the reply is the member's that posted it; afterwards anybody may append it.
alter table outbox add column leased_until timestamptz;
create index outbox_age on outbox using brin (sent_at);

-- Calls that wait or are being made; one that has ended is deleted in the transaction that writes its outcome into `effects`.
create table calls (
  event_key uuid primary key,
  target text not null,
  -- What the templates of the endpoint are filled with.
  given json not null,
  -- Whom to reply to; null for a webhook.
  asked json,
  received_at timestamptz not null,
  created_at timestamptz not null default now(),
  -- How often a member began with it, and until when the last one may be at it.
  takes integer not null default 0,
  leased_until timestamptz
);
create index calls_waiting on calls (target, created_at);

-- What retention has deleted: all of `effects` before that time of receipt, all sent rows of `outbox` before that time of sending.
create table forgotten (
  what text primary key check (what in ('effects', 'outbox')),
  before timestamptz not null,
  rows_total bigint not null default 0,
  updated_at timestamptz not null default now()
);

-- Search goes through the messages of one chat, newest first, and looks at what became of them; edits and deletes are few.
create index if not exists message_metadata_of_chat on message_metadata (chat, received_at desc, record_offset desc)
  where kind = 'message';
create index message_metadata_changes on message_metadata (chat, ref_id) where kind in ('edit', 'delete');
