import { expect, test } from 'vitest';
import { HandedOut } from './handed-out.ts';

test('a position that is kept here goes back once to where the log was written anew, one that a peer keeps each time', () => {
  const handedOut = new HandedOut();
  const at = (offset: bigint) => new Map([[0, offset]]);
  expect(handedOut.takenBack(at(95n), 'chaos')).toEqual(at(95n));
  handedOut.rewritten(0, 90n, 100n);
  expect(handedOut.takenBack(at(95n), 'chaos')).toEqual(at(90n));
  // It has had what is there now, and has answered for it.
  expect(handedOut.takenBack(at(95n), 'chaos')).toEqual(at(95n));
  for (const _time of [1, 2]) expect(handedOut.takenBack(at(95n))).toEqual(at(90n));
  handedOut.rewritten(0, 93n, 96n);
  expect(handedOut.takenBack(at(95n), 'chaos')).toEqual(at(90n));
});
