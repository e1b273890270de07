// Silence on a connection that looks healthy.
import { z } from 'zod';
import { also, defineFault, durationMs } from './fault.ts';

export const stall = defineFault({
  name: 'stall',
  does: 'For `forMs` nothing is sent; pings are answered. Then all that waited goes out.',
  expects: 'nothing lost; an alarm for a stream that has fallen silent',
  options: z.strictObject({ forMs: durationMs(5_000) }),
  strike: ({ forMs }, occasion) => also(occasion, { do: 'hold', forMs }),
});
