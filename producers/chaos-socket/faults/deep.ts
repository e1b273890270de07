// Nested far deeper than any chat needs: parsers that recurse run out of stack.
import { z } from 'zod';
import { defineFault, frames, wholeNumber } from './fault.ts';
import { rewritten } from './rewrite.ts';

export const deep = defineFault({
  name: 'deep',
  does: 'A frame carries arrays nested `levels` deep.',
  expects: 'refused with error 105 and kept as a rejected frame',
  options: z.strictObject({ levels: wholeNumber(17, 20_000, 1_000) }),
  strike: ({ levels }, { delivery }) => {
    const bare = rewritten(delivery, ({ metadata: _metadata, ...members }) => members);
    const nested = `${bare.data.toString().slice(0, -1)},"metadata":${'['.repeat(levels)}${']'.repeat(levels)}}`;
    return frames({ ...bare, data: nested, expect: 'rejected' });
  },
});
