// The verdict: a ledger of what was sent beside the rows that were stored. Pure. Every frame of the ledger and every row
// ends in one account, and each deviation is either explained, by a planned fault or by the end of a connection, or it is
// not; what is not explained is a finding, whatever it is.

import type { ExportedRow } from './exported-row.ts';
import type { LedgerLine } from './ledger-line.ts';
import { findReordered } from './order.ts';
import { SentFrames, type SentGroup } from './sent-frames.ts';

export const DEVIATIONS = ['lost', 'duplicated', 'reordered', 'altered', 'conflict', 'alien'] as const;
export type DeviationKind = (typeof DEVIATIONS)[number];

export interface Deviation {
  readonly kind: DeviationKind;
  readonly source: string;
  readonly id: string | undefined;
  readonly sha256: string;
  readonly detail: string;
  /** Why it had to be so; undefined when nothing explains it. */
  readonly explanation: string | undefined;
}

interface Tally {
  readonly total: number;
  readonly explained: number;
}

export interface ChaosVerdict {
  readonly verdict: 'pass' | 'inconclusive' | 'fail';
  /** Why it is inconclusive. */
  readonly doubts: readonly string[];
  readonly frames: { readonly sent: number; readonly withheld: number; readonly expectedRows: number };
  readonly rows: { readonly compared: number; readonly matched: number; readonly ofOtherSources: number };
  readonly deviations: Readonly<Record<DeviationKind, Tally>>;
  /** Planned conflicts whose row is there without the flag that tells readers. */
  readonly conflictsNotFlagged: number;
  readonly firings: Readonly<Record<string, number>>;
  readonly unexplained: number;
  readonly findings: readonly Deviation[];
}

/** The path of a source: what follows host and port in the communicator's name for it. */
export function pathOf(sourceName: string): string {
  const slash = sourceName.indexOf('/');
  return slash === -1 ? '/' : sourceName.slice(slash);
}

export function judge(ledger: Iterable<LedgerLine>, rows: Iterable<ExportedRow>): ChaosVerdict {
  const sent = new SentFrames(ledger);
  const found = new Map<SentGroup, ExportedRow[]>();
  const strangers: ExportedRow[] = [];
  let compared = 0;
  let ofOtherSources = 0;
  for (const row of rows) {
    const path = pathOf(row.source);
    if (!sent.knowsSource(path)) {
      ofOtherSources += 1;
      continue;
    }
    compared += 1;
    const group = sent.group(path, row.sha256);
    if (group === undefined) strangers.push(row);
    else found.set(group, [...(found.get(group) ?? []), row]);
  }

  const missing = new Set(sent.groups.filter((group) => (found.get(group)?.length ?? 0) < group.rowsMin));
  const deviations = [
    ...strangers.map((row) => judgeStranger(row, sent, missing)),
    ...tooMany(found),
    ...findReordered(found),
    ...plannedConflicts(found),
  ];
  const lastFound = lastFoundByConnection(found);
  for (const group of missing) deviations.push(lost(group, sent, lastFound));

  const unexplained = deviations.filter(({ explanation }) => explanation === undefined).length;
  const doubts = sent.doubts;
  return {
    verdict: unexplained > 0 ? 'fail' : doubts.length > 0 ? 'inconclusive' : 'pass',
    doubts,
    frames: { sent: sent.framesSent, withheld: sent.framesWithheld, expectedRows: sent.expectedRows },
    rows: { compared, matched: compared - strangers.length, ofOtherSources },
    deviations: tallies(deviations),
    conflictsNotFlagged: notFlagged(found),
    firings: sent.firings,
    unexplained,
    findings: deviations,
  };
}

