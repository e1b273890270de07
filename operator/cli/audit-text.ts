// An audit report for a terminal: verdict, balance sheet, stages, findings. Pure.
import { ACCOUNTS } from '../../consumers/gap-detector/accounts.ts';
import type { AuditReport } from '../../consumers/gap-detector/report.ts';
import type { Finding } from '../../consumers/gap-detector/verdict.ts';

const FINDINGS_SHOWN = 20;
const ID_CHARS_MAX = 80;

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
  if (report.findings.length > 0) {
    lines.push(
      '',
      `${report.findings.length} findings${report.findings.length > FINDINGS_SHOWN ? `, the first ${FINDINGS_SHOWN}` : ''}:`,
    );
    lines.push(
      ...report.findings
        .slice(0, FINDINGS_SHOWN)
        .map((finding) => `  ${finding.kind.padEnd(14)} ${whereOf(finding)}  ${finding.detail}`),
    );
    if (report.findings.length > FINDINGS_SHOWN) lines.push('  all of them: pmc audit run --json');
  }
  return `${lines.join('\n')}\n`;
}

function whereOf({ topic, partition, offset, gatewayEpoch, from, to, id }: Finding): string {
  if (offset !== undefined) return `${topic}-${partition}@${offset}${id === undefined ? '' : ` id ${printable(id)}`}`;
  if (gatewayEpoch !== undefined) return `epoch ${gatewayEpoch} frames ${from}..${to}`;
  return partition === undefined ? '' : `${topic}-${partition}`;
}

/** Whatever a sender calls an event, it must not move the cursor, and not fill the screen. */
function printable(id: string): string {
  return id.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '\uFFFD').slice(0, ID_CHARS_MAX);
}
