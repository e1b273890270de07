// What the database says, computed by PostgreSQL from the stored text itself: a copied hash column could agree with a row
// that was altered afterwards. Reads only.
import { isUtf8 } from 'node:buffer';
import { failureOf, type Pool } from '../../service/database.ts';
import type { BucketRange, Row, StoredSide } from './classify.ts';
import { DERIVED_COLUMNS } from './derived-columns.ts';
import { BUCKET_OFFSETS } from './digest.ts';
import type { RowSums } from './rules.ts';

const PAYLOAD_SHA256 = `sha256(convert_to(raw_payload::text, 'UTF8'))`;

/** The first 8 bytes of a hash as a signed 64-bit number. */
function first8(hash: string): string {
  return `('x' || encode(substring(${hash} from 1 for 8), 'hex'))::bit(64)::bigint`;
}

function columnsHash(table: string): string {
  return first8(`sha256(record_send(row(${DERIVED_COLUMNS.map((column) => `${table}.${column}`).join(', ')})))`);
}

/** Digest of the rows of each bucket in [lower, upper), by bucket number; a bucket without rows is absent. */
export async function rowDigests(
  pool: Pool,
  { incarnation, partition, lower, upper }: Omit<BucketRange, 'topic'>,
  isContentOnly = false,
): Promise<ReadonlyMap<bigint, RowSums>> {
  const { rows } = await pool.query<{ bucket: string; rows: string; sum: string; columns: string }>({
    name: isContentOnly ? 'audit-content-digests' : 'audit-row-digests',
    text: `
      select record_offset / ${BUCKET_OFFSETS} as bucket, count(*) as rows,
             sum(${first8(`sha256(int8send(record_offset) || ${PAYLOAD_SHA256})`)}::numeric) as sum,
             ${isContentOnly ? '0' : `sum(${columnsHash('m')}::numeric)`} as columns
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
    id: string | null;
    hash: string | null;
    columns: string;
  }>(
    `select d.record_offset, m.id, encode(${PAYLOAD_SHA256}, 'hex') as hash, ${columnsHash('m')} as columns
     from duplicates d left join message_metadata m
       on m.incarnation = d.first_incarnation and m.partition = d.first_partition and m.record_offset = d.first_offset
     where d.status = 'open' and ${inRange('d')}`,
    bounds,
  );
  const quarantined = await pool.query<{ record_offset: string }>(
    `select record_offset from quarantine q where q.status = 'open' and ${inRange('q')}`,
    bounds,
  );
  const purged = await pool.query<{ lower_offset: string; upper_offset: string }>(
    'select lower_offset, upper_offset from purged where incarnation = $1 and partition = $2 and lower_offset < $4 and upper_offset > $3',
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
    purged: purged.rows.map((row) => ({ lower: BigInt(row.lower_offset), upper: BigInt(row.upper_offset) })),
  };
}

function toRow(id: string, payloadHash: string, columns: string): Row {
  return { id, payloadHash, columns: BigInt(columns) };
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

/** Ranges below the log start, both ends inclusive, that are in no account of the database: gone from the log, and stored nowhere. */
export async function unaccountedBelow(
  pool: Pool,
  { incarnation, partition, upper }: Pick<BucketRange, 'incarnation' | 'partition' | 'upper'>,
): Promise<readonly { readonly from: number; readonly to: number }[]> {
  if (upper === 0n) return [];
  const where = 'incarnation = $1 and partition = $2 and record_offset < $3';
  const { rows } = await pool.query<{ lower: string; next: string }>(
    `select place + 1 as lower, next from (
       select place, lead(place, 1, $3::bigint) over (order by place) as next from (
         select -1::bigint as place
         union select record_offset from message_metadata where ${where}
         union select record_offset from duplicates where status = 'open' and ${where}
         union select record_offset from quarantine where status = 'open' and ${where}
       ) as places
     ) as steps
     where next > place + 1 and not exists (
       select from purged p where p.incarnation = $1 and p.partition = $2 and p.lower_offset <= place + 1 and p.upper_offset >= next
     )
     order by 1 limit 1000`,
    [incarnation, partition, String(upper)],
  );
  return rows.map(({ lower, next }) => ({ from: Number(lower), to: Number(next) - 1 }));
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
