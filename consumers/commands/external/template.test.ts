import { expect, it } from 'vitest';
import { fill, fillJson, namesIn, parseJsonTemplate, parseTemplate } from './template.ts';

const VALUES: Readonly<Record<string, unknown>> = { a: 'x "y" {b}', n: 7, none: undefined, o: { k: 1 } };
const valueOf = (name: string): unknown => VALUES[name];
const asIs = (text: string): string => text;

it.each([
  ['plain', 'plain'],
  ['{n}{n}', '77'],
  ['{{n}} and }}', '{n} and }'],
  ['<{none}>', '<>'],
  ['{o}', '{"k":1}'],
  ['{a}', 'x "y" {b}'],
])('fills %s', (text, filled) => {
  expect(fill(parseTemplate(text), valueOf, asIs)).toBe(filled);
});

it('reads nothing of what was put in as a template', () => {
  expect(fill(parseTemplate('{a}'), (name) => (name === 'a' ? '{n}' : 'no'), asIs)).toBe('{n}');
});

it('escapes what is put in, and only that', () => {
  expect(fill(parseTemplate('/p?q={a}'), valueOf, encodeURIComponent)).toBe('/p?q=x%20%22y%22%20%7Bb%7D');
});

it.each(['{', 'a }', '{1}', '{a b}', '{}'])('refuses %s', (text) => {
  expect(() => parseTemplate(text)).toThrow(/belongs to no \{name\}/);
});

it('names what it needs', () => {
  expect(namesIn(parseTemplate('{a} {{b}} {response.x-y.0}'))).toEqual(['a', 'response.x-y.0']);
});

it('fills JSON without a way out of a text', () => {
  const template = parseJsonTemplate({ n: '{n}', list: ['{a}', true, null, 2], text: 'n is {n}', none: '{none}' });
  expect(fillJson(template, valueOf)).toEqual({
    n: 7,
    list: ['x "y" {b}', true, null, 2],
    text: 'n is 7',
    none: null,
  });
});
