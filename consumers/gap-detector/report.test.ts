import { describe, expect, test } from 'vitest';
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { type AccountCounts, balance, noAccounts } from './accounts.ts';
import type { EpochReport } from './gateway-ledger.ts';
import { buildReport, type PartitionReport, type ReportInput } from './report.ts';
import { auditDocument } from './report-document.ts';
import { auditDocumentSchema } from './report-schema.ts';
import type { SourceReport } from './source-ledger.ts';
import type { Finding } from './verdict.ts';

const TOPIC = 'pmc.messages.incoming';
const EPOCH: EpochReport = {
  gatewayEpoch: 'e',
  instance: 'communicator-1',
  state: 'live',
  from: 1,
  settledUpTo: 20,
  judgedUpTo: 20,
  inLog: 20,
  elsewhere: 0,
  missing: 0,
  tail: null,
};

function partition(
  number: number,
  counts: Partial<AccountCounts>,
  changes: Partial<PartitionReport> = {},
): PartitionReport {
  const all = { ...noAccounts(), ...counts };
  const settled = changes.settled ?? Object.values(all).reduce((sum, count) => sum + count, 0);
  const at = { topic: TOPIC, partition: number, incarnation: 'i', from: 0, to: settled, end: settled, suspect: 0 };
  return { ...at, ...balance(all, settled, 0), ...changes };
}

function finding(kind: Finding['kind'], changes: Partial<Finding> = {}): Finding {
  return { kind, stage: 'log-to-stored', topic: TOPIC, partition: 0, offset: 3, detail: 'planted', ...changes };
}

function report(changes: Partial<ReportInput> = {}) {
  return buildReport({
    runId: 'r',
    mode: 'run',
    startedAtMs: 0,
    finishedAtMs: 1_000,
    clusterId: 'c',
    coverageMin: 0.95,
    perPartition: [partition(0, { stored: 10 }), partition(1, { stored: 10 })],
    findings: [],
    epochs: [EPOCH],
    unreadable: 0,
    ...changes,
  });
}

function stageOf(changes: Partial<ReportInput>, stage: string) {
  return report(changes).stages.find((one) => one.stage === stage);
}

describe('the report', () => {
  test('of a sound system passes, with every stage in it and nothing over', () => {
    const sound = report();
    expect(sound).toMatchObject({
      verdict: 'pass',
      coverage: 1,
      suspect: 0,
      findings: [],
      hints: [],
      schemaVersion: 1,
    });
    expect(sound.accounts).toMatchObject({ settled: 20, stored: 20, missing: 0, residual: 0, extra: 0 });
    expect(sound.stages.map(({ stage, verdict }) => `${stage} ${verdict}`)).toEqual([
      'source-to-gateway not-measurable',
      'gateway-to-log pass',
      'log-to-stored pass',
      'command-to-reply not-measurable',
      'reply-to-delivered not-measurable',
    ]);
    expect([sound.startedAt, sound.finishedAt]).toEqual(['1970-01-01T00:00:00.000Z', '1970-01-01T00:00:01.000Z']);
  });

  test('lists what fails before what lowers nothing, and each of one weight as it was found', () => {
    const findings = (['duplicate', 'missing', 'reordered', 'hole', 'altered'] as const).map((kind) => finding(kind));
    const { findings: listed, findingsLeftOff } = report({
      findings,
      perPartition: [partition(0, { stored: 10 }, { residual: 1 })],
    });
    expect(listed.map(({ kind }) => kind)).toEqual(['missing', 'altered', 'hole', 'duplicate', 'reordered']);
    expect(findingsLeftOff).toBe(0);
  });

  test.each([
    ['missing', 'fail'],
    ['altered', 'fail'],
    ['extra', 'fail'],
    ['duplicate', 'pass'],
  ] as const)('with one finding of the kind %s: %s', (kind, verdict) => {
    expect(report({ findings: [finding(kind)] }).verdict).toBe(verdict);
  });

  test('of an unproved hole is inconclusive, and the hole explains the residual', () => {
    const perPartition = [partition(0, { stored: 9 }, { settled: 10, end: 10, to: 10, residual: 1 })];
    const { verdict, findings } = report({ perPartition, findings: [finding('hole')] });
    expect([verdict, findings.map(({ kind }) => kind)]).toEqual(['inconclusive', ['hole']]);
  });

  test('does not lower one stage for a finding of another', () => {
    const findings = [finding('missing', { stage: 'gateway-to-log', gatewayEpoch: 'e', from: 1, to: 1 })];
    expect(stageOf({ findings }, 'log-to-stored')?.verdict).toBe('pass');
    expect(stageOf({ findings }, 'gateway-to-log')?.verdict).toBe('fail');
    expect(report({ findings }).verdict).toBe('fail');
  });
});

