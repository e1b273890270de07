// The text of PMC_COMMANDS_FILE to declarations; pure. Every problem is one line that names file, line, key and what is allowed.
import { type Document, isMap, isPair, LineCounter, type Node, parseDocument } from 'yaml';
import type { z } from 'zod';
import type { Environment } from '../../../service/config.ts';
import { PmcError } from '../../../service/errors.ts';
import { type Declarations, declare, type Problem } from './declaration.ts';
import { fileSchema } from './file-schema.ts';

const GIVEN_LENGTH_MAX = 60;
const PROBLEMS_MAX = 50;

export interface DeclarationSource {
  /** As people know it, for messages. */
  readonly fileName: string;
  readonly text: string;
  /** Of our own commands, whose rules may be declared. */
  readonly knownCommands: readonly string[];
  /** Holds the secrets. */
  readonly environment: Environment;
}

/** Throws PMC_COMMANDS_FILE_INVALID with every problem at once. */
export function readDeclarations({ fileName, text, knownCommands, environment }: DeclarationSource): Declarations {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const fail = (problems: readonly string[]): never => {
    const shown = problems.slice(0, PROBLEMS_MAX);
    throw new PmcError('PMC_COMMANDS_FILE_INVALID', shown.join('\n'), { problems: shown });
  };
  if (document.errors.length > 0) {
    return fail(document.errors.map(({ pos, message }) => `${fileName}:${lines.linePos(pos[0]).line}: ${message}`));
  }
  const lineOf = (path: readonly PropertyKey[]): number => lines.linePos(offsetOf(document, path)).line;
  const toLine = ({ path, message }: Problem): string => {
    const given = document.getIn([...path]);
    const isShown = ['string', 'number', 'boolean'].includes(typeof given);
    const shown = isShown ? ` (is ${JSON.stringify(given).slice(0, GIVEN_LENGTH_MAX)})` : '';
    return `${fileName}:${lineOf(path)}: ${path.join('.') || 'the file'} ${message}${shown}`;
  };
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    return fail([`${fileName}:1: ${(error as Error).message}`]);
  }
  const parsed = fileSchema.safeParse(content);
  if (!parsed.success) return fail(parsed.error.issues.flatMap(problemsOf).map(toLine));
  const { declarations, problems } = declare(parsed.data, knownCommands, environment);
  return problems.length > 0 ? fail(problems.map(toLine)) : declarations;
}

function problemsOf(issue: z.core.$ZodIssue): readonly Problem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...issue.path, key], message: issue.message }));
  }
  if (issue.code === 'invalid_key') return [{ path: issue.path, message: issue.issues[0]?.message ?? issue.message }];
  return [issue];
}

/** Where the last key of the path that exists stands; of a missing one its surroundings. */
function offsetOf({ contents }: Document, path: readonly PropertyKey[]): number {
  let node: unknown = contents;
  let offset = startOf(contents);
  for (const key of path) {
    const pair = isMap(node) ? node.items.find((item) => isPair(item) && String(item.key) === String(key)) : undefined;
    const next = pair === undefined && !isMap(node) ? elementOf(node, key) : pair?.value;
    const at = pair === undefined ? startOf(next) : startOf(pair.key);
    if (at === undefined) break;
    offset = at;
    node = next;
  }
  return offset ?? 0;
}

function elementOf(node: unknown, key: PropertyKey): unknown {
  const items = (node as { items?: readonly unknown[] } | null)?.items;
  return typeof key === 'number' ? items?.[key] : undefined;
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
