import { describe, expect, test } from 'vitest';
import { type Anchor, isReplaceable, judgeAnchor, type Sight } from './anchors.ts';

const ANCHOR: Anchor = {
  topic: 't',
  partition: 3,
  clusterId: 'c',
  incarnation: 'i',
  early: { offset: 10n, hash: 1n },
  last: { offset: 99n, hash: 2n },
  leaderEpoch: 5,
  auditedTo: 100n,
};
/** The same log, gone on. */
const SIGHT: Sight = {
  clusterId: 'c',
  incarnation: 'i',
  leaderEpoch: 6,
  ends: { logStart: 0n, lastStable: 150n, highWatermark: 150n },
  early: 1n,
  last: 2n,
  isExpiryDue: false,
};

const from = (logStart: bigint) => ({ ...SIGHT.ends, logStart });
const upTo = (end: bigint) => ({ ...SIGHT.ends, lastStable: end, highWatermark: end });

/** `kind from-to` of each finding. */
function named(changes: Partial<Sight>): readonly string[] {
  const findings = judgeAnchor(ANCHOR, { ...SIGHT, ...changes });
  for (const finding of findings) expect(finding).toMatchObject({ topic: 't', partition: 3, incarnation: 'i' });
  return findings.map(({ kind, from: lower, to }) => `${kind} ${lower ?? ''}-${to ?? ''}`);
}

describe('a log', () => {
  test.each<[string, Partial<Sight>, readonly string[]]>([
    ['that went on', {}, []],
    ['that stands still', { leaderEpoch: 5, ends: upTo(100n) }, []],
    ['that forgot exactly what was judged', { ends: from(100n), early: undefined, last: undefined }, []],
    ['that forgot its beginning', { ends: from(11n), early: undefined }, []],
    ['of another cluster', { clusterId: 'd', incarnation: 'j', leaderEpoch: 0 }, ['wrong-cluster -']],
    ['that was made again', { incarnation: 'j', leaderEpoch: 0, ends: upTo(0n) }, ['recreated 0-99']],
    ['whose leader epoch went back', { leaderEpoch: 4 }, ['epoch-regressed -']],
    ['that lost the last record that was judged', { ends: upTo(99n), last: undefined }, ['truncated 99-99']],
    ['that was cut off far below', { ends: upTo(5n), early: undefined, last: undefined }, ['truncated 5-99']],
    ['that was cut and written anew', { last: 7n }, ['truncated 0-99']],
    ['that has a hole where the last record was', { last: undefined }, ['truncated 0-99']],
    ['with another beginning', { early: 7n }, ['recreated 10-']],
    ['with another beginning, at its very start', { ends: from(10n), early: 7n }, ['recreated 10-']],
    [
      'that forgot one record more than was judged',
      { ends: from(101n), last: undefined },
      ['expired-unaudited 100-100'],
    ],
  ])('%s', (_what, changes, findings) => {
    expect(named(changes)).toEqual(findings);
  });

  test('may have more than one thing happen to it', () => {
    const cut = { leaderEpoch: 4, ends: { logStart: 120n, lastStable: 120n, highWatermark: 120n } };
    expect(named(cut)).toEqual(['epoch-regressed -', 'expired-unaudited 100-119']);
  });

  test('that forgot too early says by whom', () => {
    const detailOf = (isExpiryDue: boolean) =>
      judgeAnchor(ANCHOR, { ...SIGHT, ends: from(120n), isExpiryDue }).map(({ stage, detail }) => [stage, detail]);
    expect(detailOf(true)).toEqual([['log-to-stored', expect.stringMatching(/^retention /)]]);
    expect(detailOf(false)).toEqual([['log-to-stored', expect.stringMatching(/^somebody, before their time/)]]);
  });
});

test('nothing of the wrong cluster is remembered, of any other log it is', () => {
  const of = (changes: Partial<Sight>) => isReplaceable(judgeAnchor(ANCHOR, { ...SIGHT, ...changes }));
  expect([of({ clusterId: 'd' }), of({ incarnation: 'j' }), of({ last: 7n }), of({})]).toEqual([
    false,
    true,
    true,
    true,
  ]);
});
