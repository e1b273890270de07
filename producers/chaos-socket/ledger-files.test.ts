import { expect, test } from 'vitest';
import { ledgerFile, partsToRemove, timesFile } from './ledger-files.ts';

const OLDER = '01KAJX5T7Z0000000000000AAA';
const NEWER = '01KAJX5T7Z0000000000000BBB';

test('the first file of a run has the plain name, the following ones a number', () => {
  expect(ledgerFile({ run: OLDER, part: 1 })).toBe(`ledger-${OLDER}.jsonl`);
  expect(ledgerFile({ run: OLDER, part: 12 })).toBe(`ledger-${OLDER}.12.jsonl`);
  expect(timesFile({ run: OLDER, part: 2 })).toBe(`times-${OLDER}.2.jsonl`);
});

test('the newest files stay: by run, then by number, not by letters', () => {
  const parts = [2, 10, 1].map((part) => ({ run: OLDER, part })).concat({ run: NEWER, part: 1 });
  const names = [...parts.map(ledgerFile), ...parts.map(timesFile), 'notes.txt', 'ledger-short.jsonl'];
  expect(partsToRemove(names, 2)).toEqual([
    { run: OLDER, part: 2 },
    { run: OLDER, part: 1 },
  ]);
  expect(partsToRemove(names, 4)).toEqual([]);
});
