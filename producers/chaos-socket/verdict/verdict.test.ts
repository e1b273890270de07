// Faults are planted, one kind at a time and many at once; the verdict must find each, and nothing else.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ExportedRow, pathOf } from './exported-row.ts';
import type { SentLine } from './ledger-line.ts';
import { hashOf, perfectRun, RUN, rowOf, sentLine } from './verdict.testing.ts';
import { judge } from './verdict.ts';
import { verdictText } from './verdict-text.ts';

const DEEDS = ['keep', 'lose', 'repeat', 'alter', 'second body'] as const;
const STREAM = { stream: 's', epoch: 'e' } as const;
const fired = (firing: number, fault: string) =>
  ({ line: 'fault', run: RUN, firing, fault, armed: 'a', source: '/source-1', expects: 'x' }) as const;
const closed = (connection: number, n: number) =>
  ({ line: 'closed', run: RUN, connectionId: `connection-${connection}`, code: 1006, n }) as const;

test('a perfect run passes, whatever order the rows are exported in', () => {
  const { ledger, rows } = perfectRun(2, 30);
  for (const order of [rows, rows.toReversed()]) {
    expect(judge(ledger, order)).toMatchObject({
      verdict: 'pass',
      unexplained: 0,
      findings: [],
      frames: { sent: 60, withheld: 0, expectedRows: 60 },
      rows: { compared: 60, matched: 60, ofOtherSources: 0 },
    });
  }
});

test('nothing passes because nothing was sent, lines were lost or runs were mixed', () => {
  const { ledger, rows } = perfectRun(1, 10);
  expect(judge([], [])).toMatchObject({ verdict: 'inconclusive', doubts: ['the ledger holds no frame that was sent'] });
  const cut = judge(ledger.slice(3), rows.slice(3));
  expect(cut).toMatchObject({ verdict: 'inconclusive', unexplained: 0 });
  expect(cut.doubts[0]).toContain('older files were removed');
  const mixed = judge([...ledger, { ...closed(0, 10), run: 'another' }], rows);
  expect(mixed).toMatchObject({ verdict: 'inconclusive', doubts: ['the ledger mixes 2 runs'] });
});

test('a comparison with the wrong rows counts every difference and keeps the first thousands', () => {
  const { ledger } = perfectRun(2, 4_000);
  const other = perfectRun(2, 3_000).sent.map((line, index) =>
    rowOf({ ...line, id: `x${index}`, sha256: hashOf(`x${index}`) }, index),
  );
  const verdict = judge(ledger, other);
  expect(verdict.deviations).toMatchObject({ lost: { total: 8_000, explained: 0 }, alien: { total: 6_000 } });
  expect([verdict.findings.length, verdict.findingsLeftOut, verdict.unexplained]).toEqual([10_000, 4_000, 14_000]);
  expect(verdictText(verdict)).toContain('  and 9980 more: --json');
});

