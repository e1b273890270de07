import { describe, expect, it } from 'vitest';
import { parseCommand } from './command.ts';
import { DECLARED, decided, declaredWithRuleOfApi, NOW_MS, reply } from './decide.testing.ts';
import { limitReply, neededFacts, requestOf, searchedText } from './decide.ts';
import type { Facts } from './facts.ts';
import { COMMANDS } from './registry.ts';

/** What an asker who may use everything is told. */
const text = (content: string): string => reply(content, {}, { actor: 'bea', chat: 'ops' }, DECLARED);

describe('decide', () => {
  it('lists every command in /help', () => {
    const lines = text('/help').split('\n');
    // A heading, the two declared services with theirs, and two lines of advice.
    expect(lines).toHaveLength(COMMANDS.length + 6);
    for (const { name, description } of COMMANDS) {
      expect(lines.find((line) => line.startsWith(`/${name}`))).toContain(` - ${description.en}`);
    }
    expect(lines).toContain('/search <text> - finds a text in the newest messages of this chat');
    expect(lines).toContain('/help [command] [en|pt] - the commands you can send, or one of them');
  });

  it.each(['/help pt', '/ajuda', '/HELP PT'])('lists them in Portuguese for %s', (content) => {
    const lines = text(content).split('\n');
    for (const { description } of COMMANDS)
      expect(lines.some((line) => line.endsWith(` - ${description.pt}`))).toBe(true);
  });

  it('helps in the language that is set where none is asked for', () => {
    expect(reply('/help', {}, { language: 'pt' })).toContain('Comandos:');
    expect(reply('/help en', {}, { language: 'pt' })).toContain('Commands:');
  });

  it('tells with /ping how long the answer took', () => {
    expect(reply('/ping')).toBe('pong (answered 12 ms after receipt)');
  });

  it('answers an unknown command with the nearest one', () => {
    expect(reply('/staus')).toBe('There is no command /staus. Did you mean /status? Send /help for the list.');
    expect(reply('/weather')).toBe('There is no command /weather. Send /help for the list.');
    expect(reply('/')).toBe('There is no command after the slash. Send /help for the list.');
  });

  it('never begins a reply with a slash, so that an echo of it cannot be a command', () => {
    for (const content of [
      '/help',
      '/status',
      '/info',
      '/ping',
      '/stats',
      '/search x',
      '/search',
      '/lost',
      '/api',
      '/help /ping',
      '/help /x',
      '/api /x',
      '/',
      '//',
      '/x/y',
    ]) {
      expect(reply(content).startsWith('/')).toBe(false);
    }
  });

  it('builds /status from the facts', () => {
    const facts: Facts = {
      services: [
        { name: 'persistence', state: 'running', restarts: 0 },
        { name: 'commands', state: 'running', restarts: 2 },
      ],
      lags: [
        { group: 'pmc-persistence', lag: 0n, unknownPartitions: 0 },
        { group: 'pmc-commands', lag: 1_204n, unknownPartitions: 2 },
        { group: 'pmc-communicator', lag: undefined, unknownPartitions: 6 },
      ],
      stored: 123_456n,
      audit: { verdict: 'fail', finishedAtMs: NOW_MS - 4_000, settled: 1_000, stored: 998, missing: 2 },
    };
    expect(reply('/status', facts)).toBe(
      [
        'Services: persistence running, commands running (restarted 2 ×)',
        'Lag: pmc-persistence 0, pmc-commands 1,204 or more (2 partitions unknown), pmc-communicator unknown',
        'Stored: 123,456 messages and events',
        'Audit: fail 4 s ago; settled 1,000, stored 998, missing 2',
      ].join('\n'),
    );
  });

  it('says unknown for each fact that did not come, and that no audit has run only when it knows', () => {
    expect(reply('/status')).toBe('Services: unknown\nLag: unknown\nStored: unknown\nAudit: unknown');
    expect(reply('/status', { audit: null })).toContain('Audit: no audit yet');
    expect(reply('/info')).toContain('Cluster: unknown\nTopics: unknown\n');
  });

  it('builds /info from the facts and says how to report a loss', () => {
    const text = reply('/info', {
      clusterId: 'abc',
      topics: [
        { topic: 'pmc.messages.incoming', partitions: 6, retentionMs: 604_800_000 },
        { topic: 'pmc.sources', partitions: 6, retentionMs: -1 },
        { topic: 'pmc.messages.rejected', partitions: 6, retentionMs: undefined },
      ],
    });
    expect(text.split('\n').slice(0, -1)).toEqual([
      'Personal Message Center 1.2.3, commands up 2 h',
      'Cluster: abc',
      'Topics:',
      'pmc.messages.incoming: 6 partitions, kept for 7 d',
      'pmc.sources: 6 partitions, kept for ever',
      'pmc.messages.rejected: 6 partitions, kept for an unknown time',
    ]);
    expect(text).toContain('pmc audit run');
  });
});