describe('the books', () => {
  test('are wrong when something is left over that no hole explains', () => {
    const perPartition = [partition(0, { stored: 9 }, { settled: 10, end: 10, residual: 1 })];
    const { verdict, findings } = report({ perPartition });
    expect(verdict).toBe('fail');
    expect(findings).toMatchObject([{ kind: 'books-wrong', stage: 'log-to-stored', topic: TOPIC, partition: 0 }]);
  });

  test('are wrong when a hole is reported and nothing is left over', () => {
    expect(report({ findings: [finding('hole')] }).verdict).toBe('fail');
  });

  // An offset counted twice in one partition must not pay for one that was not counted in another.
  test('are judged partition by partition', () => {
    const perPartition = [
      partition(0, { stored: 9 }, { settled: 10, end: 10, residual: 1 }),
      partition(1, { stored: 11 }, { settled: 10, end: 10, residual: -1 }),
    ];
    const { accounts, verdict, findings } = report({ perPartition });
    expect([accounts.residual, verdict]).toEqual([0, 'fail']);
    expect(findings.map(({ kind, partition: number }) => [kind, number])).toEqual([
      ['books-wrong', 0],
      ['books-wrong', 1],
    ]);
  });

  test('are not put right by a hole of another partition', () => {
    const perPartition = [
      partition(0, { stored: 9 }, { settled: 10, end: 10, residual: 1 }),
      partition(1, { stored: 10 }),
    ];
    const { findings } = report({ perPartition, findings: [finding('hole', { partition: 1 })] });
    const wrong = findings.filter(({ kind }) => kind === 'books-wrong');
    expect(wrong.map((one) => one.partition)).toEqual([0, 1]);
  });
});

describe('nothing passes because nothing was looked at', () => {
  test('when nothing has settled', () => {
    const perPartition = [partition(0, {}, { end: 0 })];
    expect(report({ perPartition })).toMatchObject({ verdict: 'inconclusive', coverage: 0 });
    expect(stageOf({ perPartition }, 'log-to-stored')?.verdict).toBe('inconclusive');
  });

  test('when there is no partition at all', () => {
    expect(report({ perPartition: [], epochs: [] })).toMatchObject({ verdict: 'inconclusive', coverage: 0 });
  });

  test('when too little of what was asked has settled', () => {
    const perPartition = [partition(0, { stored: 10 }, { end: 100 })];
    expect(report({ perPartition })).toMatchObject({ verdict: 'inconclusive', coverage: 0.1 });
    expect(report({ perPartition, coverageMin: 0.1 }).verdict).toBe('pass');
  });

  test('when suspects wait for their second look', () => {
    const perPartition = [partition(0, { stored: 99 }, { suspect: 1, end: 100 })];
    expect(report({ perPartition })).toMatchObject({ verdict: 'inconclusive', suspect: 1 });
  });

  test('when evidence could not be read', () => {
    expect(report({ unreadable: 1 }).verdict).toBe('inconclusive');
    expect(stageOf({ unreadable: 1 }, 'gateway-to-log')?.detail).toContain('1 records could not be read');
  });

  test('when it was told to wait and waited in vain', () => {
    const unsettled = { overdue: { settling: true, gateways: false } };
    expect(stageOf(unsettled, 'log-to-stored')).toMatchObject({ verdict: 'inconclusive' });
    expect(stageOf(unsettled, 'log-to-stored')?.detail).toContain('not all that was asked has settled');
    const unheard = { overdue: { settling: false, gateways: true } };
    expect(stageOf(unheard, 'gateway-to-log')).toMatchObject({ verdict: 'inconclusive' });
    expect(report(unheard).verdict).toBe('inconclusive');
    expect(report({ overdue: { settling: false, gateways: false } }).verdict).toBe('pass');
  });

  test('when an offset of any partition waits for longer than it can be on its way', () => {
    const waiting = (unsettledMs: number) => ({
      perPartition: [partition(0, { stored: 1_000 }), { ...partition(1, { stored: 9 }, { end: 10 }), unsettledMs }],
    });
    expect(report(waiting(60_000)).verdict).toBe('pass');
    expect(report(waiting(90_000)).verdict).toBe('inconclusive');
    expect(stageOf(waiting(90_000), 'log-to-stored')?.detail).toMatch(/-1@\d+ has waited for 90 s$/);
  });

  test('when a gateway claims offsets that are not on the log', () => {
    const epochs = [{ ...EPOCH, judgedUpTo: 5 }];
    expect(report({ epochs }).verdict).toBe('inconclusive');
    // The running audit reads a moment behind a living gateway, and only behind that.
    expect(report({ epochs, mode: 'live' }).verdict).toBe('pass');
    expect(report({ epochs: [{ ...EPOCH, judgedUpTo: 5, state: 'closed' }], mode: 'live' }).verdict).toBe(
      'inconclusive',
    );
  });

  test('and a stage without items is not measurable', () => {
    expect(stageOf({ epochs: [] }, 'gateway-to-log')?.verdict).toBe('not-measurable');
  });
});

