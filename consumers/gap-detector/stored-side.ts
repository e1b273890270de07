// What the database says, computed by PostgreSQL from the stored text itself: a copied hash column could agree with a row
// that was altered afterwards. Reads only.
import { isUtf8 } from 'node:buffer';
import { failureOf, type Pool, type QueryConfig, type QueryResultRow } from '../../service/database.ts';
import type { BucketRange, Row, StoredSide } from './classify.ts';
import { DERIVED_COLUMNS } from './derived-columns.ts';
import { BUCKET_OFFSETS } from './digest.ts';
import type { RowSums } from './rules.ts';
import type { FindingKind } from './verdict.ts';

const PLACE = `(record_offset % ${BUCKET_OFFSETS} + 1)`;
const PAYLOAD_SHA256 = `sha256(convert_to(raw_payload::text, 'UTF8'))`;

/** The first 6 bytes of a hash as a whole number. */
function first6(hash: string): string {
  return `('x' || encode(substring(${hash} from 1 for 6), 'hex'))::bit(48)::bigint`;
}

function columnsHash(table: string): string {
  return first6(`sha256(record_send(row(${DERIVED_COLUMNS.map((column) => `${table}.${column}`).join(', ')})))`);
}

/** Digest of the rows of each bucket in [lower, upper), by bucket number; a bucket without rows is absent. */
export async function rowDigests(
  pool: Pool,
  { incarnation, partition, lower, upper }: Omit<BucketRange, 'topic'>,
  isContentOnly = false,
): Promise<ReadonlyMap<bigint, RowSums>> {
  const rows = await withoutSorting<{ bucket: string; rows: string; sum: string; columns: string }>(pool, {
    name: isContentOnly ? 'audit-content-digests' : 'audit-row-digests',
    text: `
      select record_offset / ${BUCKET_OFFSETS} as bucket, count(*) as rows,
             sum(${PLACE} * ${first6(PAYLOAD_SHA256)}) as sum,
             ${isContentOnly ? '0' : `sum(${PLACE} * ${columnsHash('m')})`} as columns
      from message_metadata m
      where incarnation = $1 and partition = $2 and record_offset >= $3 and record_offset < $4
      group by 1`,
    values: [incarnation, partition, String(lower), String(upper)],
  });
  return new Map(
    rows.map((row) => {
      const sums = { rows: Number(row.rows), sum: BigInt(row.sum), columns: BigInt(row.columns) };
      return [BigInt(row.bucket), sums];
    }),
  );
}

/** PostgreSQL expects as many buckets as offsets and would sort all rows, texts included: more work than hashing them. */
async function withoutSorting<R extends QueryResultRow>(pool: Pool, query: QueryConfig): Promise<readonly R[]> {
  const client = await pool.connect();
  try {
    await client.query('begin read only; set local enable_sort = off');
    const { rows } = await client.query<R>(query);
    await client.query('commit');
    client.release();
    return rows;
  } catch (error) {
    // Whatever it is in the middle of, it is not used again.
    client.release(true);
    throw error;
  }
}

