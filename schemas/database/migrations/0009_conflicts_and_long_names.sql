-- Two bodies under one identity are a conflict, and both rows say so. The index lets at most one row of an identity be without that
-- flag: whoever writes a second body runs into it, at no cost beyond the index itself. Rows from before this have no identity and
-- are compared with nobody.
alter table message_metadata add column identity uuid;
comment on column message_metadata.identity is 'Two rows of one identity are two bodies: schemas/event-key.ts, identityKey.';
create unique index message_metadata_identity on message_metadata (identity) where not (flags @> '{conflict}');

-- Where the bodies in conflict are stored: a further one of them is in nobody's way. What retention deletes stays named here.
create table conflicts (
  identity uuid not null,
  incarnation uuid not null,
  partition integer not null,
  record_offset bigint not null,
  created_at timestamptz not null default now(),
  primary key (identity, incarnation, partition, record_offset)
);

-- Whoever looks for what became of a chat's messages names the chat. With both names in it an entry could be too large for an index, and
-- then the row was refused: 512 characters that do not compress are 1.5 KB.
drop index message_metadata_changes;
create index message_metadata_changes on message_metadata (chat) where kind in ('edit', 'delete');
