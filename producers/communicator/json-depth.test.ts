import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonDepth } from './json-depth.ts';

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

function depthOfText(text: string): number {
  return jsonDepth(Buffer.from(text));
}

describe('the depth of a JSON text', () => {
  test('is that of the parsed value, however it is written', () => {
    const value = fc.jsonValue({ maxDepth: 8, stringUnit: 'binary' });
    fc.assert(
      fc.property(value, fc.constantFrom(0, 1, '\t'), (json, indent) => {
        const text = JSON.stringify(json, null, indent);
        expect(depthOfText(text)).toBe(depthOf(JSON.parse(text)));
      }),
      { numRuns: 150 },
    );
  });

  test.each([
    ['brackets in a text', '{"a":"[[[[{{{{"}', 1],
    ['an escaped quote', '{"a":"\\"[[["}', 1],
    ['an escaped backslash before the closing quote', '{"a":"\\\\","b":[[]]}', 3],
    ['brackets in a name', '{"[[[[":1}', 1],
    ['no brackets', '"[[["', 0],
    ['siblings', '[[],[],[[]]]', 3],
    ['an open text', '{"a":"[[[', 1],
    ['a backslash at the end', '{"a":"\\', 1],
    ['nothing', '', 0],
  ])('is not misled by %s', (_name, text, depth) => {
    expect(depthOfText(text)).toBe(depth);
  });

  test('needs no stack, however deep the text is', () => {
    expect(depthOfText('['.repeat(5_000_000))).toBe(5_000_000);
  });
});