/** A row whose bytes nobody sent: an altered frame where its identity is known and unclaimed, else something foreign. */
function judgeStranger(row: ExportedRow, sent: SentFrames, missing: Set<SentGroup>): Deviation {
  const about = { source: pathOf(row.source), id: row.id, sha256: row.sha256, explanation: undefined };
  const original = sent.byIdentity(row);
  if (original === undefined) return { ...about, kind: 'alien', detail: 'a row of this source that was never sent' };
  if (missing.delete(original)) return { ...about, kind: 'altered', detail: `sent as ${original.sha256}` };
  return { ...about, kind: 'conflict', detail: `a second body beside ${original.sha256}` };
}

function* tooMany(found: ReadonlyMap<SentGroup, readonly ExportedRow[]>): Iterable<Deviation> {
  for (const [group, rows] of found) {
    for (const row of rows.slice(group.rowsMax)) {
      const { source, id, sha256 } = group;
      const detail =
        group.rowsMax === 0
          ? `stored at offset ${row.offset}, had to be refused`
          : `stored again at offset ${row.offset}`;
      yield { kind: 'duplicated', source, id, sha256, detail, explanation: undefined };
    }
  }
}

function* plannedConflicts(found: ReadonlyMap<SentGroup, readonly ExportedRow[]>): Iterable<Deviation> {
  for (const [{ source, id, sha256, expect, explanation }] of found) {
    if (expect !== 'conflict') continue;
    yield { kind: 'conflict', source, id, sha256, detail: 'another body under a known identity', explanation };
  }
}

function notFlagged(found: ReadonlyMap<SentGroup, readonly ExportedRow[]>): number {
  return [...found].filter(
    ([group, rows]) => group.expect === 'conflict' && !rows.some(({ flags }) => flags.includes('conflict')),
  ).length;
}

/** The last frame of each connection that has certainly arrived. */
function lastFoundByConnection(found: ReadonlyMap<SentGroup, unknown>): ReadonlyMap<string, number> {
  const last = new Map<string, number>();
  for (const [{ sendings }] of found) {
    // Of several sendings of one frame nobody knows which one arrived.
    const [only, ...others] = sendings;
    if (only === undefined || others.length > 0) continue;
    last.set(only.connectionId, Math.max(last.get(only.connectionId) ?? 0, only.n));
  }
  return last;
}

/**
 * TCP loses no frame from the middle: what a broken connection has cost is the end of what was sent on it. So a lost frame
 * behind the last one that arrived is explained by the end of its connection, and one before it is not. A frame that the
 * peer has acknowledged is explained by nothing.
 */
function lost(group: SentGroup, sent: SentFrames, lastFound: ReadonlyMap<string, number>): Deviation {
  const { source, id, sha256, sendings } = group;
  const about = { kind: 'lost', source, id, sha256 } as const;
  if (sent.isAcknowledged(group)) {
    return { ...about, detail: 'acknowledged and not stored', explanation: undefined };
  }
  const refusal = sent.refusalOf(group);
  if (refusal !== undefined) return { ...about, detail: `refused with ${refusal}`, explanation: 'refused by the peer' };
  if (sendings.length === 0) return { ...about, detail: 'never sent', explanation: group.explanation };
  const isTail = sendings.every(
    ({ connectionId, n }) => sent.hasEnded(connectionId) && n > (lastFound.get(connectionId) ?? 0),
  );
  const where = sendings.map(({ connectionId, n }) => `${connectionId} frame ${n}`).join(', ');
  const explanation = isTail ? 'on its way when its connection ended' : undefined;
  return { ...about, detail: `sent on ${where}`, explanation };
}

function tallies(deviations: readonly Deviation[]): Readonly<Record<DeviationKind, Tally>> {
  const tally = (kind: DeviationKind): Tally => {
    const ofKind = deviations.filter((one) => one.kind === kind);
    return { total: ofKind.length, explained: ofKind.filter((one) => one.explanation !== undefined).length };
  };
  return {
    lost: tally('lost'),
    duplicated: tally('duplicated'),
    reordered: tally('reordered'),
    altered: tally('altered'),
    conflict: tally('conflict'),
    alien: tally('alien'),
  };
}
