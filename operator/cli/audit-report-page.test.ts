import { describe, expect, test } from 'vitest';
import { balance, noAccounts } from '../../consumers/gap-detector/accounts.ts';
import { type AuditReport, buildReport } from '../../consumers/gap-detector/report.ts';
import { auditDocument } from '../../consumers/gap-detector/report-document.ts';
import { auditDocumentSchema, publishedSchema } from '../../consumers/gap-detector/report-schema.ts';
import type { SourceReport } from '../../consumers/gap-detector/source-ledger.ts';
import type { Finding } from '../../consumers/gap-detector/verdict.ts';
import { readProjectFile } from '../../test/support/project-files.ts';
import { reportPage } from './audit-report-page.ts';

const AT = { topic: 'pmc.messages.incoming', incarnation: 'i' };
const LOST: Finding = {
  ...AT,
  ...{ kind: 'missing', stage: 'log-to-stored', partition: 0, offset: 5, receivedAt: 1_000, detail: 'no row' },
  id: '<script>alert(1)</script>',
};

const STREAM = { source: 's', stream: 'a', streamEpoch: 'e', from: 1, judgedUpTo: 100, received: 100, missing: 0 };

function documentOf(findings: readonly Finding[], settled = 1_000, sources: readonly SourceReport[] = []) {
  const lost = findings.length;
  const counts = { ...noAccounts(), stored: settled - lost, missing: lost };
  const epoch = {
    gatewayEpoch: 'e',
    instance: 'c',
    state: 'closed',
    from: 1,
    settledUpTo: 10,
    judgedUpTo: 10,
    inLog: 10,
  } as const;
  const report = buildReport({
    ...{
      runId: '01RUN',
      mode: 'run',
      startedAtMs: 0,
      finishedAtMs: 1,
      clusterId: 'c',
      coverageMin: 0.95,
      unreadable: 0,
    },
    perPartition: [
      { ...AT, partition: 0, from: 0, to: settled, end: settled, suspect: 0, ...balance(counts, settled, 0) },
    ],
    findings,
    hints: [
      {
        ...{ kind: 'dangling-reference', source: 'chat.example', id: '<b>named</b>', kinds: ['read'], references: 2 },
        firstAt: '2026-11-26T10:00:00.000Z',
      },
    ],
    timeline: [{ atMs: 2_000, kind: 'gateway-closed', subject: 'e', detail: 'closed' }],
    epochs: [{ ...epoch, elsewhere: 0, missing: 0, tail: null }],
    sources,
  });
  const versions = { node: '24' };
  return auditDocument(report, { generatedAtMs: 5, command: 'pmc audit run', versions, durability: { acks: 'all' } });
}

