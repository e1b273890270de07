import { describe, expect, it } from 'vitest';
import { partitionFor } from '../../../kafka/partitioner.ts';
import { DECLARED, decided, NOW_MS, reply } from '../decide.testing.ts';
import type { OpenFindingsFact } from '../facts.ts';
import { lost } from './lost.ts';
import { stats } from './stats.ts';

describe('/search', () => {
  it('shows what was found, or why nothing is shown', () => {
    const hit = { sender: 'bea', receivedAtMs: NOW_MS - 61_000, content: `the\nred ${'x'.repeat(300)}` };
    const lines = reply('/search the red', {}, { hits: [hit, { ...hit, sender: null }] }).split('\n');
    expect(lines[0]).toBe('Newest messages with "the red":');
    expect(lines[1]).toBe(`bea, 1 min 1 s ago: the red ${'x'.repeat(192)}…`);
    expect(lines[2]).toMatch(/^somebody, /);
    expect(reply('/search x', {}, { hits: [] })).toBe('Nothing with "x" is among the newest messages of this chat.');
    expect(reply('/search x')).toContain('took too long');
  });

  it('has no chat to search in where the command came without one', () => {
    expect(reply('/search x', {}, { chat: null })).toContain('There is no chat to search in');
  });
});

describe('/stats and /lost', () => {
  const losses = {
    verdict: 'fail',
    finishedAtMs: NOW_MS - 2_000,
    stages: [
      { stage: 'gateway-to-log', verdict: 'pass', detail: '' },
      { stage: 'log-to-stored', verdict: 'fail', detail: '' },
    ],
    partitions: [0, 1, 2, 3, 4, 5].map((partition) => {
      return { partition, settled: 1_000 + partition, stored: 998, missing: 2, altered: 0 };
    }),
    open: new Map(
      [0, 1, 2, 3, 4, 5].map((partition) => {
        const about = { kind: 'missing', stage: 'log-to-stored', rank: 0, detail: 'no row' };
        return [`partition ${partition}`, { count: 1, heaviest: [{ ...about, eventId: `m${partition}` }] }];
      }),
    ),
    isOpenCut: false,
  } as const;
  const topics = [{ topic: 'pmc.messages.incoming', partitions: 6, retentionMs: -1 }];

  it('tells rates, busiest chats and losses by stage', () => {
    const busiest = [{ chat: 'c1', events: 1_200 }];
    const activity = { windowMs: 300_000, events: 3_000, messages: 1_500, isCapped: false, busiest };
    expect(reply('/stats', { activity, losses, openByStage: { 'log-to-stored': 3 } })).toBe(
      [
        'Rates over 5 min: 10.0 events/s, 5.0 messages/s',
        'Busiest chats: c1 1,200',
        'Losses by stage, as of 2 s ago:',
        'gateway-to-log: pass',
        'log-to-stored: fail, 3 open findings',
      ].join('\n'),
    );
    expect(reply('/stats', { activity: { ...activity, isCapped: true } })).toContain('at least 10.0 events/s');
    expect(reply('/stats')).toBe('Rates: unknown\nBusiest chats: unknown\nLosses: unknown');
    expect(reply('/stats', { losses })).toMatch(/\nlog-to-stored: fail\nOpen findings: unknown$/);
    expect(reply('/stats', { losses: null })).toContain('Losses: no audit yet');
  });

  it('does not let /lost wait for what only /stats shows', () => {
    expect(stats.needs).toContain('openByStage');
    expect(lost.needs).not.toContain('openByStage');
  });

  it('tells a chat only of its own partition', () => {
    const text = reply('/lost', { losses, topics }, { chat: 'c1' });
    const partition = partitionFor('c1', 6);
    expect(text).toContain(
      `partition ${partition}, which this chat shares with others: ${(1_000 + partition).toLocaleString('en-US')} settled`,
    );
    expect(text).toContain(`missing message m${partition} (log-to-stored): no row`);
    expect(text.match(/missing message/g)).toHaveLength(1);
  });

  const gap = { kind: 'source-gap', stage: 'source-to-gateway', rank: 0, eventId: undefined } as const;
  const ofSource = (source: string): [string, OpenFindingsFact] => [
    `source ${source}`,
    { count: 1, heaviest: [{ ...gap, detail: `of ${source}` }] },
  ];

  it('tells of numbers that were lost only the source that counted them', () => {
    const open = new Map([ofSource('user:ann'), ofSource('chat:2')]);
    const text = reply('/lost', { losses: { ...losses, open }, topics }, { source: 'user:ann' });
    expect(text).toContain('of user:ann');
    expect(text).not.toContain('of chat:2');
  });

  it('tells the heaviest first, and counts what it does not tell', () => {
    const light = { ...gap, kind: 'duplicate', rank: 2, detail: 'light' };
    const here = { count: 4_000, heaviest: [0, 1, 2, 3, 4].map(() => light) };
    const open = new Map([[`partition ${partitionFor('c1', 6)}`, here] as const, ofSource('s')]);
    const lines = reply('/lost', { losses: { ...losses, open }, topics }, { chat: 'c1' }).split('\n');
    expect(lines[2]).toBe('source-gap (source-to-gateway): of s');
    expect(lines.at(-1)).toBe('and 3,996 more; an operator sees all with: pmc audit run');
  });

  it('does not say that nothing is open where more is open than it looked through', () => {
    const open = new Map([ofSource('another')]);
    expect(reply('/lost', { losses: { ...losses, open }, topics })).toContain(
      'Nothing that concerns this chat is open.',
    );
    const cut = reply('/lost', { losses: { ...losses, open, isOpenCut: true }, topics });
    expect(cut).toContain('Whether anything that concerns this chat is open is unknown');
    const unplaced = reply('/lost', { losses: { ...losses, open } });
    expect(unplaced).toContain('where this chat is kept is unknown');
    expect(unplaced).toContain('Whether anything that concerns this chat is open is unknown');
  });

  it('does not call unknown what nobody has looked at nothing lost', () => {
    expect(reply('/lost')).toContain('unknown');
    expect(reply('/lost', { losses: null })).toContain('no audit has run yet');
    expect(reply('/lost', { losses: { ...losses, partitions: [], open: new Map() }, topics })).toContain(
      'had judged nothing',
    );
  });
});

describe('/api', () => {
  it('calls with typed arguments', () => {
    expect(decided('/api weather "São Paulo" 3', {}, DECLARED)).toMatchObject({
      values: { city: 'São Paulo', days: 3 },
    });
    expect(decided('/api WEATHER Lisbon', {}, DECLARED)).toMatchObject({ values: { city: 'Lisbon', days: undefined } });
  });

  it.each([
    ['/api', 'Which one? There are: weather.'],
    ['/api wether x', 'There is no external service "wether". Did you mean /api weather?'],
    ['/api q', 'There is no external service "q". There are: weather.'],
    ['/api weather', 'api weather: city is missing. Usage: /api weather <city> [days]'],
    ['/api weather x 9', 'api weather: days must be a whole number from 1 to 7. Usage: /api weather <city> [days]'],
  ])('says at once what is wrong with %s', (content, text) => {
    expect(decided(content, {}, DECLARED)).toBe(text);
  });

  it('says that none is set up', () => {
    expect(reply('/api')).toBe('Which one? No external service is set up for you.');
  });
});
