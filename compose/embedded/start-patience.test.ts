import { expect, test } from 'vitest';
import { StartPatience } from './start-patience.ts';

test('a server that is silent has two minutes', () => {
  const patience = new StartPatience();
  expect([300, 300].map((bytes) => patience.look(bytes))).toEqual(['starting', 'overdue']);
});

test('a server that writes is given time until it falls silent, also when its log is begun anew', () => {
  const patience = new StartPatience();
  const looks = [300, 400, 500, 20, 20].map((bytes) => patience.look(bytes));
  expect(looks).toEqual(['starting', 'recovering', 'recovering', 'recovering', 'overdue']);
});

test('one that says the same for ever is not waited for', () => {
  const patience = new StartPatience();
  const looks = Array.from({ length: 30 }, (_, index) => patience.look(index + 1));
  expect(looks.indexOf('overdue')).toBe(29);
});