/** Everything the database says about the offsets of one range, for the merge with the log. */
export async function storedSide(
  pool: Pool,
  { incarnation, partition, lower, upper }: BucketRange,
): Promise<StoredSide> {
  const bounds = [incarnation, partition, String(lower), String(upper)];
  const inRange = (table: string) =>
    `${table}.incarnation = $1 and ${table}.partition = $2 and ${table}.record_offset >= $3 and ${table}.record_offset < $4`;
  const rows = await pool.query<{ record_offset: string; id: string; hash: string; columns: string }>(
    `select record_offset, id, encode(${PAYLOAD_SHA256}, 'hex') as hash, ${columnsHash('m')} as columns
     from message_metadata m where ${inRange('m')}`,
    bounds,
  );
  const duplicates = await pool.query<{
    record_offset: string;
    key: string;
    id: string | null;
    hash: string | null;
    columns: string;
    is_purged: boolean;
  }>(
    `select d.record_offset, d.id as key, exists (
       select from purged p where p.incarnation = d.first_incarnation and p.partition = d.first_partition
         and p.lower_offset <= d.first_offset and p.upper_offset > d.first_offset) as is_purged,
       m.id, encode(${PAYLOAD_SHA256}, 'hex') as hash, ${columnsHash('m')} as columns
     from duplicates d left join message_metadata m
       on m.incarnation = d.first_incarnation and m.partition = d.first_partition and m.record_offset = d.first_offset
     where d.status = 'open' and ${inRange('d')}`,
    bounds,
  );
  const quarantined = await pool.query<{ record_offset: string }>(
    `select record_offset from quarantine q where q.status = 'open' and ${inRange('q')}`,
    bounds,
  );
  return {
    rows: new Map(rows.rows.map((row) => [BigInt(row.record_offset), toRow(row.id, row.hash, row.columns)])),
    duplicates: new Map(
      duplicates.rows.map(({ record_offset, id, hash, columns }) => [
        BigInt(record_offset),
        id === null || hash === null ? undefined : toRow(id, hash, columns),
      ]),
    ),
    quarantined: new Map(quarantined.rows.map((row) => [BigInt(row.record_offset), { refusedAgain: false }])),
    purged: await purgedRanges(pool, { incarnation, partition, lower, upper }),
    purgedDuplicates: new Map(
      duplicates.rows
        .filter(({ id, is_purged }) => id === null && is_purged)
        .map(({ record_offset, key }) => [BigInt(record_offset), key]),
    ),
  };
}

/** Whose rows retention has deleted, as far as they lie in [lower, upper). */
export async function purgedRanges(
  pool: Pool,
  { incarnation, partition, lower, upper }: Omit<BucketRange, 'topic'>,
): Promise<StoredSide['purged']> {
  const { rows } = await pool.query<{ lower: string; upper: string }>(
    `select greatest(lower_offset, $3) as lower, least(upper_offset, $4) as upper from purged
     where incarnation = $1 and partition = $2 and lower_offset < $4 and upper_offset > $3 order by 1`,
    [incarnation, partition, String(lower), String(upper)],
  );
  return rows.map((range) => ({ lower: BigInt(range.lower), upper: BigInt(range.upper) }));
}

function toRow(id: string, payloadHash: string, columns: string): Row {
  return { id, payloadHash, columns: Number(columns) };
}

/** Transactions, other than our own, that have written to a table in which an offset may be accounted for, and are open. */
export async function openWriters(pool: Pool): Promise<ReadonlySet<string>> {
  const { rows } = await pool.query<{ writer: string }>({
    name: 'audit-open-writers',
    text: `
      select distinct virtualtransaction as writer from pg_locks
      where locktype = 'relation' and pid <> pg_backend_pid() and mode in ('RowExclusiveLock', 'AccessExclusiveLock')
        and relation in ('message_metadata'::regclass, 'duplicates'::regclass, 'quarantine'::regclass)`,
  });
  return new Set(rows.map(({ writer }) => writer));
}

/** Whether the payload cannot be the content of a row: not UTF-8, or refused by the database itself as it is now. */
export async function isRefusedByDatabase(pool: Pool, payload: Buffer): Promise<boolean> {
  if (!isUtf8(payload)) return true;
  try {
    await pool.query('select $1::json', [payload.toString('utf8')]);
    return false;
  } catch (error) {
    if (failureOf(error) === 'data') return true;
    throw error;
  }
}

/** The largest offset below which persistence says that all is accounted for, by partition of one incarnation. */
export async function coverageOf(pool: Pool, incarnation: string): Promise<ReadonlyMap<number, bigint>> {
  const { rows } = await pool.query<{ partition: number; upper_offset: string }>(
    'select partition, upper_offset from coverage where incarnation = $1',
    [incarnation],
  );
  return new Map(rows.map(({ partition, upper_offset }) => [partition, BigInt(upper_offset)]));
}

const UNACCOUNTED_MAX = 1_000;
/** Of what lies below an anchor, an audit has said of these that it is lost, or that nobody can know. */
const UNKNOWN: readonly FindingKind[] = ['missing', 'hole', 'expired-unaudited'];

