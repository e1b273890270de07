// Writes a batch of one partition to PostgreSQL in one transaction: rows, duplicates, quarantine, coverage, and the closing
// of older entries, so that an offset is in one account only (stored > duplicate-of > quarantined). It promises all or
// nothing. A row that the database refuses is found by halves and quarantined; an error of the server is thrown for the
// caller to wait and repeat. A repeat of what is stored already changes nothing.
import type { TopicPartition } from '../../kafka/log.ts';
import { failureOf, type Pool, type PoolClient, sqlStateOf } from '../../service/database.ts';
import { describeError, PmcError } from '../../service/errors.ts';
import { assertNotSystemic } from './breaker.ts';
import { classify, type Duplicate, type ExistingRow } from './classify.ts';
import { storable } from './column-text.ts';
import { isolate } from './isolate.ts';
import type { Row } from './rows.ts';
import {
  FIND_AT_COORDINATES,
  FIND_BY_ID,
  INSERT_ROWS,
  insertValues,
  type Statement,
  SUPERSEDE_DUPLICATES,
  SUPERSEDE_QUARANTINE,
  UPSERT_COVERAGE,
  UPSERT_DUPLICATES,
  UPSERT_QUARANTINE,
} from './statements.ts';
import { inTransaction } from './transaction.ts';

export interface Candidate {
  readonly row: Row;
  /** The record's value, for the quarantine. */
  readonly raw: Buffer | null;
}

export interface Poison {
  readonly offset: bigint;
  readonly raw: Buffer | null;
  readonly error: PmcError;
}

export interface StoreBatch extends TopicPartition {
  readonly incarnation: string;
  /** Offsets ascending. */
  readonly candidates: readonly Candidate[];
  /** Records that could not become rows. */
  readonly poisons: readonly Poison[];
  /** One past the last offset of the batch. */
  readonly upperOffset: bigint;
}

export interface StoreOutcome {
  readonly inserted: readonly Row[];
  /** Newly recorded; a duplicate or quarantine entry that was there before counts as replayed. */
  readonly duplicates: number;
  readonly quarantined: readonly Poison[];
  readonly replayed: number;
  /** The partition's coverage after the batch. */
  readonly coveredUpTo: bigint;
}

export interface StoreOptions {
  readonly pool: Pool;
  /** See breaker.ts. */
  readonly breakerPercent: number;
}

const REASON_CHARS_MAX = 2_000;

export class Store {
  readonly #pool: Pool;
  readonly #breakerPercent: number;

  constructor({ pool, breakerPercent }: StoreOptions) {
    this.#pool = pool;
    this.#breakerPercent = breakerPercent;
  }

  /** Throws PMC_PERSISTENCE_BREAKER, PMC_TOPIC_RECREATED, or the error of a server that cannot take it now. */
  async write(batch: StoreBatch, signal: AbortSignal): Promise<StoreOutcome> {
    const options = { lock: `pmc-persistence/${batch.incarnation}/${batch.partition}`, signal };
    const { poisons } = batch;
    this.#assertNotSystemic(batch, poisons);
    try {
      return await inTransaction(this.#pool, options, async (client) => {
        const inserted = await insertRows(client, batch.candidates);
        return await account(client, batch, { candidates: batch.candidates, inserted, poisons });
      });
    } catch (error) {
      if (failureOf(error) !== 'data') throw error;
    }
    // Rare: some row is refused. A second transaction finds it; the first stays free of savepoints.
    return await inTransaction(this.#pool, options, async (client) => {
      const { inserted, refused } = await this.#insertAcceptable(client, batch);
      const candidates = batch.candidates.filter((candidate) => !refused.has(candidate));
      return await account(client, batch, { candidates, inserted, poisons: [...poisons, ...refused.values()] });
    });
  }

  async #insertAcceptable(client: PoolClient, batch: StoreBatch) {
    const inserted = new Set<bigint>();
    const refused = new Map<Candidate, Poison>();
    await isolate(batch.candidates, {
      attempt: async (part) => {
        await client.query('savepoint part');
        try {
          for (const offset of await insertRows(client, part)) inserted.add(offset);
        } catch (error) {
          await client.query('rollback to savepoint part');
          throw error;
        }
        await client.query('release savepoint part');
      },
      isDataError: (error) => failureOf(error) === 'data',
      refuse: (candidate, error) => {
        refused.set(candidate, { offset: candidate.row.recordOffset, raw: candidate.raw, error: rowRefused(error) });
        this.#assertNotSystemic(batch, [...batch.poisons, ...refused.values()]);
      },
    });
    return { inserted, refused };
  }

  #assertNotSystemic({ candidates, poisons }: StoreBatch, bad: readonly Poison[]): void {
    const [first] = bad;
    if (first === undefined) return;
    const records = candidates.length + poisons.length;
    assertNotSystemic({ records, bad: bad.length, example: describeError(first.error) }, this.#breakerPercent);
  }
}

interface Attempted {
  readonly candidates: readonly Candidate[];
  readonly inserted: ReadonlySet<bigint>;
  readonly poisons: readonly Poison[];
}

/** Gives every offset of the batch its one account. */
async function account(client: PoolClient, batch: StoreBatch, attempted: Attempted): Promise<StoreOutcome> {
  const rows = attempted.candidates.map(({ row }) => row);
  const inserted = rows.filter(({ recordOffset }) => attempted.inserted.has(recordOffset));
  const notInserted = rows.filter(({ recordOffset }) => !attempted.inserted.has(recordOffset));
  const { replayed, duplicates } = classify(notInserted, await findExisting(client, batch, notInserted));
  const storedOffsets = [...inserted, ...replayed].map(({ recordOffset }) => recordOffset);
  await supersede(client, SUPERSEDE_DUPLICATES, batch, storedOffsets);
  const accountedOffsets = [...storedOffsets, ...duplicates.map(({ row }) => row.recordOffset)];
  await supersede(client, SUPERSEDE_QUARANTINE, batch, accountedOffsets);
  const freshDuplicates = await upsertDuplicates(client, batch, duplicates);
  const quarantined = await upsertQuarantine(client, batch, attempted.poisons);
  const coveredUpTo = await upsertCoverage(client, batch, inserted.length);
  const known = duplicates.length - freshDuplicates + attempted.poisons.length - quarantined.length;
  return { inserted, duplicates: freshDuplicates, quarantined, replayed: replayed.length + known, coveredUpTo };
}

interface OffsetRow {
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

async function insertRows(client: PoolClient, candidates: readonly Candidate[]): Promise<ReadonlySet<bigint>> {
  if (candidates.length === 0) return new Set();
  const returned = await run<OffsetRow>(client, INSERT_ROWS, insertValues(candidates.map(({ row }) => row)));
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

function rowRefused(error: unknown): PmcError {
  const state = sqlStateOf(error) ?? 'unknown';
  const message = `PostgreSQL refused the row with SQLSTATE ${state}: ${describeError(error)}`;
  return new PmcError('PMC_PERSISTENCE_ROW_REFUSED', message, { state }, { cause: error });
}
