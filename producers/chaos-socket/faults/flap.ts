// A line that does not hold; armed with `every`, a connection that goes up and down.
import { z } from 'zod';
import { also, defineFault, wholeNumber } from './fault.ts';

export const flap = defineFault({
  name: 'flap',
  does: 'The connection is closed with `code`, whenever it strikes: arm it with `every: 60 / n` for n times a minute.',
  expects: 'resumed each time, with growing pauses, nothing lost',
  options: z.strictObject({ code: wholeNumber(3_000, 4_999, 4_001) }),
  strike: ({ code }, occasion) => also(occasion, { do: 'close', code }),
});
