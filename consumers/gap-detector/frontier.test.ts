import { expect, test } from 'vitest';
import { Frontier } from './frontier.ts';

const at = (a: number, b: number) =>
  new Map([
    ['t-0', BigInt(a)],
    ['t-1', BigInt(b)],
  ]);

test('nothing is reached before the ends of some time are passed in every partition', () => {
  const frontier = new Frontier();
  expect(frontier.look(10, at(5, 5), at(5, 0))).toBeUndefined();
  expect(frontier.look(20, at(9, 9), new Map([['t-0', 9n]]))).toBeUndefined();
  expect(frontier.look(30, at(12, 12), at(9, 5))).toBe(10);
});

test('under load it is the last time whose ends were passed, and now when all is read', () => {
  const frontier = new Frontier();
  expect(frontier.look(10, at(5, 5), at(5, 5))).toBe(10);
  expect(frontier.look(20, at(9, 9), at(8, 8))).toBe(10);
  expect(frontier.look(30, at(20, 20), at(15, 15))).toBe(20);
  expect(frontier.look(40, at(40, 40), at(19, 40))).toBe(20);
  expect(frontier.look(50, at(50, 50), at(20, 20))).toBe(30);
  expect(frontier.look(60, at(50, 50), at(50, 50))).toBe(60);
});

test('a partition with nothing in it needs no reading', () => {
  expect(new Frontier().look(10, at(0, 5), new Map([['t-1', 5n]]))).toBe(10);
});
