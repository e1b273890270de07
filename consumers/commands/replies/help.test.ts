import { describe, expect, it } from 'vitest';
import { DECLARED, reply } from '../decide.testing.ts';
import { COMMANDS } from '../registry.ts';

const declared = (content: string, actor = 'ana'): string => reply(content, {}, { actor }, DECLARED);

describe('/help COMMAND', () => {
  it.each(['/help search', '/help /SEARCH', '/help search en', '/ajuda search en'])(
    'tells all about it: %s',
    (content) => {
      expect(reply(content)).toBe(
        [
          'search - finds a text in the newest messages of this chat',
          'Usage: /search <text>',
          'text: all words that follow',
          'Who may use it: everybody, 20 times a minute.',
        ].join('\n'),
      );
    },
  );

  it('tells it in Portuguese, where that is asked for or set', () => {
    const text = [
      'ping - se há alguém aí, e com que rapidez',
      'Uso: /ping',
      'Não tem argumentos.',
      'Quem pode usar: todos, 20 vezes por minuto.',
    ].join('\n');
    for (const content of ['/ajuda ping', '/help ping pt', '/AJUDA /ping']) expect(reply(content)).toBe(text);
    expect(reply('/help ping', {}, { language: 'pt' })).toBe(text);
  });

  it('says which arguments may be left out, what they take, and which other names there are', () => {
    const lines = reply('/help ajuda').split('\n');
    expect(lines).toContain('command: all words that follow, may be left out');
    expect(lines).toContain('language: one of: en, pt, may be left out');
    expect(lines).toContain('Also: /ajuda');
  });

  it.each(['/help weather', '/help api weather'])('tells of external services too: %s', (content) => {
    expect(declared(content)).toBe(
      [
        'api weather - how the weather is',
        'Usage: /api weather <city> [days]',
        'city: one word, or several in quotation marks',
        'days: a whole number from 1 to 7, may be left out',
        'Who may use it: everybody, 20 times a minute.',
      ].join('\n'),
    );
  });

  it('says who may use it, to those who may', () => {
    expect(declared('/help stats', 'bea')).toContain(
      'Who may use it: some senders and chats, you among them, 2 times a minute.',
    );
    expect(declared('/help stats')).toBe('You may not use /stats here; whoever runs this system says who may.');
    expect(declared('/ajuda stats')).toBe('Você não pode usar /stats aqui; quem opera este sistema diz quem pode.');
  });

  it.each([
    ['/help pnig', 'There is no command /pnig. Did you mean /ping? Send /help for the list.'],
    ['/help de', 'There is no command /de. Send /help for the list.'],
    ['/help api wether', 'There is no command /api wether. Did you mean /api weather? Send /help for the list.'],
    ['/ajuda pnig', 'Não existe o comando /pnig. Você quis dizer /ping? Envie /ajuda para ver a lista.'],
    // Of what the asker may not use nothing is suggested.
    ['/help stat', 'There is no command /stat. Did you mean /status? Send /help for the list.'],
    ['/help deploy', 'There is no command /deploy. Send /help for the list.'],
  ])('names the nearest where there is none: %s', (content, text) => {
    expect(declared(content)).toBe(text);
  });

  it('has something to say of every command, in both languages', () => {
    for (const { name, description } of COMMANDS.filter(({ needsApis }) => needsApis !== true)) {
      expect(reply(`/help ${name}`)).toContain(`${name} - ${description.en}\nUsage: /${name}`);
      expect(reply(`/ajuda ${name}`)).toContain(`${name} - ${description.pt}\nUso: /${name}`);
    }
  });
});

describe('/api', () => {
  it('is offered only where there is an external service for the asker', () => {
    expect(reply('/help')).not.toContain('/api');
    expect(reply('/help api')).toBe('There is no command /api. Send /help for the list.');
    expect(reply('/apo')).not.toContain('/api');
    expect(declared('/help')).toContain('/api [name] [arguments] - asks an external service');
    expect(declared('/apo')).toContain('Did you mean /api?');
  });
});
