// More and more, until it stops.
import { z } from 'zod';
import { another } from '../delivery.ts';
import { defineFault, durationMs, frames, wholeNumber } from './fault.ts';

export const ramp = defineFault({
  name: 'ramp',
  does: 'After an event come `frames` more messages within `overMs`, at a rate that grows from nothing.',
  expects: 'lag, and nothing lost',
  options: z.strictObject({ frames: wholeNumber(1, 10_000, 1_000), overMs: durationMs(10_000) }),
  strike: ({ frames: count, overMs }, { delivery, more }) => {
    // At a rate that grows evenly, the share that has come by a time is the square of it.
    const rising = more(count).map((draft, index) =>
      another(draft, { afterMs: Math.ceil(overMs * Math.sqrt((index + 1) / count)) }),
    );
    return frames(delivery, ...rising);
  },
});
