import type { CommandDefinition } from '../definition.ts';

export const help: CommandDefinition = {
  name: 'help',
  description: 'the commands you can send',
  needs: [],
  reply: ({ definitions }) =>
    ['Commands:', ...definitions.map(({ name, description }) => `/${name} - ${description}`)].join('\n'),
};
