// Log against rows for one partition: equal digests prove a bucket, only unequal ones are read again and merged offset by
// offset. The decisions are in classify.ts and suspects.ts; this file asks the two sides.
import type { Codec } from '../../kafka/codec.ts';
import type { RangeReader, TopicPartition } from '../../kafka/log.ts';
import type { Pool } from '../../service/database.ts';
import { type Account, type Balance, balance, noAccounts } from './accounts.ts';
import { type BucketRange, classify } from './classify.ts';
import { BUCKET_OFFSETS, bucketOf } from './digest.ts';
import type { Digest } from './log-digest.ts';
import { readBucket } from './log-side.ts';
import { isRefusedByDatabase, rowDigests, storedSide } from './stored-side.ts';
import type { Suspects } from './suspects.ts';
import type { Finding } from './verdict.ts';

export interface Sides {
  readonly pool: Pool;
  readonly ranges: RangeReader;
  readonly codec: Codec;
}

export interface Look {
  readonly balance: Balance;
  readonly findings: readonly Finding[];
  /** Offsets in no account that wait for their second look; they are not in the balance. */
  readonly waiting: number;
}

export interface LookOptions {
  readonly nowMs: number;
  readonly graceMs: number;
  readonly suspects: Suspects;
  /** Where the log begins by now: what lies below was read, but cannot be read again for a merge. */
  readonly logStart?: bigint;
  readonly signal?: AbortSignal;
}

/** Looks once at the ranges of the digests. `digests` must be ascending and tile one range. */
export async function lookAtPartition(
  sides: Sides,
  at: TopicPartition & { readonly incarnation: string },
  digests: readonly Digest[],
  options: LookOptions,
): Promise<Look> {
  const counts = noAccounts();
  const findings: Finding[] = [];
  let settled = 0;
  let extra = 0;
  let waiting = 0;
  const [first] = digests;
  const last = digests.at(-1);
  if (first === undefined || last === undefined) return { balance: balance(counts, 0, 0), findings, waiting };
  const rows = await rowDigests(sides.pool, { ...at, lower: first.lower, upper: last.upper });
  for (const digest of digests) {
    const size = Number(digest.upper - digest.lower);
    settled += size;
    const stored = rows.get(bucketOf(digest.lower));
    if (digest.plain && stored?.rows === digest.records && stored.sum === digest.sum) {
      counts.stored += size;
      options.suspects.look(digest.lower, digest.upper, [], options.nowMs, options.graceMs);
      continue;
    }
    const logStart = options.logStart ?? digest.lower;
    const lower = logStart < digest.lower ? digest.lower : logStart < digest.upper ? logStart : digest.upper;
    counts.expired += Number(lower - digest.lower);
    if (lower === digest.upper) continue;
    const bucket = await lookAtBucket(sides, { ...at, lower, upper: digest.upper }, options);
    for (const [account, count] of Object.entries(bucket.counts)) counts[account as Account] += count;
    findings.push(...bucket.findings);
    extra += bucket.extra;
    waiting += bucket.waiting;
    settled -= bucket.waiting;
  }
  return { balance: balance(counts, settled, extra), findings, waiting };
}

async function lookAtBucket(sides: Sides, range: BucketRange, options: LookOptions) {
  const stored = await storedSide(sides.pool, range);
  const { entries, payloads } = await readBucket(sides.ranges, sides.codec, range, stored.quarantined, options.signal);
  const quarantined = new Map(stored.quarantined);
  for (const offset of quarantined.keys()) {
    const payload = payloads.get(offset);
    if (payload !== undefined)
      quarantined.set(offset, { refusedAgain: await isRefusedByDatabase(sides.pool, payload) });
  }
  const classified = classify(range, entries, { ...stored, quarantined });
  const { missing, waiting } = options.suspects.look(
    range.lower,
    range.upper,
    classified.suspects,
    options.nowMs,
    options.graceMs,
  );
  classified.counts.missing += missing.length;
  return {
    counts: classified.counts,
    extra: classified.extra,
    findings: [...classified.findings, ...missing],
    waiting,
  };
}

/** Splits digests so that one query covers at most this many buckets. */
export function windowsOf(digests: readonly Digest[], bucketsMax: number): readonly (readonly Digest[])[] {
  const windows: Digest[][] = [];
  for (let index = 0; index < digests.length; index += bucketsMax)
    windows.push(digests.slice(index, index + bucketsMax));
  return windows;
}

/** Buckets per query: a quarter of a million offsets, about a second of hashing for PostgreSQL. */
export const WINDOW_BUCKETS = Number(262_144n / BUCKET_OFFSETS);
