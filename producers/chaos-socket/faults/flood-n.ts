// Far more than usual, for a while.
import { z } from 'zod';
import { another } from '../delivery.ts';
import { defineFault, frames, wholeNumber } from './fault.ts';

export const floodN = defineFault({
  name: 'flood_n',
  does: 'After an event come `frames` more messages, at `perSecond`.',
  expects: 'lag, and nothing lost',
  options: z.strictObject({ frames: wholeNumber(1, 10_000, 2_000), perSecond: wholeNumber(1, 50_000, 1_000) }),
  strike: ({ frames: count, perSecond }, { delivery, more }) => {
    const flood = more(count).map((draft, index) =>
      another(draft, { afterMs: Math.ceil(((index + 1) * 1_000) / perSecond) }),
    );
    return frames(delivery, ...flood);
  },
});
