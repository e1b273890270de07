// From a command and the facts to the text of its one reply; pure. Nothing that begins with a slash stays unanswered.
import type { Command } from './command.ts';
import type { Asked } from './definition.ts';
import type { FactName } from './facts.ts';
import { nearestName } from './nearest.ts';
import { COMMANDS, findCommand } from './registry.ts';

/** The facts a command's reply is made of. */
export function neededFacts(command: Command): readonly FactName[] {
  return findCommand(command.name)?.needs ?? [];
}

/** The command's name for metrics: one of the known ones, or `unknown`, so that users cannot invent label values. */
export function labelOf(command: Command): string {
  return findCommand(command.name)?.name ?? 'unknown';
}

export function decide(asked: Omit<Asked, 'definitions'>): string {
  const definition = findCommand(asked.command.name);
  return definition === undefined
    ? unknownReply(asked.command.name)
    : definition.reply({ ...asked, definitions: COMMANDS });
}

function unknownReply(typed: string): string {
  const nearest = nearestName(
    typed,
    COMMANDS.map(({ name }) => name),
  );
  const suggestion = nearest === undefined ? '' : `Did you mean /${nearest}? `;
  const complaint = typed === '' ? 'There is no command after the slash.' : `There is no command /${typed}.`;
  return `${complaint} ${suggestion}Send /help for the list.`;
}
