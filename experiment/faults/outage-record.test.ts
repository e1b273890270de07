import { describe, expect, test } from 'vitest';
import type { PlannedOutage } from './outage-plan.ts';
import { judgeOutages, type OutageLine, parseOutageLines, planLine } from './outage-record.ts';
import { faultName } from './outages.ts';

const PLAN: readonly PlannedOutage[] = [
  { atMs: 10, forMs: 500, target: 'log', outage: 'kill' },
  { atMs: 40, forMs: 200, target: 'database', outage: 'delay' },
  { atMs: 900, forMs: 300, target: 'log', outage: 'refuse' },
];

function record(): OutageLine[] {
  return [
    planLine('a-run', 7, PLAN),
    ...PLAN.flatMap((planned): OutageLine[] => {
      const begun = { ...planned, fault: faultName(planned.target, planned.outage), begunMs: planned.atMs + 1 };
      return [
        { line: 'begun', ...begun },
        { line: 'fired', ...begun, endedMs: begun.begunMs + planned.forMs },
      ];
    }),
  ];
}

test('a run in which all that was planned has happened is valid, and survives being written', () => {
  const text = record()
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');
  expect(parseOutageLines(text)).toEqual(record());
  expect(judgeOutages(parseOutageLines(text))).toEqual({
    isValid: true,
    planned: 3,
    fired: 3,
    faults: {
      log_killed: { planned: 1, fired: 1 },
      database_slow: { planned: 1, fired: 1 },
      log_down: { planned: 1, fired: 1 },
    },
    problems: [],
  });
});

describe('a run is invalid, and says why, when', () => {
  const without = (index: number) => record().filter((_, at) => at !== index);
  const changed = (index: number, change: object) =>
    record().map((line, at) => (at === index ? ({ ...line, ...change } as OutageLine) : line));

  test.for<[string, readonly OutageLine[], string]>([
    ['one firing is missing', without(4), 'database_slow at 40 ms happened 0 times'],
    ['it breaks off', record().slice(0, 6), 'log_down at 900 ms happened 0 times'],
    ['one came twice', [...record(), record()[2] as OutageLine], 'log_killed at 10 ms happened 2 times'],
    [
      'one took the place of another',
      changed(4, { outage: 'cut', fault: 'database_cut' }),
      'database_cut at 40 ms was not',
    ],
    ['one was cut short', changed(2, { endedMs: 300 }), 'log_killed at 10 ms lasted 289 of 500 ms'],
    ['the plan was changed', changed(0, { outages: PLAN.slice(1) }), 'the plan is not the one it says it is'],
    ['there is no plan', without(0), 'the record names no plan'],
    ['there are two', [...record(), record()[0] as OutageLine], 'several plans'],
    [
      'one has failed',
      [...record(), { line: 'failed', ...(PLAN[0] as PlannedOutage), fault: 'log_killed', error: 'no such process' }],
      'log_killed at 10 ms failed: no such process',
    ],
  ])('%s', ([, lines, problem]) => {
    const { isValid, problems } = judgeOutages(lines);
    expect(isValid).toBe(false);
    expect(problems.join('\n')).toContain(problem);
  });
});

test.for(['{"line":"begun"}', 'x', '{}', '[]'])('what is no record is refused by its line: %s', (text) => {
  expect(() => parseOutageLines(`${JSON.stringify(record()[0])}\n${text}\n`)).toThrow('line 2');
});
