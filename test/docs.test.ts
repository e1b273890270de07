// The pages of docs/ against the code, in both directions: nothing is missing and nothing is there that no longer exists.
import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { generatedPages } from '../scripts/docs/pages.ts';
import { ERROR_CODES } from '../service/error-codes.ts';
import { projectFiles, readProjectFile } from './support/project-files.ts';

const SOURCE = projectFiles().filter(({ path }) => path.endsWith('.ts') && !/^(test|scripts)\/|\.test\.ts$/.test(path));

function occurrences(pattern: RegExp, texts: readonly string[]): readonly string[] {
  return [...new Set(texts.flatMap((text) => [...text.matchAll(pattern)].map(([, name = '']) => name)))].sort();
}

describe('a generated page', () => {
  test.for([
    'errors.md',
    'configuration.md',
    'chaos-faults.md',
    'log-clients.md',
    'protocol.md',
    'metrics.md',
    'audit-report.schema.json',
  ])('%s is what the code gives', async (name) => {
    const page = (await generatedPages()).get(name);
    expect(page, 'run `npm run generate`').toBe(readProjectFile(`docs/${name}`));
  });

  // These do not trust the generator: a room that was forgotten in scripts/docs/rooms.ts shows here.
  test('errors.md has every code and no other', () => {
    expect(occurrences(/^\| `(\w+)` \|/gm, [readProjectFile('docs/errors.md')])).toEqual(
      Object.keys(ERROR_CODES).sort(),
    );
  });

  test('configuration.md has every variable that a room declares and no other', () => {
    const declared = occurrences(
      /(?:variable: |listenPort\()'([A-Z_]+)'/g,
      SOURCE.map(({ text }) => text),
    );
    expect(occurrences(/^\| `(\w+)` \|/gm, [readProjectFile('docs/configuration.md')])).toEqual(declared);
  });

  test('metrics.md has every metric that a room declares and no other', () => {
    const rooms = SOURCE.filter(({ path }) => path.endsWith('/metrics.ts'));
    const declared = occurrences(
      /'(pmc_[a-z_]+|kafka_[a-z_]+)'/g,
      rooms.map(({ text }) => text),
    );
    expect(occurrences(/^\| `(\w+)` \|/gm, [readProjectFile('docs/metrics.md')])).toEqual(declared);
  });
});

describe('dependencies.md', () => {
  const page = readProjectFile('docs/dependencies.md');
  const rows = [...page.matchAll(/^\| `(\S+)` \| (\S+) \| ([^|]+) \| ([^|]+) \|$/gm)];

  test('names every direct dependency with its version', () => {
    const { dependencies, devDependencies, optionalDependencies } = JSON.parse(
      readProjectFile('package.json'),
    ) as Record<string, Readonly<Record<string, string>>>;
    const expected = { ...dependencies, ...devDependencies, ...optionalDependencies };
    expect(Object.fromEntries(rows.map(([, name, version]) => [name, version]))).toEqual(expected);
  });

  test('gives every licence as the package does', () => {
    const installed = rows.flatMap(([, name = '', , licence]) => {
      const path = `node_modules/${name}/package.json`;
      if (!existsSync(new URL(`../${path}`, import.meta.url))) return [];
      const { license } = JSON.parse(readProjectFile(path)) as { license?: string };
      return license === undefined ? [] : [{ name, license, licence }];
    });
    expect(installed.length).toBeGreaterThan(20);
    expect(installed.filter(({ license, licence }) => license !== licence)).toEqual([]);
  });
});

describe('the pages', () => {
  const files = projectFiles();
  const pages = files.filter(({ path }) => path.endsWith('.md'));

  test('name only files and folders that exist', () => {
    const there = [...files.map(({ path }) => path), 'schemas/generated.ts', 'schemas/database/schema.snapshot.sql'];
    const exists = (name: string): boolean => there.some((path) => path === name || path.startsWith(`${name}/`));
    const rooms = 'producers|consumers|kafka|service|schemas|operator|compose|test|scripts|docs';
    const named = pages.flatMap(({ path, text }) =>
      occurrences(new RegExp(`\`((?:${rooms})/[\\w./-]*\\w)/?\``, 'g'), [text]).map((name) => ({ path, name })),
    );
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter(({ name }) => !exists(name))).toEqual([]);
  });

  test('link only to pages that exist', () => {
    const links = pages.flatMap(({ path, text }) =>
      occurrences(/\]\((?!https?:|#)([^)#]+)/g, [text]).map((target) => ({
        path,
        target: posix.join(posix.dirname(path), target),
      })),
    );
    expect(
      links.filter(
        ({ target }) => !files.some(({ path }) => path === target || path.startsWith(`${posix.normalize(target)}`)),
      ),
    ).toEqual([]);
  });
});
