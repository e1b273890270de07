// Log against rows for one partition: equal digests prove a bucket, only unequal ones are read again and merged offset by
// offset. The decisions are in classify.ts and suspects.ts; this file asks the two sides.
import { isDeepStrictEqual } from 'node:util';
import type { Codec } from '../../kafka/codec.ts';
import type { RangeReader, TopicPartition } from '../../kafka/log.ts';
import type { Pool } from '../../service/database.ts';
import { ACCOUNTS, type AccountCounts, type Balance, balance, noAccounts } from './accounts.ts';
import { type BucketRange, type Classified, classify, type StoredSide } from './classify.ts';
import { BUCKET_OFFSETS, bucketOf } from './digest.ts';
import type { Digest } from './log-digest.ts';
import { readBucket } from './log-side.ts';
import { lookAfterPurge } from './purged-since.ts';
import { type RowSums, type Rules, SOUND_RULES } from './rules.ts';
import { isRefusedByDatabase, openWriters, purgedRanges, rowDigests, storedSide } from './stored-side.ts';
import type { Suspects } from './suspects.ts';
import type { Finding } from './verdict.ts';

export interface Sides {
  readonly pool: Pool;
  readonly ranges: Pick<RangeReader, 'read'>;
  readonly codec: Codec;
  /** Compares the texts alone, not the derived columns. */
  readonly isContentOnly?: boolean;
}

export interface Look {
  readonly balance: Balance;
  readonly findings: readonly Finding[];
  /** Offsets in no account that wait for their second look; they are not in the balance. */
  readonly waiting: number;
}

export interface BucketLook extends Omit<Look, 'balance'> {
  readonly counts: AccountCounts;
  readonly extra: number;
  /** Offsets that were on the books as purged when it was made. */
  readonly purgedThen: number;
}

/** A look, and the rows that it holds for. */
interface Proof {
  readonly rows: RowSums | undefined;
  readonly look: BucketLook;
}

/** The latest look at each bucket that left nothing waiting, by its lower offset. */
export type Proofs = Map<bigint, Proof & { readonly upper: bigint }>;

export interface LookOptions {
  readonly nowMs: number;
  readonly graceMs: number;
  readonly suspects: Suspects;
  /** Where the log begins by now: what lies below was read, but cannot be read again for a merge. */
  readonly logStart?: bigint;
  /** Kept by the caller from look to look: what was proved stands after the log has expired, as long as the rows do. */
  readonly proofs?: Proofs;
  readonly rules?: Rules;
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
  const rows = await rowDigests(sides.pool, { ...at, lower: first.lower, upper: last.upper }, sides.isContentOnly);
  for (const digest of digests) {
    const size = Number(digest.upper - digest.lower);
    settled += size;
    const stored = rows.get(bucketOf(digest.lower));
    const isProved = (options.rules ?? SOUND_RULES).isProved(digest, stored);
    if (isProved) options.suspects.look(digest.lower, digest.upper, [], options);
    const proof = isProved
      ? { rows: stored, look: lookOf({ stored: size }) }
      : await lookAgain(sides, at, digest, stored, options);
    const { look: bucket } = proof;
    if (bucket.waiting === 0 && bucket.counts.expired === 0)
      options.proofs?.set(digest.lower, { upper: digest.upper, ...proof });
    for (const account of ACCOUNTS) counts[account] += bucket.counts[account];
    findings.push(...bucket.findings);
    extra += bucket.extra;
    waiting += bucket.waiting;
    settled -= bucket.waiting;
  }
  return { balance: balance(counts, settled, extra), findings, waiting };
}

function isSameSums(one: RowSums | undefined, other: RowSums | undefined): boolean {
  return one?.rows === other?.rows && one?.sum === other?.sum && one?.columns === other?.columns;
}

function lookOf(counts: Partial<AccountCounts>): BucketLook {
  return { counts: { ...noAccounts(), ...counts }, extra: 0, findings: [], waiting: 0, purgedThen: 0 };
}

/** A bucket that its digest does not prove. Of its part that has expired, an earlier look tells, or nobody any more. */
async function lookAgain(
  sides: Sides,
  at: TopicPartition & { readonly incarnation: string },
  { lower, upper }: Digest,
  rows: RowSums | undefined,
  { logStart = lower, proofs, ...options }: LookOptions,
): Promise<Proof> {
  if (logStart <= lower) return { rows, look: await lookAtBucket(sides, { ...at, lower, upper }, options) };
  const before = proofs?.get(lower);
  if (before !== undefined && (before.upper === upper || before.upper >= logStart)) {
    const known = await asBefore(sides, { ...at, lower, upper: before.upper }, before);
    if (known !== undefined && before.upper === upper) return known;
    if (known !== undefined) {
      const rest = await lookAtBucket(sides, { ...at, lower: before.upper, upper }, options);
      return { rows: await rowsOf(sides, { ...at, lower, upper }), look: together(known.look, rest) };
    }
  }
  const readable = logStart < upper ? logStart : upper;
  const detail = 'the log expired before these offsets could be compared with their rows as they are now';
  const range = { from: Number(lower), to: Number(readable - 1n) };
  const expired = {
    ...lookOf({ expired: Number(readable - lower) }),
    findings: [{ kind: 'expired-unaudited', stage: 'log-to-stored', ...at, ...range, detail }] satisfies Finding[],
  };
  if (readable === upper) return { rows, look: expired };
  return { rows, look: together(expired, await lookAtBucket(sides, { ...at, lower: readable, upper }, options)) };
}

