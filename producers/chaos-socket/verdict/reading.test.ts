import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judgeCounts } from './audit-counts.ts';
import { CsvReader, csvLine } from './csv.ts';
import { type ExportedRow, ROW_COLUMNS, RowReader } from './exported-row.ts';
import { parseLedgerLine } from './ledger-line.ts';
import { SentFrames } from './sent-frames.ts';
import { hashOf, perfectRun, sentLine } from './verdict.testing.ts';
import { verdictText } from './verdict-text.ts';

test('CSV comes back as it was written, in whatever portions', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom(...`'=+-@\t\r\n＝,;"1.`.split('')) }),
  );
  const table = fc.array(fc.array(text, { minLength: 2, maxLength: 4 }), { minLength: 1 });
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

test.for([
  ...['=1+1', '+1', '-1+1', '-a', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '＝1', '＋1', '－1', '＠a'],
  // Else whoever takes off what was put in front would take this too.
  ...["'=1", "''-a"],
])('a cell that a spreadsheet would calculate is a text in quotes: %j', (text) => {
  expect(csvLine([text, 'a'])).toBe(`"'${text}",a\n`);
});

test('nothing else is changed: not a number below zero, not a sign further back', () => {
  expect(csvLine(['-1', '-1.5', '0', '', "it's", 'a=b', "'", ' ='])).toBe("-1,-1.5,0,,it's,a=b,', =\n");
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
        receivedAtMs: undefined,
      },
    ]);
  });

  test('tells when its rows were received; an older one does not, and is read', () => {
    const fields = `${hashOf('a')},,typing,,h:1/p,,,,uuid,3,17,`;
    expect(rowsOf(`${header}\n${fields},2026-01-31T12:00:00.125Z\n`)).toMatchObject([
      { receivedAtMs: Date.parse('2026-01-31T12:00:00.125Z') },
    ]);
    expect(rowsOf(`${header.replace(',received_at', '')}\n${fields}\n`)).toMatchObject([{ receivedAtMs: undefined }]);
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

test('an older ledger, whose acknowledgements of replies have no batch, is read', () => {
  const about = { line: 'handled', run: 'r', source: '/', connectionId: 'c', ids: ['r1'] };
  for (const line of [about, { ...about, batch: 1 }]) expect(parseLedgerLine(JSON.stringify(line), 1)).toEqual(line);
});

describe("an audit's report", () => {
  const sent = new SentFrames(perfectRun(1, 10).ledger);
  const report = (accounts: object, verdict = 'pass') => ({
    runId: 'r',
    verdict,
    accounts: { settled: 10, stored: 10, altered: 0, missing: 0, extra: 0, ...accounts },
  });

  test('is compared by its numbers', () => {
    expect(judgeCounts(sent, report({}))).toMatchObject({ verdict: 'pass', unexplained: 0, findings: [] });
    expect(judgeCounts(sent, report({ stored: 8 }))).toMatchObject({ verdict: 'fail', unexplained: 2 });
    expect(judgeCounts(sent, report({ stored: 9, altered: 1 })).deviations.altered.total).toBe(1);
    expect(judgeCounts(sent, report({ extra: 2 })).deviations.alien.total).toBe(2);
    expect(judgeCounts(sent, report({}, 'inconclusive')).verdict).toBe('inconclusive');
  });

  test('that counts more than the ledger has may count what others have sent, and is in doubt', () => {
    const verdict = judgeCounts(sent, report({ stored: 12 }));
    expect(verdict).toMatchObject({ verdict: 'inconclusive', unexplained: 0, findings: [], rows: { undecided: 2 } });
    expect(verdict.doubts).toEqual([expect.stringContaining('counts 2 rows more than the ledger can have')]);
    expect(judgeCounts(sent, report({ stored: 12, altered: 1 })).verdict).toBe('fail');
  });

  test('is one finding for each of its numbers, however many rows that is', () => {
    const text = verdictText(judgeCounts(new SentFrames(perfectRun(1, 90).ledger), report({})));
    expect(text).toContain('verdict fail, unexplained 80');
    expect(text).not.toContain('more: --json');
  });

  test.for([null, {}, { runId: 'r', verdict: 'pass', accounts: { stored: -1 } }])('%j is none', (value) => {
    expect(() => judgeCounts(sent, value)).toThrow(expect.objectContaining({ code: 'PMC_CHAOS_EXPORT_UNREADABLE' }));
  });
});