describe('arguments', () => {
  it.each([
    ['/search', 'search: text is missing. Usage: /search <text>'],
    ['/search ""', 'search: text is missing. Usage: /search <text>'],
    ['/ping now', 'ping: it takes no arguments, and got 1. Usage: /ping'],
    [
      '/search "never closed',
      'search: a quotation mark is not closed; write \\" for one inside a quotation. Usage: /search <text>',
    ],
    [`/search ${'w '.repeat(1_000)}`, 'search: it has more than 64 arguments. Usage: /search <text>'],
    [`/search ${'w '.repeat(10_000)}`, 'search: it is longer than 4,096 characters. Usage: /search <text>'],
  ])('are checked: %.30s', (content, complaint) => {
    expect(reply(content)).toBe(complaint);
  });
});

describe('permissions', () => {
  it('lists and answers only what the asker may use', () => {
    expect(decided('/stats', {}, DECLARED)).toBe('You may not use /stats here; whoever runs this system says who may.');
    expect(decided('/stats', { actor: 'bea' }, DECLARED)).toContain('Rates');
    expect(decided('/stats', { chat: 'ops' }, DECLARED)).toContain('Rates');
    expect(decided('/stats', { actor: null, chat: null }, DECLARED)).toContain('You may not');
    expect(decided('/help', {}, DECLARED)).not.toContain('/stats');
    expect(decided('/help', { actor: 'bea' }, DECLARED)).toContain('/stats');
    expect(decided('/stat', {}, DECLARED)).not.toContain('/stats');
  });

  it('go by the token of a user of the gateway, not by what it says', () => {
    const typed = { source: 'user:eva', actor: 'bea', chat: 'ops' };
    expect(decided('/stats', typed, DECLARED)).toContain('You may not');
    expect(decided('/api deploy', typed, DECLARED)).toContain('You may not');
    expect(decided('/help', typed, DECLARED)).not.toContain('/stats');
    expect(decided('/help stats', typed, DECLARED)).toContain('You may not');
  });

  it('holds for external services too', () => {
    expect(decided('/api deploy', {}, DECLARED)).toBe(
      'You may not use /api deploy here; whoever runs this system says who may.',
    );
    expect(decided('/api deploy', { actor: 'bea' }, DECLARED)).toMatchObject({ api: { name: 'deploy' } });
    expect(decided('/help', {}, DECLARED)).toContain('/api weather <city> [days] - how the weather is');
    expect(decided('/help', {}, DECLARED)).not.toContain('deploy');
  });

  it('of /api are those of every external service, beside its own', () => {
    const declared = declaredWithRuleOfApi('{ allow: { senders: [boss] }, per_minute: 5 }');
    expect(decided('/api order', {}, declared)).toContain('You may not use /api order here');
    expect(decided('/help', {}, declared)).not.toContain('/api');
    expect(decided('/help order', {}, declared)).toBe('There is no command /order. Send /help for the list.');
    expect(decided('/help api', {}, declared)).toContain('You may not use /api here');
    const boss = { actor: 'boss' };
    expect(decided('/api order', boss, declared)).toMatchObject({ api: { name: 'order' } });
    expect(decided('/help', boss, declared)).toContain('/api order - a');
    const who = 'Who may use it: some senders and chats, you among them,';
    expect(decided('/help order', boss, declared)).toContain(`${who} 5 times a minute.`);
    expect(decided('/help stock', boss, declared)).toContain(`${who} 3 times a minute.`);
  });
});

describe('what a command costs', () => {
  const request = (content: string) => requestOf(parseCommand(content), DECLARED);

  it('asks for no facts where none are said', () => {
    expect(neededFacts(request('/ping'))).toEqual([]);
    expect(neededFacts(request('/nonsense'))).toEqual([]);
    expect(neededFacts(request('/status'))).toContain('audit');
    expect(neededFacts(request('/status "'))).toEqual([]);
    expect([searchedText(request('/search a b')), searchedText(request('/search "a'))]).toEqual(['a b', undefined]);
  });

  it('does not let users invent metric labels', () => {
    expect(request('/status').label).toBe('status');
    expect(request('/constructor').label).toBe('unknown');
    expect(request('/api constructor').label).toBe('api');
    expect(request('/api weather x').label).toBe('api weather');
  });

  it('says how often it is answered', () => {
    expect(limitReply(request('/stats'))).toContain('stats is answered 2 times in 1 min');
    expect(limitReply(request('/api weather x'))).toContain('api weather is answered 20 times in 1 min');
  });

  it('is counted for every external service under its own limit, and under that of /api where it has one', () => {
    const limitsOf = (content: string, rule: string) =>
      requestOf(parseCommand(content), declaredWithRuleOfApi(rule)).limits;
    const [order, all] = ['api order', ['api', 'api order', 'api stock']];
    const own = { labels: [order], perMinute: 20 };
    expect(limitsOf('/api order', '{ per_minute: 5 }')).toEqual([own, { labels: all, perMinute: 5 }]);
    expect(limitsOf('/api', '{ per_minute: 5 }')).toContainEqual({ labels: all, perMinute: 5 });
    expect(limitsOf('/api order', '{ allow: { senders: [boss] } }')).toEqual([own]);
    expect(limitsOf('/ping', '{ per_minute: 5 }')).toEqual([{ labels: ['ping'], perMinute: 20 }]);
    const request = requestOf(parseCommand('/api order'), declaredWithRuleOfApi('{ per_minute: 5 }'));
    expect(limitReply(request)).toContain(
      'api order is answered 20 times, and all external services 5 times, in 1 min',
    );
  });
});
