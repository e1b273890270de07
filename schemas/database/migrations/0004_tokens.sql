-- Who may connect to the gateway and open the console. Of a token only its SHA-256 is kept: it is shown once, when it is made.
-- A token is ended by revoked_at, not by deleting its line: that is what running services ask for.
create table tokens (
  id text primary key,
  hash bytea not null unique check (octet_length(hash) = 32),
  subject text not null check (subject <> ''),
  role text not null check (role in ('user', 'source', 'viewer', 'operator', 'admin')),
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  note text
);
create index tokens_changed on tokens (greatest(created_at, revoked_at), id);
