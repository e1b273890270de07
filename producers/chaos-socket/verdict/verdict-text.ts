// A verdict for a terminal. Pure.
import { DEVIATIONS, type Deviation } from './findings.ts';
import type { ChaosVerdict } from './verdict.ts';

const FINDINGS_SHOWN = 20;
const ID_CHARS_MAX = 80;

export function verdictText(verdict: ChaosVerdict): string {
  const { frames, rows, replies, deviations, firings, unexplained, doubts, findings } = verdict;
  const line = (name: string, value: number, more = ''): string =>
    `  ${name.padEnd(14)} ${String(value).padStart(10)}${more === '' ? '' : `  ${more}`}`;
  const struck = Object.entries(firings).map(([name, times]) => `${name} ${times}`);
  const bad = findings.filter(({ explanation }) => explanation === undefined);
  return [
    `verdict ${verdict.verdict}, unexplained ${unexplained}`,
    ...doubts.map((doubt) => `  in doubt: ${doubt}`),
    '',
    line('sent', frames.sent),
    line('withheld', frames.withheld),
    line('rows expected', frames.expectedRows),
    line('rows compared', rows.compared, leftOutText(rows)),
    ...(replies.received > 0
      ? [
          line(
            'replies',
            replies.received,
            `${replies.acknowledged} acknowledged, ${replies.delivered ?? '?'} delivered, ${replies.heard} answered with a pong`,
          ),
        ]
      : []),
    ...DEVIATIONS.map((kind) => line(kind, deviations[kind].total, `${deviations[kind].explained} explained`)),
    ...(verdict.conflictsNotFlagged > 0 ? [line('not flagged', verdict.conflictsNotFlagged, 'planned conflicts')] : []),
    ...(struck.length > 0 ? ['', `  faults: ${struck.join(', ')}`] : []),
    ...(bad.length > 0 ? ['', ...bad.slice(0, FINDINGS_SHOWN).map(findingLine)] : []),
    // What is listed, not what it counts: a finding of an audit's numbers is of many rows.
    ...(bad.length > FINDINGS_SHOWN ? [`  and ${bad.length - FINDINGS_SHOWN} more: --json`] : []),
    '',
  ].join('\n');
}

function leftOutText({ ofOtherSources, ofOtherRuns, afterLedger, undecided }: ChaosVerdict['rows']): string {
  const parts = [
    ...(ofOtherSources > 0 ? [`${ofOtherSources} of other sources left out`] : []),
    ...(ofOtherRuns > 0 ? [`${ofOtherRuns} of other runs left out`] : []),
    ...(afterLedger > 0 ? [`${afterLedger} of after the ledger left out`] : []),
    ...(undecided > 0 ? [`${undecided} undecided`] : []),
  ];
  return parts.join(', ');
}

function findingLine({ kind, id, sha256, detail }: Deviation): string {
  // Whatever a sender calls an event, it must not move the cursor, and not fill the screen.
  const name = id?.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '\uFFFD').slice(0, ID_CHARS_MAX) ?? sha256.slice(0, 16);
  return `  ${kind.padEnd(11)} ${name}  ${detail}`;
}
