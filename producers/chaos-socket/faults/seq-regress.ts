// A source that has lost its counter, and does not say so.
import { z } from 'zod';
import { also, defineFault, wholeNumber } from './fault.ts';

export const seqRegress = defineFault({
  name: 'seq_regress',
  does: 'The counter steps back by `by` within its epoch: known numbers come again with other bodies.',
  expects: 'a conflict for each number (error 112); nothing swallowed',
  options: z.strictObject({ by: wholeNumber(1, 1_000, 3) }),
  needs: 'pmc.v1',
  strike: ({ by }, occasion) => also(occasion, { do: 'step-back', by }),
});
