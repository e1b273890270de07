// A ledger beside the report of an audit, which counts and names no row that is well: the same accounts, as far as numbers
// can tell. Pure. It cannot see order, nor one loss that another surplus makes up for; the CSV of the rows can.
import { z } from 'zod';
import { PmcError } from '../../../service/errors.ts';
import type { LedgerLine } from './ledger-line.ts';
import { SentFrames } from './sent-frames.ts';
import type { ChaosVerdict, Deviation, DeviationKind } from './verdict.ts';

const count = z.number().int().min(0);
const auditReport = z.object({
  runId: z.string(),
  verdict: z.enum(['pass', 'inconclusive', 'fail']),
  accounts: z.object({ settled: count, stored: count, altered: count, missing: count, extra: count }),
});

export function judgeCounts(ledger: Iterable<LedgerLine>, report: unknown): ChaosVerdict {
  const read = auditReport.safeParse(report);
  if (!read.success) {
    const [issue] = read.error.issues;
    const message = `the export is JSON but no report of pmc audit run: ${issue?.path.join('.')} ${issue?.message}`;
    throw new PmcError('PMC_CHAOS_EXPORT_UNREADABLE', message);
  }
  const { accounts, runId, verdict } = read.data;
  const sent = new SentFrames(ledger);
  const neverSent = sent.groups.filter(({ sendings, rowsMin }) => sendings.length === 0 && rowsMin > 0);
  const rowsMin = sent.expectedRows - neverSent.length;
  const rowsMax = sent.groups.reduce((sum, group) => sum + group.rowsMax, 0) - neverSent.length;
  const found = accounts.stored + accounts.altered;
  const short = Math.max(0, rowsMin - found);
  const counts = {
    lost: { total: neverSent.length + short, explained: neverSent.length },
    duplicated: { total: 0, explained: 0 },
    reordered: { total: 0, explained: 0 },
    altered: { total: accounts.altered, explained: 0 },
    conflict: { total: 0, explained: 0 },
    alien: { total: Math.max(0, found - rowsMax) + accounts.extra, explained: 0 },
  } as const;
  const unexplained = short + accounts.altered + counts.alien.total;
  const doubts = [...sent.doubts, ...(verdict === 'inconclusive' ? ['the audit itself is inconclusive'] : [])];
  const finding = (kind: DeviationKind, detail: string): Deviation => {
    return { kind, source: '', id: undefined, sha256: '', detail, explanation: undefined };
  };
  return {
    verdict: unexplained > 0 ? 'fail' : doubts.length > 0 ? 'inconclusive' : 'pass',
    doubts,
    frames: { sent: sent.framesSent, withheld: sent.framesWithheld, expectedRows: rowsMin },
    rows: { compared: accounts.settled, matched: accounts.stored, ofOtherSources: 0 },
    deviations: counts,
    conflictsNotFlagged: 0,
    firings: sent.firings,
    unexplained,
    findings: [
      ...(short > 0 ? [finding('lost', `audit ${runId} counts ${found} rows, the ledger wants ${rowsMin}`)] : []),
      ...(accounts.altered > 0 ? [finding('altered', `audit ${runId} counts ${accounts.altered} altered rows`)] : []),
      ...(counts.alien.total > 0
        ? [finding('alien', `audit ${runId} counts ${counts.alien.total} rows too many`)]
        : []),
    ],
  };
}
