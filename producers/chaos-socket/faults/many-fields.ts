// More members than any chat needs.
import { z } from 'zod';
import { defineFault, frames, wholeNumber } from './fault.ts';
import { rewritten } from './rewrite.ts';

export const manyFields = defineFault({
  name: 'many_fields',
  does: 'A frame carries `fields` unknown members.',
  expects: 'stored, byte for byte: it is large, not too large',
  options: z.strictObject({ fields: wholeNumber(1, 5_000, 1_000) }),
  strike: ({ fields }, { delivery }) => {
    const unknown = Object.fromEntries(Array.from({ length: fields }, (_, index) => [`f${index}`, 1]));
    return frames(rewritten(delivery, (members) => ({ ...members, ...unknown })));
  },
});
