// The last frames before a connection ends do not go out: nothing behind them shows that they are missing.
import { z } from 'zod';
import { also, defineFault, wholeNumber } from './fault.ts';

export const dropTail = defineFault({
  name: 'drop_tail',
  does: 'The next `frames` frames are kept back, then the connection breaks.',
  expects: 'a gap that is found only at the resume; from a source that does not count: lost at the source',
  options: z.strictObject({ frames: wholeNumber(1, 1_000, 5) }),
  strike: ({ frames }, occasion) => also(occasion, { do: 'drop-tail', frames }),
});
