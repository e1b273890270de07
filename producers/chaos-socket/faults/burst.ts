// Everybody writes at once.
import { z } from 'zod';
import { another } from '../delivery.ts';
import { defineFault, frames, wholeNumber } from './fault.ts';

export const burst = defineFault({
  name: 'burst',
  does: 'With an event come `frames` more messages, in one tick.',
  expects: 'lag, and nothing lost; the window honoured',
  options: z.strictObject({ frames: wholeNumber(1, 10_000, 500) }),
  strike: ({ frames: count }, { delivery, more }) => frames(delivery, ...more(count).map((draft) => another(draft))),
});
