-- What the migrations make, read back from the catalogue by schemas/database/snapshot.ts; do not edit.
create table audit.anchors (
  topic text not null,
  partition integer not null,
  cluster_id text not null,
  incarnation uuid not null,
  early_offset bigint not null,
  early_hash bigint not null,
  last_offset bigint not null,
  last_hash bigint not null,
  leader_epoch integer not null,
  audited_to bigint not null,
  checked_at timestamp with time zone not null
);
create table audit.findings (
  finding_key text not null,
  kind text not null,
  stage text not null,
  detail json not null,
  first_run text not null,
  first_seen_at timestamp with time zone not null,
  last_seen_at timestamp with time zone not null,
  state text not null default 'open'::text,
  healed_at timestamp with time zone,
  healed_run text,
  coincident json,
  opened_at timestamp with time zone not null default now(),
  rank integer not null generated always as (CASE WHEN (kind = ANY (ARRAY['duplicate'::text, 'conflict'::text, 'reordered'::text])) THEN 2 WHEN (kind = ANY (ARRAY['hole'::text, 'tail-unknown'::text, 'spooled-elsewhere'::text, 'expired-unaudited'::text])) THEN 1 ELSE 0 END) stored,
  place text generated always as (CASE WHEN (((detail ->> 'topic'::text) = 'pmc.messages.incoming'::text) AND ((detail ->> 'partition'::text) IS NOT NULL)) THEN ('partition '::text || (detail ->> 'partition'::text)) ELSE ('source '::text || "left"((detail ->> 'source'::text), 512)) END) stored
);
create table audit.runs (
  id text not null,
  mode text not null,
  started_at timestamp with time zone not null,
  finished_at timestamp with time zone not null,
  verdict text not null,
  report json not null
);
create table audit.timeline (
  id bigint not null generated always as identity,
  at timestamp with time zone not null,
  kind text not null,
  subject text not null,
  detail text not null
);
create table public.calls (
  event_key uuid not null,
  target text not null,
  given json not null,
  asked json,
  received_at timestamp with time zone not null,
  created_at timestamp with time zone not null default now(),
  takes integer not null default 0,
  leased_until timestamp with time zone,
  taken_by uuid,
  first_postponed_at timestamp with time zone
);
create table public.conflicts (
  identity uuid not null,
  incarnation uuid not null,
  partition integer not null,
  record_offset bigint not null,
  created_at timestamp with time zone not null default now()
);
create table public.conversations (
  source text not null,
  chat text not null,
  first_at timestamp with time zone not null,
  last_at timestamp with time zone not null
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
  incarnation uuid,
  partition integer,
  record_offset bigint,
  created_at timestamp with time zone not null default now(),
  received_at timestamp with time zone not null default now(),
  limit_key uuid
);
create table public.fold_positions (
  incarnation uuid not null,
  partition integer not null,
  next_offset bigint not null
);
create table public.forgotten (
  what text not null,
  before timestamp with time zone not null,
  rows_total bigint not null default 0,
  updated_at timestamp with time zone not null default now()
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
  flags text[] not null default '{}'::text[],
  identity uuid
);
create table public.message_state (
  source text not null,
  message_id text not null,
  state json not null,
  updated_at timestamp with time zone not null default now()
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
  sent_offset bigint,
  leased_until timestamp with time zone
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
create table public.tokens (
  id text not null,
  hash bytea not null,
  subject text not null,
  role text not null,
  created_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  note text
);
alter table audit.anchors add constraint anchors_pkey PRIMARY KEY (topic, partition);
alter table audit.findings add constraint findings_pkey PRIMARY KEY (finding_key);
alter table audit.findings add constraint findings_state_check CHECK ((state = ANY (ARRAY['open'::text, 'healed'::text])));
alter table audit.runs add constraint runs_mode_check CHECK ((mode = ANY (ARRAY['live'::text, 'run'::text])));
alter table audit.runs add constraint runs_pkey PRIMARY KEY (id);
alter table audit.runs add constraint runs_verdict_check CHECK ((verdict = ANY (ARRAY['pass'::text, 'inconclusive'::text, 'fail'::text])));
alter table audit.timeline add constraint timeline_kind_subject_at_key UNIQUE (kind, subject, at);
alter table audit.timeline add constraint timeline_pkey PRIMARY KEY (id);
alter table public.calls add constraint calls_pkey PRIMARY KEY (event_key);
alter table public.conflicts add constraint conflicts_pkey PRIMARY KEY (identity, incarnation, partition, record_offset);
alter table public.conversations add constraint conversations_pkey PRIMARY KEY (source, chat);
alter table public.coverage add constraint coverage_pkey PRIMARY KEY (incarnation, partition);
alter table public.duplicates add constraint duplicates_pkey PRIMARY KEY (incarnation, partition, record_offset);
alter table public.duplicates add constraint duplicates_status_check CHECK ((status = ANY (ARRAY['open'::text, 'superseded'::text])));
alter table public.effects add constraint effects_pkey PRIMARY KEY (event_key, kind, target);
alter table public.effects add constraint effects_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'done'::text, 'failed'::text, 'unknown'::text, 'skipped'::text])));
alter table public.fold_positions add constraint fold_positions_pkey PRIMARY KEY (incarnation, partition);
alter table public.forgotten add constraint forgotten_pkey PRIMARY KEY (what);
alter table public.forgotten add constraint forgotten_what_check CHECK ((what = ANY (ARRAY['effects'::text, 'outbox'::text])));
alter table public.message_metadata add constraint message_metadata_id_key UNIQUE (id);
alter table public.message_metadata add constraint message_metadata_pkey PRIMARY KEY (incarnation, partition, record_offset);
alter table public.message_state add constraint message_state_pkey PRIMARY KEY (source, message_id);
alter table public.outbox add constraint outbox_pkey PRIMARY KEY (reply_id);
alter table public.purged add constraint purged_check CHECK ((lower_offset < upper_offset));
alter table public.purged add constraint purged_pkey PRIMARY KEY (incarnation, partition, lower_offset);
alter table public.quarantine add constraint quarantine_pkey PRIMARY KEY (incarnation, partition, record_offset);
alter table public.quarantine add constraint quarantine_status_check CHECK ((status = ANY (ARRAY['open'::text, 'superseded'::text])));
alter table public.schema_migrations add constraint schema_migrations_pkey PRIMARY KEY (name);
alter table public.tokens add constraint tokens_hash_check CHECK ((octet_length(hash) = 32));
alter table public.tokens add constraint tokens_hash_key UNIQUE (hash);
alter table public.tokens add constraint tokens_pkey PRIMARY KEY (id);
alter table public.tokens add constraint tokens_role_check CHECK ((role = ANY (ARRAY['user'::text, 'source'::text, 'viewer'::text, 'operator'::text, 'admin'::text])));
alter table public.tokens add constraint tokens_subject_check CHECK ((subject <> ''::text));
CREATE INDEX calls_waiting ON public.calls USING btree (target, created_at);
CREATE INDEX conversations_newest ON public.conversations USING btree (last_at DESC, source, chat);
CREATE INDEX effects_age ON public.effects USING brin (received_at);
CREATE INDEX effects_limited ON public.effects USING btree (limit_key, received_at) WHERE (limit_key IS NOT NULL);
CREATE INDEX findings_changed ON audit.findings USING btree (rank, COALESCE(healed_at, opened_at), finding_key);
CREATE INDEX findings_open ON audit.findings USING btree (place, rank, opened_at DESC) WHERE ((state = 'open'::text) AND (place IS NOT NULL));
CREATE INDEX findings_open_stages ON audit.findings USING btree (stage) WHERE (state = 'open'::text);
CREATE INDEX message_metadata_changes ON public.message_metadata USING btree (chat, kind, hashtextextended(ref_id, hashtextextended(source, (0)::bigint)), received_at DESC, record_offset DESC) WHERE ((kind = 'delete'::text) OR ((kind = 'edit'::text) AND (content IS NOT NULL)));
CREATE INDEX message_metadata_commands ON public.message_metadata USING btree (incarnation, partition, record_offset) WHERE ((kind = 'message'::text) AND ((type IS NULL) OR (type = 'text'::text)) AND (content ~~ '/%'::text));
CREATE INDEX message_metadata_of_chat ON public.message_metadata USING btree (chat, received_at DESC, record_offset DESC) WHERE (kind = 'message'::text);
CREATE INDEX outbox_age ON public.outbox USING brin (sent_at);
CREATE INDEX outbox_unsent ON public.outbox USING btree (sequence) WHERE (sent_at IS NULL);
CREATE INDEX runs_newest ON audit.runs USING btree (mode, finished_at DESC);
CREATE INDEX timeline_at ON audit.timeline USING btree (at);
CREATE INDEX tokens_changed ON public.tokens USING btree (GREATEST(created_at, revoked_at), id);
CREATE UNIQUE INDEX message_metadata_identity ON public.message_metadata USING btree (identity) WHERE (NOT (flags @> '{conflict}'::text[]));
comment on column audit.findings.place is 'As in consumers/commands/facts.ts; null: it concerns no chat in particular.';
comment on column audit.findings.rank is 'The weight of the kind: FINDING_WEIGHT in consumers/gap-detector/verdict.ts.';
comment on column public.message_metadata.identity is 'Two rows of one identity are two bodies: schemas/event-key.ts, identityKey.';
comment on column public.message_metadata.raw_payload is E'json, not jsonb: keeps the received text exactly. Never use a JSON operator on it: one row with \\u0000 fails the whole query.';
