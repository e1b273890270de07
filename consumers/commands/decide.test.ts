import { describe, expect, it } from 'vitest';
import { parseCommand } from './command.ts';
import { decide, labelOf, neededFacts } from './decide.ts';
import type { Facts } from './facts.ts';
import { COMMANDS } from './registry.ts';

const ABOUT = { version: '1.2.3', startedAtMs: 0 };
const NOW_MS = 7_200_000;

function reply(content: string, facts: Facts = {}): string {
  return decide({ command: parseCommand(content), receivedAtMs: NOW_MS - 12, nowMs: NOW_MS, facts, about: ABOUT });
}

describe('decide', () => {
  it('lists every command in /help', () => {
    const lines = reply('/help').split('\n');
    expect(lines).toHaveLength(COMMANDS.length + 1);
    for (const { name, description } of COMMANDS) expect(lines).toContain(`/${name} - ${description}`);
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
    for (const content of ['/help', '/status', '/info', '/ping', '/', '//', '/x/y']) {
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

describe('what a command costs', () => {
  it('asks for no facts where none are said', () => {
    expect(neededFacts(parseCommand('/ping'))).toEqual([]);
    expect(neededFacts(parseCommand('/nonsense'))).toEqual([]);
    expect(neededFacts(parseCommand('/status'))).toContain('audit');
  });

  it('does not let users invent metric labels', () => {
    expect(labelOf(parseCommand('/status'))).toBe('status');
    expect(labelOf(parseCommand('/constructor'))).toBe('unknown');
  });
});
