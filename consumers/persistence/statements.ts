// The SQL of the store. The insert's column list, parameter types and values come from schemas/database/tables.ts: a column
// added there does not compile here until it has a value.
import { messageMetadata } from '../../schemas/database/tables.ts';
import type { Flag, Row } from './rows.ts';
import type { NewBatch } from './store.ts';

export interface Statement {
  readonly name: string;
  readonly text: string;
}

const VALUE_OF = {
  id: (row) => row.id,
  timestamp: (row) => row.timestamp?.toISOString() ?? null,
  sender: (row) => row.sender,
  type: (row) => row.type,
  rawPayload: (row) => row.rawPayload,
  incarnation: (row) => row.incarnation,
  partition: (row) => row.partition,
  recordOffset: (row) => String(row.recordOffset),
  source: (row) => row.source,
  eventId: (row) => row.eventId,
  kind: (row) => row.kind,
  chat: (row) => row.chat,
  actor: (row) => row.actor,
  content: (row) => row.content,
  refId: (row) => row.refId,
  stream: (row) => row.stream,
  streamEpoch: (row) => row.streamEpoch,
  seq: (row) => (row.seq === null ? null : String(row.seq)),
  gatewayEpoch: (row) => row.gatewayEpoch,
  ingestSeq: (row) => String(row.ingestSeq),
  receivedAt: (row) => row.receivedAt.toISOString(),
  flags: (row) => row.flags.join(','),
  identity: (row) => row.identity,
} satisfies Record<keyof Row, (row: Row) => string | number | null>;

const COLUMNS = (Object.keys(VALUE_OF) as (keyof Row)[]).map((key) => {
  const { name, getSQLType } = { name: messageMetadata[key].name, getSQLType: messageMetadata[key].getSQLType() };
  // unnest flattens an array of arrays, so a list travels as one text (flags hold no comma).
  const isList = getSQLType.endsWith('[]');
  return {
    name,
    parameterType: isList ? 'text' : getSQLType,
    expression: isList ? `string_to_array(${name}, ',')` : name,
    valueOf: VALUE_OF[key],
  };
});

const NAMES = COLUMNS.map(({ name }) => name).join(', ');
const PARAMETERS = COLUMNS.map(({ parameterType }, index) => `$${index + 1}::${parameterType}[]`).join(', ');

export const INSERT_ROWS: Statement = {
  name: 'pmc-insert-rows',
  text: `insert into message_metadata (${NAMES})
    select ${COLUMNS.map(({ expression }) => expression).join(', ')}
    from unnest(${PARAMETERS}) as given (${NAMES})
    on conflict do nothing
    returning record_offset`,
};

/** One array per column, in the order of INSERT_ROWS. */
export function insertValues(rows: readonly Row[]): readonly (readonly (string | number | null)[])[] {
  return COLUMNS.map(({ valueOf }) => rows.map((row) => valueOf(row)));
}

/** $1 incarnation, $2 partition, $3 lowest, $4 highest offset: what is stored at the coordinates of rows not inserted. */
export const FIND_AT_COORDINATES: Statement = {
  name: 'pmc-find-at-coordinates',
  text: `select id, incarnation, partition, record_offset from message_metadata
    where incarnation = $1::uuid and partition = $2 and record_offset between $3 and $4`,
};

/** $1 ids: where the events are stored of which nothing is at these coordinates. One index probe each, whatever the statistics. */
export const FIND_BY_ID: Statement = {
  name: 'pmc-find-by-id',
  text: `select stored.* from unnest($1::uuid[]) as given (id)
    cross join lateral (
      select id, incarnation, partition, record_offset from message_metadata where id = given.id limit 1) as stored`,
};

/**
 * $1 incarnation, $2 partition, $3 offset: fails, by a division by zero, where retention has deleted anything and the partition is covered
 * beyond the offset: then what was copied may be what it has deleted. An error ends the transaction without another round trip.
 */
const REFUSE_WHERE_PURGE_IS_POSSIBLE: Statement = {
  name: 'pmc-refuse-where-purge-is-possible',
  text: `select 1 / case when exists (select from purged) and exists (
      select from coverage where incarnation = $1::uuid and partition = $2 and upper_offset > $3::bigint) then 0 else 1 end`,
};

