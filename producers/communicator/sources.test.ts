import { describe, expect, test } from 'vitest';
import { namedSources, sourceName } from './sources.ts';

describe('the name of a source', () => {
  test.each([
    ['ws://localhost:4001', 'localhost:4001'],
    ['ws://localhost:4001/', 'localhost:4001'],
    ['wss://chat.example/room/1', 'chat.example/room/1'],
    ['ws://user:secret@chat.example:4001/?token=secret', 'chat.example:4001'],
    ['ws://[::1]:4001/a?b', '[::1]:4001/a'],
  ])('of %s is %s, without secrets', (url, name) => {
    expect(sourceName(url)).toBe(name);
  });

  test('is unique: two of one name would be one account', () => {
    expect([...namedSources(['ws://a:1', 'ws://a:2', 'ws://a:1/b']).keys()]).toEqual(['a:1', 'a:2', 'a:1/b']);
    for (const twice of [
      ['ws://a:1', 'ws://a:1'],
      ['ws://a:1/?x=1', 'ws://a:1/?x=2'],
      ['ws://a', 'ws://a:80'],
    ]) {
      expect(() => namedSources(twice)).toThrow(/two sources named a/);
    }
  });

  test('is not that of a user of the gateway', () => {
    expect(() => namedSources(['ws://user:8080'])).toThrow(/named user:8080, as a user of the gateway/);
    expect([...namedSources(['ws://users:8080', 'ws://user/']).keys()]).toEqual(['users:8080', 'user']);
  });

  test.each(['ws://', 'ws://host:99999', 'ws://host/#part'])('is refused with one line for %s', (url) => {
    expect(() => namedSources([url])).toThrow(expect.objectContaining({ code: 'PMC_CONFIG_INVALID' }));
  });
});

describe('what a source speaks', () => {
  test.each([
    ['ws://a:1/x', 'auto', 'ws://a:1/x'],
    ['legacy+wss://a:1/x', 'legacy', 'wss://a:1/x'],
    ['pmc.v1+ws://a:1/x', 'pmc.v1', 'ws://a:1/x'],
  ])('%s: %s', (text, protocol, url) => {
    expect(namedSources([text]).get('a:1/x')).toEqual({ name: 'a:1/x', url, protocol });
  });
});
