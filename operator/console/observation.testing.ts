// A healthy observation, and ways to make it ill, for the tests of this room.
import type { Accounts, AuditReport, AuditRun } from './audit-report.ts';
import type { ControlStatus, Observation, ReadyReport, Seen } from './observation.ts';

type ServiceProcess = ControlStatus['services'][number];

export const EMPTY_ACCOUNTS: Accounts = {
  settled: 0,
  stored: 0,
  altered: 0,
  duplicateOf: 0,
  quarantined: 0,
  control: 0,
  aborted: 0,
  expired: 0,
  purged: 0,
  missing: 0,
  extra: 0,
  residual: 0,
};

export function auditReport(changes: Partial<AuditReport> = {}): AuditReport {
  const accounts = { ...EMPTY_ACCOUNTS, settled: 10, stored: 10 };
  return {
    coverage: 1,
    accounts,
    suspect: 0,
    stages: [{ stage: 'log-to-stored', verdict: 'pass' }],
    perPartition: [{ ...accounts, topic: 'pmc.messages.incoming', partition: 0, from: 0, to: 10 }],
    findings: [],
    ...changes,
  };
}

export function auditRun(changes: Partial<AuditRun> = {}): AuditRun {
  const finishedAt = '2026-01-02T03:04:05.000Z';
  const books = { ok: true, value: auditReport() } as const;
  return { id: 'run-1', mode: 'live', verdict: 'pass', finishedAt, ageMs: 2_000, books, ...changes };
}

export function ready(counters: Record<string, number>, atMs: number): Seen<ReadyReport> {
  return { ok: true, value: { ready: true, checks: {}, facts: { counters } }, atMs };
}

export function serviceProcess(changes: Partial<ServiceProcess>): ServiceProcess {
  return { name: 'communicator', pid: 1, state: 'running', restarts: 0, healthUrl: null, lastExit: null, ...changes };
}

const AT_MS = Date.UTC(2026, 0, 2, 3, 4, 7);

export function observation(changes: Partial<Observation> = {}): Observation {
  return {
    atMs: AT_MS,
    control: {
      ok: true,
      atMs: AT_MS,
      value: { services: [serviceProcess({ name: 'communicator', pid: 7 })] },
    },
    ready: new Map([['communicator', ready({ framesReceived: 100, connectionsOpen: 2 }, AT_MS)]]),
    database: {
      ok: true,
      atMs: AT_MS,
      value: {
        storedRows: 10,
        quarantineOpen: 0,
        audit: { live: auditRun(), run: undefined, open: {}, listed: [] },
      },
    },
    log: {
      ok: true,
      atMs: AT_MS,
      value: {
        topic: 'pmc.messages.incoming',
        groups: ['pmc-persistence'],
        partitions: [{ partition: 0, logStart: 0, highWatermark: 10, committed: { 'pmc-persistence': 10 } }],
      },
    },
    ...changes,
  };
}

/** The observation with other facts from the audit. */
export function audited(
  live: AuditRun | undefined,
  more: { run?: AuditRun; open?: Record<string, number> } = {},
): Observation {
  const { database, ...rest } = observation();
  if (!database.ok) return { database, ...rest };
  const audit = { live, run: more.run, open: more.open ?? {}, listed: [] };
  return { ...rest, database: { ...database, value: { ...database.value, audit } } };
}
