// Calls an external API that the operator has declared. Its reply comes when the call has ended; what is wrong with the question
// is said at once.
import { bindArguments, usageOf } from '../arguments.ts';
import { defineCommand } from '../definition.ts';
import { nearestName } from '../nearest.ts';

const SHOWN_LENGTH_MAX = 32;

export const api = defineCommand({
  name: 'api',
  description: { en: 'asks an external service', pt: 'consulta um serviço externo' },
  parameters: { name: { kind: 'word', optional: true }, arguments: { kind: 'text', optional: true } },
  needsApis: true,
  needs: [],
  reply: ({ arguments: { name }, words, apis }) => {
    const names = apis.map((one) => one.name);
    const list = names.length === 0 ? 'No external service is set up for you.' : `There are: ${names.join(', ')}.`;
    if (name === undefined) return `Which one? ${list}`;
    const found = apis.find((one) => one.name === name.toLowerCase());
    if (found === undefined) {
      const nearest = nearestName(name.toLowerCase(), names);
      const shown = Array.from(name).slice(0, SHOWN_LENGTH_MAX).join('');
      return `There is no external service "${shown}". ${nearest === undefined ? list : `Did you mean /api ${nearest}?`}`;
    }
    const bound = bindArguments(found.parameters, { words: words.slice(1), problem: undefined });
    if (bound.ok) return { api: found, values: bound.values };
    return `api ${found.name}: ${bound.problem}. Usage: ${usageOf(`api ${found.name}`, found.parameters)}`;
  },
});
