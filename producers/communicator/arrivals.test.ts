import { expect, test } from 'vitest';
import { Arrivals } from './arrivals.ts';

const at = (offset: bigint) => new Map([[0, offset]]);

test('the position waits for the answer to a ping behind what was given', () => {
  const arrivals = new Arrivals();
  expect(arrivals.position(at(5n))).toEqual(at(5n));
  arrivals.gives();
  expect(arrivals.position(at(6n))).toEqual(at(5n));
  const { mark } = arrivals;
  arrivals.gives();
  arrivals.ponged(mark);
  expect(arrivals.position(at(7n))).toEqual(at(6n));
});

test('where the log lost its end, so does what has arrived, and what is in the air is not taken for what came in its place', () => {
  const arrivals = new Arrivals();
  arrivals.position(at(100n));
  arrivals.gives();
  arrivals.position(at(101n));
  const { mark } = arrivals;
  arrivals.cut(0, 90n);
  expect(arrivals.position(at(90n))).toEqual(at(90n));
  arrivals.gives();
  expect(arrivals.position(at(91n))).toEqual(at(90n));
  arrivals.ponged(mark);
  expect(arrivals.position(at(91n))).toEqual(at(90n));
});
