// The ledger of a simulator beside what the audit says and what is stored: every emitted frame must be in exactly the account that the
// ledger puts it into, and the audit must have found the numbers that the source has lost, and no others. Pure.
import type { AuditReport } from '../../../consumers/gap-detector/report.ts';
import { FINDING_WEIGHT, type Finding, findingKey } from '../../../consumers/gap-detector/verdict.ts';
import type { LedgerLine, SentLine, WithheldLine } from '../../../producers/chaos-socket/verdict/ledger-line.ts';

export interface FoundFrames {
  /** SHA-256 of what is there, as hexadecimal text. */
  readonly stored: ReadonlySet<string>;
  readonly rejected: ReadonlySet<string>;
}

type Account = 'stored' | 'rejected' | 'gap';
type Emitted = SentLine | WithheldLine;

const nameOf = ({ stream, epoch, seq }: Pick<SentLine, 'stream' | 'epoch' | 'seq'>): string | undefined =>
  seq === undefined ? undefined : `${stream} ${epoch} ${seq}`;

/** The numbers that the source has counted and will never send. */
export function numbersLost(ledger: readonly LedgerLine[]): ReadonlySet<string> {
  const sent = new Set(ledger.flatMap((line) => (line.line === 'sent' ? (nameOf(line) ?? []) : [])));
  const withheld = ledger.filter((line): line is WithheldLine => line.line === 'withheld' && !line.recoverable);
  return new Set(withheld.flatMap((line) => nameOf(line) ?? []).filter((name) => !sent.has(name)));
}

/** All numbers that the audit calls gaps. */
export function numbersNamed(findings: readonly Finding[]): ReadonlySet<string> {
  return new Set(
    findings
      .filter(({ kind }) => kind === 'source-gap')
      .flatMap(({ from = 0, to = -1, stream, streamEpoch }) =>
        Array.from({ length: to - from + 1 }, (_, index) => `${stream} ${streamEpoch} ${from + index}`),
      ),
  );
}

/** Those of the streams of one ledger. */
export function numbersMissed(ledger: readonly LedgerLine[], findings: readonly Finding[]): ReadonlySet<string> {
  const streams = new Set(
    ledger.flatMap((line) => (line.line === 'sent' || line.line === 'withheld' ? (line.stream ?? []) : [])),
  );
  return numbersNamed(findings.filter(({ stream }) => streams.has(stream ?? '')));
}

/** Each emitted frame that is in no account, in more than one, or in another one than the ledger says; with counts of the others. */
export function accountFrames(
  ledger: readonly LedgerLine[],
  { stored, rejected }: FoundFrames,
  missed: ReadonlySet<string>,
): { readonly counts: Readonly<Record<Account | 'tail', number>>; readonly wrong: readonly string[] } {
  const counts: Record<Account | 'tail', number> = { stored: 0, rejected: 0, tail: 0, gap: 0 };
  const wrong: string[] = [];
  const lost = numbersLost(ledger);
  const frames = ledger.filter((line): line is Emitted => line.line === 'sent' || line.line === 'withheld');
  // The same bytes may go as a frame that must be refused, and as one that must not.
  const refused = Map.groupBy(frames.filter(isRefused), (line) => line.sha256);
  const taken = Map.groupBy(
    frames.filter((line) => !isRefused(line)),
    (line) => line.sha256,
  );
  const isThere = (line: Emitted): boolean => (isRefused(line) ? rejected : stored).has(line.sha256);
  const isTail = tailsOf(ledger, [...refused.values(), ...taken.values()], isThere);
  for (const [sha256, lines] of [...refused, ...taken]) {
    const isBoth = refused.has(sha256) && taken.has(sha256);
    const mustBeRefused = lines.some(isRefused);
    const name = lines.map(nameOf).find((one) => one !== undefined);
    const found = [
      ...(stored.has(sha256) && !(isBoth && mustBeRefused) ? (['stored'] as const) : []),
      ...(rejected.has(sha256) && !(isBoth && !mustBeRefused) ? (['rejected'] as const) : []),
      ...(name !== undefined && missed.has(name) ? (['gap'] as const) : []),
    ];
    if (found.length === 0 && name === undefined && isTail(lines)) {
      counts.tail += 1;
      continue;
    }
    const [account] = found;
    // The audit waits for a number that may still come: at the end of all seeds it has to have named it.
    const isYoung = found.length === 0 && name !== undefined && lost.has(name);
    if (isYoung) continue;
    const isLost = name !== undefined && lost.has(name);
    const expected: Account = isLost ? 'gap' : mustBeRefused ? 'rejected' : 'stored';
    if (found.length === 1 && account === expected) counts[account] += 1;
    // Kept back by a source that does not count: nobody but its ledger knows.
    else if (found.length > 0 || name !== undefined || lines.some(({ line }) => line === 'sent'))
      wrong.push(`${name ?? lines[0]?.id ?? sha256} of ${lines[0]?.source} is ${found.join(' and ') || 'nowhere'}`);
  }
  return { counts, wrong };
}

/** TCP loses nothing from the middle: what a connection has cost that ended lies behind the last frame that arrived on it. */
function tailsOf(
  ledger: readonly LedgerLine[],
  groups: readonly (readonly Emitted[])[],
  hasArrived: (line: Emitted) => boolean,
): (lines: readonly Emitted[]) => boolean {
  const ended = new Set(ledger.flatMap((line) => (line.line === 'closed' ? line.connectionId : [])));
  const last = new Map<string, number>();
  for (const [only, ...more] of groups) {
    // Of several sendings of one frame nobody knows which one arrived.
    if (only?.line !== 'sent' || more.length > 0 || !hasArrived(only)) continue;
    last.set(only.connectionId, Math.max(last.get(only.connectionId) ?? 0, only.n));
  }
  return (lines) => {
    const sent = lines.filter((line): line is SentLine => line.line === 'sent');
    return (
      sent.length > 0 &&
      sent.every(({ connectionId, n }) => ended.has(connectionId) && n > (last.get(connectionId) ?? 0))
    );
  };
}

function isRefused(line: Emitted): boolean {
  return line.line === 'sent' && line.expect === 'rejected';
}

/** What lowers a verdict, each once, without what differs from look to look. */
export function lowering({ findings }: Pick<AuditReport, 'findings'>): readonly string[] {
  return [...new Set(findings.filter(({ kind }) => FINDING_WEIGHT[kind] !== 'none').map(findingKey))].toSorted();
}
