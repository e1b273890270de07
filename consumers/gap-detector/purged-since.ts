// What is left of an earlier look at a bucket whose records have expired, once retention has deleted rows of it. Pure.
import type { StoredSide } from './classify.ts';
import type { BucketLook } from './judge-partition.ts';
import type { RowSums } from './rules.ts';
import type { Finding } from './verdict.ts';

/**
 * Undefined where the books do not explain every row that is gone: the offsets purged since must be as many. Which they were is known by
 * then from the books alone, and rows that stay are counted, not compared: there is nothing any more to compare them with.
 */
export function lookAfterPurge(
  { rows, look }: { readonly rows: RowSums | undefined; readonly look: BucketLook },
  rowsNow: number,
  purged: StoredSide['purged'],
): BucketLook | undefined {
  const gone = (rows?.rows ?? 0) - rowsNow;
  const purgedNow = purged.reduce((sum, { lower, upper }) => sum + Number(upper - lower), 0);
  if (gone <= 0 || purgedNow - look.purgedThen !== gone) return undefined;
  // What was wrong with a row went with it.
  const isGone = ({ kind, offset = -1 }: Finding): boolean =>
    (kind === 'altered' || kind === 'extra') &&
    purged.some(({ lower, upper }) => BigInt(offset) >= lower && BigInt(offset) < upper);
  const wrong = look.findings.filter(isGone);
  const altered = wrong.filter(({ kind }) => kind === 'altered').length;
  const extra = wrong.length - altered;
  const { counts } = look;
  return {
    ...look,
    counts: {
      ...counts,
      stored: counts.stored - (gone - wrong.length),
      altered: counts.altered - altered,
      purged: counts.purged + gone - extra,
    },
    extra: look.extra - extra,
    findings: look.findings.filter((finding) => !isGone(finding)),
    purgedThen: purgedNow,
  };
}
