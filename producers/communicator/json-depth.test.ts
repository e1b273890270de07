import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nestsDeeperThan } from './json-depth.ts';

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

/** The number of levels that the text does not exceed, and exceeds one less. */
function expectDepth(text: string, depth: number): void {
  expect(nestsDeeperThan(depth, text)).toBe(false);
  if (depth > 0) expect(nestsDeeperThan(depth - 1, text)).toBe(true);
}

describe('the depth of a JSON text', () => {
  test('is that of the parsed value, however it is written', () => {
    const value = fc.jsonValue({ maxDepth: 8, stringUnit: 'binary' });
    fc.assert(
      fc.property(value, fc.constantFrom(0, 1, '\t'), (json, indent) => {
        const text = JSON.stringify(json, null, indent);
        expectDepth(text, depthOf(JSON.parse(text)));
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
    expectDepth(text, depth);
  });

  test('needs no stack, however deep the text is', () => {
    expectDepth('['.repeat(5_000_000), 5_000_000);
  });
});
