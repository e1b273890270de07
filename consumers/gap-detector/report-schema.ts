// The documents of the audit as others may rely on them: docs/audit-report.schema.json is made from this, and a test checks real
// reports against it. Pure.
import { z } from 'zod';
import { ACCOUNTS } from './accounts.ts';
import { TIMELINE_KINDS } from './timeline.ts';
import { FINDING_WEIGHT, type FindingKind, STAGES, VERDICTS } from './verdict.ts';

const count = z.number().int().nonnegative();
const share = z.number().min(0).max(1);
const time = z.iso.datetime().describe('ISO 8601 in UTC');
const KINDS = Object.keys(FINDING_WEIGHT) as [FindingKind, ...FindingKind[]];

const accounts = Object.fromEntries(ACCOUNTS.map((account) => [account, count])) as Record<
  (typeof ACCOUNTS)[number],
  typeof count
>;

const balance = z
  .object({ settled: count, ...accounts, extra: count, residual: z.number().int() })
  .describe('settled = the sum of the nine accounts + residual; extra stands outside');

const finding = z.object({
  kind: z.enum(KINDS),
  stage: z.enum(STAGES),
  topic: z.string().optional(),
  partition: z.number().int().optional(),
  incarnation: z.string().optional().describe('the topic id'),
  offset: count.optional(),
  from: z.number().int().optional().describe('inclusive'),
  to: z.number().int().optional().describe('inclusive'),
  gatewayEpoch: z.string().optional(),
  source: z.string().optional(),
  stream: z.string().optional(),
  streamEpoch: z.string().optional(),
  replyId: z.string().optional(),
  id: z.string().optional().describe('as its sender wrote it'),
  eventKey: z.string().optional(),
  receivedAt: z.number().optional().describe('milliseconds since the Unix epoch'),
  coincident: z.array(z.string()).optional().describe('what happened within ten seconds of receivedAt'),
  detail: z.string(),
});

const epoch = z.object({
  gatewayEpoch: z.string(),
  instance: z.string(),
  state: z.enum(['live', 'closed', 'crashed']),
  from: count.describe('the first frame that can be judged: the records of those before it may have expired'),
  settledUpTo: count,
  judgedUpTo: count,
  inLog: count,
  elsewhere: count,
  missing: count,
  tail: z.object({ from: count, to: count }).nullable(),
  unknown: count.optional().describe('frames nobody can say anything of: tail, spool elsewhere, no checkpoint'),
});

const stream = z.object({
  source: z.string(),
  stream: z.string(),
  streamEpoch: z.string(),
  from: count.nullable().describe('the first number that must be there; null where all of them may have expired'),
  judgedUpTo: count,
  received: count,
  missing: count,
  lostBelow: count.optional().describe('below `from`, and lost by the word of the gateway'),
  unjudged: z
    .enum(['old', 'blind'])
    .optional()
    .describe('why no number must be there: all is as old as what has expired, or nobody can say which have'),
});

export const auditReportSchema = z.object({
  schemaVersion: z.literal(1),
  runId: z.string(),
  mode: z.enum(['live', 'run']),
  startedAt: time,
  finishedAt: time,
  clusterId: z.string(),
  verdict: z.enum(VERDICTS),
  coverage: share.describe('judged share of the offsets on the log'),
  coverageMin: share,
  accounts: balance,
  suspect: count.describe('offsets that wait for their second look; in no account yet'),
  stages: z.array(
    z.object({
      stage: z.enum(STAGES),
      verdict: z.enum([...VERDICTS, 'not-measurable']),
      detail: z.string(),
      judged: count.optional().describe('numbers of sources'),
      missing: count.optional().describe('of those judged'),
      unknown: count.optional().describe('records that expired before an audit had judged them'),
      since: time.optional().describe('commands that had their effect from then on were judged'),
      until: time.optional().describe('and before then'),
      epochs: z.array(epoch).optional(),
      streams: z.array(stream).optional(),
    }),
  ),
  perPartition: z.array(
    balance.extend({
      topic: z.string(),
      partition: count,
      incarnation: z.string(),
      from: count.describe('first judged offset'),
      to: count.describe('one past the last judged offset'),
      end: count.describe('one past the last offset when the audit was asked'),
      suspect: count,
      unsettledMs: count.optional().describe('for how long the offset at `to` has waited to be judged'),
    }),
  ),
  findings: z.array(finding).describe('heaviest first'),
  findingsLeftOff: count.describe('more findings, which a report on the books does not list'),
  healed: z.array(z.object({ finding, firstRun: z.string(), firstSeenAt: time, healedAt: time })),
  timeline: z.array(
    z.object({ atMs: z.number(), kind: z.enum(TIMELINE_KINDS), subject: z.string(), detail: z.string() }),
  ),
  hints: z
    .array(
      z.object({
        kind: z.literal('dangling-reference'),
        source: z.string(),
        id: z.string().describe('of the message that is named'),
        kinds: z.array(z.string()).describe('of the events that name it'),
        references: count,
        firstAt: time,
      }),
    )
    .describe('what may point to a loss where nothing can be measured; lowers no verdict'),
});

const interval = z.object({ lower: share, upper: share });

export const auditDocumentSchema = z
  .object({
    schemaVersion: z.literal(1),
    generatedAt: time,
    command: z.string().describe('repeats the audit'),
    report: auditReportSchema,
    loss: z.array(
      z.object({
        stage: z.enum(STAGES),
        unit: z.string(),
        lost: count,
        indeterminate: count.describe('nobody can say'),
        total: count,
        ratio: share.nullable(),
        interval: interval.nullable().describe('95 %, from lost to lost + indeterminate'),
        method: z.string(),
        episodes: z.object({
          total: count,
          withLoss: count,
          interval: interval.nullable().describe('95 % of the loss ratio, whole episodes as units'),
          method: z.string(),
        }),
      }),
    ),
    versions: z.record(z.string(), z.string()),
    durability: z.record(z.string(), z.string()),
  })
  .describe('An audit of a Personal Message Center, as `pmc audit report --json` writes it');

export type AuditDocument = z.infer<typeof auditDocumentSchema>;

/** As JSON Schema, draft 2020-12. */
export function publishedSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(auditDocumentSchema), null, 2)}\n`;
}
