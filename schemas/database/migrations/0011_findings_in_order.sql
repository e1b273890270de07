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

-- Whom a finding concerns: all chats of a partition of the incoming topic, or else all of a source. Details from before they were cleaned
-- may hold what no operator takes: U+0000 and halves of characters, which JSON.stringify writes as escapes.
update audit.findings set detail = regexp_replace(detail::text, '\\u(0000|d[89a-f][0-9a-f]{2})', '\ufffd', 'gi')::json
  where detail::text ~* '\\u(0000|d[89a-f][0-9a-f]{2})';
alter table audit.findings add column place text generated always as (
  case
    when detail ->> 'topic' = 'pmc.messages.incoming' and detail ->> 'partition' is not null then 'partition ' || (detail ->> 'partition')
    else 'source ' || left(detail ->> 'source', 512)
  end
) stored;
comment on column audit.findings.place is 'As in consumers/commands/facts.ts; null: it concerns no chat in particular.';
create index findings_open on audit.findings (place, rank, opened_at desc) where state = 'open' and place is not null;
