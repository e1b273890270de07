import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judgeCounts } from './audit-counts.ts';
import { CsvReader, csvLine } from './csv.ts';
import { type ExportedRow, ROW_COLUMNS, RowReader } from './exported-row.ts';
import { parseLedgerLine } from './ledger-line.ts';
import { hashOf, perfectRun, sentLine } from './verdict.testing.ts';

test('CSV comes back as it was written, in whatever portions', () => {
  const table = fc.array(fc.array(fc.string({ unit: 'binary' }), { minLength: 2, maxLength: 4 }), { minLength: 1 });
  fc.assert(
    fc.property(table, fc.integer({ min: 1, max: 7 }), (records, size) => {
      // A lone carriage return is a line end to some: such a field is quoted, and kept.
      const text = records.map(csvLine).join('');
      const reader = new CsvReader();
      const read = [];
      for (let at = 0; at < text.length; at += size) read.push(...reader.push(text.slice(at, at + size)));
      expect([...read, ...reader.end()]).toEqual(records);
    }),
  );
});

describe('an export', () => {
  const header = ROW_COLUMNS.join(',');
  const rowsOf = (text: string): readonly ExportedRow[] => {
    const csv = new CsvReader();
    const reader = new RowReader();
    const rows = [...csv.push(text), ...csv.end()].flatMap((record) => reader.read(record) ?? []);
    reader.end();
    return rows;
  };

  test('is read by the names of its columns; empty fields are unknown', () => {
    const hash = hashOf('a');
    const text = `extra,${header}\n!,${hash},,typing,"a,b",h:1/p,,,,uuid,3,17,conflict truncated\n`;
    expect(rowsOf(text)).toEqual([
      {
        sha256: hash,
        id: undefined,
        chat: 'a,b',
        source: 'h:1/p',
        stream: undefined,
        epoch: undefined,
        seq: undefined,
        partition: 'uuid 3',
        offset: 17,
        flags: ['conflict', 'truncated'],
      },
    ]);
  });

  test.for(['', 'id,chat\n1,2\n', `${header}\nnot-a-hash,,,,,,,,,,7,\n`, `${header}\n${hashOf('')},,,,,,,,,,,\n`])(
    'that is none is refused: %j',
    (text) => {
      expect(() => rowsOf(text)).toThrow(expect.objectContaining({ code: 'PMC_CHAOS_EXPORT_UNREADABLE' }));
    },
  );
});

test.for(['', '{}', '[1]', '{"line":"sent"}', '{"line":"hearsay","run":"r"}'])('no line of a ledger: %j', (text) => {
  expect(() => parseLedgerLine(text, 17)).toThrow('line 17 of the ledger');
  expect(parseLedgerLine(JSON.stringify(sentLine(0, 1)), 1)).toEqual(sentLine(0, 1));
});

describe("an audit's report", () => {
  const { ledger } = perfectRun(1, 10);
  const report = (accounts: object, verdict = 'pass') => ({
    runId: 'r',
    verdict,
    accounts: { settled: 10, stored: 10, altered: 0, missing: 0, extra: 0, ...accounts },
  });

  test('is compared by its numbers', () => {
    expect(judgeCounts(ledger, report({}))).toMatchObject({ verdict: 'pass', unexplained: 0, findings: [] });
    expect(judgeCounts(ledger, report({ stored: 8 }))).toMatchObject({ verdict: 'fail', unexplained: 2 });
    expect(judgeCounts(ledger, report({ stored: 9, altered: 1 })).deviations.altered.total).toBe(1);
    expect(judgeCounts(ledger, report({ stored: 12 })).deviations.alien.total).toBe(2);
    expect(judgeCounts(ledger, report({}, 'inconclusive')).verdict).toBe('inconclusive');
  });

  test.for([null, {}, { runId: 'r', verdict: 'pass', accounts: { stored: -1 } }])('%j is none', (value) => {
    expect(() => judgeCounts(ledger, value)).toThrow(expect.objectContaining({ code: 'PMC_CHAOS_EXPORT_UNREADABLE' }));
  });
});
