import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  EXIT_CODE,
  FINDING_WEIGHT,
  type Finding,
  type FindingKind,
  findingKey,
  overallVerdict,
  type StageVerdict,
  stageVerdict,
  VERDICTS,
  worst,
} from './verdict.ts';

function finding(kind: FindingKind, changes: Partial<Finding> = {}): Finding {
  return { kind, stage: 'log-to-stored', detail: 'planted', ...changes };
}

const VERDICT = fc.constantFrom(...VERDICTS);
const STAGE_VERDICT: fc.Arbitrary<StageVerdict> = fc.constantFrom(...VERDICTS, 'not-measurable' as const);

describe('the worst verdict', () => {
  test('is the highest in the order pass, inconclusive, fail, whatever the order of the list', () => {
    fc.assert(
      fc.property(fc.array(VERDICT), (verdicts) => {
        const expected = verdicts.includes('fail')
          ? 'fail'
          : verdicts.includes('inconclusive')
            ? 'inconclusive'
            : 'pass';
        expect(worst(verdicts)).toBe(expected);
      }),
    );
  });
});

describe('the verdict of a stage', () => {
  const expected: Readonly<Record<FindingKind, string>> = {
    missing: 'fail',
    altered: 'fail',
    extra: 'fail',
    truncated: 'fail',
    recreated: 'fail',
    'wrong-cluster': 'fail',
    'epoch-regressed': 'fail',
    'source-gap': 'fail',
    'reply-missing': 'fail',
    'reply-doubled': 'fail',
    'books-wrong': 'fail',
    hole: 'inconclusive',
    'tail-unknown': 'inconclusive',
    'spooled-elsewhere': 'inconclusive',
    'expired-unaudited': 'inconclusive',
    duplicate: 'pass',
    conflict: 'pass',
    reordered: 'pass',
  };

  test.each(Object.entries(expected))('with one finding of the kind %s is %s', (kind, verdict) => {
    expect(stageVerdict([finding(kind as FindingKind)])).toBe(verdict);
  });

  test('is decided by the worst finding, not by the last', () => {
    const kinds = fc.array(fc.constantFrom(...(Object.keys(FINDING_WEIGHT) as FindingKind[])));
    fc.assert(
      fc.property(kinds, (some) => {
        const verdicts = some.map((kind) => expected[kind]);
        const worstOne = verdicts.includes('fail')
          ? 'fail'
          : verdicts.includes('inconclusive')
            ? 'inconclusive'
            : 'pass';
        expect(stageVerdict(some.map((kind) => finding(kind)))).toBe(worstOne);
      }),
    );
  });
});

describe('the overall verdict', () => {
  test('is the worst of the stages that can be measured', () => {
    fc.assert(
      fc.property(fc.array(STAGE_VERDICT), (stages) => {
        const measurable = stages.filter((verdict) => verdict !== 'not-measurable');
        const expected = measurable.length === 0 ? 'inconclusive' : worst(measurable);
        expect(overallVerdict(stages, 1, 0.95)).toBe(expected);
      }),
    );
  });

  test('never passes because nothing was looked at', () => {
    expect(overallVerdict([], 1, 0)).toBe('inconclusive');
    expect(overallVerdict(['not-measurable', 'not-measurable'], 1, 0)).toBe('inconclusive');
    expect(overallVerdict(['pass'], 0, 0.95)).toBe('inconclusive');
    expect(overallVerdict(['pass'], 0.949, 0.95)).toBe('inconclusive');
    expect(overallVerdict(['pass'], 0.95, 0.95)).toBe('pass');
  });

  test('fails also when little was looked at', () => {
    expect(overallVerdict(['fail', 'not-measurable'], 0.01, 0.95)).toBe('fail');
  });
});

describe('the key of a finding', () => {
  const at = { incarnation: 'i', partition: 1, offset: 7 };

  test('is the same when the same is seen again, whatever is told about it', () => {
    const again = finding('missing', { ...at, detail: 'other words', id: 'm1', eventKey: 'k' });
    expect(findingKey(again)).toBe(findingKey(finding('missing', at)));
  });

  test('is of a length that an index takes, whatever a source is called, and tells such names apart', () => {
    const named = (source: string) => finding('source-gap', { source, stream: 'a', streamEpoch: 'e', from: 7 });
    const keys = ['x', 'y'].map((end) => findingKey(named(`${'é'.repeat(10_000)}${end}`)));
    expect(Math.max(...keys.map((key) => Buffer.byteLength(key)))).toBeLessThan(2_000);
    expect(new Set(keys).size).toBe(2);
  });

  test('is another for another kind, place or life of the topic', () => {
    const keys = [
      finding('missing', at),
      finding('altered', at),
      finding('missing', { ...at, stage: 'gateway-to-log' }),
      finding('missing', { ...at, incarnation: 'j' }),
      finding('missing', { ...at, partition: 2 }),
      finding('missing', { ...at, offset: 8 }),
      finding('missing', { gatewayEpoch: 'e', from: 7, to: 9 }),
      finding('missing', { gatewayEpoch: 'e', from: 8, to: 9 }),
      finding('missing', { gatewayEpoch: 'f', from: 7, to: 9 }),
      finding('missing', { source: 's', stream: 'a', streamEpoch: 'e', from: 7 }),
      finding('missing', { source: 's', stream: 'a', streamEpoch: 'f', from: 7 }),
      finding('missing', { source: 's', stream: 'b', streamEpoch: 'e', from: 7 }),
      finding('missing', { source: 't', stream: 'a', streamEpoch: 'e', from: 7 }),
      finding('missing', { ...at, replyId: 'r' }),
      finding('missing', { ...at, replyId: 'q' }),
    ].map(findingKey);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

test('a script can tell the verdicts apart', () => {
  expect(EXIT_CODE).toEqual({ pass: 0, fail: 3, inconclusive: 8 });
});
