// What the file of PMC_COMMANDS_FILE declares; nothing without one.
import { readFileSync } from 'node:fs';
import type { Environment } from '../../service/config.ts';
import { PmcError } from '../../service/errors.ts';
import { type Declarations, NO_DECLARATIONS } from './external/declaration.ts';
import { readDeclarations } from './external/declaration-text.ts';
import { COMMANDS } from './registry.ts';

/** Throws PMC_COMMANDS_FILE_INVALID naming everything that is wrong with it. */
export function declarationsOf(file: string | undefined, environment: Environment): Declarations {
  if (file === undefined) return NO_DECLARATIONS;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const message = `${file}, which PMC_COMMANDS_FILE names, cannot be read`;
    throw new PmcError('PMC_COMMANDS_FILE_INVALID', message, { file }, { cause: error });
  }
  return readDeclarations({ fileName: file, text, knownCommands: COMMANDS.map(({ name }) => name), environment });
}
