import { expect, test } from 'vitest';
import { parseStartTicks } from './process-identity.ts';

const FIELDS = 'S 1 4242 4242 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 11 0 987654 1000000 2000';

test('the start time is field 22, whatever the command is called', () => {
  expect(parseStartTicks(`4242 (node) ${FIELDS}`)).toBe('987654');
  expect(parseStartTicks(`4242 (a b) c) ) ${FIELDS}`)).toBe('987654');
});

test('a zombie runs nothing', () => {
  expect(parseStartTicks(`4242 (node) ${FIELDS.replace('S', 'Z')}`)).toBeUndefined();
});

test('what is not a stat line has no start time', () => {
  expect(parseStartTicks('')).toBeUndefined();
  expect(parseStartTicks('4242 (node) S 1 2')).toBeUndefined();
});
