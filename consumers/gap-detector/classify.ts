// Puts every offset of one bucket into exactly one account, from what the log and the database say of it. Used for the
// buckets whose digests differ, at most 4,096 offsets at a time. A claim of persistence (duplicate, quarantined) counts only
// with its proof; without it the offset is as missing as if nobody had said anything. Pure.
import { type Account, noAccounts } from './accounts.ts';
import { type Rules, SOUND_RULES } from './rules.ts';
import type { Finding } from './verdict.ts';

export type LogEntry =
  | {
      readonly kind: 'record';
      readonly payloadHash: string;
      /** Of the derived columns that the row has to have. */
      readonly columns: number;
      readonly eventKey: string;
      readonly id: string | null;
      readonly receivedAt: number;
    }
  | { readonly kind: 'undecodable'; readonly reason: string }
  | { readonly kind: 'control' }
  | { readonly kind: 'aborted' };

export interface Row {
  readonly id: string;
  readonly payloadHash: string;
  readonly columns: number;
}

export interface StoredSide {
  readonly rows: ReadonlyMap<bigint, Row>;
  /** Open duplicate entries: offset → the row they point at, undefined when there is none. */
  readonly duplicates: ReadonlyMap<bigint, Row | undefined>;
  /** Open quarantine entries: offset → whether the database refuses the record's text again. */
  readonly quarantined: ReadonlyMap<bigint, { readonly refusedAgain: boolean }>;
  readonly purged: readonly { readonly lower: bigint; readonly upper: bigint }[];
  /** Open duplicate entries whose row retention has deleted: offset → the event key that the two had in common. */
  readonly purgedDuplicates: ReadonlyMap<bigint, string>;
}

export interface BucketRange {
  readonly topic: string;
  readonly partition: number;
  readonly incarnation: string;
  readonly lower: bigint;
  readonly upper: bigint;
}

export interface Classified {
  readonly counts: Record<Account, number>;
  readonly extra: number;
  /** Not in any account at this look; missing only if the next look agrees. */
  readonly suspects: readonly { readonly offset: bigint; readonly finding: Finding }[];
  readonly findings: readonly Finding[];
}

export function classify(
  range: BucketRange,
  log: ReadonlyMap<bigint, LogEntry>,
  stored: StoredSide,
  rules: Rules = SOUND_RULES,
): Classified {
  const counts = noAccounts();
  const findings: Finding[] = [];
  const suspects: { offset: bigint; finding: Finding }[] = [];
  let extra = 0;
  const { topic, partition, incarnation } = range;
  const found = (kind: Finding['kind'], offset: bigint, detail: string, about?: LogEntry): Finding => ({
    kind,
    stage: 'log-to-stored',
    topic,
    partition,
    incarnation,
    offset: Number(offset),
    ...(about?.kind === 'record' && { eventKey: about.eventKey, receivedAt: about.receivedAt }),
    ...(about?.kind === 'record' && about.id !== null && { id: about.id }),
    detail,
  });
  for (let offset = range.lower; offset < range.upper; offset += 1n) {
    const entry = log.get(offset);
    const row = stored.rows.get(offset);
    if (entry === undefined || entry.kind === 'control' || entry.kind === 'aborted') {
      if (row !== undefined && rules.isRowless(entry)) {
        extra += 1;
        findings.push(found('extra', offset, 'a row exists, but the log has no such record'));
      }
      if (entry === undefined)
        findings.push(found('hole', offset, 'the log has nothing at this offset and nothing proves why'));
      else counts[entry.kind] += 1;
      continue;
    }
    const judged = judgeRecord(offset, entry, row, stored, rules);
    if (judged.account === undefined)
      suspects.push({ offset, finding: found('missing', offset, judged.detail, entry) });
    else counts[judged.account] += 1;
    if (judged.account === 'altered') findings.push(found('altered', offset, judged.detail, entry));
    if (judged.account === 'duplicateOf') findings.push(found('duplicate', offset, judged.detail, entry));
  }
  return { counts, extra, suspects, findings };
}

type Judged = { readonly account: Account | undefined; readonly detail: string };

/** The order is the precedence: stored, then duplicate, then quarantined, then purged. */
function judgeRecord(offset: bigint, entry: LogEntry, row: Row | undefined, stored: StoredSide, rules: Rules): Judged {
  if (row !== undefined) {
    return rules.isStored(entry, row)
      ? { account: 'stored', detail: 'the row has the bytes of the record' }
      : { account: 'altered', detail: `the row differs from the record in ${differences(entry, row)}` };
  }
  let unproved = 'no row';
  if (stored.duplicates.has(offset)) {
    if (rules.isDuplicate(entry, stored.duplicates.get(offset))) {
      return { account: 'duplicateOf', detail: 'the same event is stored under an earlier offset' };
    }
    unproved = 'called a duplicate, but the row it points at is not the same event';
  }
  const quarantined = stored.quarantined.get(offset);
  if (quarantined !== undefined) {
    if (rules.isQuarantined(entry, quarantined.refusedAgain)) {
      return { account: 'quarantined', detail: 'the record cannot be stored' };
    }
    unproved = 'quarantined, but the record is readable and the database takes it';
  }
  if (rules.isPurged(offset, stored.purged)) {
    return { account: 'purged', detail: 'deleted by retention' };
  }
  if (rules.isPurgedDuplicate(entry, stored.purgedDuplicates.get(offset))) {
    return { account: 'purged', detail: 'the same event was stored under another offset, and deleted by retention' };
  }
  return { account: undefined, detail: unproved };
}

function differences(entry: LogEntry, row: Row): string {
  if (entry.kind !== 'record') return 'everything: the record cannot be read';
  const differing = [
    entry.payloadHash === row.payloadHash ? '' : 'its text',
    entry.eventKey === row.id ? '' : 'its key',
    entry.columns === row.columns ? '' : 'its derived columns',
  ].filter((part) => part !== '');
  return differing.length === 0 ? 'nothing that was compared' : differing.join(', ');
}
