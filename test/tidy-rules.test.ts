// Every house rule is shown a breach, which it must report, and something that looks similar and is allowed.
import { describe, expect, test } from 'vitest';
import { brokenImportLaw, importsOf } from './support/import-law.ts';
import { impureFiles } from './support/purity.ts';
import { codeOf } from './support/source-text.ts';
import * as rules from './support/tidy-rules.ts';

type Planted = readonly [path: string, text: string];

const files = (...planted: readonly Planted[]) => planted.map(([path, text]) => ({ path, text }));
const importing = (path: string, target: string, ...others: readonly Planted[]) =>
  brokenImportLaw(files([path, `import { it } from '${target}';`], ...others));

describe('the import law', () => {
  const there = (path: string): Planted => [path, '// Something.'];

  test('reads every way to import', () => {
    const text =
      "import a from 'a';\nimport type { B,\n  C } from './b.ts';\nimport './c.ts';\nexport { d } from 'd';\nawait import('./e.ts');";
    expect(importsOf(text)).toEqual(['a', './b.ts', './c.ts', 'd', './e.ts']);
  });

  test.for<[string, string, string]>([
    ['producers/communicator/a.ts', '../chaos-socket/b.ts', 'producers/chaos-socket/b.ts'],
    ['producers/communicator/a.ts', '../../consumers/commands/b.ts', 'consumers/commands/b.ts'],
    ['consumers/commands/a.ts', '../../producers/communicator/b.ts', 'producers/communicator/b.ts'],
    ['consumers/commands/a.ts', '../../operator/cli/b.ts', 'operator/cli/b.ts'],
    ['kafka/a.ts', '../consumers/commands/b.ts', 'consumers/commands/b.ts'],
    ['service/a.ts', '../schemas/b.ts', 'schemas/b.ts'],
    ['service/a.ts', '../kafka/b.ts', 'kafka/b.ts'],
    ['schemas/a.ts', '../kafka/b.ts', 'kafka/b.ts'],
    ['compose/a.ts', '../operator/cli/b.ts', 'operator/cli/b.ts'],
    ['operator/cli/a.ts', '../../consumers/persistence/b.ts', 'consumers/persistence/b.ts'],
    ['operator/cli/a.ts', '../../consumers/gap-detector/b.ts', 'consumers/gap-detector/b.ts'],
    ['operator/cli/a.ts', '../../producers/chaos-socket/b.ts', 'producers/chaos-socket/b.ts'],
    ['service/a.ts', '../test/support/b.ts', 'test/support/b.ts'],
  ])('refuses %s importing %s', ([path, target, found]) => {
    expect(importing(path, target, there(found))).toHaveLength(1);
  });

  test.for(['kafkajs', '@platformatic/kafka', '@kafkajs/confluent-schema-registry'])('keeps %s in kafka/', (client) => {
    expect(importing('consumers/commands/a.ts', client)).toHaveLength(1);
    expect(importing('kafka/kafkajs/a.ts', client)).toEqual([]);
  });

  test.for<[string, string, string]>([
    ['producers/communicator/a.ts', '../../kafka/log.ts', 'kafka/log.ts'],
    ['consumers/commands/a.ts', './b.ts', 'consumers/commands/b.ts'],
    ['service/a.test.ts', '../test/support/b.ts', 'test/support/b.ts'],
    ['operator/cli/a.ts', '../../compose/embedded/b.ts', 'compose/embedded/b.ts'],
    ['scripts/a.ts', '../consumers/commands/b.ts', 'consumers/commands/b.ts'],
  ])('lets %s import %s', ([path, target, found]) => {
    expect(importing(path, target, there(found))).toEqual([]);
  });

  test('lets the operator import what is pure of those who judge', () => {
    for (const room of ['consumers/gap-detector', 'producers/chaos-socket']) {
      const pure: Planted = [`${room}/verdict.ts`, '// From findings to a verdict. Pure.\n'];
      expect(importing('operator/cli/a.ts', `../../${room}/verdict.ts`, pure)).toEqual([]);
      expect(importing('consumers/commands/a.ts', `../../${room}/verdict.ts`, pure)).toHaveLength(1);
    }
  });
});

