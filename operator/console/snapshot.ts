// Raw observations in, the snapshot out: everything the page shows and /api/snapshot answers. Pure: the clock is in the
// observation, what must be remembered between two samples is passed in and handed back.
import type { Verdict } from '../../consumers/gap-detector/verdict.ts';
import type { Accounts, AuditRun, PartitionAccounts, StageResult } from './audit-report.ts';
import { residualOf } from './audit-report.ts';
import { type Findings, findingsOf } from './findings.ts';
import { type Headline, headlineOf, isStale } from './headline.ts';
import { type Lag, lagOf } from './lag.ts';
import type { DatabaseFacts, Observation, Seen } from './observation.ts';
import { NO_RATES, type Rate, type RateMemory, takeRates } from './rates.ts';
import { type ServiceRow, serviceRow } from './service-row.ts';
import { counted, sentence } from './wording.ts';

export interface AuditView {
  readonly id: string;
  readonly verdict: Verdict;
  readonly finishedAt: string;
  readonly ageMs: number;
  readonly coverage: number;
  readonly accounts: Accounts;
  /** `settled` minus the other accounts, summed again by the console. */
  readonly residualRecomputed: number;
  /** Offsets that wait for their second look; in no account yet. */
  readonly suspect: number;
  readonly stages: readonly StageResult[];
  readonly perPartition: readonly PartitionAccounts[];
}

interface Notice {
  readonly level: 'alert' | 'warning';
  readonly text: string;
}

/** null everywhere means: not known. It is never shown as 0. */
export interface Snapshot {
  readonly schemaVersion: 1;
  readonly sequence: number;
  readonly at: string;
  readonly headline: Headline;
  readonly notices: readonly Notice[];
  readonly storedRows: number | null;
  readonly quarantineOpen: number | null;
  readonly connectionsOpen: number | null;
  readonly services: readonly ServiceRow[] | null;
  readonly rates: readonly Rate[];
  readonly lag: Lag | null;
  readonly audit: { readonly isStale: boolean; readonly live: AuditView | null; readonly run: AuditView | null };
  readonly findings: Findings | null;
}

export interface SnapshotMemory {
  readonly sequence: number;
  readonly rates: RateMemory;
}

export const NOTHING_SEEN: SnapshotMemory = { sequence: 0, rates: NO_RATES };

export function takeSnapshot(
  observation: Observation,
  before: SnapshotMemory,
): { snapshot: Snapshot; memory: SnapshotMemory } {
  const { log, control, ready } = observation;
  const database = agedTo(observation.atMs, observation.database);
  const processes = control?.ok ? control.value.services : [];
  const services = control?.ok ? processes.map((service) => serviceRow(service, ready.get(service.name))) : null;
  const pids = new Map(processes.map(({ name, pid }) => [name, pid ?? undefined]));
  const { rates, memory } = takeRates(before.rates, ready, pids);
  const sequence = before.sequence + 1;
  const facts = database.ok ? database.value : undefined;
  const gateway = ready.get('communicator');
  const snapshot: Snapshot = {
    schemaVersion: 1,
    sequence,
    at: new Date(observation.atMs).toISOString(),
    headline: headlineOf(database),
    notices: noticesOf(observation, services ?? []),
    storedRows: facts?.storedRows ?? null,
    quarantineOpen: facts?.quarantineOpen ?? null,
    connectionsOpen: (gateway?.ok ? gateway.value.facts.counters['connectionsOpen'] : undefined) ?? null,
    services,
    rates,
    lag: log.ok ? lagOf(log.value) : null,
    audit: {
      isStale: isStale(facts?.audit.live),
      live: viewOf(facts?.audit.live),
      run: viewOf(facts?.audit.run),
    },
    findings: facts === undefined ? null : findingsOf(facts.audit),
  };
  return { snapshot, memory: { sequence, rates: memory } };
}

/** An answer that stands in for a late one is older than it says by the time since it was given. */
function agedTo(nowMs: number, seen: Seen<DatabaseFacts>): Seen<DatabaseFacts> {
  if (!seen.ok) return seen;
  const byMs = Math.max(0, nowMs - seen.atMs);
  const { live, run, ...rest } = seen.value.audit;
  const audit = { ...rest, live: aged(live, byMs), run: aged(run, byMs) };
  return { ...seen, value: { ...seen.value, audit } };
}

function aged(run: AuditRun | undefined, byMs: number): AuditRun | undefined {
  return run === undefined ? undefined : { ...run, ageMs: run.ageMs + byMs };
}

function viewOf(run: AuditRun | undefined): AuditView | null {
  if (run === undefined || !run.books.ok) return null;
  const { id, verdict, finishedAt, ageMs } = run;
  const { coverage, accounts, suspect, stages, perPartition } = run.books.value;
  const residualRecomputed = residualOf(accounts);
  return { id, verdict, finishedAt, ageMs, coverage, accounts, residualRecomputed, suspect, stages, perPartition };
}

function noticesOf({ control, database, log }: Observation, services: readonly ServiceRow[]): readonly Notice[] {
  const notices: Notice[] = [];
  const away = (level: Notice['level'], what: string, seen: Seen<unknown>): void => {
    if (!seen.ok) notices.push({ level, text: `${what}: ${sentence(seen.reason)}` });
  };
  away('alert', 'The database is away', database);
  away('alert', 'Kafka is away', log);
  if (control === undefined) {
    notices.push({ level: 'warning', text: 'Services and rates are not known: PMC_CONTROL_URL is not set.' });
  } else away('alert', 'The supervisor is away', control);
  for (const { name, condition, state, reason } of services) {
    const because = reason === null ? '.' : `: ${sentence(reason)}`;
    if (condition === 'down') notices.push({ level: 'alert', text: `${name} is not running (${state})${because}` });
    if (condition === 'degraded') notices.push({ level: 'warning', text: `${name} is not ready${because}` });
    if (condition === 'stopped') notices.push({ level: 'warning', text: `${name} was stopped by an operator.` });
  }
  const quarantined = database.ok ? database.value.quarantineOpen : 0;
  if (quarantined > 0) {
    const text = `${counted(quarantined, 'record')} in quarantine: kept with their raw bytes, not stored as rows.`;
    notices.push({ level: 'warning', text });
  }
  return notices;
}
