// The outcome of a drill for a terminal. Pure.
import type { DrillReport } from '../../consumers/gap-detector/drill/drill.ts';
import { STAGES } from '../../consumers/gap-detector/verdict.ts';

const STAGE_WIDTH = Math.max(...STAGES.map((stage) => stage.length));

export function drillText({
  recall,
  precision,
  cases,
  clean,
  falseAlarms,
  wrongAccounts,
  isPassed,
}: DrillReport): string {
  const nameWidth = Math.max(...cases.map(({ name }) => name.length));
  const share = (value: number) => `${(value * 100).toFixed(value === 1 ? 0 : 2)} %`;
  return `${[
    `drill ${isPassed ? 'passed' : 'FAILED'}: recall ${share(recall)}, precision ${share(precision)}; clean log ${clean.verdict}`,
    '',
    ...cases.map(({ name, stage, planted, found }) => {
      const outcome = found === planted ? `found ${found} of ${planted}` : `FOUND ${found} OF ${planted}`;
      return `  ${stage.padEnd(STAGE_WIDTH)} ${name.padEnd(nameWidth)} ${planted === 0 ? 'nothing to find' : outcome}`;
    }),
    ...[...clean.falseAlarms, ...falseAlarms].map(({ kind, detail, ...place }) => {
      return `  false alarm: ${kind} ${JSON.stringify(place)} ${detail}`;
    }),
    ...[...clean.wrongAccounts, ...wrongAccounts].map(
      ({ account, planned, found }) => `  account ${account}: ${found} instead of ${planned}`,
    ),
  ].join('\n')}\n`;
}
