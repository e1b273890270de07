// A time that is none, or that no calendar has.
import { z } from 'zod';
import { below } from '../../../service/random.ts';
import { defineFault, frames } from './fault.ts';
import { rewritten } from './rewrite.ts';

const TIMES: readonly unknown[] = [
  ...['1970-01-01T00:00:00.000Z', '0000-00-00T00:00:00Z', '2026-02-30T12:00:00Z', '+275760-09-13T00:00:00.001Z'],
  ...['yesterday', '', '2026-01-31 12:00', 1_769_860_800, null, {}],
];

export const badTs = defineFault({
  name: 'bad_ts',
  does: 'The time of an event is epoch 0, a day that does not exist, a text, a number or nothing.',
  expects: 'stored; the time is null and flagged where it is none',
  options: z.strictObject({}),
  strike: (_, { delivery, random }) =>
    frames(rewritten(delivery, (members) => ({ ...members, timestamp: TIMES[below(random, TIMES.length)] }))),
});
