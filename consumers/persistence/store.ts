// Writes a batch of one partition to PostgreSQL in one transaction: rows, duplicates, quarantine, coverage, and the closing
// of older entries, so that an offset is in one account only (stored > duplicate-of > quarantined). It promises all or
// nothing. A batch of which nothing is known yet goes the short way, a COPY of rows that are written out; where a row stands in the way,
// or is refused, the long way tells which: duplicates are recorded, what the database refuses is found by halves and quarantined. An error of the server
// is thrown for the caller to wait and repeat. A repeat of what is stored already changes nothing.
import type { TopicPartition } from '../../kafka/log.ts';
import { failureOf, type Pool, type PoolClient, sqlStateOf } from '../../service/database.ts';
import { describeError, PmcError } from '../../service/errors.ts';
import { killPoint } from '../../service/kill-point.ts';
import { account, assertNotPurged, insertRows, type OffsetRow, withoutPurged } from './account.ts';
import { assertNotSystemic } from './breaker.ts';
import { COPY_ROWS, RowWriter, type StoredRow, type WrittenRows } from './copy-rows.ts';
import { isolate } from './isolate.ts';
import type { Row } from './rows.ts';
import { afterCopy } from './statements.ts';
import { copyInTransaction, inTransaction, type TransactionOptions } from './transaction.ts';

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

/** Rows of all offsets from `lower` on. */
export interface NewBatch extends TopicPartition {
  readonly incarnation: string;
  readonly lower: bigint;
  /** One past the last offset. */
  readonly upperOffset: bigint;
  readonly written: WrittenRows;
}

export interface StoreOutcome {
  readonly inserted: readonly StoredRow[];
  /** Newly recorded; a duplicate or quarantine entry that was there before counts as replayed, and so does what was purged. */
  readonly duplicates: number;
  readonly quarantined: readonly Poison[];
  readonly replayed: number;
  /** Of the inserted rows, those under whose identity another body is stored. */
  readonly conflicts: readonly bigint[];
  /** The partition's coverage after the batch. */
  readonly coveredUpTo: bigint;
}

export interface StoreOptions {
  readonly pool: Pool;
  /** See breaker.ts. */
  readonly breakerPercent: number;
}

/** Where one batch met rows that were there, a replay is likely: so many batches of the partition go the long way at once. */
const LONG_WAY_BATCHES = 32;

export class Store {
  readonly #pool: Pool;
  readonly #breakerPercent: number;
  /** Batches that are still to go the long way, by partition. */
  readonly #longWay = new Map<string, number>();

  constructor({ pool, breakerPercent }: StoreOptions) {
    this.#pool = pool;
    this.#breakerPercent = breakerPercent;
  }

  /** Whether the short way is worth a try: so many batches after one that met rows, it is not. */
  isLikelyNew(at: PartitionOfTopic): boolean {
    return !this.#longWay.has(laneOf(at));
  }

