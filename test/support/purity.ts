// Files that decide: no clock, no randomness, no waiting, no I/O; all of that comes in as arguments. Pure is what says so
// in its opening comment ("Pure." or "; pure."); files of certain names must say so, and views need not.

import type { ProjectFile } from './project-files.ts';
import { codeOf, openingComment } from './source-text.ts';

/** A file of such a name decides something, in whatever room it lies. */
const DECIDES =
  /(^|\/)(accounts|classify|decide|envelope|generator|plan|preflight|ranges|rows|settled|settlement|supervision|topic-plan|verdict)\.ts$/;
const VIEW = /\/views\/[^/]+\.ts$/;
const SAYS_SO = /\bpure\b(?=[.:;,]| but )/i;

const PURE_MODULES: ReadonlySet<string> = new Set([
  'node:assert',
  'node:buffer',
  'node:crypto',
  'node:path',
  'node:zlib',
  'commander',
  'ipaddr.js',
  'jstat',
  'yaml',
  'zod',
]);
const VALUE_IMPORT = /(?:^|\n)import (?!type\b)(?:[^;'"]*?\bfrom )?'([^.'][^']*)'/g;

const IMPURE: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\./, 'reads the clock'],
  [/\bMath\.random\b|\brandom(UUID|Bytes|Int)\b/, 'draws at random'],
  [/\basync\b|\bawait\b|\bset(Timeout|Interval|Immediate)\b/, 'waits'],
  [/\bprocess\.(argv|cwd|env|exit|hrtime|kill|on|send|std\w+)\b|\bfetch\(/, 'touches the world'],
];

export function isPure({ path, text }: ProjectFile): boolean {
  return !path.endsWith('.test.ts') && (SAYS_SO.test(openingComment(text)) || VIEW.test(path));
}

export function impureFiles(files: readonly ProjectFile[]): readonly string[] {
  return files.filter(({ path }) => path.endsWith('.ts')).flatMap(judge);
}

function judge(file: ProjectFile): readonly string[] {
  const { path, text } = file;
  if (!isPure(file))
    return DECIDES.test(path) ? [`${path} decides something: say "Pure." in its opening comment, and keep it so`] : [];
  const code = codeOf(text);
  const does = IMPURE.filter(([pattern]) => pattern.test(code)).map(([, what]) => what);
  const modules = [...text.matchAll(VALUE_IMPORT)]
    .map(([, name = '']) => name)
    .filter((name) => !PURE_MODULES.has(name));
  return [...does, ...modules.map((name) => `imports ${name}`)].map(
    (what) => `${path} says it is pure, but it ${what}`,
  );
}
