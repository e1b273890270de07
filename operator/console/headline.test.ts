import { describe, expect, it } from 'vitest';
import { type Headline, headlineOf } from './headline.ts';
import { audited, auditReport, auditRun, EMPTY_ACCOUNTS } from './observation.testing.ts';

const lossy = auditReport({
  accounts: { ...EMPTY_ACCOUNTS, settled: 10, stored: 7, missing: 3 },
  stages: [{ stage: 'log-to-stored', verdict: 'fail' }],
});
const failed = auditRun({ verdict: 'fail', books: { ok: true, value: lossy } });

function headline(...facts: Parameters<typeof audited>): Headline {
  return headlineOf(audited(...facts).database);
}

describe('headline', () => {
  it('says that nothing is lost for a fresh, balanced pass', () => {
    expect(headline(auditRun())).toMatchObject({ level: 'pass', words: 'Nothing is lost' });
  });

  it('is unknown when the database is away', () => {
    const away = headlineOf({ ok: false, reason: 'no answer' });
    expect(away).toMatchObject({ level: 'unknown', detail: 'no answer.' });
  });

  it('is unknown when nothing was judged yet', () => {
    expect(headline(undefined).level).toBe('unknown');
  });

  it('never passes on a stale live audit, not even next to a passed full audit', () => {
    const stale = headline(auditRun({ ageMs: 30_001 }), { run: auditRun({ mode: 'run' }) });
    expect(stale).toMatchObject({ level: 'unknown', words: 'Not known: the audit is stale' });
    expect(headline(auditRun({ ageMs: 30_000 })).level).toBe('pass');
  });

  it('names what is missing and where it failed', () => {
    const { level, words, detail } = headline(failed);
    expect({ level, words }).toEqual({ level: 'fail', words: 'Loss found' });
    expect(detail).toContain('3 missing, stage log-to-stored failed');
  });

  it('stays a failure when it gets old, and says that it is old', () => {
    const { level, detail } = headline({ ...failed, ageMs: 90_000 });
    expect(level).toBe('fail');
    expect(detail).toContain('nothing newer has been judged');
  });

  it('keeps the failure of a full audit beside a passing live one', () => {
    expect(headline(auditRun(), { run: { ...failed, mode: 'run', ageMs: 600_000 } }).level).toBe('fail');
  });

  it('does not let an old inconclusive full audit lower a passing live one', () => {
    expect(headline(auditRun(), { run: auditRun({ mode: 'run', verdict: 'inconclusive' }) }).level).toBe('pass');
  });

  it.each([
    ['missing', 'fail'],
    ['altered', 'fail'],
    ['books-wrong', 'fail'],
    ['a-kind-nobody-knows', 'fail'],
    ['duplicate', 'pass'],
    ['tail-unknown', 'pass'],
  ])('an open finding of kind %s makes a passing audit %s', (kind, level) => {
    expect(headline(auditRun(), { open: { [kind]: 2 } }).level).toBe(level);
  });

  it.each([
    ['reported', { settled: 10, stored: 10, residual: 1 }],
    ['hidden by a wrong residual', { settled: 10, stored: 9, residual: 0 }],
  ])('does not believe a pass whose books do not balance: %s', (_name, accounts) => {
    const wrong = auditReport({ accounts: { ...EMPTY_ACCOUNTS, ...accounts } });
    const shown = headline(auditRun({ books: { ok: true, value: wrong } }));
    expect(shown).toMatchObject({ level: 'fail', words: 'The books do not balance' });
  });

  it('leaves it to the audit what a residual that it cannot prove means', () => {
    const value = auditReport({ accounts: { ...EMPTY_ACCOUNTS, settled: 10, stored: 9, residual: 1 } });
    expect(headline(auditRun({ verdict: 'inconclusive', books: { ok: true, value } })).level).toBe('inconclusive');
  });

  it('does not believe a pass whose report cannot be read', () => {
    const { level, detail } = headline(auditRun({ books: { ok: false, reason: 'no accounts' } }));
    expect(level).toBe('unknown');
    expect(detail).toContain('no accounts');
  });

  it('says which stage has no proof', () => {
    const value = auditReport({
      stages: [{ stage: 'gateway-to-log', verdict: 'inconclusive', detail: 'no closing checkpoint' }],
    });
    const shown = headline(auditRun({ verdict: 'inconclusive', books: { ok: true, value } }));
    expect(shown.level).toBe('inconclusive');
    expect(shown.detail).toBe('Without proof: gateway-to-log: no closing checkpoint.');
  });
});
