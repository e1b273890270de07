import { describe, expect, it } from 'vitest';
import { isBalanced, readReport, residualOf } from './audit-report.ts';
import { auditReport, EMPTY_ACCOUNTS } from './observation.testing.ts';

describe('audit report', () => {
  it('reads the agreed shape and leaves the rest of it alone', () => {
    const read = readReport({ schemaVersion: 1, verdict: 'pass', hints: [], ...auditReport() });
    expect(read).toEqual({ ok: true, value: auditReport() });
  });

  it('refuses a report without one of the accounts, naming it', () => {
    const { missing: _missing, ...accounts } = EMPTY_ACCOUNTS;
    const read = readReport({ ...auditReport(), accounts });
    expect(read.ok).toBe(false);
    expect(read.ok ? '' : read.reason).toContain('accounts.missing');
  });

  it.each([null, 'pass', [], {}])('refuses %j', (value) => {
    expect(readReport(value).ok).toBe(false);
  });

  it('refuses a stage verdict that it does not know', () => {
    const stages = [{ stage: 'log-to-stored', verdict: 'fine' }];
    expect(readReport({ ...auditReport(), stages }).ok).toBe(false);
  });

  it('sums every account except extra', () => {
    const ones = {
      stored: 1,
      altered: 1,
      duplicateOf: 1,
      quarantined: 1,
      control: 1,
      aborted: 1,
      expired: 1,
      purged: 1,
      missing: 1,
    };
    expect(residualOf({ ...EMPTY_ACCOUNTS, ...ones, settled: 10, extra: 5 })).toBe(1);
    expect(isBalanced({ ...EMPTY_ACCOUNTS, ...ones, settled: 9, extra: 5 })).toBe(true);
    expect(isBalanced({ ...EMPTY_ACCOUNTS, ...ones, settled: 9, residual: 1 })).toBe(false);
  });
});
