// The same frame again: same number, same id, same bytes.
import { z } from 'zod';
import { defineFault, durationMs, frames, wholeNumber } from './fault.ts';

export const duplicate = defineFault({
  name: 'duplicate',
  does: 'A frame is sent `times` times in all, the repeats `delayMs` apart.',
  expects: 'one row; the repeats are duplicates, and acknowledged as such',
  options: z.strictObject({ times: wholeNumber(2, 100, 2), delayMs: durationMs(1) }),
  strike: ({ times, delayMs }, { delivery }) => {
    const repeats = Array.from({ length: times - 1 }, (_, index) => {
      const release = { afterMs: (index + 1) * delayMs };
      return { ...delivery, isRetained: false, expect: 'duplicate', release } as const;
    });
    return frames(delivery, ...repeats);
  },
});
