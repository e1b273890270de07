// Where reports and findings go: every report is immutable; a finding keeps its first sight and may recover later.
import { chunksOf } from '../../service/chunks.ts';
import type { Pool } from '../../service/database.ts';
import { EVENTS_KEPT, EVENTS_OF_THE_LOG, LookedAt } from './looked-at.ts';
import type { AuditReport, HealedFinding } from './report.ts';
import { type Finding, type FindingKind, findingKey, type Stage } from './verdict.ts';

/** Live reports are kept for this long, bounded runs for ever. */
const LIVE_KEPT = '1 hour';
/** Of a report one of which is written every few seconds, and of any other: each is one text, and there is none without an end. */
const KEPT = { live: 500, run: 100_000 } as const;
const KEPT_CHARS = 64 * 1_024 * 1_024;
/** Of a report with more streams none is kept. */
const STREAMS_KEPT_MAX = 200;

export async function storeReport(pool: Pool, report: AuditReport): Promise<void> {
  const { runId, mode, startedAt, finishedAt, verdict } = report;
  // The accounts count all, audit.findings has all, the report on the books lists the heaviest.
  const findings = firstOf(report.findings, KEPT[mode]);
  const kept = {
    ...report,
    findings,
    findingsLeftOff: report.findings.length - findings.length,
    // Each of them names the run that healed it in audit.findings.
    healed: firstOf(report.healed, KEPT[mode]),
    // Tens of thousands of streams are what `pmc audit run --json` may print; the books have the sums and the findings.
    stages: report.stages.map(({ streams, ...stage }) =>
      streams === undefined || streams.length > STREAMS_KEPT_MAX ? stage : { ...stage, streams },
    ),
  };
  await pool.query(
    'insert into audit.runs (id, mode, started_at, finished_at, verdict, report) values ($1, $2, $3, $4, $5, $6)',
    [runId, mode, startedAt, finishedAt, verdict, asJson(kept)],
  );
  if (mode === 'live') {
    await pool.query(`delete from audit.runs where mode = 'live' and finished_at < now() - $1::interval`, [LIVE_KEPT]);
  }
}

/** As many as fit into a report on the books. */
function firstOf<T>(all: readonly T[], rowsMax: number): readonly T[] {
  const limits = { rowsMax, bytesMax: KEPT_CHARS };
  return chunksOf(all.slice(0, rowsMax), (one) => asJson(one).length, limits)[0] ?? [];
}

export interface StoreFindingsOptions {
  /** Whether what the report looked at and did not find any more is healed. */
  readonly isComplete: boolean;
  /** When the look began that tells what became of a finding; undefined means: with the report. */
  readonly lookedAtMs?: (finding: Finding) => number | undefined;
  /** Derived columns were not compared: of no row that was altered this report says that it is well. */
  readonly isContentOnly?: boolean;
}

interface BookOptions {
  readonly runId: string;
  readonly at: Date;
  readonly lookedAt?: (finding: Finding) => Date;
}

/**
 * Adds new findings and confirms those seen again. Returns what was healed now: the first verdict stays as it was, the second
 * one stands beside it. Auditors that run at once share these books, so the later look has the last word: one that began before
 * a finding was healed does not open it again, one that began before it was last seen does not heal it.
 */