  /**
   * The short way; undefined when a row stands in the way or is refused, or retention may have deleted one of these, and then nothing was
   * written. Throws as `write` does.
   */
  async copy(batch: NewBatch, signal: AbortSignal): Promise<StoreOutcome | undefined> {
    const { rows, bytes, free } = batch.written;
    const lock = laneOf(batch);
    try {
      const after = (client: PoolClient) => afterCopy(batch, (text) => client.escapeLiteral(text));
      const results = await copyInTransaction(this.#pool, { lock, signal }, { copy: COPY_ROWS, bytes, after });
      const [flagged, [covered]] = results.slice(-2) as [OffsetRow[], [{ upper_offset: string }]];
      const conflicts = flagged.map(({ record_offset }) => BigInt(record_offset));
      const coveredUpTo = BigInt(covered.upper_offset);
      // It has read all of them, or it would not have committed; after an error some may still be on their way.
      free();
      return { inserted: rows, duplicates: 0, quarantined: [], replayed: 0, conflicts, coveredUpTo };
    } catch (error) {
      if (failureOf(error) !== 'data') throw error;
      this.#longWay.set(lock, LONG_WAY_BATCHES);
      return undefined;
    }
  }

  /** Either way. Throws PMC_PERSISTENCE_BREAKER, PMC_LOG_REWRITTEN, or the error of a server that cannot take it now. */
  async write(batch: StoreBatch, signal: AbortSignal): Promise<StoreOutcome> {
    const { poisons } = batch;
    const options = { lock: laneOf(batch), signal };
    this.#assertNotSystemic(batch, poisons);
    const written = this.isLikelyNew(batch) ? asNewBatch(batch) : undefined;
    const copied = written && (await this.copy(written, signal));
    if (copied !== undefined) return copied;
    this.#wentTheLongWay(options.lock);
    return await this.#writeTheLongWay(batch, options);
  }

  async #writeTheLongWay(batch: StoreBatch, options: TransactionOptions): Promise<StoreOutcome> {
    const { poisons } = batch;
    try {
      return await inTransaction(this.#pool, options, async (client) => {
        const candidates = await withoutPurged(client, batch);
        const inserted = await insertRows(client, rowsOf(candidates));
        killPoint('persistence.rows.inserted');
        await assertNotPurged(client, batch, inserted);
        return await account(client, batch, { candidates, inserted, poisons, purged: leftOut(batch, candidates) });
      });
    } catch (error) {
      if (failureOf(error) !== 'data') throw error;
    }
    // Rare: some row is refused. A second transaction finds it; the first stays free of savepoints.
    return await inTransaction(this.#pool, options, async (client) => {
      const kept = await withoutPurged(client, batch);
      const { inserted, refused } = await this.#insertAcceptable(client, { ...batch, candidates: kept });
      await assertNotPurged(client, batch, inserted);
      const candidates = kept.filter((candidate) => !refused.has(candidate));
      const bad = [...poisons, ...refused.values()];
      return await account(client, batch, { candidates, inserted, poisons: bad, purged: leftOut(batch, kept) });
    });
  }

  #wentTheLongWay(lane: string): void {
    const left = (this.#longWay.get(lane) ?? 0) - 1;
    if (left > 0) this.#longWay.set(lane, left);
    else this.#longWay.delete(lane);
  }

  async #insertAcceptable(client: PoolClient, batch: StoreBatch) {
    const inserted = new Set<bigint>();
    const refused = new Map<Candidate, Poison>();
    await isolate(batch.candidates, {
      attempt: async (part) => {
        await client.query('savepoint part');
        try {
          for (const offset of await insertRows(client, rowsOf(part))) inserted.add(offset);
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

type PartitionOfTopic = Pick<StoreBatch, 'incarnation' | 'partition'>;

/** Transactions of one partition exclude each other, across processes. */
function laneOf({ incarnation, partition }: PartitionOfTopic): string {
  return `pmc-persistence/${incarnation}/${partition}`;
}

/** Undefined where not every offset of the batch is a row: the range would say more than the batch. */
function asNewBatch({ candidates, poisons, ...at }: StoreBatch): NewBatch | undefined {
  const [first] = candidates;
  if (first === undefined || poisons.length > 0) return undefined;
  const lower = first.row.recordOffset;
  if (at.upperOffset - lower !== BigInt(candidates.length)) return undefined;
  const writer = new RowWriter(candidates.length);
  for (const { row } of candidates) writer.add(row);
  return { ...at, lower, written: writer.end() };
}

function leftOut({ candidates }: StoreBatch, kept: readonly Candidate[]): readonly bigint[] {
  if (kept.length === candidates.length) return [];
  const isKept = new Set(kept);
  return candidates.filter((one) => !isKept.has(one)).map(({ row }) => row.recordOffset);
}

function rowsOf(candidates: readonly Candidate[]): readonly Row[] {
  return candidates.map(({ row }) => row);
}

function rowRefused(error: unknown): PmcError {
  const state = sqlStateOf(error) ?? 'unknown';
  const message = `PostgreSQL refused the row with SQLSTATE ${state}: ${describeError(error)}`;
  return new PmcError('PMC_PERSISTENCE_ROW_REFUSED', message, { state }, { cause: error });
}
