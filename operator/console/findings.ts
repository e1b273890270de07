// What is wrong and where, as one list: the open findings on the audit's books first, then what the newest reports name
// that is not among them. Bounded; the total says how many there are. Pure.
import type { AuditFacts, Finding } from './audit-report.ts';

interface ListedFinding {
  readonly kind: string;
  readonly stage: string;
  /** Topic, partition and offset, or the source and its range: whatever the finding carries. */
  readonly where: string;
  /** The event's own id, or its key. */
  readonly id: string | null;
  /** What the audit says about it, in a sentence. */
  readonly detail: string | null;
  readonly firstSeenAt: string | null;
}

export interface Findings {
  readonly open: number;
  readonly listed: readonly ListedFinding[];
  /** How many were left out of `listed`. */
  readonly notListed: number;
}

const LISTED_MAX = 100;

export function findingsOf(audit: AuditFacts): Findings {
  const byPlace = new Map<string, ListedFinding>();
  for (const { kind, stage, detail, firstSeenAt } of audit.listed) add(byPlace, kind, stage, detail, firstSeenAt);
  for (const run of [audit.live, audit.run]) {
    for (const finding of run?.books.ok ? run.books.value.findings : []) {
      add(byPlace, finding.kind, finding.stage, finding, null);
    }
  }
  const open = Object.values(audit.open).reduce((sum, count) => sum + count, 0);
  const all = [...byPlace.values()];
  const listed = all.slice(0, LISTED_MAX);
  return { open, listed, notListed: Math.max(open, all.length) - listed.length };
}

function add(
  into: Map<string, ListedFinding>,
  kind: string,
  stage: string,
  detail: Readonly<Record<string, unknown>>,
  firstSeenAt: string | null,
): void {
  const where = whereOf(detail);
  const place = JSON.stringify([kind, stage, where]);
  if (into.has(place)) return;
  const id = textOf(detail['id']) ?? textOf(detail['eventKey']) ?? null;
  into.set(place, { kind, stage, where, id, detail: textOf(detail['detail']) ?? null, firstSeenAt });
}

function whereOf(detail: Readonly<Finding | Record<string, unknown>>): string {
  const fields: Readonly<Record<string, unknown>> = detail;
  const [topic, partition, offset] = ['topic', 'partition', 'offset'].map((name) => textOf(fields[name]));
  const [source, stream, gateway] = ['source', 'stream', 'gatewayEpoch'].map((name) => textOf(fields[name]));
  const [from, to] = ['from', 'to'].map((name) => textOf(fields[name]));
  const parts = [
    topic && partition ? `${topic}-${partition}` : (topic ?? (partition && `partition ${partition}`)),
    source && `source ${source}`,
    stream && `stream ${stream}`,
    gateway && `gateway epoch ${gateway}`,
    offset && `offset ${offset}`,
    from && to ? `from ${from} to ${to}` : from && `from ${from}`,
  ].filter((part) => part !== undefined && part !== '');
  return parts.length === 0 ? 'place not named' : parts.join(', ');
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}
