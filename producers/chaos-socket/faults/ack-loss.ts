// Acknowledgements that do not arrive.
import { z } from 'zod';
import { also, defineFault, wholeNumber } from './fault.ts';

export const ackLoss = defineFault({
  name: 'ack_loss',
  does: 'The next `acks` acknowledgements are ignored, as if lost.',
  expects: 'sent again after a resume: duplicates, and nothing else',
  options: z.strictObject({ acks: wholeNumber(1, 10_000, 1) }),
  needs: 'pmc.v1',
  strike: ({ acks }, occasion) => also(occasion, { do: 'lose-acks', acks }),
});