export async function storeFindings(
  pool: Pool,
  report: AuditReport,
  { isComplete, lookedAtMs = () => undefined, isContentOnly = false }: StoreFindingsOptions,
): Promise<readonly HealedFinding[]> {
  const keys = report.findings.map(findingKey);
  const lookedAt = (finding: Finding): Date => new Date(lookedAtMs(finding) ?? report.startedAt);
  await bookFindings(pool, report.findings, { runId: report.runId, at: new Date(report.finishedAt), lookedAt });
  if (!isComplete) return [];
  const { rows } = await pool.query<{
    finding_key: string;
    detail: string;
    first_run: string;
    first_seen_at: Date;
    last_seen_at: Date;
  }>(
    `select finding_key, detail::text as detail, first_run, first_seen_at, last_seen_at from audit.findings
     where state = 'open' and finding_key <> all($1::text[])
       and (not (kind = any($2::text[])) or (kind, detail ->> 'topic', detail ->> 'partition', detail ->> 'offset') in
         (select * from unnest($3::text[], $4::text[], $5::text[], $6::text[])))`,
    [keys, FACTS_OF_THE_LOG, ...replacedBy(report.findings)],
  );
  const sight = new LookedAt(report, isContentOnly);
  const unseen = rows
    .map((row) => ({ ...row, finding: JSON.parse(row.detail) as Finding }))
    .filter(({ finding, last_seen_at }) => last_seen_at <= lookedAt(finding) && sight.has(finding))
    .filter(({ finding }) => !sight.hasPartOf(finding));
  const ill = await notWell(
    pool,
    unseen.map(({ finding }) => finding),
  );
  const gone = unseen
    .filter(({ finding }) => !ill.has(finding))
    .map((one) => ({ ...one, healedAt: lookedAt(one.finding) }));
  await pool.query(
    `update audit.findings set state = 'healed', healed_at = at, healed_run = $3
     from unnest($1::text[], $2::timestamptz[]) as gone(key, at) where finding_key = key`,
    [gone.map(({ finding_key }) => finding_key), gone.map(({ healedAt }) => healedAt), report.runId],
  );
  return gone.map(({ finding, first_run: firstRun, first_seen_at, healedAt }) => ({
    finding,
    firstRun,
    firstSeenAt: first_seen_at.toISOString(),
    healedAt: healedAt.toISOString(),
  }));
}

/** Findings of one statement: each of its parameters is one text. */
const AT_ONCE = { rowsMax: 5_000, bytesMax: 16 * 1_024 * 1_024 };

interface Told {
  readonly key: string;
  readonly finding: Finding;
  readonly lookedAt: Date;
}

/**
 * `at`: told then. `lookedAt`: when the look began that saw it, unless then; who only tells again what an earlier look saw does not keep
 * open what was well in between, and writes nothing.
 */
export async function bookFindings(
  pool: Pool,
  findings: readonly Finding[],
  { runId, at, lookedAt = () => at }: BookOptions,
): Promise<void> {
  const told = findings.map((finding) => ({ key: findingKey(finding), finding, lookedAt: lookedAt(finding) }));
  for (const part of chunksOf(told, ({ key }) => key.length, AT_ONCE)) {
    const news = (await newsOf(pool, part)).map((one) => ({ ...one, detail: asJson(one.finding) }));
    // An event's id is as long as its sender likes.
    for (const some of chunksOf(news, ({ detail }) => detail.length, AT_ONCE)) await book(pool, some, { runId, at });
  }
}

/**
 * Those of which the books do not say already that they are open as of that look, or well as of a later one. One look-up for each: joined,
 * all that was ever found is gone over for every part.
 */
async function newsOf(pool: Pool, told: readonly Told[]): Promise<readonly Told[]> {
  const { rows } = await pool.query<{ index: number }>(
    `select index::integer from unnest($1::text[], $2::timestamptz[]) with ordinality as told(key, looked_at, index)
     where (select booked.healed_at > looked_at or booked.state = 'open' and booked.last_seen_at >= looked_at
       from audit.findings as booked where booked.finding_key = key) is not true`,
    [told.map(({ key }) => key), told.map((one) => one.lookedAt)],
  );
  const news = new Set(rows.map(({ index }) => index - 1));
  return told.filter((_, index) => news.has(index));
}

async function book(
  pool: Pool,
  told: readonly (Told & { readonly detail: string })[],
  { runId, at }: Pick<BookOptions, 'runId' | 'at'>,
): Promise<void> {
  await pool.query(
    `insert into audit.findings (finding_key, kind, stage, detail, coincident, first_run, first_seen_at, opened_at, last_seen_at)
     select distinct on (key) key, kind, stage, detail::json, coincident::json, $6, $7, $7, looked_at
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $8::timestamptz[])
       as found(key, kind, stage, detail, coincident, looked_at)
     on conflict (finding_key) do update
       set last_seen_at = greatest(findings.last_seen_at, excluded.last_seen_at), state = 'open', healed_at = null, healed_run = null,
         opened_at = case findings.state when 'open' then findings.opened_at else excluded.opened_at end
       where (findings.healed_at > excluded.last_seen_at) is not true`,
    [
      told.map(({ key }) => key),
      told.map(({ finding }) => finding.kind),
      told.map(({ finding }) => finding.stage),
      told.map(({ detail }) => detail),
      told.map(({ finding }) => asJson(finding.coincident ?? [])),
      runId,
      at,
      told.map(({ lookedAt }) => lookedAt),
    ],
  );
}

