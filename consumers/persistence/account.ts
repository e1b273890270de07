// The accounts of a batch that goes the long way: what the insert left out is replayed, a duplicate, or another body of an identity
// that is there (a conflict: both are rows, both are flagged); entries that it closes; the quarantine; the coverage. All within the
// transaction of the caller, who inserted what can be inserted.

import { storable } from '../../schemas/column-text.ts';
import type { PoolClient } from '../../service/database.ts';
import { describeError } from '../../service/errors.ts';
import { classify, type Duplicate, type ExistingRow, vanished } from './classify.ts';
import { asStored } from './copy-rows.ts';
import type { Row } from './rows.ts';
import {
  FIND_AT_COORDINATES,
  FIND_BY_ID,
  FIND_PURGED,
  FLAG_FURTHER_BODIES,
  INSERT_ROWS,
  insertValues,
  PUT_DOWN_CONFLICTS,
  SET_FOLD_BACK,
  type Statement,
  SUPERSEDE_DUPLICATES,
  SUPERSEDE_QUARANTINE,
  UPSERT_COVERAGE,
  UPSERT_DUPLICATES,
  UPSERT_QUARANTINE,
} from './statements.ts';
import type { Candidate, Poison, StoreBatch, StoreOutcome } from './store.ts';

const REASON_CHARS_MAX = 2_000;

export interface Attempted {
  readonly candidates: readonly Candidate[];
  readonly inserted: ReadonlySet<bigint>;
  readonly poisons: readonly Poison[];
  /** Records that were left out because retention has deleted their rows. */
  readonly purged: readonly bigint[];
}

/** Gives every offset of the batch its one account. */
export async function account(client: PoolClient, batch: StoreBatch, attempted: Attempted): Promise<StoreOutcome> {
  const rows = attempted.candidates.map(({ row }) => row);
  const notInserted = rows.filter(({ recordOffset }) => !attempted.inserted.has(recordOffset));
  const known = classify(notInserted, await findExisting(client, batch, notInserted));
  const beside = await insertOtherBodies(client, batch, known.otherBodies);
  await assertNotPurged(client, batch, beside.inserted);
  const inserted = rows.filter(({ recordOffset: at }) => attempted.inserted.has(at) || beside.inserted.has(at));
  const duplicates = [...known.duplicates, ...beside.duplicates];
  const storedOffsets = [...inserted, ...known.replayed].map(({ recordOffset }) => recordOffset);
  await supersede(client, SUPERSEDE_DUPLICATES, batch, storedOffsets);
  const accountedOffsets = [...storedOffsets, ...duplicates.map(({ row }) => row.recordOffset)];
  await supersede(client, SUPERSEDE_QUARANTINE, batch, [...accountedOffsets, ...attempted.purged]);
  const freshDuplicates = await upsertDuplicates(client, batch, duplicates);
  const quarantined = await upsertQuarantine(client, batch, attempted.poisons);
  const range = rangeOf(inserted.map(({ recordOffset }) => recordOffset));
  const further = range === undefined ? [] : await afterInsert(client, batch, range);
  const coveredUpTo = await upsertCoverage(client, batch, inserted.length);
  return {
    inserted: inserted.map(asStored),
    duplicates: freshDuplicates,
    quarantined,
    replayed:
      attempted.purged.length +
      (known.replayed.length + duplicates.length - freshDuplicates + attempted.poisons.length - quarantined.length),
    conflicts: [...beside.inserted, ...further],
    coveredUpTo,
  };
}

interface OtherBodies {
  readonly inserted: ReadonlySet<bigint>;
  /** The same body twice, before either of them was a row. */
  readonly duplicates: readonly Duplicate[];
}

/** Stores rows of which another body is in the way beside it, all of them flagged, those that were there first as well. */
async function insertOtherBodies(client: PoolClient, batch: StoreBatch, rows: readonly Row[]): Promise<OtherBodies> {
  if (rows.length === 0) return { inserted: new Set(), duplicates: [] };
  const flagged = rows.map((row): Row => ({ ...row, flags: [...row.flags, 'conflict'] }));
  const inserted = await insertRows(client, flagged);
  const beside = rows.filter(({ recordOffset }) => inserted.has(recordOffset));
  await run(client, PUT_DOWN_CONFLICTS, [
    batch.incarnation,
    batch.partition,
    beside.map(({ recordOffset }) => recordOffset),
    beside.map(({ identity }) => identity),
  ]);
  const rest = rows.filter(({ recordOffset }) => !inserted.has(recordOffset));
  const { duplicates, otherBodies } = classify(rest, await findExisting(client, batch, rest));
  const [nowhere] = otherBodies;
  if (nowhere !== undefined) throw vanished(nowhere);
  return { inserted, duplicates };
}

/** Returns the offsets that were flagged as further bodies. */
async function afterInsert(
  client: PoolClient,
  { incarnation, partition }: StoreBatch,
  [lowest, highest]: readonly [bigint, bigint],
): Promise<readonly bigint[]> {
  await run(client, SET_FOLD_BACK, [incarnation, partition, lowest]);
  const flagged = await run<OffsetRow>(client, FLAG_FURTHER_BODIES, [incarnation, partition, lowest, highest + 1n]);
  return flagged.map(({ record_offset }) => BigInt(record_offset));
}

export interface OffsetRow {
  readonly record_offset: string;
}
type StoredRow = Pick<ExistingRow, 'id' | 'incarnation' | 'partition'> & OffsetRow;

