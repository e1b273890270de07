// A connection that ends in order, with any code a peer may see.
import { z } from 'zod';
import { also, defineFault, wholeNumber } from './fault.ts';

/** What may stand in a close frame: 1004 to 1006 and 1015 are for libraries to report, and 1016 to 2999 for nobody. */
const isSendable = (code: number): boolean => code >= 3_000 || (code <= 1_014 && ![1_004, 1_005, 1_006].includes(code));

export const closeCode = defineFault({
  name: 'close_code',
  does: 'The connection is closed with `code`.',
  expects: 'resumed when the code allows it, nothing lost',
  options: z.strictObject({
    code: wholeNumber(1_000, 4_999, 1_011).refine(isSendable, { error: 'no peer may send this code' }),
  }),
  strike: ({ code }, occasion) => also(occasion, { do: 'close', code }),
});