/** Those that are not open on the books. */
export async function unbooked(pool: Pool, findings: readonly Finding[]): Promise<readonly Finding[]> {
  if (findings.length === 0) return [];
  const { rows } = await pool.query<{ key: string }>(
    `select key from unnest($1::text[]) as found(key)
     where not exists (select 1 from audit.findings where finding_key = key and state = 'open')`,
    [findings.map(findingKey)],
  );
  const keys = new Set(rows.map(({ key }) => key));
  return findings.filter((finding) => keys.has(findingKey(finding)));
}

/**
 * What is not well yet, although it is not found any more. Of a command that may only say that its group was set back, that its row is gone
 * or its effect forgotten: it is well when somebody has handled it. A reply that was passed over is well when its peer has acknowledged it.
 */
async function notWell(pool: Pool, findings: readonly Finding[]): Promise<ReadonlySet<Finding>> {
  const of = (stage: Stage) => findings.filter((one) => one.stage === stage);
  const [commands, replies] = [of('command-to-reply'), of('reply-to-delivered')];
  if (commands.length + replies.length === 0) return new Set();
  const { rows } = await pool.query<{ known: string }>(
    `select event_key::text as known from effects where event_key = any($1::uuid[])
     union all select event_id from message_metadata where kind = 'delivered' and event_id = any($2::text[])`,
    [commands.map(({ eventKey }) => eventKey), replies.map(({ replyId }) => replyId)],
  );
  const known = new Set(rows.map((row) => row.known));
  return new Set([
    ...commands.filter(({ eventKey = '' }) => !known.has(eventKey)),
    ...replies.filter(({ replyId = '' }) => !known.has(replyId)),
  ]);
}

/** A repeated record is a repetition or in conflict, by what is stored; a row that is lost can change which. As columns: kind, place. */
function replacedBy(findings: readonly Finding[]): readonly (readonly string[])[] {
  const other = { conflict: 'duplicate', duplicate: 'conflict' } as const;
  const places = findings.flatMap(({ kind, stage, topic, partition, offset }) => {
    const isAccount = stage === 'log-to-stored' && (kind === 'conflict' || kind === 'duplicate');
    return isAccount && topic !== undefined ? [[other[kind], topic, String(partition), String(offset)]] : [];
  });
  return [0, 1, 2, 3].map((column) => places.map((place) => place[column] ?? ''));
}

/** What the log holds does not change any more. */
const FACTS_OF_THE_LOG: readonly FindingKind[] = ['duplicate', 'conflict', 'reordered'];

export async function openEvents(pool: Pool, topic: string): Promise<readonly Finding[]> {
  const { rows } = await pool.query<{ detail: string }>(
    `select detail::text as detail from audit.findings
     where state = 'open' and kind = any($1::text[]) and detail ->> 'topic' = $2 and first_seen_at > now() - $3::interval
     order by first_seen_at, finding_key limit 1000`,
    [EVENTS_OF_THE_LOG, topic, EVENTS_KEPT],
  );
  return rows.map(({ detail }) => JSON.parse(detail) as Finding);
}

/** Each finding once. */
export function distinct(findings: readonly Finding[]): readonly Finding[] {
  return [...new Map(findings.map((finding) => [findingKey(finding), finding])).values()];
}

/** An event's id is whatever its sender wrote. PostgreSQL keeps U+0000 and half a character in json, and fails on any operator. */
function asJson(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) =>
    typeof one === 'string' ? one.toWellFormed().replaceAll('\u0000', '\uFFFD') : one,
  );
}