describe('the document', () => {
  test('is what the published schema says', () => {
    expect(auditDocumentSchema.strict().parse(documentOf([LOST]))).toEqual(documentOf([LOST]));
    expect(publishedSchema()).toBe(readProjectFile('docs/audit-report.schema.json'));
  });

  test('states loss as an interval with its unit and method, and zero loss as an upper bound', () => {
    const [source, gateway, stored] = documentOf([LOST]).loss;
    // No source counts, and that is not the same as no loss.
    expect(source).toMatchObject({ total: 0, interval: null, method: 'nothing was judged: unknown' });
    expect(stored).toMatchObject({ lost: 1, total: 1_000, ratio: 0.001, unit: 'records' });
    expect(stored?.method).toMatch(/^Clopper-Pearson/);
    expect(stored?.interval?.lower).toBeGreaterThan(0);
    expect(gateway?.method).toMatch(/rule of three/);
    expect(gateway?.interval?.upper).toBeCloseTo(0.259, 3);
    expect(documentOf([], 0).loss[2]).toMatchObject({
      ratio: null,
      interval: null,
      method: 'nothing was judged: unknown',
    });
  });

  test('has what sources counted and nobody got among the losses, with streams as episodes', () => {
    const sources = Array.from({ length: 6 }, (_, index) => ({
      ...STREAM,
      stream: `${index}`,
      missing: index === 3 ? 9 : 0,
    }));
    const [loss] = documentOf([], 1_000, [...sources, { ...STREAM, from: Number.POSITIVE_INFINITY }]).loss;
    expect(loss).toMatchObject({ stage: 'source-to-gateway', unit: 'numbers', lost: 9, total: 600 });
    expect(loss?.episodes).toMatchObject({
      total: 7,
      withLoss: 1,
      method: expect.stringMatching(/bootstrap over streams/),
    });
    expect(loss?.episodes.interval?.upper).toBeGreaterThan(0.02);
  });

  test('says that an earlier version did not write down how many numbers were judged', () => {
    const { report } = documentOf([], 1_000, [STREAM]);
    const stages = report.stages.map(({ judged: _judged, missing: _missing, streams: _streams, ...stage }) => stage);
    const old = auditDocument({ ...report, stages } as AuditReport, {
      ...{ generatedAtMs: 5, command: '', versions: {}, durability: {} },
    });
    expect(old.loss[0]).toMatchObject({ interval: null, method: expect.stringMatching(/earlier version/) });
  });

  test('counts what expired unseen as what nobody can say, in a report that leaves its findings off too', () => {
    // Of an earlier life of the topic; two auditors have told of it, each in part.
    const expired = (from: number, to: number): Finding => {
      const range = { ...AT, incarnation: 'before', partition: 0, from, to, detail: 'nobody saw it' };
      return { kind: 'expired-unaudited', stage: 'log-to-stored', ...range };
    };
    const { report } = documentOf([LOST, expired(50, 99), expired(0, 79), expired(20, 30)]);
    const short = { ...report, findings: report.findings.slice(0, 1), findingsLeftOff: 3 } as AuditReport;
    const { loss } = auditDocument(short, { generatedAtMs: 5, command: '', versions: {}, durability: {} });
    expect(loss[2]).toMatchObject({ indeterminate: 100, total: 1_100 });
  });

  test('has in its upper end, once, what is settled and yet unknown: holes of the log, and what expired while it was compared', () => {
    const { report } = documentOf([], 1_000);
    const [first] = report.perPartition as [(typeof report.perPartition)[number]];
    const unproved = { ...first, stored: 980, expired: 15, residual: 5 };
    const range = { ...AT, partition: 0, from: 900, to: 914, detail: '' };
    const expired: Finding = { kind: 'expired-unaudited', stage: 'log-to-stored', ...range };
    const changed = { ...report, accounts: unproved, perPartition: [unproved], findings: [expired] };
    const { loss } = auditDocument(changed as unknown as AuditReport, {
      ...{ generatedAtMs: 5, command: '', versions: {}, durability: {} },
    });
    expect(loss[2]).toMatchObject({ lost: 0, indeterminate: 20, total: 1_000 });
    expect(loss[2]?.method).toMatch(/^Clopper-Pearson/);
  });

  test('counts each frame that nobody can say anything of, in a spool elsewhere too', () => {
    const { report } = documentOf([], 1_000);
    const stages = report.stages.map((stage) => ({
      ...stage,
      ...(stage.epochs && { epochs: stage.epochs.map((one) => ({ ...one, unknown: 1_000 })) }),
    }));
    const { loss } = auditDocument({ ...report, stages } as unknown as AuditReport, {
      ...{ generatedAtMs: 5, command: '', versions: {}, durability: {} },
    });
    expect(loss[1]).toMatchObject({ lost: 0, indeterminate: 1_000, total: 1_010 });
    expect(loss[1]?.interval?.upper).toBeGreaterThan(0.98);
  });

  test('draws no interval from episodes of which none has lost anything', () => {
    const [loss] = documentOf(
      [],
      1_000,
      Array.from({ length: 6 }, (_, index) => ({ ...STREAM, stream: `${index}` })),
    ).loss;
    expect(loss?.interval?.upper).toBeGreaterThan(0);
    expect(loss?.episodes).toMatchObject({ interval: null, method: expect.stringMatching(/^no loss in 6 streams/) });
  });

  test('names what happened beside a finding', () => {
    expect(documentOf([LOST]).report.findings[0]?.coincident).toEqual(['gateway-closed e +1.0 s: closed']);
  });
});

describe('the page', () => {
  const page = reportPage(documentOf([LOST]));

  test('needs nothing from elsewhere, and a sender can write nothing into it', () => {
    expect(page).not.toMatch(/<script|src=|href=|@import|url\(/);
    expect(page).toContain('&lt;script&gt;');
  });

  test('says of each finding where it is, of a number that a source has given up too', () => {
    const place = { source: '<chat>', stream: 'a', streamEpoch: 'e1', from: 351, to: 352 };
    const gap: Finding = { kind: 'source-gap', stage: 'source-to-gateway', ...place, detail: 'given up' };
    expect(reportPage(documentOf([gap]))).toContain('&lt;chat&gt; stream a epoch e1 numbers 351..352');
  });

  test('counts what a report of the running audit leaves off, and says where all of it is', () => {
    const document = documentOf([LOST]);
    const short = reportPage({ ...document, report: { ...document.report, findingsLeftOff: 600 } });
    expect(short).toContain('Findings (601)');
    expect(short).toContain('The first 1; all of them: <code>pmc audit run --json</code>');
    expect(page).not.toContain('all of them');
  });

  test('has the balance, the interval, the timeline and the command', () => {
    for (const part of ['settled 1000 =', 'Clopper-Pearson', '<svg', 'pmc audit run', 'acks', '01RUN']) {
      expect(page).toContain(part);
    }
  });
});
