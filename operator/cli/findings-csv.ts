// Findings as CSV, one a line: the same columns from every verb. Pure.
import type { BookedFinding } from '../../consumers/gap-detector/findings-book.ts';
import type { Finding } from '../../consumers/gap-detector/verdict.ts';
import { csvLine } from '../../producers/chaos-socket/verdict/csv.ts';

const OF_FINDING = [
  ...(['kind', 'stage', 'topic', 'partition', 'incarnation', 'offset', 'from', 'to', 'gatewayEpoch'] as const),
  ...(['source', 'stream', 'streamEpoch', 'replyId', 'id', 'eventKey', 'receivedAt', 'detail'] as const),
];
const OF_BOOK = ['state', 'firstRun', 'firstSeenAt', 'lastSeenAt', 'healedAt', 'healedRun'] as const;

export function findingsCsv(findings: readonly Finding[]): string {
  return [csvLine(OF_FINDING), ...findings.map((one) => csvLine(cells(one)))].join('');
}

export function bookCsv(book: readonly BookedFinding[]): string {
  const lines = book.map((one) => csvLine([...OF_BOOK.map((name) => one[name] ?? ''), ...cells(one.finding)]));
  return [csvLine([...OF_BOOK, ...OF_FINDING]), ...lines].join('');
}

function cells(finding: Finding): readonly string[] {
  return OF_FINDING.map((name) => String(finding[name] ?? ''));
}