describe('purity', () => {
  const pure = (code: string) => impureFiles(files(['kafka/one.ts', `// It decides. Pure.\n${code}`]));

  test.for([
    'const now = Date.now();',
    'const now = new Date();',
    'const now = performance.now();',
    'const x = Math.random();',
    "import { randomUUID } from 'node:crypto';",
    'export async function a() {}',
    'setTimeout(() => undefined, 1);',
    'const home = process.cwd();',
    "import { readFileSync } from 'node:fs';",
    "import pg from 'pg';",
  ])('refuses %s', (code) => {
    expect(pure(code)).not.toEqual([]);
  });

  test.for([
    'export const at = (nowMs: number) => new Date(nowMs);',
    "import { createHash } from 'node:crypto';",
    "import type { Pool } from 'pg';",
    '// It does not await anything: Date.now() is for others.',
    "import { a } from './a.ts';",
  ])('allows %s', (code) => {
    expect(pure(code)).toEqual([]);
  });

  test('asks files that decide to say so, wherever they lie', () => {
    expect(impureFiles(files(['consumers/gap-detector/verdict.ts', '// From findings to a verdict.\n']))).toHaveLength(
      1,
    );
    expect(impureFiles(files(['consumers/gap-detector/verdict.ts', '// From findings to a verdict; pure.\n']))).toEqual(
      [],
    );
  });

  test('holds for views without a word', () => {
    expect(impureFiles(files(['operator/console/views/page.ts', '// The page.\nDate.now();']))).toHaveLength(1);
  });
});

describe('the other rules', () => {
  test.for<[string, rules.Rule, Planted, Planted]>([
    ['long files', rules.longFiles, ['a.ts', 'x\n'.repeat(301)], ['a.ts', 'x\n'.repeat(300)]],
    ['empty names of files', rules.bannedNames, ['kafka/utils.ts', ''], ['kafka/offsets.ts', '']],
    ['empty names of folders', rules.bannedNames, ['kafka/shared/a.ts', ''], ['kafka/kafkajs/a.ts', '']],
    ['barrels', rules.bannedNames, ['kafka/index.ts', ''], ['kafka/indexed.ts', '']],
    ['camel case', rules.namesNotInKebabCase, ['kafka/topicPlan.ts', ''], ['kafka/topic-plan.test.ts', '']],
    [
      'no opening',
      rules.filesWithoutOpening,
      ['kafka/a.ts', 'a();\n'.repeat(21)],
      ['kafka/a.ts', '// A.\n'.repeat(21)],
    ],
    [
      'environment',
      rules.hiddenEnvironment,
      ['kafka/a.ts', 'process.env.HOME'],
      ['consumers/commands/main.ts', 'process.env'],
    ],
    [
      'environment in words',
      rules.hiddenEnvironment,
      ['kafka/a.ts', 'f(process.env);'],
      ['kafka/a.ts', '// process.env\n'],
    ],
    ['any', rules.untypedCode, ['a.ts', 'const a: any = 1;'], ['a.ts', "const any = 'as any';"]],
    ['any by assertion', rules.untypedCode, ['a.ts', 'f(a as any)'], ['a.ts', 'await Promise.any(a)']],
    ['any in a generic', rules.untypedCode, ['a.ts', 'Map<string, any>'], ['a.ts', 'Map<string, anything>']],
    ['silenced checks', rules.silencedChecks, ['a.ts', `// @ts-${'ignore'}`], ['a.ts', '// ts ignores it']],
    ['unfinished work', rules.unfinishedWork, ['a.md', `TO${'DO'}: more`], ['a.md', 'todo lists']],
    ['machine paths', rules.machinePaths, ['a.md', `see ${'/wo'}rk/main/x`], ['a.md', 'the framework/main']],
    ['machine paths at home', rules.machinePaths, ['a.md', `${'/ho'}me/ann/x`], ['a.md', 'in `/ho' + 'me/ann`']],
    ['package hosts', rules.packageHosts, ['a.yml', `https://registry.${'npmjs'}.org`], ['a.yml', 'the npm registry']],
    [
      'locked hosts',
      rules.lockedHosts,
      ['package-lock.json', '"resolved": "x"'],
      ['package-lock.json', '"version": "1"'],
    ],
  ])('report %s', ([, rule, breach, allowed]) => {
    expect(rule(files(breach))).toHaveLength(1);
    expect(rule(files(allowed))).toEqual([]);
  });

  test('report an error code that nothing throws', () => {
    const source = files(
      ['kafka/a.ts', "throw new PmcError('PMC_THROWN', '');"],
      ['kafka/a.test.ts', "'PMC_TESTED'"],
      ['service/error-codes.ts', "'PMC_DEAD'"],
    );
    expect(rules.unusedErrorCodes(['PMC_THROWN', 'PMC_TESTED', 'PMC_DEAD'], source)).toEqual([
      expect.stringContaining('PMC_TESTED'),
      expect.stringContaining('PMC_DEAD'),
    ]);
  });

  test('report decisions that the index does not list, and listed ones that do not exist', () => {
    const adr = files(
      ['docs/adr/0001-one.md', ''],
      ['docs/adr/0002-two.md', ''],
      ['docs/adr/README.md', '[1](0001-one.md) [3](0003-x.md)'],
    );
    expect(rules.unindexedDecisions(adr)).toEqual([expect.stringContaining('0002'), expect.stringContaining('0003')]);
  });

  test('tell code from comments and quoted text', () => {
    expect(codeOf("a(); // b\n'c' /* d */ `e` \"f\" 'it\\'s' g")).toMatch(/^a\(\); +\n +g$/);
  });
});
