// A source that cannot wait: events before it has introduced itself.
import { z } from 'zod';
import { another } from '../delivery.ts';
import { defineFault, frames, wholeNumber } from './fault.ts';

export const early = defineFault({
  name: 'early',
  does: 'When a connection opens, `frames` messages go before the hello; a counting source does not wait for the welcome.',
  expects: 'kept until the greeting is done, or refused with error 106; none lost silently',
  options: z.strictObject({ frames: wholeNumber(1, 1_000, 3) }),
  at: 'opening',
  strike: ({ frames: count }, { delivery, more }) =>
    frames(delivery, ...more(count - 1).map((draft) => another(draft))),
});
