// A thin line: frames come in small pieces.
import { z } from 'zod';
import { also, defineFault, durationMs, wholeNumber } from './fault.ts';

export const slowWriter = defineFault({
  name: 'slow_writer',
  does: 'For `forMs` frames go out in fragments, at `bytesPerSecond`.',
  expects: 'stored as usual, only later',
  options: z.strictObject({ bytesPerSecond: wholeNumber(10, 10_000_000, 2_000), forMs: durationMs(10_000) }),
  strike: ({ bytesPerSecond, forMs }, occasion) => also(occasion, { do: 'trickle', bytesPerSecond, forMs }),
});
