-- Who took the call last: what its taker never heard that it has, was never begun. Null where nobody has begun with it.
alter table calls add column taken_by uuid;
-- A call that is put off is tried for as long as from here; how old it was before says nothing of that.
alter table calls add column first_postponed_at timestamptz;
