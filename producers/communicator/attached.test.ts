import { expect, test } from 'vitest';
import { Attached } from './attached.ts';
import { Cursor } from './cursor.ts';

function attached(): Attached {
  const receiver = { canTake: true, deliver: () => true };
  const here = new Map([[0, 5n]]);
  return new Attached({ receiver, source: 'a', cursor: new Cursor(here, here), isSaved: false, givesCredit: true });
}

test('nothing is read for one that has left, whether it was looked at before or not', () => {
  const [before, after] = [attached(), attached()];
  const { signal } = before;
  expect(signal.aborted).toBe(false);
  for (const one of [before, after]) {
    one.hasBegun = true;
    expect(one.canTake).toBe(true);
    one.leave();
    expect(one.canTake).toBe(false);
  }
  expect([signal.aborted, after.signal.aborted]).toEqual([true, true]);
});
