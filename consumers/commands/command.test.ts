import { describe, expect, it } from 'vitest';
import { parseCommand, parseEvent } from './command.ts';

function parse(
  frame: unknown,
  envelope: Partial<Parameters<typeof parseEvent>[0]> = {},
): ReturnType<typeof parseEvent> {
  return parseEvent({ kind: 'message', type: 'text', payload: Buffer.from(JSON.stringify(frame)), ...envelope });
}

describe('parseEvent', () => {
  it('finds a command in a text message that begins with a slash', () => {
    expect(parse({ content: '/status now', timestamp: '2026-01-02T03:04:05Z' })).toEqual({
      kind: 'command',
      command: { name: 'status', words: ['now'], problem: undefined },
      timestamp: '2026-01-02T03:04:05Z',
    });
  });

  it('takes a message without a type for text', () => {
    expect(parse({ content: '/ping' }, { type: null }).kind).toBe('command');
  });

  it.each([
    ['a text that does not begin with a slash', { content: 'see /help' }, {}],
    ['an image with a caption', { content: '/help' }, { type: 'image' }],
    ['an edit', { content: '/help', new_content: '/help' }, { kind: 'edit' as const }],
    ['content that is not text', { content: ['/help'] }, {}],
    ['no content', {}, {}],
    ['a payload that is not an object', null, {}],
    ['a payload that is not JSON', {}, { payload: Buffer.from('{"content":"/help"') }],
  ])('finds none in %s', (_name, frame, envelope) => {
    expect(parse(frame, envelope)).toEqual({ kind: 'not-a-command' });
  });

  it.each([
    ['the mark in its metadata', { content: '/help', metadata: { pmc: true } }],
    ['our own name as its sender', { content: '/help', sender: 'pmc' }],
  ])('never answers an echo of our own reply, known by %s', (_name, frame) => {
    expect(parse(frame)).toEqual({ kind: 'own-reply' });
  });

  it('is not fooled by a mark of another type', () => {
    expect(parse({ content: '/help', metadata: { pmc: 'true' } }).kind).toBe('command');
    expect(parse({ content: '/help', metadata: 'pmc' }).kind).toBe('command');
  });
});

describe('parseCommand', () => {
  it('ignores case and repeated spaces', () => {
    expect(parseCommand('/HeLp   me \n please ')).toEqual({
      name: 'help',
      words: ['me', 'please'],
      problem: undefined,
    });
  });

  it.each([
    ['/a "two words" third', ['two words', 'third']],
    ['/a “as a telephone types” it', ['as a telephone types', 'it']],
    [String.raw`/a "he said \"no\" \\ \n"`, [String.raw`he said "no" \ \n`]],
    ['/a "" x', ['', 'x']],
    [`/a don't 5" tall"er`, ["don't", '5"', 'tall"er']],
    ['/a "one""two"', ['one', 'two']],
  ])('reads %s', (content, words) => {
    expect(parseCommand(content)).toMatchObject({ words, problem: undefined });
  });

  it.each(['/a "never closed', '/a x “never closed"', String.raw`/a "escaped\"`])('finds no end in %s', (content) => {
    expect(parseCommand(content)).toMatchObject({ name: 'a', words: [], problem: 'unterminated-quote' });
  });

  it.each(['/', '/ help', '/\u0000'])('has an empty name for %j', (content) => {
    expect(parseCommand(content).name).toBe('');
  });

  it('drops characters that cannot be shown or stored', () => {
    expect(parseCommand('/he\u0000l\u202ep\ud800').name).toBe('help');
  });

  it('is bounded whatever was typed, and says which bound was met', () => {
    expect(parseCommand(`/${'x'.repeat(50_000)} ${'word '.repeat(10_000)}`)).toEqual({
      name: 'x'.repeat(32),
      words: [],
      problem: 'too-long',
    });
    expect(parseCommand(`/x ${'w '.repeat(1_000)}`)).toEqual({ name: 'x', words: [], problem: 'too-many-arguments' });
    expect(parseCommand(`/x ${'w '.repeat(64)}`).words).toHaveLength(64);
  });

  it('does not cut a character in half', () => {
    expect(parseCommand(`/${'😀'.repeat(40)}`).name).toBe('😀'.repeat(32));
  });
});
