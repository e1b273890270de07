// Frames overtake each other on their way out.
import { z } from 'zod';
import { below } from '../../../service/random.ts';
import { defineFault, durationMs, frames, wholeNumber } from './fault.ts';

export const reorder = defineFault({
  name: 'reorder',
  does: 'A frame waits until up to `window` later ones have overtaken it, but not longer than `atMostMs`.',
  expects: 'no gap once the window has passed; rows in the order of arrival, and the reordering counted',
  options: z.strictObject({ window: wholeNumber(1, 1_000, 5), atMostMs: durationMs(5_000) }),
  strike: ({ window, atMostMs }, { delivery, random }) =>
    frames({ ...delivery, release: { behindFrames: 1 + below(random, window), atMostMs } }),
});