/**
 * $1 incarnation, $2 partition, then arrays: offsets and ids. Those whose row retention has deleted, or the row that they were a
 * duplicate of.
 */
export const FIND_PURGED: Statement = {
  name: 'pmc-find-purged',
  text: `select given.record_offset from unnest($3::bigint[], $4::uuid[]) as given (record_offset, id)
    where exists (
        select from purged p where p.incarnation = $1::uuid and p.partition = $2
          and p.lower_offset <= given.record_offset and p.upper_offset > given.record_offset)
      or exists (
        select from duplicates d join purged p on p.incarnation = d.first_incarnation and p.partition = d.first_partition
          and p.lower_offset <= d.first_offset and p.upper_offset > d.first_offset
        where d.incarnation = $1::uuid and d.partition = $2 and d.record_offset = given.record_offset
          and d.status = 'open' and d.id = given.id)`,
};

/** $1 incarnation, $2 partition, then arrays: offsets, ids, first incarnations, partitions and offsets. */
export const UPSERT_DUPLICATES: Statement = {
  name: 'pmc-upsert-duplicates',
  text: `insert into duplicates as known (incarnation, partition, record_offset, id, first_incarnation, first_partition, first_offset)
    select $1::uuid, $2::integer, given.*
    from unnest($3::bigint[], $4::uuid[], $5::uuid[], $6::integer[], $7::bigint[]) as given
    on conflict (incarnation, partition, record_offset) do update set
      id = excluded.id, status = 'open', first_incarnation = excluded.first_incarnation,
      first_partition = excluded.first_partition, first_offset = excluded.first_offset
    where (known.id, known.status, known.first_incarnation, known.first_partition, known.first_offset)
      is distinct from (excluded.id, 'open', excluded.first_incarnation, excluded.first_partition, excluded.first_offset)
    returning record_offset`,
};

/**
 * $1 incarnation, $2 partition, $3 topic, then arrays: offsets, codes, reasons, raw bytes. A record that is stored, a duplicate
 * or was stored until retention deleted it stays that: those accounts take precedence.
 */
export const UPSERT_QUARANTINE: Statement = {
  name: 'pmc-upsert-quarantine',
  text: `insert into quarantine as known (incarnation, partition, topic, record_offset, code, reason, raw)
    select $1::uuid, $2::integer, $3::text, given.*
    from unnest($4::bigint[], $5::text[], $6::text[], $7::bytea[]) as given (record_offset, code, reason, raw)
    where not exists (
        select from message_metadata stored
        where stored.incarnation = $1 and stored.partition = $2 and stored.record_offset = given.record_offset)
      and not exists (
        select from duplicates
        where duplicates.incarnation = $1 and duplicates.partition = $2
          and duplicates.record_offset = given.record_offset and duplicates.status = 'open')
      and not exists (
        select from purged
        where purged.incarnation = $1 and purged.partition = $2
          and purged.lower_offset <= given.record_offset and purged.upper_offset > given.record_offset)
    on conflict (incarnation, partition, record_offset) do update set
      code = excluded.code, reason = excluded.reason, raw = excluded.raw, status = 'open'
    where (known.code, known.reason, known.status) is distinct from (excluded.code, excluded.reason, 'open')
    returning record_offset`,
};

/** $1 incarnation, $2 partition, $3 lowest, $4 highest, $5 all offsets. The range lets an empty table answer at once. */
export const SUPERSEDE_QUARANTINE = supersede('quarantine');
export const SUPERSEDE_DUPLICATES = supersede('duplicates');

function supersede(table: 'quarantine' | 'duplicates'): Statement {
  return {
    name: `pmc-supersede-${table}`,
    text: `update ${table} set status = 'superseded'
      where incarnation = $1::uuid and partition = $2 and record_offset between $3 and $4
        and status = 'open' and record_offset = any($5::bigint[])`,
  };
}

/**
 * $1 incarnation, $2 partition, $3 the lowest offset inserted now: where that lies below what was covered before, the fold has to go
 * back. It comes before coverage moves, and waits for a fold that is under way.
 */
