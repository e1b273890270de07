// The commands that exist, in the order in which /help lists them.
import type { CommandDefinition } from './definition.ts';
import { help } from './replies/help.ts';
import { info } from './replies/info.ts';
import { ping } from './replies/ping.ts';
import { status } from './replies/status.ts';

export const COMMANDS: readonly CommandDefinition[] = [help, status, info, ping];

export function findCommand(name: string): CommandDefinition | undefined {
  return COMMANDS.find((definition) => definition.name === name);
}
