// The event happens, and its frame does not go out.
import { z } from 'zod';
import { defineFault, frames } from './fault.ts';

export const drop = defineFault({
  name: 'drop',
  does: 'An event takes its number, and its frame is not sent. With `recoverable` it is sent to whoever asks again.',
  expects:
    'a gap that is found and closed by a resend; not recoverable, or from a source that does not count: lost at the source',
  options: z.strictObject({ recoverable: z.boolean().default(true) }),
  strike: ({ recoverable }, { delivery }) => frames({ ...delivery, isSent: false, isRetained: recoverable }),
});
