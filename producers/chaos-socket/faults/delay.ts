// A frame that comes late, always by the same time.
import { z } from 'zod';
import { defineFault, durationMs, frames } from './fault.ts';

export const delay = defineFault({
  name: 'delay',
  does: 'A frame goes out `byMs` late; later ones overtake it.',
  expects: 'stored, with its latency shown',
  options: z.strictObject({ byMs: durationMs(1_000) }),
  strike: ({ byMs }, { delivery }) => frames({ ...delivery, release: { afterMs: byMs } }),
});