async function run<T extends object>(
  client: PoolClient,
  statement: Statement,
  values: readonly unknown[],
): Promise<readonly T[]> {
  const { rows } = await client.query<T>({ ...statement, values: [...values] });
  return rows;
}

/** The offsets of those of them that are rows now; something is in the way of the others. */
export async function insertRows(client: PoolClient, rows: readonly Row[]): Promise<ReadonlySet<bigint>> {
  if (rows.length === 0) return new Set();
  const returned = await run<OffsetRow>(client, INSERT_ROWS, insertValues(rows));
  return new Set(returned.map(({ record_offset }) => BigInt(record_offset)));
}

/** Rows at the same coordinates (a replay has no others), and by id where there are none. */
async function findExisting(
  client: PoolClient,
  batch: StoreBatch,
  rows: readonly Row[],
): Promise<readonly ExistingRow[]> {
  const range = rangeOf(rows.map(({ recordOffset }) => recordOffset));
  if (range === undefined) return [];
  const there = await run<StoredRow>(client, FIND_AT_COORDINATES, [batch.incarnation, batch.partition, ...range]);
  const offsets = new Set(there.map(({ record_offset }) => record_offset));
  const elsewhere = rows.filter(({ recordOffset }) => !offsets.has(String(recordOffset))).map(({ id }) => id);
  const found = elsewhere.length === 0 ? [] : await run<StoredRow>(client, FIND_BY_ID, [elsewhere]);
  return [...there, ...found].map(({ record_offset, ...row }) => ({ ...row, recordOffset: BigInt(record_offset) }));
}

/** What retention has deleted stays deleted, however often the log is read: the candidates of a batch without it. */
export async function withoutPurged(
  client: PoolClient,
  { incarnation, partition, candidates }: StoreBatch,
): Promise<readonly Candidate[]> {
  if (candidates.length === 0) return candidates;
  const [offsets, ids] = [candidates.map(({ row }) => row.recordOffset), candidates.map(({ row }) => row.id)];
  const found = await run<OffsetRow>(client, FIND_PURGED, [incarnation, partition, offsets, ids]);
  if (found.length === 0) return candidates;
  const purged = new Set(found.map(({ record_offset }) => BigInt(record_offset)));
  return candidates.filter(({ row }) => !purged.has(row.recordOffset));
}

/**
 * Of another partition's row that stands in the way retention may not have told before it was gone, and then a duplicate of it went in. Throws
 * PMC_PERSISTENCE_ROW_VANISHED; what begins again finds it on the books.
 */
export async function assertNotPurged(
  client: PoolClient,
  batch: StoreBatch,
  inserted: ReadonlySet<bigint>,
): Promise<void> {
  const candidates = batch.candidates.filter(({ row }) => inserted.has(row.recordOffset));
  const kept = new Set(await withoutPurged(client, { ...batch, candidates }));
  const purged = candidates.find((candidate) => !kept.has(candidate));
  if (purged !== undefined) throw vanished(purged.row);
}

async function upsertDuplicates(
  client: PoolClient,
  batch: StoreBatch,
  duplicates: readonly Duplicate[],
): Promise<number> {
  if (duplicates.length === 0) return 0;
  const returned = await run<OffsetRow>(client, UPSERT_DUPLICATES, [
    batch.incarnation,
    batch.partition,
    duplicates.map(({ row }) => row.recordOffset),
    duplicates.map(({ row }) => row.id),
    duplicates.map(({ first }) => first.incarnation),
    duplicates.map(({ first }) => first.partition),
    duplicates.map(({ first }) => first.recordOffset),
  ]);
  return returned.length;
}

async function upsertQuarantine(
  client: PoolClient,
  batch: StoreBatch,
  poisons: readonly Poison[],
): Promise<readonly Poison[]> {
  if (poisons.length === 0) return [];
  const returned = await run<OffsetRow>(client, UPSERT_QUARANTINE, [
    batch.incarnation,
    batch.partition,
    batch.topic,
    poisons.map(({ offset }) => offset),
    poisons.map(({ error }) => error.code),
    poisons.map(({ error }) => storable(describeError(error)).slice(0, REASON_CHARS_MAX)),
    poisons.map(({ raw }) => raw),
  ]);
  const offsets = new Set(returned.map(({ record_offset }) => BigInt(record_offset)));
  return poisons.filter(({ offset }) => offsets.has(offset));
}

async function supersede(
  client: PoolClient,
  statement: Statement,
  batch: StoreBatch,
  offsets: readonly bigint[],
): Promise<void> {
  const range = rangeOf(offsets);
  if (range === undefined) return;
  await run(client, statement, [batch.incarnation, batch.partition, ...range, offsets]);
}

/** The lowest and the highest, both inclusive. */
function rangeOf(offsets: readonly bigint[]): readonly [bigint, bigint] | undefined {
  const [first] = offsets;
  if (first === undefined) return undefined;
  return offsets.reduce<[bigint, bigint]>(
    ([low, high], one) => [one < low ? one : low, one > high ? one : high],
    [first, first],
  );
}

async function upsertCoverage(client: PoolClient, batch: StoreBatch, inserted: number): Promise<bigint> {
  const values = [batch.incarnation, batch.topic, batch.partition, batch.upperOffset, inserted];
  const [covered] = await run<{ upper_offset: string }>(client, UPSERT_COVERAGE, values);
  return covered === undefined ? batch.upperOffset : BigInt(covered.upper_offset);
}
