-- What the migrations make, read back from the catalogue by schemas/database/snapshot.ts; do not edit.
create table audit.findings (
  finding_key text not null,
  kind text not null,
  stage text not null,
  detail json not null,
  first_run text not null,
  first_seen_at timestamp with time zone not null,
  last_seen_at timestamp with time zone not null,
  state text not null default 'open'::text,
  recovered_at timestamp with time zone
);
create table audit.runs (
  id text not null,
  mode text not null,
  started_at timestamp with time zone not null,
  finished_at timestamp with time zone not null,
  verdict text not null,
  report json not null
);
create table public.coverage (
  incarnation uuid not null,
  topic text not null,
  partition integer not null,
  upper_offset bigint not null,
  rows_total bigint not null default 0,
  updated_at timestamp with time zone not null default now()
);
create table public.duplicates (
  incarnation uuid not null,
  partition integer not null,
  record_offset bigint not null,
  id uuid not null,
  first_incarnation uuid not null,
  first_partition integer not null,
  first_offset bigint not null,
  status text not null default 'open'::text,
  created_at timestamp with time zone not null default now()
);
create table public.effects (
  event_key uuid not null,
  kind text not null,
  target text not null,
  status text not null,
  detail text,
  incarnation uuid not null,
  partition integer not null,
  record_offset bigint not null,
  created_at timestamp with time zone not null default now()
);
create table public.message_metadata (
  id uuid not null,
  "timestamp" timestamp with time zone,
  sender text,
  type text,
  status text not null default 'received'::text,
  raw_payload json not null,
  created_at timestamp with time zone not null default now(),
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
  received_at timestamp with time zone not null,
  flags text[] not null default '{}'::text[]
);
create table public.outbox (
  reply_id uuid not null,
  sequence bigint not null generated always as identity,
  topic text not null,
  partition integer not null,
  key text not null,
  value bytea not null,
  created_at timestamp with time zone not null default now(),
  sent_at timestamp with time zone,
  sent_offset bigint
);
create table public.purged (
  incarnation uuid not null,
  partition integer not null,
  lower_offset bigint not null,
  upper_offset bigint not null,
  reason text not null,
  created_at timestamp with time zone not null default now()
);
create table public.quarantine (
  incarnation uuid not null,
  topic text not null,
  partition integer not null,
  record_offset bigint not null,
  code text not null,
  reason text not null,
  raw bytea,
  status text not null default 'open'::text,
  created_at timestamp with time zone not null default now()
);
create table public.schema_migrations (
  name text not null,
  sha256 text not null,
  applied_at timestamp with time zone not null default now()
);
alter table audit.findings add constraint findings_pkey PRIMARY KEY (finding_key);
alter table audit.findings add constraint findings_state_check CHECK ((state = ANY (ARRAY['open'::text, 'recovered'::text])));
alter table audit.runs add constraint runs_mode_check CHECK ((mode = ANY (ARRAY['live'::text, 'run'::text])));
alter table audit.runs add constraint runs_pkey PRIMARY KEY (id);
alter table audit.runs add constraint runs_verdict_check CHECK ((verdict = ANY (ARRAY['pass'::text, 'inconclusive'::text, 'fail'::text])));
alter table public.coverage add constraint coverage_pkey PRIMARY KEY (incarnation, partition);
alter table public.duplicates add constraint duplicates_pkey PRIMARY KEY (incarnation, partition, record_offset);
alter table public.duplicates add constraint duplicates_status_check CHECK ((status = ANY (ARRAY['open'::text, 'superseded'::text])));
alter table public.effects add constraint effects_pkey PRIMARY KEY (event_key, kind, target);
alter table public.effects add constraint effects_status_check CHECK ((status = ANY (ARRAY['done'::text, 'failed'::text, 'skipped'::text])));
alter table public.message_metadata add constraint message_metadata_id_key UNIQUE (id);
alter table public.message_metadata add constraint message_metadata_pkey PRIMARY KEY (incarnation, partition, record_offset);
alter table public.outbox add constraint outbox_pkey PRIMARY KEY (reply_id);
alter table public.purged add constraint purged_check CHECK ((lower_offset < upper_offset));
alter table public.purged add constraint purged_pkey PRIMARY KEY (incarnation, partition, lower_offset);
alter table public.quarantine add constraint quarantine_pkey PRIMARY KEY (incarnation, partition, record_offset);
alter table public.quarantine add constraint quarantine_status_check CHECK ((status = ANY (ARRAY['open'::text, 'superseded'::text])));
alter table public.schema_migrations add constraint schema_migrations_pkey PRIMARY KEY (name);
CREATE INDEX outbox_unsent ON public.outbox USING btree (sequence) WHERE (sent_at IS NULL);
CREATE INDEX runs_newest ON audit.runs USING btree (mode, finished_at DESC);
comment on column public.message_metadata.raw_payload is E'json, not jsonb: keeps the received text exactly. Never use a JSON operator on it: one row with \\u0000 fails the whole query.';
