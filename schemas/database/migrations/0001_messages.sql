-- What persistence writes. V1's columns first, then the coordinates and the envelope.
create table message_metadata (
  id uuid not null,
  timestamp timestamptz,
  sender text,
  type text,
  status text not null default 'received',
  raw_payload json not null,
  created_at timestamptz not null default now(),
  incarnation uuid not null,
  partition integer not null,
  record_offset bigint not null,
  source text not null,
  event_id text,
  kind text not null,
  chat text,
  actor text,
  content text,
  ref_id text,
  stream text,
  stream_epoch text,
  seq bigint,
  gateway_epoch text not null,
  ingest_seq bigint not null,
  received_at timestamptz not null,
  flags text[] not null default '{}',
  primary key (incarnation, partition, record_offset),
  unique (id)
);
comment on column message_metadata.raw_payload is 'json, not jsonb: keeps the received text exactly. Never use a JSON operator on it: one row with \u0000 fails the whole query.';

-- The same event again under other coordinates.
create table duplicates (
  incarnation uuid not null,
  partition integer not null,
  record_offset bigint not null,
  id uuid not null,
  first_incarnation uuid not null,
  first_partition integer not null,
  first_offset bigint not null,
  status text not null default 'open' check (status in ('open', 'superseded')),
  created_at timestamptz not null default now(),
  primary key (incarnation, partition, record_offset)
);

-- Records that cannot become rows, with their raw bytes.
create table quarantine (
  incarnation uuid not null,
  topic text not null,
  partition integer not null,
  record_offset bigint not null,
  code text not null,
  reason text not null,
  raw bytea,
  status text not null default 'open' check (status in ('open', 'superseded')),
  created_at timestamptz not null default now(),
  primary key (incarnation, partition, record_offset)
);

-- Evidence, not a cursor: all below upper_offset had been accounted for when the batch committed.
create table coverage (
  incarnation uuid not null,
  topic text not null,
  partition integer not null,
  upper_offset bigint not null,
  rows_total bigint not null default 0,
  updated_at timestamptz not null default now(),
  primary key (incarnation, partition)
);

-- Offset ranges that retention deleted from message_metadata (lower inclusive, upper exclusive).
create table purged (
  incarnation uuid not null,
  partition integer not null,
  lower_offset bigint not null,
  upper_offset bigint not null,
  reason text not null,
  created_at timestamptz not null default now(),
  primary key (incarnation, partition, lower_offset),
  check (lower_offset < upper_offset)
);
