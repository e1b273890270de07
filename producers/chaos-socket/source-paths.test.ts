import { expect, test } from 'vitest';
import { inDealingOrder, PlanNumbers, sourcePaths } from './source-paths.ts';

test('where the sources are counted each follows its own plans, in whatever order they are dialled', () => {
  const numbersFor = (order: readonly string[]) => {
    const numbers = new PlanNumbers(3);
    return Object.fromEntries(order.map((path) => [path, numbers.next(path)]));
  };
  const paths = sourcePaths(3);
  expect(numbersFor(paths)).toEqual({ '/source-1': 0, '/source-2': 1, '/source-3': 2 });
  expect(numbersFor(paths.toReversed())).toEqual(numbersFor(paths));
  const again = new PlanNumbers(3);
  expect([1, 2, 3].map(() => again.next('/source-2'))).toEqual([1, 4, 7]);
});

test('where every path is a source the plans go in the order of the connections', () => {
  const numbers = new PlanNumbers(undefined);
  expect(['/b', '/a', '/b'].map((path) => numbers.next(path))).toEqual([0, 1, 2]);
  expect(sourcePaths(undefined)).toEqual([]);
});

test('a shared plan is dealt out by source, not by who came first', () => {
  const feeds = [5, 1, 3].map((stream) => ({ stream }));
  expect(inDealingOrder(feeds, 3).map(({ stream }) => stream)).toEqual([3, 1, 5]);
  expect(inDealingOrder(feeds, undefined).map(({ stream }) => stream)).toEqual([1, 3, 5]);
});
