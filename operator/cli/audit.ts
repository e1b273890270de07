// `pmc audit run|gaps|explain|report|watch|drill`: what was lost, and whether the detector can tell. The verdict is the exit code: 0 pass, 3 findings,
// 8 inconclusive.
import type { Command } from 'commander';
import { addDrill } from './audit-drill.ts';
import { addExplain } from './audit-explain.ts';
import { addGaps } from './audit-gaps.ts';
import { addReport } from './audit-report.ts';
import { addRun } from './audit-run.ts';
import { addWatch } from './audit-watch.ts';
import type { Cli } from './cli.ts';

export function addAudit(program: Command, cli: Cli): void {
  const audit = program.command('audit').description('judge what was lost');
  for (const add of [addRun, addGaps, addExplain, addReport, addWatch, addDrill]) add(audit, cli);
}
