// The project against its own house rules. What each rule catches is shown in tidy-rules.test.ts.
import { describe, expect, test } from 'vitest';
import { ERROR_CODES } from '../service/error-codes.ts';
import { brokenImportLaw } from './support/import-law.ts';
import { projectFiles, readProjectFile } from './support/project-files.ts';
import { impureFiles } from './support/purity.ts';
import * as rules from './support/tidy-rules.ts';

const FILES = projectFiles();

describe('the project', () => {
  test.for(['service/errors.ts', 'README.md', '.ci/run'])('has %s to judge', (path) => {
    expect(FILES.some((file) => file.path === path)).toBe(true);
  });

  test.for<[string, rules.Rule]>([
    ['keeps the import law', brokenImportLaw],
    ['keeps decisions pure', impureFiles],
    ['keeps files short', rules.longFiles],
    ['names things for what they are', rules.bannedNames],
    ['writes file names in kebab case', rules.namesNotInKebabCase],
    ['says at the top of a file what it is for', rules.filesWithoutOpening],
    ['reads the environment only in programs', rules.hiddenEnvironment],
    ['is typed throughout', rules.untypedCode],
    ['silences no check', rules.silencedChecks],
    ['leaves nothing unfinished', rules.unfinishedWork],
    ['names no folder of one machine', rules.machinePaths],
    ['names no host of packages', rules.packageHosts],
    ['lists every decision record', rules.unindexedDecisions],
  ])('%s', ([, rule]) => {
    expect(rule(FILES)).toEqual([]);
  });

  test('installs from whatever registry the user has', () => {
    expect(rules.lockedHosts([{ path: 'package-lock.json', text: readProjectFile('package-lock.json') }])).toEqual([]);
  });

  test('throws every error that it documents', () => {
    expect(rules.unusedErrorCodes(Object.keys(ERROR_CODES), FILES)).toEqual([]);
  });
});