/**
 * Ranges below the log start, both ends inclusive, that are in no account of the database: gone from the log, and stored nowhere. What an
 * audit has judged while it was on the log is left out (control records and aborted data have no account here), but for what it found
 * lost, or did not judge: that is open on the books. Of what it found lost, a claim of persistence is no account: it had been looked into.
 * Of very many ranges the last one stands for all that follow.
 */
export async function unaccountedBelow(
  pool: Pool,
  { topic, incarnation, partition, upper }: Omit<BucketRange, 'lower'>,
): Promise<readonly { readonly from: number; readonly to: number }[]> {
  if (upper === 0n) return [];
  const accounts = (table: string) =>
    `select record_offset, record_offset + 1 from ${table}
     where incarnation = $1 and partition = $2 and record_offset >= (select lower_offset from beginning) and record_offset < $3`;
  const claims = (table: string) =>
    `${accounts(table)} and status = 'open' and not record_offset <@ (select lost from told)`;
  const { rows } = await pool.query<{ lower: string; upper: string }>(
    `with told as (
       select coalesce(range_agg(range), '{}') as ranges, coalesce(range_agg(range) filter (where kind = 'missing'), '{}') as lost
       from (
         select kind, int8range(lower_offset, upper_offset + 1) as range from (
           select kind, coalesce(detail ->> 'offset', detail ->> 'from')::bigint as lower_offset,
                  coalesce(detail ->> 'offset', detail ->> 'to', detail ->> 'from')::bigint as upper_offset
           from audit.findings where state = 'open' and stage = 'log-to-stored' and kind = any($5::text[])
             and detail ->> 'incarnation' = $1::uuid::text and detail ->> 'partition' = $2::integer::text) as found
         where lower_offset <= upper_offset) as open),
     unjudged as (
       select int8multirange(int8range(least(coalesce(max(audited_to), 0), $3::bigint), $3)) + (select ranges from told) as ranges
       from audit.anchors where topic = $4 and incarnation = $1::uuid and partition = $2::integer),
     beginning as (select least(lower(ranges), $3) as lower_offset from unjudged),
     accounts (lower_offset, upper_offset) as (
       select lower_offset, lower_offset from beginning
       union all ${accounts('message_metadata')}
       union all ${claims('duplicates')}
       union all ${claims('quarantine')}
       union all select lower_offset, upper_offset from purged where incarnation = $1 and partition = $2 and lower_offset < $3),
     gaps as (
       select int8range(accounted, next) as gap from (
         select max(upper_offset) over placed as accounted, lead(lower_offset, 1, $3::bigint) over placed as next
         from accounts window placed as (order by lower_offset)) as steps
       where next > accounted),
     unaccounted as (select unnest(range_agg(gap) * (select ranges from unjudged)) as range from gaps)
     select lower(range) as lower, case when row_number() over placed = $6 then max(upper(range)) over () else upper(range) end as upper
     from unaccounted window placed as (order by range) order by range limit $6`,
    [incarnation, partition, String(upper), topic, UNKNOWN, UNACCOUNTED_MAX],
  );
  return rows.map((range) => ({ from: Number(range.lower), to: Number(range.upper) - 1 }));
}

const BEYOND_MAX = 1_000;

/** Rows of an incarnation at or above an offset of their partition, and all of partitions that are not named; bounded. */
export async function rowsFrom(
  pool: Pool,
  incarnation: string,
  from: ReadonlyMap<number, bigint>,
): Promise<readonly { readonly partition: number; readonly offset: bigint; readonly id: string }[]> {
  const partitions = [...from.keys()];
  const { rows } = await pool.query<{ partition: number; record_offset: string; id: string }>(
    `(select m.partition, m.record_offset, m.id
      from unnest($2::integer[], $3::bigint[]) as known (partition, lower)
      join message_metadata m on m.incarnation = $1 and m.partition = known.partition and m.record_offset >= known.lower
      limit ${BEYOND_MAX})
     union all
     (select m.partition, m.record_offset, m.id from message_metadata m
      where m.incarnation = $1 and (m.partition > $4 or m.partition < 0) limit ${BEYOND_MAX})`,
    [incarnation, partitions, [...from.values()].map(String), Math.max(-1, ...partitions)],
  );
  return rows.map(({ partition, record_offset, id }) => ({ partition, offset: BigInt(record_offset), id }));
}