/** A purge that is under way takes a bucket in a few transactions. */
const PURGED_MEANWHILE_MAX = 5;

/** What an earlier look says of what has expired since: it holds as long as the rows are there, or retention has deleted them. */
async function asBefore(sides: Sides, range: BucketRange, before: Proof): Promise<Proof | undefined> {
  let purged = await purgedRanges(sides.pool, range);
  for (let turn = 0; turn < PURGED_MEANWHILE_MAX; turn += 1) {
    const rows = await rowsOf(sides, range);
    if (isSameSums(rows, before.rows)) return before;
    const after = await purgedRanges(sides.pool, range);
    if (isDeepStrictEqual(after, purged)) {
      const look = lookAfterPurge(before, rows?.rows ?? 0, purged);
      return look && { rows, look };
    }
    purged = after;
  }
  return undefined;
}

async function rowsOf({ pool, isContentOnly }: Sides, range: BucketRange): Promise<RowSums | undefined> {
  return (await rowDigests(pool, range, isContentOnly)).get(bucketOf(range.lower));
}

function together(one: BucketLook, other: BucketLook): BucketLook {
  const counts = noAccounts();
  for (const account of ACCOUNTS) counts[account] = one.counts[account] + other.counts[account];
  const { extra, waiting } = other;
  return {
    counts,
    findings: [...one.findings, ...other.findings],
    extra: one.extra + extra,
    waiting: one.waiting + waiting,
    purgedThen: one.purgedThen + other.purgedThen,
  };
}

async function lookAtBucket(sides: Sides, range: BucketRange, options: LookOptions): Promise<BucketLook> {
  const openBefore = await openWriters(sides.pool);
  const classified = await classifyNow(sides, range, options);
  const openAfter = classified.suspects.length === 0 ? openBefore : await openWriters(sides.pool);
  const times = { ...options, openBefore, openAfter };
  const { missing, waiting } = options.suspects.look(range.lower, range.upper, classified.suspects, times);
  classified.counts.missing += missing.length;
  return {
    counts: classified.counts,
    extra: classified.extra,
    findings: [...classified.findings, ...missing],
    waiting,
    purgedThen: classified.purged.reduce((sum, { lower, upper }) => sum + Number(upper - lower), 0),
  };
}

/** Each offset of a range that can be read in its account, as log and rows are now; who is in none is suspected alone. */
export async function classifyNow(
  { pool, ranges, codec }: Sides,
  range: BucketRange,
  { rules, signal }: Pick<LookOptions, 'rules' | 'signal'> = {},
): Promise<Classified & Pick<StoredSide, 'purged'>> {
  const stored = await storedSide(pool, range);
  const { entries, payloads } = await readBucket(ranges, codec, range, stored.quarantined, signal);
  const quarantined = new Map(stored.quarantined);
  for (const offset of quarantined.keys()) {
    const payload = payloads.get(offset);
    if (payload !== undefined) quarantined.set(offset, { refusedAgain: await isRefusedByDatabase(pool, payload) });
  }
  return { ...classify(range, entries, { ...stored, quarantined }, rules), purged: stored.purged };
}

/** Splits digests so that one query covers at most this many buckets. */
export function windowsOf(digests: readonly Digest[], bucketsMax: number): readonly (readonly Digest[])[] {
  const windows: Digest[][] = [];
  for (let index = 0; index < digests.length; index += bucketsMax)
    windows.push(digests.slice(index, index + bucketsMax));
  return windows;
}

/** The lower offset of the window that an offset lies in, where the first digest begins at `lowest`. */
export function windowAt(offset: bigint, lowest: bigint, bucketsMax: number): bigint {
  const bucket = bucketOf(offset);
  const lower = (bucket - ((bucket - bucketOf(lowest)) % BigInt(bucketsMax))) * BUCKET_OFFSETS;
  return lower > lowest ? lower : lowest;
}

/** Buckets per query: a quarter of a million offsets, about a second of hashing for PostgreSQL. */
export const WINDOW_BUCKETS = Number(262_144n / BUCKET_OFFSETS);
