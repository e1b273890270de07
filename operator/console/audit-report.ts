// The audit's books as the gap-detector wrote them. A report that does not have the agreed shape is unreadable: it is
// shown as such and is never a pass. The sum of the accounts is made again here, so that a wrong residual is noticed.
// Pure.
import { z } from 'zod';
import { ACCOUNTS } from '../../consumers/gap-detector/accounts.ts';
import { VERDICTS, type Verdict } from '../../consumers/gap-detector/verdict.ts';

const accounts = z.object({
  settled: z.number(),
  stored: z.number(),
  altered: z.number(),
  duplicateOf: z.number(),
  quarantined: z.number(),
  control: z.number(),
  aborted: z.number(),
  expired: z.number(),
  purged: z.number(),
  missing: z.number(),
  extra: z.number(),
  residual: z.number(),
});
export type Accounts = z.infer<typeof accounts>;

const stageVerdict = z.enum([...VERDICTS, 'not-measurable']);

const finding = z.looseObject({ kind: z.string(), stage: z.string() });
export type Finding = z.infer<typeof finding>;

const report = z.object({
  coverage: z.number(),
  accounts,
  /** Offsets that wait for their second look; in no account yet. */
  suspect: z.number().default(0),
  stages: z.array(z.object({ stage: z.string(), verdict: stageVerdict, detail: z.string().nullish() })),
  perPartition: z.array(
    accounts.extend({ topic: z.string(), partition: z.number(), from: z.number(), to: z.number() }),
  ),
  findings: z.array(finding),
});
export type AuditReport = z.infer<typeof report>;
export type PartitionAccounts = AuditReport['perPartition'][number];
export type StageResult = AuditReport['stages'][number];

export interface AuditRun {
  readonly id: string;
  readonly mode: 'live' | 'run';
  readonly verdict: Verdict;
  readonly finishedAt: string;
  /** By the database's clock, so that two hosts' clocks do not matter. */
  readonly ageMs: number;
  readonly books: Readable<AuditReport>;
}

export interface OpenFinding {
  readonly kind: string;
  readonly stage: string;
  readonly firstSeenAt: string;
  readonly lastSeenAt: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface AuditFacts {
  readonly live: AuditRun | undefined;
  readonly run: AuditRun | undefined;
  /** How many findings are open, by kind; `listed` has only the newest of them. */
  readonly open: Readonly<Record<string, number>>;
  readonly listed: readonly OpenFinding[];
}

export type Readable<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

export function readReport(value: unknown): Readable<AuditReport> {
  const result = report.safeParse(value);
  if (result.success) return { ok: true, value: result.data };
  const where = result.error.issues.slice(0, 3).map((issue) => `${issue.path.join('.') || 'report'}: ${issue.message}`);
  return { ok: false, reason: `the report does not have the agreed shape (${where.join('; ')})` };
}

export function residualOf(books: Accounts): number {
  return ACCOUNTS.reduce((rest, account) => rest - books[account], books.settled);
}

/** Residual 0, and the same when the sum is made again. */
export function isBalanced(books: Accounts): boolean {
  return books.residual === 0 && residualOf(books) === 0;
}

/** A residual that is not what the accounts leave over, or one above 0 in a report that passes all the same. */
export function isWrong({ verdict, books }: AuditRun): boolean {
  if (!books.ok) return false;
  const { accounts: own } = books.value;
  return own.residual !== residualOf(own) || (verdict === 'pass' && own.residual !== 0);
}
