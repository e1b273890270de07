-- What commands did: one line per command and effect, so that a replay does nothing twice.
create table effects (
  event_key uuid not null,
  kind text not null,
  target text not null,
  status text not null check (status in ('done', 'failed', 'skipped')),
  detail text,
  incarnation uuid not null,
  partition integer not null,
  record_offset bigint not null,
  created_at timestamptz not null default now(),
  primary key (event_key, kind, target)
);

-- Dispatches to append to the log, written in the same transaction as their effect and relayed afterwards.
create table outbox (
  reply_id uuid primary key,
  sequence bigint generated always as identity,
  topic text not null,
  partition integer not null,
  key text not null,
  value bytea not null,
  created_at timestamptz not null default now(),
  sent_at timestamptz,
  sent_offset bigint
);
create index outbox_unsent on outbox (sequence) where sent_at is null;
