// The one line an operator reads first. The rules are tried in this order, and the order matters: what is not known
// comes before what was known, a failure before its age, and a pass is what remains when nothing speaks against it. Pure.
import { FINDING_WEIGHT } from '../../consumers/gap-detector/verdict.ts';
import { type AuditFacts, type AuditRun, isWrong } from './audit-report.ts';
import type { DatabaseFacts, Seen } from './observation.ts';
import { ago, counted, figure, sentence } from './wording.ts';

type Level = 'pass' | 'inconclusive' | 'fail' | 'unknown';

export interface Headline {
  readonly level: Level;
  readonly words: string;
  readonly detail: string;
}

/** A live audit older than this no longer speaks about now. */
const STALE_AFTER_MS = 30_000;

export function headlineOf(database: Seen<DatabaseFacts>): Headline {
  if (!database.ok) return unknown('Not known: the database does not answer', sentence(database.reason));
  const { audit } = database.value;
  return (
    failed(audit) ??
    neverJudged(audit) ??
    stale(audit.live) ??
    unreadable(audit.live) ??
    inconclusive(audit.live) ??
    passed(audit.live)
  );
}

export function isStale(live: AuditRun | undefined): boolean {
  return live === undefined || live.ageMs > STALE_AFTER_MS;
}

/**
 * Rule 1: a failed verdict, books that do not balance, or an open finding that fails. A full audit's failure stands until
 * the next full audit.
 */
function failed({ live, run, open }: AuditFacts): Headline | undefined {
  const bad = [live, run].filter((one) => one !== undefined).filter((one) => one.verdict === 'fail' || isWrong(one));
  const findings = Object.entries(open).filter(([kind, count]) => count > 0 && isFailing(kind));
  if (bad.length === 0 && findings.length === 0) return undefined;
  const missing = bad.some((one) => one.books.ok && one.books.value.accounts.missing > 0) || (open['missing'] ?? 0) > 0;
  const parts = bad.map((one) => `${nameOf(one)} (${ago(one.ageMs)}): ${accountsText(one)}.`);
  if (findings.length > 0)
    parts.push(`Open findings: ${findings.map(([kind, count]) => `${count} ${kind}`).join(', ')}.`);
  if (isStale(live)) parts.push(staleText(live));
  const words = missing ? 'Loss found' : bad.some(isWrong) ? 'The books do not balance' : 'The audit failed';
  return { level: 'fail', words, detail: parts.join(' ') };
}

/** Rule 2: nobody has judged anything yet. */
function neverJudged({ live }: AuditFacts): Headline | undefined {
  if (live !== undefined) return undefined;
  return unknown('Not known: no live audit yet', staleText(undefined));
}

/** Rule 3: an old verdict says nothing about now, whatever it was. */
function stale(live: AuditRun | undefined): Headline | undefined {
  return isStale(live) ? unknown('Not known: the audit is stale', staleText(live)) : undefined;
}

/** Rule 4: a verdict whose books cannot be read is not believed. */
function unreadable(live: AuditRun | undefined): Headline | undefined {
  if (live === undefined || live.books.ok) return undefined;
  return unknown('Not known: the audit cannot be read', sentence(`Run ${live.id}: ${live.books.reason}`));
}

/** Rule 5: the audit itself says that it cannot tell. */
function inconclusive(live: AuditRun | undefined): Headline | undefined {
  if (live?.verdict !== 'inconclusive' || !live.books.ok) return undefined;
  const stages = live.books.value.stages.filter(({ verdict }) => verdict === 'inconclusive');
  const which = stages.map(({ stage, detail }) => (detail ? `${stage}: ${detail}` : stage)).join('; ');
  const detail = which === '' ? 'The live audit has no proof either way yet.' : sentence(`Without proof: ${which}`);
  return { level: 'inconclusive', words: 'Cannot say yet', detail };
}

/** Rule 6: a fresh, readable, balanced pass. */
function passed(live: AuditRun | undefined): Headline {
  if (live === undefined || live.verdict !== 'pass' || !live.books.ok) {
    return unknown('Not known: the audit cannot be read', 'The newest live audit has no verdict that is known here.');
  }
  const { settled } = live.books.value.accounts;
  const detail = `Every one of ${counted(settled, 'settled record')} is in exactly one account; residual 0.`;
  return { level: 'pass', words: 'Nothing is lost', detail };
}

/** A kind that this version does not know is taken for the worst. */
function isFailing(kind: string): boolean {
  const weights: Readonly<Record<string, string>> = FINDING_WEIGHT;
  return (weights[kind] ?? 'fail') === 'fail';
}

function accountsText(run: AuditRun): string {
  if (!run.books.ok) return `verdict ${run.verdict}; ${run.books.reason}`;
  const { accounts, stages } = run.books.value;
  const amounts = (['missing', 'altered', 'extra', 'residual'] as const).filter((key) => accounts[key] !== 0);
  const named = stages.filter(({ verdict }) => verdict === 'fail').map(({ stage }) => `stage ${stage} failed`);
  const parts = [...amounts.map((key) => `${figure(accounts[key])} ${key}`), ...named];
  return parts.length === 0 ? `verdict ${run.verdict}` : parts.join(', ');
}

function staleText(live: AuditRun | undefined): string {
  if (live === undefined) return 'The gap-detector has not finished a live audit; is it running?';
  const last = `The last live audit ended ${ago(live.ageMs)} with verdict ${live.verdict}`;
  return `${last}; nothing newer has been judged. Is the gap-detector running?`;
}

function nameOf({ mode }: AuditRun): string {
  return mode === 'live' ? 'Live audit' : 'Full audit';
}

function unknown(words: string, detail: string): Headline {
  return { level: 'unknown', words, detail };
}
