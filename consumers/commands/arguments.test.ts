import { expect, it } from 'vitest';
import { type Bound, bindArguments, type Parameters, usageOf } from './arguments.ts';

const PARAMETERS: Parameters = {
  city: { kind: 'word' },
  unit: { kind: 'choice', values: ['c', 'f'] },
  days: { kind: 'whole', min: -1, max: 7, optional: true },
  note: { kind: 'text', optional: true },
};

function bind(...words: readonly string[]): Bound {
  return bindArguments(PARAMETERS, { words, problem: undefined });
}

it('gives each word its type', () => {
  expect(bind('Lisbon', 'F', '3', 'in', 'the sun')).toEqual({
    ok: true,
    values: { city: 'Lisbon', unit: 'f', days: 3, note: 'in the sun' },
  });
  expect(bind('Lisbon', 'c')).toEqual({
    ok: true,
    values: { city: 'Lisbon', unit: 'c', days: undefined, note: undefined },
  });
});

it.each([
  [[], 'city is missing'],
  [['Lisbon'], 'unit is missing'],
  [['Lisbon', 'k'], 'unit must be one of: c, f'],
  [['Lisbon', 'c', '8'], 'days must be a whole number from -1 to 7'],
  [['Lisbon', 'c', '1.5'], 'days must be a whole number from -1 to 7'],
  [['Lisbon', 'c', '1e0'], 'days must be a whole number from -1 to 7'],
  [['Lisbon', 'c', '9'.repeat(30)], 'days must be a whole number from -1 to 7'],
  [['  ', 'c'], 'city is missing'],
])('says what is wrong with %j', (words, problem) => {
  expect(bind(...words)).toEqual({ ok: false, problem });
});

it('takes a choice however it is typed, and gives it as it was declared', () => {
  const parameters: Parameters = { city: { kind: 'choice', values: ['Berlin', 'São Paulo', 'ROME'] } };
  for (const [typed, city] of [
    ['Berlin', 'Berlin'],
    ['berlin', 'Berlin'],
    ['SÃO PAULO', 'São Paulo'],
    ['rome', 'ROME'],
  ] as const) {
    expect(bindArguments(parameters, { words: [typed], problem: undefined })).toEqual({ ok: true, values: { city } });
  }
});

it('shows how a command is typed', () => {
  expect(usageOf('weather', PARAMETERS)).toBe('/weather <city> <c|f> [days] [note]');
});