describe('a planted fault is found:', () => {
  const planted: Record<string, (rows: ExportedRow[]) => void> = {
    lost: (rows) => void rows.splice(11, 1),
    duplicated: (rows) => void rows.push({ ...(rows[7] as ExportedRow), offset: 900 }),
    reordered: (rows) => {
      const [first, second] = [rows[6] as ExportedRow, rows[12] as ExportedRow];
      rows[6] = { ...first, offset: second.offset };
      rows[12] = { ...second, offset: first.offset };
    },
    altered: (rows) => void (rows[4] = { ...(rows[4] as ExportedRow), sha256: hashOf('something else') }),
    conflict: (rows) => void rows.push({ ...(rows[4] as ExportedRow), sha256: hashOf('another body'), offset: 901 }),
    alien: (rows) => void rows.push({ ...(rows[4] as ExportedRow), sha256: hashOf('?'), id: 'nobody', offset: 902 }),
  };

  test.for(Object.keys(planted))('%s', (kind) => {
    const { ledger, rows } = perfectRun(2, 30);
    planted[kind]?.(rows);
    const verdict = judge(ledger, rows);
    expect(verdict.verdict).toBe('fail');
    expect(verdict.findings.map((one) => one.kind)).toEqual([kind]);
    expect(verdict.deviations).toMatchObject({ [kind]: { total: 1, explained: 0 } });
    expect(verdictText(verdict)).toContain(`  ${kind}`);
  });

  test('any number of them at once', () => {
    const plan = fc.array(fc.constantFrom(...DEEDS), {
      minLength: 1,
      maxLength: 120,
    });
    fc.assert(
      fc.property(plan, fc.integer({ min: 1, max: 4 }), fc.nat({ max: 5 }), (deeds, connections, aliens) => {
        const { ledger, rows } = perfectRun(connections, Math.ceil(deeds.length / connections));
        const kept = rows.flatMap((row, index): ExportedRow[] => {
          const other = { ...row, sha256: hashOf(`other ${index}`) };
          const again = { ...row, offset: 10_000 + index };
          const kept: Record<(typeof DEEDS)[number], ExportedRow[]> = {
            keep: [row],
            lose: [],
            repeat: [row, again],
            alter: [other],
            'second body': [row, { ...other, offset: 20_000 + index }],
          };
          return kept[deeds[index] ?? 'keep'];
        });
        for (let n = 0; n < aliens; n++)
          kept.push(rowOf(sentLine(0, 1, { id: `x${n}`, sha256: hashOf(`x${n}`) }), 30_000 + n));
        const number = (deed: string): number => deeds.filter((one) => one === deed).length;
        const verdict = judge(ledger, kept);
        expect(verdict.deviations).toEqual({
          lost: { total: number('lose'), explained: 0 },
          duplicated: { total: number('repeat'), explained: 0 },
          altered: { total: number('alter'), explained: 0 },
          conflict: { total: number('second body'), explained: 0 },
          alien: { total: aliens, explained: 0 },
          reordered: { total: 0, explained: 0 },
          repeated: { total: 0, explained: 0 },
        });
        expect(verdict.unexplained).toBe(deeds.length - number('keep') + aliens);
      }),
    );
  });

  test('any order that a connection did not send in, and only that', () => {
    const order = fc.uniqueArray(fc.nat({ max: 40 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(order, (offsets) => {
        const lines = offsets.map((_, index) => sentLine(0, index + 1, { chat: 'chat_0' }));
        const rows = lines.map((line, index) => rowOf(line, offsets[index] ?? 0));
        const isInOrder = offsets.every((offset, index) => index === 0 || offset > (offsets[index - 1] ?? 0));
        expect(judge(lines, rows).deviations.reordered.total === 0).toBe(isInOrder);
      }),
    );
  });
});

describe('what had to be so is no finding:', () => {
  test('a withheld frame is passed over by an acknowledgement up to a number above it, and explained by none of its own', () => {
    const [first, , third] = perfectRun(1, 3).sent.map((line, index) => ({ ...line, ...STREAM, seq: index + 1 }));
    if (first === undefined || third === undefined) throw new Error('three frames');
    const { id, sha256, event, chat, source } = sentLine(0, 2);
    const about = { run: RUN, source, event, id, chat, sha256, ...STREAM, seq: 2 };
    const withheld = { ...about, line: 'withheld', firing: 1, recoverable: false } as const;
    const ledger = [first, fired(1, 'drop'), withheld, third];
    const rows = [rowOf(first, 0), rowOf(third, 1)];
    const acked = { line: 'acked', run: RUN, ...STREAM } as const;
    const passedOver = judge([...ledger, { ...acked, upto: 3 }], rows);
    expect(passedOver).toMatchObject({ unexplained: 0, findings: [{ kind: 'lost', explanation: 'drop' }] });
    const lied = judge([...ledger, { ...acked, at: [2] }], rows);
    expect(lied).toMatchObject({ unexplained: 1, findings: [{ detail: 'acknowledged and not stored' }] });
  });

  test('a withheld frame is lost by its fault, unless it was sent after all', () => {
    const { sent, rows } = perfectRun(1, 3);
    const { id, sha256, event, chat, source } = sentLine(0, 4);
    const withheld = { line: 'withheld', run: RUN, source, event, id, chat, sha256, firing: 1 } as const;
    const ledger = [...sent, fired(1, 'drop'), { ...withheld, recoverable: false }];
    const verdict = judge(ledger, rows);
    expect(verdict).toMatchObject({
      verdict: 'pass',
      firings: { drop: 1 },
      deviations: { lost: { total: 1, explained: 1 } },
    });
    expect(verdict.findings[0]).toMatchObject({ explanation: 'drop', detail: 'never sent' });
    const resent = judge([...ledger, sentLine(0, 4)], [...rows, rowOf(sentLine(0, 4), 9)]);
    expect(resent).toMatchObject({ verdict: 'pass', findings: [] });
    expect(judge([...ledger, sentLine(0, 4)], rows).unexplained).toBe(1);
  });

  test('the end of a broken connection, but nothing before it', () => {
    const { sent, rows } = perfectRun(1, 10);
    const ledger = [...sent, closed(0, 10)];
    expect(judge(ledger, rows.slice(0, 7))).toMatchObject({
      verdict: 'pass',
      deviations: { lost: { total: 3, explained: 3 } },
    });
    const hole = judge(ledger, [...rows.slice(0, 5), ...rows.slice(6, 8)]);
    expect(hole).toMatchObject({ verdict: 'fail', deviations: { lost: { total: 3, explained: 2 } }, unexplained: 1 });
    expect(judge(sent, rows.slice(0, 7)).unexplained).toBe(3);
  });

  test('but what was acknowledged must be there, however its connection ended', () => {
    const numbered = [1, 2, 3].map((n) => sentLine(0, n, { ...STREAM, seq: n }));
    const rows = numbered.slice(0, 1).map((line) => rowOf(line, line.n));
    const acked = { line: 'acked', run: RUN, ...STREAM, upto: 2 } as const;
    const verdict = judge([...numbered, acked, closed(0, 3)], rows);
    expect(verdict.deviations.lost).toEqual({ total: 2, explained: 1 });
    expect(verdict.findings.find((one) => one.explanation === undefined)).toMatchObject({ id: 'msg_0_2' });
    expect(judge([...numbered, { ...acked, upto: undefined, at: [3] }, closed(0, 3)], rows).unexplained).toBe(1);
  });

  test('a frame that the peer has refused and said so', () => {
    const numbered = [1, 2].map((n) => sentLine(0, n, { ...STREAM, seq: n }));
    const refused = { line: 'refused', run: RUN, ...STREAM, seq: 2, code: 107 } as const;
    const rows = numbered.slice(0, 1).map((line) => rowOf(line, line.n));
    expect(judge([...numbered, refused], rows)).toMatchObject({
      verdict: 'pass',
      deviations: { lost: { explained: 1 } },
    });
    expect(judge([...numbered, { ...refused, seq: 3 }], rows).unexplained).toBe(1);
  });

  test('a refused frame has no row, and a row of it is one too many', () => {
    const { sent, rows } = perfectRun(1, 2);
    const refused = sentLine(0, 3, { id: undefined, expect: 'rejected', firing: 1 });
    const ledger = [...sent, fired(1, 'malformed'), refused];
    expect(judge(ledger, rows)).toMatchObject({ verdict: 'pass', findings: [] });
    expect(judge(ledger, [...rows, rowOf(refused, 9)]).deviations.duplicated.total).toBe(1);
    // The bytes of an event as a binary frame, and then the event itself: one row, and not one too few.
    const asBinary = { ...refused, sha256: sentLine(0, 4).sha256 };
    const both = judge([...sent, fired(1, 'malformed'), asBinary, sentLine(0, 4)], [...rows, rowOf(sentLine(0, 4), 9)]);
    expect(both).toMatchObject({ verdict: 'pass', findings: [], frames: { expectedRows: 3 } });
  });

  test('the same frame twice is one row; frames without an identity are one row each', () => {
    const again = { ...sentLine(0, 1), n: 2, expect: 'duplicate' as const, firing: 1 };
    const ledger = [sentLine(0, 1), fired(1, 'duplicate'), again];
    expect(judge(ledger, [rowOf(sentLine(0, 1), 1)])).toMatchObject({ verdict: 'pass', findings: [] });
    expect(judge(ledger, [])).toMatchObject({ unexplained: 1 });
    const hello = (n: number): SentLine => sentLine(0, n, { id: undefined, chat: undefined, sha256: hashOf('hello') });
    const rows = [rowOf(hello(1), 1), rowOf(hello(2), 2)];
    expect(judge([hello(1), hello(2)], rows)).toMatchObject({ verdict: 'pass', findings: [] });
    expect(judge([hello(1), hello(2)], rows.slice(1)).deviations.lost.total).toBe(1);
  });

  test('a planned conflict is explained, and must be flagged', () => {
    const other = sentLine(0, 2, { id: 'msg_0_1', sha256: hashOf('other'), expect: 'conflict', firing: 1 });
    const ledger = [sentLine(0, 1), fired(1, 'id_conflict'), other];
    const rows = [rowOf(sentLine(0, 1), 1), rowOf(other, 2)];
    expect(judge(ledger, rows)).toMatchObject({
      verdict: 'pass',
      deviations: { conflict: { total: 1, explained: 1 } },
      conflictsNotFlagged: 1,
    });
    const flagged = [rows[0] as ExportedRow, { ...(rows[1] as ExportedRow), flags: ['conflict'] }];
    expect(judge(ledger, flagged).conflictsNotFlagged).toBe(0);
    expect(judge(ledger, rows.slice(0, 1)).unexplained).toBe(1);
  });

  test('rows of other sources', () => {
    const { ledger, rows } = perfectRun(1, 3);
    const foreign = rowOf(sentLine(0, 9), 9, { source: 'chat.example/elsewhere' });
    // A user's rows, and those of a bridge, have the names of their tokens: neither lies at the path `/`.
    const root = sentLine(2, 1, { source: '/' });
    const others = ['user:ann', 'source:bridge', 'user:ann/source-1'].map((source, n) =>
      rowOf(sentLine(0, 9, { sha256: hashOf(source) }), 10 + n, { source }),
    );
    const all = [...rows, rowOf(root, 8, { source: '127.0.0.1:4001' }), foreign, ...others];
    expect(judge([root, ...ledger], all)).toMatchObject({
      ...{ verdict: 'pass', unexplained: 0, doubts: [] },
      rows: { compared: 4, matched: 4, ofOtherSources: 4, ofOtherRuns: 0, afterLedger: 0, undecided: 0 },
    });
  });
});

test('a source is told by the path of its address', () => {
  const names = [
    '127.0.0.1:4001/source-3',
    'host:1',
    'host',
    'host:1/a/b',
    'user:ann',
    'source:b/c',
    'source:4001',
    'user:4001/a',
  ];
  expect(names.map(pathOf)).toEqual(['/source-3', '/', '/', '/a/b', undefined, undefined, '/', '/a']);
});
