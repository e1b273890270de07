// What a group handled and committed against what it had to handle. Pure. Handling is at least once: what is handed over again is
// counted, not held against it; what is left out, changed, committed before it was handled, or committed back is.
import type { Offset } from '../../../kafka/log.ts';
import type { Commit } from './commit-recorder.ts';

/** Offsets [lower, upper) of a partition, durable from this moment on. */
export interface Handled {
  readonly member: string;
  readonly partition: number;
  readonly lower: Offset;
  readonly upper: Offset;
  readonly atMs: number;
}

export interface ReadViolations {
  /** Handled by nobody, each as `partition@offset`. */
  readonly missing: readonly string[];
  /** Commits of something that was not handled yet, as `partition@offset`. */
  readonly ahead: readonly string[];
  /** Commits below an earlier one. */
  readonly back: readonly string[];
}

export const SOUND: ReadViolations = { missing: [], ahead: [], back: [] };

export interface ReadVerdict {
  readonly violations: ReadViolations;
  /** Offsets that were handled more than once, counted each further time. */
  readonly repeated: number;
}

/** `begin` and `end` bound what had to be handled of each partition. */
export function judgeReads(
  handled: readonly Handled[],
  commits: readonly Commit[],
  bounds: ReadonlyMap<number, { readonly begin: Offset; readonly end: Offset }>,
): ReadVerdict {
  const violations = { missing: [] as string[], ahead: [] as string[], back: [] as string[] };
  let repeated = 0;
  for (const [partition, { begin, end }] of bounds) {
    const ranges = handled.filter((one) => one.partition === partition);
    const firstMs = new Map<Offset, number>();
    for (const { lower, upper, atMs } of ranges) {
      for (let offset = lower; offset < upper; offset += 1n) {
        const before = firstMs.get(offset);
        if (before !== undefined) repeated += 1;
        firstMs.set(offset, Math.min(before ?? atMs, atMs));
      }
    }
    // From which moment on everything below an offset is durable.
    const durableMs = new Map<Offset, number>();
    let sinceMs = 0;
    for (let offset = begin; offset < end; offset += 1n) {
      durableMs.set(offset, sinceMs);
      const atMs = firstMs.get(offset);
      if (atMs === undefined) violations.missing.push(`${partition}@${offset}`);
      sinceMs = Math.max(sinceMs, atMs ?? Number.POSITIVE_INFINITY);
    }
    durableMs.set(end, sinceMs);
    let highest = begin;
    for (const commit of commits.filter((one) => one.partition === partition)) {
      if (commit.offset < highest) violations.back.push(`${partition}@${commit.offset}`);
      else highest = commit.offset;
      const durable = durableMs.get(commit.offset);
      if (commit.offset > end || (durable !== undefined && durable > commit.atMs)) {
        violations.ahead.push(`${partition}@${commit.offset}`);
      }
    }
  }
  return { violations, repeated };
}
