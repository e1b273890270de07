// A source that does not read what it is told.
import { z } from 'zod';
import { also, defineFault, durationMs } from './fault.ts';

export const slowReader = defineFault({
  name: 'slow_reader',
  does: 'For `forMs` nothing is read: replies and acknowledgements pile up at the peer.',
  expects: 'back-pressure at the peer, its memory bounded, nothing lost',
  options: z.strictObject({ forMs: durationMs(10_000) }),
  strike: ({ forMs }, occasion) => also(occasion, { do: 'stop-reading', forMs }),
});
