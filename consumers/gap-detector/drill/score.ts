// What an audit found of what was planted: recall (how much of it), precision (how much of what it said is true), case by case,
// and whether its books agree with what the plan knows. Pure.
import { ACCOUNTS, type Account, type Balance } from '../accounts.ts';
import type { AuditReport } from '../report.ts';
import type { Finding, Stage } from '../verdict.ts';
import type { DrillPlan, Expected, Fault } from './plan.ts';

export interface CaseScore {
  readonly name: string;
  readonly stage: Stage;
  readonly fault: Fault;
  readonly planted: number;
  readonly found: number;
  readonly missed: readonly Expected[];
}

export interface Score {
  /** 0 to 1; 1 where nothing was planted. */
  readonly recall: number;
  /** 0 to 1; 1 where nothing was found. */
  readonly precision: number;
  readonly cases: readonly CaseScore[];
  readonly falseAlarms: readonly Finding[];
  /** Accounts that are not what the plan knows them to be. */
  readonly wrongAccounts: readonly {
    readonly account: Account | 'residual';
    readonly planned: number;
    readonly found: number;
  }[];
  readonly isPassed: boolean;
}

/** `tooEarly` was found by another look, at which nothing may be found. */
export function score(
  { cases, accounts }: Pick<DrillPlan, 'cases' | 'accounts'>,
  report: ScoredReport,
  tooEarly: readonly Finding[] = [],
): Score {
  const found = new Map(report.findings.map((finding) => [keyOf(finding), finding]));
  const scored = cases.map(({ expected, ...about }): CaseScore => {
    const missed = expected.filter((one) => !found.has(keyOf(one)));
    return { ...about, planted: expected.length, found: expected.length - missed.length, missed };
  });
  const planted = new Set(cases.flatMap(({ expected }) => expected.map(keyOf)));
  const falseAlarms = [...report.findings.filter((finding) => !planted.has(keyOf(finding))), ...tooEarly];
  const hits = scored.reduce((sum, one) => sum + one.found, 0);
  const all = scored.reduce((sum, one) => sum + one.planted, 0);
  const wrongAccounts = [
    ...ACCOUNTS.map((account) => ({ account, planned: accounts[account], found: report.accounts[account] })),
    { account: 'residual' as const, planned: 0, found: report.accounts.residual },
  ].filter((one) => one.planned !== one.found);
  const recall = all === 0 ? 1 : hits / all;
  const precision = hits + falseAlarms.length === 0 ? 1 : hits / (hits + falseAlarms.length);
  const isPassed = recall === 1 && precision === 1 && wrongAccounts.length === 0;
  return { recall, precision, cases: scored, falseAlarms, wrongAccounts, isPassed };
}

export interface ScoredReport extends Pick<AuditReport, 'findings'> {
  readonly accounts: Balance;
}

function keyOf({
  kind,
  stage,
  partition,
  offset,
  from,
  to,
  gatewayEpoch,
  stream,
  streamEpoch,
  replyId,
}: Expected): string {
  return JSON.stringify([kind, stage, partition, offset, from, to, gatewayEpoch, stream, streamEpoch, replyId]);
}
