-- What the audit knew of the log when it last looked, so that a log that was cut, made again or swapped is noticed.
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
  checked_at timestamptz not null,
  primary key (topic, partition)
);

-- A finding keeps its first verdict for ever; what became of it later stands beside it.
alter table audit.findings drop constraint findings_state_check;
update audit.findings set state = 'healed' where state = 'recovered';
alter table audit.findings add constraint findings_state_check check (state in ('open', 'healed'));
alter table audit.findings rename column recovered_at to healed_at;
alter table audit.findings add column healed_run text;
alter table audit.findings add column coincident json;

-- What happened beside the findings: restarts, lost connections, rebalances, leader changes, outages, actions of operators.
create table audit.timeline (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  kind text not null,
  subject text not null,
  detail text not null,
  unique (kind, subject, at)
);
create index timeline_at on audit.timeline (at);
