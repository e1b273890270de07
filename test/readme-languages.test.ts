// README.md and README.pt-BR.md: the same content in two languages. What no translation changes is compared: the levels of the
// headings, what is typed and answered, the names in code, the links, the shapes of the tables.
import { expect, test } from 'vitest';
import { readProjectFile } from './support/project-files.ts';

const ENGLISH = readProjectFile('README.md');
const PORTUGUESE = readProjectFile('README.pt-BR.md');

function found(pattern: RegExp, text: string): readonly string[] {
  return [...text.matchAll(pattern)].map(([, what = '']) => what);
}

const proseOf = (text: string): string => text.replaceAll(/```[^]*?```/g, '');

test.for<[string, number, (text: string) => readonly string[]]>([
  ['levels of headings', 10, (text) => found(/^(#+) /gm, proseOf(text))],
  ['console sessions', 5, (text) => found(/```console\n([^]*?)```/g, text)],
  [
    'cells of each row of the tables',
    30,
    (text) => found(/^(\|.*\|)$/gm, proseOf(text)).map((row) => String(row.replaceAll('\\|', '').split('|').length)),
  ],
  ['names in code', 80, (text) => found(/`([^`]+)`/g, proseOf(text)).toSorted()],
  [
    'links',
    10,
    (text) =>
      found(/\]\(([^)]+)\)/g, proseOf(text))
        .filter((target) => !target.startsWith('README.'))
        .toSorted(),
  ],
  ['numbers', 15, (text) => found(/\b(\d{2,})\b/g, proseOf(text)).toSorted()],
])('have the same %s', ([, least, what]) => {
  expect(what(ENGLISH).length).toBeGreaterThanOrEqual(least);
  expect(what(PORTUGUESE)).toEqual(what(ENGLISH));
});
