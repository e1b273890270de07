// The compact memory of a comparison holds what it was given, whatever and however much that is.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Column } from './column.ts';
import { ContentIndex, hashOfText } from './content-index.ts';
import { NumberSet } from './number-set.ts';
import { TextPool } from './text-pool.ts';

const MANY = 50_000;

test.for([
  ['bytes', Column.bytes(), 2 ** 8],
  ['words', Column.words(), 2 ** 32],
  ['numbers', Column.numbers(), 2 ** 53],
] as const)('a column of %s gives back what was pushed and set, over many pieces', ([, column, limit]) => {
  const valueAt = (index: number): number => (index * 2_654_435_761) % limit;
  for (let index = 0; index < MANY; index++) column.push(valueAt(index));
  expect(column.length).toBe(MANY);
  column.set(40_000, 7);
  for (let index = 0; index < MANY; index++) {
    if (column.at(index) !== (index === 40_000 ? 7 : valueAt(index))) expect.unreachable(`${index}`);
  }
  expect(column.at(MANY)).toBe(0);
});

test('texts come back as they were, short, empty or larger than a piece', () => {
  const wild = fc.array(fc.string({ unit: 'grapheme', maxLength: 40 }), { maxLength: 50 });
  fc.assert(
    fc.property(wild, fc.nat({ max: 400_000 }), (texts, large) => {
      const pool = new TextPool();
      const all = [...texts, 'x'.repeat(large), ...texts];
      const places = all.map((text) => pool.add(text));
      expect(places.map(({ start, bytes }) => pool.text(start, bytes))).toEqual(all);
    }),
  );
});

test('things are found by their content, also when all of them have the same hash', () => {
  for (const hashOf of [hashOfText, () => 42]) {
    const size = hashOf === hashOfText ? MANY : 300;
    const names = Array.from({ length: size }, (_, thing) => `name ${thing}`);
    const index = new ContentIndex((thing) => hashOf(names[thing] ?? ''));
    for (let thing = 0; thing < size; thing++) index.add(thing);
    const find = (name: string) => index.find(hashOf(name), (thing) => names[thing] === name);
    for (const [thing, name] of names.entries()) if (find(name) !== thing) expect.unreachable(name);
    expect(find('nobody')).toBeUndefined();
  }
});

test('a set of numbers holds those that were said and no other, close together or far apart', () => {
  const far = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  const close = fc.array(fc.nat({ max: 500 }), { maxLength: 400 });
  fc.assert(
    fc.property(fc.array(far), close, far, (scattered, near, asked) => {
      const numbers = new Set([...scattered, ...near]);
      const said = new NumberSet();
      for (const number of numbers) said.add(number);
      for (const number of numbers) expect(said.has(number)).toBe(true);
      for (const other of [asked, 501, 16_384]) expect(said.has(other)).toBe(numbers.has(other));
    }),
  );
});
