// House rules that a machine can keep; pure. Each takes files and returns one line for each breach.
import type { ProjectFile } from './project-files.ts';
import { codeOf, openingComment } from './source-text.ts';

export type Rule = (files: readonly ProjectFile[]) => readonly string[];

const LINES_MAX = 300;
const SHORT_LINES = 20;
const CODE = /\.(ts|js|sql|sh|css)$/;
const BANNED_NAMES: ReadonlySet<string> = new Set([
  'utils',
  'util',
  'helpers',
  'helper',
  'common',
  'lib',
  'shared',
  'misc',
  'index',
]);
/** Who may look at the environment: programs. Everything else is told. */
const PROGRAMS = /(^|\/)main\.ts$|^operator\/cli\/pmc\.ts$|^benchmarks\/bench\.ts$|^(scripts|test)\//;
const UNFINISHED = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].join('|')})\\b`);
const ANY = /(?::|<|\bas|,|\||=)\s*any\b(?!\s*[(:.'])/;
const SILENCED = new RegExp(['@ts-' + 'ignore', '@ts-' + 'nocheck', 'biome-' + 'ignore'].join('|'));
/** Folders of one machine; in backticks it is an example. */
const MACHINE_PATH = /(?<![\w.`/])\/(?:work|home\/\w+|Users\/\w+|root\/|tmp\/\w+)/;
const PACKAGE_HOST = new RegExp(
  ['registry\\.' + 'npmjs', 'registry\\.' + 'yarnpkg', 'repo1?\\.' + 'maven', 'npm\\.' + 'pkg\\.github'].join('|'),
);

export const longFiles: Rule = (files) =>
  files
    .filter(({ path }) => CODE.test(path))
    .flatMap(({ path, text }) => {
      const lines = linesOf(text);
      return lines > LINES_MAX ? [`${path} has ${lines} lines, ${LINES_MAX} are allowed`] : [];
    });

export const bannedNames: Rule = (files) =>
  files.flatMap(({ path }) => {
    const bad = path
      .split('/')
      .map((part) => part.replace(/(\.test)?\.\w+$/, ''))
      .filter((name) => BANNED_NAMES.has(name));
    return bad.map((name) => `${path}: "${name}" says nothing; name the thing that it is`);
  });

export const namesNotInKebabCase: Rule = (files) =>
  files
    .filter(
      ({ path }) => path.endsWith('.ts') && !/(^|\/)[a-z0-9]+(-[a-z0-9]+)*(\.(test|testing|config))?\.ts$/.test(path),
    )
    .map(({ path }) => `${path} is not in kebab case`);

/** Very short files speak for themselves. */
export const filesWithoutOpening: Rule = (files) =>
  files
    .filter(
      ({ path, text }) =>
        path.endsWith('.ts') &&
        !/(^|\/)main\.ts$|\.test\.ts$/.test(path) &&
        openingComment(text) === '' &&
        linesOf(text) > SHORT_LINES,
    )
    .map(({ path }) => `${path} does not open with a comment that says what it is for`);

export const hiddenEnvironment: Rule = (files) =>
  inCode(
    files,
    (path) => !PROGRAMS.test(path),
    /\bprocess\.env\b/,
    'reads the environment; only programs do, and pass it on',
  );

export const untypedCode: Rule = (files) => inCode(files, () => true, ANY, 'uses the type that switches types off');

export const silencedChecks: Rule = (files) => inText(files, SILENCED, 'silences a check');

export const unfinishedWork: Rule = (files) => inText(files, UNFINISHED, 'marks unfinished work');

export const machinePaths: Rule = (files) => inText(files, MACHINE_PATH, 'names a folder of one machine');

export const packageHosts: Rule = (files) => inText(files, PACKAGE_HOST, 'names a host of packages');

/** A lockfile must install from whatever registry the user has. */
export const lockedHosts: Rule = (files) =>
  files
    .filter(({ path, text }) => path.endsWith('package-lock.json') && /"resolved":/.test(text))
    .map(
      ({ path }) => `${path} names the registry it was made with ("resolved"); make it again with the project's .npmrc`,
    );

/** Every code of the table occurs, quoted, in a file that is neither a test nor the table. */
export function unusedErrorCodes(codes: readonly string[], files: readonly ProjectFile[]): readonly string[] {
  const source = files.filter(
    ({ path }) => path.endsWith('.ts') && !/\.test\.ts$|^service\/(?:\w+-)?error-codes\.ts$|^test\//.test(path),
  );
  return codes
    .filter((code) => !source.some(({ text }) => text.includes(`'${code}'`)))
    .map((code) => `${code} is in the table of errors but nothing throws it`);
}

export function unindexedDecisions(files: readonly ProjectFile[]): readonly string[] {
  const index = files.find(({ path }) => path === 'docs/adr/README.md')?.text ?? '';
  const names = files
    .map(({ path }) => /^docs\/adr\/(\d{4}-[^/]+\.md)$/.exec(path)?.[1])
    .filter((name) => name !== undefined);
  const linked = [...index.matchAll(/\((\d{4}-[^)]+\.md)\)/g)].map(([, name = '']) => name);
  return [
    ...names.filter((name) => !linked.includes(name)).map((name) => `docs/adr/README.md does not list ${name}`),
    ...linked
      .filter((name) => !names.includes(name))
      .map((name) => `docs/adr/README.md lists ${name}, which does not exist`),
  ];
}

function inCode(
  files: readonly ProjectFile[],
  concerns: (path: string) => boolean,
  pattern: RegExp,
  what: string,
): readonly string[] {
  const code = files.filter(({ path }) => /\.(ts|js)$/.test(path) && concerns(path));
  return inText(
    code.map(({ path, text }) => ({ path, text: codeOf(text) })),
    pattern,
    what,
  );
}

function inText(files: readonly ProjectFile[], pattern: RegExp, what: string): readonly string[] {
  return files.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1} ${what}`] : [])),
  );
}

function linesOf(text: string): number {
  return text.split('\n').length - 1;
}
