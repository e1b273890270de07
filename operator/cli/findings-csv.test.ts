import { expect, test } from 'vitest';
import { findingsCsv } from './findings-csv.ts';

test('what others chose is no formula, and what is counted stays a number', () => {
  const [header = '', line] = findingsCsv([
    {
      ...{ kind: 'missing', stage: 'log-to-stored', topic: 't', partition: 0, incarnation: 'i', offset: 7 },
      ...{ id: '=HYPERLINK("http://example.com";"look")', detail: '-1+1' },
    },
  ]).split('\n');
  const cells = Object.fromEntries(header.split(',').map((name, index) => [name, line?.split(',')[index]]));
  expect(cells).toMatchObject({
    offset: '7',
    id: `"'=HYPERLINK(""http://example.com"";""look"")"`,
    detail: `"'-1+1"`,
  });
});
