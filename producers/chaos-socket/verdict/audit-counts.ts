// A ledger beside the report of an audit, which counts and names no row that is well: the same accounts, as far as numbers
// can tell. Pure. It cannot see order, nor one loss that another surplus makes up for; the CSV of the rows can. An audit counts what
// all sources of all runs have sent: where that is more than the ledger can have, nobody knows whose it is.
import { z } from 'zod';
import { PmcError } from '../../../service/errors.ts';
import { type Deviation, type DeviationKind, Findings } from './findings.ts';
import type { SentFrames } from './sent-frames.ts';
import type { ChaosVerdict } from './verdict.ts';

const count = z.number().int().min(0);
const auditReport = z.object({
  runId: z.string(),
  verdict: z.enum(['pass', 'inconclusive', 'fail']),
  accounts: z.object({ settled: count, stored: count, altered: count, missing: count, extra: count }),
});

export function judgeCounts(sent: SentFrames, report: unknown): ChaosVerdict {
  const read = auditReport.safeParse(report);
  if (!read.success) {
    const [issue] = read.error.issues;
    const message = `the export is JSON but no report of pmc audit run: ${issue?.path.join('.')} ${issue?.message}`;
    throw new PmcError('PMC_CHAOS_EXPORT_UNREADABLE', message);
  }
  const { accounts, runId, verdict } = read.data;
  const { min, max, neverSent } = sent.rows;
  // A reply that was acknowledged has a row too, unless its acknowledgement was lost with a connection.
  const { all: acknowledged, heardOf: heard } = sent.replies;
  const { received, cameAgain } = sent.arrivals;
  const arrived = acknowledged.filter(
    ({ isHeard, sayings }) => isHeard || sayings.some((one) => !sent.hasEndedByName(one.connection)),
  );
  const rowsMin = min - neverSent + arrived.length;
  const rowsMax = max - neverSent + acknowledged.length;
  const found = accounts.stored + accounts.altered;
  const short = Math.max(0, rowsMin - found);
  const surplus = Math.max(0, found - rowsMax);
  const ofLedger = new Findings();
  sent.arrivals.judge(ofLedger);
  const counts = {
    lost: { total: neverSent + short, explained: neverSent },
    duplicated: { total: 0, explained: 0 },
    reordered: { total: 0, explained: 0 },
    altered: { total: accounts.altered, explained: 0 },
    conflict: { total: 0, explained: 0 },
    alien: { total: accounts.extra, explained: 0 },
    repeated: ofLedger.tallies.repeated,
  } as const;
  const unexplained = short + accounts.altered + counts.alien.total + ofLedger.unexplained;
  const doubts = [
    ...sent.doubts,
    ...(verdict === 'inconclusive' ? ['the audit itself is inconclusive'] : []),
    ...(surplus > 0 ? [surplusText(runId, surplus)] : []),
  ];
  const finding = (kind: DeviationKind, detail: string): Deviation => {
    return { kind, source: '', id: undefined, sha256: '', detail, explanation: undefined };
  };
  return {
    verdict: unexplained > 0 ? 'fail' : doubts.length > 0 ? 'inconclusive' : 'pass',
    doubts,
    frames: { sent: sent.framesSent, withheld: sent.framesWithheld, expectedRows: rowsMin },
    rows: {
      ...{ compared: accounts.settled, matched: accounts.stored },
      ...{ ofOtherSources: 0, ofOtherRuns: 0, afterLedger: 0, undecided: surplus },
    },
    replies: { received, cameAgain, acknowledged: acknowledged.length, heard, delivered: undefined },
    deviations: counts,
    conflictsNotFlagged: 0,
    firings: sent.firings,
    unexplained,
    findings: [
      ...(short > 0 ? [finding('lost', `audit ${runId} counts ${found} rows, the ledger wants ${rowsMin}`)] : []),
      ...(accounts.altered > 0 ? [finding('altered', `audit ${runId} counts ${accounts.altered} altered rows`)] : []),
      ...(accounts.extra > 0 ? [finding('alien', `audit ${runId} counts ${accounts.extra} rows beyond the log`)] : []),
      ...ofLedger.kept,
    ],
    findingsLeftOut: ofLedger.leftOut,
  };
}

function surplusText(runId: string, surplus: number): string {
  return (
    `audit ${runId} counts ${surplus} rows more than the ledger can have: of other sources, of other runs, of after the ledger, or ` +
    'never sent; an audit does not tell them apart, compare with pmc rows export'
  );
}
