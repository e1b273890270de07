import { describe, expect, test } from 'vitest';
import { balance, noAccounts } from '../../consumers/gap-detector/accounts.ts';
import { type AuditReport, buildReport } from '../../consumers/gap-detector/report.ts';
import type { Finding } from '../../consumers/gap-detector/verdict.ts';
import { auditText } from './audit-text.ts';

const AT = { topic: 'pmc.messages.incoming', partition: 3, incarnation: 'i' };

function missing(offset: number): Finding {
  return { kind: 'missing', stage: 'log-to-stored', ...AT, offset, id: `m${offset}`, detail: 'no row' };
}

function report(findings: readonly Finding[], suspect = 0): AuditReport {
  const lost = findings.filter(({ kind }) => kind === 'missing').length;
  const counts = { ...noAccounts(), stored: 1_000 - lost, missing: lost };
  return buildReport({
    runId: '01RUN',
    mode: 'run',
    startedAtMs: 0,
    finishedAtMs: 0,
    clusterId: 'c',
    coverageMin: 0.95,
    perPartition: [{ ...AT, from: 0, to: 1_000, end: 1_000, suspect, ...balance(counts, 1_000, 2) }],
    findings,
    epochs: [],
    unreadable: 0,
  });
}

describe('an audit as text', () => {
  test('begins with the verdict, then every account, then every stage', () => {
    const text = auditText(report([]));
    expect(text).toMatch(/^verdict pass \(coverage 100\.00 %, run 01RUN\)\n/);
    for (const name of [
      'settled',
      'stored',
      'altered',
      'duplicateOf',
      'quarantined',
      'control',
      'aborted',
      'expired',
    ]) {
      expect(text).toMatch(new RegExp(`^ +${name} +\\d+$`, 'm'));
    }
    expect(text).toMatch(/^ +stored +1000$/m);
    expect(text).toMatch(/^ +residual +0$/m);
    expect(text).toMatch(/^ +extra +2$/m);
    expect(text).toMatch(/^ +log-to-stored +pass +1000 offsets settled/m);
    expect(text).toMatch(/^ +source-to-gateway +not-measurable /m);
    expect(text).not.toMatch(/findings|suspect +\d+$/m);
    expect(text.endsWith('\n')).toBe(true);
  });

  test('names each finding with its place and its id', () => {
    const text = auditText(report([missing(7), missing(9)]));
    expect(text).toMatch(/^verdict fail /);
    expect(text).toContain('2 findings:');
    expect(text).toMatch(/^ +missing +pmc\.messages\.incoming-3@7 id m7 {2}no row$/m);
    expect(text).toMatch(/^ +missing +2$/m);
  });

  test('shows an id that a sender made up without letting it write on the terminal', () => {
    const forged = { ...missing(7), id: `a\u001b[2J\u0000\r\nverdict pass${'x'.repeat(5_000)}` };
    const text = auditText(report([forged]));
    expect(text).toContain('@7 id a\uFFFD[2J\uFFFD\uFFFD\uFFFDverdict pass');
    expect(text).not.toContain('\u001b');
    expect(text).not.toMatch(/^verdict pass/m);
    expect(text.length).toBeLessThan(2_000);
  });

  test('shows the first of many and says where the others are', () => {
    const text = auditText(report(Array.from({ length: 25 }, (_, index) => missing(index))));
    expect(text).toContain('25 findings, the first 20:');
    expect(text.match(/@\d+ id/g)).toHaveLength(20);
    expect(text).toContain('pmc audit run --json');
  });

  test('counts those too that a report of the running audit leaves off', () => {
    const text = auditText({ ...report([missing(1)]), findingsLeftOff: 30 });
    expect(text).toContain('31 findings, the first 20:');
    expect(text).toContain('pmc audit run --json');
  });

  test('shows all of exactly as many as it shows', () => {
    const text = auditText(report(Array.from({ length: 20 }, (_, index) => missing(index))));
    expect(text).toContain('20 findings:');
    expect(text).not.toContain('--json');
  });

  test('names frames by their epoch, and a partition whose books are wrong', () => {
    const frames = { stage: 'gateway-to-log', gatewayEpoch: '01EPOCH', from: 5, to: 9, detail: 'open' } as const;
    const text = auditText(
      report([
        { kind: 'tail-unknown', ...frames },
        { kind: 'books-wrong', stage: 'log-to-stored', ...AT, detail: 'left over' },
      ]),
    );
    expect(text).toMatch(/^ +tail-unknown +epoch 01EPOCH frames 5\.\.9 {2}open$/m);
    expect(text).toMatch(/^ +books-wrong +pmc\.messages\.incoming-3 {2}left over$/m);
  });

  test('names the numbers of a source by its stream, and a reply by its id', () => {
    const gap = { kind: 'source-gap', stage: 'source-to-gateway', source: 'chat:1', detail: 'given up' } as const;
    const text = auditText(
      report([
        { ...gap, stream: 's\u001b[2J', streamEpoch: '7', from: 351, to: 351 },
        { ...gap, stream: 's', streamEpoch: '7', from: 360, to: 369 },
        { kind: 'reply-missing', stage: 'command-to-reply', replyId: 'r-1', detail: 'none' },
        { kind: 'truncated', stage: 'gateway-to-log', ...AT, from: 60, to: 99, detail: 'cut' },
      ]),
    );
    expect(text).toMatch(/^ +source-gap +chat:1 stream s\uFFFD\[2J epoch 7 number 351 {2}given up$/m);
    expect(text).toMatch(/^ +source-gap +chat:1 stream s epoch 7 numbers 360\.\.369 {2}given up$/m);
    expect(text).toMatch(/^ +reply-missing +reply r-1 {2}none$/m);
    expect(text).toMatch(/^ +truncated +pmc\.messages\.incoming-3@60\.\.99 {2}cut$/m);
  });

  test('shows suspects where there are any', () => {
    expect(auditText(report([], 4))).toMatch(/^ +suspect +4$/m);
  });

  test('ends with what may point to a loss, apart from the findings and without a control character', () => {
    const hint = (id: string) => {
      const about = { kinds: ['edit', 'read'], references: 3, firstAt: '2026-11-26T10:00:00.000Z' };
      return { kind: 'dangling-reference', source: 'chat.example', id, ...about } as const;
    };
    const text = auditText({ ...report([]), hints: Array.from({ length: 7 }, (_, n) => hint(`m\u001b[2J${n}`)) });
    const [, hints = ''] = text.split('hints, which are no findings');
    expect(hints).toMatch(/id m\uFFFD\[2J0 of chat\.example: named 3 times \(edit, read\)/);
    expect(hints.match(/named 3 times/g)).toHaveLength(5);
    expect(hints).toMatch(/all of them/);
    expect(auditText(report([]))).not.toMatch(/hints/);
  });
});
