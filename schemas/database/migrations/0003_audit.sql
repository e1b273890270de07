-- What the audit found. Runs are immutable; findings keep their first verdict and gain a later state.
create schema audit;

create table audit.runs (
  id text primary key,
  mode text not null check (mode in ('live', 'run')),
  started_at timestamptz not null,
  finished_at timestamptz not null,
  verdict text not null check (verdict in ('pass', 'inconclusive', 'fail')),
  report json not null
);
create index runs_newest on audit.runs (mode, finished_at desc);

create table audit.findings (
  finding_key text primary key,
  kind text not null,
  stage text not null,
  detail json not null,
  first_run text not null,
  first_seen_at timestamptz not null,
  last_seen_at timestamptz not null,
  state text not null default 'open' check (state in ('open', 'recovered')),
  recovered_at timestamptz
);
