import { expect, it } from 'vitest';
import { Resting } from './resting.ts';

/** The longest and the shortest of the pauses that jitter makes of a second. */
const [SHORTEST_MS, LONGEST_MS] = [500, 1_500];

it('leaves alone what failed until its time has come, ever longer, and forgets what is well again', () => {
  const resting = new Resting<number>({ initialMs: 1_000, maxMs: 4_000 });
  resting.failed('a', 1, 'first', 0);
  resting.failed('b', 2, 'second', 10_000);
  expect([resting.asleep(SHORTEST_MS - 1), resting.due(SHORTEST_MS - 1)]).toEqual([[1, 2], []]);
  expect([resting.asleep(LONGEST_MS), resting.due(LONGEST_MS)]).toEqual([[2], [1]]);
  expect(resting.nextDueMs).toBeLessThanOrEqual(LONGEST_MS);
  for (let n = 0; n < 50; n += 1) resting.failed('a', 1, 'first', 0);
  expect(resting.due(4 * SHORTEST_MS - 1)).toEqual([]);
  expect(resting.due(4 * LONGEST_MS)).toEqual([1]);
  expect([resting.names, resting.problem]).toEqual([['a', 'b'], 'first']);
  resting.ended('a');
  expect([resting.names, resting.problem]).toEqual([['b'], 'second']);
  resting.ended('b');
  expect([resting.problem, resting.nextDueMs]).toEqual([undefined, Number.POSITIVE_INFINITY]);
});
