-- A finding that was healed can come back: `first_seen_at` stays, `opened_at` is when it was last opened.
alter table audit.findings add column opened_at timestamptz;
update audit.findings set opened_at = first_seen_at;
alter table audit.findings alter column opened_at set not null, alter column opened_at set default now();

-- The heaviest first, whatever lists findings: 0 fails the verdict, 1 makes it inconclusive, 2 lowers nothing. A kind that is not named
-- here counts as a loss until a migration says otherwise.
alter table audit.findings add column rank integer not null generated always as (
  case
    when kind in ('duplicate', 'conflict', 'reordered') then 2
    when kind in ('hole', 'tail-unknown', 'spooled-elsewhere', 'expired-unaudited') then 1
    else 0
  end
) stored;
comment on column audit.findings.rank is 'The weight of the kind: FINDING_WEIGHT in consumers/gap-detector/verdict.ts.';

-- Webhooks are told of what changed lately, a page at a time.
create index findings_changed on audit.findings (rank, coalesce(healed_at, opened_at), finding_key);
