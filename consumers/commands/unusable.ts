// What is said of a command that there is not, or that the asker may not use; pure.
import type { Language } from './definition.ts';
import { nearestName } from './nearest.ts';

/** All are without their slash; `usable` is what the asker may use. */
export function unknownText(typed: string, usable: readonly string[], language: Language): string {
  const nearest = nearestName(typed, usable);
  if (language === 'pt') {
    const suggestion = nearest === undefined ? '' : `Você quis dizer /${nearest}? `;
    return `Não existe o comando /${typed}. ${suggestion}Envie /ajuda para ver a lista.`;
  }
  const suggestion = nearest === undefined ? '' : `Did you mean /${nearest}? `;
  const complaint = typed === '' ? 'There is no command after the slash.' : `There is no command /${typed}.`;
  return `${complaint} ${suggestion}Send /help for the list.`;
}

export function deniedText(command: string, language: Language): string {
  return language === 'pt'
    ? `Você não pode usar /${command} aqui; quem opera este sistema diz quem pode.`
    : `You may not use /${command} here; whoever runs this system says who may.`;
}
