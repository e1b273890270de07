// The commands that exist, in the order in which /help lists them.
import type { CommandDefinition } from './definition.ts';
import { api } from './replies/api.ts';
import { help } from './replies/help.ts';
import { info } from './replies/info.ts';
import { lost } from './replies/lost.ts';
import { ping } from './replies/ping.ts';
import { search } from './replies/search.ts';
import { stats } from './replies/stats.ts';
import { status } from './replies/status.ts';

export const COMMANDS: readonly CommandDefinition[] = [help, status, info, ping, stats, search, lost, api];

export function findCommand(name: string): CommandDefinition | undefined {
  return COMMANDS.find((definition) => definition.name === name || definition.aliases?.includes(name) === true);
}
