// More than anybody agreed to take.
import { z } from 'zod';
import { defineFault, frames, wholeNumber } from './fault.ts';
import { rewritten } from './rewrite.ts';

export const oversize = defineFault({
  name: 'oversize',
  does: 'The content of a frame is blown up to `bytes`.',
  expects:
    'refused with error 107 and kept as a rejected frame; above the hard limit of 1 MiB the peer closes with 1009',
  options: z.strictObject({ bytes: wholeNumber(65_537, 4 * 1_048_576, 70_000) }),
  strike: ({ bytes }, { delivery }) => {
    const large = rewritten(delivery, (members) => ({ ...members, content: 'x'.repeat(bytes) }));
    return frames({ ...large, expect: 'rejected' });
  },
});
