// An audit report for a terminal: verdict, balance sheet, stages, findings. Pure.
import { ACCOUNTS } from '../../consumers/gap-detector/accounts.ts';
import type { AuditReport, Hint } from '../../consumers/gap-detector/report.ts';
import { FINDING_WEIGHT, type Finding, placeOf } from '../../consumers/gap-detector/verdict.ts';

const FINDINGS_SHOWN = 20;
const HINTS_SHOWN = 5;
const ID_CHARS_MAX = 80;
const PLACE_CHARS_MAX = 300;
const KIND_WIDTH = Math.max(...Object.keys(FINDING_WEIGHT).map(({ length }) => length));

export function auditText(report: AuditReport): string {
  const { accounts, suspect } = report;
  const width = 12;
  const line = (name: string, value: number) => `  ${name.padEnd(width)} ${String(value).padStart(10)}`;
  const lines = [
    `verdict ${report.verdict} (coverage ${(report.coverage * 100).toFixed(2)} %, run ${report.runId})`,
    '',
    line('settled', accounts.settled),
    ...ACCOUNTS.map((account) => line(`  ${account}`, accounts[account])),
    line('residual', accounts.residual),
    line('extra', accounts.extra),
    ...(suspect > 0 ? [line('suspect', suspect)] : []),
    '',
    ...report.stages.map(({ stage, verdict, detail }) => `  ${stage.padEnd(20)} ${verdict.padEnd(15)} ${detail}`),
  ];
  const count = report.findings.length + report.findingsLeftOff;
  if (count > 0) {
    lines.push('', `${count} findings${count > FINDINGS_SHOWN ? `, the first ${FINDINGS_SHOWN}` : ''}:`);
    lines.push(...report.findings.slice(0, FINDINGS_SHOWN).map((finding) => `  ${findingLine(finding)}`));
    if (count > FINDINGS_SHOWN) lines.push('  all of them: pmc audit run --json');
  }
  if (report.hints.length > 0) {
    lines.push('', 'hints, which are no findings: messages that were referred to and never seen');
    lines.push(...report.hints.slice(0, HINTS_SHOWN).map((hint) => `  ${hintLine(hint)}`));
    if (report.hints.length > HINTS_SHOWN) lines.push('  all of them: pmc audit run --json');
  }
  return `${lines.join('\n')}\n`;
}

function hintLine({ id, source, kinds, references }: Hint): string {
  return `id ${printable(id)} of ${source}: named ${references} times (${kinds.join(', ')})`;
}

export function findingLine(finding: Finding): string {
  const { id } = finding;
  const place = printable(placeOf(finding), PLACE_CHARS_MAX);
  return `${finding.kind.padEnd(KIND_WIDTH)} ${place}${id === undefined ? '' : ` id ${printable(id)}`}  ${finding.detail}`;
}

/** Whatever a sender calls an event or a stream, it must not move the cursor, and not fill the screen. */
function printable(text: string, charsMax = ID_CHARS_MAX): string {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '\uFFFD').slice(0, charsMax);
}
