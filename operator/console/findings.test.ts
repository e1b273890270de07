import { describe, expect, it } from 'vitest';
import type { AuditFacts, OpenFinding } from './audit-report.ts';
import { findingsOf } from './findings.ts';
import { auditReport, auditRun } from './observation.testing.ts';

const missing = { kind: 'missing', stage: 'log-to-stored', topic: 't', partition: 2, offset: 7, id: 'x' };

function open(detail: Record<string, unknown>): OpenFinding {
  return { kind: 'missing', stage: 'log-to-stored', firstSeenAt: '2026-01-02T03:04:05.000Z', lastSeenAt: '', detail };
}

function facts(listed: readonly OpenFinding[], reported: readonly (typeof missing)[], total: number): AuditFacts {
  const live = auditRun({ books: { ok: true, value: auditReport({ findings: [...reported] }) } });
  return { live, run: undefined, open: total === 0 ? {} : { missing: total }, listed };
}

describe('findings', () => {
  it('lists a finding that is open and in the newest report once', () => {
    const { listed } = findingsOf(facts([open(missing)], [missing], 1));
    expect(listed).toHaveLength(1);
    expect(listed[0]).toMatchObject({ where: 't-2, offset 7', id: 'x', firstSeenAt: '2026-01-02T03:04:05.000Z' });
  });

  it('lists a finding of the newest report that is not on the books yet', () => {
    expect(findingsOf(facts([], [missing], 0)).listed).toMatchObject([{ kind: 'missing', firstSeenAt: null }]);
  });

  it('says where a source finding is', () => {
    const [one] = findingsOf(facts([open({ source: 'ws://a', stream: 's', from: 3, to: 9 })], [], 1)).listed;
    expect(one?.where).toBe('source ws://a, stream s, from 3 to 9');
  });

  it('is bounded and says how many are left out', () => {
    const many = Array.from({ length: 150 }, (_, offset) => ({ ...missing, offset }));
    expect(findingsOf(facts([], many, 150))).toMatchObject({ open: 150, notListed: 50 });
    expect(findingsOf(facts([open(missing)], [], 1_000)).notListed).toBe(999);
  });
});
