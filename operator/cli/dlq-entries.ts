// The entries of the quarantine, as `pmc dlq` reads them: a page at a time, and their bytes only when they are asked for.
import type pg from 'pg';
import { PmcError } from '../../service/errors.ts';
import type { RecordPlace } from './record-place.ts';

const PAGE_ENTRIES = 1_000;
const BEFORE_ALL: Place = { incarnation: '00000000-0000-0000-0000-000000000000', partition: -1, record_offset: '-1' };

interface Place {
  readonly incarnation: string;
  readonly partition: number;
  readonly record_offset: string;
}

export interface Entry extends Place {
  readonly topic: string;
  readonly code: string;
  readonly reason: string;
  readonly status: 'open' | 'superseded';
  readonly created_at: Date;
  readonly size_bytes: number | null;
}

export interface EntryFilter {
  /** Closed entries too. */
  readonly all: boolean;
  readonly code: string | undefined;
}

export type EntryWithBytes = Entry & { readonly raw: Buffer | null };

const COLUMNS = `incarnation, topic, partition, record_offset, code, reason, status, created_at, octet_length(raw) as size_bytes`;
const FILTER = `($1 or status = 'open') and ($2::text is null or code = $2)`;

export async function countEntries(client: pg.Client, { all, code }: EntryFilter): Promise<number> {
  const text = `select count(*) as entries from quarantine where ${FILTER}`;
  const { rows } = await client.query<{ entries: string }>(text, [all, code]);
  return Number(rows[0]?.entries ?? 0);
}

export async function oldestEntries(
  client: pg.Client,
  { all, code }: EntryFilter,
  limit: number,
): Promise<readonly Entry[]> {
  const { rows } = await client.query<Entry>(
    `select ${COLUMNS} from quarantine where ${FILTER} order by created_at, incarnation, partition, record_offset limit $3`,
    [all, code, limit],
  );
  return rows;
}

/** Every open entry once, by place: what stays open is passed, so that it keeps nobody from what is behind it. */
export async function* openEntries(client: pg.Client, code: string | undefined): AsyncGenerator<readonly Entry[]> {
  for (let after = BEFORE_ALL; ; ) {
    const { rows } = await client.query<Entry>(
      `select ${COLUMNS} from quarantine where ${FILTER} and (incarnation, partition, record_offset) > ($3, $4, $5)
       order by incarnation, partition, record_offset limit ${PAGE_ENTRIES}`,
      [false, code, after.incarnation, after.partition, after.record_offset],
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    after = last;
  }
}

/** Throws PMC_QUARANTINE_UNKNOWN naming each place at which there is none. */
export async function entriesAt(client: pg.Client, places: readonly RecordPlace[]): Promise<readonly Entry[]> {
  const { rows } = await client.query<Entry & { nr: number }>(
    `select ${COLUMNS.replace('incarnation, topic', 'q.incarnation, q.topic')}, nr::int
       from unnest($1::uuid[], $2::text[], $3::integer[], $4::bigint[])
            with ordinality as given (incarnation, topic, partition, record_offset, nr)
       join quarantine q using (partition, record_offset)
      where coalesce(given.incarnation, q.incarnation) = q.incarnation and coalesce(given.topic, q.topic) = q.topic
      order by q.created_at, q.incarnation, partition, record_offset`,
    [
      places.map(({ incarnation }) => incarnation ?? null),
      places.map(({ topic }) => topic ?? null),
      places.map(({ partition }) => partition),
      places.map(({ offset }) => offset),
    ],
  );
  const found = new Set(rows.map(({ nr }) => nr));
  const unknown = places.flatMap(({ text }, index) => (found.has(index + 1) ? [] : [text]));
  // One entry may be named in several ways.
  if (unknown.length === 0) return [...new Map(rows.map((row) => [keyOf(row), row])).values()];
  const message = `nothing was ever quarantined at ${unknown.join(', ')}; pmc dlq list --all shows what was`;
  throw new PmcError('PMC_QUARANTINE_UNKNOWN', message, { places: unknown });
}

export async function withBytes(client: pg.Client, entries: readonly Entry[]): Promise<readonly EntryWithBytes[]> {
  const { rows } = await client.query<Place & { raw: Buffer | null }>(
    `select incarnation, partition, record_offset, raw from quarantine
       join unnest($1::uuid[], $2::integer[], $3::bigint[]) as given (incarnation, partition, record_offset)
       using (incarnation, partition, record_offset)`,
    [
      entries.map(({ incarnation }) => incarnation),
      entries.map(({ partition }) => partition),
      entries.map(({ record_offset }) => record_offset),
    ],
  );
  const raws = new Map(rows.map((row) => [keyOf(row), row.raw]));
  return entries.map((entry) => ({ ...entry, raw: raws.get(keyOf(entry)) ?? null }));
}

function keyOf({ incarnation, partition, record_offset }: Place): string {
  return `${incarnation}/${partition}/${record_offset}`;
}
