// Acknowledgements taken for a refusal that passes.
import { z } from 'zod';
import { also, defineFault, wholeNumber } from './fault.ts';

export const nack = defineFault({
  name: 'nack',
  does: 'What the next `acks` acknowledgements cover is sent again, as after a temporary nack.',
  expects: 'duplicates, and nothing else',
  options: z.strictObject({ acks: wholeNumber(1, 10_000, 1) }),
  needs: 'pmc.v1',
  strike: ({ acks }, occasion) => also(occasion, { do: 'doubt-acks', acks }),
});