test('tails are counted and lower the stage', () => {
  const tail = { from: 21, to: 84 };
  const findings = [finding('tail-unknown', { stage: 'gateway-to-log', gatewayEpoch: 'e', ...tail })];
  const stage = stageOf({ epochs: [{ ...EPOCH, state: 'crashed', tail }], findings }, 'gateway-to-log');
  expect(stage).toMatchObject({ verdict: 'inconclusive', detail: expect.stringContaining('1 open tails') });
});

describe('the streams of sources', () => {
  const GONE = { from: Number.POSITIVE_INFINITY, judgedUpTo: 0, missing: 0 };
  const stream = (name: string, changes: Partial<SourceReport> = {}): SourceReport => {
    return { source: 's', stream: name, streamEpoch: 'e', from: 1, judgedUpTo: 9, received: 9, missing: 0, ...changes };
  };
  const of = (sources: readonly SourceReport[], findings: readonly Finding[] = []) =>
    stageOf({ sources, findings }, 'source-to-gateway');

  test('that cannot be judged are counted, and hide behind no other', () => {
    const judged = stream('a');
    expect(of([judged])).toMatchObject({ verdict: 'pass', detail: '9 numbers of 1 streams judged, 0 missing' });
    const blind = of([
      judged,
      stream('b', { ...GONE, unjudged: 'blind' }),
      stream('c', { ...GONE, unjudged: 'blind' }),
    ]);
    expect([blind?.verdict, blind?.detail]).toEqual(['inconclusive', expect.stringContaining('of 2 streams nobody')]);
  });

  test('that ended before what the log still has are told, and lower nothing', () => {
    const old = stream('b', { ...GONE, unjudged: 'old' });
    const beside = of([stream('a'), old]);
    expect([beside?.verdict, beside?.detail]).toEqual(['pass', expect.stringContaining('1 streams not judged')]);
    expect(of([old, old])).toMatchObject({ verdict: 'not-measurable', judged: 0 });
    expect(of([old, stream('a', { judgedUpTo: 0 })])?.verdict).toBe('inconclusive');
  });

  test('of which nothing is judged fail where the gateway says that something is lost', () => {
    const about = { stage: 'source-to-gateway', source: 's', stream: 'b', streamEpoch: 'e', detail: '' } as const;
    const findings: readonly Finding[] = [{ kind: 'source-gap', ...about, from: 3, to: 4 }];
    const lost = of([stream('b', { ...GONE, unjudged: 'old', lostBelow: 2 })], findings);
    expect(lost).toMatchObject({ verdict: 'fail', judged: 2, missing: 2 });
  });

  test('may have as many numbers as there are: their sum is a number still', () => {
    const wide = { judgedUpTo: PROTOCOL_LIMITS.seq, received: 2, missing: PROTOCOL_LIMITS.seq - 2 };
    const sources = [stream('a', wide), stream('b', wide)];
    expect(of(sources)).toMatchObject({ judged: Number.MAX_SAFE_INTEGER, missing: Number.MAX_SAFE_INTEGER });
    const document = auditDocument(report({ sources }), {
      generatedAtMs: 0,
      command: '',
      versions: {},
      durability: {},
    });
    expect(auditDocumentSchema.safeParse(document).error).toBeUndefined();
  });
});
