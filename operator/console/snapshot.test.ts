import { describe, expect, it } from 'vitest';
import { audited, auditRun, observation, ready, serviceProcess } from './observation.testing.ts';
import { NOTHING_SEEN, type Snapshot, takeSnapshot } from './snapshot.ts';

function snapshotOf(...changes: Parameters<typeof observation>): Snapshot {
  return takeSnapshot(observation(...changes), NOTHING_SEEN).snapshot;
}

describe('snapshot', () => {
  it('shows a healthy system without anything that needs attention', () => {
    const snapshot = snapshotOf();
    expect(snapshot.headline.level).toBe('pass');
    expect(snapshot.notices).toEqual([]);
    expect(snapshot).toMatchObject({ schemaVersion: 1, sequence: 1, storedRows: 10, connectionsOpen: 2 });
    expect(snapshot.lag?.groups).toEqual([{ group: 'pmc-persistence', total: 0 }]);
  });

  it('survives JSON, so that scripts read what the page shows', () => {
    const snapshot = snapshotOf();
    expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot);
  });

  it('computes rates from one sample to the next and counts the samples', () => {
    const first = takeSnapshot(observation(), NOTHING_SEEN);
    const { atMs } = observation();
    const later = observation({ ready: new Map([['communicator', ready({ framesReceived: 107 }, atMs + 1_000)]]) });
    const { snapshot } = takeSnapshot(later, first.memory);
    expect(snapshot.sequence).toBe(2);
    expect(snapshot.rates.find(({ key }) => key === 'received')?.perSecond).toBe(7);
  });

  it('says that the database is away and shows no number in its place', () => {
    const snapshot = snapshotOf({ database: { ok: false, reason: 'PostgreSQL does not answer' } });
    expect(snapshot).toMatchObject({ storedRows: null, quarantineOpen: null, findings: null });
    expect(snapshot.audit).toEqual({ isStale: true, live: null, run: null });
    expect(snapshot.headline.level).toBe('unknown');
    expect(snapshot.notices).toContainEqual({
      level: 'alert',
      text: 'The database is away: PostgreSQL does not answer.',
    });
  });

  it('says that Kafka is away and knows no lag then', () => {
    const snapshot = snapshotOf({ log: { ok: false, reason: 'no broker' } });
    expect(snapshot.lag).toBeNull();
    expect(snapshot.notices).toContainEqual({ level: 'alert', text: 'Kafka is away: no broker.' });
  });

  it('tells a supervisor that is away from one that is not there', () => {
    expect(snapshotOf({ control: { ok: false, reason: 'refused' }, ready: new Map() }).notices).toEqual([
      { level: 'alert', text: 'The supervisor is away: refused.' },
    ]);
    const [notice] = snapshotOf({ control: undefined, ready: new Map() }).notices;
    expect(notice?.text).toContain('PMC_CONTROL_URL is not set');
  });

  it('names a service that is not well', () => {
    const services = [
      serviceProcess({ name: 'communicator' }),
      serviceProcess({
        name: 'persistence',
        state: 'backoff',
        restarts: 3,
        lastExit: { reason: 'exit code 1', lastLine: null },
      }),
      serviceProcess({ name: 'commands', pid: null, state: 'stopped' }),
    ];
    const away = new Map([['communicator', { ok: false, reason: 'no answer within 1 s' } as const]]);
    const snapshot = snapshotOf({ control: { ok: true, atMs: 0, value: { services } }, ready: away });
    expect(snapshot.services?.map(({ condition }) => condition)).toEqual(['degraded', 'down', 'stopped']);
    expect(snapshot.notices.map(({ text }) => text)).toEqual([
      'communicator is not ready: no answer within 1 s.',
      'persistence is not running (backoff): exit code 1.',
      'commands was stopped by an operator.',
    ]);
  });

  it('adds the time that an answer has been standing in for a late one to the age of the audit', () => {
    const old = audited(auditRun({ ageMs: 29_000 }));
    expect(takeSnapshot(old, NOTHING_SEEN).snapshot.audit.isStale).toBe(false);
    const { snapshot } = takeSnapshot({ ...old, atMs: old.atMs + 2_000 }, NOTHING_SEEN);
    expect(snapshot.audit).toMatchObject({ isStale: true, live: { ageMs: 31_000 } });
    expect(snapshot.headline.level).toBe('unknown');
  });
});