export const SET_FOLD_BACK: Statement = {
  name: 'pmc-set-fold-back',
  text: `insert into fold_positions as known (incarnation, partition, next_offset)
    select incarnation, partition, 0 from coverage
    where incarnation = $1::uuid and partition = $2 and upper_offset > $3::bigint
    on conflict (incarnation, partition) do update set next_offset = least(known.next_offset, $3::bigint)`,
};

const CONFLICT: Flag = 'conflict';
const CONFLICTS = 'insert into conflicts (identity, incarnation, partition, record_offset)';
const WHERE_STORED = 'stored.identity, stored.incarnation, stored.partition, stored.record_offset';

/**
 * $1 incarnation, $2 partition, then arrays: offsets and identities of rows stored beside another body. They are put down, and the
 * rows that were there first are flagged and put down as well.
 */
export const PUT_DOWN_CONFLICTS: Statement = {
  name: 'pmc-put-down-conflicts',
  text: `with first as (
      update message_metadata stored set flags = flags || '{${CONFLICT}}'
      where identity = any($4::uuid[]) and not (flags @> '{${CONFLICT}}')
      returning ${WHERE_STORED})
    ${CONFLICTS}
    select * from first
    union all select given.identity, $1::uuid, $2::integer, given.record_offset
      from unnest($3::bigint[], $4::uuid[]) as given (record_offset, identity)
    on conflict do nothing`,
};

/**
 * $1 incarnation, $2 partition, $3 lowest offset, $4 one past the highest: flags what was stored now under an identity that is known to
 * be in conflict, for there nothing is in its way. Where no conflict is known it reads no row.
 */
export const FLAG_FURTHER_BODIES: Statement = {
  name: 'pmc-flag-further-bodies',
  text: `with further as (
      update message_metadata stored set flags = flags || '{${CONFLICT}}'
      where (select exists (select from conflicts))
        and incarnation = $1::uuid and partition = $2 and record_offset >= $3 and record_offset < $4
        and not (flags @> '{${CONFLICT}}')
        and exists (select from conflicts known where known.identity = stored.identity)
      returning ${WHERE_STORED}),
    put_down as (${CONFLICTS} select * from further on conflict do nothing)
    select record_offset from further`,
};

/** $1 incarnation, $2 topic, $3 partition, $4 upper offset, $5 rows inserted now. */
export const UPSERT_COVERAGE: Statement = {
  name: 'pmc-upsert-coverage',
  text: `insert into coverage as known (incarnation, topic, partition, upper_offset, rows_total)
    values ($1::uuid, $2, $3, $4, $5)
    on conflict (incarnation, partition) do update set
      upper_offset = greatest(known.upper_offset, excluded.upper_offset),
      rows_total = known.rows_total + excluded.rows_total, updated_at = now()
    returning upper_offset`,
};

/**
 * What goes with a COPY of all offsets from `lower` up to `upperOffset`, as text: closes their entries, flags conflicts (the last result
 * but one), moves coverage (the last). What retention has deleted is looked for first, and behind the COPY: that has waited for whoever
 * was deleting a row that stood in its way.
 */
export function afterCopy(
  { incarnation, topic, partition, lower, upperOffset }: NewBatch,
  literal: (text: string) => string,
): readonly string[] {
  const at = `incarnation = ${literal(incarnation)} and partition = ${partition}`;
  const range = `record_offset >= ${lower} and record_offset < ${upperOffset}`;
  const close = (table: 'quarantine' | 'duplicates'): string =>
    `update ${table} set status = 'superseded' where ${at} and ${range} and status = 'open'`;
  const written = ({ text }: Statement, ...values: readonly (string | number | bigint)[]): string =>
    text.replaceAll(/\$(\d)/g, (_, number) => String(values[Number(number) - 1]));
  return [
    written(REFUSE_WHERE_PURGE_IS_POSSIBLE, literal(incarnation), partition, lower),
    close('duplicates'),
    close('quarantine'),
    written(SET_FOLD_BACK, literal(incarnation), partition, lower),
    written(FLAG_FURTHER_BODIES, literal(incarnation), partition, lower, upperOffset),
    written(UPSERT_COVERAGE, literal(incarnation), literal(topic), partition, upperOffset, upperOffset - lower),
  ];
}
